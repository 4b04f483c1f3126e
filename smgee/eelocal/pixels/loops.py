"""Compiled loops over stacks of pixels; they release the GIL, so that tiles run side by side."""

import numpy as np
from numba import njit

_BLOCK = 32  # pixels whose values are gathered together
_WIDTH = 256  # pixels sorted together: their dates stay in the fastest cache


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
def _exchange(low, high):
    """Put the lesser of each two elements into `low` and the greater into `high`."""
    for i in range(low.size):
        a, b = low[i], high[i]
        low[i] = b if b < a else a
        high[i] = a if b < a else b


@njit(cache=True, nogil=True)
def _sort_columns(rows):
    """Sort every column of contiguous (n, width) rows without NaN.

    Batcher's merge exchange (Knuth, The Art of Computer Programming, vol. 3, 5.2.2, algorithm M). Which rows
    are compared does not depend on what they hold, so that whole rows are exchanged with vector instructions.
    """
    n = rows.shape[0]
    top = 1
    while 2 * top < n:
        top *= 2
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while True:
            for i in range(n - d):
                if i & p == r:
                    _exchange(rows[i], rows[i + d])
            if q == p:
                break
            d = q - p
            q //= 2
            r = p
        p //= 2


@njit(cache=True, nogil=True)
def _gather(stack, valid, start, width, buffer, counts):
    """Collect the valid values of some neighbouring pixels, each pixel's in a row of its own.

    Reading a few pixels of one layer at a time keeps to whole cache lines, which reading all the layers of
    one pixel would not.
    """
    for j in range(width):
        counts[j] = 0
    for k in range(stack.shape[0]):
        for j in range(width):
            if valid[k, start + j]:
                value = stack[k, start + j]
                if value == value:
                    buffer[j, counts[j]] = value
                    counts[j] += 1


@njit(cache=True, nogil=True)
def masked_median(stack, valid, out, found):
    """Median over the first axis of (n, pixels) floating arrays; the mean of the two middle values where
    their number is even.
    """
    n, pixels = stack.shape
    buffer, counts = np.empty((n, _WIDTH), stack.dtype), np.empty(_WIDTH, np.int32)
    for start in range(0, pixels, _WIDTH):
        width = min(_WIDTH, pixels - start)
        counts[:] = 0
        for k in range(n):
            row, values, shown = buffer[k], stack[k, start : start + width], valid[k, start : start + width]
            for i in range(width):
                value = values[i]
                present = shown[i] & (value == value)
                row[i] = value if present else np.inf  # what is absent goes to the end
                counts[i] += 1 if present else 0
        _sort_columns(buffer)  # beyond `width` they are arbitrary
        for i in range(width):
            count = counts[i]
            found[start + i] = count > 0
            if count == 0:
                out[start + i] = 0
            elif count % 2:
                out[start + i] = buffer[count // 2, i]
            else:
                out[start + i] = (
                    np.float64(buffer[count // 2 - 1, i]) + np.float64(buffer[count // 2, i])
                ) / 2.0


@njit(cache=True, nogil=True)
def masked_mode(stack, valid, out, found):
    """Most frequent value over the first axis of (n, pixels) arrays; the least of equally frequent ones."""
    n, pixels = stack.shape
    buffer = np.empty((_BLOCK, n), stack.dtype)
    counts = np.empty(_BLOCK, np.int64)
    for start in range(0, pixels, _BLOCK):
        width = min(_BLOCK, pixels - start)
        _gather(stack, valid, start, width, buffer, counts)
        for j in range(width):
            count, p = counts[j], start + j
            if count == 0:
                found[p] = False
                out[p] = 0
                continue
            found[p] = True
            ordered = buffer[j]
            if count <= 40:
                _sort(ordered, count)
            else:
                ordered = np.sort(ordered[:count])
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


@njit(cache=True, nogil=True)
def bilinear(values, weights, cols, rows, total, weight):
    """Sum the four neighbours of fractional (column, row) positions, counted from the centre of pixel (0, 0):
    `total` of their values by `weight`, that of their shares and masks; both are filled.

    `cols` and `rows` broadcast to the shape of `total`; positions that are not finite get 0.
    """
    height, width = values.shape
    tall, wide = total.shape
    for i in range(tall):
        for j in range(wide):
            col = cols[min(i, cols.shape[0] - 1), min(j, cols.shape[1] - 1)]
            row = rows[min(i, rows.shape[0] - 1), min(j, rows.shape[1] - 1)]
            total[i, j] = 0.0
            weight[i, j] = 0.0
            if not (np.isfinite(col) and np.isfinite(row)):
                continue
            # Positions a hair off a pixel centre are that centre, so that an unmoved pixel keeps its value.
            c0, r0 = np.floor(col + 1e-7), np.floor(row + 1e-7)
            right, below = min(max(col - c0, 0.0), 1.0), min(max(row - r0, 0.0), 1.0)
            right, below = 0.0 if right < 1e-6 else right, 0.0 if below < 1e-6 else below
            for k in range(4):
                r, c = int(r0) + k // 2, int(c0) + k % 2
                if r < 0 or r >= height or c < 0 or c >= width:
                    continue
                share = (below if k // 2 else 1.0 - below) * (right if k % 2 else 1.0 - right) * weights[r, c]
                if share != 0.0:
                    total[i, j] += share * values[r, c]
                weight[i, j] += share
