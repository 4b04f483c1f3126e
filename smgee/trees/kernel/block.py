"""Compiled: one block of rows through the tournament."""

from __future__ import annotations

import numpy as np

from smgee.trees.kernel.compiled import compiled
from smgee.trees.kernel.cutsets import PER_BYTE, mark_cuts, number_marks, rename, rename_nodes, to_bytes
from smgee.trees.kernel.forest import LEAF_LANE
from smgee.trees.kernel.program import cut_pieces, emit_groups, group_pieces
from smgee.trees.kernel.tournament import TABLE, aligned, run

# Rows of a strip: as many as fit into so many bytes of codes, which should stay in the second-level cache, between these bounds.
STRIP_BYTES, LEAST_STRIP, MOST_STRIP = 384 << 10, 512, 4096
STACK = 112
# More cuts of a lane than this have no codes of two bytes.
MOST_CUTS = 65535


@compiled
def predict_block(words, roots, end, leaf, low, high, mark, mark_start, renamed, codes, b0, total):
    """Sum the leaves of rows ``b0 : b0 + len(total)`` in a forest pruned to their box; False if it cannot be expressed.

    Parameters
    ----------
    words, roots : (nodes,) int64, (trees,) int32
        The pruned trees, the last of which ends at node `end`. Lanes and ranks are rewritten.
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
    byte_start = np.empty(lanes + 1, np.int64)
    byte_start[0] = 0
    for a in range(lanes):
        many = 1
        if wide:
            if a == 0:
                mark_cuts(words, end, mark_start, mark)
            count = number_marks(mark, renamed, mark_start[a] + low[a], mark_start[a] + high[a])
            many = (count + PER_BYTE - 1) // PER_BYTE if count <= MOST_CUTS else LEAF_LANE
        byte_start[a + 1] = byte_start[a] + many
    byte_lanes = byte_start[lanes]
    if byte_lanes >= LEAF_LANE:
        return False
    if wide:
        rename_nodes(words, end, mark_start, renamed, byte_start)

    order, groups = group_pieces(numbers)
    nodes = end // 2 + 1
    program = np.empty(4 * (nodes + steps + 2 * len(root) + 8), np.uint64)
    tables = np.empty(len(groups) * TABLE, np.int32)
    waiting, way = np.empty(1200, np.uint64), np.empty(nodes + 1, np.int64)
    n_op = emit_groups(words, root, first, last, numbers, order, groups, leaf, program, tables, waiting, way)

    size = max(LEAST_STRIP, min(MOST_STRIP, STRIP_BYTES // byte_lanes // 512 * 512))
    strip = aligned(byte_lanes * size)
    stack = aligned(STACK * size)
    narrow = np.empty(size, np.uint16)
    for s0 in range(0, n, size):
        s1 = min(n, s0 + size)
        for a in range(lanes):
            part = codes[a][b0 + s0 : b0 + s1]
            if wide:
                rename(part, renamed[mark_start[a] : mark_start[a + 1]], narrow)
                for byte in range(byte_start[a + 1] - byte_start[a]):
                    at = (byte_start[a] + byte) * size
                    to_bytes(narrow, s1 - s0, byte, strip[at : at + size])
            else:
                _copy(part, strip[a * size : (a + 1) * size])
        run(program, n_op, strip, size, s1 - s0, stack, total[s0:s1], tables)
    return True


@compiled
def _copy(codes, to):
    for i in range(len(codes)):
        to[i] = codes[i]
