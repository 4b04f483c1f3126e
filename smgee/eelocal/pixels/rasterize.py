"""Polygons, lines and points on a pixel grid: exact coverage, centres inside, pixels touched.

All of it works in pixel coordinates (column, row), so the answer for a pixel is the same whichever tile it is
computed in.
"""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def coverage(x, y, starts, height, width):
    """Return the covered fraction of every pixel, exact up to rounding.

    Parameters
    ----------
    x, y : (n,) float64 arrays
        Vertices of closed rings, one after another; outer rings in one direction, holes in the other.
    starts : (rings + 1,) int64 array
        Where each ring starts, and the end.
    height, width : int
        Of the grid, whose first pixel has corners (0, 0) and (1, 1).

    Returns
    -------
    (height, width) float64 array

    Notes
    -----
    Each edge adds its signed height, and the share of it on the pixel's right, to the cells it passes; the
    running sum along a row then is the area to the left of all edges (the accumulation buffer of anti-aliased
    font rasterisers).
    """
    cells = np.zeros((height, width + 1))
    for ring in range(len(starts) - 1):
        for i in range(starts[ring], starts[ring + 1] - 1):
            x0, y0, x1, y1 = x[i], y[i], x[i + 1], y[i + 1]
            if y0 == y1:
                continue
            sign = 1.0
            if y0 > y1:
                x0, y0, x1, y1 = x1, y1, x0, y0
                sign = -1.0
            if y1 <= 0.0 or y0 >= height or (x0 >= width and x1 >= width):
                continue
            slope = (x1 - x0) / (y1 - y0)
            first, last = max(0, math.floor(y0)), min(height - 1, math.ceil(y1) - 1)
            for row in range(first, last + 1):
                ya, yb = max(y0, float(row)), min(y1, row + 1.0)
                if yb <= ya:
                    continue
                xa = x0 + (ya - y0) * slope
                xb = x0 + (yb - y0) * slope
                rise = yb - ya
                left, right = (xa, xb) if xa < xb else (xb, xa)
                if right <= 0.0:
                    cells[row, 0] += sign * rise
                    continue
                if left >= width:
                    continue
                span = right - left
                if left < 0.0:
                    cells[row, 0] += sign * rise * (-left / span)
                    part_left = 0.0
                else:
                    part_left = left
                part_right = right if right < width else float(width)
                column = math.floor(part_left)
                if span < 1e-12 or part_right <= column + 1.0:
                    share = 1.0 if span < 1e-12 else (part_right - part_left) / span
                    middle = 0.5 * (part_left + part_right) - column
                    if column < width:
                        cells[row, column] += sign * rise * share * (1.0 - middle)
                        cells[row, column + 1] += sign * rise * share * middle
                    continue
                while part_left < part_right and column < width:
                    edge = min(column + 1.0, part_right)
                    share = (edge - part_left) / span
                    middle = 0.5 * (part_left + edge) - column
                    cells[row, column] += sign * rise * share * (1.0 - middle)
                    cells[row, column + 1] += sign * rise * share * middle
                    part_left = edge
                    column += 1
    out = np.empty((height, width))
    for row in range(height):
        total = 0.0
        for col in range(width):
            total += cells[row, col]
            out[row, col] = min(abs(total), 1.0)
    return out


@njit(cache=True, nogil=True)
def centers_inside(x, y, starts, height, width):
    """Return which pixel centres lie inside the rings (even–odd rule); arguments as for `coverage`.

    A centre on an edge belongs to the polygon on its right, or below, so that polygons sharing an edge share
    no pixel and leave none out.
    """
    flips = np.zeros((height, width + 1), np.bool_)
    for ring in range(len(starts) - 1):
        for i in range(starts[ring], starts[ring + 1] - 1):
            x0, y0, x1, y1 = x[i], y[i], x[i + 1], y[i + 1]
            if y0 == y1:
                continue
            if y0 > y1:
                x0, y0, x1, y1 = x1, y1, x0, y0
            first = max(0, math.ceil(y0 - 0.5))
            last = min(height - 1, math.ceil(y1 - 0.5) - 1)
            for row in range(first, last + 1):
                at = x0 + (row + 0.5 - y0) * (x1 - x0) / (y1 - y0)
                column = math.ceil(at - 0.5) if at > -1.0 else 0
                if column <= 0:
                    flips[row, 0] = not flips[row, 0]
                elif column < width:
                    flips[row, column] = not flips[row, column]
    out = np.zeros((height, width), np.bool_)
    for row in range(height):
        inside = False
        for col in range(width):
            if flips[row, col]:
                inside = not inside
            out[row, col] = inside
    return out


@njit(cache=True, nogil=True)
def crossed(x, y, starts, height, width):
    """Return which pixels the lines pass through; arguments as for `coverage`."""
    out = np.zeros((height, width), np.bool_)
    for ring in range(len(starts) - 1):
        for i in range(starts[ring], starts[ring + 1] - 1):
            x0, y0, x1, y1 = x[i], y[i], x[i + 1], y[i + 1]
            if y0 > y1:
                x0, y0, x1, y1 = x1, y1, x0, y0
            first, last = max(0, math.floor(y0)), min(height - 1, math.floor(y1))
            for row in range(first, last + 1):
                ya, yb = max(y0, float(row)), min(y1, row + 1.0)
                if y1 > y0:
                    xa = x0 + (ya - y0) * (x1 - x0) / (y1 - y0)
                    xb = x0 + (yb - y0) * (x1 - x0) / (y1 - y0)
                else:
                    xa, xb = x0, x1
                left, right = (xa, xb) if xa < xb else (xb, xa)
                c0, c1 = max(0, math.floor(left)), min(width - 1, math.floor(right))
                for column in range(c0, c1 + 1):
                    out[row, column] = True
    return out
