"""The same trees with other leaf values, against forests of scikit-learn that say themselves which leaf a row
reaches.
"""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor

from smgee.models.leaves import leaf_quantile, leaf_stations
from smgee.trees import TreeEnsemble


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4)).astype("f4")
    station = rng.integers(0, 12, 400)
    y = 0.2 + 0.05 * x[:, 0] + rng.normal(0, 0.02, 400)
    return x, y, station, rng.normal(0.01, 0.03, 400)


def test_stations_behind_a_pixel_are_those_of_its_leaves(rows):
    x, y, station, _ = rows
    forest = RandomForestRegressor(15, max_depth=4, random_state=1).fit(x, y)
    trees = leaf_stations(TreeEnsemble.from_model(forest, list("abcd")), x, station)
    new = np.random.default_rng(2).normal(size=(30, 4)).astype("f4")
    home, at = forest.apply(x), forest.apply(new)
    by_hand = [
        np.mean([len(set(station[home[:, t] == at[i, t]])) for t in range(15)]) for i in range(len(new))
    ]
    np.testing.assert_allclose(trees.predict_reference(new), by_hand)
    np.testing.assert_allclose(trees.predict(new), by_hand, atol=1e-5)


def weighted(error: np.ndarray, station: np.ndarray, share: float) -> float:
    """Smallest error that at least a share of the mass does not exceed, station by station."""
    names = set(station)
    mass = np.array([1 / len(names) / (station == s).sum() for s in station])
    order = np.argsort(error)
    return float(error[order][np.cumsum(mass[order]) >= share - 1e-9][0])


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_quantiles_of_a_forests_leaves(rows, share):
    x, y, station, error = rows
    forest = RandomForestRegressor(9, max_depth=3, random_state=3).fit(x, y)
    trees = leaf_quantile(TreeEnsemble.from_model(forest, list("abcd")), x, error, station, share)
    new = np.random.default_rng(4).normal(size=(20, 4)).astype("f4")
    home, at = forest.apply(x), forest.apply(new)
    by_hand = forest.predict(new) + [
        np.mean(
            [
                weighted(error[home[:, t] == at[i, t]], station[home[:, t] == at[i, t]], share)
                for t in range(9)
            ]
        )
        for i in range(len(new))
    ]
    np.testing.assert_allclose(trees.predict_reference(new), by_hand, atol=1e-7)


def test_boosted_trees_are_summed_and_their_quantiles_averaged(rows):
    x, y, station, error = rows
    model = GradientBoostingRegressor(n_estimators=12, max_depth=2, random_state=0).fit(x, y)
    ensemble = TreeEnsemble.from_model(model, list("abcd"))
    trees = leaf_quantile(ensemble, x, error, station, 0.9)
    home = model.apply(x).reshape(len(x), -1)
    by_hand = model.predict(x[:10]) + [
        np.mean(
            [
                weighted(error[home[:, t] == home[i, t]], station[home[:, t] == home[i, t]], 0.9)
                for t in range(12)
            ]
        )
        for i in range(10)
    ]
    np.testing.assert_allclose(trees.predict_reference(x[:10]), by_hand, atol=1e-6)


def test_a_leaf_that_nobody_reaches_takes_everyones_quantile(rows):
    x, y, station, error = rows
    forest = RandomForestRegressor(3, max_depth=3, random_state=3).fit(x, y)
    ensemble = TreeEnsemble.from_model(forest, list("abcd"))
    few = x[:, 0] < 0
    trees = leaf_quantile(ensemble, x[few], error[few], station[few], 0.5)
    alone = leaf_quantile(ensemble, x[few], np.full(few.sum(), 0.07), station[few], 0.5)
    assert np.isfinite(trees.predict(x)).all()
    np.testing.assert_allclose(alone.predict_reference(x) - ensemble.predict_reference(x), 0.07, atol=1e-7)
