"""The state of the network, and that a station's own values never reach what is predicted for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smgee.models.baselines import predict_baselines
from smgee.models.features import build_features
from smgee.models.fitted import fit_choice, predict_all
from smgee.models.holdout import HOLDOUTS, all_rows
from smgee.models.nested import Effort, choose
from smgee.models.problem import make_problem
from smgee.models.state import network_state, recent_change, station_effects
from tests.models.networks import network


def test_without_gaps_the_state_is_the_mean_of_the_others():
    rng = np.random.default_rng(0)
    y = rng.random((6, 20))
    state = network_state(y, days=np.arange(20.0))
    for i in range(6):
        np.testing.assert_allclose(state[i], np.delete(y, i, axis=0).mean(axis=0), atol=1e-12)


def test_a_wet_station_that_falls_silent_leaves_no_step():
    rng = np.random.default_rng(1)
    course = 0.2 + 0.05 * np.sin(np.arange(60) / 6)
    effects = np.array([-0.06, -0.02, 0.0, 0.02, 0.14])
    y = course + effects[:, None] + rng.normal(0, 1e-4, (5, 60))
    y[4, 30:] = np.nan
    state = network_state(y, days=np.arange(60.0))[0]
    error = state - (course + effects[1:].mean())
    plain = np.nanmean(y[1:], axis=0) - (course + effects[1:].mean())
    assert np.abs(plain[30:]).mean() > 0.03  # what a plain mean does
    assert np.abs(error).max() < 0.008


def test_effects_are_those_of_least_squares():
    rng = np.random.default_rng(2)
    y = rng.random((5, 12))
    y[rng.random(y.shape) < 0.3] = np.nan
    known = np.argwhere(np.isfinite(y))
    design = np.zeros((len(known), 5 + 12))
    design[np.arange(len(known)), known[:, 0]] = 1.0
    design[np.arange(len(known)), 5 + known[:, 1]] = 1.0
    solved = np.linalg.lstsq(design, y[np.isfinite(y)], rcond=None)[0][:5]
    np.testing.assert_allclose(station_effects(y, shrink=1e-9), solved - solved.mean(), atol=1e-6)


def test_steps_without_any_other_station_are_bridged_in_time():
    y = np.array([[0.1, 0.2, 0.3, 0.4], [0.2, np.nan, np.nan, 0.5]])
    state = network_state(y, days=np.array([0.0, 1.0, 2.0, 3.0]))
    np.testing.assert_allclose(state[0], [0.2, 0.3, 0.4, 0.5])


def test_recent_change_is_against_the_days_before():
    state = np.array([[1.0, 2.0, 3.0, 4.0]])
    np.testing.assert_allclose(recent_change(state, np.array([0.0, 1, 2, 30]), window=10), [[0, 1, 1.5, 1]])


@pytest.mark.parametrize("design", list(HOLDOUTS))
def test_own_values_never_reach_a_prediction(design):
    rows = network(stations=12, days=400 if design == "year" else 90, gaps=0.05)
    changed_station = 3
    folds = HOLDOUTS[design].split(rows, 3, 0)
    own = rows.station == changed_station
    seen = 0
    for fold in folds:
        mine = fold.test & own
        if not mine.any():
            continue
        seen += 1
        other = replace(rows, y=np.where(mine, rows.y * 7.0 + 5.0, rows.y))
        for a, b in zip([fold, *_inner(rows, fold)[:1]], [fold, *_inner(other, fold)[:1]], strict=True):
            first, second = make_problem(rows, a), make_problem(other, b)
            check = first.test[mine[first.test]] if a is fold else first.test
            where = np.isin(first.test, check)
            np.testing.assert_array_equal(first.x[check], second.x[check])
            np.testing.assert_array_equal(first.x[first.train], second.x[second.train])
            np.testing.assert_array_equal(first.anomaly[first.train], second.anomaly[second.train])
            again = predict_baselines(second)
            for name, values in predict_baselines(first).items():
                np.testing.assert_array_equal(values[where], again[name][where], err_msg=name)
    assert seen


def _inner(table, fold):
    return fold.inside(table, folds=3, seed=0)


def test_own_values_never_reach_an_inner_prediction():
    rows = network(days=40)
    fold = HOLDOUTS["station"].split(rows, 4, 0)[0]
    for inner in fold.inside(rows, folds=3, seed=1):
        other = replace(rows, y=np.where(inner.test, rows.y + 100.0, rows.y))
        first, second = make_problem(rows, inner), make_problem(other, inner)
        np.testing.assert_array_equal(first.x[first.test], second.x[second.test])
        np.testing.assert_array_equal(first.anomaly[first.train], second.anomaly[second.train])


def test_a_whole_nested_choice_is_blind_to_the_stations_held_out():
    rows = network(days=30)
    fold = HOLDOUTS["station"].split(rows, 4, 0)[1]
    other = replace(rows, y=np.where(fold.test, 3.0 * rows.y + 1.0, rows.y))
    effort = Effort(trials=6, folds=3, judging=3)
    out = []
    for table in (rows, other):
        features = build_features(table)
        choice = choose(table, fold, features, families=("xgboost", "rf"), effort=effort, seed=0)
        out.append(predict_all(fit_choice(make_problem(table, fold, features), choice, seed=0)))
    for name, values in out[0].items():
        np.testing.assert_array_equal(values, out[1][name], err_msg=name)


def test_training_rows_are_paired_with_the_state_of_the_others():
    rows = network(days=30)
    problem = make_problem(rows, all_rows(rows))
    own = rows.station == 2
    other = replace(rows, y=np.where(own, 0.9, rows.y))
    again = make_problem(other, all_rows(other))
    np.testing.assert_array_equal(problem.state[own], again.state[own])
    assert (problem.state[~own] != again.state[~own]).all()
