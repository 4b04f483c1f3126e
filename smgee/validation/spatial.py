"""Rank correlations over cells that lie side by side.

Neighbouring cells are alike in everything, so two maps that have nothing to do with each other often look
related. A permutation that shuffles cells breaks this likeness and finds too much. Here one of the maps is
replaced by others of the same spatial likeness.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from smgee.grid import EASE_GRIDS, EaseCell

REACH = 1.5
"""Distance, in cells, over which neighbours' weights fall to 1/e."""


@lru_cache(maxsize=64)
def moran_basis(cells: tuple[EaseCell, ...]) -> np.ndarray:
    """Return the Moran eigenvectors of cells of one grid, shape (cells, cells − 1).

    They are orthonormal patterns with the mean 0, from the smoothest to the roughest (Dray et al. 2006, Ecol.
    Model. 196:483-493), for weights exp(−distance / `REACH`).
    """
    world = EASE_GRIDS[cells[0].grid].cols
    row, col = np.array([c.row for c in cells]), np.array([c.col for c in cells])
    across = np.abs(col[:, None] - col)
    distance = np.hypot(row[:, None] - row, np.minimum(across, world - across))
    weight = np.exp(-distance / REACH)
    np.fill_diagonal(weight, 0.0)
    n = len(cells)
    centre = np.eye(n) - 1 / n
    values, patterns = np.linalg.eigh(centre @ weight @ centre)
    # The constant pattern has the eigenvalue 0, as others may have: it is the one whose mean is not 0.
    flat = int(np.argmax(np.abs(patterns.sum(axis=0))))
    keep = np.argsort(-values)
    return patterns[:, keep[keep != flat]]


def surrogates(values: np.ndarray, basis: np.ndarray, *, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return maps of the same mean, variance and spatial autocorrelation, shape (count, cells).

    Each pattern of the basis keeps its strength and gets a random sign (Moran spectral randomisation,
    singleton version; Wagner & Dray 2015, Methods Ecol. Evol. 6:1169-1178).
    """
    mean = values.mean()
    strength = (values - mean) @ basis
    signs = rng.choice((-1.0, 1.0), size=(count, basis.shape[1]))
    return mean + (signs * strength) @ basis.T


def partial_rank_correlation(x: np.ndarray, y: np.ndarray, z: np.ndarray | None = None) -> float:
    """Return Spearman's correlation of x and y once that of each with z is taken out.

    Parameters
    ----------
    x, y : array, shape (n,)
        Complete.
    z : array, shape (n,) or (n, k), optional
        What is partialled out; nothing by default, and no column that is constant.

    Returns
    -------
    float
        NaN below 3 values and one more for each column of z, and where nothing of x or y is left.
    """
    if len(x) < 3 + (0 if z is None else z.reshape(len(z), -1).shape[1]):
        return math.nan
    left = _without(z)
    return float(_correlation(left(_ranks(x)), left(_ranks(y)))[0])


def spatial_p(
    x: np.ndarray,
    y: np.ndarray,
    z: np.ndarray | None,
    cells: Sequence[EaseCell],
    *,
    count: int = 1999,
    seed: int = 0,
) -> float:
    """Return the two-sided p-value of `partial_rank_correlation`, honest about the likeness of neighbours.

    What of the ranks of x is left without z is replaced by `surrogates`, z is taken out of these again, and
    they are correlated with what is left of y.

    Parameters
    ----------
    x, y, z
        As `partial_rank_correlation`, one value per cell.
    cells : sequence of EaseCell
        Of one grid.
    count, seed : int
        Number of surrogates, and their seed.
    """
    observed = partial_rank_correlation(x, y, z)
    if math.isnan(observed):
        return math.nan
    left = _without(z)
    drawn = surrogates(
        left(_ranks(x))[0], moran_basis(tuple(cells)), count=count, rng=np.random.default_rng(seed)
    )
    chance = np.abs(_correlation(left(drawn), left(_ranks(y))))
    return float((1 + np.sum(chance >= abs(observed) - 1e-12)) / (count + 1))


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for the false-discovery rate; NaN stays NaN and does not count.

    Benjamini & Hochberg 1995 (J. R. Stat. Soc. B 57:289-300): those at most 0.05 hold, on average, no more
    than 5 % false ones.
    """
    p = np.asarray(p, float)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    if known.size:
        order = known[np.argsort(p[known])[::-1]]
        rank = np.arange(known.size, 0, -1)
        adjusted[order] = np.minimum.accumulate(np.minimum(p[order] * known.size / rank, 1.0))
    return adjusted


def _ranks(values: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    return rankdata(values)


def _without(z: np.ndarray | None) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that takes the mean, and the ranks of z where it varies, out of rows."""
    columns = np.empty((0, 0)) if z is None else np.stack([_ranks(c) for c in z.reshape(len(z), -1).T])
    varying = [c - c.mean() for c in columns if np.ptp(c) > 0]
    directions = np.empty((0, 0))
    if varying:
        _, size, vectors = np.linalg.svd(np.stack(varying), full_matrices=False)
        directions = vectors[size > 1e-9 * size.max()]

    def left(values: np.ndarray) -> np.ndarray:
        rows = np.atleast_2d(np.asarray(values, float))
        rows = rows - rows.mean(axis=1, keepdims=True)
        if not len(directions):
            return rows
        return rows - (rows @ directions.T) @ directions

    return left


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the correlations of rows whose mean is 0; NaN where nothing but rounding is left."""
    size = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    n = a.shape[1]
    least = 1e-10 * n**2
    return np.where(size > least, (a * b).sum(axis=1) / np.where(size > least, size, 1.0), np.nan)
