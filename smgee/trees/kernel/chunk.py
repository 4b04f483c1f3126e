"""Compiled: one chunk of rows through ordering, pruning and the tournament."""

from __future__ import annotations

import numpy as np
from numba import njit

from smgee.trees.kernel.blocks import boxes_of, fit_splits, gather, order_rows, prune
from smgee.trees.kernel.codes import BUCKETS, collect_cuts, encode
from smgee.trees.kernel.program import NEVER, add_to_table, cut_pieces, emit, group_pieces
from smgee.trees.kernel.tournament import ADD, LOOK1, LOOK4, TABLE, aligned, run

SAMPLE = 4096
STRIP = 2048
STACK = 112
# A pruned forest replaces its parent's for the blocks below only where it is so much smaller.
WORTH = 0.75


@njit(cache=True, nogil=True)
def predict_rows(slot, rank, right, roots, leaf, lane_of, lane_feature, cuts, cut_start, cut_weight, keys, depth, total):
    """Write to ``total[i]`` (int32) the sum of the leaves that row ``i`` of `keys`, (lanes, rows), reaches.

    The arguments up to `cut_weight` are those of `Forest`; ``lane_of[slot]`` and ``lane_feature[lane]`` tie slots, lanes and predictors.
    The rows are put into ``2 ** depth`` blocks. Returns False if a block is beyond what programs can express; `total` is of no use then.
    """
    lanes, n = keys.shape
    if depth > 0:
        split_lane, split_key = fit_splits(keys, lane_feature, cuts, cut_start, cut_weight, depth, SAMPLE)
        permutation, start = order_rows(keys, split_lane, split_key, depth)
        ordered = np.empty_like(keys)
        gather(keys, permutation, ordered)
    else:
        permutation = np.empty(0, np.int32)
        start = np.array([0, n])
        ordered = keys
    low, high = boxes_of(ordered, start, depth, lane_feature, cuts, cut_start)

    # Pruned forests of the split nodes on the way to the current block, one behind the other. Pages that are not reached cost nothing.
    capacity = int(len(slot) * (1.0 / (1.0 - WORTH) + 1.0)) + 1024
    p_lane, p_rank, p_right = np.empty(capacity, np.int16), np.empty(capacity, np.int32), np.empty(capacity, np.int32)
    p_roots = np.empty((depth + 1, len(roots)), np.int32)
    level = np.full(depth + 1, -1, np.int64)  # whose forest holds at this depth; −1 is the whole one
    stop = np.zeros(depth + 1, np.int64)
    same = np.arange(lanes)
    mark_start = np.zeros(lanes + 1, np.int64)
    for a in range(lanes):
        mark_start[a + 1] = mark_start[a] + cut_start[lane_feature[a] + 1] - cut_start[lane_feature[a]]
    mark = np.zeros(mark_start[lanes], np.uint8)
    renamed = np.empty(mark_start[lanes], np.int32)

    todo = np.empty(2 * depth + 2, np.int64)
    todo[0] = 0
    waiting = 1
    while waiting:
        waiting -= 1
        node = todo[waiting]
        d = 0
        while ((node + 1) >> (d + 1)) > 0:
            d += 1
        b0 = start[((node + 1) << (depth - d)) - (1 << depth)]
        b1 = start[((node + 2) << (depth - d)) - (1 << depth)]
        if b0 == b1:
            continue
        above = level[d - 1] if d else -1
        begin = stop[d - 1] if d else 0
        if above < 0:
            end = prune(slot, rank, right, roots, lane_of, low[node], high[node], p_lane, p_rank, p_right, p_roots[d], begin)
            size = len(slot)
        else:
            end = prune(p_lane, p_rank, p_right, p_roots[above], same, low[node], high[node], p_lane, p_rank, p_right, p_roots[d], begin)
            size = stop[above] - (stop[above - 1] if above else 0)
        if d < depth:
            worth = end - begin < WORTH * size
            level[d] = d if worth else above
            stop[d] = end if worth else begin
            todo[waiting], todo[waiting + 1] = 2 * node + 2, 2 * node + 1
            waiting += 2
            continue
        block = np.zeros(b1 - b0, np.int32)
        if not _predict_block(
            p_lane, p_rank, p_right, p_roots[d], begin, end, leaf, low[node], high[node], lane_feature, cuts, cut_start,
            mark, mark_start, renamed, ordered, b0, b1, block,
        ):  # fmt: skip
            return False
        if depth:
            for i in range(b0, b1):
                total[permutation[i]] = block[i - b0]
        else:
            total[:] = block
    return True


