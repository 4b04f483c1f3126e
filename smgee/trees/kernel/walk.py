"""Compiled: the plain node walk, one row and one tree at a time. The reference engine, and the one for few rows."""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def walk(feature, threshold, right, missing_left, leaf, roots, rows, total):
    """Add to ``total[i]`` (int64) the fixed-point leaves that row ``i`` of `rows`, shaped (rows, features), reaches."""
    for tree in range(len(roots)):
        root = roots[tree]
        for i in range(len(rows)):
            node = root
            f = feature[node]
            while f >= 0:
                x = rows[i, f]
                if x <= threshold[node] or (x != x and missing_left[node]):
                    node += 1
                else:
                    node = right[node]
                f = feature[node]
            total[i] += leaf[node]
