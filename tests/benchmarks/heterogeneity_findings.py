"""What the search for effects of terrain finds on the twin, where there is none and where one is planted.

Run by hand: ``python tests/benchmarks/heterogeneity_findings.py [seeds] [planted seeds] [run] [first]``. With
the folder of a finished demo, cells are described as that run does, by all its conditions; else by terrain
alone. Seeds count from the first: `smgee.validation.heterogeneity.NAMED_SHARE` was settled on 1 to 200, so
what is told of it comes from others.
The land and its truth are those of the twin; for each seed SMAP's 9 km retrievals are made anew with its
own retrieval, errors and noise drawn by that seed, over ground that is level to the radiometer. The
reference is the truth under the same footprint, so nothing relates SMAP's errors with the terrain. A
planted effect adds an error to each retrieval that grows with the relief of the cell.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.metrics import HEADLINE, scores
from smgee.twin import Basin
from smgee.twin import smap as twin_smap
from smgee.validation import further_conditions, relate_errors

SEASON = slice(130, 290)  # unfrozen days of the year
PLANTED = 0.06  # m³ m⁻³ of additional error in the roughest cell, none in the smoothest


class Level:
    """The twin with other errors of SMAP, and without relief for the radiometer."""

    def __init__(self, basin: Basin, seed: int, level: np.ndarray):
        self._basin, self.seed = basin, seed
        self.static: Mapping[str, Any] = {**basin.static, "layers": level}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._basin, name)


def seen(basin: Any) -> np.ndarray:
    """Return the true soil moisture under each cell's footprint, (day, 16)."""
    from scipy.ndimage import gaussian_filter

    sigma = twin_smap.FOOTPRINT_9KM / 2.3548 / 9.0
    truth = basin.series["cells"].astype(float)[..., 0].reshape(len(basin.days), 4, 4)
    around = np.pad(truth, ((0, 0), (6, 6), (6, 6)), mode="symmetric")
    return gaussian_filter(around, (0, sigma, sigma), mode="nearest")[:, 6:10, 6:10].reshape(-1, 16)


def conditions(basin: Basin) -> pd.DataFrame:
    """Return the terrain of the cells."""
    z, layers = basin.elevation(), basin.static["layers"]
    slope = np.hypot(layers[..., 11], layers[..., 12])
    wet = [basin.truth(f"{basin.year}-{day}") for day in ("05-20", "06-25", "08-01", "09-10")]
    rows = []
    for k, cell in enumerate(basin.cells):
        at = (basin.cell_index == k) & basin.land()
        found: dict[str, Any] = {"cell": cell.name}
        for name, layer in (("elevation", z), ("slope", slope), ("northness", layers[..., 12])):
            found |= {f"{name}_mean": layer[at].mean(), f"{name}_std": layer[at].std()}
        rows.append(found | {"moisture_std": float(np.mean([day[at].std() for day in wet]))})
    return pd.DataFrame(rows)


def conditions_of(run: Path) -> pd.DataFrame:
    """Return what a run describes the cells by."""
    cells = pd.read_csv(run / "cells.csv").drop(columns="synthetic", errors="ignore")
    return further_conditions(cells, pd.read_csv(run / "zonal.csv"))


def validation(basin: Any, reference: np.ndarray, extra: np.ndarray, seed: int) -> pd.DataFrame:
    """Return R, bias, RMSE and ubRMSE of every cell and overpass."""
    rng = np.random.default_rng(seed)
    rows = []
    for orbit in ("AM", "PM"):
        found = twin_smap.retrieve_9km(basin, orbit.lower())
        inner = found.soil_moisture[:, 3:7, 3:7].reshape(-1, 16)[SEASON].astype(float)
        inner = inner + rng.standard_normal(inner.shape) * extra
        for k, cell in enumerate(basin.cells):
            row = {"grid": "M09", "cell": cell.name, "orbit": orbit, "reference": "footprint"}
            row |= scores(HEADLINE, inner[:, k], reference[SEASON, k])
            rows.append(
                row | {"level": reference[SEASON, k].mean(), "variability": reference[SEASON, k].std()}
            )
    return pd.DataFrame(rows)


def main(seeds: int = 200, planted: int = 50, run: Path | None = None, first: int = 1) -> None:
    """Print the share of seeds with findings, from the seed `first` on."""
    basin = Basin()
    level = basin.static["layers"].copy()
    level[..., 11:13] = 0.0  # slopes to the east and to the north
    terrain = conditions(basin) if run is None else conditions_of(run)
    terrain = terrain.set_index("cell").loc[[c.name for c in basin.cells]].reset_index()
    reference = seen(basin)
    relief = terrain["elevation_std"].to_numpy()
    extra = PLANTED * (relief - relief.min()) / np.ptp(relief)
    for name, size, runs in (("no effect", 0.0, seeds), ("planted", 1.0, planted)):
        any_named = any_other = rows = hits = single = 0
        by_row: Counter[str] = Counter()
        begun = time.time()
        for seed in range(first, first + runs):
            table = validation(Level(basin, seed, level), reference, size * extra, seed)
            found = relate_errors(table, terrain, count=999)
            named = found["expected"] != ""
            finding = found["q"] <= 0.05
            any_named += bool((finding & named).any())
            any_other += bool((finding & ~named).any())
            by_row.update(found.loc[finding, "metric"] + " ~ " + found.loc[finding, "condition"])
            single += int((found["p"] <= 0.05).sum())
            rows += len(found)
            wanted = (found["metric"] == "ubrmse") & (found["condition"] == "elevation_std")
            hits += bool(finding[wanted].any())
        print(
            f"{name}: {runs} seeds from {first} on, {rows // runs} rows each; p up to 0.05 in "
            f"{single / rows:.1%} of rows; a finding (q up to 0.05) among the named hypotheses in "
            f"{any_named / runs:.1%} of seeds, among "
            f"the others in {any_other / runs:.1%}; ubRMSE with relief found in {hits / runs:.1%}; "
            f"{time.time() - begun:.0f} s",
            flush=True,
        )
        print("   ", dict(by_row.most_common(6)), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *map(Path, sys.argv[3:4]), *map(int, sys.argv[4:5]))
