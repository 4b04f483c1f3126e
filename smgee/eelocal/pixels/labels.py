"""Compiled: labels of connected pixels."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def connected_labels(values, valid, eight):
    """Label connected pixels of equal value; (height, width) int64, −1 where masked, else the smallest
    flat index of the object.
    """
    height, width = values.shape
    parent = np.arange(height * width)
    for r in range(height):
        for c in range(width):
            if not valid[r, c]:
                continue
            here = r * width + c
            for k in range(4 if eight else 2):
                # Above, left, above left, above right.
                dr = -1 if k != 1 else 0
                dc = 0 if k == 0 else (-1 if k < 3 else 1)
                rr, cc = r + dr, c + dc
                if rr < 0 or cc < 0 or cc >= width or not valid[rr, cc] or values[rr, cc] != values[r, c]:
                    continue
                a, b = here, rr * width + cc
                while parent[a] != a:
                    parent[a] = parent[parent[a]]
                    a = parent[a]
                while parent[b] != b:
                    parent[b] = parent[parent[b]]
                    b = parent[b]
                if a < b:
                    parent[b] = a
                elif b < a:
                    parent[a] = b
    out = np.full((height, width), -1, np.int64)
    for r in range(height):
        for c in range(width):
            if valid[r, c]:
                a = r * width + c
                while parent[a] != a:
                    a = parent[a]
                out[r, c] = a
    return out
