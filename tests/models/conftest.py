"""A small table with the structure of a station network."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smgee.models import TrainingTable


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    """Twelve stations by 30 dates: a seasonal course, an offset per station, a static predictor that names
    the station.
    """
    rng = np.random.default_rng(0)
    station = np.repeat(np.arange(12), 30)
    date = np.tile(pd.date_range("2021-05-01", periods=30, freq="5D"), 12)
    doy = pd.DatetimeIndex(date).day_of_year.to_numpy()
    height = rng.normal(3200, 100, 12)[station]
    ndmi = rng.normal(0, 0.2, 360)
    wet = (
        0.22
        + 0.05 * np.sin(doy / 40)
        + 0.08 * ndmi
        + rng.normal(0, 0.05, 12)[station]
        + rng.normal(0, 0.01, 360)
    )
    return pd.DataFrame(
        {
            "station": [f"S{i:02d}" for i in station],
            "date": date,
            "lon": 99.8 + 0.03 * station,
            "lat": 37.5 - 0.02 * station,
            "soil_moisture": np.clip(wet, 0.02, 0.6),
            "ndmi": ndmi,
            "height": height,
            "noise": rng.normal(size=360),
        }
    )


@pytest.fixture(scope="session")
def table(frame) -> TrainingTable:
    """The rows of `frame`."""
    return TrainingTable.from_frame(
        frame, target="soil_moisture", predictors=["ndmi", "height", "noise", "doy"]
    )
