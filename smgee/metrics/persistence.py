"""How much a series resembles itself a step before, and what that costs in independent pairs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from smgee.errors import InputError
from smgee.metrics.pairing import vectors


def seconds(time: ArrayLike, size: int) -> np.ndarray:
    """Return times as float seconds (numbers stay as they are); `InputError` where they are not `size`."""
    t = np.asarray(time)
    if t.shape != (size,):
        raise InputError(f"{t.size} times were given for {size} pairs; give one time per pair.")
    return (t.astype("datetime64[s]") if t.dtype.kind in "MOUS" else t).astype(float)


def links(t: np.ndarray | None, n: int) -> np.ndarray:
    """Return, for each pair but the last, whether the next one follows without a gap.

    A gap is longer than three median steps, such as that from one season to the next.
    """
    if t is None or n < 3:
        return np.ones(max(n - 1, 0), bool)
    step = np.diff(t)
    return step <= 3 * np.median(step)


def lag1(x: np.ndarray, link: np.ndarray | None = None) -> float:
    """Return the lag-1 autocorrelation, within ±0.99.

    Corrected for its small-sample bias, (1 + 3ρ) / n (Kendall 1954, Biometrika 41:403-404). 0 for fewer than
    three values and for a constant series.

    Parameters
    ----------
    x : array, shape (n,)
        Without missing values.
    link : array of bool, shape (n - 1,), optional
        Which steps count; see `links`.
    """
    return float(lag1s(x, np.ones(max(len(x) - 1, 0), bool) if link is None else link))


def lag1s(x: np.ndarray, link: np.ndarray) -> np.ndarray:
    """Return `lag1` of series along the last axis."""
    n = x.shape[-1]
    if n < 3 or not link.any():
        return np.zeros(x.shape[:-1])
    d = x - x.mean(axis=-1, keepdims=True)
    variance = (d * d).mean(axis=-1)
    constant = variance <= 1e-24 * (x * x).mean(axis=-1)
    # Sum over n pairs as in the usual estimator, so that a few excluded gaps do not change its scale.
    products = (d[..., 1:] * d[..., :-1] * link).sum(axis=-1)
    rho = products / (np.where(constant, 1.0, variance) * (link.sum() + 1))
    return np.where(constant, 0.0, np.clip(rho + (1 + 3 * rho) / n, -0.99, 0.99))


def inflation(rho: np.ndarray) -> np.ndarray:
    """Return the factor by which persistence raises the variance of a mean, (1 + ρ) / (1 − ρ)."""
    return (1 + rho) / (1 - rho)


def reduced(n: int, rho: float) -> float:
    """Return n (1 − ρ) / (1 + ρ), at least 1 and at most n."""
    return float(min(n, max(1.0, n * (1 - rho) / (1 + rho))))


def politis_white(n: int, rho: float) -> int:
    """Return the block length for a first-order autoregressive series of n values.

    l = (3/2)^⅓ (2ρ / (1 − ρ²))^⅔ n^⅓, the optimum of Politis & White 2004 (Econom. Rev. 23:53-70, corrected
    by Patton et al. 2009, 28:372-375) for the moving-block bootstrap. ρ counts from 0 to 0.95. At most n / 4,
    so that some blocks remain to be drawn.
    """
    if n < 4:
        return 1
    rho = float(np.clip(rho, 0.0, 0.95))
    length = 1.5 ** (1 / 3) * (2 * rho / (1 - rho**2)) ** (2 / 3) * n ** (1 / 3)
    return int(np.clip(math.ceil(length), 1, max(n // 4, 1)))


def persistence(x: np.ndarray, y: np.ndarray, link: np.ndarray) -> float:
    """Return the autocorrelation that governs the metrics of x against y.

    The larger of that of the differences (for bias and RMSE) and the product of the two series' own (for R).
    """
    return max(lag1(x - y, link), lag1(x, link) * lag1(y, link))


def effective_size(x: ArrayLike, y: ArrayLike, *, time: ArrayLike | None = None) -> float:
    """Return the effective number of pairs for the correlation of two series.

    n (1 − ρ₁ρ₂) / (1 + ρ₁ρ₂) with the two lag-1 autocorrelations (Bretherton et al. 1999, J. Climate
    12:1990-2009), never more than n.

    Parameters
    ----------
    x, y : array-like, shape (n,)
        In order of time; pairs with a NaN are left out.
    time : array-like of datetime64, shape (n,), optional
        Times of the pairs, which are then sorted; autocorrelation does not reach across gaps.
    """
    x, y, link = in_order(x, y, time)
    return reduced(len(x), lag1(x, link) * lag1(y, link)) if len(x) >= 3 else float(len(x))


def block_length(x: ArrayLike, y: ArrayLike, *, time: ArrayLike | None = None) -> int:
    """Return the block length, in pairs, that suits two autocorrelated series.

    That of `politis_white` for the autocorrelation `persistence` finds. Parameters as `effective_size`.
    """
    x, y, link = in_order(x, y, time)
    return politis_white(len(x), persistence(x, y, link)) if len(x) >= 4 else 1


def in_order(x: ArrayLike, y: ArrayLike, time: ArrayLike | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return complete pairs in order of time, and their `links`."""
    x, y = vectors(x, y)
    rows, t = time_order(~(np.isnan(x) | np.isnan(y)), time)
    return x[rows], y[rows], links(t, len(rows))


def common(
    reference: ArrayLike, a: ArrayLike, b: ArrayLike, time: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return reference, a and b at common times, in their order, and the `links` between them."""
    whole = vectors(reference, a, b)
    rows, t = time_order(~np.isnan(np.stack(whole)).any(axis=0), time)
    s, first, second = (series[rows] for series in whole)
    return s, first, second, links(t, len(rows))


def time_order(keep: np.ndarray, time: ArrayLike | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the numbers of the rows to keep in order of time, and their times."""
    rows = np.flatnonzero(keep)
    if time is None:
        return rows, None
    t = seconds(time, len(keep))[rows]
    order = np.argsort(t, kind="stable")
    return rows[order], t[order]
