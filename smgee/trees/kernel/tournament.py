"""Compiled: trees evaluated over strips of rows held as bytes.

Every internal node is evaluated, bottom-up, for all rows of a strip at once: ``d = right if code > k else
left``, where left and right are leaf numbers already decided for the subtrees. What remains is the number of
the leaf that each row reaches. There are no gathers and no branches on data, so the loops run at the full
width of the processor's registers; cost follows the number of nodes.

A program is a list of instructions on a stack of byte strips. An instruction evaluates a node and, with it,
children that need no strip of their own. These are leaf numbers, nodes between two leaf numbers, and twigs,
nodes between two such operands::

    node  x1 > k1 ? b : a
    twig  x0 > k0 ? (x2 > k2 ? d : c) : (x1 > k1 ? b : a)

Trees with few leaves share a table: their leaf numbers are spaced so that the sum (`ADD`) names the
combination.

The indices are unsigned throughout: numba guards signed ones against wrapping around, which keeps loops from
being vectorised.
"""

from __future__ import annotations

import numpy as np
from numba import uint8, uint64

from smgee.trees.kernel.machine import entry

# "x > k ? right : left", where left and right are the leaf number A, the node N, the twig T or the rows R on
# the stack. PUSH is a
# waiting operand put on the stack; ADD adds the top to the entry below; LOOK adds the rows of leaf tables to
# the totals.
PUSH_N, PUSH_T, N_T, T_N, T_T, A_R, N_R, T_R, R_A, R_N, R_T, R_R, ADD, LOOK1, LOOK4 = range(15)
TABLE = 256
W1, W2, W3, W4, W8, W16, W24, W40, W48 = (np.uint64(i) for i in (1, 2, 3, 4, 8, 16, 24, 40, 48))
M8, M16, M32, M40 = np.uint64(0xFF), np.uint64(0xFFFF), np.uint64(0xFFFFFFFF), np.uint64(0xFFFFFFFFFF)