@njit(cache=True, nogil=True)
def _predict_block(
    lane, rank, right, roots, begin, end, leaf, low, high, lane_feature, cuts, cut_start, mark, mark_start, renamed, keys, b0, b1, total
):
    """Predict the rows of one block by the forest in ``begin:end``, pruned to the block's box; False if it can't be expressed."""
    lanes, n = len(keys), b1 - b0
    root, first, last, numbers, constant, steps = cut_pieces(lane, rank, right, roots, end, leaf)
    total[:] = constant
    if len(root) == 0:
        return True
    used, starts = collect_cuts(lane, rank, begin, end, low, high, lane_feature, cuts, cut_start, mark, mark_start, renamed)
    most = 0
    for a in range(lanes):
        most = max(most, starts[a + 1] - starts[a])
    if most >= NEVER:
        return False
    codes = np.empty((lanes, n), np.uint16)
    buckets, padded = np.empty(BUCKETS + 2, np.int64), np.empty(2 * most + 4, cuts.dtype)
    for a in range(lanes):
        encode(keys[a][b0:b1], used[starts[a] : starts[a + 1]], codes[a], buckets, padded)

    order, groups = group_pieces(numbers)
    nodes = (end - begin) // 2 + 1
    room = nodes + steps + 2 * len(root) + 8
    op, look = np.empty(room, np.uint8), np.empty(room, np.int32)
    o_lane, o_k, o_leaf = np.empty((room, 3), np.int16), np.empty((room, 3), np.uint16), np.empty((room, 4), np.uint8)
    byte_k = np.empty((room, 3), np.uint8)
    state = np.empty((2 * TABLE + 88, 6), np.int32)
    way = np.empty(nodes + 1, np.int32)
    tables = np.empty(len(groups) * TABLE, np.int32)
    stamp = np.full(len(used), -1, np.int32)
    in_batch = np.zeros(lanes, np.int64)
    taken = np.empty((len(used) + 1, 2), np.int64)
    narrow = np.empty(len(used) + lanes, np.uint8)  # per lane: code among the used cuts to code among the batch's
    strip = aligned(lanes * STRIP)
    stack = aligned(STACK * STRIP)

    batch = 0
    n_op = group_op = 0  # instructions of the batch; of those, the ones of whole groups
    n_table = 0
    g = 0
    while g < len(groups) - 1:
        table = tables[n_table * TABLE : (n_table + 1) * TABLE]
        table[0] = 0
        size = 1
        for j in range(groups[g], groups[g + 1]):
            p = order[j]
            n_op = emit(lane, rank, right, root[p], first[p], last[p], numbers[p], size, op, o_lane, o_k, o_leaf, n_op, state, way)
            size = add_to_table(table, size, lane, rank, first[p], last[p], numbers[p], leaf)
            if j > groups[g]:
                op[n_op] = ADD
                o_lane[n_op, :] = 0
                o_k[n_op, :] = NEVER
                n_op += 1
        fits = most <= 255 or _count_cuts(o_lane, o_k, group_op, n_op, starts, stamp, in_batch, batch, taken)
        if fits:
            n_table += 1
            group_op = n_op
            if n_table % 4 == 0:
                group_op = n_op = _look(op, look, o_lane, o_k, n_op, LOOK4, n_table - 4)
            g += 1
        if not fits and n_table == 0:
            return False
        if not fits or g == len(groups) - 1:
            n_op = group_op
            for q in range(n_table - 1, n_table // 4 * 4 - 1, -1):
                n_op = _look(op, look, o_lane, o_k, n_op, LOOK1, q)
            _narrow_cuts(starts, stamp, batch, most <= 255, narrow)
            for p in range(n_op):
                for j in range(3):
                    k = o_k[p, j]
                    byte_k[p, j] = 255 if k == NEVER else narrow[starts[o_lane[p, j]] + o_lane[p, j] + k]
            for s0 in range(0, n, STRIP):
                s1 = min(n, s0 + STRIP)
                for a in range(lanes):
                    if in_batch[a] or most <= 255:
                        _narrow_codes(codes[a][s0:s1], narrow[starts[a] + a : starts[a + 1] + a + 1], strip[a * STRIP : (a + 1) * STRIP])
                run(op, o_lane, byte_k, o_leaf, look, n_op, strip, STRIP, s1 - s0, stack, total[s0:s1], tables)
            batch += 1
            n_op = group_op = n_table = 0
            in_batch[:] = 0
    return True


@njit(cache=True, nogil=True)
def _look(op, look, o_lane, o_k, n, kind, table):
    op[n], look[n] = kind, table
    o_lane[n, :] = 0
    o_k[n, :] = NEVER
    return n + 1


@njit(cache=True, nogil=True)
def _count_cuts(o_lane, o_k, begin, end, starts, stamp, in_batch, batch, taken):
    """Take the cuts of instructions ``begin:end`` into the batch; False, and nothing taken, if a lane would have more than a byte tells."""
    n = 0
    for p in range(begin, end):
        for j in range(3):
            k = o_k[p, j]
            if k == NEVER:
                continue
            a = o_lane[p, j]
            at = starts[a] + k
            if stamp[at] == batch:
                continue
            if in_batch[a] == 255:
                for q in range(n):
                    stamp[taken[q, 1]] = -1
                    in_batch[taken[q, 0]] -= 1
                return False
            stamp[at] = batch
            in_batch[a] += 1
            taken[n, 0], taken[n, 1] = a, at
            n += 1
    return True


@njit(cache=True, nogil=True)
def _narrow_cuts(starts, stamp, batch, everything, narrow):
    """Fill ``narrow[starts[a] + a + code]`` with how many of the first `code` used cuts of lane ``a`` are in the batch."""
    for a in range(len(starts) - 1):
        count = 0
        at = starts[a] + a
        for j in range(starts[a], starts[a + 1]):
            narrow[at + j - starts[a]] = count
            count += everything or stamp[j] == batch
        narrow[at + starts[a + 1] - starts[a]] = count


@njit(cache=True, nogil=True)
def _narrow_codes(codes, narrow, to):
    for i in range(len(codes)):
        to[i] = narrow[np.uint64(codes[i])]
