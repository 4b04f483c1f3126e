"""Which rows of a sample cannot be learned from, and why."""

from __future__ import annotations

import numpy as np
import pandas as pd

from smgee.sampling import lost_rows, tell_lost, write_samples
from smgee.study import Study
from smgee.tables import Provenance, read_table

STUDY = Study.parse(
    Study.demo().model_dump(mode="json")
    | {
        "predictors": [
            {"kind": "reflectance", "bands": ["red", "nir"]},
            {"kind": "indices", "names": ["NDVI"]},
            {"kind": "terrain", "names": ["elevation", "slope"]},
            {"kind": "calendar", "allow_alias": True},
        ]
    }
)
CLOUDED = ["red", "nir", "NDVI"]


def rows() -> pd.DataFrame:
    """Three stations on four days, everything there."""
    days = pd.date_range("2021-07-01", periods=4)
    frame = pd.MultiIndex.from_product([["a", "b", "c"], days], names=["station", "date"]).to_frame(
        index=False
    )
    frame = frame.assign(lon=99.8, lat=37.5, soil_moisture=0.2)
    for name in STUDY.predictors.names:
        frame[name] = np.float32(0.5)
    return frame


def test_a_whole_table_loses_nothing():
    assert lost_rows(rows(), STUDY.predictor_set) == {}
    assert tell_lost(12, {}, predictors=6) == "12 station-days with soil moisture, 12 with all 6 predictors."


def test_every_lost_row_is_counted_once_with_its_cause():
    frame = rows()
    frame.loc[frame["date"] == "2021-07-02", CLOUDED] = np.nan  # nothing at any station
    frame.loc[(frame["station"] == "a") & (frame["date"] == "2021-07-03"), CLOUDED] = np.nan
    frame.loc[(frame["station"] == "a") & (frame["date"] == "2021-07-04"), "NDVI"] = np.nan
    frame.loc[(frame["station"] == "c") & (frame["date"] != "2021-07-02"), "slope"] = np.nan
    lost = lost_rows(frame, STUDY.predictor_set)
    assert lost == {
        "reflectance, indices: nowhere that day": 3,
        "slope: masked": 3,
        "reflectance, indices: masked": 1,
        "indices: masked": 1,
    }
    incomplete = frame[list(STUDY.predictors.names)].isna().any(axis=1)
    assert sum(lost.values()) == incomplete.sum()
    said = tell_lost(len(frame), lost, predictors=6)
    assert said.startswith("12 station-days with soil moisture, 4 with all 6 predictors; the others lack ")
    assert "reflectance, indices: nowhere that day (3)" in said


def test_a_written_sample_says_what_its_columns_are(tmp_path):
    path = tmp_path / "samples.parquet"
    write_samples(
        rows(), path, predictors=STUDY.predictor_set.predictors, provenance=Provenance(synthetic=True)
    )
    assert (read_table(path)["synthetic"] == 1).all()
    from smgee.models import TrainingTable

    table = TrainingTable.read(path)
    assert table.predictors == STUDY.predictors.names
    assert table.synthetic
    assert {table.units[n] for n in ("elevation", "slope", "doy", "red")} == {
        "m",
        "degree",
        "day of year",
        "1",
    }
