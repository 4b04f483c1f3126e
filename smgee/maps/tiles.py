"""Map tiles of arrays: web Mercator, 256 pixels, as every slippy map asks for them."""

from __future__ import annotations

import io
import math
from functools import lru_cache

import numpy as np

from smgee.errors import InputError
from smgee.grid import PixelGrid, transformer
from smgee.maps.looks import Look

SIZE = 256
MAX_ZOOM = 20
_HALF_WORLD = 20037508.342789244  # metres: half the width of the web-Mercator square (EPSG:3857)


class Pyramid:
    """A map and its coarser versions, each made when it is first wanted.

    Parameters
    ----------
    values : (y, x) float array
        NaN where masked.
    """

    def __init__(self, values: np.ndarray):
        self._levels = {1: np.asarray(values, np.float32)}

    def at(self, factor: int) -> np.ndarray:
        """Return the means of `factor` × `factor` pixels, a power of two; masked ones count for nothing."""
        if factor not in self._levels:
            finer = self.at(factor // 2)
            height, width = (-(-n // 2) for n in finer.shape)
            padded = np.full((2 * height, 2 * width), np.nan, np.float32)
            padded[: finer.shape[0], : finer.shape[1]] = finer
            four = padded.reshape(height, 2, width, 2)
            known = np.isfinite(four).sum(axis=(1, 3))
            total = np.where(np.isfinite(four), four, 0).sum(axis=(1, 3))
            self._levels[factor] = np.where(known > 0, total / np.maximum(known, 1), np.nan)
        return self._levels[factor]


def draw_tile(pyramid: Pyramid, grid: PixelGrid, look: Look, tile: tuple[int, int, int]) -> bytes:
    """Return a tile as PNG.

    Parameters
    ----------
    pyramid : Pyramid
        The map.
    grid : PixelGrid
        Its lattice.
    look : Look
        Its colours.
    tile : (z, x, y)
        As map clients count them, from the north-west.

    Raises
    ------
    InputError
        For a tile that does not exist.
    """
    from PIL import Image

    z, x, y = tile
    if not (0 <= z <= MAX_ZOOM and 0 <= x < 2**z and 0 <= y < 2**z):
        raise InputError(f"There is no tile {z}/{x}/{y}; zoom is 0 to {MAX_ZOOM}, x and y below 2**zoom.")
    rows, cols, step = _lookup(grid, z, x, y)
    factor = 2 ** max(0, math.floor(math.log2(step))) if step > 1 else 1
    values = pyramid.at(factor)
    inside = (rows >= 0) & (rows < grid.height) & (cols >= 0) & (cols < grid.width)
    found = np.full((SIZE, SIZE), np.nan, np.float32)
    found[inside] = values[rows[inside] // factor, cols[inside] // factor]
    buffer = io.BytesIO()
    Image.fromarray(look.colours(found)).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


@lru_cache(maxsize=256)
def _lookup(grid: PixelGrid, z: int, x: int, y: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the row and column of the map's pixel under each pixel of a tile, (256, 256) int32 each, and how
    many of the map's pixels one of the tile's spans.
    """
    size = 2 * _HALF_WORLD / 2**z / SIZE
    across = -_HALF_WORLD + (x * SIZE + np.arange(SIZE) + 0.5) * size
    down = _HALF_WORLD - (y * SIZE + np.arange(SIZE) + 0.5) * size
    east, north = np.meshgrid(across, down)
    to_grid = transformer("EPSG:3857", grid.crs)
    row, col = grid.position(*to_grid.transform(east, north))
    # far from a CRS's area of use there is no number at all
    row, col = (np.where(np.isfinite(v), v, -1.0) for v in (row, col))
    limit = 2**30
    rows, cols = (np.clip(np.floor(v), -limit, limit).astype(np.int32) for v in (row, col))
    middle = SIZE // 2
    step = math.hypot(*(float(v[middle, middle + 1] - v[middle, middle]) for v in (col, row)))
    for array in (rows, cols):
        array.setflags(write=False)
    return rows, cols, step


def locate(grid: PixelGrid, lon: float, lat: float) -> tuple[int, int] | None:
    """Return the (row, column) of the pixel that holds a place; None outside the lattice."""
    x, y = transformer("EPSG:4326", grid.crs).transform(lon, lat)
    if not (math.isfinite(x) and math.isfinite(y)):
        return None
    row, col = grid.position(x, y)
    at = math.floor(row), math.floor(col)
    return at if 0 <= at[0] < grid.height and 0 <= at[1] < grid.width else None
