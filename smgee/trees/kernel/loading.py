"""Compiled: predictors read from wherever they lie, into codes (see `smgee.trees.kernel.keys`)."""

from __future__ import annotations

import numpy as np
from numba import uint64

from smgee.compiled import compiled

TILE = 1024
NONE, ONE = np.uint64(0), np.uint64(1)


@compiled
def encode_column(numbers, low, factor, first, cuts, span, codes):
    """Write the codes of `numbers`, (rows,) float of any stride, NaN as 0; returns how many are NaN. The tables are an `Encoder`'s."""
    x = np.empty(TILE, numbers.dtype)
    bucket = np.empty(TILE, np.int32)
    key = np.empty(TILE, cuts.dtype)
    gaps = 0
    for start in range(0, len(numbers), TILE):
        n = min(TILE, len(numbers) - start)
        part = numbers[start : start + n]
        for i in range(n):
            x[i] = part[i]
        gaps += _encode_tile(x, n, low, factor, first, cuts, span, bucket, key, codes[start : start + n])
    return gaps


@compiled
def _encode_tile(x, n, low, factor, first, cuts, span, bucket, key, codes):
    bits = x.view(key.dtype)
    inverse = np.iinfo(key.dtype).max
    last = x.dtype.type(len(first) - 2)
    gaps = 0
    m = uint64(n)
    for i in range(m):
        place = (x[i] - low) * factor
        place = place if place > 0 else x.dtype.type(0)  # NaN too
        bucket[i] = np.int32(place if place < last else last)
        b = bits[i]
        k = b ^ inverse if b < 0 else b
        key[i] = k if b & inverse else 0  # bits, since denormal comparisons may be flushed
        gaps += x[i] != x[i]
    if span <= 2:
        for i in range(m):
            at = uint64(first[bucket[i]])
            codes[i] = at + (ONE if cuts[at] < key[i] else NONE)
    elif span == 4:
        for i in range(m):
            at = uint64(first[bucket[i]])
            at += (ONE + ONE) if cuts[at + ONE] < key[i] else NONE
            codes[i] = at + (ONE if cuts[at] < key[i] else NONE)
    else:
        for i in range(m):
            at = uint64(first[bucket[i]])
            # Few intervals are as full as the fullest.
            half = ONE + ONE if first[bucket[i] + 1] - first[bucket[i]] < 4 else uint64(span) >> ONE
            while half > NONE:
                at += half if cuts[at + half - ONE] < key[i] else NONE
                half >>= ONE
            codes[i] = at
    if gaps:
        for i in range(m):
            if x[i] != x[i]:
                codes[i] = 0
    return gaps
