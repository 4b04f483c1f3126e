"""Compiled: the cuts that a block's or a batch's nodes use, numbered anew.

Of a lane's cuts, in order, some are marked. ``renamed[j]`` counts the marked ones before the j-th; that is the new rank of a marked cut j,
and, since a code is a number of cuts below, the new code of code j as well.
"""

from __future__ import annotations

import numpy as np

from smgee.compiled import compiled
from smgee.trees.kernel.blocks import RANK
from smgee.trees.kernel.forest import LANE_BITS, LEAF_LANE

ONES = np.uint64(0x0101010101010101)


@compiled
def mark_cuts(words, end, mark_start, mark):
    """Set ``mark[mark_start[lane] + rank]`` (uint8) for every internal node of ``:end``."""
    for i in range(end):
        lane = words[i] & LEAF_LANE
        if lane != LEAF_LANE:
            mark[mark_start[lane] + ((words[i] >> LANE_BITS) & RANK)] = 1


@compiled
def number_marks(mark, renamed, begin, end):
    """Fill ``renamed[begin:end + 1]`` with counts of the marks before, from `begin` on, and clear them; returns the number of marks."""
    eights = mark.view(np.uint64)
    count = np.uint64(0)
    j = begin
    while j < end and j & 7:
        renamed[j] = count
        count += np.uint64(mark[j])
        mark[j] = 0
        j += 1
    while j + 8 <= end:
        eight = eights[j >> 3]
        if eight == 0:
            for i in range(8):
                renamed[j + i] = count
        else:
            # Each byte of the product is the sum of the bytes up to it.
            before = eight * ONES - eight
            for i in range(8):
                renamed[j + i] = count + ((before >> np.uint64(8 * i)) & np.uint64(0xFF))
            count += (before + eight) >> np.uint64(56)
            eights[j >> 3] = 0
        j += 8
    while j < end:
        renamed[j] = count
        count += np.uint64(mark[j])
        mark[j] = 0
        j += 1
    renamed[end] = count
    return np.int64(count)


@compiled
def rename_nodes(words, end, mark_start, renamed):
    """Give the internal nodes of ``:end`` their new ranks, in place."""
    for i in range(end):
        word = words[i]
        lane = word & LEAF_LANE
        if lane != LEAF_LANE:
            rank = np.int64(renamed[np.uint64(mark_start[lane] + ((word >> LANE_BITS) & RANK))])
            words[i] = (word & ~(RANK << LANE_BITS)) | rank << LANE_BITS


@compiled
def rename(codes, renamed, to):
    """Write ``to[i] = renamed[codes[i]]``."""
    for i in range(len(codes)):
        to[i] = renamed[codes[i]]
