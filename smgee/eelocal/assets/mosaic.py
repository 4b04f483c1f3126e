"""Files of one lattice as the pieces of one band."""

from __future__ import annotations

from collections.abc import Sequence

from smgee.eelocal.values.projection import to_pixels
from smgee.errors import InputError
from smgee.grid import PixelGrid

_ALIGNED = 0.01  # pixels: files of one product differ by rounding only


def join_grids(grids: Sequence[PixelGrid], names: Sequence[str]) -> tuple[PixelGrid, list[tuple[int, int]]]:
    """Return the grid that covers several grids of one lattice, and each one's (row, column) in it.

    Parameters
    ----------
    grids : sequence of PixelGrid
        One per file.
    names : sequence of str
        What errors call them.

    Raises
    ------
    InputError
        When they differ in CRS or pixel size, or are shifted by parts of a pixel.
    """
    first = grids[0]
    places = []
    for grid, name in zip(grids, names, strict=True):
        a, b, c, d, e, f = grid.transform
        same = grid.crs == first.crs and all(
            abs(p - q) <= 1e-9 * abs(first.transform[0]) for p, q in zip((a, b, d, e), _linear(first))
        )
        col, row = to_pixels(first.transform, c, f)
        if not same or max(abs(col - round(col)), abs(row - round(row))) > _ALIGNED:
            raise InputError(
                f"The file {name} does not share the pixel lattice of {names[0]} (CRS, pixel size and "
                "alignment must "
                "agree to be one image); "
                "register it under another id, or warp it to the same grid."
            )
        places.append((round(row), round(col)))
    top, left = min(r for r, _ in places), min(c for _, c in places)
    bottom = max(r + g.height for (r, _), g in zip(places, grids, strict=True))
    right = max(c + g.width for (_, c), g in zip(places, grids, strict=True))
    return first.window(top, left, bottom - top, right - left), [(r - top, c - left) for r, c in places]


def _linear(grid: PixelGrid) -> tuple[float, float, float, float]:
    a, b, _, d, e, _ = grid.transform
    return a, b, d, e
