"""Errors of three or more data sets whose truth nobody knows.

Data sets that see one signal, each with an error of its own that goes with nothing else, tell their errors by
their covariances (Stoffelen 1998, J. Geophys. Res. 103:7755-7766; in this notation Gruber et al. 2016, Int.
J. Appl. Earth Obs. 45:200-211). Of four and more, pairs may have errors that go together (extended
collocation, Gruber et al. 2016, J. Geophys. Res. Atmos. 121:1208-1219).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from numpy.typing import ArrayLike

from smgee.errors import InputError
from smgee.metrics.pairing import vectors
from smgee.metrics.resamplers import MIN_PAIRS, MovingBlocks

FIGURES = ("error", "scaled_error", "beta", "snr", "r")
"""Figures of a data set that come with an interval."""


@dataclass(frozen=True)
class Collocated:
    """What collocation says of one data set.

    Attributes
    ----------
    signal : float
        Variance of the signal in it.
    error : float
        Standard deviation of its error, in its own unit; NaN where its variance comes out negative.
    scaled_error : float
        The same in the unit and scale of the first data set.
    beta : float
        Factor that scales it to the first data set.
    snr : float
        Signal-to-noise ratio of variances, dB.
    r : float
        Correlation with the truth (McColl et al. 2014, Geophys. Res. Lett. 41:6229-6236).
    intervals : dict of str to (float, float)
        Of `FIGURES`. A resample with a negative variance of error counts as one without error.
    negative : float
        Share of the resamples whose variance of error or of signal is negative: near 0 where all is well.
    reason : str
        Why something is NaN; empty when nothing is.
    """

    name: str
    signal: float
    error: float
    scaled_error: float
    beta: float
    snr: float
    r: float
    intervals: Mapping[str, tuple[float, float]]
    negative: float
    reason: str


@dataclass(frozen=True)
class ErrorCorrelation:
    """How far the errors of two data sets go together.

    Attributes
    ----------
    correlation, low, high : float
        NaN where a variance of error is negative.
    """

    first: str
    second: str
    covariance: float
    correlation: float
    low: float
    high: float


@dataclass(frozen=True)
class Collocation:
    """What collocation says: of each data set, and of the pairs whose errors may go together."""

    sets: tuple[Collocated, ...]
    correlations: tuple[ErrorCorrelation, ...]
    n: int
    block: int

    def __getitem__(self, name: str) -> Collocated:
        """Return what it says of one data set."""
        return next(one for one in self.sets if one.name == name)


def collocate(
    series: Mapping[str, ArrayLike],
    *,
    correlated: Iterable[tuple[str, str]] = (),
    time: ArrayLike | None = None,
    block: int | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Collocation:
    """Estimate the errors of three or more data sets.

    Parameters
    ----------
    series : mapping of str to array-like, shape (n,)
        At the same times, NaN where missing; only times at which all have values are used. Take anomalies or
        raw values, and say which. The first is the reference of the scaling.
    correlated : iterable of (str, str)
        Pairs whose errors may go together. Every data set must belong to a triplet without such a pair, so it
        takes four data sets.
    time, block, level, resamples, seed
        Of the block bootstrap; see `smgee.metrics.MovingBlocks`. Its block is the longest that any two of the
        series ask for. Limits are percentiles.

    Raises
    ------
    InputError
        Fewer than three data sets, or one in no triplet of its own.
    """
    names, pairs = list(series), [tuple(pair) for pair in correlated]
    triplets, crosses = _designs(names, pairs)
    whole = np.stack(vectors(*series.values()))
    resampler = MovingBlocks(time, block)
    rows = resampler.arrange(~np.isnan(whole).any(axis=0))
    data = whole[:, rows]
    n = len(rows)
    if n < MIN_PAIRS:
        reason = f"n = {n}: collocation needs {MIN_PAIRS} common times"
        nan, none = math.nan, dict.fromkeys(FIGURES, (math.nan, math.nan))
        sets = tuple(Collocated(name, nan, nan, nan, nan, nan, nan, none, nan, reason) for name in names)
        return Collocation(sets, tuple(ErrorCorrelation(a, b, nan, nan, nan, nan) for a, b in pairs), n, 0)
    length = block or max(resampler.length(rows, [(a, b)]) for a, b in combinations(data, 2))
    draws = MovingBlocks(block=length).draw(np.arange(n), [], resamples=resamples, seed=seed)
    assert not isinstance(draws, str)  # it refuses few pairs only
    boot = np.concatenate([_covariances(data, counts) for counts in draws.counts()])
    point = _covariances(data, np.ones((1, n)))
    found, spread = _solved(point, triplets), _solved(boot, triplets)
    tails = [(1 - level) / 2, (1 + level) / 2]
    sets = tuple(_collocated(name, k, found, spread, tails) for k, name in enumerate(names))
    correlations = tuple(
        _correlated(names, pair, cross, (point, found.error), (boot, spread.error), tails)
        for pair, cross in zip(pairs, crosses, strict=True)
    )
    return Collocation(sets, correlations, n, draws.block)


@dataclass(frozen=True)
class _Variances:
    """Signal and error variances and the sign of the scale, shape (resamples, data sets)."""

    signal: np.ndarray
    error: np.ndarray
    sign: np.ndarray

    def figures(self, k: int) -> dict[str, np.ndarray]:
        """Return the `FIGURES` of one data set: NaN without signal, no error where that is negative."""
        signal = np.where(self.signal[:, k] > 0, self.signal[:, k], np.nan)
        first = np.where(self.signal[:, 0] > 0, self.signal[:, 0], np.nan)
        error = np.maximum(self.error[:, k], 0.0)
        beta = self.sign[:, k] * np.sqrt(first / signal)
        with np.errstate(divide="ignore"):
            snr = 10 * np.log10(signal / error)
        return {
            "error": np.sqrt(error),
            "scaled_error": np.sqrt(error) * np.abs(beta),
            "beta": beta,
            "snr": snr,
            "r": np.sqrt(signal / (signal + error)),
        }


def _covariances(data: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the covariance matrix (divisor n − 1) of every resample, shape (resamples, sets, sets)."""
    d = data - data.mean(axis=1, keepdims=True)
    sets, n = d.shape
    mean = counts @ d.T / n
    products = counts @ (d[:, None, :] * d[None, :, :]).reshape(sets * sets, n).T / n
    central = products.reshape(-1, sets, sets) - mean[:, :, None] * mean[:, None, :]
    return central * n / (n - 1)


