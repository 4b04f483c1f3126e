"""Nodes that need no input: the coordinates and areas of the pixels of a request, random numbers."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from smgee.eelocal.pixels.lattice import coordinates
from smgee.eelocal.pixels.randomness import normal_at, uniform_at
from smgee.eelocal.values.lazy import Node, Pixels
from smgee.eelocal.values.projection import Projection, lattice_origin
from smgee.grid import PixelGrid, transformer

_TURN = 2 * 17_367_530.445161  # metres, the width of the map EPSG:6933


class Coordinates(Node):
    """Positions of the pixel centres in a projection, its pixel transform applied: x and y; for `Pick`."""

    __slots__ = ("projection",)

    def __init__(self, projection: Projection):
        self.projection = projection

    def key(self) -> Hashable:
        return ("coordinates", self.projection)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> list[Pixels]:
        where = coordinates(grid, self.projection)
        cols, rows = where.cols, where.rows
        if where.separable:
            cols, rows = np.broadcast_to(cols, grid.shape), np.broadcast_to(rows[:, None], grid.shape)
        finite = np.isfinite(cols) & np.isfinite(rows)
        mask = np.broadcast_to(np.True_, grid.shape) if finite.all() else finite
        return [Pixels(cols, mask), Pixels(rows, mask)]


class Area(Node):
    """Area of the pixels, m² on the WGS 84 ellipsoid: that of their corners in the equal-area projection
    EPSG:6933.
    """

    __slots__ = ()

    def key(self) -> Hashable:
        return ("area",)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        a, b, c, d, e, f = grid.transform
        narrow = grid.crs == "EPSG:4326" and b == 0 and d == 0  # then all the pixels of a row are equal
        cols, rows = np.meshgrid(np.arange(2 if narrow else grid.width + 1), np.arange(grid.height + 1))
        x, y = a * cols + b * rows + c, d * cols + e * rows + f
        if narrow:
            x, y = np.where(cols == 0, 0.0, a), np.clip(y, -90, 90)
        if grid.crs != "EPSG:6933":
            x, y = transformer(grid.crs, "EPSG:6933").transform(x, y)
        with np.errstate(invalid="ignore"):
            x0 = x[:-1, :-1]
            # A pixel across the antimeridian has corners at both ends of that map: bring them together.
            x1, x2, x3 = (v - _TURN * np.round((v - x0) / _TURN) for v in (x[:-1, 1:], x[1:, 1:], x[1:, :-1]))
            y0, y1, y2, y3 = y[:-1, :-1], y[:-1, 1:], y[1:, 1:], y[1:, :-1]
            area = np.abs((x0 - x2) * (y1 - y3) - (x1 - x3) * (y0 - y2)) / 2
        finite = np.isfinite(area)
        mask = np.broadcast_to(np.True_, grid.shape) if finite.all() else np.broadcast_to(finite, grid.shape)
        return Pixels(np.broadcast_to(np.where(finite, area, 0.0), grid.shape), mask)


class Random(Node):
    """A random number per pixel of the output lattice."""

    __slots__ = ("distribution", "seed")

    def __init__(self, seed: int, distribution: str):
        self.seed = seed
        self.distribution = distribution

    def key(self) -> Hashable:
        return ("random", self.seed, self.distribution)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        col, row = lattice_origin(grid)
        cols, rows = np.arange(col, col + grid.width)[None, :], np.arange(row, row + grid.height)[:, None]
        values = (
            normal_at(rows, cols, self.seed)
            if self.distribution == "normal"
            else uniform_at(rows, cols, self.seed)
        )
        return Pixels(values, np.broadcast_to(np.True_, grid.shape))
