"""One 36 km day: from ten scenes of HLS to 17 cell means, through smgee and in three ways without it.

Ten scenes in the format of HLS v2.0 (int16 COGs of 3660×3660 pixels, Fmask beside them) and heights in that
of NASADEM make 24 predictors (six bands, thirteen indices, terrain, day of the year) of 1.4 million pixels of
30 m, boosted trees (500 of depth 8) make soil moisture of them, and that is averaged over an EASE-Grid 2.0
cell of 36 km and its sixteen of 9 km. All ways run in one process, by turns, and must give the same numbers.

Run by hand: ``python -m tests.benchmarks.day [--repeats 5] [--folder KEPT]``; it needs the extra
``benchmarks``. Wall-clock time is what a user waits for; processor time holds even while other work shares
the machine. Peak memory is that of a process of its own. The last line says how many times longer than smgee
the ways by hand and with xarray take, and smgee than the same with plain rasterio, numpy and smgee's trees.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import smgee
from smgee.eelocal.assets.catalog import add_files
from smgee.machine import usable_cores
from smgee.predictors import Predictors
from smgee.predictors.indices import COMMON
from smgee.study import Study
from smgee.trees import TreeEnsemble
from smgee.upscale import Block, CellMeans, MapJob, XeeRoute, default_block, tiling
from smgee.upscale.jobs import results
from smgee.validation import cell_weights
from tests.benchmarks.day_by_hand import Task, hand_written, plain, predictors, with_xarray
from tests.benchmarks.granules import CENTER, CRS, ORIGIN, granules, register, write_scenes
from tests.benchmarks.measuring import PeakMemory, forget
from tests.scenes import write_elevation

SIZE = 3660
MASK = ("cloud", "adjacent", "shadow", "snow")
PLAIN, OURS, HAND, XARRAY = "plain", "smgee, xee route", "hand-written", "xarray"
ABOUT = {
    OURS: "smgee's xee route",
    PLAIN: "rasterio, numpy, smgee's trees",
    HAND: "rasterio, numpy, xgboost, exactextract",
    XARRAY: "odc-stac, dask, spyndex, xgboost, rasterstats",
}


def study_of(folder: Path) -> Study:
    """Return a study of the cell of 36 km in the middle of the tile, and of one step."""
    from pyproj import Transformer

    middle = ORIGIN[0] + 15 * SIZE, ORIGIN[1] - 15 * SIZE
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(*middle)
    content = Study.demo().model_dump(mode="json") | {"name": "day"}
    content |= {"start": str(CENTER - timedelta(days=4)), "end": str(CENTER + timedelta(days=4))}
    content["area"] = {"lon": lon, "lat": lat, "crs": CRS, "scale_m": 30}
    content["backend"] = {"catalog": str(folder / "catalog")}
    content["stations"]["source"] = "network.zip"
    families = Predictors.usual("absolute").model_dump(mode="json")
    families[0]["composite"] |= {"window_days": 16, "fill_days": 16}
    families[3]["allow_alias"] = True
    content["predictors"] = families
    return Study.parse(content)


def prepare(folder: Path) -> None:
    """Write scenes and heights, and register them."""
    if (folder / "dem.tif").exists():
        return
    files = write_scenes(folder, size=SIZE, days=16)
    register(folder, files)
    dem = write_elevation(folder / "dem.tif", west=-106, south=39.5, east=-103, north=42.5)
    add_files(folder / "catalog", "NASA/NASADEM_HGT/001", [dem])


def task_of(study: Study, folder: Path) -> Task:
    """Return the day in words that know nothing of smgee's routes."""
    grid = study.grid
    a, _, west, _, _, north = grid.transform
    row, col = round((ORIGIN[1] - north) / a), round((west - ORIGIN[0]) / a)
    assert min(row, col) >= 0
    assert max(row + grid.height, col + grid.width) <= SIZE
    files = sorted(folder.glob("HLS.*.tif"))
    scenes = [layers for _, layers in granules(files, CENTER - timedelta(days=8), CENTER + timedelta(days=8))]
    cells = [*study.cells, *(c for cell in study.cells for c in cell.children())]
    return Task(
        scenes=scenes,
        elevation=folder / "dem.tif",
        origin=(row, col),
        grid=grid,
        indices=tuple(COMMON),
        mask=MASK,
        doy=CENTER.timetuple().tm_yday,
        outlines=[c.polygon(grid.crs, points_per_edge=64) for c in cells],
    )


def model_of(task: Task) -> Any:
    """Return boosted trees of made-up soil moisture at 12,000 pixels."""
    from xgboost import XGBRegressor

    rng = np.random.default_rng(0)
    bands = predictors(task).reshape(len(task.indices) + 11, -1)
    some = rng.choice(np.flatnonzero(np.isfinite(bands).all(axis=0)), 12_000, replace=False)
    X = np.ascontiguousarray(bands[:, some].T)
    ndmi, height = X[:, 6 + task.indices.index("NDMI")], X[:, 6 + len(task.indices)]
    y = 0.25 + 0.6 * ndmi + 1e-4 * (height - height.mean()) + rng.normal(0, 0.02, len(X))
    return XGBRegressor(n_estimators=500, max_depth=8, learning_rate=0.05, n_jobs=usable_cores()).fit(X, y)


