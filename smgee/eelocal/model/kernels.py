"""Compiled loops over stacks of pixels; they release the GIL, so that tiles run side by side."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["masked_median", "masked_mode"]


@njit(cache=True, nogil=True)
def _sort(buffer, count):
    """Sort the first `count` elements: by insertion, which wins for the few dates of a composite."""
    for i in range(1, count):
        value = buffer[i]
        j = i - 1
        while j >= 0 and buffer[j] > value:
            buffer[j + 1] = buffer[j]
            j -= 1
        buffer[j + 1] = value


@njit(cache=True, nogil=True)
def _select(buffer, count, k):
    """Move the k-th smallest of the first `count` elements to position k, none greater before it (Hoare 1961)."""
    low, high = 0, count - 1
    while low < high:
        pivot = buffer[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while buffer[i] < pivot:
                i += 1
            while buffer[j] > pivot:
                j -= 1
            if i <= j:
                buffer[i], buffer[j] = buffer[j], buffer[i]
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            return


@njit(cache=True, nogil=True)
def masked_median(stack, valid, out, found):
    """Median over the first axis of (n, pixels) arrays; the mean of the two middle values where their number is even."""
    n, pixels = stack.shape
    buffer = np.empty(n, stack.dtype)
    for p in range(pixels):
        count = 0
        for k in range(n):
            if valid[k, p]:
                value = stack[k, p]
                if value == value:
                    buffer[count] = value
                    count += 1
        if count == 0:
            found[p] = False
            out[p] = 0
            continue
        found[p] = True
        half = count // 2
        if count <= 40:
            _sort(buffer, count)
            below = buffer[half - 1] if half > 0 else buffer[0]
        else:
            _select(buffer, count, half)
            below = buffer[0]
            for i in range(1, half):
                if buffer[i] > below:
                    below = buffer[i]
        if count % 2:
            out[p] = buffer[half]
        else:
            out[p] = (np.float64(below) + np.float64(buffer[half])) / 2.0


@njit(cache=True, nogil=True)
def masked_mode(stack, valid, out, found):
    """Most frequent value over the first axis of (n, pixels) arrays; the least of equally frequent ones."""
    n, pixels = stack.shape
    buffer = np.empty(n, stack.dtype)
    for p in range(pixels):
        count = 0
        for k in range(n):
            if valid[k, p]:
                buffer[count] = stack[k, p]
                count += 1
        if count == 0:
            found[p] = False
            out[p] = 0
            continue
        found[p] = True
        if count <= 40:
            _sort(buffer, count)
            ordered = buffer
        else:
            ordered = np.sort(buffer[:count])
        best, length, run = ordered[0], 1, 1
        for i in range(1, count):
            if ordered[i] == ordered[i - 1]:
                run += 1
            else:
                run = 1
            if run > length:
                length = run
                best = ordered[i]
        out[p] = best
