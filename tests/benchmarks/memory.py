"""Memory and time of maps from files in the format of HLS, over one 36 km cell or four, all of it covered.

Run by hand: ``python -m tests.benchmarks.memory FOLDER [--cells 4] [--days 24]``. Scenes (Sentinel-2 every
five days, Landsat every eight; the same few under many names) and an elevation model are made up in FOLDER,
where they stay, and every stage runs in a process of its own, as the steps of a run may: every day is mapped
by the xee route, one of them again by the classifier route, and maps are averaged over cells and over time.
About a second of processor time goes by per block and composite; the day of the year is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np

import smgee
from smgee.eelocal.assets.catalog import add_files
from smgee.grid import EaseCell, PixelGrid
from smgee.predictors import Predictors
from smgee.study import Study
from smgee.trees import TreeEnsemble
from smgee.upscale import (
    MapStore,
    cell_means,
    compare_store,
    default_block,
    make_route,
    map_season,
    pull_static,
    season_mean,
)
from smgee.validation import cell_conditions, cell_weights
from smgee_cli.app import _few_arenas
from tests.scenes import write_elevation, write_scenes

START = date(2021, 5, 10)
STAGES = ("predict", "compare_routes", "static", "zonal", "mean_map")
SIZE = 3660  # pixels of a tile of HLS


def study_of(folder: Path, cells: int, days: int) -> Study:
    """Return the demo's study, but for its place, its period and its files."""
    content = Study.demo().model_dump(mode="json") | {"name": "memory"}
    content |= {"start": str(START), "end": str(START + timedelta(days=days))}
    cell = Study.demo().cell
    side = round(cells**0.5)
    names = [EaseCell("M36", cell.row + r, cell.col + c).name for r in range(side) for c in range(side)]
    content["area"] = {"cells": names, "crs": "EPSG:32647", "scale_m": 30}
    content["backend"] = {"catalog": str(folder / "catalog")}
    content["stations"]["source"] = "network.zip"
    usual = Predictors.usual("absolute").without("calendar")
    content["predictors"] = usual.model_dump(mode="json")
    return Study.parse(content)


def prepare(folder: Path, cells: int, days: int) -> None:
    """Write the scenes, the elevation model and a model of boosted trees."""
    from xgboost import XGBRegressor

    folder.mkdir(parents=True)
    study = study_of(folder, cells, days)
    _, _, west, _, _, north = study.grid.transform
    tile = PixelGrid(study.grid.crs, (30.0, 0.0, west - 3000, 0.0, -30.0, north + 3000), SIZE, SIZE)
    for sensor, every in (("S30", 5), ("L30", 8)):
        seen = [START + timedelta(days=k) for k in range(-24, days + 32, every)]
        files = write_scenes(folder, sensor=sensor, days=seen, grid=tile)
        add_files(folder / "catalog", f"NASA/HLS/HLS{sensor}/v002", files)
        print(f"{sensor}: {len(seen)} scenes, {len(files)} files")
    lon, lat = study.area.center
    dem = write_elevation(
        folder / "elevation.tif", west=lon - 0.7, south=lat - 0.6, east=lon + 0.7, north=lat + 0.6
    )
    add_files(folder / "catalog", "NASA/NASADEM_HGT/001", [dem])
    names = study.predictor_set.names
    X = np.random.default_rng(0).uniform(0, 1, (4000, len(names))).astype("f4")
    trees = XGBRegressor(n_estimators=300, max_depth=6, learning_rate=0.05, n_jobs=2).fit(
        X, X[:, :3].sum(axis=1)
    )
    TreeEnsemble.from_model(trees, names).save(folder / "model.npz")


def work(stage: str, folder: Path, cells: int, days: int) -> None:
    """Do one stage, and print what it took as JSON."""
    _few_arenas()
    began = time.perf_counter()
    study = study_of(folder, cells, days)
    model = TreeEnsemble.load(folder / "model.npz")
    maps, wanted = folder / "maps.zarr", [START + timedelta(days=k) for k in range(days)]
    weights = cell_weights(study.grid, [*study.cells, *(c for cell in study.cells for c in cell.children())])
    facts: dict[str, object] = {}
    with smgee.connect(catalog=study.backend.catalog, store=folder / "store"):
        predictors = study.predictor_set
        if stage == "predict":
            block = default_block(len(predictors.names))
            store = MapStore(maps, days=wanted, grid=study.grid, identity="x", block=block)
            map_season(store, make_route("xee", predictors, model), area=study.area)
            last = store.read(wanted[-1])
            inside = study.area.inside(study.grid)
            inside = np.ones(last.shape, bool) if inside is None else inside
            facts = {
                "block": block,
                "blocks": len(store.blocks),
                "pixels": last.size,
                "mapped": round(float(np.isfinite(last[inside]).mean()), 3),
            }
        elif stage == "compare_routes":
            other = make_route("classifier", predictors, model)
            facts = compare_store(MapStore.open(maps), other, wanted[days // 2], area=study.area).as_dict()
        elif stage == "static":
            facts = {"layers": len(cell_conditions(weights, pull_static(predictors)).columns)}
        elif stage == "zonal":
            facts = {"rows": len(cell_means(MapStore.open(maps), weights).table())}
        else:
            facts = {"mean": round(float(np.nanmean(season_mean(MapStore.open(maps)))), 4)}
    facts |= {
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "seconds": round(time.perf_counter() - began),
        "cpu_seconds": round(time.process_time()),
    }
    print(json.dumps(facts))


def main() -> None:
    """Prepare the files where they are missing, and run the stages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cells", type=int, default=4, choices=(1, 4))
    parser.add_argument("--days", type=int, default=24)
    parser.add_argument("--stage", choices=STAGES)
    given = parser.parse_args()
    if given.stage:
        work(given.stage, given.folder, given.cells, given.days)
        return
    if not given.folder.exists():
        prepare(given.folder, given.cells, given.days)
    options = [str(given.folder), "--cells", str(given.cells), "--days", str(given.days)]
    for stage in STAGES:
        command = [sys.executable, "-m", "tests.benchmarks.memory", *options, "--stage", stage]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        print(f"{stage}: {done.stdout.splitlines()[-1]}", flush=True)


if __name__ == "__main__":
    main()
