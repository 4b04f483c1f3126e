"""Symmetric trees, which test the same cut at all nodes of a level (CatBoost's default).

The leaf of such a tree is a number with one bit for each level, so no tournament is needed: the bits of up to
eight levels, of one tree or of several, are tested for a whole strip of rows and looked up in one table. In a
block, levels whose cut is outside the box have the same bit for all rows and drop out; so do repeated ones.
"""

from __future__ import annotations

import numpy as np
from numba import uint8, uint64

from smgee.trees.kernel.blocks import RANK
from smgee.trees.kernel.forest import LANE_BITS, LEAF_LANE
from smgee.trees.kernel.machine import entry, part
from smgee.trees.kernel.program import group_pieces
from smgee.trees.kernel.tournament import TABLE, aligned

STRIP = 4096
BITS = 8


def predict_symmetric_block(
    level: np.ndarray,
    level_start: np.ndarray,
    leaf: np.ndarray,
    leaf_start: np.ndarray,
    lane_of: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    codes: np.ndarray,
    b0: int,
    total: np.ndarray,
) -> None:
    """Sum the leaves of rows ``b0 : b0 + len(total)`` into `total` (int32).

    Parameters
    ----------
    level : (levels,) int64
        Words of slot and rank as in `Forest.words`, of each tree from its root down.
    level_start : (trees + 1,) int64
        Where the levels of each tree begin; at most eight each.
    leaf : (leaves,) int32
        Leaves, by the tree's bits read as a number, the root's bit the highest.
    leaf_start : (trees,) int64
        Where the leaves of each tree begin.
    lane_of : (slots,) int64
        The lane that a slot reads.
    low, high : (lanes,) int64
        The box of the rows.
    codes : (lanes, rows) uint8
        Predictors.
    """
    trees = len(level_start) - 1
    lanes, n = len(codes), len(total)
    tests, weight = np.empty((trees, BITS), np.int64), np.empty((trees, BITS), np.int64)
    found = np.empty((3, trees), np.int32)
    many, constant = _open(level, level_start, leaf, leaf_start, lane_of, low, high, tests, weight, found)
    total[:] = constant
    if many == 0:
        return

    order, groups = group_pieces(found[2, :many])
    n_groups = len(groups) - 1
    count = np.empty(n_groups, np.int64)
    lane_at, above = np.zeros((n_groups, BITS), np.uint64), np.full((n_groups, BITS), 255, np.uint8)
    tables = np.empty(n_groups * TABLE, np.int32)
    _tabulate(
        leaf, tests, weight, found, order, groups, count, lane_at, above, tables, np.empty(TABLE, np.int64)
    )

    strip, index = aligned(lanes * STRIP), aligned(4 * STRIP)
    by_lane = strip.reshape(lanes, STRIP)
    for s0 in range(0, n, STRIP):
        s1 = min(n, s0 + STRIP)
        by_lane[:, : s1 - s0] = codes[:, b0 + s0 : b0 + s1]
        _look(strip, lane_at, above, count, index, tables, total[s0:s1])


@entry
def read_symmetric(level, level_start, leaf, leaf_start, lane_of, codes, index, total):
    """Add to `total` (int64) the leaves of all rows, tree by tree and level by level: for few rows, where to
    look for what their box leaves open would take longer. `index`, (rows,) uint8, is scratch.
    """
    rows = uint64(len(total))
    for t in range(len(level_start) - 1):
        for i in range(rows):
            index[i] = 0
        for at in range(level_start[t], level_start[t + 1]):
            column = codes[lane_of[level[at] & LEAF_LANE]]
            cut = uint8((level[at] >> LANE_BITS) & RANK)
            for i in range(rows):
                index[i] = uint8(index[i] << 1) | (uint8(1) if column[i] > cut else uint8(0))
        leaves = leaf[leaf_start[t] :]
        for i in range(rows):
            total[i] += leaves[uint64(index[i])]


@entry
def _open(level, level_start, leaf, leaf_start, lane_of, low, high, tests, weight, found):
    """Find the trees that the box leaves open.

    Parameters
    ----------
    tests, weight : (trees, BITS) int64
        Written, for each such tree: the distinct tests left, as lane and rank in a word; what each adds to
        the number of the leaf.
    found : (3, trees) int32
        Written, for each such tree: the leaf reached if no test is passed, the number of tests, and 2 to the
        power of that.

    Returns
    -------
    many, constant : int
        The number of such trees and the sum of the leaves of the others.
    """
    many = 0
    constant = np.int64(0)
    for t in range(len(level_start) - 1):
        m, base = 0, leaf_start[t]
        for at in range(level_start[t], level_start[t + 1]):
            lane, rank = lane_of[level[at] & LEAF_LANE], (level[at] >> LANE_BITS) & RANK
            value = 1 << (level_start[t + 1] - 1 - at)
            if low[lane] > rank:
                base += value
            elif high[lane] > rank:
                test = lane | rank << LANE_BITS
                j = 0
                while j < m and tests[many, j] != test:
                    j += 1
                if j == m:
                    tests[many, m], weight[many, m] = test, 0
                    m += 1
                weight[many, j] += value
        if m:
            found[0, many], found[1, many], found[2, many] = base, m, 1 << m
            many += 1
        else:
            constant += leaf[base]
    return many, constant


