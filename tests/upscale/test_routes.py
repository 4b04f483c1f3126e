"""Both routes on the embedded Earth Engine: the same pixels however they are asked for."""

from __future__ import annotations

import pickle
from datetime import date

import ee
import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

import smgee
from smgee.eelocal.rest.faults import FaultPlan
from smgee.errors import InputError, ParityError, RemoteError
from smgee.remote import LEDGER, TooBig
from smgee.study import Study
from smgee.trees import TreeEnsemble
from smgee.upscale import (
    Block,
    MapJob,
    MapStore,
    XeeRoute,
    compare_routes,
    compare_store,
    make_route,
    map_day,
    map_season,
    pull_static,
    tiling,
)
from smgee.upscale.jobs import results
from tests.upscale.small import small_study, small_tree

DAYS = [date(2021, 7, 3), date(2021, 7, 5), date(2021, 7, 12)]  # two of one step, one of the next


@pytest.fixture(scope="module")
def study() -> Study:
    return small_study(
        {"kind": "indices", "names": ["NDVI"]},
        {"kind": "terrain", "names": ["elevation", "slope"]},
        **Study.demo().area.model_dump() | {"scale_m": 800},
    )


@pytest.fixture(scope="module")
def model(study) -> TreeEnsemble:
    return small_tree(study, depth=7)


@pytest.fixture(scope="module")
def plain(study, model) -> np.ndarray:
    """The maps in one piece each, (days, y, x)."""
    with smgee.connect():
        route = XeeRoute(study.predictor_set, model)
        return np.stack([map_day(route, day, block=10**4) for day in DAYS])


def test_maps_are_the_trees_applied_to_the_predictors(study, model, plain):
    with smgee.connect():
        place = [99.8, 37.5]
        image = study.predictor_set.image(DAYS[2])
        grid = study.grid
        values = image.reduceRegion(
            ee.Reducer.first(), ee.Geometry.Point(place), crs=grid.crs, crsTransform=list(grid.transform)
        ).getInfo()
    x, y = smgee.grid.transformer("EPSG:4326", grid.crs).transform(*place)
    col, row = (int(v) for v in ~grid.affine * (x, y))
    expected = model.predict_reference(np.array([[values[n] for n in model.feature_names]], "f4"))[0]
    assert values["doy"] == 193
    assert plain[2, row, col] == np.float32(expected) > 0


@pytest.mark.parametrize(("name", "block"), [("xee", 40), ("classifier", 40), ("classifier", 10**4)])
def test_maps_do_not_depend_on_blocks(study, model, plain, tmp_path, name, block):
    store = MapStore(tmp_path / "maps.zarr", days=DAYS, grid=study.grid, identity="x", block=block)
    with smgee.connect():
        map_season(store, make_route(name, study.predictor_set, model), area=study.area)
    tolerance = 0 if name == "xee" else 1e-6
    for k, day in enumerate(DAYS):
        found = store.read(day)
        np.testing.assert_array_equal(np.isfinite(found), np.isfinite(plain[k]))
        np.testing.assert_allclose(found, plain[k], rtol=0, atol=tolerance)
    assert np.isfinite(plain).mean() > 0.7


@pytest.mark.parametrize(("name", "kind"), [("xee", "memory"), ("classifier", "timeout")])
def test_a_refused_request_is_cut_and_the_maps_are_the_same(study, model, plain, name, kind):
    """One of these ended the mapping before."""
    job = MapJob(Block(0, 0, *study.grid.shape), tuple(DAYS))
    faults = FaultPlan(1.0, kinds=(kind,), routes=("computePixels",), limit=3)
    with smgee.connect(faults=faults):
        done = next(results([job], make_route(name, study.predictor_set, model)))
    assert faults.injected == 3
    assert done.parts > 1
    np.testing.assert_allclose(done.maps["soil_moisture"], plain, rtol=0, atol=1e-6)


def test_a_service_that_refuses_everything_is_told_with_advice(study, model):
    job_route = XeeRoute(study.predictor_set, model)
    with (
        smgee.connect(faults=FaultPlan(1.0, kinds=("memory",), routes=("computePixels",))),
        pytest.raises(TooBig, match="not even one pixel of one day can be mapped"),
    ):
        map_day(job_route, DAYS[0])


