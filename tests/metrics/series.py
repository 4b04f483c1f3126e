"""Made-up series whose persistence is known."""

from __future__ import annotations

import math

import numpy as np


def series(seed: int, n: int = 60, rho: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """Return an autoregressive reference and a satellite that differs from it by offset and noise."""
    rng = np.random.default_rng(seed)
    e = rng.standard_normal((2, n))
    for i in range(1, n):
        e[:, i] = rho * e[:, i - 1] + math.sqrt(1 - rho**2) * e[:, i]
    reference = 0.22 + 0.05 * e[0]
    return reference + 0.02 + 0.03 * e[1], reference
