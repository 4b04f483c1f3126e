"""Layouts of stations that are recognised, and what is left to the user."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from smgee.errors import InputError
from smgee.insitu.layout import find_layout, preview

TIMES = pd.date_range("2021-05-01", periods=48, freq="h")


@pytest.fixture
def long() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.concat(
        pd.DataFrame(
            {"Site ID": name, "Date Time": TIMES, "VWC (%)": 100 * rng.uniform(0.1, 0.4, len(TIMES)),
             "Soil Temp [K]": 280.0 + k, "QC": np.where(rng.random(len(TIMES)) < 0.9, "ok", "bad")}
        )
        for k, name in enumerate(("A", "B"))
    )  # fmt: skip


def test_a_long_table(tmp_path, long):
    long.to_csv(tmp_path / "records.csv", index=False)
    pd.DataFrame({"station": ["A", "B", "C"], "lon": [99.7, 99.8, 99.9], "lat": [37.4, 37.5, 37.6]}).to_csv(
        tmp_path / "where.csv", index=False
    )
    layout = find_layout(tmp_path / "records.csv")
    assert layout.format == "table"
    assert dict(layout.table) == {
        "time": "Date Time",
        "station": "Site ID",
        "soil_moisture": "VWC (%)",
        "soil_temperature": "Soil Temp [K]",
        "temperature_unit": "K",
        "flag": "QC",
        "unit": "%",
        "places": str(tmp_path / "where.csv"),
    }
    assert any("ok (" in text and "bad (" in text for text in layout.open)
    assert "flag" in preview(layout).failure  # which flags are good is not for smgee to say
    seen = preview(layout, flags=("ok",)).stations
    assert list(seen["station"]) == ["A", "B"]
    assert seen["lon"].tolist() == [99.7, 99.8]
    assert seen["mean"].between(0.1, 0.4).all()
    assert seen["accepted"].tolist() == [
        int((part["QC"] == "ok").sum()) for _, part in long.groupby("Site ID")
    ]


def test_a_wide_table_with_a_column_of_notes(tmp_path):
    frame = pd.DataFrame({"time": TIMES.strftime("%d.%m.%Y %H:%M"), "P1": 0.2, "P2": 0.3, "remark": "dry"})
    frame.to_csv(tmp_path / "wide.csv", index=False, sep=";")
    layout = find_layout(tmp_path / "wide.csv")
    assert dict(layout.table) == {"time_format": "%d.%m.%Y %H:%M", "columns": ["P1", "P2"]}
    assert any("remark" in text for text in layout.open)
    assert any("places" in text for text in layout.open)
    seen = preview(layout)
    assert seen.period == (date(2021, 5, 1), date(2021, 5, 3))
    assert seen.placed.empty


def test_two_readings_of_a_date_are_left_to_the_user(tmp_path):
    days = pd.date_range("2021-05-01", periods=12)  # 01/05 … 12/05 could be the months as well
    pd.DataFrame({"date": days.strftime("%d/%m/%Y"), "P1": 0.2}).to_csv(tmp_path / "w.csv", index=False)
    layout = find_layout(tmp_path / "w.csv")
    assert "time_format" not in layout.table
    assert any("%d/%m/%Y or %m/%d/%Y" in text for text in layout.open)
    assert "time_format" in preview(layout).failure


def test_days_as_numbers(tmp_path):
    days = pd.date_range("2021-05-01", periods=12)
    pd.DataFrame({"date": days.strftime("%Y%m%d"), "P1": 0.2}).to_csv(tmp_path / "w.csv", index=False)
    layout = find_layout(tmp_path / "w.csv")
    assert layout.table["time_format"] == "%Y%m%d"
    assert preview(layout).period == (date(2021, 5, 1), date(2021, 5, 13))


def test_values_of_no_unit(tmp_path):
    pd.DataFrame({"time": TIMES, "P1": 2000.0}).to_csv(tmp_path / "w.csv", index=False)
    layout = find_layout(tmp_path / "w.csv")
    assert "unit" not in layout.table
    assert any("neither" in text for text in layout.open)


@pytest.mark.parametrize("name", ["none.csv", "empty", "places.csv", "notes.pdf"])
def test_what_holds_no_stations(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "places.csv").write_text("station,lon,lat\nA,1,2\n")
    (tmp_path / "notes.pdf").write_text("x")
    with pytest.raises(InputError):
        find_layout(tmp_path / name)
