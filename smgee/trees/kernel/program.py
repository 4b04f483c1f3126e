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
    ADD,
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
)

# Leaves of one piece of a cut tree: the nodes on the way to it must leave its cuts within a byte, too.
RUN = 192
# Operands that wait for their parent: a leaf number, a node between two leaf numbers, a strip on the stack.
CONST, NODE, ROWS = 0, 1, 2
# What to do with (kind of left, kind of right); two leaf numbers make a NODE instead.
OPS = np.array([255, PUSH_RIGHT, LEAF_LEFT, PUSH_LEFT, PUSH3, NODE_LEFT, LEAF_RIGHT, NODE_RIGHT, JOIN], np.uint8)
# The rank of a test that no row passes.
NEVER = 65535


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
def emit(words, renamed, name_start, root, first, last, numbers, stride, op, o_lane, o_rank, o_leaf, n, waiting, way):
    """Append the instructions of one piece, its leaf numbers multiplied by `stride`; returns the new number of instructions.

    Nodes are visited backwards in pre-order, right subtree first: those between the first and the last leaf, then the `way` (scratch)
    from the root to the first leaf. `waiting`, (600, 4) int64, is scratch for operands: kind, lane, rank, and two leaf numbers.
    The rank of a cut is ``renamed[name_start[lane] + rank]``, or itself if `renamed` is empty.
    """
    number = (numbers - 1) * stride
    top = 0
    for i in range(last, first - 1, -1):
        word = words[i]
        lane = word & LEAF_LANE
        if lane == LEAF_LANE:
            waiting[top, 0], waiting[top, 1], waiting[top, 2], waiting[top, 3] = CONST, 0, NEVER, number | number << 8
            number -= stride
            top += 1
        else:
            n, top = _combine(word, renamed, name_start, True, i + (word >> RIGHT_SHIFT) <= last, top, op, o_lane, o_rank, o_leaf, n, waiting)
    steps = 0
    node = np.int64(root)
    while node != first:
        way[steps] = node
        steps += 1
        right = node + (words[node] >> RIGHT_SHIFT)
        node = right if right <= first else node + 1
    for step in range(steps - 1, -1, -1):
        word = words[way[step]]
        right = way[step] + (word >> RIGHT_SHIFT)
        n, top = _combine(word, renamed, name_start, right > first, right <= last, top, op, o_lane, o_rank, o_leaf, n, waiting)
    if waiting[0, 0] == NODE:
        op[n] = PUSH1
        o_lane[n, 0] = o_lane[n, 1] = o_lane[n, 2] = waiting[0, 1]
        o_rank[n, 0], o_rank[n, 1], o_rank[n, 2] = waiting[0, 2], NEVER, NEVER
        o_leaf[n, 0], o_leaf[n, 1] = waiting[0, 3] & 255, waiting[0, 3] >> 8
        n += 1
    return n


@njit(cache=True, nogil=True)
def _combine(word, renamed, name_start, has_left, has_right, top, op, o_lane, o_rank, o_leaf, n, waiting):
    """Combine the waiting left (on top) and right operands of a node; an absent one is leaf number 0."""
    lane = word & LEAF_LANE
    rank = (word >> LANE_BITS) & RANK
    if len(renamed):
        rank = np.int64(renamed[name_start[lane] + rank])
    l_kind = r_kind = np.int64(CONST)
    l_lane = r_lane = lane
    l_rank = r_rank = np.int64(NEVER)
    l_leaf = r_leaf = np.int64(0)
    if has_left:
        top -= 1
        l_kind, l_lane, l_rank, l_leaf = waiting[top, 0], waiting[top, 1], waiting[top, 2], waiting[top, 3]
    if has_right:
        top -= 1
        r_kind, r_lane, r_rank, r_leaf = waiting[top, 0], waiting[top, 1], waiting[top, 2], waiting[top, 3]
    op[n] = OPS[3 * l_kind + r_kind]
    o_lane[n, 0], o_lane[n, 1], o_lane[n, 2] = lane, l_lane, r_lane
    o_rank[n, 0], o_rank[n, 1], o_rank[n, 2] = rank, l_rank, r_rank
    o_leaf[n, 0], o_leaf[n, 1], o_leaf[n, 2], o_leaf[n, 3] = l_leaf & 255, l_leaf >> 8, r_leaf & 255, r_leaf >> 8
    leaves = l_kind + r_kind == 0
    waiting[top, 0] = NODE if leaves else ROWS
    waiting[top, 1] = lane
    waiting[top, 2] = rank if leaves else NEVER
    waiting[top, 3] = (l_leaf & 255) | (r_leaf & 255) << 8
    return n + (0 if leaves else 1), top + 1


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