@entry
def run(program, n, codes, lane_step, stack, strip, total, tables):
    """Run the `n` instructions of a program, for one strip of rows after the other.

    Parameters
    ----------
    program : (4 n,) uint64
        Four words for each instruction. From the lowest bit: (1) the left operand's a, b, k1 (8 bits each)
        and x1 (16), then k (8) and x (16) of the node itself; (2) the left twig's c, d, k2, x2, k0, x0; (3),
        (4) as (1), (2) for the right operand, with the operation in place of k and x. LOOK1 and LOOK4 have
        the number of their first table in (1).
    codes : (lanes * lane_step,) uint8
        Predictors.
    lane_step : int
        Distance between lanes, no less than the rows.
    stack : (entries * strip,) uint8
        Scratch.
    strip : int
        Rows to work on at a time, and distance between stack entries.
    total : (rows,) int32
        Added to.
    tables : (tables * TABLE,) int32
        Leaf tables.
    """
    far = uint64(lane_step)
    step = uint64(strip)
    for begin in range(uint64(0), uint64(len(total)), step):
        m = min(step, uint64(len(total)) - begin)
        top = uint64(0)  # where the next entry goes
        for p in range(uint64(n)):
            p0, p1, p2, p3 = program[p * W4], program[p * W4 + W1], program[p * W4 + W2], program[p * W4 + W3]
            o = p2 >> W40
            k, x = uint8(p0 >> W40), (p0 >> W48) * far + begin
            a, b, k1, x1 = uint8(p0), uint8(p0 >> W8), uint8(p0 >> W16), ((p0 >> W24) & M16) * far + begin
            c, d, k2, x2 = uint8(p1), uint8(p1 >> W8), uint8(p1 >> W16), ((p1 >> W24) & M16) * far + begin
            k0, x0 = uint8(p1 >> W40), (p1 >> W48) * far + begin
            e, f, k4, x4 = uint8(p2), uint8(p2 >> W8), uint8(p2 >> W16), ((p2 >> W24) & M16) * far + begin
            g, h, k5, x5 = uint8(p3), uint8(p3 >> W8), uint8(p3 >> W16), ((p3 >> W24) & M16) * far + begin
            k3, x3 = uint8(p3 >> W40), (p3 >> W48) * far + begin
            s = top - step
            if o == R_R:
                t = s - step
                for i in range(m):
                    u = stack[s + i]
                    v = stack[t + i]
                    stack[t + i] = v if codes[x + i] > k else u
                top -= step
            elif o == T_T:
                for i in range(m):
                    u = b if codes[x1 + i] > k1 else a
                    v = d if codes[x2 + i] > k2 else c
                    u = v if codes[x0 + i] > k0 else u
                    w = f if codes[x4 + i] > k4 else e
                    v = h if codes[x5 + i] > k5 else g
                    v = v if codes[x3 + i] > k3 else w
                    stack[top + i] = v if codes[x + i] > k else u
                top += step
            elif o == T_R:
                for i in range(m):
                    u = b if codes[x1 + i] > k1 else a
                    v = d if codes[x2 + i] > k2 else c
                    u = v if codes[x0 + i] > k0 else u
                    v = stack[s + i]
                    stack[s + i] = v if codes[x + i] > k else u
            elif o == R_T:
                for i in range(m):
                    w = f if codes[x4 + i] > k4 else e
                    v = h if codes[x5 + i] > k5 else g
                    v = v if codes[x3 + i] > k3 else w
                    u = stack[s + i]
                    stack[s + i] = v if codes[x + i] > k else u
            elif o == T_N:
                for i in range(m):
                    u = b if codes[x1 + i] > k1 else a
                    v = d if codes[x2 + i] > k2 else c
                    u = v if codes[x0 + i] > k0 else u
                    v = f if codes[x4 + i] > k4 else e
                    stack[top + i] = v if codes[x + i] > k else u
                top += step
            elif o == N_T:
                for i in range(m):
                    w = f if codes[x4 + i] > k4 else e
                    v = h if codes[x5 + i] > k5 else g
                    v = v if codes[x3 + i] > k3 else w
                    u = b if codes[x1 + i] > k1 else a
                    stack[top + i] = v if codes[x + i] > k else u
                top += step
            elif o == R_A:
                for i in range(m):
                    u = stack[s + i]
                    stack[s + i] = e if codes[x + i] > k else u
            elif o == A_R:
                for i in range(m):
                    v = stack[s + i]
                    stack[s + i] = v if codes[x + i] > k else a
            elif o == R_N:
                for i in range(m):
                    u = stack[s + i]
                    v = f if codes[x4 + i] > k4 else e
                    stack[s + i] = v if codes[x + i] > k else u
            elif o == N_R:
                for i in range(m):
                    v = stack[s + i]
                    u = b if codes[x1 + i] > k1 else a
                    stack[s + i] = v if codes[x + i] > k else u
            elif o == PUSH_T:
                for i in range(m):
                    u = b if codes[x1 + i] > k1 else a
                    v = d if codes[x2 + i] > k2 else c
                    stack[top + i] = v if codes[x0 + i] > k0 else u
                top += step
            elif o == PUSH_N:
                for i in range(m):
                    stack[top + i] = b if codes[x1 + i] > k1 else a
                top += step
            elif o == ADD:
                t = s - step
                for i in range(m):
                    stack[t + i] += stack[s + i]
                top -= step
            elif o == LOOK4:
                s2 = s - step
                s1 = s2 - step
                s0 = s1 - step
                t0 = (p0 & M32) * uint64(TABLE)
                t1 = t0 + uint64(TABLE)
                t2 = t1 + uint64(TABLE)
                t3 = t2 + uint64(TABLE)
                for i in range(m):
                    total[begin + i] += (
                        tables[t0 + uint64(stack[s0 + i])]
                        + tables[t1 + uint64(stack[s1 + i])]
                        + tables[t2 + uint64(stack[s2 + i])]
                        + tables[t3 + uint64(stack[s + i])]
                    )
                top = s0
            else:
                t0 = (p0 & M32) * uint64(TABLE)
                for i in range(m):
                    total[begin + i] += tables[t0 + uint64(stack[s + i])]
                top = s


def aligned(n: int) -> np.ndarray:
    """Return `n` uninitialised bytes that begin on a cache line."""
    raw = np.empty(n + 64, np.uint8)
    return raw[-raw.ctypes.data % 64 :][:n]
