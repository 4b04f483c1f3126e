"""The model of a day: state plus trees, and two ways to one number."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeRegressor

import smgee
from smgee.errors import InputError, MissingDataError
from smgee.models.store import TrainedModel, save_model, write_index
from smgee.study import Study
from smgee.trees import TreeEnsemble
from smgee.trees.combine import combine
from smgee.upscale import DailyModel, MapJob, NetworkSeries, make_route, map_day
from smgee.upscale.blocks import tiling
from smgee.upscale.classifier_route import map_image, send
from smgee.upscale.pull import Puller
from smgee.upscale.sampled import SampledRoute

START = date(2021, 7, 1)
STATE = pd.DataFrame(
    {
        "time": pd.to_datetime(["2021-07-01", "2021-07-02", "2021-07-05", "2021-07-06"]),
        "network_state": [0.20, 0.24, 0.18, 0.17],
        "network_change": [0.00, 0.04, -0.02, -0.01],
    }
)
FEATURES = ("network_state", "network_change", "m_nir", "doy_sin1", "slope")


def learners(seed: int) -> list[DecisionTreeRegressor]:
    """Two trees of an anomaly that look at state, calendar and place."""
    rng = np.random.default_rng(seed)
    x = np.column_stack(
        [
            rng.uniform(0.1, 0.3, 400),
            rng.normal(0, 0.03, 400),
            rng.uniform(0, 0.6, 400),
            rng.uniform(-1, 1, 400),
            rng.uniform(0, 40, 400),
        ]
    ).astype("f4")
    pull = rng.normal(0, 0.02, 5) + [0, 0, 0.04, 0, -0.04]
    y = (x - x.mean(axis=0)) / x.std(axis=0) @ pull + rng.normal(0, 0.01, 400)
    return [DecisionTreeRegressor(max_depth=4, random_state=k).fit(x, y * (k + 1)) for k in (0, 1)]


def shrunk(trees: list[DecisionTreeRegressor], weights: tuple[float, float]) -> TrainedModel:
    """The model that is deployed: a weighted sum of both, of which the state is no part."""
    parts = [TreeEnsemble.from_model(t, feature_names=FEATURES) for t in trees]
    return TrainedModel("deployed", combine(parts, weights).merge(), {"offset": "network_state"})


@given(st.integers(0, 5), st.tuples(*[st.floats(0, 1)] * 2), st.integers(0, 5), st.integers(0, 2**31 - 1))
def test_a_prediction_is_the_state_of_the_day_plus_the_shrunk_trees(seed, weights, after, places):
    trees, day = learners(seed), START + timedelta(days=after)
    daily = DailyModel.of(shrunk(trees, weights), STATE)
    rng = np.random.default_rng(places)
    own = {"m_nir": rng.uniform(0, 0.6, 30).astype("f4"), "slope": rng.uniform(0, 40, 30).astype("f4")}
    # by the libraries, from the state as the table has it, a line between days that are in it
    known = pd.DataFrame(STATE).set_index("time").resample("D").interpolate().loc[str(day)]
    angle = 2 * np.pi * day.timetuple().tm_yday / 365.25
    told = known.to_dict() | {"doy_sin1": np.sin(angle)}
    x = np.column_stack([np.broadcast_to(own.get(n, told.get(n)), 30) for n in FEATURES]).astype("f4")
    expected = np.float32(told["network_state"]) + sum(
        w * t.predict(x) for w, t in zip(weights, trees, strict=True)
    )
    # folded into trees of the day
    here = daily.for_day(day)
    assert set(here.feature_names) <= set(daily.needs)
    varying = np.column_stack([own[n] for n in here.feature_names] or [np.empty((30, 0), "f4")])
    np.testing.assert_allclose(here.predict_reference(varying), expected, atol=1e-6)
    # or told as constants, and the state added: what Earth Engine is asked for
    constants = daily.constants(day)
    names = daily.ensemble.feature_names
    columns = [np.broadcast_to(own.get(n, constants.get(n, np.nan)), 30) for n in names]
    rows = np.column_stack(columns or [np.empty((30, 0))])
    np.testing.assert_allclose(
        daily.ensemble.predict_reference(rows.astype("f4")) + daily.level(day), expected, atol=1e-6
    )


def test_a_day_without_stations_lies_on_the_line_between_its_neighbours():
    series = NetworkSeries.of(STATE.sample(frac=1, random_state=1))
    assert series.at(date(2021, 7, 4))["network_state"] == pytest.approx(0.24 + (0.18 - 0.24) * 2 / 3)
    assert series.at(date(2021, 7, 5))["network_change"] == np.float32(-0.02)
    for day in (date(2021, 6, 30), date(2021, 7, 7)):
        with pytest.raises(InputError, match="stations report from 2021-07-01 to 2021-07-06"):
            series.at(day)


def test_a_model_of_soil_moisture_itself_is_the_same_every_day():
    trees = TreeEnsemble.from_model(learners(0)[0], feature_names=FEATURES)
    for model in (trees, TrainedModel("rf", trees, {"title": "RF"})):
        daily = DailyModel.of(model)
        assert daily.for_day(START) is trees
        assert (daily.needs, daily.constants(START), daily.level(START)) == (FEATURES, {}, 0.0)
        assert daily.hash == trees.hash


def test_predictors_that_no_tree_tests_are_not_pulled():
    tree = learners(0)[0]
    wider = TreeEnsemble.from_model(
        DecisionTreeRegressor(max_depth=1).fit([[0.1, 3.0], [0.2, 3.0]], [0.0, 0.1]),
        feature_names=("m_nir", "never"),
    )
    both = combine([TreeEnsemble.from_model(tree, feature_names=FEATURES), wider], [1.0, 1.0])
    daily = DailyModel.of(TrainedModel("deployed", both, {"offset": "network_state"}), STATE)
    assert "never" in both.feature_names
    assert "never" not in daily.needs


def test_models_are_opened_with_the_state_beside_them(tmp_path):
    model = shrunk(learners(3), (0.5, 0.2))
    save_model(model, tmp_path)
    write_index(
        tmp_path, names=["deployed"], best="deployed", table_hash="", synthetic=True, chosen_by="skill"
    )
    with pytest.raises(MissingDataError, match="network's state of the day, which is not there"):
        DailyModel.open(tmp_path)
    with pytest.raises(MissingDataError, match="train the models again"):
        DailyModel.open(tmp_path / "deployed.npz")
    STATE.to_parquet(tmp_path / "state.parquet")
    for path in (tmp_path, tmp_path / "deployed.npz"):
        daily = DailyModel.open(path)
        assert daily.level(START) == np.float32(0.20)
        assert daily.hash == model.ensemble.hash
    (tmp_path / "deployed.json").unlink()
    bare = DailyModel.open(tmp_path / "deployed.npz")
    assert bare.series is None


@pytest.fixture(scope="module")
def study() -> Study:
    content = Study.demo().model_dump(mode="json") | {"start": "2021-07-01", "end": "2021-07-09"}
    content["area"] |= {"scale_m": 800}
    content["predictors"] = [
        {"kind": "place", "names": ["m_nir"], "months": [7]},
        {"kind": "terrain", "names": ["slope"]},
    ]
    return Study.parse(content)


@pytest.mark.parametrize("weights", [(0.4, 0.3), (0.0, 0.0)])
def test_both_routes_add_the_state_to_the_trees(study, weights):
    """The very maps by either route; where no tree is believed, the network's mean at every pixel."""
    daily = DailyModel.of(shrunk(learners(2), weights), STATE)
    day = date(2021, 7, 3)
    with smgee.connect():
        here, there = (
            map_day(make_route(name, study.predictor_set, daily), day) for name in ("xee", "classifier")
        )
    np.testing.assert_array_equal(np.isnan(here), np.isnan(there))
    np.testing.assert_allclose(here, there, atol=1e-6)
    assert np.isfinite(here).mean() > 0.5
    if not any(weights):
        np.testing.assert_allclose(here[np.isfinite(here)], daily.level(day), atol=1e-7)
    else:
        assert np.nanstd(here) > 1e-4


