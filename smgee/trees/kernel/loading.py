"""Compiled: predictors read from wherever they lie into rows of integer keys."""

from __future__ import annotations

import numpy as np
from numba import njit

LOW32, HIGH32 = np.int32(-(2**31)), np.int32(2**31 - 1)
LOW64, HIGH64 = np.int64(-(2**63)), np.int64(2**63 - 1)


@njit(cache=True, nogil=True)
def load32(numbers, keys):
    """Write the keys (int32) of float32 `numbers`, NaN as the smallest integer; returns how many are NaN.

    `numbers` come as their bits, int32 of any stride.
    """
    gaps = 0
    for i in range(len(numbers)):
        bits = numbers[i]
        magnitude = bits & HIGH32
        key = bits ^ ((bits >> np.int32(31)) & HIGH32)
        key = np.int32(0) if magnitude == 0 else key
        nan = magnitude > np.int32(0x7F800000)
        gaps += nan
        keys[i] = LOW32 if nan else key
    return gaps


@njit(cache=True, nogil=True)
def load64(numbers, keys):
    """As `load32`, for float64 and int64."""
    gaps = 0
    for i in range(len(numbers)):
        bits = numbers[i]
        magnitude = bits & HIGH64
        key = bits ^ ((bits >> np.int64(63)) & HIGH64)
        key = np.int64(0) if magnitude == 0 else key
        nan = magnitude > np.int64(0x7FF0000000000000)
        gaps += nan
        keys[i] = LOW64 if nan else key
    return gaps


@njit(cache=True, nogil=True)
def mark_missing(keys, low, missing):
    """Set ``missing[i]`` where ``keys[i]`` is `low`, the key of NaN."""
    for i in range(len(keys)):
        missing[i] |= keys[i] == low
