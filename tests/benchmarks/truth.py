"""Maps of a run on the synthetic basin against what is true at random pixels: the deployed model, the former
default, and baselines that need no model.

Run by hand: ``python -m tests.benchmarks.truth RUN [--windows N] [--days N] [--former FOLDER]``, after
``smgee demo --out RUN``. The former default (XGBoost on composites, soil moisture itself) is trained in
FOLDER on the same stations.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import smgee
from smgee.grid import PixelGrid, transformer
from smgee.metrics import score
from smgee.models.intervals import StationInterval, fit_interval
from smgee.predictors import Predictors
from smgee.twin import Basin
from smgee.upscale import Block, DailyModel, MapJob, XeeRoute
from smgee.workflow.connection import connected
from smgee.workflow.days import active_days
from smgee.workflow.folder import RunFolder
from smgee.workflow.run import execute
from smgee.workflow.steps.stations import PERIODS, STATIONS

SIDE = 32
"""Pixels of a window's side; random pixels lie in random windows, so that little is pulled."""


@dataclass(frozen=True)
class Sample:
    """Random pixels of a lattice: windows, and rows and columns within each."""

    grid: PixelGrid
    blocks: tuple[Block, ...]
    rows: np.ndarray
    cols: np.ndarray

    @classmethod
    def draw(cls, grid: PixelGrid, windows: int, pixels: int, *, seed: int = 0) -> Sample:
        """Draw `pixels` in all, in as many windows."""
        rng = np.random.default_rng(seed)
        side = min(SIDE, grid.height, grid.width)
        corners = rng.integers(0, [grid.height - side + 1, grid.width - side + 1], (windows, 2))
        blocks = tuple(Block(int(r), int(c), side, side) for r, c in corners)
        return cls(grid, blocks, *rng.integers(0, side, (2, windows, pixels // windows)))

    def xy(self) -> tuple[np.ndarray, np.ndarray]:
        """Centres of the pixels on the lattice's plane, each (pixels,)."""
        row = np.concatenate([b.row + r for b, r in zip(self.blocks, self.rows, strict=True)]) + 0.5
        col = np.concatenate([b.col + c for b, c in zip(self.blocks, self.cols, strict=True)]) + 0.5
        a, b, x, d, e, y = self.grid.transform
        return x + a * col + b * row, y + d * col + e * row

    def truth(self, basin: Basin, days: Sequence[date]) -> np.ndarray:
        """Return what is true, (days, pixels) m³ m⁻³; NaN on water."""
        x, y = transformer(self.grid.crs, basin.grid.crs).transform(*self.xy())
        a, _, left, _, e, top = basin.grid.transform
        row, col = np.floor((y - top) / e).astype(int), np.floor((x - left) / a).astype(int)
        inside = (row >= 0) & (col >= 0) & (row < basin.grid.height) & (col < basin.grid.width)
        found = np.full((len(days), len(x)), np.nan)
        for k, day in enumerate(days):
            found[k, inside] = basin.truth(day)[row[inside], col[inside]]
        return found

    def mapped(self, route: XeeRoute, days: Sequence[date]) -> np.ndarray:
        """Return what a route maps there, (days, pixels) m³ m⁻³."""
        parts = []
        for block, rows, cols in zip(self.blocks, self.rows, self.cols, strict=True):
            maps = [route.run(MapJob(block, (day,)))["soil_moisture"][0] for day in days]
            parts.append(np.stack(maps)[:, rows, cols])
        return np.concatenate(parts, axis=1).astype("f8")


def baselines(stations: xr.Dataset, sample: Sample, days: Sequence[date]) -> dict[str, np.ndarray]:
    """Return what stations tell without a model, each (days, pixels): their mean, and Shepard's."""
    shown = stations["soil_moisture"].sel(time=pd.DatetimeIndex(days)).transpose("time", "station").to_numpy()
    x, y = sample.xy()
    sx, sy = transformer("EPSG:4326", sample.grid.crs).transform(
        stations["lon"].to_numpy(), stations["lat"].to_numpy()
    )
    weight = 1.0 / np.maximum(np.hypot(sx[:, None] - x, sy[:, None] - y), 1.0) ** 2
    known = np.isfinite(shown)
    total = np.where(known, shown, 0.0) @ weight
    return {
        "network mean": np.repeat(np.nanmean(shown, axis=1)[:, None], len(x), axis=1),
        "inverse distance": total / (known @ weight),
    }


def interval_of(run: RunFolder) -> StationInterval:
    """Return the interval of a run's deployed model, from its predictions at stations left out."""
    rows = pd.read_parquet(run / "models" / "cross_validation.parquet")
    own = rows[(rows["model"] == "deployed") & (rows["design"] == "station")]
    columns = (own[c].to_numpy() for c in ("predicted", "observed", "station", "fold"))
    return fit_interval(*columns)


def compare(
    truth: np.ndarray, told: Mapping[str, np.ndarray], intervals: Mapping[str, StationInterval]
) -> pd.DataFrame:
    """Score everything on the pixels and days that all tell.

    Parameters
    ----------
    truth : (days, pixels) array
        m³ m⁻³.
    told : mapping of str to (days, pixels) array
    intervals : mapping of str to StationInterval
        Of some of them.

    Returns
    -------
    DataFrame
        By name: ``r``, ``rmse`` over everything; ``spatial_r``, the mean over days; ``mean_bias`` and
        ``mean_rmse`` of the mean over all pixels; ``coverage`` of the interval; ``n``.
    """
    known = np.isfinite(truth) & np.all([np.isfinite(v) for v in told.values()], axis=0)
    part = known.all(axis=0)
    rows = []
    for name, values in told.items():
        by_day = [
            score("r", v[k], t[k]) if np.ptp(v[k]) > 0 else np.nan
            for v, t, k in zip(values, truth, known, strict=True)
        ]
        gap = values[:, part].mean(axis=1) - truth[:, part].mean(axis=1)
        row = {
            "what": name,
            "r": score("r", values[known], truth[known]),
            "rmse": score("rmse", values[known], truth[known]),
            "spatial_r": np.nan if np.isnan(by_day).all() else np.nanmean(by_day),
            "mean_bias": gap.mean(),
            "mean_rmse": np.sqrt((gap**2).mean()),
            "coverage": np.nan,
            "n": int(known.sum()),
        }
        if name in intervals:
            low, high = intervals[name].bounds(values[known])
            row["coverage"] = float(((low <= truth[known]) & (truth[known] <= high)).mean())
        rows.append(row)
    return pd.DataFrame(rows).set_index("what")


def judge(run: RunFolder, former: Path | None, *, windows: int, pixels: int, count: int) -> pd.DataFrame:
    """Compare the trained model of a run, and the former default on its stations, with the truth."""
    study = run.study
    stations = STATIONS.read(run.path)
    days = active_days(study, PERIODS.read(run.path))
    days = [days[int(k)] for k in np.unique(np.linspace(0, len(days) - 1, count).astype(int))]
    sample = Sample.draw(study.grid, windows, pixels)
    truth = sample.truth(Basin(), days)
    told = baselines(stations, sample, days)
    if former is not None:
        training = study.training.model_copy(update={"target": "absolute", "models": ("XGBoost",)})
        usual = Predictors.usual("absolute").without("calendar")
        old = RunFolder(former, study.model_copy(update={"training": training, "predictors": usual}))
        execute(old, ["stations", "sample", "train"], connect=connected)
        with smgee.connect():
            route = XeeRoute(old.study.predictor_set, DailyModel.open(old / "models"))
            told["former default (XGBoost, absolute)"] = sample.mapped(route, days)
    with smgee.connect():
        route = XeeRoute(study.predictor_set, DailyModel.open(run / "models", study.training.deploy))
        told["deployed (state and place)"] = sample.mapped(route, days)
    return compare(truth, told, {"deployed (state and place)": interval_of(run)})


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--former", type=Path)
    parser.add_argument("--windows", type=int, default=30)
    parser.add_argument("--pixels", type=int, default=1500)
    parser.add_argument("--days", type=int, default=12)
    args = parser.parse_args()
    table = judge(RunFolder(args.run), args.former, windows=args.windows, pixels=args.pixels, count=args.days)
    print(table.round(4).to_string(na_rep="–"))


if __name__ == "__main__":
    main()
