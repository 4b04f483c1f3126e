"""Random numbers that belong to places: the same for a pixel whichever tile, thread or request computes
it.
"""

from __future__ import annotations

import numpy as np


def _mixed(rows: np.ndarray, cols: np.ndarray, seed: int, stream: int) -> np.ndarray:
    """Return 64 well-mixed bits per place (the finaliser of SplitMix64, Steele et al. 2014, over row,
    column and seed in turn).
    """
    state = np.full(
        np.broadcast_shapes(rows.shape, cols.shape), (seed * 2 + stream) & 0xFFFFFFFFFFFFFFFF, np.uint64
    )
    with np.errstate(over="ignore"):
        for part in (rows, cols, np.zeros(1, np.int64)):
            state = (state ^ part.astype(np.int64).view(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = state ^ (state >> np.uint64(31))
    return state


def uniform_at(rows: np.ndarray, cols: np.ndarray, seed: int, stream: int = 0) -> np.ndarray:
    """Return uniform numbers in [0, 1), float64, for integer rows and columns that broadcast."""
    return (_mixed(rows, cols, seed, stream) >> np.uint64(11)).astype("f8") / 2.0**53


def normal_at(rows: np.ndarray, cols: np.ndarray, seed: int) -> np.ndarray:
    """Return standard normal numbers (Box and Muller 1958), float64."""
    first, second = uniform_at(rows, cols, seed, 0), uniform_at(rows, cols, seed, 1)
    return np.sqrt(-2.0 * np.log1p(-first)) * np.cos(2.0 * np.pi * second)
