"""Compiled: one block of rows through the tournament."""

from __future__ import annotations

import numpy as np

from smgee.compiled import compiled
from smgee.trees.kernel.cutsets import mark_cuts, number_marks, rename, rename_nodes
from smgee.trees.kernel.program import cut_pieces, emit_groups, group_pieces, take_cuts
from smgee.trees.kernel.tournament import TABLE, aligned, run

STRIP = 4096
STACK = 112
# More cuts of a lane than this have no codes of two bytes.
MOST_CUTS = 65535


@compiled
def predict_block(words, roots, end, leaf, low, high, mark, mark_start, renamed, codes, b0, total):
    """Sum the leaves of rows ``b0 : b0 + len(total)`` in a forest pruned to their box; False if it cannot be expressed.

    Parameters
    ----------
    words, roots : (nodes,) int64, (trees,) int32
        The pruned trees, the last of which ends at node `end`. Ranks are rewritten.
    leaf : (leaves,) int32
        Fixed-point leaves.
    low, high : (lanes,) int64
        The box.
    mark, renamed : (cuts + lanes,) uint8, uint16
        Scratch with an entry for every code of every lane, a lane's from ``mark_start[lane]`` on; `mark` is all zero, and again on return.
    codes : (lanes, rows) uint8, uint16 or int32
        Predictors.
    total : (rows of the block,) int32
        Written.
    """
    lanes, n = len(codes), len(total)
    root, first, last, numbers, constant, steps = cut_pieces(words, roots, end, leaf)
    total[:] = constant
    if len(root) == 0:
        return True

    # Codes of bytes serve as they are; others are renumbered by the cuts that this block's trees use.
    wide = codes.itemsize > 1
    starts = np.empty(lanes + 1, np.int64)
    starts[:] = 0
    most = 0
    if wide:
        mark_cuts(words, end, mark_start, mark)
        for a in range(lanes):
            count = number_marks(mark, renamed, mark_start[a] + low[a], mark_start[a] + high[a])
            most = max(most, count)
            starts[a + 1] = starts[a] + count + 1
        if most > MOST_CUTS:
            return False
        rename_nodes(words, end, mark_start, renamed)
    # More cuts than a byte tells are renumbered once more, for one batch of trees after the other.
    batched = most > 255
    narrow = np.empty((lanes, n if batched else 0), np.uint16)
    if batched:
        for a in range(lanes):
            rename(codes[a][b0 : b0 + n], renamed[mark_start[a] : mark_start[a + 1]], narrow[a])

    order, groups = group_pieces(numbers)
    nodes = end // 2 + 1
    program = np.empty(4 * (nodes + steps + 2 * len(root) + 8), np.uint64)
    waiting = np.empty(1200, np.uint64)
    way = np.empty(nodes + 1, np.int64)
    tables = np.empty(len(groups) * TABLE, np.int32)
    batch_mark = np.empty((starts[lanes] + 7) // 8 * 8, np.uint8)
    batch_mark[:] = 0
    batch_renamed = np.empty(starts[lanes] if batched else 0, np.uint8)
    in_batch = np.empty(lanes, np.int64)
    in_batch[:] = 0
    taken = np.empty(2 * starts[lanes], np.int64)
    strip = aligned(lanes * STRIP)
    stack = aligned(STACK * STRIP)

    begin = np.int64(0)
    while begin < len(groups) - 1:
        stop = np.int64(len(groups) - 1)
        if batched:
            stop = begin
            while stop < len(groups) - 1:
                n_taken = np.int64(0)
                for j in range(groups[stop], groups[stop + 1]):
                    p = order[j]
                    n_taken = take_cuts(words, root[p], first[p], last[p], starts, batch_mark, in_batch, taken, n_taken)
                    if n_taken < 0:
                        break
                if n_taken < 0:
                    break
                stop += 1
            if stop == begin:
                return False
            for a in range(lanes):
                number_marks(batch_mark, batch_renamed, starts[a], starts[a + 1] - 1)
        n_op = emit_groups(
            words, batch_renamed, starts, root, first, last, numbers, order, groups, begin, stop, leaf, program, tables, waiting, way
        )  # fmt: skip
        for s0 in range(0, n, STRIP):
            s1 = min(n, s0 + STRIP)
            for a in range(lanes):
                to = strip[a * STRIP : a * STRIP + s1 - s0]
                if batched:
                    if in_batch[a]:
                        rename(narrow[a][s0:s1], batch_renamed[starts[a] : starts[a + 1]], to)
                elif wide:
                    if starts[a + 1] - starts[a] > 1:
                        rename(codes[a][b0 + s0 : b0 + s1], renamed[mark_start[a] : mark_start[a + 1]], to)
                else:
                    _copy(codes[a][b0 + s0 : b0 + s1], to)
            run(program, n_op, strip, STRIP, s1 - s0, stack, total[s0:s1], tables)
        in_batch[:] = 0
        begin = stop
    return True


@compiled
def _copy(codes, to):
    for i in range(len(codes)):
        to[i] = codes[i]
