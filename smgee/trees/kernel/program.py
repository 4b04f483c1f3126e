"""Compiled: pruned trees turned into programs for `smgee.trees.kernel.tournament`.

Leaf numbers are bytes, so a program works on *pieces* of at most 256 leaves. A tree with more is cut into
runs of consecutive leaves; in the piece of one run all other leaves are number 0, of value 0, so the pieces
of a tree add up to it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from smgee.trees.kernel.blocks import RANK, RIGHT_SHIFT
from smgee.trees.kernel.forest import LANE_BITS, LEAF_LANE
from smgee.trees.kernel.machine import entry, part
from smgee.trees.kernel.tournament import (
    A_R,
    ADD,
    LOOK1,
    LOOK4,
    M8,
    M40,
    N_R,
    N_T,
    PUSH_N,
    PUSH_T,
    R_A,
    R_N,
    R_R,
    R_T,
    T_N,
    T_R,
    T_T,
    TABLE,
    W1,
    W2,
    W3,
    W4,
    W8,
    W16,
    W40,
)

# Leaves of one piece of a cut tree: the nodes on the way to it must leave its cuts within a byte, too.
RUN = 192
# Operands that wait for their parent: a leaf number, a node, a twig, rows on the stack.
LEAF, NODE, TWIG, ROWS = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(3)
# What two operands make, by 4 * left + right, and the operation to do so where that is ROWS. A leaf number
# passes for a node.
MAKES = np.array([1, 2, 3, 3, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3], np.uint8)
OPS = np.array([99, 99, N_T, A_R, 99, 99, N_T, N_R, T_N, T_N, T_T, T_R, R_A, R_N, R_T, R_R], np.uint8)
# The leaf number 0 as an operand, and the second word of all but twigs: tests that no row passes.
NOTHING = np.uint64(255 << 16 | 255 << 40)
W0 = np.uint64(0)
PAIR = np.uint64(257)


@entry
def cut_pieces(words, roots, end, leaf, pieces):
    """Write the `pieces` of the trees that end at node `end`.

    Parameters
    ----------
    pieces : (4, …) int32
        For each piece: the root of its tree, its first and its last leaf (nodes); how many leaf numbers it
        has, with that for "elsewhere" if its tree is cut.

    Returns
    -------
    count : int
        Number of pieces.
    constant : int
        The sum of the leaves of single-leaf trees, which make no piece.
    steps : int
        Nodes on the ways from the roots of cut trees to their pieces.
    """
    constant = np.int64(0)
    p = steps = 0
    for t in range(len(roots)):
        stop = roots[t + 1] if t + 1 < len(roots) else end
        leaves = (stop - roots[t] + 1) // 2
        if leaves == 1:
            constant += leaf[(words[roots[t]] >> LANE_BITS) & RANK]
        elif leaves <= TABLE:
            i = roots[t]
            while words[i] & LEAF_LANE != LEAF_LANE:
                i += 1
            pieces[0, p], pieces[1, p], pieces[2, p], pieces[3, p] = roots[t], i, stop - 1, leaves
            p += 1
        else:
            parts = (leaves + RUN - 1) // RUN
            seen, part = 0, 0
            for i in range(roots[t], stop):
                if words[i] & LEAF_LANE == LEAF_LANE:
                    if seen == part * leaves // parts:
                        pieces[0, p], pieces[1, p] = roots[t], i
                        pieces[3, p] = (part + 1) * leaves // parts - seen + 1
                        part += 1
                        node = np.int64(roots[t])
                        while node != i:
                            right = node + (words[node] >> RIGHT_SHIFT)
                            node = right if right <= i else node + 1
                            steps += 1
                    seen += 1
                    if seen == part * leaves // parts:
                        pieces[2, p] = i
                        p += 1
    return np.int64(p), constant, np.int64(steps)


def group_pieces(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (order, group starts): pieces whose products of leaf numbers fit one table, the largest with
    the largest that fit.
    """
    n = len(numbers)
    order, starts = np.empty(n, np.int32), np.empty(n + 1, np.int32)
    groups = _group(numbers, np.full(TABLE + 1, -1, np.int32), np.empty(n, np.int32), order, starts)
    return order, starts[: groups + 1]


@entry
def _group(numbers, head, follow, order, starts):
    """Do the work of `group_pieces` with lists of the pieces of each size (`head`, all −1, and `follow`);
    returns the number of groups.
    """
    for p in range(len(numbers) - 1, -1, -1):
        follow[p] = head[numbers[p]]
        head[numbers[p]] = p
    groups = placed = 0
    largest = TABLE
    while placed < len(numbers):
        starts[groups] = placed
        groups += 1
        room = TABLE
        size = largest
        while room >= 2:
            size = min(size, room)
            while size >= 2 and head[size] < 0:
                size -= 1
            if room == TABLE:
                largest = size
            if size < 2:
                break
            order[placed] = head[size]
            head[size] = follow[head[size]]
            placed += 1
            room //= size
    starts[groups] = placed
    return groups


