"""A line in steps: ridge regression on predictors cut into equal steps, which is a sum of small trees.

What trees of a few dozen stations tell poorly, a slope along one predictor, a line tells well. Cut into steps
it is an ensemble of one tree per predictor, so it goes wherever trees go: the kernel, Earth Engine, SHAP.
Beyond the values it has seen it stays where it was, instead of going on along the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smgee.errors import InputError
from smgee.trees.ensemble import LEAF, TreeEnsemble
from smgee.trees.layout import assemble

PENALTIES = tuple(float(p) for p in np.logspace(-2.0, 2.0, 9))
"""Penalties per row to choose from: a predictor alone keeps from 99 % to 1 % of its slope."""


class SteppedRidge:
    """Ridge regression (Hoerl & Kennard 1970, Technometrics 12, 55-67) on standardised predictors in steps.

    Parameters
    ----------
    penalty : float, optional
        Penalty per row: a predictor that stands alone keeps ``1 / (1 + penalty)`` of its slope. Per row,
        because rows of one station are near copies of each other, and more of them know no more. Left out,
        the one of `PENALTIES` is taken that errs least at groups left out.
    steps : int
        Steps between the smallest and the largest value of a predictor; a power of 2 makes even trees.

    Attributes
    ----------
    penalty_ : float
        The penalty used.
    slope_ : (p,) float64
        Target units per unit of each predictor.
    cuts_ : (p, steps - 1) float32
        Upper ends of the steps; a value equal to one belongs to the step below.
    value_ : (p, steps) float64
        What each step of a predictor adds.
    base_ : float
        Mean of the target.
    """

    def __init__(self, *, penalty: float | None = None, steps: int = 64):
        if penalty is not None and not penalty >= 0:
            raise InputError(f"A penalty of {penalty!r} was given; it must be 0 or more.")
        if not (isinstance(steps, int) and steps >= 2):
            raise InputError(f"{steps!r} steps were asked for; at least 2 are needed.")
        self.penalty, self.steps = penalty, steps

    def fit(self, X: np.ndarray, y: np.ndarray, *, groups: np.ndarray | None = None) -> SteppedRidge:
        """Fit it.

        Parameters
        ----------
        X : (n, p) array
            Finite; taken as float32.
        y : (n,) array
        groups : (n,) array, optional
            Station of every row; needed where the penalty is to be chosen.
        """
        x, y = np.asarray(X, dtype="f4"), np.asarray(y, dtype="f8")
        if x.ndim != 2 or len(x) != len(y) or not len(y):
            raise InputError(f"Predictors of shape {x.shape} do not go with {y.shape} targets.")
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise InputError("A predictor or target is not a finite number; leave out such rows.")
        low, high = x.min(axis=0).astype("f8"), x.max(axis=0).astype("f8")
        edges = np.linspace(low, high, self.steps + 1)  # (steps + 1, p)
        self.cuts_ = edges[1:-1].T.astype("f4")
        middle = 0.5 * (edges[1:] + edges[:-1]).T
        seen = middle[np.arange(x.shape[1])[None, :], self._step(x)]
        centre, scale = seen.mean(axis=0), seen.std(axis=0)
        unit = np.where(scale > 1e-12 * np.maximum(np.abs(centre), 1e-30), scale, np.inf)
        self.base_ = float(y.mean())
        z, left = (seen - centre) / unit, y - y.mean()
        self.penalty_ = _choose_penalty(z, left, groups) if self.penalty is None else float(self.penalty)
        self.slope_ = _slopes(z, left, [self.penalty_])[0] / unit
        self.value_ = self.slope_[:, None] * (middle - centre[:, None])
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions, shape (n,) float64."""
        step = self._step(np.asarray(X, dtype="f4"))
        return self.base_ + self.value_[np.arange(step.shape[1])[None, :], step].sum(axis=1)

    def trees(self, feature_names: Sequence[str]) -> TreeEnsemble:
        """The same as trees, one for every predictor with a slope."""
        used = [j for j in range(len(self.slope_)) if self.slope_[j] != 0.0]
        trees = [_balanced(j, self.cuts_[j], self.value_[j]) for j in used]
        return assemble(
            trees or [_balanced(0, np.empty(0, "f4"), np.zeros(1))],
            feature_names=tuple(feature_names),
            comparison="le",
            threshold_dtype="float32",
            aggregation="sum",
            base_score=self.base_,
            allows_missing=False,
            metadata={"family": "ridge in steps"},
        )

    def _step(self, x: np.ndarray) -> np.ndarray:
        """Step of every value, shape of `x`."""
        return np.stack([np.searchsorted(cuts, x[:, j]) for j, cuts in enumerate(self.cuts_)], axis=1)


def _choose_penalty(z: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> float:
    """The one of `PENALTIES` with the least square error at groups left out, in at most five folds."""
    names, index = np.unique(groups if groups is not None else np.zeros(len(y)), return_inverse=True)
    if len(names) < 2:
        raise InputError(
            "A penalty is chosen at stations left out; give the station of every row, of two or more."
        )
    fold = index % min(5, len(names))
    error = np.zeros(len(PENALTIES))
    for k in range(fold.max() + 1):
        kept, out = fold != k, fold == k
        for p, slope in enumerate(_slopes(z[kept], y[kept], PENALTIES)):
            error[p] += float(((y[out] - z[out] @ slope) ** 2).sum())
    return PENALTIES[int(error.argmin())]


def _slopes(z: np.ndarray, y: np.ndarray, penalties: Sequence[float]) -> list[np.ndarray]:
    """Slopes of ridge regression for several penalties per row, from one decomposition."""
    values, vectors = np.linalg.eigh(z.T @ z / len(y))
    right = vectors.T @ (z.T @ y / len(y))
    return [vectors @ (right / (np.maximum(values, 0.0) + max(p, 1e-9))) for p in penalties]


def _balanced(feature: int, cuts: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    """One tree that finds the step of a predictor by halving; step k holds ``cuts[k - 1] < x <= cuts[k]``."""
    nodes: list[tuple[float, int, int, float]] = []

    def grow(first: int, last: int) -> int:
        here = len(nodes)
        nodes.append((0.0, LEAF, LEAF, float(values[first])))
        if first < last:
            middle = (first + last) // 2
            nodes[here] = (float(cuts[middle]), grow(first, middle), grow(middle + 1, last), 0.0)
        return here

    grow(0, len(values) - 1)
    threshold, left, right, value = (np.array(column) for column in zip(*nodes, strict=True))
    return {
        "feature": np.full(len(nodes), feature),
        "threshold": threshold,
        "left": left,
        "right": right,
        "value": value,
    }
