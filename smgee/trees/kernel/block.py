"""One block of rows through the tournament."""

from __future__ import annotations

import numpy as np

from smgee.trees.kernel.cutsets import mark_cuts, number_marks, rename_nodes, rename_rows, take_batch
from smgee.trees.kernel.program import RUN, cut_pieces, emit_groups, group_pieces
from smgee.trees.kernel.tournament import TABLE, aligned, run

STRIP = 4096
STACK = 112
# More cuts of a lane than this have no codes of two bytes.
MOST_CUTS = 65535


def predict_block(
    words: np.ndarray,
    roots: np.ndarray,
    end: int,
    leaf: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    mark: np.ndarray,
    mark_start: np.ndarray,
    renamed: np.ndarray,
    codes: np.ndarray,
    b0: int,
    total: np.ndarray,
) -> bool:
    """Sum the leaves of rows ``b0 : b0 + len(total)`` in a forest pruned to their box; False if it cannot be
    expressed.

    Parameters
    ----------
    words, roots : (nodes,) int64, (trees,) int32
        The pruned trees, the last of which ends at node `end`. Ranks are rewritten.
    leaf : (leaves,) int32
        Fixed-point leaves.
    low, high : (lanes + 1,) int64
        The box, and that of leaves (`smgee.trees.kernel.blocks.box_of`).
    mark, renamed : (cuts + lanes,) uint8, uint16
        Scratch with an entry for every code of every lane, a lane's from ``mark_start[lane]`` on; `mark` is
        all zero, and again on return.
    codes : (lanes, rows) uint8, uint16 or int32
        Predictors.
    total : (rows of the block,) int32
        Written.
    """
    lanes, n = len(codes), len(total)
    pieces = np.empty((4, len(roots) + (end + len(roots)) // (2 * RUN)), np.int32)
    count, constant, steps = cut_pieces(words, roots, end, leaf, pieces)
    total[:] = constant
    if count == 0:
        return True

    # Codes of bytes serve as they are; others are renumbered by the cuts that this block's trees use.
    wide = codes.itemsize > 1
    batched = False
    cuts = np.zeros(lanes, np.int64)
    if wide:
        mark_cuts(words, end, mark_start, mark)
        number_marks(mark, renamed, mark_start[:lanes] + low[:lanes], mark_start[:lanes] + high[:lanes], cuts)
        most = cuts.max()
        if most > MOST_CUTS:
            return False
        rename_nodes(words, end, mark_start, renamed)
        # More cuts than a byte tells are renumbered once more, for one batch of trees after the other.
        batched = most > 255
    row_codes, row, code_start, code_renamed, used = codes, b0, mark_start, renamed, cuts
    starts = np.zeros(lanes + 1, np.int64)
    if batched:
        np.cumsum(cuts + 1, out=starts[1:])
        row_codes, row = np.empty((lanes, n), np.uint16), 0
        rename_rows(
            codes, b0, b0 + n, mark_start, renamed, np.ones(lanes, np.int64), row_codes.reshape(-1), n
        )
        batch_mark = np.zeros(-(-starts[lanes] // 8) * 8, np.uint8)
        code_start, code_renamed, used = starts, np.empty(starts[lanes], np.uint16), np.zeros(lanes, np.int64)
        taken = np.empty(2 * starts[lanes], np.int64)

    order, groups = group_pieces(pieces[3, :count])
    n_groups = len(groups) - 1
    nodes = end // 2 + 1
    program = np.empty(4 * (nodes + steps + 2 * count + 8), np.uint64)
    waiting, way = np.empty(1200, np.uint64), np.empty(nodes + 1, np.int64)
    tables = np.empty((n_groups + 1) * TABLE, np.int32)
    # The bytes that programs read; each lane begins on a cache line.
    step = -(-n // 64) * 64
    byte_codes, stack = aligned(lanes * step), aligned(STACK * STRIP)
    if not wide:
        byte_codes.reshape(lanes, step)[:, :n] = codes[:, b0 : b0 + n]

    begin = 0
    while begin < n_groups:
        stop = n_groups
        if batched:
            used[:] = 0
            stop = take_batch(words, pieces, order, groups, begin, starts, batch_mark, used, taken)
            if stop == begin:
                return False
            number_marks(batch_mark, code_renamed, starts[:-1], starts[1:] - 1, np.empty(lanes, np.int64))
        n_op = emit_groups(
            words,
            code_renamed,
            batched,
            starts,
            pieces,
            order,
            groups,
            begin,
            stop,
            leaf,
            program,
            tables,
            waiting,
            way,
        )
        if wide:
            rename_rows(row_codes, row, row + n, code_start, code_renamed, used, byte_codes, step)
        run(program, n_op, byte_codes, step, stack, STRIP, total, tables)
        begin = stop
    return True
