"""Compiled: symmetric trees, which test the same cut at all nodes of a level (CatBoost's default).

The leaf of such a tree is a number with one bit for each level, so no tournament is needed: the bits of up to eight levels, of one
tree or of several, are tested for a whole strip of rows and looked up in one table. In a block, levels whose cut is outside the box
have the same bit for all rows and drop out; so do repeated ones.
"""

from __future__ import annotations

import numpy as np
from numba import uint8, uint64

from smgee.compiled import compiled
from smgee.trees.kernel.blocks import RANK
from smgee.trees.kernel.forest import LANE_BITS, LEAF_LANE
from smgee.trees.kernel.program import group_pieces
from smgee.trees.kernel.tournament import TABLE, aligned

STRIP = 4096
BITS = 8


@compiled
def predict_symmetric_block(level, level_start, leaf, leaf_start, lane_of, low, high, codes, b0, total):
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
    fixed = np.empty(trees, np.int64)  # the leaf reached with all open bits 0
    open_bits = np.empty(trees, np.int32)
    numbers = np.empty(trees, np.int32)
    test_lane = np.empty((trees, BITS), np.int64)
    test_rank = np.empty((trees, BITS), np.int64)
    weight = np.empty((trees, BITS), np.int64)  # what an open bit adds to the number of the leaf
    many = 0
    constant = np.int64(0)
    piece = np.empty(trees, np.int64)
    for t in range(trees):
        m, base = 0, leaf_start[t]
        for at in range(level_start[t], level_start[t + 1]):
            lane, rank = lane_of[level[at] & LEAF_LANE], (level[at] >> LANE_BITS) & RANK
            value = 1 << (level_start[t + 1] - 1 - at)
            if low[lane] > rank:
                base += value
            elif high[lane] > rank:
                j = 0
                while j < m and (test_lane[t, j] != lane or test_rank[t, j] != rank):
                    j += 1
                if j == m:
                    test_lane[t, m], test_rank[t, m], weight[t, m] = lane, rank, 0
                    m += 1
                weight[t, j] += value
        fixed[t], open_bits[t] = base, m
        if m:
            piece[many], numbers[many] = t, 1 << m
            many += 1
        else:
            constant += leaf[base]
    total[:] = constant
    if many == 0:
        return

    order, groups = group_pieces(numbers[:many])
    n_groups = len(groups) - 1
    tests = np.zeros(n_groups, np.int64)
    lane_at = np.zeros((n_groups, BITS), np.uint64)
    above = np.full((n_groups, BITS), 255, np.uint8)
    tables = np.empty(n_groups * TABLE, np.int32)
    for g in range(n_groups):
        table = tables[g * TABLE : (g + 1) * TABLE]
        table[0] = 0
        bits = 0
        for p in range(groups[g], groups[g + 1]):
            t = piece[order[p]]
            for j in range(open_bits[t]):
                lane_at[g, bits + j], above[g, bits + j] = test_lane[t, j] * STRIP, test_rank[t, j]
            size = 1 << bits
            for number in range((1 << open_bits[t]) - 1, -1, -1):
                at = fixed[t]
                for j in range(open_bits[t]):
                    at += weight[t, j] * ((number >> j) & 1)
                _add(table, uint64(number << bits), uint64(size), leaf[at])
            bits += open_bits[t]
        tests[g] = bits

    strip = aligned(lanes * STRIP)
    index = aligned(4 * STRIP)
    for s0 in range(0, n, STRIP):
        rows = min(STRIP, n - s0)
        for a in range(lanes):
            row = codes[a]
            for i in range(uint64(rows)):
                strip[uint64(a * STRIP) + i] = row[uint64(b0 + s0) + i]
        part = total[s0 : s0 + rows]
        for g in range(n_groups):
            _test(strip, lane_at[g], above[g], tests[g], index, uint64(g % 4 * STRIP), uint64(rows))
            if g % 4 == 3:
                _look4(index, tables, uint64((g - 3) * TABLE), part)
        for g in range(n_groups // 4 * 4, n_groups):
            _look1(index, uint64(g % 4 * STRIP), tables, uint64(g * TABLE), part)


@compiled
def _add(table, to, size, value):
    for s in range(size):
        table[to + s] = table[s] + value


@compiled
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


@compiled
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


@compiled
def _look1(index, s0, tables, t0, total):
    for i in range(uint64(len(total))):
        total[i] += tables[t0 + uint64(index[s0 + i])]
