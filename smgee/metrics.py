"""Agreement between estimates and measurements, with intervals that know the pairs are not independent.

The four figures of soil moisture validation, for pairs of many stations. Pairs of one station resemble each
other (a probe's offset stays, today resembles yesterday), so an interval that treats every pair as new
information is too narrow: `cluster_bootstrap` redraws whole stations. For one long series against another,
see `smgee.validation.metrics`, which redraws blocks of days.

All differences are ``estimate - reference``. Formulas: Entekhabi et al. (2010), J. Hydrometeorol. 11,
832-840, eq. 1-8.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from smgee.errors import InputError

METRICS = MappingProxyType({"r": "1", "bias": "m3 m-3", "rmse": "m3 m-3", "ubrmse": "m3 m-3"})
"""Name and unit of every figure, for pairs given in m³ m⁻³."""

MIN_CLUSTERS = 5
"""Fewer clusters than this cannot carry a bootstrap interval (four have only 35 distinct resamples): it is
NaN.
"""

_BATCH = 512  # resamples per matrix product, which bounds memory whatever the number asked for


def pairs(estimate: ArrayLike, reference: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both series as float64, with the pairs removed in which either is missing.

    Parameters
    ----------
    estimate, reference : (n,) array_like
        Same length, same unit. NaN marks a missing value.

    Returns
    -------
    (estimate, reference) : tuple of (m,) float64
        The pairs in which both are finite.

    Raises
    ------
    InputError
        If the two differ in shape, are not one-dimensional, or hold an infinite value.
    """
    x, y = _aligned(estimate, reference)
    both = ~(np.isnan(x) | np.isnan(y))
    return x[both], y[both]


def bias(estimate: ArrayLike, reference: ArrayLike) -> float:
    """Mean of ``estimate - reference``, in their unit."""
    return agreement(estimate, reference)["bias"]


def rmse(estimate: ArrayLike, reference: ArrayLike) -> float:
    """Root mean square of ``estimate - reference``, in their unit."""
    return agreement(estimate, reference)["rmse"]


def ubrmse(estimate: ArrayLike, reference: ArrayLike) -> float:
    """Unbiased RMSE, ``sqrt(rmse² - bias²)``: the standard deviation (ddof 0) of the differences, in their
    unit.
    """
    return agreement(estimate, reference)["ubrmse"]


def agreement(estimate: ArrayLike, reference: ArrayLike) -> dict[str, float]:
    """All four figures at once.

    Parameters
    ----------
    estimate, reference : (n,) array_like
        Same length, same unit. Pairs with a NaN are left out.

    Returns
    -------
    dict
        ``r``, ``bias``, ``rmse``, ``ubrmse`` and ``n``, the number of pairs. The figures are NaN when there
        is no pair; one pair has no ``ubrmse``.

    Raises
    ------
    InputError
        If the two differ in shape or hold an infinite value.
    """
    x, y = pairs(estimate, reference)
    if not len(x):
        return {name: float("nan") for name in METRICS} | {"n": 0}
    sums = _moments(x, y).sum(axis=0)
    figures = {name: float(value) for name, value in _from_moments(sums).items()} | {"n": len(x)}
    return figures | {"ubrmse": float("nan")} if len(x) < 2 else figures


