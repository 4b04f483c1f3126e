"""Compiled: predictors read into codes (see `smgee.trees.kernel.keys`)."""

from __future__ import annotations

import numpy as np
from numba import uint64

from smgee.trees.kernel.machine import entry

TILE = 1024
NONE, ONE = np.uint64(0), np.uint64(1)


def encode_column(
    numbers: np.ndarray,
    low: np.floating,
    factor: np.floating,
    first: np.ndarray,
    cuts: np.ndarray,
    span: int,
    codes: np.ndarray,
) -> int:
    """Write the codes of `numbers`, (rows,) contiguous floats, NaN as 0; returns how many are NaN. The
    tables are an `Encoder`'s.
    """
    key, code = np.empty(TILE, cuts.dtype), np.empty(TILE, np.int32)
    return _encode(
        numbers,
        numbers.view(cuts.dtype),
        low,
        factor,
        first,
        cuts,
        span,
        key,
        code,
        codes.view(np.uint8),
        codes.itemsize,
    )


@entry
def _encode(numbers, bits, low, factor, first, cuts, span, key, code, codes, size):
    """Do the work of `encode_column`, with codes of `size` bytes written to the bytes `codes`."""
    inverse = np.iinfo(key.dtype).max
    zero = numbers.dtype.type(0)
    last = numbers.dtype.type(len(first) - 2)
    all_gaps = 0
    for start in range(0, len(numbers), TILE):
        m = uint64(min(TILE, len(numbers) - start))
        x = numbers[start : start + TILE]
        bit = bits[start : start + TILE]
        gaps = 0
        for i in range(m):
            place = (x[i] - low) * factor
            place = place if place > 0 else zero  # NaN too
            code[i] = np.int32(place if place < last else last)
            b = bit[i]
            k = b ^ inverse if b < 0 else b
            key[i] = k if b & inverse else 0  # bits, since denormal comparisons may be flushed
            gaps += x[i] != x[i]
        if span <= 2:
            for i in range(m):
                at = uint64(first[code[i]])
                code[i] = at + (ONE if cuts[at] < key[i] else NONE)
        elif span == 4:
            for i in range(m):
                at = uint64(first[code[i]])
                at += (ONE + ONE) if cuts[at + ONE] < key[i] else NONE
                code[i] = at + (ONE if cuts[at] < key[i] else NONE)
        else:
            for i in range(m):
                at = uint64(first[code[i]])
                # Few intervals are as full as the fullest.
                half = ONE + ONE if first[code[i] + 1] - first[code[i]] < 4 else uint64(span) >> ONE
                while half > NONE:
                    at += half if cuts[at + half - ONE] < key[i] else NONE
                    half >>= ONE
                code[i] = at
        if gaps:
            all_gaps += gaps
            for i in range(m):
                if x[i] != x[i]:
                    code[i] = 0
        if size == 1:
            to = codes[start : start + TILE]
            for i in range(m):
                to[i] = code[i]
        elif size == 2:
            to2 = codes[2 * start : 2 * (start + np.int64(m))].view(np.uint16)
            for i in range(m):
                to2[i] = code[i]
        else:
            to4 = codes[4 * start : 4 * (start + np.int64(m))].view(np.int32)
            for i in range(m):
                to4[i] = code[i]
    return all_gaps
