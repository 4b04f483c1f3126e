"""How time and memory grow with area and days: straight lines, and flat.

Scenes in the format of HLS (the same few under many names) cover squares of 9, 36, 72 and 144 km, of which
days are mapped by the xee route and averaged over cells, each in a process of its own. Printed are seconds
per million pixel-days, peak memory above that of the start, and the slopes of both in logarithms: 1 is a
straight line for time, 0 is flat for memory.

Run by hand: ``python -m tests.benchmarks.scaling FOLDER [--km 9,36] [--days 1,8,32] [--most 250]``. FOLDER
keeps the scenes of the largest square; 144 km for 130 days are 3 billion pixel-days, hours on two cores, so
that squares and days together can be limited.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np

import smgee
from smgee.eelocal.assets.catalog import add_files
from smgee.grid import PixelGrid, ease_cell_at
from smgee.study import Study
from smgee.trees import TreeEnsemble
from smgee.upscale import MapStore, XeeRoute, cell_means, default_block, map_season
from smgee.validation import cell_weights
from tests.benchmarks.measuring import PeakMemory
from tests.scenes import write_scenes

START, MOST_DAYS = date(2021, 5, 10), 130
CRS, WEST, NORTH = "EPSG:32647", 450_000.0, 4_250_000.0
INDICES = ("NDVI", "NDMI", "NDWI", "EVI")


def study_of(folder: Path, km: int, days: int) -> Study:
    """Return a study of a square."""
    back = smgee.grid.transformer(CRS, "EPSG:4326").transform
    west, north = back(WEST, NORTH)
    east, south = back(WEST + 1000 * km, NORTH - 1000 * km)
    content = Study.demo().model_dump(mode="json") | {"name": "scaling"}
    content |= {"start": str(START), "end": str(START + timedelta(days=days))}
    content["area"] = {"box": (west, south, east, north), "crs": CRS, "scale_m": 30}
    content["backend"] = {"catalog": str(folder / "catalog")}
    content["stations"]["source"] = "network.zip"
    content["predictors"] = [
        {"kind": "reflectance", "composite": {"sensors": ["S30"], "window_days": 16, "fill_days": 16}},
        {"kind": "indices", "names": list(INDICES)},
        {"kind": "calendar", "allow_alias": True},
    ]
    return Study.parse(content)


def prepare(folder: Path, km: int) -> None:
    """Write scenes that cover the largest square, and trees."""
    from xgboost import XGBRegressor

    size = km * 1000 // 30 + 300
    if not (folder / "trees.npz").exists():
        folder.mkdir(parents=True, exist_ok=True)
        tile = PixelGrid(CRS, (30.0, 0.0, WEST - 3000, 0.0, -30.0, NORTH + 3000), size, size)
        seen = [START + timedelta(days=k) for k in range(-16, MOST_DAYS + 16, 5)]
        files = write_scenes(folder, sensor="S30", days=seen, grid=tile)
        add_files(folder / "catalog", "NASA/HLS/HLSS30/v002", files)
        rng = np.random.default_rng(0)
        names = study_of(folder, 9, 8).predictors.names
        X = rng.uniform(0.02, 0.5, (5000, len(names))).astype("f4")
        X[:, names.index("doy")] = rng.uniform(120, 280, len(X))
        y = X[:, 3] * 0.4 + rng.normal(0, 0.02, len(X))
        model = XGBRegressor(n_estimators=300, max_depth=6).fit(X, y)
        TreeEnsemble.from_model(model, names).save(folder / "trees.npz")


def one(folder: Path, km: int, days: int) -> dict[str, float]:
    """Map and average a square for some days; return what it took."""
    study = study_of(folder, km, days)
    trees = TreeEnsemble.load(folder / "trees.npz")
    every = [START + timedelta(days=k) for k in range(days)]
    with (
        tempfile.TemporaryDirectory() as base,
        smgee.connect("embedded", catalog=folder / "catalog", store=Path(base) / "assets"),
    ):
        route = XeeRoute(study.predictor_set, trees)
        store = MapStore(
            Path(base) / "maps.zarr",
            days=every,
            grid=study.grid,
            identity="scaling",
            block=default_block(len(trees.feature_names)),
        )
        with PeakMemory() as memory:
            begin, busy = time.perf_counter(), time.process_time()
            map_season(store, route)
            cells = study.cells or [ease_cell_at(*study.area.center, "M09")]
            cell_means(store, cell_weights(study.grid, cells)).table(min_coverage=0.0)
            passed, busy = time.perf_counter() - begin, time.process_time() - busy
    pixels = study.grid.width * study.grid.height * days / 1e6
    return {"pixels": pixels, "wall": passed, "cpu": busy, "memory": memory.above}


def slope(x: list[float], y: list[float]) -> float:
    """Return the slope of a line through logarithms."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def main() -> None:
    """Run every size in a process of its own, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--km", default="9,36,72,144")
    parser.add_argument("--days", default="1,8,32,130")
    parser.add_argument("--most", type=float, default=np.inf, help="leave out more than this, Mpixel-days")
    parser.add_argument("--one", help="KM,DAYS: only this, as JSON")
    options = parser.parse_args()
    sides, spans = ([int(v) for v in text.split(",")] for text in (options.km, options.days))
    if options.one:
        print(json.dumps(one(options.folder, *(int(v) for v in options.one.split(",")))))
        return
    prepare(options.folder, max(sides))
    heads = ("km", "days", "Mpixel-days", "wall s", "CPU s", "CPU s/Mpixel-day", "MiB")
    print("".join(f"{head:>18}" for head in heads))
    found = {}
    for km in sides:
        for days in spans:
            if (km * 1000 / 30) ** 2 * days / 1e6 > options.most:
                continue
            command = [sys.executable, "-m", "tests.benchmarks.scaling", str(options.folder)]
            done = subprocess.run(
                [*command, "--one", f"{km},{days}"], check=True, capture_output=True, text=True
            )
            row = found[km, days] = json.loads(done.stdout.splitlines()[-1])
            values = (row["pixels"], row["wall"], row["cpu"], row["cpu"] / row["pixels"], row["memory"])
            print(f"{km:18d}{days:18d}" + "".join(f"{v:18.2f}" for v in values), flush=True)
    for what, along, keys in (
        ("days", spans, [[(km, d) for d in spans] for km in sides]),
        ("area", sides, [[(km, d) for km in sides] for d in spans]),
    ):
        if len(along) < 2:
            continue
        for key in keys:
            rows = [found[k] for k in key if k in found]
            if len(rows) < 2:
                continue
            pixels = [r["pixels"] for r in rows]
            time_slope, memory_slope = (slope(pixels, [r[k] for r in rows]) for k in ("cpu", "memory"))
            fixed = key[0][0 if what == "days" else 1]
            print(
                f"along {what} at {fixed} {'km' if what == 'days' else 'days'}: time {time_slope:.2f}, "
                f"memory {memory_slope:.2f}"
            )


if __name__ == "__main__":
    main()
