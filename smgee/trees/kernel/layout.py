"""Compiled: trees laid out in pre-order."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def lay_out(left, right, inner, roots, limit):
    """Return (order, right, roots) of the trees in pre-order, shared subtrees repeated; all empty beyond `limit` nodes.

    ``order[i]`` is the old index of new node ``i``; the left child of an internal node ``i`` is ``i + 1``.
    """
    capacity = min(limit, 2 * len(inner) + 16)
    order = np.empty(capacity, np.int32)
    new_right = np.empty(capacity, np.int32)
    new_roots = np.empty(len(roots), np.int32)
    stack = np.empty(1024, np.int32)  # old indices of right children still to come
    owner = np.empty(1024, np.int32)  # new index of the parent whose right child that is
    count = 0
    for tree in range(len(roots)):
        new_roots[tree] = count
        top = 0
        node = roots[tree]
        parent = -1
        while True:
            if count == limit:
                return order[:0], new_right[:0], new_roots[:0]
            if count == capacity:
                capacity = min(limit, 2 * capacity)
                order = np.concatenate((order, np.empty(capacity - count, np.int32)))
                new_right = np.concatenate((new_right, np.empty(capacity - count, np.int32)))
            order[count] = node
            new_right[count] = count
            if parent >= 0:
                new_right[parent] = count
            if inner[node]:
                if top == len(stack):
                    stack = np.concatenate((stack, np.empty(top, np.int32)))
                    owner = np.concatenate((owner, np.empty(top, np.int32)))
                stack[top] = right[node]
                owner[top] = count
                top += 1
                node = left[node]
                parent = -1
                count += 1
                continue
            count += 1
            if top == 0:
                break
            top -= 1
            node = stack[top]
            parent = owner[top]
    return order[:count].copy(), new_right[:count].copy(), new_roots
