"""A small network whose truth is known: level by place, dynamics by rain."""

from __future__ import annotations

import numpy as np
import pandas as pd

from smgee.models.network import NetworkTable


def frame(stations: int = 14, days: int = 60, *, seed: int = 0, gaps: float = 0.1) -> pd.DataFrame:
    """Rows of stations whose level follows clay and whose days follow their own rain."""
    rng = np.random.default_rng(seed)
    clay = rng.normal(0.0, 1.0, stations)
    storm = rng.gamma(0.3, 10.0, days) * (rng.random(days) < 0.4)
    rain = storm * rng.lognormal(0.0, 0.6, (stations, days))
    wet = np.zeros((stations, days))
    for t in range(1, days):
        wet[:, t] = 0.9 * wet[:, t - 1] + 0.004 * rain[:, t]
    moisture = 0.2 + 0.03 * clay[:, None] + wet + rng.normal(0, 0.004, wet.shape)
    i, t = np.indices(wet.shape)
    out = pd.DataFrame(
        {
            "station": [f"S{k:02d}" for k in i.ravel()],
            "date": pd.Timestamp("2020-05-01") + pd.to_timedelta(t.ravel(), unit="D"),
            "lon": 100.0 + 0.02 * (i.ravel() % 4),
            "lat": 37.0 + 0.02 * (i.ravel() // 4),
            "sm": np.clip(moisture, 0.02, 0.6).ravel(),
            "rain": rain.ravel(),
            "ndvi": (0.4 + 0.05 * clay[:, None] + rng.normal(0, 0.02, wet.shape)).ravel(),
            "clay": clay[i.ravel()],
        }
    )
    return out[rng.random(len(out)) >= gaps].reset_index(drop=True)


def network(rows: pd.DataFrame | None = None, **options: object) -> NetworkTable:
    """The table of `frame`."""
    return NetworkTable.from_frame(
        frame(**options) if rows is None else rows,  # type: ignore[arg-type]
        target="sm",
        predictors=["rain", "ndvi"],
        static=["clay"],
    )
