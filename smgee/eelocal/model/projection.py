"""Projections: a CRS with a pixel transform."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from affine import Affine

from smgee.grid import PixelGrid, parse_crs

__all__ = ["WGS84_DEFAULT", "Projection"]

METERS_PER_DEGREE = 111319.49079327358  # 2π · 6378137 / 360: the equator of WGS 84, as nominalScale of the default projection shows


@dataclass(frozen=True)
class Projection:
    """A CRS and the affine transform (xScale, xShear, xTranslation, yShear, yScale, yTranslation) of its pixels."""

    crs: str
    transform: tuple[float, float, float, float, float, float] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

    @property
    def is_default(self) -> bool:
        """Whether this is the 1° WGS 84 projection of composites and constants, which is no real pixel grid."""
        return self == WGS84_DEFAULT

    @property
    def unit_meters(self) -> float:
        """Metres per unit of the CRS at its true-scale location."""
        crs = parse_crs(self.crs)
        if crs.is_geographic:
            return METERS_PER_DEGREE
        return float(crs.axis_info[0].unit_conversion_factor)

    @property
    def nominal_scale(self) -> float:
        """Pixel size in metres at the projection's true-scale location."""
        a, b, _, d, e, _ = self.transform
        return math.sqrt(abs(a * e - b * d)) * self.unit_meters

    def at_scale(self, meters: float) -> Projection:
        """Return the projection with square pixels of this size, edges at multiples of it (y downward)."""
        size = meters / self.unit_meters
        return Projection(self.crs, (size, 0.0, 0.0, 0.0, -size, 0.0))

    def grid(self, bounds: tuple[float, float, float, float]) -> PixelGrid:
        """Return the pixels of this lattice that cover (left, bottom, right, top) in its CRS."""
        inverse = ~Affine(*self.transform)
        left, bottom, right, top = bounds
        corners = [inverse * c for c in ((left, bottom), (left, top), (right, bottom), (right, top))]
        cols, rows = zip(*corners, strict=True)
        col0, row0 = math.floor(min(cols) + 1e-9), math.floor(min(rows) + 1e-9)
        col1, row1 = math.ceil(max(cols) - 1e-9), math.ceil(max(rows) - 1e-9)
        return PixelGrid(self.crs, self.transform, 0, 0).window(row0, col0, max(row1 - row0, 1), max(col1 - col0, 1))

    def describe(self) -> dict[str, Any]:
        """Return the `getInfo` form."""
        key = "crs" if self.crs.upper().startswith(("EPSG:", "SR-ORG:", "ESRI:")) else "wkt"
        return {"type": "Projection", key: self.crs, "transform": list(self.transform)}


WGS84_DEFAULT = Projection("EPSG:4326", (1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
