"""Intervals for places without a station: CV+ over stations, scaled by difficulty, never below 0.

Every station's errors come from the model that has not seen it, and that same model's prediction at the new
place goes with them (CV+; Barber, Candès, Ramdas & Tibshirani 2021, Ann. Stat. 49, 486-507), so the residuals
of one model are never applied to another. Errors are divided by how hard the row is (they grow with soil
moisture), and their lower and upper ends are taken apart, so an interval may be asymmetric.

A station of a thousand days tells no more of the next station than one of a hundred: each is told by the same
number of quantiles of its own errors (`POINTS`), which weigh alike. An end of the interval is then one value
in order of size among some dozens, which a map can afford at every pixel, here and on Earth Engine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from smgee.errors import InputError

POINTS = 20
"""Quantiles that tell a station's errors."""

_FLOOR = 0.3  # least difficulty, as a share of the usual one
_CHUNK = 16_384  # pixels whose candidates stand in memory at once


@dataclass(frozen=True, eq=False)
class StationInterval:
    """What an interval is made of.

    Parameters
    ----------
    points : (s, POINTS) float64
        Quantiles, ascending, of each station's errors: observed minus predicted while it was left out,
        divided by the difficulty of the row.
    fold : (s,) int
        Fold of every station, whose model made these errors.
    difficulty : (3,) float64
        Expected |error| = a + b · prediction, and the least it may be, m³ m⁻³.
    level : float
        Share of days to be covered.
    coverage : float
        Share of days covered at held-out stations, each judged by the errors of all others; NaN where those
        are too few for the level.
    width : float
        Mean width there, m³ m⁻³; NaN likewise.
    """

    points: np.ndarray
    fold: np.ndarray
    difficulty: np.ndarray
    level: float
    coverage: float
    width: float

    @property
    def folds(self) -> int:
        """How many models an interval is made of."""
        return int(self.fold.max()) + 1

    @property
    def rank(self) -> int:
        """Place of either end among all candidates, counted from outside; 0 where none reaches the level."""
        return _rank(self.level, len(self.points))

    def tails(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Errors of a fold's stations that may become the lower or the upper end, each ascending."""
        every = np.sort(self.points[self.fold == k], axis=None)
        return every[: self.rank], every[max(len(every) - self.rank, 0) :]

    def bounds(self, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Interval of new places.

        Parameters
        ----------
        predicted : (k, …) or (m,) array
            Predictions of the models of the k folds, m³ m⁻³; rows of one model where only the deployed one is
            at hand.

        Returns
        -------
        (low, high) : tuple of (…) float64
            m³ m⁻³; `high` is infinite with too few stations for the level; NaN where a prediction is.

        Raises
        ------
        InputError
            If there are predictions of another number of models.
        """
        rows = np.asarray(predicted, dtype="f8")
        if rows.ndim < 2:
            rows = np.broadcast_to(rows, (self.folds, *rows.shape))
        if len(rows) != self.folds:
            raise InputError(
                f"Predictions of {len(rows)} models were given; the interval takes those of its {self.folds} "
                "folds."
            )
        flat = rows.reshape(self.folds, -1)
        low, high = np.zeros(flat.shape[1]), np.full(flat.shape[1], np.inf)
        if self.rank:
            tails = [self.tails(k) for k in range(self.folds)]
            for start in range(0, flat.shape[1], _CHUNK):
                part = flat[:, start : start + _CHUNK]
                size = difficulty_at(self.difficulty, part)
                for side, out in enumerate((low, high)):
                    values = [m + d * t[side][:, None] for m, d, t in zip(part, size, tails, strict=True)]
                    candidates = np.concatenate(values)
                    at = self.rank - 1 if side == 0 else len(candidates) - self.rank
                    out[start : start + _CHUNK] = np.partition(candidates, at, axis=0)[at]
        unknown = np.isnan(flat).any(axis=0)
        low[unknown], high[unknown] = np.nan, np.nan
        return np.maximum(low, 0.0).reshape(rows.shape[1:]), high.reshape(rows.shape[1:])


def _rank(level: float, stations: int) -> int:
    """Place of an end among the points of so many stations, counted from outside; 0 where none reaches it.

    Every one of s stations carries mass 1/(s + 1), and one more such mass lies at either infinity for the
    station not yet seen (Dunn, Wasserman & Ramdas 2023, J. Am. Stat. Assoc. 118, 2491-2502).
    """
    needed = math.ceil((1.0 + level) / 2.0 * POINTS * (stations + 1) - 1e-9)
    return max(stations * POINTS - needed + 1, 0)


def attainable(stations: int) -> float:
    """The highest level that so many stations can promise."""
    return max(1.0 - 2.0 / (stations + 1), 0.0)


def difficulty_at(difficulty: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Expected |error| of predictions, m³ m⁻³."""
    return np.maximum(difficulty[0] + difficulty[1] * predicted, difficulty[2])


def fit_difficulty(predicted: np.ndarray, error: np.ndarray, station: np.ndarray) -> np.ndarray:
    """Line of |error| on the prediction, every station of equal weight; its slope is never negative.

    Returns
    -------
    (3,) float64
        Offset, slope, and a share of the usual difficulty below which none is taken to fall.
    """
    weight = 1.0 / np.bincount(station)[station]
    size = np.abs(error)
    mean_x, mean_y = np.average(predicted, weights=weight), np.average(size, weights=weight)
    spread = float((weight * (predicted - mean_x) ** 2).sum())
    slope = float((weight * (predicted - mean_x) * (size - mean_y)).sum()) / spread if spread > 0 else 0.0
    slope = max(slope, 0.0)
    return np.array([mean_y - slope * mean_x, slope, max(_FLOOR * mean_y, 1e-6)])


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

    Raises
    ------
    InputError
        If the level lies outside 0..1, there are fewer than two folds, or a station lies in several.
    """
    if not 0.0 < level < 1.0:
        raise InputError(f"A level of {level} was asked for; it lies between 0 and 1, such as 0.9.")
    _, index = np.unique(station, return_inverse=True)
    _, part = np.unique(fold, return_inverse=True)
    if part.max(initial=0) < 1:
        raise InputError("Intervals need stations left out in at least two folds.")
    home = np.zeros(index.max() + 1, dtype=int)
    home[index] = part
    if (home[index] != part).any():
        raise InputError("A station was left out in several folds; give folds of whole stations.")
    error = observed - predicted
    line = fit_difficulty(predicted, error, index)
    points = _points(error / difficulty_at(line, predicted), index)
    covered, width = np.full(len(home), np.nan), np.full(len(home), np.nan)
    for s in range(len(home)) if _rank(level, len(home) - 1) else ():
        own = index == s
        rest = np.delete(points, s, axis=0)
        others = StationInterval(rest, np.zeros(len(rest), dtype=int), line, level, math.nan, math.nan)
        low, high = others.bounds(predicted[own])
        covered[s] = ((observed[own] >= low) & (observed[own] <= high)).mean()
        width[s] = (high - low).mean()
    return StationInterval(
        points, home, line, level, coverage=float(covered.mean()), width=float(width.mean())
    )


def _points(error: np.ndarray, station: np.ndarray) -> np.ndarray:
    """Quantiles of every station's errors, (stations, POINTS)."""
    share = (np.arange(POINTS) + 0.5) / POINTS
    return np.stack([np.quantile(error[station == s], share) for s in np.unique(station)])
