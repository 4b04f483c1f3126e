"""Memory is set by the block: neither days nor area add to it."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tracemalloc
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

import smgee
from smgee.cache import KEPT
from smgee.eelocal.assets.catalog import add_files
from smgee.grid import PixelGrid, ease_cell_at
from smgee.study import Study
from smgee.trees import TreeEnsemble
from smgee.upscale import MapStore, cell_means, compare_store, jobs, make_route, map_season, season_mean
from smgee.upscale.xee_route import XeeRoute
from smgee.validation import cell_weights
from tests.scenes import write_scenes

START = date(2021, 7, 1)
FEW, MANY = 8, 32  # days: one composite, and four
SMALL, LARGE = 0.02, 0.06  # sides of the area, degrees
MARGIN = 2 * 2**20
"""Bytes: what is known of each day and block (their hashes, requests, and entries of the caches). The maps of
`MANY` days of the large area take more than twice as much."""


def study_of(catalog: Path, side: float) -> Study:
    content = Study.demo().model_dump(mode="json") | {"name": "memory"}
    content |= {"start": str(START), "end": str(START + timedelta(days=MANY))}
    content["area"] = {"box": (99.78, 37.46, 99.78 + side, 37.46 + side)}
    content["backend"] = {"catalog": str(catalog)}
    content["stations"]["source"] = "network.zip"
    composite = {"sensors": ["S30"], "window_days": 8, "fill_days": 16, "step_days": 8}
    content["predictors"] = [
        {"kind": "reflectance", "bands": ["red", "nir"], "composite": composite},
        {"kind": "calendar", "allow_alias": True},
    ]
    return Study.parse(content)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    inner = study_of(folder, LARGE).grid
    step, _, west, _, _, north = inner.transform
    place = (step, 0.0, west - 10 * step, 0.0, -step, north + 10 * step)
    grid = PixelGrid(inner.crs, place, inner.width + 20, inner.height + 20)
    days = [START + timedelta(days=k) for k in range(-15, MANY + 15, 5)]
    add_files(
        folder / "catalog",
        "NASA/HLS/HLSS30/v002",
        write_scenes(folder, sensor="S30", days=days, grid=grid),
    )
    return folder / "catalog"


@pytest.fixture
def peaks(catalog, tmp_path, monkeypatch):
    """Return a function that maps days and works on the maps, and gives the peak of each in bytes."""
    monkeypatch.setattr(KEPT, "budget", 2**20)
    monkeypatch.setattr(jobs, "parallel_requests", lambda: 1)  # how two jobs meet is chance
    names = study_of(catalog, SMALL).predictor_set.names
    X = np.random.default_rng(0).uniform(0, 1, (200, len(names))).astype("f4")
    tree = DecisionTreeRegressor(max_depth=4, random_state=0).fit(X, X.mean(axis=1))
    model = TreeEnsemble.from_model(tree, names)

    def measured(n_days: int, side: float, *, block: int = 64) -> dict[str, int]:
        study = study_of(catalog, side)
        days = [START + timedelta(days=k) for k in range(n_days)]
        route: XeeRoute = make_route("xee", study.predictor_set, model)
        route.puller.keep_bytes = 2**18
        path = tmp_path / f"{n_days}_{side}_{block}.zarr"
        store = MapStore(path, days=days, grid=study.grid, identity="x", block=block)
        cells = [ease_cell_at(*study.area.center, name) for name in ("M36", "M09")]
        weights = cell_weights(study.grid, cells)
        other = make_route("classifier", study.predictor_set, model)

        found = {}
        KEPT.clear()
        gc.collect()
        gc.freeze()  # what was there before is not looked through again, nor later: it stays to the end
        # The plan of a request refers to itself; when Python sees that such garbage may go depends on how
        # much else it has made, and would be measured here.
        usual = gc.get_threshold()
        gc.set_threshold(500, 2, 2)
        for name, work in {
            "predict": lambda: map_season(store, route, area=study.area),
            "parity": lambda: compare_store(store, other, days[-1], area=study.area),
            "zonal": lambda: cell_means(store, weights),
            "mean_map": lambda: season_mean(store),
        }.items():
            gc.collect()
            tracemalloc.start()
            work()
            found[name] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        gc.set_threshold(*usual)
        assert np.isfinite(store.read(days[-1])).mean() > 0.5
        return found

    with smgee.connect(catalog=catalog):
        measured(1, SMALL)  # what is compiled and read once
        yield measured


def test_days_and_area_add_nothing(catalog, peaks):
    assert 4 * MANY * np.prod(study_of(catalog, LARGE).grid.shape) > 2 * MARGIN  # else nothing would show
    season = peaks(MANY, LARGE)
    few, narrow = peaks(FEW, LARGE), peaks(MANY, SMALL)
    for step in season:
        assert season[step] < few[step] + MARGIN, f"{step}: days are held"
        assert season[step] < narrow[step] + MARGIN, f"{step}: the area is held"


def test_reading_a_model_loads_no_library_that_trains():
    """Each of them takes tens of megabytes."""
    code = "; ".join(
        (
            "import json, sys",
            "import smgee.workflow.steps.predict, smgee.models, smgee.trees",
            "print(json.dumps(sorted(sys.modules)))",
        )
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    heavy = {"sklearn", "catboost", "xgboost", "lightgbm", "shap", "matplotlib", "geemap", "plotly"}
    assert not heavy & set(json.loads(done.stdout))
