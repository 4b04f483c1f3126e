"""Compiled: the cuts that a block's or a batch's nodes use, numbered anew.

Of a lane's cuts, in order, some are marked. ``renamed[j]`` counts the marked ones before the j-th; that is the new rank of a marked cut j,
and, since a code is a number of cuts below, the new code of code j as well.
"""

from __future__ import annotations

from numba import njit

from smgee.trees.kernel.blocks import RANK
from smgee.trees.kernel.forest import LANE_BITS, LEAF_LANE


@njit(cache=True, nogil=True)
def mark_cuts(words, begin, end, mark_start, mark):
    """Set ``mark[mark_start[lane] + rank]`` (uint8) for every internal node of ``begin:end``."""
    for i in range(begin, end):
        lane = words[i] & LEAF_LANE
        if lane != LEAF_LANE:
            mark[mark_start[lane] + ((words[i] >> LANE_BITS) & RANK)] = 1


@njit(cache=True, nogil=True)
def number_marks(mark, renamed, begin, end):
    """Fill ``renamed[begin:end + 1]`` with counts of the marks before, from `begin` on, and clear them; returns the number of marks."""
    count = 0
    for j in range(begin, end):
        renamed[j] = count
        count += mark[j]
        mark[j] = 0
    renamed[end] = count
    return count


@njit(cache=True, nogil=True)
def rename(codes, renamed, to):
    """Write ``to[i] = renamed[codes[i]]``."""
    for i in range(len(codes)):
        to[i] = renamed[codes[i]]
