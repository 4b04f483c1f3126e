"""Cells of the S2 geometry library (https://s2geometry.io/devguide/s2cell_hierarchy): from an id to the
four corners.
"""

from __future__ import annotations

import math

import shapely

from smgee.eelocal.errors import EEError

_LEVELS = 30
# The Hilbert curve: (i, j) of each position in a cell of each orientation, and how the orientation changes
# from there.
_POSITION_TO_IJ = ((0, 1, 3, 2), (0, 2, 3, 1), (3, 2, 0, 1), (3, 1, 0, 2))
_POSITION_TO_TURN = (1, 0, 0, 3)


def _stretch(s: float) -> float:
    """Return the cube-face coordinate of a cell-space one: S2's quadratic projection."""
    return (4 * s * s - 1) / 3 if s >= 0.5 else (1 - 4 * (1 - s) * (1 - s)) / 3


def _point(face: int, u: float, v: float) -> tuple[float, float]:
    x, y, z = ((1, u, v), (-u, 1, v), (-u, -v, 1), (-1, -v, -u), (v, -1, -u), (v, u, -1))[face]
    return math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))


def cell_polygon(cell: int) -> shapely.Polygon:
    """Return the corners of a cell in longitude and latitude; its edges are geodesics.

    Parameters
    ----------
    cell : int
        The 64-bit id, signed or not.

    Raises
    ------
    EEError
        When it is no valid id.
    """
    cell &= 2**64 - 1
    face = cell >> 61
    lowest = cell & -cell
    if face > 5 or lowest == 0 or not lowest & 0x1555555555555555:
        raise EEError(f"Invalid S2 cell id: {cell:#x}.")
    level = _LEVELS - (lowest.bit_length() - 1) // 2
    i = j = 0
    orientation = face & 1
    for step in range(level):
        position = (cell >> (2 * (_LEVELS - step) - 1)) & 3
        ij = _POSITION_TO_IJ[orientation][position]
        i, j = 2 * i + (ij >> 1), 2 * j + (ij & 1)
        orientation ^= _POSITION_TO_TURN[position]
    size = 2**level
    u, v = ([_stretch(k / size) for k in (n, n + 1)] for n in (i, j))
    corners = [_point(face, u[a], v[b]) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))]
    first = corners[0][0]
    return shapely.Polygon([(first + (x - first + 180.0) % 360.0 - 180.0, y) for x, y in corners])