def _designs(
    names: Sequence[str], pairs: Sequence[Sequence[str]]
) -> tuple[list[list[tuple[int, int]]], list[list[tuple[int, int]]]]:
    """Return, by data set, the couples it forms a triplet with, and by pair those that tell its signal."""
    if len(names) < 3:
        raise InputError(f"{len(names)} data sets were given; collocation takes three or more.")
    unknown = [name for pair in pairs for name in pair if name not in names]
    if unknown or any(len(set(pair)) != 2 for pair in pairs):
        raise InputError(f"The correlated pairs {pairs} are not pairs of {', '.join(names)}.")
    index = {name: k for k, name in enumerate(names)}
    joined = {frozenset(index[name] for name in pair) for pair in pairs}

    def free(*couples: tuple[int, int]) -> bool:
        return not any(frozenset(couple) in joined for couple in couples)

    every = range(len(names))
    triplets = [
        [(j, k) for j, k in combinations([o for o in every if o != i], 2) if free((i, j), (i, k), (j, k))]
        for i in every
    ]
    crosses = []
    for pair in pairs:
        a, b = (index[name] for name in pair)
        others = [o for o in every if o not in (a, b)]
        crosses.append([(c, d) for c, d in permutations(others, 2) if free((a, c), (b, d), (c, d))])
    lost = [names[i] for i in every if not triplets[i]]
    if lost or not all(crosses):
        raise InputError(
            f"With errors that go together in {', '.join('-'.join(p) for p in pairs)} the data set "
            f"{(lost or [pairs[0][0]])[0]} is in no triplet with independent errors; give more data sets or "
            "fewer pairs."
        )
    return triplets, crosses


def _solved(cov: np.ndarray, triplets: Sequence[Sequence[tuple[int, int]]]) -> _Variances:
    """Average what the triplets of each data set say of its signal; the rest of its variance is error.

    That is the least-squares solution, because each error variance stands in one equation alone.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        signal = np.stack(
            [
                np.mean([cov[:, i, j] * cov[:, i, k] / cov[:, j, k] for j, k in couples], axis=0)
                for i, couples in enumerate(triplets)
            ],
            axis=1,
        )
    total = np.stack([cov[:, i, i] for i in range(cov.shape[1])], axis=1)
    return _Variances(signal, total - signal, np.sign(cov[:, 0]))


def _collocated(
    name: str, k: int, found: _Variances, spread: _Variances, tails: Sequence[float]
) -> Collocated:
    signal, error = float(found.signal[0, k]), float(found.error[0, k])
    values = {key: float(value[0]) for key, value in found.figures(k).items()}
    intervals = {}
    for key, boot in spread.figures(k).items():
        known = boot[~np.isnan(boot)]
        low, high = np.quantile(known, tails, method="nearest") if len(known) else (math.nan, math.nan)
        intervals[key] = (float(low), float(high))
    reason = ""
    if not signal > 0:
        reason = "the signal's variance is negative: the data sets do not share one signal"
    elif error < 0:
        reason = "the error's variance is negative: too few times, or errors that go together"
    if reason:
        values |= dict.fromkeys(("error", "scaled_error", "snr", "r"), math.nan)
    bad = (spread.error[:, k] < 0) | ~(spread.signal[:, k] > 0)
    return Collocated(name, signal, **values, intervals=intervals, negative=float(bad.mean()), reason=reason)


def _correlated(
    names: Sequence[str],
    pair: Sequence[str],
    crosses: Sequence[tuple[int, int]],
    point: tuple[np.ndarray, np.ndarray],
    boot: tuple[np.ndarray, np.ndarray],
    tails: Sequence[float],
) -> ErrorCorrelation:
    a, b = (list(names).index(name) for name in pair)

    def told(cov: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(divide="ignore", invalid="ignore"):
            signal = np.mean([cov[:, a, c] * cov[:, b, d] / cov[:, c, d] for c, d in crosses], axis=0)
            covariance = cov[:, a, b] - signal
            size = np.where((error[:, a] > 0) & (error[:, b] > 0), error[:, a] * error[:, b], np.nan)
            return covariance, covariance / np.sqrt(size)

    covariance, correlation = (float(v[0]) for v in told(*point))
    drawn = told(*boot)[1]
    known = drawn[np.isfinite(drawn)]
    low, high = np.quantile(known, tails) if len(known) else (math.nan, math.nan)
    return ErrorCorrelation(pair[0], pair[1], covariance, correlation, float(low), float(high))
