"""Compiled: the cuts that a block's nodes use, numbered anew and told in bytes.

Of a lane's cuts, in order, some are marked. ``renamed[j]`` counts the marked ones before the j-th; that is the new rank of a marked cut j,
and, since a code is a number of cuts below, the new code of code j as well.

More cuts than a byte tells take several byte lanes: the q-th has ``code - 255 q``, cut to 0 … 255, and the cuts ``255 q … 255 q + 254``.
"""

from __future__ import annotations

import numpy as np

from smgee.trees.kernel.blocks import RANK
from smgee.trees.kernel.compiled import compiled
from smgee.trees.kernel.forest import LANE_BITS, LEAF_LANE

ONES8, ONES16 = np.uint64(0x0101010101010101), np.uint64(0x0001000100010001)
PAIRS, BYTES = np.uint64(0x0000FFFF0000FFFF), np.uint64(0x00FF00FF00FF00FF)
LOW_HALF, S8, S16, S32, S56 = np.uint64(0xFFFFFFFF), np.uint64(8), np.uint64(16), np.uint64(32), np.uint64(56)
# Cuts of one byte lane; the greatest byte is left for tests that no row passes.
PER_BYTE = 255


@compiled
def mark_cuts(words, end, mark_start, mark):
    """Set ``mark[mark_start[lane] + rank]`` (uint8) for every internal node of ``:end``."""
    for i in range(end):
        lane = words[i] & LEAF_LANE
        if lane != LEAF_LANE:
            mark[np.uint64(mark_start[lane] + ((words[i] >> LANE_BITS) & RANK))] = 1


@compiled
def number_marks(mark, renamed, begin, end):
    """Fill ``renamed[begin:end + 1]`` (uint16) with counts of the marks before, from `begin` on, and clear the marks; returns their number.

    Both arrays have a multiple of eight entries.
    """
    eights, fours = mark.view(np.uint64), renamed.view(np.uint64)
    count = np.uint64(0)
    j = begin
    while j < end and j & 7:
        renamed[j] = count
        count += np.uint64(mark[j])
        mark[j] = 0
        j += 1
    while j + 8 <= end:
        eight = eights[j >> 3]
        base = (count & np.uint64(0xFFFF)) * ONES16
        # Each byte of the product is the sum of the bytes up to it.
        before = eight * ONES8 - eight
        fours[j >> 2] = base + _spread(before & LOW_HALF)
        fours[(j >> 2) + 1] = base + _spread(before >> S32)
        count += (before + eight) >> S56
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
def _spread(bytes4):
    """Return four bytes as four numbers of 16 bits."""
    pairs = (bytes4 | bytes4 << S16) & PAIRS
    return (pairs | pairs << S8) & BYTES


@compiled
def rename_nodes(words, end, mark_start, renamed, byte_start):
    """Give the internal nodes of ``:end`` byte lanes and ranks in them, in place; lane ``a`` has the byte lanes from ``byte_start[a]`` on."""
    for i in range(end):
        word = words[i]
        lane = word & LEAF_LANE
        if lane != LEAF_LANE:
            rank = np.int64(renamed[np.uint64(mark_start[lane] + ((word >> LANE_BITS) & RANK))])
            byte = rank // PER_BYTE
            own = (byte_start[lane] + byte) | (rank - byte * PER_BYTE) << LANE_BITS
            words[i] = (word & ~(RANK << LANE_BITS | LEAF_LANE)) | own


@compiled
def rename(codes, renamed, to):
    """Write ``to[i] = renamed[codes[i]]``."""
    for i in range(len(codes)):
        to[i] = renamed[codes[i]]


@compiled
def to_bytes(codes, n, byte, to):
    """Write the byte lane `byte` of the first `n` `codes` (uint16)."""
    less = np.uint16(byte * PER_BYTE)
    for i in range(n):
        code = codes[i]
        above = np.uint16(code - less) if code > less else np.uint16(0)
        to[i] = np.uint8(255) if above > np.uint16(255) else np.uint8(above)
