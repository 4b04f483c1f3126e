"""Tables of stations, and training tables, that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smgee.insitu import read_table
from smgee.models import NetworkTable, TrainingTable
from tests.corpus.refusal import Attempt, refused

LONG = {"station": "station", "soil_moisture": "sm"}


def long() -> pd.DataFrame:
    times = pd.date_range("2021-05-01", periods=6, freq="h").strftime("%Y-%m-%d %H:%M")
    frame = pd.DataFrame({"time": [*times, *times], "station": ["A"] * 6 + ["B"] * 6, "sm": 0.2, "ts": 8.0})
    return frame.assign(flag="G", lon=99.8, lat=37.5)


def read(change: Callable[[pd.DataFrame], pd.DataFrame] = lambda t: t, **options: Any) -> Attempt:
    """Read a long table after a change."""

    def attempt(folder: Path) -> None:
        change(long()).to_csv(folder / "t.csv", index=False)
        read_table(folder / "t.csv", **(LONG | options))

    return attempt


def written(content: bytes, name: str = "t.csv", **options: Any) -> Attempt:
    """Read a wide table of these bytes."""

    def attempt(folder: Path) -> None:
        (folder / name).write_bytes(content)
        read_table(folder / name, **options)

    return attempt


def put(row: int, **values: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Change some values of a row."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.astype(dict.fromkeys(values, object))
        for name, value in values.items():
            frame.loc[row, name] = value
        return frame

    return change


def placed(**columns: Any) -> Attempt:
    """Read a long table with a table of places."""
    return read(lambda t: t.drop(columns=["lon", "lat"]), stations=pd.DataFrame(columns))


STATIONS: dict[str, tuple[Attempt, str]] = {
    # -- files
    "nothing there": (
        lambda folder: read_table(folder / "t.csv"),
        "does not exist; give a CSV, parquet or Excel file",
    ),
    "a folder": (lambda folder: read_table(folder), "does not exist; give a CSV, parquet or Excel file"),
    "an ending of its own": (written(b"a", "t.dat"), "has the ending '.dat'; .csv, .txt"),
    "an empty file": (written(b""), "cannot be read as a csv table"),
    "only a head": (written(b"time,A\n"), "holds no record of a station; give a file with at least one"),
    "a picture": (written(b"\x89PNG\r\n\x1a\n\xff"), "cannot be read as a csv table"),
    "rows of many lengths": (
        written(b"time,A\n2021-05-01,0.2\n2021-05-02,0.2,0.3,0.4\n"),
        "cannot be read as a csv table",
    ),
    "a file cut within its last row": (
        written(b"time,A,B\n2021-05-01,0.21,0.32\n2021-05-02,0."),
        "ends within a row, of 2 columns instead of 3",
    ),
    "a parquet that is none": (written(b"PAR1", "t.parquet"), "cannot be read as a parquet table"),
    "an Excel file that is none": (written(b"PK\x03\x04", "t.xlsx"), "cannot be read as a xlsx table"),
    "an Excel file of old that is none": (written(b"\xd0\xcf", "t.xls"), "t.xls"),
    # -- columns
    "no column of times": (
        written(b"date,A\n2021-05-01,0.2\n"),
        "has no column 'time'; its columns are date, A",
    ),
    "no station": (written(b"time\n2021-05-01\n"), "has no column beside 'time'"),
    "a column that is not there": (read(soil_moisture="vwc"), "has no column 'vwc'"),
    "a long table by half": (
        lambda folder: read_table("t.csv", station="s"),
        "A long table needs both columns",
    ),
    "half a place": (read(lon="lon"), "Name the columns of both longitude and latitude"),
    "a head that repeats": (written(b"time,A,A\n2021-05-01,0.2,0.3\n"), "names column 'A' twice"),
    "rows without a station": (read(put(0, station=None)), "has 1 rows without a station"),
    # -- times
    "times in another order": (read(put(0, time="05/06/2021")), "is not readable as dates and times such as"),
    "a day no calendar has": (read(put(0, time="2021-02-30")), "is not readable as dates and times such as"),
    "a year no clock counts": (read(put(0, time="9999-01-01")), "is not readable as dates and times such as"),
    "times that are numbers": (
        read(lambda t: t.assign(time=range(12))),
        "holds plain numbers, which are no dates",
    ),
    "a format that does not fit": (
        read(time_format="%d.%m.%Y"),
        "is not readable as dates and times such as",
    ),
    "a time that is missing": (read(put(0, time=None)), "has 1 records without a readable time"),
    "two clocks": (
        read(lambda t: t.assign(time=t["time"] + "+08:00"), utc_offset_hours=8),
        "states its time zone",
    ),
    "a clock beyond the day": (read(utc_offset_hours=99), "utc_offset_hours=99"),
    "an hour twice": (read(lambda t: pd.concat([t, t.head(1)])), "station A, repeats 1 time stamps"),
    # -- values
    "words": (read(put(0, sm="wet")), "holds something that is not a number"),
    "per cent": (read(lambda t: t.assign(sm=20.0)), "which look like per cent"),
    "fractions called per cent": (read(unit="%"), "too dry for any soil"),
    "a unit of nobody's": (read(unit="mm"), "The soil moisture unit 'mm' is not known; choose one of"),
    "more than all": (read(put(0, sm=1.4)), "1 accepted soil moisture values outside 0…1"),
    "less than nothing": (read(put(0, sm=-0.1)), "1 accepted soil moisture values outside 0…1"),
    "infinity": (read(put(0, sm="inf")), "1 soil moisture values that are infinite"),
    "kelvin": (read(lambda t: t.assign(ts=281.0), soil_temperature="ts"), "which look like kelvin"),
    "boiling soil": (read(put(0, ts=120), soil_temperature="ts"), "degrees Celsius between -90 and 90"),
    "celsius called kelvin": (read(soil_temperature="ts", temperature_unit="K"), "between -90 and 90"),
    "no good flag": (read(flag="flag", good=["ok"]), "has no record whose flag is one of ok"),
    # -- places
    "a station that moves": (read(put(0, lon=99.9)), "gives station A more than one place"),
    "a place in words": (read(lambda t: t.assign(lat="north")), "holds a coordinate that is not a number"),
    "off the Earth": (read(lambda t: t.assign(lat=137.5)), "station A has latitude 137.5"),
    "exchanged coordinates": (read(lambda t: t.assign(lat=99.8, lon=37.5)), "which look exchanged"),
    "half a coordinate": (read(put(slice(None), lat=None)), "station A has latitude nan and longitude 99.8"),
    "places of others": (
        placed(station=["A"], lon=[99.8], lat=[37.5]),
        "the table of places does not list B",
    ),
    "a place twice": (placed(station=["A", "A", "B"], lon=99.8, lat=37.5), "lists station A twice"),
    "places without a latitude": (
        placed(station=["A", "B"], lon=99.8),
        "has no column for lat; name it lat or latitude",
    ),
}


def rows() -> pd.DataFrame:
    days = [f"2021-05-{d:02d}" for d in range(1, 9)]
    moisture = [0.2, 0.3] * 8
    return pd.DataFrame(
        {
            "station": ["A"] * 8 + ["B"] * 8,
            "date": days * 2,
            "sm": moisture,
            "ndvi": 0.5,
            "lon": 99.8,
            "lat": 37.5,
        }
    )


def train(change: Callable[[pd.DataFrame], pd.DataFrame] = lambda t: t, **options: Any) -> Attempt:
    """Read a training table after a change."""

    def attempt(folder: Path) -> None:
        change(rows()).to_csv(folder / "rows.csv", index=False)
        TrainingTable.read(folder / "rows.csv", **({"target": "sm", "predictors": ["ndvi"]} | options))

    return attempt


TRAINING: dict[str, tuple[Attempt, str]] = {
    "nothing there": (
        lambda folder: TrainingTable.read(folder / "t.csv"),
        "does not exist; give a CSV, parquet or Excel file",
    ),
    "nothing said": (
        train(target=None),
        "does not say which column is the target; name it with --target",
    ),
    "a target that is not there": (train(target="vwc"), "has no column 'vwc'; it has station, date"),
    "a predictor that is not there": (train(predictors=["ndwi"]), "has no column 'ndwi'"),
    "a predictor twice": (train(predictors=["ndvi", "ndvi"]), "are named twice; name each once"),
    "the target as predictor": (train(predictors=["sm"]), "sm cannot be a predictor"),
    "words": (train(put(0, ndvi="green")), "holds something that is no number"),
    "per cent": (train(lambda t: t.assign(sm=20.0)), "it looks like percent: scale it with 0.01"),
    "scaled twice": (train(target_scale=0.01), "too dry for any soil"),
    "negative": (train(put(0, sm=-0.1)), "negative values down to -0.1"),
    "infinite": (train(put(0, sm="inf")), "holds 1 infinite values"),
    "one station": (train(lambda t: t.head(8)), "come from one station ('A')"),
    "a row twice": (train(lambda t: pd.concat([t, t.head(1)])), "2 rows share their station and time"),
    "nothing complete": (
        train(lambda t: t.assign(ndvi=float("nan"))),
        "none is complete (16 missing predictor)",
    ),
    "times that are numbers": (train(lambda t: t.assign(date=range(16))), "holds numbers such as 0"),
    "a day no calendar has": (
        train(put(0, date="2021-02-30")),
        "but ISO dates like 2021-07-01 are read",
    ),
    "a year before all history": (
        lambda folder: TrainingTable.from_frame(
            rows().assign(date=pd.Series([-(10**15) * 4509] * 16).astype("datetime64[us]")),
            target="sm",
            predictors=["ndvi"],
        ),
        "holds years that cannot be counted in nanoseconds",
    ),
    "a filter that is no question": (train(where="ndvi + 1"), "not true or false; write a comparison"),
    "a filter that runs code": (train(where="__import__('os')"), "uses '@' or '__'"),
    "a filter of nothing": (train(where="ndvi > 2"), "is left where ndvi > 2; choose other rows"),
    "a filter that is broken": (train(where="ndvi >"), "cannot be worked out"),
    "a column of a column that is not there": (train(derive={"x": "blue / red"}), "cannot be worked out"),
}


def network(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Attempt:
    """Read the table of a network after a change."""

    def attempt(folder: Path) -> None:
        change(rows()).to_csv(folder / "rows.csv", index=False)
        NetworkTable.read(folder / "rows.csv", target="sm", predictors=["ndvi"])

    return attempt


NETWORK: dict[str, tuple[Attempt, str]] = {
    "one station": (network(lambda t: t.head(8)), "station"),
    "a place in words": (
        network(lambda t: t.assign(lat="north")),
        "The column 'lat' holds something that is no number",
    ),
    "a column that never changes": (network(lambda t: t.assign(sm=0.2)), "there is nothing to learn"),
}


@pytest.mark.parametrize("name", STATIONS)
def test_a_table_of_stations_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    refused(STATIONS[name][0], STATIONS[name][1], tmp_path)


@pytest.mark.parametrize("name", TRAINING)
def test_a_training_table_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    refused(TRAINING[name][0], TRAINING[name][1], tmp_path)


@pytest.mark.parametrize("name", NETWORK)
def test_a_network_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    refused(NETWORK[name][0], NETWORK[name][1], tmp_path)


def test_what_they_are_made_from_can_be_used(tmp_path: Path) -> None:
    read(soil_temperature="ts", flag="flag")(tmp_path)
    train()(tmp_path)
    network(lambda t: t)(tmp_path)


def test_a_parquet_whose_texts_are_none(tmp_path: Path) -> None:
    texts = pa.array([b"A", b"\xff"], pa.binary()).view(pa.string())
    rows = {"station": texts, "time": ["2021-05-01", "2021-05-02"], "sm": [0.2, 0.3], "ndvi": [0.1, 0.2]}
    pq.write_table(pa.table(rows), tmp_path / "rows.parquet")
    refused(
        lambda folder: NetworkTable.read(folder / "rows.parquet", target="sm", predictors=["ndvi"]),
        "cannot be read",
        tmp_path,
    )
