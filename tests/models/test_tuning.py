"""The search for settings: seeded, resumable, pruned, stopped early at stations left out, shrinking."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from smgee.models.candidates import BOOSTED, STAGES, Candidate
from smgee.models.features import build_features
from smgee.models.holdout import all_rows
from smgee.models.problem import make_problem
from smgee.models.tuning import Inner, fit_stages, loss, tune
from tests.models.networks import network

NAMES = ("network_state", "ndvi_mean", "clay", "rain_rel", "rain_api90_rel")


@pytest.fixture(scope="module")
def inner() -> Inner:
    table = network(stations=12, days=30)
    features = build_features(table)
    folds = all_rows(table).inside(table, folds=3, seed=0)
    return Inner([make_problem(table, fold, features) for fold in folds])


def search(inner, trials, folder=None):
    return tune("xgboost", inner, "whole", NAMES, trials=trials, seed=3, storage=folder)


def test_a_search_that_stopped_finds_what_it_would_have_found(inner, tmp_path):
    whole = search(inner, 14)
    search(inner, 1, tmp_path)
    search(inner, 6, tmp_path)
    assert search(inner, 14, tmp_path) == whole
    assert whole.trials == 14
    journal = JournalStorage(JournalFileBackend(str(next(tmp_path.glob("*.log")))))
    trials = optuna.load_study(study_name="search", storage=journal).trials
    tried = [tuple(t.params.values()) for t in trials]
    assert len(set(tried)) == len(tried) == 14
    assert trials[0].params["penalty"] == 100.0  # the usual settings come first
    cut = [t for t in trials if t.state.name == "PRUNED"]
    assert cut
    assert all(len(t.intermediate_values) < len(inner.problems) for t in cut)


def test_a_search_goes_on_after_half_a_line(inner, tmp_path):
    whole = search(inner, 5)
    search(inner, 3, tmp_path)
    log = next(tmp_path.glob("*.log"))
    log.write_bytes(log.read_bytes()[:-25])
    assert search(inner, 5, tmp_path) == whole


def test_the_number_of_trees_is_that_which_errs_least_at_stations_left_out(inner):
    tuned = search(inner, 6)
    candidate = Candidate("again", "xgboost", dict(tuned.candidate.settings))
    staged = [fit_stages(candidate, p, "whole", NAMES, seed=3) for p in inner.problems]
    losses = loss("whole", inner.truth("whole"), np.concatenate(staged, axis=1))
    assert tuned.candidate.settings["trees"] == STAGES[int(losses.argmin())]
    assert tuned.value == pytest.approx(float(losses.min()))


@pytest.mark.parametrize("family", BOOSTED)
def test_the_space_reaches_next_to_nothing(inner, family):
    """The most cautious settings predict less than a tenth of what varies."""
    problem = inner.problems[0]
    least = {"depth": 2, "leaf": 5.0, "columns": 0.15, "rows": 0.3, "rate": 0.02, "penalty": 500.0}
    predicted = fit_stages(Candidate("least", family, least), problem, "whole", NAMES, seed=0)[0]
    assert predicted.std() < 0.1 * problem.anomaly[problem.train].std()
