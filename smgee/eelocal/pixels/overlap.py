"""Compiled: areas that pixels of two lattices share."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _overlap(qx, qy, left, top, buffer_x, buffer_y):
    """Area of a convex quadrilateral within the unit square at (left, top) (Sutherland and Hodgman 1974)."""
    count = 4
    ax, ay = buffer_x[0], buffer_y[0]
    bx, by = buffer_x[1], buffer_y[1]
    for i in range(4):
        ax[i], ay[i] = qx[i] - left, qy[i] - top
    for side in range(4):
        kept = 0
        for i in range(count):
            j = i + 1 if i + 1 < count else 0
            x0, y0, x1, y1 = ax[i], ay[i], ax[j], ay[j]
            if side == 0:
                d0, d1 = x0, x1
            elif side == 1:
                d0, d1 = 1.0 - x0, 1.0 - x1
            elif side == 2:
                d0, d1 = y0, y1
            else:
                d0, d1 = 1.0 - y0, 1.0 - y1
            if d0 >= 0:
                bx[kept], by[kept] = x0, y0
                kept += 1
            if (d0 >= 0) != (d1 >= 0):
                t = d0 / (d0 - d1)
                bx[kept], by[kept] = x0 + t * (x1 - x0), y0 + t * (y1 - y0)
                kept += 1
        count = kept
        ax, bx = bx, ax
        ay, by = by, ay
        if count == 0:
            return 0.0
    area = 0.0
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        area += ax[i] * ay[j] - ax[j] * ay[i]
    return abs(area) / 2


@njit(cache=True, nogil=True)
def quad_weights(cols, rows, first_col, first_row, out):
    """Write the share of every output pixel that each input pixel covers.

    Parameters
    ----------
    cols, rows : (h + 1, w + 1) float64 arrays
        Corners of the output pixels in columns and rows of the input.
    first_col, first_row : (h, w) int64 arrays
        The upper left input pixel considered for each output pixel.
    out : (kr, kc, h, w) float64 array
        For the kr × kc input pixels from there on.
    """
    kr, kc, h, w = out.shape
    qx, qy = np.empty(4), np.empty(4)
    buffer_x, buffer_y = np.empty((2, 16)), np.empty((2, 16))
    for i in range(h):
        for j in range(w):
            qx[0], qx[1], qx[2], qx[3] = cols[i, j], cols[i, j + 1], cols[i + 1, j + 1], cols[i + 1, j]
            qy[0], qy[1], qy[2], qy[3] = rows[i, j], rows[i, j + 1], rows[i + 1, j + 1], rows[i + 1, j]
            area = abs((qx[0] - qx[2]) * (qy[1] - qy[3]) - (qx[1] - qx[3]) * (qy[0] - qy[2])) / 2
            for r in range(kr):
                for c in range(kc):
                    out[r, c, i, j] = (
                        _overlap(
                            qx, qy, float(first_col[i, j] + c), float(first_row[i, j] + r), buffer_x, buffer_y
                        )
                        / area
                    )
