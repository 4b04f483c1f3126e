"""Made-up series whose persistence is known."""

from __future__ import annotations

import math

import numpy as np
from scipy.signal import lfilter


def series(seed: int, n: int = 60, rho: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """Return an autoregressive reference and a satellite that differs from it by offset and noise."""
    rng = np.random.default_rng(seed)
    e = rng.standard_normal((2, n))
    for i in range(1, n):
        e[:, i] = rho * e[:, i - 1] + math.sqrt(1 - rho**2) * e[:, i]
    reference = 0.22 + 0.05 * e[0]
    return reference + 0.02 + 0.03 * e[1], reference


def red(rng: np.random.Generator, n: int, rho: float, *, count: int | None = None) -> np.ndarray:
    """Return a stationary first-order series of unit variance, or so many, shape (count, n)."""
    shape = (n + 200,) if count is None else (count, n + 200)
    noise = rng.standard_normal(shape) * math.sqrt(1 - rho**2)
    return lfilter([1.0], [1.0, -rho], noise)[..., 200:]


def judged(
    rng: np.random.Generator, n: int, *, of_errors: float, worse: float = 0.02
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return two references and a satellite; with worse=0.02 the references are equally good."""
    truth = 0.2 + 0.05 * red(rng, n, 0.9)
    satellite = truth - 0.02 + 0.03 * red(rng, n, 0.3)
    return (
        truth + 0.02 * red(rng, n, of_errors),
        truth + worse * red(rng, n, of_errors),
        satellite,
    )
