"""The tournament's instruction set in plain Python: what `smgee.trees.kernel.tournament.run` computes, one
row and one instruction at a time.

Slow and simple, it is the definition that the compiled function is tested against, and the way to read a
program (`decode`).

=========== ======================== ========================================================================
operation   operands                 effect
=========== ======================== ========================================================================
PUSH_N      a node                   push its outcome
PUSH_T      a twig                   push its outcome
l_r         l and r: A, N, T or R    push ``r if code[x] > k else l``; R is popped from the stack, the right
                                     one below the left one
ADD         none                     pop the top, add it to the entry below, as bytes add
LOOK1       a table's number         pop a leaf number, add its entry in the table to the total
LOOK4       a first table's number   pop four; the deepest belongs to the first of four consecutive tables
=========== ======================== ========================================================================

A is a leaf number, N a node between two leaf numbers, T a twig (a node between two nodes), R rows on the
stack. Where both operands are rows, the left subtree was emitted last and lies on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from smgee.trees.kernel.tournament import TABLE

# In the order of their numbers.
NAMES = (
    *("PUSH_N", "PUSH_T"),
    *("N_T", "T_N", "T_T", "A_R", "N_R", "T_R", "R_A", "R_N", "R_T", "R_R"),
    *("ADD", "LOOK1", "LOOK4"),
)


class Test(NamedTuple):
    """``code[lane] > k``."""

    k: int
    lane: int

    def passes(self, codes: Sequence[int]) -> bool:
        """Say how the test ends for a row."""
        return codes[self.lane] > self.k


class Operand(NamedTuple):
    """The fields of an operand; `low` alone for N, with a leaf number ``a`` for A, all for T.

    A node is ``b if low else a``; a twig ``(d if high else c) if top else (b if low else a)``.
    """

    a: int
    b: int
    low: Test
    c: int
    d: int
    high: Test
    top: Test

    def value(self, kind: str, codes: Sequence[int], stack: list[int]) -> int:
        """Return the leaf number that an operand of a kind stands for in a row."""
        if kind == "R":
            return stack.pop()
        if kind == "A":
            return self.a
        node = self.b if self.low.passes(codes) else self.a
        if kind == "N":
            return node
        return (self.d if self.high.passes(codes) else self.c) if self.top.passes(codes) else node


class Instruction(NamedTuple):
    """One instruction: its name, its own test, its operands, and for LOOK the number of the first table."""

    name: str
    test: Test
    left: Operand
    right: Operand
    table: int


def _test(word: int, shift: int) -> Test:
    return Test(word >> shift & 0xFF, word >> shift + 8 & 0xFFFF)


def _operand(low: int, high: int) -> Operand:
    return Operand(
        a=low & 0xFF,
        b=low >> 8 & 0xFF,
        low=_test(low, 16),
        c=high & 0xFF,
        d=high >> 8 & 0xFF,
        high=_test(high, 16),
        top=_test(high, 40),
    )


def decode(program: np.ndarray, n: int) -> list[Instruction]:
    """Return the first `n` instructions of a program, four uint64 words each, as they are to be read."""
    instructions = []
    for at in range(0, 4 * n, 4):
        w0, w1, w2, w3 = (int(word) for word in program[at : at + 4])
        instructions.append(
            Instruction(NAMES[w2 >> 40], _test(w0, 40), _operand(w0, w1), _operand(w2, w3), w0 & 0xFFFFFFFF)
        )
    return instructions


def run(
    program: np.ndarray,
    n: int,
    codes: np.ndarray,
    lane_step: int,
    stack: np.ndarray,
    strip: int,
    total: np.ndarray,
    tables: np.ndarray,
) -> None:
    """Do what `smgee.trees.kernel.tournament.run` does, with the same parameters; scratch is not needed."""
    instructions = decode(program, n)
    for row in range(len(total)):
        row_codes = [int(code) for code in codes[row::lane_step]]
        total[row] += _total(instructions, row_codes, tables)


def _total(instructions: Sequence[Instruction], codes: Sequence[int], tables: np.ndarray) -> int:
    """Return what a program adds to the total of one row."""
    stack: list[int] = []
    total = 0
    for name, test, left, right, table in instructions:
        if name == "ADD":
            top = stack.pop()
            stack[-1] = (stack[-1] + top) % 256
        elif name in ("LOOK1", "LOOK4"):
            count = int(name[-1])
            for k, number in enumerate(stack[-count:]):
                total += int(tables[(table + k) * TABLE + number])
            del stack[-count:]
        elif name in ("PUSH_N", "PUSH_T"):
            stack.append(left.value(name[-1], codes, stack))
        else:
            first, second = name.split("_")
            a = left.value(first, codes, stack)
            b = right.value(second, codes, stack)
            stack.append(b if test.passes(codes) else a)
    return total
