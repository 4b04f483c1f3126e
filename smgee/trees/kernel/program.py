"""Compiled: pruned trees turned into programs for `smgee.trees.kernel.tournament`.

Leaf numbers are bytes, so a program works on *pieces* of at most 256 leaves. A tree with more is cut into runs of consecutive leaves;
in the piece of one run all other leaves are number 0, of value 0, so the pieces of a tree add up to it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

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
)

# Leaves of one piece of a cut tree: the nodes on the way to it must leave its cuts within a byte, too.
RUN = 192
CONST, NODE, STRIP = 0, 1, 2
NEVER = np.uint16(65535)


@njit(cache=True, nogil=True)
def cut_pieces(lane, rank, right, roots, end, leaf):
    """Return (root, first leaf, last leaf, leaf numbers) of every piece, the first three as node indices; the sum of single-leaf trees;
    and how many nodes lie on the ways to the pieces of cut trees.
    """
    count = 0
    for t in range(len(roots)):
        stop = roots[t + 1] if t + 1 < len(roots) else end
        leaves = (stop - roots[t] + 1) // 2
        count += 1 if leaves <= TABLE else (leaves + RUN - 1) // RUN
    root = np.empty(count, np.int32)
    first = np.empty(count, np.int32)
    last = np.empty(count, np.int32)
    numbers = np.empty(count, np.int32)
    constant = np.int64(0)
    p = steps = 0
    for t in range(len(roots)):
        stop = roots[t + 1] if t + 1 < len(roots) else end
        leaves = (stop - roots[t] + 1) // 2
        if leaves == 1:
            constant += leaf[rank[roots[t]]]
        elif leaves <= TABLE:
            a = roots[t]
            while lane[a] >= 0:
                a += 1
            root[p], first[p], last[p], numbers[p] = roots[t], a, stop - 1, leaves
            p += 1
        else:
            parts = (leaves + RUN - 1) // RUN
            seen, part = 0, 0
            for i in range(roots[t], stop):
                if lane[i] < 0:
                    if seen == part * leaves // parts:
                        root[p], first[p] = roots[t], i
                        numbers[p] = (part + 1) * leaves // parts - seen + 1
                        part += 1
                        node = root[p]
                        while node != i:
                            node = right[node] if right[node] <= i else node + 1
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
def emit(lane, rank, right, root, first, last, numbers, stride, op, o_lane, o_k, o_leaf, n, state, way):
    """Append the instructions of one piece, its leaf numbers multiplied by `stride`; returns the new number of instructions.

    Nodes are visited backwards in pre-order, right subtree first: those between the first and the last leaf, then the `way` (scratch)
    from the root to the first leaf. `state`, (600, 6) int32, is scratch for the operands that wait for their parent. A waiting operand is a leaf number (CONST), a node between two leaf numbers (NODE) or a strip on the stack (STRIP).
    """
    number = (numbers - 1) * stride
    top = 0
    for i in range(last, first - 1, -1):
        if lane[i] < 0:
            state[top, 0], state[top, 1] = CONST, number
            number -= stride
            top += 1
        else:
            n, top = _node(lane[i], rank[i], True, right[i] <= last, top, op, o_lane, o_k, o_leaf, n, state)
    steps = 0
    node = root
    while node != first:
        way[steps] = node
        steps += 1
        node = right[node] if right[node] <= first else node + 1
    for step in range(steps - 1, -1, -1):
        node = way[step]
        goes_right = right[node] <= first
        n, top = _node(lane[node], rank[node], not goes_right, right[node] <= last, top, op, o_lane, o_k, o_leaf, n, state)
    if state[0, 0] == NODE:
        op[n] = PUSH1
        o_lane[n, 0], o_k[n, 0], o_leaf[n, 0], o_leaf[n, 1] = state[0, 2], state[0, 3], state[0, 4], state[0, 5]
        o_k[n, 1] = o_k[n, 2] = NEVER
        n += 1
    return n


@njit(cache=True, nogil=True)
def _node(lane, k, has_left, has_right, top, op, o_lane, o_k, o_leaf, n, state):
    """Combine the waiting left (on top) and right operands of a node; an absent one is leaf number 0."""
    l_kind, l_leaf, r_kind, r_leaf = CONST, 0, CONST, 0
    at = top
    if has_left:
        at -= 1
        l_kind, l_leaf = state[at, 0], state[at, 1]
    left = at
    if has_right:
        at -= 1
        r_kind, r_leaf = state[at, 0], state[at, 1]
    if l_kind == CONST and r_kind == CONST:
        state[at, 0], state[at, 2], state[at, 3], state[at, 4], state[at, 5] = NODE, lane, k, l_leaf, r_leaf
        return n, at + 1
    o_lane[n, 0], o_k[n, 0] = lane, k
    o_lane[n, 1] = o_lane[n, 2] = lane
    o_k[n, 1] = o_k[n, 2] = NEVER
    if l_kind == NODE:
        o_lane[n, 1], o_k[n, 1], o_leaf[n, 0], o_leaf[n, 1] = state[left, 2], state[left, 3], state[left, 4], state[left, 5]
    else:
        o_leaf[n, 0] = o_leaf[n, 1] = l_leaf
    if r_kind == NODE:
        o_lane[n, 2], o_k[n, 2], o_leaf[n, 2], o_leaf[n, 3] = state[at, 2], state[at, 3], state[at, 4], state[at, 5]
    else:
        o_leaf[n, 2] = o_leaf[n, 3] = r_leaf
    if l_kind == STRIP:
        op[n] = JOIN if r_kind == STRIP else (NODE_RIGHT if r_kind == NODE else LEAF_RIGHT)
    elif r_kind == STRIP:
        op[n] = NODE_LEFT if l_kind == NODE else LEAF_LEFT
    elif l_kind == NODE:
        op[n] = PUSH3 if r_kind == NODE else PUSH_LEFT
    else:
        op[n] = PUSH_RIGHT
    state[at, 0] = STRIP
    return n + 1, at + 1


@njit(cache=True, nogil=True)
def add_to_table(table, size, lane, rank, first, last, numbers, leaf):
    """Combine a table's first `size` entries with the leaves of one more piece; returns the new size."""
    j = numbers - 1
    for i in range(last, first - 1, -1):
        if lane[i] < 0:
            value = leaf[rank[i]]
            for s in range(size):
                table[j * size + s] = table[s] + value
            j -= 1
            if j == 0:
                # The first `size` entries are overwritten last: by the first leaf, or left alone as "none of this piece".
                value = leaf[rank[first]] if i > first else np.int32(0)
                for s in range(size):
                    table[s] += value
                break
    return size * numbers
