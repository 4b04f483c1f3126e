"""Compiled: walking trees for blocks of pixels. Comparisons and sums are in float64, in the order of the
trees.

All rows of a block go down a tree one level at a time: the rows are independent, so the processor overlaps
their steps, and a tree stays in its cache for the whole block.
"""

import numpy as np
from numba import njit

_BLOCK = 2048


@njit(nogil=True)
def _load(rows, start, count, block):
    """Copy columns of (features, n) into a (rows, features) block; whether any is NaN."""
    gaps = False
    for f in range(rows.shape[0]):
        for p in range(count):
            x = rows[f, start + p]
            block[p, f] = x
            gaps |= x != x
    return gaps


@njit(nogil=True)
def _descend(nodes, block, at, count, root, depth, gaps):
    """Move the rows of a block from the root to their leaves."""
    for p in range(count):
        at[p] = root
    if gaps:
        for _ in range(depth):
            for p in range(count):
                node = nodes[at[p]]
                x = block[p, node.feature]
                at[p] = node.missing if x != x else (node.low if x < node.threshold else node.high)
        return
    for _ in range(depth):
        for p in range(count):
            node = nodes[at[p]]
            at[p] = node.low if block[p, node.feature] < node.threshold else node.high


@njit(cache=True, nogil=True)
def leaf_means(nodes, value, roots, depths, rows, out):
    """Write to ``out[i]`` the mean over trees of the leaf values that column ``i`` of `rows`, shaped
    (features, n), reaches.
    """
    n = rows.shape[1]
    at = np.empty(_BLOCK, np.int32)
    total = np.empty(_BLOCK)
    block = np.empty((_BLOCK, max(rows.shape[0], 1)))
    for start in range(0, n, _BLOCK):
        count = min(_BLOCK, n - start)
        gaps = _load(rows, start, count, block)
        for p in range(count):
            total[p] = 0.0
        for tree in range(len(roots)):
            _descend(nodes, block, at, count, roots[tree], depths[tree], gaps)
            for p in range(count):
                total[p] += value[at[p]]
        for p in range(count):
            out[start + p] = total[p] / len(roots)


@njit(cache=True, nogil=True)
def leaf_values(nodes, value, roots, depths, rows, out):
    """Write to ``out[i, tree]`` the leaf value of every tree that column ``i`` of `rows`, shaped
    (features, n), reaches.
    """
    n = rows.shape[1]
    at = np.empty(_BLOCK, np.int32)
    block = np.empty((_BLOCK, max(rows.shape[0], 1)))
    for start in range(0, n, _BLOCK):
        count = min(_BLOCK, n - start)
        gaps = _load(rows, start, count, block)
        for tree in range(len(roots)):
            _descend(nodes, block, at, count, roots[tree], depths[tree], gaps)
            for p in range(count):
                out[start + p, tree] = value[at[p]]