@entry
def _tabulate(leaf, tests, weight, found, order, groups, count, lane_at, above, tables, place):
    """Write each group's tests (their `count`, the lanes' places in a strip, the codes to be exceeded) and
    its table of leaf sums. `place`, (TABLE,) int64, is scratch for the leaf of each number.
    """
    for g in range(len(count)):
        table = tables[g * TABLE : (g + 1) * TABLE]
        table[0] = 0
        bits = 0
        for p in range(groups[g], groups[g + 1]):
            t = order[p]
            for j in range(found[1, t]):
                lane_at[g, bits + j] = (tests[t, j] & LEAF_LANE) * STRIP
                above[g, bits + j] = tests[t, j] >> LANE_BITS
            place[0] = found[0, t]
            for j in range(found[1, t]):
                half = uint64(1 << j)
                for s in range(half):
                    place[half + s] = place[s] + weight[t, j]
            size = uint64(1 << bits)
            for number in range(found[2, t] - 1, -1, -1):
                to = uint64(number << bits)
                value = leaf[place[number]]
                for s in range(size):
                    table[to + s] = table[s] + value
            bits += found[1, t]
        count[g] = bits


@entry
def _look(strip, lane_at, above, count, index, tables, total):
    """Add to `total` what the rows of a strip find in the tables of all groups."""
    n = len(count)
    for g in range(n):
        _test(strip, lane_at[g], above[g], count[g], index, uint64(g % 4 * STRIP), uint64(len(total)))
        if g % 4 == 3:
            _look4(index, tables, uint64((g - 3) * TABLE), total)
    for g in range(n // 4 * 4, n):
        _look1(index, uint64(g % 4 * STRIP), tables, uint64(g * TABLE), total)


@part
def _test(strip, lane, k, tests, index, to, rows):
    """Write a bit for each of the first `tests` to ``index[to:]``, rounded up to the next even number."""
    x0, x1, x2, x3, x4, x5, x6, x7 = lane[0], lane[1], lane[2], lane[3], lane[4], lane[5], lane[6], lane[7]
    k0, k1, k2, k3, k4, k5, k6, k7 = k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7]
    if tests > 6:
        for i in range(rows):
            b = uint8(1) if strip[x0 + i] > k0 else uint8(0)
            b |= uint8(2) if strip[x1 + i] > k1 else uint8(0)
            b |= uint8(4) if strip[x2 + i] > k2 else uint8(0)
            b |= uint8(8) if strip[x3 + i] > k3 else uint8(0)
            b |= uint8(16) if strip[x4 + i] > k4 else uint8(0)
            b |= uint8(32) if strip[x5 + i] > k5 else uint8(0)
            b |= uint8(64) if strip[x6 + i] > k6 else uint8(0)
            b |= uint8(128) if strip[x7 + i] > k7 else uint8(0)
            index[to + i] = b
    elif tests > 4:
        for i in range(rows):
            b = uint8(1) if strip[x0 + i] > k0 else uint8(0)
            b |= uint8(2) if strip[x1 + i] > k1 else uint8(0)
            b |= uint8(4) if strip[x2 + i] > k2 else uint8(0)
            b |= uint8(8) if strip[x3 + i] > k3 else uint8(0)
            b |= uint8(16) if strip[x4 + i] > k4 else uint8(0)
            b |= uint8(32) if strip[x5 + i] > k5 else uint8(0)
            index[to + i] = b
    else:
        for i in range(rows):
            b = uint8(1) if strip[x0 + i] > k0 else uint8(0)
            b |= uint8(2) if strip[x1 + i] > k1 else uint8(0)
            b |= uint8(4) if strip[x2 + i] > k2 else uint8(0)
            b |= uint8(8) if strip[x3 + i] > k3 else uint8(0)
            index[to + i] = b


@part
def _look4(index, tables, t0, total):
    t1 = t0 + uint64(TABLE)
    t2 = t1 + uint64(TABLE)
    t3 = t2 + uint64(TABLE)
    s1, s2, s3 = uint64(STRIP), uint64(2 * STRIP), uint64(3 * STRIP)
    for i in range(uint64(len(total))):
        total[i] += (
            tables[t0 + uint64(index[i])]
            + tables[t1 + uint64(index[s1 + i])]
            + tables[t2 + uint64(index[s2 + i])]
            + tables[t3 + uint64(index[s3 + i])]
        )


@part
def _look1(index, s0, tables, t0, total):
    for i in range(uint64(len(total))):
        total[i] += tables[t0 + uint64(index[s0 + i])]
