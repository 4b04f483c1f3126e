"""Compiled: the plain node walk, one row and one tree at a time. The engine for few rows, and for what the fast ones cannot express."""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def walk(slot, rank, right, roots, leaf, lane_of, cuts, cut_start, slot_feature, keys, total):
    """Add to ``total[i]`` the fixed-point leaves that row ``i`` of `keys`, shaped (lanes, rows), reaches.

    ``lane_of[slot]`` is the row of `keys` that the slot reads.
    """
    for tree in range(len(roots)):
        root = roots[tree]
        for i in range(len(total)):
            node = root
            s = slot[node]
            while s >= 0:
                if keys[lane_of[s], i] <= cuts[cut_start[slot_feature[s]] + rank[node]]:
                    node += 1
                else:
                    node = right[node]
                s = slot[node]
            total[i] += leaf[rank[node]]
