"""Area of applicability: where a model is asked about conditions that it has been trained on.

Meyer & Pebesma (2021), Methods Ecol. Evol. 12, 1620-1633. Outside of it the cross-validated error says
nothing about the map. Beside it stands how many stations a pixel resembles, as the local point density of the
R package CAST does it, which tells one lucky neighbour from ten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from smgee.errors import InputError, MissingDataError
from smgee.models.table import TrainingTable
from smgee.trees import TreeEnsemble

_CHUNK = 4096  # rows of a block of pairwise distances
_MOST_POINTS = 2000  # training conditions that are kept


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
        Distinct training rows, scaled and weighted, those of one station together.
    station : (n,) int
        Station of each, ascending from 0.
    mean_distance : float
        Mean distance between pairs of them.
    threshold : float
        Largest dissimilarity inside the area.
    predictors : tuple of str
        Names, in column order.
    """

    centre: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    points: np.ndarray
    station: np.ndarray
    mean_distance: float
    threshold: float
    predictors: tuple[str, ...]

    def distances(self, x: ArrayLike) -> np.ndarray:
        """Distance of rows to the nearest training row of every station, over the mean distance between
        training rows.

        Parameters
        ----------
        x : (m, p) array_like
            Predictors, in the order of `predictors`.

        Returns
        -------
        (m, stations) float64
            NaN where a predictor is missing.

        Raises
        ------
        InputError
            If `x` has another number of columns.
        """
        from scipy.spatial.distance import cdist

        rows = np.asarray(x)
        if rows.ndim != 2 or rows.shape[1] != len(self.predictors):
            raise InputError(
                f"Rows of shape {rows.shape} were given; the area of applicability takes (rows, "
                f"{len(self.predictors)})."
            )
        first = np.flatnonzero(np.diff(self.station, prepend=-1))
        out = np.empty((len(rows), len(first)))
        for i in range(0, len(rows), _CHUNK):
            scaled = (rows[i : i + _CHUNK].astype("f8") - self.centre) / self.scale * self.weights
            every = cdist(scaled, self.points) / self.mean_distance
            out[i : i + _CHUNK] = np.minimum.reduceat(every, first, axis=1)
        return out

    def dissimilarity(self, x: ArrayLike) -> np.ndarray:
        """Dissimilarity index of rows, shape (m,): 0 at a training row, NaN where a predictor is missing."""
        return self.distances(x).min(axis=1)

    def inside(self, x: ArrayLike) -> np.ndarray:
        """Whether rows lie inside the area, shape (m,) bool; False where a predictor is missing."""
        return self.dissimilarity(x) <= self.threshold

    def density(self, x: ArrayLike) -> np.ndarray:
        """Number of stations with a training row no further away than the threshold, shape (m,) int."""
        return (self.distances(x) <= self.threshold).sum(axis=1)


def sensitivity(ensemble: TreeEnsemble, x: np.ndarray, *, seed: int = 0) -> dict[str, float]:
    """Importance of predictors: root mean square change of the prediction when a column is dealt anew among
    the rows, in the unit of the target, by name.

    Parameters
    ----------
    x : (n, p) array
        Training rows, columns in the order of the ensemble's predictors.
    """
    rng = np.random.default_rng(seed)
    plain = ensemble.predict(x)
    found = {}
    for j, name in enumerate(ensemble.feature_names):
        dealt = x.copy()
        dealt[:, j] = x[rng.permutation(len(x)), j]
        found[name] = float(np.sqrt(((ensemble.predict(dealt) - plain) ** 2).mean()))
    return found


def area_of_applicability(
    table: TrainingTable,
    *,
    importance: ArrayLike,
    folds: ArrayLike,
    predictors: Sequence[str] | None = None,
) -> Applicability:
    """The area of applicability of a model.

    The threshold is the upper whisker (the largest value not above the third quartile plus 1.5 interquartile
    ranges) of the dissimilarity of training rows to rows of other folds, so it is the dissimilarity that the
    cross-validation has really tested. Rows of one station that do not differ in any predictor count once:
    a station does not get nearer by being measured longer.

    Parameters
    ----------
    table : TrainingTable
        What the model was trained on.
    importance : (p,) array_like
        Importance of each predictor, such as its `sensitivity`; any scale.
    folds : (n,) array_like
        Fold of each row in the cross-validation with stations left out.
    predictors : sequence of str, optional
        Those that distance is told by, such as all that vary within a map; all by default.

    Raises
    ------
    InputError
        If importance or folds do not fit the table, or there is only one fold.
    MissingDataError
        If rows have missing predictors, or no predictor both varies and matters.
    """
    from scipy.spatial.distance import cdist

    names = table.predictors if predictors is None else tuple(predictors)
    weight, fold = np.asarray(importance, dtype="f8"), np.asarray(folds)
    if weight.shape != (len(names),) or not np.isfinite(weight).all() or (weight < 0).any():
        raise InputError(
            f"Importance of shape {weight.shape} was given; give one number, not negative, per predictor "
            f"({len(names)})."
        )
    if fold.shape != (len(table),) or len(np.unique(fold)) < 2:
        raise InputError(
            f"Folds of shape {fold.shape} were given; give the fold of each of the {len(table)} rows, at "
            "least two."
        )
    x = table.x[:, [table.predictors.index(name) for name in names]].astype("f8")
    if not np.isfinite(x).all():
        raise MissingDataError(
            "Some training rows have missing predictors, so no distance between them can be told; leave them "
            "out."
        )
    station = np.unique(table.station, return_inverse=True)[1]
    part = np.unique(fold, return_inverse=True)[1]
    distinct = np.unique(np.column_stack([station, part, x]), axis=0)
    distinct = distinct[:: -(-len(distinct) // _MOST_POINTS)]
    station = np.unique(distinct[:, 0], return_inverse=True)[1]
    part, x = distinct[:, 1], distinct[:, 2:]
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
    between = cdist(points, points)
    mean_distance = float(between.sum()) / (len(points) * (len(points) - 1))
    between[part[:, None] == part] = np.inf
    tested = between.min(axis=1) / mean_distance
    low, high = np.quantile(tested, [0.25, 0.75])
    threshold = float(tested[tested <= high + 1.5 * (high - low)].max())
    return Applicability(centre, scale, weights, points, station, mean_distance, threshold, names)
