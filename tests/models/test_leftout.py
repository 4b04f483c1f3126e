"""The deployed model without some stations: as if they had never been there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeRegressor

from smgee.errors import InputError
from smgee.estimators import ESTIMATORS, make
from smgee.models import Effort, NetworkTable, TrainingTable, Uncertainty, leave_out, load_model, train_run
from smgee.models.crossval import cross_validate
from smgee.models.deployment import predict_rows, state_series
from smgee.models.features import MAPPED, build_features
from smgee.models.fitted import fit_choice
from smgee.models.holdout import all_rows
from smgee.models.leftout import refit_rows
from smgee.models.nested import Choice
from smgee.models.outer import FINAL_ROWS
from smgee.models.problem import make_problem
from smgee.trees import TreeEnsemble
from tests.models.networks import frame

COLUMNS = {"target": "sm", "predictors": ["rain", "ndvi"], "static": ["clay"], "groups": MAPPED}


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return frame(stations=22, days=24, seed=2)


@pytest.fixture(scope="module")
def trained(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    effort = Effort(trials=0, folds=2, judging=3, search=False, absolute=False)
    result = train_run(
        NetworkTable.from_frame(rows, **COLUMNS),
        families=("xgboost", "ert"),
        designs=("station",),
        folds=3,
        effort=effort,
    )
    result.save(folder)
    return folder / "models", result


@pytest.fixture(scope="module")
def found(rows, trained) -> Uncertainty:
    models, _ = trained
    table = NetworkTable.from_frame(rows, **COLUMNS)
    return leave_out(table, load_model(models), models, varied=["ndvi", "clay", "rain"])


def test_without_a_station_is_a_network_that_never_had_it(rows, trained, found):
    """Trees and state are those of an explicit fit on a table from which its rows are gone."""
    models, _ = trained
    choice = Choice.restore(load_model(models).record["chosen"])
    for one in found.stations[3], found.stations[17]:
        table = NetworkTable.from_frame(rows[rows["station"] != one.without[0]], **COLUMNS)
        problem = make_problem(table, all_rows(table), build_features(table), most_rows=FINAL_ROWS)
        fitted = fit_choice(problem, choice, seed=0)
        trees = fitted.trees(choice.deployed)
        x = problem.x[:, problem.columns(one.trees.feature_names)]
        assert trees.feature_names == one.trees.feature_names
        np.testing.assert_allclose(trees.predict(x), one.trees.predict(x), atol=1e-7)
        pd.testing.assert_frame_equal(pd.DataFrame(state_series(problem)), one.state)
    assert [s.without for s in found.stations] == [(name,) for name in sorted(set(rows["station"]))]


def test_a_choice_that_was_written_down_makes_the_deployed_trees_again(rows, trained):
    models, result = trained
    model = load_model(models)
    table = NetworkTable.from_frame(rows, **COLUMNS)
    problem = make_problem(table, all_rows(table), build_features(table), most_rows=FINAL_ROWS)
    choice = Choice.restore(model.record["chosen"])
    assert fit_choice(problem, choice, seed=0).trees(choice.deployed).hash == model.ensemble.hash
    assert choice.describe() == result.certificate["chosen"]


def test_errors_of_the_interval_are_those_that_were_scored(trained, found):
    """The models of the folds say again, of the stations they have not seen, what the scores rest on."""
    _, result = trained
    scored = result.predictions.query("model == 'deployed' and design == 'station'")
    both = found.rows.merge(scored, on=["station", "time"], suffixes=("", "_scored"))
    assert len(both) == len(scored) == len(found.rows)
    np.testing.assert_allclose(both["predicted"], both["predicted_scored"], atol=1e-6)
    assert found.interval.coverage == pytest.approx(result.interval.coverage, abs=1e-3)
    assert f"held {found.interval.coverage:.0%} of the days at stations left out" in found.words()


def test_what_is_kept_is_read_back(found, tmp_path):
    found.save(tmp_path)
    again = Uncertainty.load(tmp_path)
    assert again.model == found.model
    assert again.words() == found.words()
    assert [o.trees.hash for o in again.stations] == [o.trees.hash for o in found.stations]
    pd.testing.assert_frame_equal(again.folds[1].state, found.folds[1].state)
    pd.testing.assert_frame_equal(again.rows, found.rows)
    x = np.random.default_rng(0).normal(size=(5, len(found.area.predictors)))
    np.testing.assert_array_equal(again.area.distances(x), found.area.distances(x))
    maps = np.random.default_rng(1).uniform(0.1, 0.3, (3, 6))
    np.testing.assert_array_equal(again.interval.bounds(maps), found.interval.bounds(maps))
    assert {n: t.hash for n, t in again.leaves.items()} == {n: t.hash for n, t in found.leaves.items()}


def test_what_is_below_0_is_scored_as_0(rows, table: TrainingTable):
    """As maps draw it: by the state and trees, by trees alone, and in cross-validation."""
    network = NetworkTable.from_frame(rows, **COLUMNS)
    problem = make_problem(network, all_rows(network), build_features(network))
    usual = float(np.median(problem.state))
    stump = DecisionTreeRegressor().fit([[0.0], [1.0]], [-usual, -usual])
    trees = TreeEnsemble.from_model(stump, feature_names=("network_state",))
    found = predict_rows(trees, problem, np.arange(len(problem.state)))
    np.testing.assert_allclose(found, np.maximum(problem.state - usual, 0.0), atol=1e-6)
    assert found.min() == 0.0
    below = replace(table, y=np.maximum(table.y - np.median(table.y), 0.0).astype(table.y.dtype))
    (one,) = refit_rows(below, ESTIMATORS["xgboost"], [["S01", "S02", "S03"]], seed=3)
    crossed = cross_validate(below, models=["xgboost"], designs=["station"], folds=3)
    for predicted in (one.rows["predicted"], crossed.query("model == 'XGBoost'")["predicted"]):
        assert predicted.min() == 0.0
        assert predicted.max() > 0.01


def test_models_of_soil_moisture_itself(table: TrainingTable):
    """A family is fitted again on the rows of the other stations, and on nothing else."""
    groups = [["S01"], ["S04", "S05"]]
    for group, one in zip(groups, refit_rows(table, ESTIMATORS["xgboost"], groups, seed=3), strict=True):
        out = np.isin(table.station, group)
        model = make("xgboost", seed=3, n_jobs=1).fit(table.x[~out], table.y[~out])
        np.testing.assert_allclose(one.rows["predicted"], model.predict(table.x[out]), atol=1e-6)
        np.testing.assert_array_equal(one.rows["observed"], table.y[out])
        assert set(one.rows["station"]) == set(group)
        assert one.state is None


def test_a_model_of_the_anomaly_needs_the_networks_table(table, trained):
    models, _ = trained
    with pytest.raises(InputError, match="do not fit"):
        leave_out(table, load_model(models), models, varied=["ndvi"])