def test_a_size_that_was_refused_repeatedly_is_not_asked_for_again(study, model):
    """The first block teaches it; the others are cut without asking."""
    size = 31
    blocks = [b for b in tiling(study.grid, size) if b.size == size * size]
    faults = FaultPlan(1.0, kinds=("memory",), routes=("computePixels",), limit=2)
    with smgee.connect(faults=faults):
        jobs = [MapJob(b, (DAYS[0],)) for b in blocks]
        done = list(results(jobs[:1], route := XeeRoute(study.predictor_set, model)))
        done += list(results(jobs[1:], route))
    assert faults.injected == 2
    assert all(d.parts >= 4 for d in done)


def test_every_pixel_is_pulled_once(study, model, tmp_path):
    """Static predictors once per block and run, those of a step once per block and step, constants never."""
    store = MapStore(tmp_path / "maps.zarr", days=DAYS, grid=study.grid, identity="x", block=32)
    route = XeeRoute(study.predictor_set, model)
    with smgee.connect():
        before = LEDGER.spent()
        map_season(store, route)
        spent = LEDGER.spent() - before
    blocks = len(store.blocks)
    assert spent.requests == {"image:computePixels": blocks * (1 + 2)}
    cost = sum(
        (route.cost(MapJob(b, g)) for b in store.blocks for g in route.groups(DAYS)),
        start=route.cost(MapJob(store.blocks[0], (DAYS[0],))),
    )
    assert cost.requests == spent.n_requests
    pixels = study.grid.width * study.grid.height
    assert cost.bytes == pixels * (2 * 4 + 2 * 2 * 2)  # terrain in float32, two bands of two steps in int16
    # the answers are numpy files: a header each beside the pixels
    assert cost.bytes <= spent.bytes_down < cost.bytes * 1.3 + 30_000


def test_routes_travel(study, model, plain):
    for name in ("xee", "classifier"):
        route = pickle.loads(pickle.dumps(make_route(name, study.predictor_set, model)))
        with smgee.connect():
            found = map_day(route, DAYS[0])
        np.testing.assert_allclose(found, plain[0], rtol=0, atol=1e-6)


def test_parity_holds_and_notices_another_model(study, model, tmp_path):
    predictors = study.predictor_set
    other = TreeEnsemble.from_model(
        DecisionTreeRegressor(max_depth=2).fit(*_rows(model)), model.feature_names
    )
    store = MapStore(tmp_path / "maps.zarr", days=DAYS[:1], grid=study.grid, identity="x", block=32)
    with smgee.connect():
        xee, classifier = (make_route(n, predictors, model) for n in ("xee", "classifier"))
        map_season(store, xee)
        found = compare_store(store, classifier, DAYS[0])
        assert found.agrees
        assert found.pixels == study.grid.width * study.grid.height
        again = compare_routes(xee, classifier, DAYS[0], tiling(study.grid, 40))
        assert (again.pixels, again.valid) == (found.pixels, found.valid)
        with pytest.raises(ParityError, match="routes disagree"):
            compare_store(store, make_route("classifier", predictors, other), DAYS[0])


def _rows(model):
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, (200, len(model.feature_names))).astype("f4")
    return X, X[:, 0]


def test_static_layers_are_those_of_the_set(study):
    with smgee.connect():
        layers = pull_static(study.predictor_set, block=23)
        again = pull_static(study.predictor_set)
    assert list(layers) == ["elevation", "slope"]
    for name, layer in layers.items():
        np.testing.assert_array_equal(layer, again[name])
    assert 3000 < np.nanmean(layers["elevation"]) < 4500


def test_wrong_routes_and_models_are_told(study, model):
    with pytest.raises(InputError, match="route 'magic' is not known; choose xee or classifier"):
        make_route("magic", study.predictor_set, model)
    foreign = model.with_names([f"x{k}" for k in range(len(model.feature_names))])
    with pytest.raises(InputError, match="which the study does not build"):
        make_route("xee", study.predictor_set, foreign)
    with smgee.connect(), pytest.raises((InputError, RemoteError), match="2022-07-01"):
        map_day(make_route("xee", study.predictor_set, model), date(2022, 7, 1))