def cluster_bootstrap(
    estimate: ArrayLike,
    reference: ArrayLike,
    *,
    clusters: ArrayLike,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Percentile intervals from redrawing whole clusters, such as stations, with replacement.

    Every pair of a drawn cluster comes along, so any dependence inside a cluster is kept. Davison & Hinkley
    (1997), Bootstrap Methods and their Application, §3.8. Only sums per cluster are needed, so the cost does
    not depend on the number of pairs.

    Parameters
    ----------
    estimate, reference : (n,) array_like
        Same length, same unit. Pairs with a NaN are left out.
    clusters : (n,) array_like
        Label of each pair's cluster.
    level : float
        Coverage, between 0 and 1.
    resamples : int
        Number of redraws.
    seed : int
        Seed of the redraws.

    Returns
    -------
    dict of str to (float, float)
        Lower and upper bound of each figure of `METRICS`; NaN with fewer than `MIN_CLUSTERS` clusters.
    """
    x, y = _aligned(estimate, reference)
    labels = np.asarray(clusters)
    if labels.shape != x.shape:
        raise InputError(
            f"There are {labels.shape} cluster labels for {x.shape} pairs; give one label per pair."
        )
    both = ~(np.isnan(x) | np.isnan(y))
    _, index = np.unique(labels[both], return_inverse=True)
    count = int(index.max()) + 1 if index.size else 0
    if count < MIN_CLUSTERS:
        return {name: (float("nan"), float("nan")) for name in METRICS}
    moments = _moments(x[both], y[both])
    sums = np.zeros((count, moments.shape[1]))
    np.add.at(sums, index, moments)
    return _percentiles(sums, level=level, resamples=resamples, seed=seed)


def _aligned(estimate: ArrayLike, reference: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(estimate, dtype="f8"), np.asarray(reference, dtype="f8")
    if x.ndim != 1 or x.shape != y.shape:
        raise InputError(
            f"Series of shapes {x.shape} and {y.shape} cannot be compared; give two series of one length."
        )
    if np.isinf(x).any() or np.isinf(y).any():
        raise InputError("A series to compare holds an infinite value; mark missing values with NaN.")
    return x, y


def _moments(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Columns (1, x, y, x², y², xy, d, d²) per pair; x and y are centred first, so that the sums lose no
    digits.
    """
    d = x - y
    # a series of one repeated number has a mean that may differ from it in the last digit: its variance must
    # still be exactly 0
    a = x - (x[0] if np.ptp(x) == 0 else x.mean())
    b = y - (y[0] if np.ptp(y) == 0 else y.mean())
    return np.stack([np.ones_like(x), a, b, a * a, b * b, a * b, d, d * d], axis=1)


def _from_moments(sums: np.ndarray) -> Mapping[str, np.ndarray]:
    """The four figures from summed moments of shape (..., 8)."""
    n, x, y, xx, yy, xy, d, dd = np.moveaxis(np.asarray(sums), -1, 0)
    var_x, var_y = xx / n - (x / n) ** 2, yy / n - (y / n) ** 2
    covariance = xy / n - (x / n) * (y / n)
    # rounding leaves about 1e-16 of the second moment where the true variance is zero
    flat = (var_x <= 1e-14 * xx / n) | (var_y <= 1e-14 * yy / n) | (xx == 0) | (yy == 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.where(
            flat, np.nan, np.clip(covariance / np.sqrt(np.where(flat, 1.0, var_x * var_y)), -1.0, 1.0)
        )
    mean, square = d / n, dd / n
    return {
        "r": correlation,
        "bias": mean,
        "rmse": np.sqrt(square),
        "ubrmse": np.sqrt(np.maximum(square - mean**2, 0.0)),
    }


def _percentiles(
    sums: np.ndarray, *, level: float, resamples: int, seed: int
) -> dict[str, tuple[float, float]]:
    """Redraw the rows of `sums` with replacement, `resamples` times, and take percentiles of the figures."""
    if not 0.0 < level < 1.0:
        raise InputError(f"A coverage of {level} was asked for; it lies between 0 and 1.")
    if resamples < 1:
        raise InputError(f"{resamples} resamples were asked for; it takes at least 1.")
    rng = np.random.default_rng(seed)
    figures: dict[str, list[np.ndarray]] = {name: [] for name in METRICS}
    for start in range(0, resamples, _BATCH):
        chosen = rng.integers(0, len(sums), size=(min(_BATCH, resamples - start), len(sums)))
        for name, value in _from_moments(sums[chosen].sum(axis=1)).items():
            figures[name].append(value)
    tails = [(1.0 - level) / 2.0, (1.0 + level) / 2.0]
    out = {}
    for name, parts in figures.items():
        values = np.concatenate(parts)
        values = values[np.isfinite(values)]
        low, high = np.quantile(values, tails) if len(values) else (np.nan, np.nan)
        out[name] = (float(low), float(high))
    return out
