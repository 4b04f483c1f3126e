"""What a training table accepts, leaves out and refuses."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from smgee.errors import InputError, MissingDataError
from smgee.models import TrainingTable, describe

NAMES = {"target": "soil_moisture", "predictors": ["ndmi", "height", "doy"]}


def test_rows_come_in_order_with_their_day_of_year(frame):
    table = TrainingTable.from_frame(frame, **NAMES)
    assert table.x.dtype == np.float32
    np.testing.assert_array_equal(table.x[:, 2], pd.DatetimeIndex(frame["date"]).day_of_year)
    np.testing.assert_array_equal(table.y, frame["soil_moisture"])
    assert len(table.stations) == 12
    np.testing.assert_array_equal(table.lon, frame["lon"])


def test_incomplete_rows_are_left_out_and_counted_once(frame):
    holed = frame.copy()
    holed.loc[:4, "soil_moisture"] = np.nan
    holed.loc[3:9, "ndmi"] = np.nan
    holed.loc[20, "ndmi"] = np.inf
    holed.loc[30, "station"] = None
    table = TrainingTable.from_frame(holed, **NAMES)
    assert table.dropped == {"no station or time": 1, "no soil_moisture": 5, "missing predictor": 6}
    assert len(table) == len(frame) - 12
    assert "left out: 1 no station or time, 5 no soil_moisture, 6 missing predictor" in describe(table)
    kept = TrainingTable.from_frame(holed, keep_missing=True, **NAMES)
    assert len(kept) == len(frame) - 6
    assert np.isnan(kept.x[:, 0]).sum() == 6


def test_columns_are_derived_in_order_and_rows_chosen(frame):
    table = TrainingTable.from_frame(
        frame,
        target="soil_moisture",
        predictors=["b"],
        derive={"a": "ndmi * 2", "b": "a + height / 1000"},
        where='station < "S06" and a > 0',
    )
    chosen = frame[(frame["station"] < "S06") & (frame["ndmi"] > 0)]
    np.testing.assert_allclose(table.x[:, 0], chosen["ndmi"] * 2 + chosen["height"] / 1000, rtol=1e-6)


def test_several_columns_name_a_station(frame):
    split = frame.assign(
        network=np.where(frame["station"] < "S06", "A", "B"), number=frame["station"].str[1:].astype(int) % 6
    )
    table = TrainingTable.from_frame(split, station=["network", "number"], **NAMES)
    assert table.stations[0] == "A/0"
    assert len(table.stations) == 12
    with pytest.raises(InputError, match="360 rows share their station and time, such as '0'"):
        TrainingTable.from_frame(split, station="number", **NAMES)


def test_percent_is_refused_until_scaled(frame):
    percent = frame.assign(soil_moisture=frame["soil_moisture"] * 100)
    with pytest.raises(InputError, match="looks like percent"):
        TrainingTable.from_frame(percent, **NAMES)
    table = TrainingTable.from_frame(percent, target_scale=0.01, **NAMES)
    np.testing.assert_allclose(table.y, frame["soil_moisture"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: f.drop(columns="ndmi"), "has no column 'ndmi'"),
        (lambda f: f.drop(columns="station"), "has no column 'station'"),
        (
            lambda f: pd.concat([f, f.iloc[:1]]),
            "2 rows share their station and time, such as 'S00' at 2021-05-01 00:00",
        ),
        (
            lambda f: f.assign(soil_moisture=f["soil_moisture"].where(f.index != 7, np.inf)),
            "1 infinite values",
        ),
        (
            lambda f: f.assign(soil_moisture=f["soil_moisture"].where(f.index != 7, -0.01)),
            "1 negative values down to -0.01",
        ),
        (lambda f: f.assign(station="S00").drop_duplicates("date"), "come from one station ('S00')"),
        (lambda f: f.assign(ndmi="wet"), "holds something that is no number"),
        (lambda f: f.assign(date=20210501), "holds numbers such as 20210501"),
        (lambda f: f.assign(date="first of May"), "say how its dates are written with --time-format"),
        (lambda f: pd.concat([f, f[["ndmi"]]], axis=1), "two columns named 'ndmi'"),
    ],
)
def test_unusable_tables_are_refused_in_one_sentence(frame, change, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)) as caught:
        TrainingTable.from_frame(change(frame), **NAMES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"where": "nothing > 1"}, "cannot be worked out"),
        ({"where": "ndmi + 1"}, "not true or false"),
        ({"where": "@frame.size > 1"}, "columns only"),
        ({"derive": {"x": "ndmi.__class__"}}, "columns only"),
        ({"derive": {"x": "1 + 1"}}, "one value instead of one per row"),
        ({"predictors": ["ndmi", "ndmi"]}, "named twice"),
        ({"predictors": ["soil_moisture", "ndmi"]}, "cannot be a predictor"),
        ({"predictors": []}, "No predictor"),
    ],
)
def test_unusable_options_are_refused(frame, options, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        TrainingTable.from_frame(frame, **(NAMES | options))


def test_an_empty_choice_is_missing_data(frame):
    with pytest.raises(MissingDataError, match="No row"):
        TrainingTable.from_frame(frame, where="ndmi > 99", **NAMES)
    with pytest.raises(MissingDataError, match="none is complete"):
        TrainingTable.from_frame(frame.assign(ndmi=np.nan), **NAMES)


def test_parquet_describes_itself_and_keeps_every_bit(frame, tmp_path):
    table = TrainingTable.from_frame(
        frame, synthetic=True, units={"height": "m", "station": "x"}, source="some.csv", **NAMES
    )
    table.write(tmp_path / "rows.parquet")
    again = TrainingTable.read(tmp_path / "rows.parquet")
    assert again.hash == table.hash
    assert (again.predictors, again.target, again.synthetic, again.source) == (
        table.predictors,
        "soil_moisture",
        True,
        "some.csv",
    )
    assert again.units == {"soil_moisture": "m3 m-3", "height": "m"}
    np.testing.assert_array_equal(again.lat, table.lat)


def test_a_predictor_may_be_called_date_or_station(frame, tmp_path):
    odd = frame.rename(columns={"station": "site", "date": "day", "ndmi": "date", "height": "station"})
    table = TrainingTable.from_frame(
        odd, target="soil_moisture", predictors=["date", "station"], station="site", time="day"
    )
    table.write(tmp_path / "rows.parquet")
    assert TrainingTable.read(tmp_path / "rows.parquet").hash == table.hash


def test_the_hash_tells_tables_apart(frame):
    table = TrainingTable.from_frame(frame, **NAMES)
    other = frame.copy()
    other.loc[5, "ndmi"] += 1e-3
    assert TrainingTable.from_frame(frame.copy(), **NAMES).hash == table.hash
    assert TrainingTable.from_frame(other, **NAMES).hash != table.hash


def test_csv_needs_its_columns_named(frame, tmp_path):
    frame.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(InputError, match="--predictors"):
        TrainingTable.read(tmp_path / "rows.csv", target="soil_moisture")
    assert len(TrainingTable.read(tmp_path / "rows.csv", **NAMES)) == 360
    with pytest.raises(InputError, match="does not exist"):
        TrainingTable.read(tmp_path / "absent.csv")
    (tmp_path / "broken.parquet").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read"):
        TrainingTable.read(tmp_path / "broken.parquet")


def test_csv_of_other_marks(frame, tmp_path):
    """As a German Excel writes it: parted by semicolons, behind a mark of the order of bytes."""
    frame.to_csv(tmp_path / "rows.csv", index=False, sep=";", encoding="utf-8-sig")
    table = TrainingTable.read(tmp_path / "rows.csv", **NAMES)
    assert table.hash == TrainingTable.from_frame(frame, **NAMES).hash


def test_fractions_scaled_as_per_cent_are_refused():
    frame = pd.DataFrame(
        {"station": ["A", "B"], "date": ["2021-06-01"] * 2, "sm": [0.2, 0.3], "p": [1.0, 2.0]}
    )
    with pytest.raises(InputError, match=r"0\.3 as received.*scale 0\.01"):
        TrainingTable.from_frame(frame, target="sm", predictors=["p"], target_scale=0.01)
