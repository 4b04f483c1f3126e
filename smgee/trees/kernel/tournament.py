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
W1, W2, W3, W8, W16, W32, W48 = (np.uint64(i) for i in (1, 2, 3, 8, 16, 32, 48))
M8, M16, M32, M48 = np.uint64(0xFF), np.uint64(0xFFFF), np.uint64(0xFFFFFFFF), np.uint64(0xFFFFFFFFFFFF)


@njit(cache=True, nogil=True)
def run(program, n, codes, strip, rows, stack, total, tables):
    """Run the `n` instructions of a program for one strip.

    Parameters
    ----------
    program : (3 n,) uint64
        Three words for each instruction. First: a, b, x1, k1 and the operation in 8, 8, 16, 16 and 16 bits, from the lowest; second:
        c, d, x2, k2 in the same bits; third: x0, k0 in 16 bits each. In place of c, d and x2, LOOK1 and LOOK4 have their first table.
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
    for p in range(uint64(n)):
        w0, w1, w2 = program[p * W3], program[p * W3 + W1], program[p * W3 + W2]
        o = w0 >> W48
        x0, x1, x2 = (w2 & M16) * step, ((w0 >> W16) & M16) * step, ((w1 >> W16) & M16) * step
        k0, k1, k2 = uint8(w2 >> W16), uint8(w0 >> W32), uint8(w1 >> W32)
        a, b, c, d = uint8(w0), uint8(w0 >> W8), uint8(w1), uint8(w1 >> W8)
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
            t0 = (w1 & M32) * uint64(TABLE)
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
            t0 = (w1 & M32) * uint64(TABLE)
            for i in range(m):
                total[i] += tables[t0 + uint64(stack[t + i])]


@njit(cache=True, nogil=True)
def aligned(n):
    """Return `n` uninitialised bytes that begin on a cache line."""
    raw = np.empty(n + 64, uint8)
    return raw[(-raw.ctypes.data) % 64 :][:n]
