"""Models of every family, trained once a session on real rows (synthetic ones where the real data is
absent).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from smgee.trees import TreeEnsemble
from tests.trees.families import BANDS, FAMILIES, Family, real_table


def synthetic_table() -> tuple[np.ndarray, np.ndarray]:
    """Rows of the shape, gaps and order of magnitude of the real ones; 1,000 of them have no gap."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(6000, len(BANDS))).astype(np.float32) * np.float32(500) + np.float32(2000)
    X[rng.random(X.shape) < 0.15] = np.nan
    return X, 0.2 + 0.05 * np.tanh((np.nan_to_num(X[:, 3], nan=2000) - 2000) / 500) + rng.normal(
        size=6000
    ) * 0.02


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Predictors (rows, 11) float32 with NaN, target (rows,)."""
    try:
        folder = request.getfixturevalue("real_data")
    except pytest.skip.Exception:
        return synthetic_table()
    return real_table(folder)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Keep OpenMP from spinning on processors that other tests use; small models gain nothing from
    threads.
    """
    import lightgbm  # noqa: F401 (its OpenMP has to be loaded to be limited)
    import sklearn.ensemble  # noqa: F401

    with threadpool_limits(1, user_api="openmp"):
        yield


@pytest.fixture(scope="session")
def trained(table: tuple[np.ndarray, np.ndarray]) -> Any:
    """A function from the name of a family to (family, model, ensemble)."""

    @cache
    def get(name: str) -> tuple[Family, Any, TreeEnsemble]:
        family = FAMILIES[name]
        X, y = table
        if not family.missing:
            X = np.nan_to_num(X, nan=-9999.0)
        model = family.train(X[:3000], y[:3000])
        return family, model, TreeEnsemble.from_model(model, feature_names=BANDS)

    return get