@part
def emit(words, renamed, batched, starts, root, first, last, numbers, stride, program, n, waiting, way):
    """Append the instructions of one piece, its leaf numbers multiplied by `stride`; returns the new number
    of instructions.

    Nodes are visited backwards in pre-order, right subtree first: those between the first and the last leaf,
    then the `way` (scratch) from the root to the first leaf. `waiting`, (1200,) uint64, is scratch for
    operands, two words each: as the first two of an instruction (see `run`), with the kind of the operand in
    place of k and x in the first. The rank of a cut is ``renamed[starts[lane] + rank]``, or itself if not
    `batched`.
    """
    number = np.uint64((numbers - 1) * stride)
    less = np.uint64(stride)
    top = np.uint64(0)
    at = np.uint64(n)
    end = np.uint64(last)
    i = end + W1
    while i > np.uint64(first):
        i -= W1
        word = words[i]
        if word & LEAF_LANE == LEAF_LANE:
            waiting[top] = number * PAIR | (NOTHING & M40)
            waiting[top + W1] = NOTHING
            number -= less
            top += W2
            continue
        right = i + np.uint64(word >> RIGHT_SHIFT) <= end
        at, top = _combine(word, renamed, batched, starts, True, right, program, at, waiting, top)
    steps = 0
    node = np.int64(root)
    while node != first:
        way[steps] = node
        steps += 1
        right_child = node + (words[node] >> RIGHT_SHIFT)
        node = right_child if right_child <= first else node + 1
    for step in range(steps - 1, -1, -1):
        word = words[way[step]]
        right_child = way[step] + (word >> RIGHT_SHIFT)
        at, top = _combine(
            word,
            renamed,
            batched,
            starts,
            right_child > first,
            right_child <= last,
            program,
            at,
            waiting,
            top,
        )
    kind = waiting[W0] >> W40
    if kind != ROWS:
        program[at * W4] = waiting[W0] & M40
        program[at * W4 + W1] = waiting[W1]
        program[at * W4 + W2] = np.uint64(PUSH_N if kind == NODE else PUSH_T) << W40
        program[at * W4 + W3] = NOTHING
        at += W1
    return np.int64(at)


@njit(inline="always")
def _combine(word, renamed, batched, starts, has_left, has_right, program, at, waiting, top):
    """Combine the waiting left (on top) and right operands of a node; an absent one is leaf number 0.
    Returns the new (at, top).
    """
    lane = np.uint64(word & LEAF_LANE)
    rank = np.uint64((word >> LANE_BITS) & RANK)
    if batched:
        rank = np.uint64(renamed[np.uint64(starts[lane]) + rank])
    left = right = NOTHING & M40
    left2 = right2 = NOTHING
    if has_left:
        top -= W2
        left, left2 = waiting[top], waiting[top + W1]
    if has_right:
        top -= W2
        right, right2 = waiting[top], waiting[top + W1]
    kinds = (left >> W40) * W4 + (right >> W40)
    own = rank | lane << W8
    program[at * W4] = (left & M40) | own << W40
    program[at * W4 + W1] = left2
    program[at * W4 + W2] = (right & M40) | np.uint64(OPS[kinds]) << W40
    program[at * W4 + W3] = right2
    # Without branches, which would be taken at random.
    made = np.uint64(MAKES[kinds])
    node, twig, rows = np.uint64(made == NODE), np.uint64(made == TWIG), np.uint64(made == ROWS)
    first_of_node = (left & M8) | (right & M8) << W8 | own << W16
    waiting[top] = first_of_node * node | (left & M40) * twig | made << W40
    waiting[top + W1] = NOTHING * (W1 - twig) | ((right & M40) | own << W40) * twig
    return at + rows, top + W2


@part
def plain(program, n, kind, table):
    """Append ADD, LOOK1 or LOOK4, which look at no codes; returns the new number of instructions."""
    program[4 * n], program[4 * n + 1], program[4 * n + 2], program[4 * n + 3] = (
        np.uint64(table),
        NOTHING,
        np.uint64(kind) << W40,
        NOTHING,
    )
    return n + 1


@entry
def emit_groups(
    words, renamed, batched, starts, pieces, order, groups, begin, end, leaf, program, tables, waiting, way
):
    """Write the program and the tables of the groups ``begin:end``; returns the number of instructions."""
    n = np.int64(0)
    for g in range(begin, end):
        at = g - begin
        table = tables[at * TABLE : (at + 1) * TABLE]
        table[0] = 0
        size = np.int64(1)
        for j in range(groups[g], groups[g + 1]):
            p = order[j]
            root, first, last, numbers = pieces[0, p], pieces[1, p], pieces[2, p], pieces[3, p]
            n = emit(
                words, renamed, batched, starts, root, first, last, numbers, size, program, n, waiting, way
            )
            size = add_to_table(table, size, words, first, last, numbers, leaf)
            if j > groups[g]:
                n = plain(program, n, np.int64(ADD), np.int64(0))
        if at % 4 == 3:
            n = plain(program, n, np.int64(LOOK4), at - 3)
    for at in range(end - begin - 1, (end - begin) // 4 * 4 - 1, -1):
        n = plain(program, n, np.int64(LOOK1), at)
    return n


@part
def add_to_table(table, size, words, first, last, numbers, leaf):
    """Combine a table's first `size` entries with the leaves of one more piece; returns the new size."""
    j = np.uint64(numbers - 1)
    m = np.uint64(size)
    one = np.uint64(1)
    for i in range(last, first - 1, -1):
        if words[i] & LEAF_LANE == LEAF_LANE:
            value = leaf[(words[i] >> LANE_BITS) & RANK]
            to = j * m
            for s in range(m):
                table[to + s] = table[s] + value
            j -= one
            if j == 0:
                # The first `size` entries come last: number 0 is the first leaf, or "elsewhere", which adds
                # nothing.
                if i > first:
                    value = leaf[(words[first] >> LANE_BITS) & RANK]
                    for s in range(m):
                        table[s] += value
                break
    return size * numbers
