"""Time of scoring and fitting the five models, on random numbers of the size of a demo run.

Run by hand: ``python tests/benchmarks/train_models.py [rows] [predictors] [stations]``.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from smgee.machine import usable_cores
from smgee.models import ESTIMATORS, TrainingTable, train_models
from smgee.models.crossval import fit_one


def table(rows: int, predictors: int, stations: int) -> TrainingTable:
    """Rows with smooth, interacting effects, an offset per station and noise."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, predictors)).astype("f4")
    station = np.arange(rows) % stations
    y = (
        0.2
        + 0.05 * np.tanh(x[:, 0] * x[:, 1])
        + 0.03 * np.tanh(x[:, 2])
        + rng.normal(0, 0.03, stations)[station]
        + rng.normal(0, 0.01, rows)
    )
    return TrainingTable(
        x=x,
        y=np.clip(y, 0.01, 0.6),
        station=np.array([f"S{i:03d}" for i in station]),
        time=np.datetime64("2021-05-01", "ns") + (np.arange(rows) // stations).astype("timedelta64[D]"),
        predictors=tuple(f"p{j}" for j in range(predictors)),
        target="soil_moisture",
        synthetic=True,
    )


def main() -> None:
    """Print seconds per fit, and for the whole."""
    rows, predictors, stations = (
        int(v) for v in (sys.argv[1:] + ["7000", "17", "40"][len(sys.argv) - 1 :])[:3]
    )
    data = table(rows, predictors, stations)
    for spec in ESTIMATORS.values():
        started = time.perf_counter()
        fit_one(spec, data.x, data.y, station=data.station, seed=0)
        print(f"{spec.title:9s} one fit on all rows, one thread: {time.perf_counter() - started:.2f} s")
    started, before = time.perf_counter(), time.process_time()
    result = train_models(data)
    wall, cpu = time.perf_counter() - started, time.process_time() - before
    print(result.scores[["model", "design", "r", "rmse"]].round(3).to_string(index=False))
    print(
        f"{rows} rows x {predictors} predictors, random and leave-station-out, 10 folds each, and final "
        f"fits: {wall:.1f} s"
    )
    print(f"processor time {cpu:.1f} s on {usable_cores()} cores")


if __name__ == "__main__":
    main()
