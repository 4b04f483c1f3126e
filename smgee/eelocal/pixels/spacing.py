"""Sizes of pixels on the ground, and gradients over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smgee.eelocal.values.lazy import Node, Pixels, both
from smgee.eelocal.values.projection import METERS_PER_DEGREE, Projection
from smgee.grid import PixelGrid, parse_crs, transformer

# Methods of conversion whose scale changes so strongly with latitude that a unit of the CRS is no metre.
_CYLINDRICAL = (
    "mercator (variant",
    "popular visualisation",
    "cylindrical equal area",
    "equidistant cylindrical",
    "mercator_1sp",
)


def _is_cylindrical(crs: str) -> bool:
    operation = parse_crs(crs).coordinate_operation
    method = "" if operation is None else operation.method_name.lower()
    return any(m in method for m in _CYLINDRICAL) and "transverse" not in method and "oblique" not in method


def ground_scale(grid: PixelGrid) -> tuple[np.ndarray, np.ndarray]:
    """Return the metres on the ground per unit of the CRS, along x and along y, arrays that broadcast to
    (height, width).

    Degrees are converted on a sphere of 6 378 137 m, the one of nominal scales; cylindrical projections by
    their own local scale; in others a unit is taken at its nominal length, as their distortion is a few
    tenths of a percent where they are meant to be used.
    """
    projection = Projection.of_grid(grid)
    unit = projection.unit_meters
    if unit > 10_000:
        _, lat = _centers(grid)
        return METERS_PER_DEGREE * np.cos(np.radians(lat)), np.full((1, 1), METERS_PER_DEGREE)
    if not _is_cylindrical(grid.crs):
        return np.full((1, 1), unit), np.full((1, 1), unit)
    x, y = _centers(grid)
    x, y = (
        np.broadcast_arrays(x[:, :1], y[:, :1])
        if grid.transform[1] == grid.transform[3] == 0
        else np.broadcast_arrays(x, y)
    )
    lon, lat = transformer(grid.crs, "EPSG:4326").transform(x, y)
    from pyproj import Proj

    factors = Proj(parse_crs(grid.crs)).get_factors(lon, lat)
    return unit / np.asarray(factors.parallel_scale), unit / np.asarray(factors.meridional_scale)


def _centers(grid: PixelGrid) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of the centres, as a row and a column where the grid is not sheared."""
    a, b, c, d, e, f = grid.transform
    if b == 0 and d == 0:
        return (c + a * (np.arange(grid.width) + 0.5))[None, :], (f + e * (np.arange(grid.height) + 0.5))[
            :, None
        ]
    return grid.centers()


class Gradient(Node):
    """Central differences between the 4-connected neighbours: (east, north) per metre, or per pixel; for
    `Pick`.

    Masked where the pixel or one of its four neighbours is.
    """

    __slots__ = ("metric", "node")

    def __init__(self, node: Node, *, metric: bool):
        self.node = node
        self.metric = metric

    def needs(self, grid: PixelGrid) -> Sequence[tuple[Node, PixelGrid]]:
        return ((self.node, grid.pad(1)),)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> list[Pixels]:
        (pixels,) = inputs
        z = pixels.values.astype("f8")
        along_col = (z[1:-1, 2:] - z[1:-1, :-2]) / 2
        along_row = (z[2:, 1:-1] - z[:-2, 1:-1]) / 2
        m = pixels.mask
        mask = both(m[1:-1, 1:-1], m[1:-1, 2:], m[1:-1, :-2], m[2:, 1:-1], m[:-2, 1:-1])
        if not self.metric:
            return [Pixels(along_col, mask), Pixels(along_row, mask)]
        a, b, _, d, e, _ = grid.transform
        determinant = a * e - b * d
        mx, my = ground_scale(grid)
        east = (e * along_col - d * along_row) / determinant / mx
        north = (a * along_row - b * along_col) / determinant / my
        return [Pixels(east, mask), Pixels(north, mask)]
