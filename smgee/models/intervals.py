"""Intervals for places without a station: CV+ over stations, scaled by difficulty, never below 0.

Every station's errors come from the model that has not seen it, and that same model's prediction at the new
place goes with them (CV+; Barber, Candès, Ramdas & Tibshirani 2021, Ann. Stat. 49, 486-507), so the residuals
of one model are never applied to another. Errors are divided by how hard the row is (they grow with soil
moisture), pooled with equal weight per station, and their lower and upper ends are taken apart, so an
interval may be asymmetric.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smgee.errors import InputError

_FLOOR = 0.3  # least difficulty, as a share of the usual one


@dataclass(frozen=True, eq=False)
class StationInterval:
    """What an interval is made of.

    Parameters
    ----------
    error : (n,) float64
        Observed minus predicted at stations left out, divided by the difficulty of the row.
    station, fold : (n,) int
        Of every error.
    difficulty : (2,) float64
        Expected |error| = a + b · prediction, m³ m⁻³.
    level : float
        Share of days to be covered.
    coverage : float
        Share covered at held-out stations, each judged by the stations of the other folds.
    width : float
        Mean width there, m³ m⁻³.
    """

    error: np.ndarray
    station: np.ndarray
    fold: np.ndarray
    difficulty: np.ndarray
    level: float
    coverage: float
    width: float

    def bounds(self, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Interval of new places.

        Parameters
        ----------
        predicted : (k, m) or (m,) array
            Predictions of the models of the k folds; one row where only the deployed model is at hand.

        Returns
        -------
        (low, high) : tuple of (m,) float64
            m³ m⁻³; `high` is infinite with too few stations for the level.
        """
        rows = np.atleast_2d(np.asarray(predicted, dtype="f8"))
        by_fold = rows if len(rows) > 1 else np.repeat(rows, int(self.fold.max()) + 1, axis=0)
        # the offset of every fold's model moves its stations' errors along
        low, high = np.empty(rows.shape[1]), np.empty(rows.shape[1])
        for j in range(rows.shape[1]):
            centre = by_fold[self.fold, j]
            value = centre + self.error * difficulty_at(self.difficulty, centre)
            low[j], high[j] = station_quantiles(value, self.station, self.level)
        return np.maximum(low, 0.0), high


def difficulty_at(difficulty: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Expected |error| of predictions, m³ m⁻³."""
    usual = max(float(difficulty[0] + difficulty[1] * np.mean(predicted)), 1e-6)
    return np.maximum(difficulty[0] + difficulty[1] * predicted, _FLOOR * usual)


def fit_difficulty(predicted: np.ndarray, error: np.ndarray, station: np.ndarray) -> np.ndarray:
    """Line of |error| on the prediction, every station of equal weight; its slope is never negative."""
    count = np.bincount(station)
    weight = 1.0 / count[station]
    size = np.abs(error)
    mean_x, mean_y = np.average(predicted, weights=weight), np.average(size, weights=weight)
    spread = float((weight * (predicted - mean_x) ** 2).sum())
    slope = float((weight * (predicted - mean_x) * (size - mean_y)).sum()) / spread if spread > 0 else 0.0
    slope = max(slope, 0.0)
    return np.array([mean_y - slope * mean_x, slope])


def station_quantiles(value: np.ndarray, station: np.ndarray, level: float) -> tuple[float, float]:
    """Lower and upper end that hold a new station's value at `level`.

    Every one of k stations carries mass 1/(k + 1), and one more such mass lies at either infinity for the
    station not yet seen (Dunn, Wasserman & Ramdas 2023, J. Am. Stat. Assoc. 118, 2491-2502).
    """
    names, index, count = np.unique(station, return_inverse=True, return_counts=True)
    weight = 1.0 / (count[index] * (len(names) + 1))
    order = np.argsort(value, kind="stable")
    mass = np.cumsum(weight[order])
    tail = (1.0 - level) / 2.0
    top = int(np.searchsorted(mass, 1.0 - tail - 1e-12))
    from_above = np.cumsum(weight[order][::-1])
    bottom = int(np.searchsorted(from_above, 1.0 - tail - 1e-12))
    high = float(value[order][top]) if top < len(order) else float("inf")
    low = float(value[order][::-1][bottom]) if bottom < len(order) else float("-inf")
    return low, high


def fit_interval(
    predicted: np.ndarray,
    observed: np.ndarray,
    station: np.ndarray,
    fold: np.ndarray,
    *,
    level: float = 0.9,
) -> StationInterval:
    """Make the interval from predictions at stations left out.

    Parameters
    ----------
    predicted, observed : (n,) array
        m³ m⁻³.
    station : (n,) array
        Labels.
    fold : (n,) int
        Fold whose model made the prediction; a station lies in one fold.
    level : float

    Returns
    -------
    StationInterval

    Raises
    ------
    InputError
        If the level lies outside 0..1, or there are fewer than two folds.
    """
    if not 0.0 < level < 1.0:
        raise InputError(f"A level of {level} was asked for; it lies between 0 and 1, such as 0.9.")
    _, index = np.unique(station, return_inverse=True)
    if len(np.unique(fold)) < 2:
        raise InputError("Intervals need stations left out in at least two folds.")
    error = observed - predicted
    covered, width = np.zeros(len(error)), np.zeros(len(error))
    for k in np.unique(fold):
        out = fold == k
        known = ~out
        line = fit_difficulty(predicted[known], error[known], index[known])
        scaled = error[known] / difficulty_at(line, predicted[known])
        low, high = station_quantiles(scaled, index[known], level)
        size = difficulty_at(line, predicted[out])
        bottom, top = np.maximum(predicted[out] + low * size, 0.0), predicted[out] + high * size
        covered[out] = (observed[out] >= bottom) & (observed[out] <= top)
        width[out] = top - bottom
    each = np.bincount(index, covered) / np.bincount(index)
    line = fit_difficulty(predicted, error, index)
    return StationInterval(
        error=error / difficulty_at(line, predicted),
        station=index,
        fold=np.asarray(fold, dtype=int),
        difficulty=line,
        level=level,
        coverage=float(each.mean()),
        width=float(width.mean()),
    )
