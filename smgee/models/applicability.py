"""Area of applicability: where a model is asked about conditions that it has been trained on.

Meyer & Pebesma (2021), Methods Ecol. Evol. 12, 1620-1633. Outside of it the cross-validated error says
nothing about the map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from smgee.errors import InputError, MissingDataError
from smgee.models.table import TrainingTable

_CHUNK = 1024  # rows of a block of pairwise distances


@dataclass(frozen=True, eq=False)
class Applicability:
    """Dissimilarity of predictors to the training rows, and the threshold beyond which a model should not be
    trusted.

    Parameters
    ----------
    centre, scale : (p,) float64
        Mean and standard deviation of each predictor over the training rows.
    weights : (p,) float64
        Importance of each predictor, 1 on average.
    points : (n, p) float64
        Training rows, scaled and weighted.
    mean_distance : float
        Mean distance between pairs of training rows.
    threshold : float
        Largest dissimilarity inside the area.
    predictors : tuple of str
        Names, in column order.
    """

    centre: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    points: np.ndarray
    mean_distance: float
    threshold: float
    predictors: tuple[str, ...]

    def dissimilarity(self, x: ArrayLike, *, workers: int = 1) -> np.ndarray:
        """Dissimilarity index of rows: distance to the nearest training row over the mean distance between
        training rows.

        Parameters
        ----------
        x : (m, p) array_like
            Predictors, in the order of `predictors`.
        workers : int
            Threads.

        Returns
        -------
        (m,) float64
            0 at a training row; NaN where a predictor is missing.

        Raises
        ------
        InputError
            If `x` has another number of columns.
        """
        from scipy.spatial import cKDTree

        rows = np.asarray(x, dtype="f8")
        if rows.ndim != 2 or rows.shape[1] != len(self.predictors):
            raise InputError(
                f"Rows of shape {rows.shape} were given; the area of applicability takes (rows, "
                f"{len(self.predictors)})."
            )
        out = np.full(len(rows), np.nan)
        complete = np.isfinite(rows).all(axis=1)
        if complete.any():
            scaled = (rows[complete] - self.centre) / self.scale * self.weights
            out[complete] = cKDTree(self.points).query(scaled, workers=workers)[0] / self.mean_distance
        return out

    def inside(self, x: ArrayLike, *, workers: int = 1) -> np.ndarray:
        """Whether rows lie inside the area, shape (m,) bool; False where a predictor is missing."""
        return self.dissimilarity(x, workers=workers) <= self.threshold


def area_of_applicability(table: TrainingTable, *, importance: ArrayLike, folds: ArrayLike) -> Applicability:
    """The area of applicability of a model.

    The threshold is the upper whisker (the largest value not above the third quartile plus 1.5 interquartile
    ranges) of the dissimilarity of training rows to rows of other folds, so it is the dissimilarity that the
    cross-validation has really tested.

    Parameters
    ----------
    table : TrainingTable
        What the model was trained on.
    importance : (p,) array_like
        Importance of each predictor, such as its mean |SHAP|; any scale.
    folds : (n,) array_like
        Fold of each row in the cross-validation with stations left out.

    Returns
    -------
    Applicability

    Raises
    ------
    InputError
        If importance or folds do not fit the table, or there is only one fold.
    MissingDataError
        If rows have missing predictors, or no predictor both varies and matters.
    """
    from scipy.spatial import cKDTree
    from scipy.spatial.distance import cdist

    weight, fold = np.asarray(importance, dtype="f8"), np.asarray(folds)
    if weight.shape != (len(table.predictors),) or not np.isfinite(weight).all() or (weight < 0).any():
        raise InputError(
            f"Importance of shape {weight.shape} was given; give one number, not negative, per predictor "
            f"({len(table.predictors)})."
        )
    if fold.shape != (len(table),) or len(np.unique(fold)) < 2:
        raise InputError(
            f"Folds of shape {fold.shape} were given; give the fold of each of the {len(table)} rows, at "
            "least two."
        )
    x = table.x.astype("f8")
    if not np.isfinite(x).all():
        raise MissingDataError(
            "Some training rows have missing predictors, so no distance between them can be told; leave them "
            "out."
        )
    centre, scale = x.mean(axis=0), x.std(axis=0)
    used = (scale > 0) & (weight > 0)
    if not used.any():
        raise MissingDataError(
            "No predictor both varies and matters to the model, so there is no area of applicability to tell."
        )
    # A predictor that did not vary in training says nothing about distance: weight 0. The others keep a mean
    # weight of 1.
    weights = np.where(used, weight, 0.0) / weight[used].mean()
    scale = np.where(scale > 0, scale, 1.0)
    points = (x - centre) / scale * weights
    total = sum(float(cdist(points[i : i + _CHUNK], points).sum()) for i in range(0, len(points), _CHUNK))
    mean_distance = total / (len(points) * (len(points) - 1))
    tested = np.empty(len(points))
    for k in np.unique(fold):
        held_out = fold == k
        tested[held_out] = cKDTree(points[~held_out]).query(points[held_out])[0] / mean_distance
    low, high = np.quantile(tested, [0.25, 0.75])
    threshold = float(tested[tested <= high + 1.5 * (high - low)].max())
    return Applicability(centre, scale, weights, points, mean_distance, threshold, table.predictors)
