"""Tables as users have them: what is found out about columns is said, nothing is lost in silence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smgee.errors import InputError, MissingDataError
from smgee.models.features import build_features
from smgee.models.network import NetworkTable
from tests.models.networks import frame


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return frame(stations=8, days=40)


def read(rows: pd.DataFrame, **options: object) -> NetworkTable:
    usual = {"target": "sm", "predictors": ["rain", "ndvi"], "static": ["clay"]}
    return NetworkTable.from_frame(rows, **(usual | options))  # type: ignore[arg-type]


def said(table: NetworkTable) -> str:
    return " ".join(table.notes)


def test_rain_is_told_and_may_be_named(rows):
    table = read(rows)
    assert "Taken as rain of the step, of which the soil keeps a memory: rain." in said(table)
    other = read(rows.rename(columns={"rain": "wet"}), predictors=["wet", "ndvi"])
    assert "No column was taken for rain" in said(other)
    assert "rain" not in build_features(other).groups
    named = read(rows.rename(columns={"rain": "wet"}), predictors=["wet", "ndvi"], rain=["wet"])
    assert build_features(named).groups["rain"][0] == "wet_api80"
    with pytest.raises(InputError, match=r"snow was named as rain, .*: rain, ndvi\."):
        read(rows, rain=["snow"])


def test_gaps_of_rain_cost_no_rows(rows):
    gappy = rows.assign(rain=rows["rain"].mask(np.arange(len(rows)) % 5 == 0))
    table = read(gappy)
    assert table.scored.sum() == read(rows).scored.sum()
    assert "Gaps are filled instead of rows left out: rain (20%)." in said(table)


def test_coordinates_are_found_or_missed_aloud(rows):
    assert read(rows.rename(columns={"lon": "Longitude", "lat": "LATITUDE"})).lon is not None
    with pytest.raises(InputError, match="has no column 'x', 'y'"):
        read(rows, lon="x", lat="y")
    assert read(rows.drop(columns=["lon", "lat"])).lon is None
    lacking = read(rows.assign(lon=rows["lon"].mask(rows["station"] == "S03")))
    assert lacking.lon is None
    assert "1 of 8 stations have none (S03)" in said(lacking)
    with pytest.raises(InputError, match="holds something that is no number"):
        read(rows.assign(lon="east"))


@pytest.mark.parametrize("zone", ["+08:00", "-0700", "Z"])
def test_a_row_belongs_to_its_local_date(rows, zone):
    written = rows.assign(date=rows["date"].dt.strftime("%Y-%m-%dT00:00:00") + zone)
    np.testing.assert_array_equal(read(written).times, read(rows).times)
    aware = rows.assign(date=rows["date"].dt.tz_localize("Asia/Shanghai"))
    np.testing.assert_array_equal(read(aware).times, read(rows).times)


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%m/%d/%Y", "%Y%m%d"])
def test_dates_of_other_forms_are_read_where_the_form_is_named(rows, form):
    written = rows.assign(date=rows["date"].dt.strftime(form))
    table = read(written, time_format=form)
    np.testing.assert_array_equal(table.times, read(rows).times)
    if form != "%Y%m%d":  # which is ISO too
        with pytest.raises(InputError, match="say how its dates are written with --time-format"):
            read(written)
    with pytest.raises(InputError, match=r"dates of the form %H are read"):
        read(written, time_format="%H")


def test_marks_of_missing_values_are_no_values(rows):
    marked = rows.assign(ndvi=rows["ndvi"].mask(np.arange(len(rows)) % 10 == 0, -9999.0))
    table = read(marked)
    assert np.nanmin(table.dynamic["ndvi"]) > -1
    assert f"Taken for missing values: -9999 in ndvi ({int((marked['ndvi'] < -1).sum())} rows)." in said(
        table
    )
    twice = marked.assign(ndvi=marked["ndvi"].mask(np.arange(len(rows)) % 10 == 1, -32768.0))
    assert np.nanmin(read(twice).dynamic["ndvi"]) > -1
    deep = rows.assign(
        ndvi=np.linspace(-11000, 11000, len(rows)).round(-1) + 1
    )  # a column that reaches there
    deep.loc[deep.index[0], "ndvi"] = -9999.0
    assert np.nanmin(read(deep).dynamic["ndvi"]) < -9999
    assert "Taken for missing" not in said(read(deep))


def test_a_place_that_is_not_known_is_told(rows):
    table = read(rows.assign(clay=rows["clay"].mask(rows["station"] == "S01")))
    known = rows.groupby("station")["clay"].first().drop("S01")
    assert table.static["clay"][1] == pytest.approx(known.median())
    assert "clay is not known at 1 of 8 stations" in said(table)


def test_a_row_without_company_is_not_scored(rows):
    """The state would be drawn between days far away: a map of that day would be refused."""
    alone = rows["station"] == "S02"
    later = rows.assign(date=rows["date"].where(~alone, rows["date"] + pd.Timedelta(days=400)))
    table = read(later)
    assert table.dropped["no other station near in time"] == int(alone.sum())
    assert "S02" not in table.scored_names
    days = pd.to_timedelta(rows["station"].str[1:].astype(int) * 100, unit="D")
    with pytest.raises(MissingDataError, match="another station near in time"):
        read(rows.assign(date=rows["date"] + days))


def test_a_target_without_any_change_is_refused(rows):
    with pytest.raises(InputError, match=r"The target 'sm' is 0.2 in every row that can be scored"):
        read(rows.assign(sm=0.2))
