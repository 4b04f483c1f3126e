"""Compiled: the cuts that a block's or a batch's nodes use, numbered anew.

Of a lane's cuts, in order, some are marked. ``renamed[j]`` counts the marked ones before the j-th; that is
the new rank of a marked cut j, and, since a code is a number of cuts below, the new code of code j as well.
"""

import numpy as np

from smgee.trees.kernel.blocks import RANK, RIGHT_SHIFT
from smgee.trees.kernel.forest import LANE_BITS, LEAF_LANE
from smgee.trees.kernel.machine import entry

ONES = np.uint64(0x0101010101010101)


@entry
def mark_cuts(words, end, mark_start, mark):
    """Set ``mark[mark_start[lane] + rank]`` (uint8) for every internal node of ``:end``."""
    for i in range(end):
        lane = words[i] & LEAF_LANE
        if lane != LEAF_LANE:
            mark[mark_start[lane] + ((words[i] >> LANE_BITS) & RANK)] = 1


@entry
def number_marks(mark, renamed, begin, end, marks):
    """Fill ``renamed[begin[a] : end[a] + 1]`` with counts of the marks before, from ``begin[a]`` on, and
    clear them, for each lane ``a``.

    Their number is written to ``marks[a]``. `mark` is whole words of eight.
    """
    eights = mark.view(np.uint64)
    for a in range(len(begin)):
        count = np.uint64(0)
        j = begin[a]
        stop = end[a]
        while j < stop:
            if j & 7 == 0 and j + 8 <= stop:
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
            else:
                renamed[j] = count
                count += np.uint64(mark[j])
                mark[j] = 0
                j += 1
        renamed[stop] = count
        marks[a] = count


@entry
def rename_nodes(words, end, mark_start, renamed):
    """Give the internal nodes of ``:end`` their new ranks, in place."""
    for i in range(end):
        word = words[i]
        lane = word & LEAF_LANE
        if lane != LEAF_LANE:
            rank = np.int64(renamed[np.uint64(mark_start[lane] + ((word >> LANE_BITS) & RANK))])
            words[i] = (word & ~(RANK << LANE_BITS)) | rank << LANE_BITS


@entry
def rename_rows(codes, begin, end, start, renamed, used, to, step):
    """Write ``to[a * step + i] = renamed[start[a] + codes[a, begin + i]]`` up to row `end`, for each lane
    ``a`` that is `used`.
    """
    n = np.uint64(end - begin)
    for a in range(len(codes)):
        if used[a]:
            row = codes[a, begin:end]
            of_lane = renamed[start[a] :]
            to_lane = to[a * step :]
            for i in range(n):
                to_lane[i] = of_lane[row[i]]


@entry
def take_batch(words, pieces, order, groups, begin, starts, mark, in_batch, taken):
    """Mark the cuts of as many groups, from `begin` on, as leave each lane no more than a byte tells; returns
    the end of these groups.

    The cuts of lane ``a`` begin at ``mark[starts[a]]``; ``in_batch[a]`` counts them. `taken` (int64) is
    scratch for places in `mark`, and lanes.
    """
    for g in range(begin, len(groups) - 1):
        n = np.int64(0)
        for p in range(groups[g], groups[g + 1]):
            node = np.int64(pieces[0, order[p]])
            first = np.int64(pieces[1, order[p]])
            last = pieces[2, order[p]]
            i = first
            while i <= last:
                # First the way to the piece, then the piece.
                if node != first:
                    word = words[node]
                    right = node + (word >> RIGHT_SHIFT)
                    node = right if right <= first else node + 1
                else:
                    word = words[i]
                    i += 1
                lane = word & LEAF_LANE
                if lane == LEAF_LANE:
                    continue
                at = np.uint64(starts[lane] + ((word >> LANE_BITS) & RANK))
                if mark[at]:
                    continue
                if in_batch[lane] == 255:
                    # The group does not fit: what it took is given back.
                    for j in range(n):
                        mark[taken[2 * j]] = 0
                        in_batch[taken[2 * j + 1]] -= 1
                    return g
                mark[at] = 1
                in_batch[lane] += 1
                taken[2 * n], taken[2 * n + 1] = at, lane
                n += 1
    return len(groups) - 1
