"""Projections: a CRS with a pixel transform."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from affine import Affine

from smgee.eelocal.errors import EEError
from smgee.grid import PixelGrid, parse_crs

# 2π · 6378137 / 360: the equator of WGS 84, as nominalScale of the default projection shows
METERS_PER_DEGREE = 111319.49079327358

Transform = tuple[float, float, float, float, float, float]


def moved(affine: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Return coordinates, numbers or arrays, under an affine transform of at least six elements."""
    a, b, c, d, e, f = tuple(affine)[:6]
    return a * x + b * y + c, d * x + e * y + f


def _determinant(transform: Sequence[float]) -> float:
    a, b, _, d, e, _ = transform
    determinant = a * e - b * d
    if determinant == 0:
        raise EEError(f"The pixel transform {list(transform)} has no inverse: its pixels have no area.")
    return determinant


def to_pixels(transform: Sequence[float], x: Any, y: Any) -> tuple[Any, Any]:
    """Return (column, row) of coordinates, numbers or arrays, under a transform from pixels to coordinates;
    `EEError` when the transform has no inverse.
    """
    a, b, c, d, e, f = transform
    x, y = x - c, y - f
    if b == d == 0 and a != 0 and e != 0:
        return x / a, y / e
    determinant = _determinant(transform)
    return (e * x - b * y) / determinant, (a * y - d * x) / determinant


def lattice_origin(grid: PixelGrid) -> tuple[int, int]:
    """Return (column, row) of a grid's first pixel on its lattice, counted from the origin of the CRS."""
    col, row = to_pixels(grid.transform, 0.0, 0.0)
    return round(-col), round(-row)


@lru_cache(maxsize=256)
def _unit_meters(crs: str) -> float:
    parsed = parse_crs(crs)
    if parsed.is_geographic:
        return METERS_PER_DEGREE
    return float(parsed.axis_info[0].unit_conversion_factor)


@dataclass(frozen=True)
class Projection:
    """A CRS and the affine transform (xScale, xShear, xTranslation, yShear, yScale, yTranslation) of its
    pixels.
    """

    crs: str
    transform: Transform = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

    def __post_init__(self) -> None:
        _determinant(self.transform)  # refuses one whose pixels have no area

    @classmethod
    def of_grid(cls, grid: PixelGrid) -> Projection:
        """Return the projection of a grid's pixels."""
        return cls(grid.crs, grid.transform)

    @property
    def is_default(self) -> bool:
        """Whether this is the 1° WGS 84 projection of composites and constants, which is no real pixel
        grid.
        """
        return self == WGS84_DEFAULT

    @property
    def unit_meters(self) -> float:
        """Metres per unit of the CRS at its true-scale location."""
        return _unit_meters(self.crs)

    @property
    def nominal_scale(self) -> float:
        """Pixel size in metres at the projection's true-scale location."""
        a, b, _, d, e, _ = self.transform
        return math.sqrt(abs(a * e - b * d)) * self.unit_meters

    def scaled(self, x: float, y: float) -> Projection:
        """Return the projection with pixels `x` times as wide and `y` times as high; the origin stays."""
        a, b, c, d, e, f = self.transform
        return Projection(self.crs, (a * x, b * y, c, d * x, e * y, f))

    def at_scale(self, meters: float) -> Projection:
        """Return the projection scaled so that its pixels have this size in metres at the point of true
        scale; the origin stays.
        """
        factor = meters / self.nominal_scale
        a, b, c, d, e, f = self.transform
        if b == d == 0 and abs(a) == abs(e):  # exact where the pixels are square, so that 30 m stays 30 m
            size = meters / self.unit_meters
            return Projection(self.crs, (math.copysign(size, a), 0.0, c, 0.0, math.copysign(size, e), f))
        return Projection(self.crs, (a * factor, b * factor, c, d * factor, e * factor, f))

    def north_up(self, meters: float) -> Projection:
        """Return square pixels of this size with the first row in the north and edges at multiples of the
        size: the grid of exports.
        """
        size = meters / self.unit_meters
        return Projection(self.crs, (size, 0.0, 0.0, 0.0, -size, 0.0))

    def translated(self, cols: float, rows: float) -> Projection:
        """Return the projection moved by a number of its own pixels."""
        affine = Affine(*self.transform) * Affine.translation(cols, rows)
        return Projection(self.crs, tuple(affine)[:6])

    def with_transform(self, transform: Sequence[float]) -> Projection:
        """Return the CRS with another transform."""
        return Projection(self.crs, tuple(float(v) for v in transform))  # type: ignore[arg-type]

    def window(self, row: int, col: int, height: int, width: int) -> PixelGrid:
        """Return a window of the lattice as a grid."""
        return PixelGrid(self.crs, self.transform, 0, 0).window(row, col, height, width)

    def grid(self, bounds: tuple[float, float, float, float], *, slack: float = 1e-9) -> PixelGrid:
        """Return the pixels of this lattice that cover (left, bottom, right, top) in its CRS, but for `slack`
        of a pixel at each edge.
        """
        left, bottom, right, top = bounds
        outer = ((left, bottom), (left, top), (right, bottom), (right, top))
        corners = [to_pixels(self.transform, *c) for c in outer]
        cols, rows = zip(*corners, strict=True)
        col0, row0 = math.floor(min(cols) + slack), math.floor(min(rows) + slack)
        col1, row1 = math.ceil(max(cols) - slack), math.ceil(max(rows) - slack)
        return self.window(row0, col0, max(row1 - row0, 1), max(col1 - col0, 1))

    def describe(self) -> dict[str, Any]:
        """Return the `getInfo` form."""
        key = "crs" if self.crs.upper().startswith(("EPSG:", "SR-ORG:", "ESRI:")) else "wkt"
        return {"type": "Projection", key: self.crs, "transform": list(self.transform)}


WGS84_DEFAULT = Projection("EPSG:4326", (1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
