"""How often the tests for gains are wrong on series like those of a study, many cases at once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from smgee.metrics.dependent import GAINS, equally_good, gain_of
from smgee.metrics.resamplers import MIN_PAIRS

__all__ = ["alarm_rates"]

_AT_ONCE = 2_000_000  # values of one array


def alarm_rates(
    a: ArrayLike,
    b: ArrayLike,
    reference: ArrayLike,
    *,
    metrics: Iterable[str] = GAINS,
    time: ArrayLike | None = None,
    level: float = 0.95,
    runs: int = 200,
    simulations: int = 199,
    seed: int = 0,
) -> dict[str, float]:
    """Return the share of false alarms of `smgee.metrics.gain_tests` on series like these.

    The same as `smgee.metrics.false_alarms` with that test, for several metrics on the same simulated cases,
    and much faster.

    Parameters
    ----------
    a, b, reference, metrics, time, level
        As `smgee.metrics.gain_tests`.
    runs : int
        Simulated cases.
    simulations : int
        Of each test.
    seed : int

    Returns
    -------
    dict of str to float
        By metric, nominally 1 − `level`; NaN below `MIN_PAIRS` common times.
    """
    chosen = list(metrics)
    cases = equally_good(a, b, reference, time=time, runs=runs, seed=seed)
    n = cases.shape[-1]
    if n < MIN_PAIRS:
        return dict.fromkeys(chosen, float("nan"))
    rng = np.random.default_rng([seed, runs])
    size = max(1, _AT_ONCE // (simulations * n))
    parts = [cases[k : k + size] for k in range(0, runs, size)]
    return {
        name: sum(int(_alarms(name, part, level, simulations, rng).sum()) for part in parts) / runs
        for name in chosen
    }


def _alarms(
    name: str, cases: np.ndarray, level: float, simulations: int, rng: np.random.Generator
) -> np.ndarray:
    """Return in which of the cases, (runs, 3, n), the test of a metric finds a gain."""
    s, a, b = (cases[:, k] for k in range(3))
    if name == "r":
        a, b = _centred(a), _centred(b)
        a, b = (x / x.std(axis=-1, keepdims=True) for x in (a, b))
    elif name == "ubrmse":
        s, a, b = _centred(s), _centred(a), _centred(b)
    apart, middle = a - b, (a + b) / 2
    drawn = _autoregressions(np.maximum(_lag1(apart), 0.0), simulations, cases.shape[-1], rng)
    if name != "rmse":
        drawn = _centred(drawn)
        drawn /= drawn.std(axis=-1, keepdims=True)
    half = drawn * np.sqrt((apart**2).mean(axis=-1))[:, None, None] / 2
    chance = gain_of(name, s[:, None], middle[:, None] + half, middle[:, None] - half)
    as_large = np.abs(chance) >= np.abs(gain_of(name, s, a, b))[:, None]
    p = (1 + as_large.sum(axis=1)) / (simulations + 1)
    return np.asarray(p <= 1 - level + 1e-9)


def _centred(x: np.ndarray) -> np.ndarray:
    return x - x.mean(axis=-1, keepdims=True)


def _lag1(x: np.ndarray) -> np.ndarray:
    """Return `smgee.metrics.lag1` of each row."""
    d, n = _centred(x), x.shape[-1]
    variance = (d * d).mean(axis=-1)
    rho = (d[..., 1:] * d[..., :-1]).sum(axis=-1) / (np.where(variance > 0, variance, 1.0) * n)
    return np.clip(rho + (1 + 3 * rho) / n, -0.99, 0.99)


def _autoregressions(rho: np.ndarray, count: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return stationary first-order series of unit variance, shape (len(rho), count, n)."""
    out = rng.standard_normal((n, len(rho), count))
    keep = rho[:, None]
    fresh = np.sqrt(1 - keep**2)
    for k in range(1, n):
        out[k] = keep * out[k - 1] + fresh * out[k]
    return out.transpose(1, 2, 0)