def through_smgee(study: Study, trees: TreeEnsemble, means: Callable[[], CellMeans]) -> Any:
    """Return the map and its means as a run makes them: pulled, predicted and averaged block by block."""
    route = XeeRoute(study.predictor_set, trees)
    cells = means()
    whole = np.empty(study.grid.shape, np.float32)
    jobs = [MapJob(b, (CENTER,)) for b in tiling(study.grid, default_block(len(study.predictors.names)))]
    for done in results(jobs, route):
        (values,) = done.maps.values()
        whole[done.job.block.slices] = values[0]
        cells.add(done.job.block, done.job.days, values)
    return whole, cells.table(min_coverage=0.0)["soil_moisture"].to_numpy()


def ways_of(folder: Path) -> dict[str, Callable[[], Any]]:
    """Return the ways, by name; the embedded Earth Engine must be connected."""
    study = study_of(folder)
    task = task_of(study, folder)
    path = folder / "trees.json"
    from xgboost import XGBRegressor

    if not path.exists():
        model_of(task).save_model(path)
    model = XGBRegressor(n_jobs=usable_cores())
    model.load_model(path)
    trees = TreeEnsemble.from_model(model, feature_names=study.predictors.names)
    weights = cell_weights(study.grid, [*study.cells, *(c for e in study.cells for c in e.children())])

    def means_of(values: np.ndarray) -> np.ndarray:
        cells = CellMeans(weights)
        for block in tiling(study.grid, study.grid.width):
            cells.add(block, (CENTER,), values[block.slices][None])
        return cells.table(min_coverage=0.0)["soil_moisture"].to_numpy()

    return {
        OURS: partial(through_smgee, study, trees, lambda: CellMeans(weights)),
        PLAIN: partial(plain, task, means_of, trees),
        HAND: partial(hand_written, task, model),
        XARRAY: partial(with_xarray, task, model),
    }


def warm_up(folder: Path) -> None:
    """Import and compile what the ways need, on a few pixels."""
    for name in ("odc.stac", "rasterstats", "xarray"):
        importlib.import_module(name)
    study = study_of(folder)
    small = study.grid.window(0, 0, 64, 64)
    bands = predictors(replace(task_of(study, folder), grid=small))
    trees = TreeEnsemble.from_model(folder / "trees.json", feature_names=study.predictors.names)
    trees.predict_bands(list(bands), keep_missing=False)
    list(results([MapJob(Block(0, 0, 64, 64), (CENTER,))], XeeRoute(study.predictor_set, trees)))
    forget()


def compared(found: Any, reference: Any) -> str:
    """Check a map and its means against others, and say how near they are.

    Predictors differ in their last digits from way to way, so that a few pixels fall on the other side of a
    threshold of the trees; heights are warped by other programs.
    """
    here, there = found[0], reference[0]
    assert (np.isnan(here) == np.isnan(there)).all()
    clear = ~np.isnan(there)
    off = np.abs(here[clear] - there[clear])
    means = float(np.abs(found[1] - reference[1]).max())
    assert means < 2e-4, means
    assert np.quantile(off, 0.9) < 1e-3, np.quantile(off, 0.9)
    return f"{(off < 1e-6).mean():.1%} of pixels within 1e-6; means within {means:.0e}"


def by_turns(ways: dict[str, Callable[[], Any]], repeats: int) -> dict[str, tuple[float, float]]:
    """Run every way in turns; return the median of wall-clock and processor time of each, s."""
    wall: dict[str, list[float]] = {name: [] for name in ways}
    work: dict[str, list[float]] = {name: [] for name in ways}
    reference: Any = None
    for turn in range(repeats + 1):
        for name, way in ways.items():
            forget()
            begin, busy = time.perf_counter(), time.process_time()
            found = way()
            passed, busy = time.perf_counter() - begin, time.process_time() - busy
            if turn:  # the first turn compiles, and warms the file cache
                wall[name].append(passed)
                work[name].append(busy)
            elif reference is None:
                reference = found
            else:
                print(f"{name}: {compared(found, reference)}", flush=True)
    return {n: (statistics.median(wall[n]), statistics.median(work[n])) for n in ways}


def main() -> None:
    """Make the scenes, run everything, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="turns after the first, which does not count")
    parser.add_argument("--folder", type=Path, help="keep the scenes here, and use those that are there")
    parser.add_argument("--ways", help="only these, by semicolon")
    parser.add_argument("--memory-of", metavar="WAY", help="print the peak memory of one way alone, MiB")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        prepare(folder)
        store = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(smgee.connect("embedded", catalog=folder / "catalog", store=store))
        ways = ways_of(folder)
        if options.ways:
            ways = {n: w for n, w in ways.items() if n in options.ways.split(";")}
        if options.memory_of is not None:
            warm_up(folder)
            with PeakMemory() as memory:
                ways[options.memory_of]()
            print(f"{memory.above:.0f}")
            return
        times = by_turns(ways, options.repeats)
        command = [sys.executable, "-m", "tests.benchmarks.day", "--folder", str(folder), "--memory-of"]
        print(f"{'':50}{'wall s':>8}{'CPU s':>8}{'peak MiB':>10}")
        for name, (wall, work) in times.items():
            peak = subprocess.run([*command, name], check=True, capture_output=True, text=True).stdout
            print(f"{name + ': ' + ABOUT[name]:50}{wall:8.2f}{work:8.2f}{int(peak):10d}", flush=True)
        if len(times) == len(ABOUT):
            for kind, k in (("processor time", 1), ("wall-clock time", 0)):
                ours, *others = (times[n][k] for n in (OURS, PLAIN, HAND, XARRAY))
                over, hand, xarray = ours / others[0], others[1] / ours, others[2] / ours
                print(f"{kind}:")
                print(f"hand-written {hand:.1f}x, xarray {xarray:.1f}x, engine over plain {over:.2f}x")


if __name__ == "__main__":
    main()
