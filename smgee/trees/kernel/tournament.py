"""Compiled: trees evaluated over strips of rows held as bytes.

Every internal node is evaluated, bottom-up, for all rows of a strip at once: ``d = right if code > k else left``, where left
and right are leaf numbers already decided for the subtrees. What remains is the number of the leaf that each row reaches. There are
no gathers and no branches on data, so the loops run at the full width of the processor's registers; cost follows the number of nodes.

A program is a list of instructions on a stack of byte strips. Up to three nodes make one instruction (x0, x1, x2 are the codes that
a node, its left child and its right child look at; a, b, c, d are leaf numbers):

=========  ==============================================================
PUSH1      push  x0 > k0 ? b : a
PUSH3      push  x0 > k0 ? (x2 > k2 ? d : c) : (x1 > k1 ? b : a)
PUSH_LEFT  push  x0 > k0 ? d : (x1 > k1 ? b : a)
PUSH_RIGHT push  x0 > k0 ? (x2 > k2 ? d : c) : a
LEAF_RIGHT top = x0 > k0 ? d : top
LEAF_LEFT  top = x0 > k0 ? top : a
NODE_RIGHT top = x0 > k0 ? (x2 > k2 ? d : c) : top
NODE_LEFT  top = x0 > k0 ? top : (x1 > k1 ? b : a)
JOIN       pop the left, then top = x0 > k0 ? top : left
ADD        pop one, add it to the top
LOOK1      pop one, add its row of the leaf table to the totals
LOOK4      pop four, likewise
=========  ==============================================================

Trees with few leaves share a table: their leaf numbers are spaced so that the sum (ADD) names the combination.

The indices are unsigned throughout: numba guards signed ones against wrapping around, which keeps loops from being vectorised.
"""

from __future__ import annotations

import numpy as np
from numba import njit, uint8, uint64

PUSH1, PUSH3, PUSH_LEFT, PUSH_RIGHT, LEAF_RIGHT, LEAF_LEFT, NODE_RIGHT, NODE_LEFT, JOIN, ADD, LOOK1, LOOK4 = range(12)
TABLE = 256


@njit(cache=True, nogil=True)
def run(op, lane, k, leaf, look, n, codes, strip, rows, stack, total, tables):
    """Run the `n` instructions for one strip.

    Parameters
    ----------
    op : (n,) uint8
        Instructions.
    lane : (n, 3) int16, k : (n, 3) uint8, leaf : (n, 4) uint8
        Operands (x0, x1, x2), (k0, k1, k2) and (a, b, c, d).
    look : (n,) int32
        First of the tables of LOOK1 and LOOK4.
    codes : (lanes * strip,) uint8
        Predictors.
    strip, rows : int
        Distance between lanes and between stack entries; rows to work on.
    stack : (entries * strip,) uint8
        Scratch.
    total : (rows,) int32
        Added to.
    tables : (tables * TABLE,) int32
        Leaf tables.
    """
    step = uint64(strip)
    m = uint64(rows)
    top = uint64(0)  # where the next entry goes
    for p in range(n):
        o = op[p]
        x0 = uint64(lane[p, 0]) * step
        x1 = uint64(lane[p, 1]) * step
        x2 = uint64(lane[p, 2]) * step
        k0, k1, k2 = k[p, 0], k[p, 1], k[p, 2]
        a, b, c, d = leaf[p, 0], leaf[p, 1], leaf[p, 2], leaf[p, 3]
        if o == PUSH3:
            t = top
            top += step
            for i in range(m):
                u = b if codes[x1 + i] > k1 else a
                v = d if codes[x2 + i] > k2 else c
                stack[t + i] = v if codes[x0 + i] > k0 else u
        elif o == JOIN:
            top -= step
            s = top
            t = top - step
            for i in range(m):
                u = stack[s + i]
                v = stack[t + i]
                stack[t + i] = v if codes[x0 + i] > k0 else u
        elif o == PUSH_LEFT:
            t = top
            top += step
            for i in range(m):
                u = b if codes[x1 + i] > k1 else a
                stack[t + i] = d if codes[x0 + i] > k0 else u
        elif o == PUSH_RIGHT:
            t = top
            top += step
            for i in range(m):
                v = d if codes[x2 + i] > k2 else c
                stack[t + i] = v if codes[x0 + i] > k0 else a
        elif o == LEAF_RIGHT:
            t = top - step
            for i in range(m):
                u = stack[t + i]
                stack[t + i] = d if codes[x0 + i] > k0 else u
        elif o == LEAF_LEFT:
            t = top - step
            for i in range(m):
                v = stack[t + i]
                stack[t + i] = v if codes[x0 + i] > k0 else a
        elif o == NODE_RIGHT:
            t = top - step
            for i in range(m):
                u = stack[t + i]
                v = d if codes[x2 + i] > k2 else c
                stack[t + i] = v if codes[x0 + i] > k0 else u
        elif o == NODE_LEFT:
            t = top - step
            for i in range(m):
                v = stack[t + i]
                u = b if codes[x1 + i] > k1 else a
                stack[t + i] = v if codes[x0 + i] > k0 else u
        elif o == PUSH1:
            t = top
            top += step
            for i in range(m):
                stack[t + i] = b if codes[x0 + i] > k0 else a
        elif o == ADD:
            top -= step
            s = top
            t = top - step
            for i in range(m):
                stack[t + i] += stack[s + i]
        elif o == LOOK4:
            s3 = top - step
            s2 = s3 - step
            s1 = s2 - step
            s0 = s1 - step
            top = s0
            t0 = uint64(look[p]) * uint64(TABLE)
            t1 = t0 + uint64(TABLE)
            t2 = t1 + uint64(TABLE)
            t3 = t2 + uint64(TABLE)
            for i in range(m):
                total[i] += (
                    tables[t0 + uint64(stack[s0 + i])]
                    + tables[t1 + uint64(stack[s1 + i])]
                    + tables[t2 + uint64(stack[s2 + i])]
                    + tables[t3 + uint64(stack[s3 + i])]
                )
        else:
            top -= step
            t = top
            t0 = uint64(look[p]) * uint64(TABLE)
            for i in range(m):
                total[i] += tables[t0 + uint64(stack[t + i])]


@njit(cache=True, nogil=True)
def aligned(n):
    """Return `n` uninitialised bytes that begin on a cache line."""
    raw = np.empty(n + 64, uint8)
    return raw[(-raw.ctypes.data) % 64 :][:n]
