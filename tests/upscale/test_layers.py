"""Layers of uncertainty and applicability: the same on both routes, and what they say they are."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from pyproj import Geod
from scipy.spatial.distance import cdist
from sklearn.ensemble import RandomForestRegressor

import smgee
from smgee.errors import InputError
from smgee.grid import transformer
from smgee.models import TrainingTable
from smgee.models.leftout import LeftOut
from smgee.models.store import TrainedModel
from smgee.models.uncertainty import Uncertainty, _bundle
from smgee.study import Study
from smgee.trees import TreeEnsemble
from smgee.upscale import (
    CROSS_FITTED,
    LAYERS,
    Block,
    DailyModel,
    LayerModels,
    MapJob,
    SampledRoute,
    XeeRoute,
    make_layers,
    nearest_place,
    sampled_grid,
    sampled_means,
)
from smgee.upscale.layers import MOST_POINTS
from smgee.validation import cell_weights, standard_errors, zonal_means

DAYS = (date(2021, 7, 3), date(2021, 7, 12))  # of two steps
NAMES = [f"S{k:02d}" for k in range(12)]
FOLDS = 3


@pytest.fixture(scope="module")
def study() -> Study:
    content = Study.demo().model_dump(mode="json")
    content |= {"name": "layers", "start": "2021-07-01", "end": "2021-07-17"}
    content["area"] |= {"scale_m": 1000}
    content["predictors"] = [
        {
            "kind": "reflectance",
            "bands": ["red", "nir"],
            "composite": {"window_days": 4, "fill_days": 4, "step_days": 8},
        },
        {"kind": "terrain", "names": ["elevation", "slope"]},
    ]
    return Study.parse(content)


def rows_of(study: Study, rng: np.random.Generator) -> pd.DataFrame:
    """Rows of stations over conditions like those of the map."""
    spread = {"elevation": (3300, 3600), "slope": (0, 12), "red": (0, 0.3), "nir": (0, 0.5)}
    rows = pd.DataFrame({"station": np.repeat(NAMES, 6)})
    rows["time"] = np.tile(pd.date_range("2021-07-01", periods=6, freq="3D"), len(NAMES))
    for name in study.predictor_set.names:
        static = name in ("elevation", "slope")
        values = rng.uniform(*spread[name], len(NAMES) if static else len(rows))
        rows[name] = np.repeat(values, 6) if static else values
    return rows


def uncertainty(study: Study, *, anomaly: bool) -> tuple[DailyModel, Uncertainty]:
    """Small forests trained with and without stations; of the anomaly, told a state that differs by model."""
    rng = np.random.default_rng(5)
    rows = rows_of(study, rng)
    names = tuple(study.predictor_set.names)
    told = ("network_state", *names) if anomaly else names
    steps = pd.date_range("2021-07-01", "2021-07-17", freq="D")

    def series(shift: float) -> pd.DataFrame:
        course = 0.2 + shift + 0.03 * np.sin(np.arange(len(steps)) / 3)
        return pd.DataFrame(
            {"time": steps, "network_state": course, "network_change": course - course.mean()}
        )

    y = 0.25 + 1e-4 * (rows["elevation"] - 3600) + rng.normal(0, 0.03, len(NAMES)).repeat(6)
    target = (y - 0.2 if anomaly else y).to_numpy()

    def fit(use: np.ndarray, state: pd.DataFrame) -> TreeEnsemble:
        x = table(state)[use]
        forest = RandomForestRegressor(4, max_depth=4, random_state=0).fit(x, target[use])
        return TreeEnsemble.from_model(forest, list(told))

    def table(state: pd.DataFrame) -> np.ndarray:
        known = state.set_index("time").loc[rows["time"], "network_state"].to_numpy()
        return rows.assign(network_state=known)[list(told)].to_numpy("f4")

    def without(group: list[str], shift: float) -> LeftOut:
        state = series(shift)
        out = rows["station"].isin(group).to_numpy()
        trees = fit(~out, state)
        predicted = trees.predict_reference(table(state)[out]) + (0.2 if anomaly else 0.0)
        left = rows.loc[out, ["station", "time"]].assign(observed=y[out], predicted=predicted)
        return LeftOut(tuple(group), trees, state if anomaly else None, left.reset_index(drop=True))

    everything = fit(np.ones(len(rows), bool), series(0.0))
    record = {"offset": "network_state" if anomaly else None, "title": "forest", "seed": 0}
    model = TrainedModel("rf", everything, record)
    training = TrainingTable(
        x=table(series(0.0)),
        y=target,
        station=rows["station"].to_numpy(str),
        time=rows["time"].to_numpy(),
        predictors=told,
        target="sm",
        anomaly=anomaly,
    )
    found = _bundle(
        training,
        model,
        [without(NAMES[k::FOLDS], 0.004 * k) for k in range(FOLDS)],
        [without([name], 0.001 * k) for k, name in enumerate(NAMES)],
        varied=names,
        level=0.8,
        leaves=True,
    )
    return DailyModel.of(model, series(0.0)), found


@pytest.fixture(scope="module", params=["anomaly", "absolute"])
def drawn(request, study):
    """Models and their layers by both routes, over the whole area."""
    deployed, told = uncertainty(study, anomaly=request.param == "anomaly")
    models = LayerModels.of(deployed, told, tuple(LAYERS))
    job = MapJob(Block(0, 0, *study.grid.shape), DAYS)
    with smgee.connect():
        routes = [make_layers(name, study.predictor_set, models) for name in ("xee", "classifier")]
        found = [pickle.loads(pickle.dumps(route)).run(job) for route in routes]
        single = {
            id(model): XeeRoute(study.predictor_set, model).run(job)["soil_moisture"].astype("f8")
            for model in models.models
        }
        source = XeeRoute(study.predictor_set, deployed).source
        bands = source.pull(job) if set(models.told.area.predictors) <= set(source.names) else None
    return models, found, single, bands


def test_both_routes_draw_the_same_layers(drawn):
    models, (here, there), _, _ = drawn
    assert list(here) == list(there) == [v.name for v in models.variables]
    assert len(here) == 9
    for name, values in here.items():
        np.testing.assert_array_equal(np.isnan(values), np.isnan(there[name]), err_msg=name)
        np.testing.assert_allclose(values, there[name], rtol=0, atol=1e-6, err_msg=name)
        assert np.isfinite(values).mean() > 0.3
        assert np.nanmax(values) > np.nanmin(values)


def test_the_error_is_the_jackknife_of_maps_drawn_one_by_one(drawn):
    models, (here, _), single, _ = drawn
    maps = np.stack([single[id(m)] for m in models.stations])
    n = len(NAMES)
    by_hand = np.sqrt((n - 1) / n * ((maps - maps.mean(axis=0)) ** 2).sum(axis=0))
    np.testing.assert_allclose(here["standard_error"], by_hand, atol=1e-6)


def test_the_interval_is_in_order_among_all_candidates(drawn):
    models, (here, _), single, _ = drawn
    interval = models.told.interval
    a, b, least = interval.difficulty
    maps = np.stack([single[id(m)] for m in models.folds])
    candidates = [
        maps[interval.fold[s]] + e * np.maximum(a + b * maps[interval.fold[s]], least)
        for s in range(len(NAMES))
        for e in interval.points[s]
    ]
    every = np.sort(np.stack(candidates), axis=0)
    every[:, np.isnan(maps).any(axis=0)] = np.nan  # a model of the interval does not know the pixel
    # thirteen masses, the last at infinity: a tenth beyond either end
    needed = int(np.ceil(0.9 * 20 * 13 - 1e-9))
    np.testing.assert_allclose(here["upper"], every[needed - 1], atol=1e-6)
    np.testing.assert_allclose(here["lower"], np.maximum(every[len(every) - needed], 0), atol=1e-6)


def test_leaves_are_told_the_state_and_counted_without_it(drawn):
    models, (here, _), single, _ = drawn
    for name, model in models.leaves.items():
        expected = single[id(model)]
        expected = np.maximum(expected, 0) if name == "leaf_lower" else expected
        np.testing.assert_allclose(here[name], expected, atol=1e-6)
    known = np.isfinite(here["leaf_stations"])
    assert (here["leaf_stations"][known] >= 1).all()
    assert (here["leaf_stations"][known] <= len(NAMES)).all()
    assert (here["leaf_lower"] <= here["leaf_upper"])[known].all()


def test_dissimilarity_is_the_nearest_training_row(drawn):
    models, (here, _), _, bands = drawn
    if bands is None:
        pytest.skip("the deployed trees of this case test fewer predictors than distance is told by")
    area = models.told.area
    for k, day in enumerate(DAYS):
        x = np.stack([np.asarray(bands[day, n]).ravel() for n in area.predictors], axis=1).astype("f8")
        known = np.isfinite(x).all(axis=1)
        scaled = (x[known] - area.centre) / area.scale * area.weights
        every = cdist(scaled, area.points) / area.mean_distance
        found = {name: here[name][k].ravel() for name in ("dissimilarity", "applicability", "density")}
        np.testing.assert_array_equal(np.isfinite(found["dissimilarity"]), known)
        np.testing.assert_allclose(found["dissimilarity"][known], every.min(axis=1), atol=1e-6)
        np.testing.assert_array_equal(found["applicability"][known], every.min(axis=1) <= area.threshold)
        near = [len(set(area.station[row <= area.threshold])) for row in every]
        np.testing.assert_array_equal(found["density"][known], near)


def test_means_of_cells_without_each_station(drawn, study):
    """With every pixel sampled: the means of whole maps; else of one pixel in each square. And those of the
    map that is put together of them.
    """
    models, _, single, _ = drawn
    rng = np.random.default_rng(3)
    cells = [study.cell]
    for step in (1, 3):
        grid = sampled_grid(study.grid, step)
        weights = cell_weights(grid, cells)
        nearest = rng.integers(0, len(NAMES), grid.shape)
        with smgee.connect():
            found = sampled_means(
                SampledRoute(study.predictor_set, models.stations, step, nearest=nearest),
                weights,
                DAYS,
                names=NAMES,
                block=20,
                min_coverage=0.1,
            )
        maps = {
            name: {
                day: single[id(m)][k][step // 2 :: step, step // 2 :: step][: grid.height, : grid.width]
                for k, day in enumerate(DAYS)
            }
            for name, m in zip(NAMES, models.stations, strict=True)
        }
        for name in NAMES:
            expected = zonal_means(maps[name], weights, min_coverage=0.1)
            own = found[found["name"] == name]
            np.testing.assert_allclose(own["soil_moisture"], expected["soil_moisture"], atol=1e-6)
        picked = {day: np.choose(nearest, [maps[name][day] for name in NAMES]) for day in DAYS}
        own = found[found["name"] == CROSS_FITTED]
        expected = zonal_means(picked, weights, min_coverage=0.1)
        np.testing.assert_allclose(own["soil_moisture"], expected["soil_moisture"], atol=1e-6)
        found = found[found["name"] != CROSS_FITTED]
        table = standard_errors(found.rename(columns={"name": "station"}))
        wide = found.pivot(index="date", columns="name", values="soil_moisture")
        np.testing.assert_allclose(
            table["standard_error"], wide.std(axis=1, ddof=0) * np.sqrt(len(NAMES) - 1), atol=1e-12
        )


def test_the_nearest_station_is_that_on_the_ground(study):
    grid = sampled_grid(study.grid, 3)
    rng = np.random.default_rng(1)
    west, south, east, north = study.cell.polygon("EPSG:4326").bounds
    lon, lat = rng.uniform(west, east, 9), rng.uniform(south, north, 9)
    found = nearest_place(grid, lon, lat)
    x, y = grid.centers()
    px, py = transformer(grid.crs, "EPSG:4326").transform(x, y)
    geod = Geod(ellps="WGS84")
    shape = px.shape
    away = np.stack(
        [geod.inv(np.full(shape, u), np.full(shape, v), px, py)[2] for u, v in zip(lon, lat, strict=True)]
    )
    assert found.shape == grid.shape
    assert (found == away.argmin(axis=0)).mean() > 0.995  # a plane and the ellipsoid differ by a hair


def test_what_cannot_be_drawn_is_left_out_or_refused(study):
    deployed, told = uncertainty(study, anomaly=False)
    few = replace(told, interval=replace(told.interval, level=0.99), area=None, stations=(), leaves={})
    assert LayerModels.of(deployed, few, tuple(LAYERS)).variables == ()
    with pytest.raises(InputError, match="choose from interval"):
        LayerModels.of(deployed, told, ("width",))
    with pytest.raises(InputError, match="another model"):
        LayerModels.of(deployed, replace(told, model="x"), ("interval",))
    area = told.area
    many = replace(area, points=np.zeros((MOST_POINTS + 1, 4)), station=np.zeros(MOST_POINTS + 1, int))
    models = LayerModels.of(deployed, replace(told, area=many), ("density",))
    with pytest.raises(InputError, match="applicability and density need distances to 501"):
        make_layers("classifier", study.predictor_set, models)