@pytest.mark.parametrize("anomaly", [True, False])
def test_no_route_draws_soil_moisture_below_0(study, anomaly):
    """A dry network, and trees that go far below it: maps by both routes, and those of many models."""
    model, day = shrunk(learners(2), (2.0, 2.0)), date(2021, 7, 3)
    dry = STATE.assign(network_state=0.01)
    if anomaly:
        daily = DailyModel.of(model, dry)
    else:
        known = {n: 0.0 for n in FEATURES if n not in ("m_nir", "slope")}
        daily = DailyModel.of(model.ensemble.specialize(known))
    predictors = study.predictor_set
    with smgee.connect():
        here, there = (map_day(make_route(name, predictors, daily), day) for name in ("xee", "classifier"))
        image = map_image(daily, day, predictors.image(day), send(daily))
        (block,) = tiling(predictors.site.grid, 10**4)
        (told,) = Puller(predictors.site.grid).pull(
            "map", block, names=["soil_moisture"], image=lambda: image
        )
        many = SampledRoute(predictors, [daily], 1).run(MapJob(block, (day,)))["0"][0]
    known = np.isfinite(here)
    assert 0.5 < known.mean() < 1.0
    assert here[known].min() == 0.0
    assert here[known].max() > 0.01
    for other in (there, many, told):
        np.testing.assert_array_equal(np.isnan(other), ~known)
        np.testing.assert_allclose(other, here, atol=1e-6)
        assert other[known].min() == 0.0


def test_a_map_of_one_number_is_not_below_0():
    below = DailyModel.of(shrunk(learners(2), (0.0, 0.0)), STATE.assign(network_state=-0.02))
    assert below.number(START) == 0.0


def test_a_long_silence_of_the_network_is_not_drawn_over():
    """Steps that the table fills without a station count as silence; a short one lies on a line."""
    time = pd.date_range("2021-07-01", "2021-08-10")
    level = np.linspace(0.2, 0.3, len(time))
    table = pd.DataFrame({"time": time, "network_state": level, "network_change": 0.0, "stations": 3})
    table.loc[5:12, "stations"] = 0
    table.loc[15:38, "stations"] = 0
    series = NetworkSeries.of(table)
    assert series.at(date(2021, 7, 9))["network_state"] == pytest.approx(level[8], abs=1e-6)
    assert series.at(date(2021, 7, 25))["network_state"] == pytest.approx(level[24], abs=1e-6)
    with pytest.raises(InputError, match="no station reports within 10 days"):
        series.at(date(2021, 7, 27))
