"""Compiled: one block of rows through the tournament."""

from __future__ import annotations

import numpy as np
from numba import njit

from smgee.trees.kernel.cutsets import mark_cuts, number_marks, rename
from smgee.trees.kernel.program import NEVER, NOTHING, add_to_table, cut_pieces, emit, group_pieces
from smgee.trees.kernel.tournament import ADD, LOOK1, LOOK4, M16, TABLE, W16, W32, W48, aligned, run

STRIP = 4096
STACK = 112
NO_TEST = np.uint64(NEVER << 16)


@njit(cache=True, nogil=True)
def predict_block(words, roots, end, leaf, low, high, mark, mark_start, renamed, codes, b0, total):
    """Sum the leaves of rows ``b0 : b0 + len(total)`` in the forest of `end` nodes, pruned to their box; False if it can't be expressed.

    `mark` (uint8, all zero, and again on return) and `renamed` (uint16) are scratch with an entry for every code of every lane, a lane's
    from ``mark_start[lane]`` on.
    """
    lanes, n = len(codes), len(total)
    root, first, last, numbers, constant, steps = cut_pieces(words, roots, end, leaf)
    total[:] = constant
    if len(root) == 0:
        return True

    # Codes of bytes serve as they are; others are renumbered by the cuts that this block's trees use.
    wide = codes.itemsize > 1
    starts = np.empty(lanes + 1, np.int64)
    starts[0] = 0
    most = 0
    if wide:
        mark_cuts(words, 0, end, mark_start, mark)
        for a in range(lanes):
            count = number_marks(mark, renamed, mark_start[a] + low[a], mark_start[a] + high[a])
            most = max(most, count)
            starts[a + 1] = starts[a] + count + 1
        if most >= NEVER:
            return False
    else:
        starts[lanes] = 0
    batched = most > 255
    narrow = np.empty((lanes, n if wide else 0), np.uint16)
    if wide:
        for a in range(lanes):
            rename(codes[a][b0 : b0 + n], renamed[mark_start[a] : mark_start[a + 1]], narrow[a])

    order, groups = group_pieces(numbers)
    nodes = end // 2 + 1
    room = nodes + steps + 2 * len(root) + 8
    program = np.empty(3 * room, np.uint64)
    waiting = np.empty(600, np.uint64)
    way = np.empty(nodes + 1, np.int64)
    tables = np.empty(len(groups) * TABLE, np.int32)
    batch_mark = np.empty((starts[lanes] + 7) // 8 * 8, np.uint8)
    batch_mark[:] = 0
    batch_renamed = np.empty(starts[lanes], np.uint8)
    in_batch = np.empty(lanes, np.int64)
    in_batch[:] = 0
    taken = np.empty(2 * starts[lanes], np.int64)
    names = renamed if wide else renamed[:0]
    strip = aligned(lanes * STRIP)
    stack = aligned(STACK * STRIP)

    n_op = group_op = np.int64(0)  # instructions of the batch; of those, the ones of complete groups
    n_table = np.int64(0)
    g = 0
    while g < len(groups) - 1:
        table = tables[n_table * TABLE : (n_table + 1) * TABLE]
        table[0] = 0
        size = np.int64(1)
        for j in range(groups[g], groups[g + 1]):
            p = order[j]
            n_op = emit(words, names, mark_start, root[p], first[p], last[p], numbers[p], size, program, n_op, waiting, way)
            size = add_to_table(table, size, words, first[p], last[p], numbers[p], leaf)
            if j > groups[g]:
                n_op = _plain(program, n_op, np.int64(ADD), n_table)
        fits = not batched or _take_cuts(program, group_op, n_op, starts, batch_mark, in_batch, taken)
        if fits:
            n_table += 1
            group_op = n_op
            if n_table % 4 == 0:
                n_op = _plain(program, n_op, np.int64(LOOK4), n_table - 4)
                group_op = n_op
            g += 1
        elif n_table == 0:
            return False
        if not fits or g == len(groups) - 1:
            n_op = group_op
            for q in range(n_table - 1, n_table // 4 * 4 - 1, -1):
                n_op = _plain(program, n_op, np.int64(LOOK1), q)
            if batched:
                for a in range(lanes):
                    number_marks(batch_mark, batch_renamed, starts[a], starts[a + 1] - 1)
                _narrow_ranks(program, n_op, starts, batch_renamed)
            for s0 in range(0, n, STRIP):
                s1 = min(n, s0 + STRIP)
                for a in range(lanes):
                    to = strip[a * STRIP : a * STRIP + s1 - s0]
                    if batched:
                        if in_batch[a]:
                            rename(narrow[a][s0:s1], batch_renamed[starts[a] : starts[a + 1]], to)
                    elif wide:
                        _copy(narrow[a][s0:s1], to)
                    else:
                        _copy(codes[a][b0 + s0 : b0 + s1], to)
                run(program, n_op, strip, STRIP, s1 - s0, stack, total[s0:s1], tables)
            n_op = group_op = n_table = np.int64(0)
            in_batch[:] = 0
    return True


@njit(cache=True, nogil=True)
def _copy(codes, to):
    for i in range(len(codes)):
        to[i] = codes[i]


@njit(cache=True, nogil=True)
def _plain(program, n, kind, table):
    """Append an instruction that looks at no codes; returns the new number of instructions."""
    program[3 * n], program[3 * n + 1], program[3 * n + 2] = NOTHING | np.uint64(kind) << W48, NOTHING | np.uint64(table), NO_TEST
    return n + 1


@njit(cache=True, nogil=True)
def _take_cuts(program, begin, end, starts, mark, in_batch, taken):
    """Mark the cuts of instructions ``begin:end``; False, and none marked, if a lane of the batch would have more than a byte tells."""
    n = 0
    for p in range(3 * begin, 3 * end):
        word = program[p] if p % 3 == 2 else program[p] >> W16
        rank = (word >> W16) & M16
        if rank == NEVER:
            continue
        a = word & M16
        at = np.uint64(starts[a]) + rank
        if mark[at]:
            continue
        if in_batch[a] == 255:
            for q in range(n):
                mark[taken[2 * q + 1]] = 0
                in_batch[taken[2 * q]] -= 1
            return False
        mark[at] = 1
        in_batch[a] += 1
        taken[2 * n], taken[2 * n + 1] = a, at
        n += 1
    return True


@njit(cache=True, nogil=True)
def _narrow_ranks(program, n, starts, renamed):
    """Replace ranks among a block's cuts by those among a batch's."""
    for p in range(3 * n):
        shift = W16 if p % 3 == 2 else W32
        word = program[p]
        rank = (word >> shift) & M16
        if rank != NEVER:
            a = (word >> (shift - W16)) & M16
            program[p] = (word & ~(M16 << shift)) | np.uint64(renamed[np.uint64(starts[a]) + rank]) << shift
