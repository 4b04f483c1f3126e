"""Converted models predict what the library predicts, on real rows, planted rows and odd values."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from smgee.trees import TreeEnsemble
from smgee.trees.layout import is_canonical
from smgee.trees.planted import planted_rows
from tests.trees.families import FAMILIES


def tolerance(expected: np.ndarray, ensemble: TreeEnsemble) -> np.ndarray:
    """Float32 rounding of a sum of so many leaves; libraries that sum in float64 get no more than a few
    ulps of float64.
    """
    boosted32 = ensemble.metadata["family"] == "XGBoost"
    largest = np.abs(ensemble.value).max() + abs(ensemble.base_score) + np.abs(expected)
    return (
        (np.finfo(np.float32).eps if boosted32 else 4 * np.finfo(np.float64).eps)
        * largest
        * np.sqrt(ensemble.n_trees + 1)
        * 2
    )


def check(family: Any, model: Any, ensemble: TreeEnsemble, X: np.ndarray) -> None:
    expected = family.predict(model, X)
    got = ensemble.predict_reference(X)
    error = np.abs(got - expected)
    assert (error <= tolerance(expected, ensemble)).all(), (
        f"max |Δ| {error.max():.3g} in {np.count_nonzero(error > 1e-6)} rows"
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_equals_library_on_real_rows(name: str, trained: Any, table: Any) -> None:
    family, model, ensemble = trained(name)
    X = table[0] if family.missing else np.nan_to_num(table[0], nan=-9999.0)
    check(family, model, ensemble, X)
    assert is_canonical(ensemble)


@pytest.mark.parametrize("name", FAMILIES)
def test_equals_library_on_planted_rows(name: str, trained: Any, table: Any) -> None:
    family, model, ensemble = trained(name)
    X = table[0] if family.missing else np.nan_to_num(table[0], nan=-9999.0)
    check(family, model, ensemble, planted_rows(ensemble, X[:3000], limit=family.limit))


@pytest.mark.parametrize("name", FAMILIES)
def test_equals_library_on_float32_neighbours(name: str, trained: Any, table: Any) -> None:
    family, model, ensemble = trained(name)
    X = table[0] if family.missing else np.nan_to_num(table[0], nan=-9999.0)
    check(
        family, model, ensemble, planted_rows(ensemble, X[:3000], limit=family.limit, dtype="float32", seed=1)
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_equals_library_on_odd_values(name: str, trained: Any) -> None:
    family, model, ensemble = trained(name)
    rng = np.random.default_rng(5)
    odd = [0.0, -0.0, 1e-38, -1e-45, 1e-35, -1e-35, 3.4e38, -3.4e38, 1.0, 2000.0, -9999.0]
    odd += [np.inf, -np.inf] if family.infinite else []
    odd += [np.nan] * 3 if family.missing else []
    X = rng.choice(np.array(odd, dtype=np.float32), size=(4000, ensemble.n_features))
    check(family, model, ensemble, X)


def test_without_missing_values_in_training(table: Any) -> None:
    """Where no NaN was trained on, the library's prediction for NaN is still met."""
    X, y = table
    full = np.isfinite(X).all(axis=1)
    for family in FAMILIES.values():
        if not family.missing:
            continue
        model = family.train(X[full][:1000], y[full][:1000])
        check(family, model, TreeEnsemble.from_model(model), X)


@pytest.mark.parametrize("threshold", [3e-36, -3e-36, 0.0, 1e-35, -1e-35, 2e-35])
def test_lightgbm_takes_tiny_values_for_zero(threshold: float) -> None:
    """Its walk counts values up to 1e-35 as zero, so a threshold among them is one at the edge."""
    import lightgbm as lgb

    x = np.linspace(-1, 1, 200)[:, None]
    options = {"verbose": -1, "num_leaves": 2, "objective": "regression", "num_threads": 1}
    text = lgb.train(options, lgb.Dataset(x, (x[:, 0] > 0) * 1.0), 1).model_to_string()
    text = re.sub(r"(?m)^threshold=.*$", f"threshold={threshold!r}", text)
    model = lgb.Booster(model_str=re.sub(r"(?m)^tree_sizes=.*\n", "", text))
    edge = float(np.float32(1e-35))  # it is a constant in single precision there
    rows = [-1, -2e-35, -edge, np.nextafter(-edge, -1), np.nextafter(-edge, 1), -3e-36, -0.0]
    rows += [0.0, 1e-36, 3e-36, np.nextafter(edge, 0), edge, np.nextafter(edge, 1), 2e-35, 1, np.nan]
    ensemble = TreeEnsemble.from_model(model)
    expected = model.predict(np.array(rows)[:, None])
    np.testing.assert_array_equal(ensemble.predict_reference(np.array(rows)[:, None]), expected)
    assert len(set(expected)) == 2
