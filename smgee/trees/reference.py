"""Prediction written for clearness: every tree walked as the definition of `TreeEnsemble` says. The oracle
of the fast kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from smgee.errors import InputError
from smgee.trees.ensemble import LEAF, TreeEnsemble


def as_matrix(ensemble: TreeEnsemble, X: Any) -> np.ndarray:
    """Return predictors as a (rows, features) array, columns picked by name from a table; refuse what the
    model cannot take.
    """
    columns = getattr(X, "columns", None)
    if columns is not None:
        absent = [n for n in ensemble.feature_names if n not in columns]
        if absent:
            raise InputError(
                f"The table lacks the predictors {', '.join(absent)}; give columns of these names."
            )
        X = X[list(ensemble.feature_names)].to_numpy()
    X = np.asarray(X)
    if X.ndim != 2 or X.shape[1] != ensemble.n_features:
        raise InputError(
            f"Predictors of shape {X.shape} were given; the ensemble takes (rows, {ensemble.n_features})."
        )
    if not ensemble.allows_missing and np.isnan(X.astype(np.float64, copy=False)).any():
        raise InputError(
            "The predictors hold NaN, which this model refuses; drop or fill the rows, or train with missing "
            "values."
        )
    return X


def leaves(ensemble: TreeEnsemble, X: Any) -> np.ndarray:
    """Return the node index of the leaf that each row reaches in each tree. Shape (rows, trees) int32."""
    with np.errstate(over="ignore"):
        x = as_matrix(ensemble, X).astype(ensemble.threshold_dtype)
        threshold = ensemble.threshold.astype(ensemble.threshold_dtype)
    rows = np.arange(len(x))
    result = np.empty((len(x), ensemble.n_trees), dtype=np.int32)
    for t, root in enumerate(ensemble.roots):
        node = np.full(len(x), root, dtype=np.int64)
        active = rows[ensemble.feature[node] != LEAF]
        while len(active):
            at = node[active]
            value, cut = x[active, ensemble.feature[at]], threshold[at]
            goes_left = value < cut if ensemble.comparison == "lt" else value <= cut
            goes_left = np.where(np.isnan(value), ensemble.missing_left[at], goes_left)
            node[active] = np.where(goes_left, ensemble.left[at], ensemble.right[at])
            active = active[ensemble.feature[node[active]] != LEAF]
        result[:, t] = node
    return result


def predict(ensemble: TreeEnsemble, X: Any) -> np.ndarray:
    """Return base score plus sum or mean of the leaves reached. Shape (rows,) float64, in the unit of the
    target.
    """
    reached = leaves(ensemble, X)
    total = np.zeros(len(reached))
    for t in range(ensemble.n_trees):
        total += ensemble.value[reached[:, t]]
    return ensemble.base_score + (total / ensemble.n_trees if ensemble.aggregation == "mean" else total)
