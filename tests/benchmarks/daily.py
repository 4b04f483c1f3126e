"""Processor seconds of ``smgee train --table`` on daily rows of tens of stations over years, by phase.

`python -m tests.benchmarks.daily made` (30 stations, five years, rain, temperatures, NDVI, soil) or
`python -m tests.benchmarks.daily cook` (Cook Farm at 0.3 m, 42 loggers; `SMGEE_REAL_DATA` says where).
Options: the number of settings tried per family and fold (default 40), and minutes to keep to (default 12).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from smgee.explain import explain_models
from smgee.machine import usable_cores
from smgee.models import Effort, NetworkTable, train_run

DEPTH_M = -0.3
SEED = 1


def made_up(stations: int = 30, years: int = 5) -> NetworkTable:
    """A network whose level follows clay and whose days follow rain and warmth."""
    rng = np.random.default_rng(SEED)
    times = pd.date_range("2016-01-01", f"{2015 + years}-12-31", freq="D")
    days, doy = len(times), times.day_of_year.to_numpy()
    clay, sand = rng.uniform(5, 45, stations), rng.uniform(10, 60, stations)
    storm = rng.gamma(0.4, 14.0, days) * (rng.random(days) < 0.25)
    rain = storm * rng.lognormal(0.0, 0.4, (stations, days))
    warm = 12 - 11 * np.cos(2 * np.pi * (doy - 15) / 365.25) + rng.normal(0, 2.5, days)
    temperature = warm + rng.normal(0, 1.0, (stations, 1))
    wet = np.empty((stations, days))
    wet[:, 0] = 0.1
    for t in range(1, days):
        loss = 0.02 + 0.0016 * np.maximum(temperature[:, t], 0)
        wet[:, t] = np.minimum((1 - loss) * wet[:, t - 1] + 0.003 * rain[:, t], 0.25)
    moisture = 0.06 + 0.002 * clay[:, None] + wet + rng.normal(0, 0.03, (stations, 1))
    moisture = np.clip(moisture + rng.normal(0, 0.01, moisture.shape), 0.01, 0.6)
    columns = {
        "sm": moisture,
        "rain": rain,
        "temperature": temperature,
        "lst": temperature + 6 + rng.normal(0, 3.0, moisture.shape),
        "ndvi": 0.35 + 0.2 * np.sin(2 * np.pi * (doy - 100) / 365.25) + 0.3 * wet
        + rng.normal(0, 0.03, moisture.shape),
        "clay": np.broadcast_to(clay[:, None], moisture.shape),
        "sand": np.broadcast_to(sand[:, None], moisture.shape),
        "carbon": np.broadcast_to(rng.uniform(5, 40, stations)[:, None], moisture.shape),
        "lon": np.broadcast_to(rng.uniform(-99, -98.4, stations)[:, None], moisture.shape),
        "lat": np.broadcast_to(rng.uniform(30, 30.6, stations)[:, None], moisture.shape),
    }  # fmt: skip
    frame = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
    frame["station"] = np.repeat([f"S{i:02d}" for i in range(stations)], days)
    frame["date"] = np.tile(times, stations)
    frame.loc[rng.random(len(frame)) < 0.08, "sm"] = np.nan
    return NetworkTable.from_frame(
        frame,
        target="sm",
        predictors=["rain", "temperature", "lst", "ndvi", "doy"],
        static=["clay", "sand", "carbon"],
        synthetic=True,
    )


def cook_farm() -> NetworkTable:
    """The loggers of the Cook Agronomy Farm, which share one weather station."""
    home = Path(os.environ["SMGEE_REAL_DATA"]) / "cookfarm" / "cookfarm.parquet"
    frame = pd.read_parquet(home)
    frame = frame[np.isclose(frame["altitude"], DEPTH_M)].copy()
    frame["SOURCEID"] = frame["SOURCEID"].astype(str)
    return NetworkTable.from_frame(
        frame,
        target="VW",
        station="SOURCEID",
        time="Date",
        predictors=["Precip_wrcc", "MaxT_wrcc", "MinT_wrcc", "doy"],
        static=["DEM", "TWI", "NDRE.M", "NDRE.Sd", "Bt", "BLD"],
        lon="Easting",
        lat="Northing",
    )


class Phases:
    """Processor and wall seconds since the last piece of work, summed by its name."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = {}
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def end(self, what: str) -> None:
        """Take what was spent since the last call for `what`, up to a comma."""
        cpu, wall = time.process_time(), time.perf_counter()
        total = self.spent.setdefault(what.split(",")[0], [0.0, 0.0])
        total[0] += cpu - self._cpu
        total[1] += wall - self._wall
        self._cpu, self._wall = cpu, wall

    def show(self) -> None:
        """Print a line per phase."""
        for what, (cpu, wall) in {**self.spent, "all": map(sum, zip(*self.spent.values()))}.items():
            print(f"{what:32s} {cpu:8.1f} s CPU {wall:8.1f} s wall", flush=True)


def main() -> None:
    """Train as the command does, and print where the time went."""
    name = sys.argv[1] if len(sys.argv) > 1 else "made"
    trials = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    minutes = float(sys.argv[3]) if len(sys.argv) > 3 else 12.0
    phases = Phases()
    table = cook_farm() if name == "cook" else made_up()
    phases.end("reading")
    print(
        f"{name}: {int(table.scored.sum()):,} rows of {len(table.names)} stations, {len(table.times):,} "
        f"days; {usable_cores()} cores, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    result = train_run(table, effort=Effort(trials=trials), minutes=minutes or None, report=phases.end)
    phases.end("certificate")
    with tempfile.TemporaryDirectory() as folder:
        result.save(folder)
        phases.end("writing")
        model = result.models["deployed"]
        if model.ensemble.depth > 0:
            explain_models({"deployed": model}, result.training, Path(folder) / "shap", folds=result.folds)
        phases.end("explaining")
    phases.show()
    own = result.scores.query("model == 'deployed' and design == 'station'").iloc[0]
    print(f"designs: {', '.join(dict.fromkeys(result.scores['design']))}; {'; '.join(result.notes)}")
    made = [m["trials"] for c in result.certificate["chosen_inside"].values() for m in c["members"].values()]
    print(f"settings tried per search: {min(made)} to {max(made)}; skill at stations {own['skill']:+.3f}")


if __name__ == "__main__":
    main()
