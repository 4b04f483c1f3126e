"""Compiled: pruned trees turned into programs for `smgee.trees.kernel.tournament`.

Leaf numbers are bytes, so a program works on *pieces* of at most 256 leaves. A tree with more is cut into runs of consecutive leaves;
in the piece of one run all other leaves are number 0, of value 0, so the pieces of a tree add up to it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from smgee.trees.kernel.blocks import RANK, RIGHT_SHIFT
from smgee.trees.kernel.forest import LANE_BITS, LEAF_LANE
from smgee.trees.kernel.tournament import (
    JOIN,
    LEAF_LEFT,
    LEAF_RIGHT,
    NODE_LEFT,
    NODE_RIGHT,
    PUSH1,
    PUSH3,
    PUSH_LEFT,
    PUSH_RIGHT,
    TABLE,
    W1,
    W3,
    W8,
    W16,
    W32,
    W48,
    M8,
    M16,
    M32,
    M48,
    W2,
)

# Leaves of one piece of a cut tree: the nodes on the way to it must leave its cuts within a byte, too.
RUN = 192
# Operands that wait for their parent: a leaf number, a node between two leaf numbers, a strip on the stack.
CONST, NODE, ROWS = np.uint64(0), np.uint64(1), np.uint64(2)
# What to do with (kind of left, kind of right); two leaf numbers make a NODE instead.
OPS = np.array([255, PUSH_RIGHT, LEAF_LEFT, PUSH_LEFT, PUSH3, NODE_LEFT, LEAF_RIGHT, NODE_RIGHT, JOIN], np.uint8)
# The rank of a test that no row passes.
NEVER = 65535
# The operand of leaf number 0.
NOTHING = np.uint64(NEVER << 32)
W0 = np.uint64(0)
PAIR = np.uint64(257)


@njit(cache=True, nogil=True)
def cut_pieces(words, roots, end, leaf):
    """Return the pieces of the trees that end at node `end`.

    Returns
    -------
    root, first, last : (pieces,) int32
        Nodes: the root of the tree, the first and the last leaf of the piece.
    numbers : (pieces,) int32
        How many leaf numbers the piece has, with that for "elsewhere" if its tree is cut.
    constant : int
        The sum of the leaves of single-leaf trees, which make no piece.
    steps : int
        Nodes on the ways from the roots of cut trees to their pieces.
    """
    count = 0
    for t in range(len(roots)):
        leaves = ((roots[t + 1] if t + 1 < len(roots) else end) - roots[t] + 1) // 2
        count += 1 if leaves <= TABLE else (leaves + RUN - 1) // RUN
    root, first, last, numbers = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.int32)
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
            root[p], first[p], last[p], numbers[p] = roots[t], i, stop - 1, leaves
            p += 1
        else:
            parts = (leaves + RUN - 1) // RUN
            seen, part = 0, 0
            for i in range(roots[t], stop):
                if words[i] & LEAF_LANE == LEAF_LANE:
                    if seen == part * leaves // parts:
                        root[p], first[p] = roots[t], i
                        numbers[p] = (part + 1) * leaves // parts - seen + 1
                        part += 1
                        node = np.int64(roots[t])
                        while node != i:
                            right = node + (words[node] >> RIGHT_SHIFT)
                            node = right if right <= i else node + 1
                            steps += 1
                    seen += 1
                    if seen == part * leaves // parts:
                        last[p] = i
                        p += 1
    return root[:p], first[:p], last[:p], numbers[:p], constant, steps


@njit(cache=True, nogil=True)
def group_pieces(numbers):
    """Return (order, group starts): pieces whose products of leaf numbers fit one table, the largest with the largest that fit."""
    head = np.full(TABLE + 1, -1, np.int32)
    follow = np.empty(len(numbers), np.int32)
    for p in range(len(numbers) - 1, -1, -1):
        follow[p] = head[numbers[p]]
        head[numbers[p]] = p
    order = np.empty(len(numbers), np.int32)
    starts = np.empty(len(numbers) + 1, np.int32)
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
    return order, starts[: groups + 1]


@njit(cache=True, nogil=True)
def emit(words, renamed, name_start, root, first, last, numbers, stride, program, n, waiting, way):
    """Append the instructions of one piece, its leaf numbers multiplied by `stride`; returns the new number of instructions.

    Nodes are visited backwards in pre-order, right subtree first: those between the first and the last leaf, then the `way` (scratch)
    from the root to the first leaf. `waiting`, (600,) uint64, is scratch for operands, which are words as in a `program`, with their
    kind in place of the operation. The rank of a cut is ``renamed[name_start[lane] + rank]``, or itself if `renamed` is empty.
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
            waiting[top] = number * PAIR | NOTHING
            number -= less
            top += W1
            continue
        right = i + np.uint64(word >> RIGHT_SHIFT) <= end
        at, top = _combine(word, renamed, name_start, True, right, program, at, waiting, top)
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
        at, top = _combine(word, renamed, name_start, right_child > first, right_child <= last, program, at, waiting, top)
    operand = waiting[W0]
    if operand >> W48 == NODE:
        program[at * W3] = (operand & M16) | np.uint64(PUSH1) << W48
        program[at * W3 + W1] = NOTHING
        program[at * W3 + W2] = (operand >> W16) & M32
        at += W1
    return np.int64(at)


@njit(cache=True, nogil=True, inline="always")
def _combine(word, renamed, name_start, has_left, has_right, program, at, waiting, top):
    """Combine the waiting left (on top) and right operands of a node; an absent one is leaf number 0. Returns the new (at, top)."""
    lane = np.uint64(word & LEAF_LANE)
    rank = np.uint64((word >> LANE_BITS) & RANK)
    if len(renamed):
        rank = np.uint64(renamed[np.uint64(name_start[lane]) + rank])
    left = right = NOTHING
    if has_left:
        top -= W1
        left = waiting[top]
    if has_right:
        top -= W1
        right = waiting[top]
    kinds = (left >> W48) * W3 + (right >> W48)
    own = lane | rank << W16
    program[at * W3] = (left & M48) | np.uint64(OPS[kinds]) << W48
    program[at * W3 + W1] = right & M48
    program[at * W3 + W2] = own
    # Two leaf numbers (kinds 0) make a waiting node, all else is an instruction that leaves rows; without branches, which would
    # be taken at random.
    leaves = np.uint64(kinds == W0)
    node = (left & M8) | (right & M8) << W8 | own << W16 | NODE << W48
    waiting[top] = node * leaves + (ROWS << W48) * (W1 - leaves)
    return at + W1 - leaves, top + W1


@njit(cache=True, nogil=True)
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
                # The first `size` entries come last: number 0 is the first leaf, or "elsewhere", which adds nothing.
                if i > first:
                    value = leaf[(words[first] >> LANE_BITS) & RANK]
                    for s in range(m):
                        table[s] += value
                break
    return size * numbers
