"""Pixel grids, and the exact cells of EASE-Grid 2.0.

Axis order is always said: arrays are (row, column) = (y, x); shapes are (height, width); coordinates are (x,
y), and geographic ones (longitude, latitude).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from affine import Affine
from pyproj import CRS, Transformer
from shapely.geometry import Polygon, box

from smgee.errors import InputError

__all__ = ["EASE_GRIDS", "EaseCell", "EaseGrid", "PixelGrid", "ease_cell_at", "parse_crs", "transformer"]


# Codes of Earth Engine that PROJ does not have: the sinusoidal grid of MODIS.
_OTHER_CODES = {"SR-ORG:6974": "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs +type=crs"}


@lru_cache(maxsize=256)
def parse_crs(crs: str) -> CRS:
    """Parse a CRS code or WKT once; raises `InputError` for one that PROJ does not know."""
    try:
        return CRS.from_user_input(_OTHER_CODES.get(crs.upper(), crs))
    except Exception as error:
        raise InputError(
            f"The CRS {crs[:80]!r} is not known to PROJ; give an EPSG code such as EPSG:32647, or WKT."
        ) from error


@lru_cache(maxsize=256)
def transformer(source: str, target: str) -> Transformer:
    """Return the (x, y) → (x, y) transformer between two CRSs; longitude and latitude count as x and y."""
    return Transformer.from_crs(parse_crs(source), parse_crs(target), always_xy=True)


@dataclass(frozen=True)
class PixelGrid:
    """A hashable pixel lattice: CRS, affine transform and shape.

    Parameters
    ----------
    crs : str
        EPSG code (``"EPSG:32647"``) or WKT.
    transform : tuple of 6 float
        (xScale, xShear, xTranslation, yShear, yScale, yTranslation), from pixel corner (column, row) to (x,
        y): the order of Earth Engine's ``crsTransform`` and of `affine.Affine`.
    width, height : int
        Columns and rows.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]
    width: int
    height: int

    @classmethod
    def from_bounds(cls, crs: str, bounds: tuple[float, float, float, float], scale: float) -> PixelGrid:
        """Return the north-up grid of square pixels covering (left, bottom, right, top), edges at
        multiples of `scale`.
        """
        left, bottom, right, top = bounds
        if not (right > left and top > bottom and scale > 0):
            raise InputError(
                f"Bounds {bounds} with pixel size {scale} enclose nothing; give left < right, bottom < top "
                "and scale > 0."
            )
        # A hair of tolerance keeps an edge that is a multiple of the scale up to rounding from adding an
        # empty row.
        x0, y0 = math.floor(left / scale + 1e-9), math.ceil(top / scale - 1e-9)
        x1, y1 = math.ceil(right / scale - 1e-9), math.floor(bottom / scale + 1e-9)
        return cls(crs, (scale, 0.0, x0 * scale, 0.0, -scale, y0 * scale), x1 - x0, y0 - y1)

    @property
    def affine(self) -> Affine:
        """The transform as `affine.Affine`."""
        return Affine(*self.transform)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) in the CRS, of the outer pixel edges."""
        corners = [
            self.corner(*c) for c in ((0, 0), (0, self.width), (self.height, 0), (self.height, self.width))
        ]
        xs, ys = zip(*corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def corner(self, row: float, col: float) -> tuple[float, float]:
        """Return (x, y) of the upper left corner of pixel (row, col); fractions are allowed."""
        a, b, c, d, e, f = self.transform
        return a * col + b * row + c, d * col + e * row + f

    def position(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the fractional (row, column) of coordinates, the inverse of `corner`; of one shape."""
        a, b, c, d, e, f = self.transform
        size = a * e - b * d
        east, south = np.asarray(x) - c, np.asarray(y) - f
        return (a * south - d * east) / size, (e * east - b * south) / size

    def window(self, row: int, col: int, height: int, width: int) -> PixelGrid:
        """Return the part of the lattice starting at (row, col); it may reach beyond this grid."""
        x, y = self.corner(row, col)
        a, b, _, d, e, _ = self.transform
        return PixelGrid(self.crs, (a, b, x, d, e, y), width, height)

    def pad(self, rows: int, cols: int | None = None) -> PixelGrid:
        """Return the grid with `rows` (and `cols`, the same by default) more pixels on every side."""
        cols = rows if cols is None else cols
        return self.window(-rows, -cols, self.height + 2 * rows, self.width + 2 * cols)

    def tiles(self, size: int) -> Iterator[tuple[int, int, PixelGrid]]:
        """Yield (row, col, tile) over blocks of at most `size`×`size` pixels, row by row."""
        for row in range(0, self.height, size):
            for col in range(0, self.width, size):
                yield (
                    row,
                    col,
                    self.window(row, col, min(size, self.height - row), min(size, self.width - col)),
                )

    def centers(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of the pixel centres, each (height, width) float64."""
        cols, rows = np.meshgrid(np.arange(self.width) + 0.5, np.arange(self.height) + 0.5)
        a, b, c, d, e, f = self.transform
        return a * cols + b * rows + c, d * cols + e * rows + f


@dataclass(frozen=True)
class EaseGrid:
    """One of the global cylindrical EASE-Grid 2.0 grids (EPSG:6933).

    Constants from Brodzik et al. 2012, ISPRS Int. J. Geo-Inf. 1(1):32-45, as corrected in 2014, and the NSIDC
    grid definition files ``EASE2_M36km.gpd``, ``EASE2_M09km.gpd`` and ``EASE2_M03km.gpd``.
    """

    name: str
    cell_size: float  # metres, at the latitude of true scale (30°)
    rows: int
    cols: int

    @property
    def left(self) -> float:
        """x of the outer left edge, metres."""
        return -self.cols / 2 * self.cell_size

    @property
    def top(self) -> float:
        """y of the outer top edge, metres."""
        return self.rows / 2 * self.cell_size


EASE_CRS = "EPSG:6933"
EASE_MAX_LATITUDE = 85.0445  # of the outer edge of the global grids, degrees
EASE_GRIDS = {
    "M36": EaseGrid("M36", 36032.220840584, 406, 964),
    "M09": EaseGrid("M09", 9008.055210146, 1624, 3856),
    "M03": EaseGrid("M03", 9008.055210146 / 3, 4872, 11568),
}


@dataclass(frozen=True)
class EaseCell:
    """One cell of an EASE-Grid 2.0 grid, by zero-based row (from the north) and column (from 180° W)."""

    grid: str
    row: int
    col: int

    def __post_init__(self) -> None:
        if self.grid not in EASE_GRIDS:
            raise InputError(
                f"The EASE-Grid {self.grid!r} is not known; choose one of {', '.join(EASE_GRIDS)}."
            )
        g = EASE_GRIDS[self.grid]
        if not (0 <= self.row < g.rows and 0 <= self.col < g.cols):
            raise InputError(
                f"Row {self.row}, column {self.col} is not a cell of {self.grid}, of {g.rows} rows and "
                f"{g.cols} columns from 0."
            )

    @classmethod
    def from_name(cls, name: str) -> EaseCell:
        """Return the cell that `name` labels, such as ``M09_r0325_c2987``."""
        match = re.fullmatch(r"(M\d\d)_r(\d{4})_c(\d{4,5})", name)
        if match is None:
            raise InputError(f"The cell name {name!r} is not of the form M36_r0080_c0750.")
        return cls(match[1], int(match[2]), int(match[3]))

    @property
    def name(self) -> str:
        """A label fit for file names and columns, e.g. ``M09_r0325_c2987``."""
        return f"{self.grid}_r{self.row:04d}_c{self.col:04d}"

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(left, bottom, right, top), metres in EPSG:6933."""
        g = EASE_GRIDS[self.grid]
        left, top = g.left + self.col * g.cell_size, g.top - self.row * g.cell_size
        return left, top - g.cell_size, left + g.cell_size, top

    @property
    def center(self) -> tuple[float, float]:
        """(longitude, latitude) of the cell's centre in the plane of the grid, degrees."""
        left, bottom, right, top = self.bounds
        lon, lat = transformer(EASE_CRS, "EPSG:4326").transform((left + right) / 2, (bottom + top) / 2)
        return float(lon), float(lat)

    def polygon(self, crs: str = EASE_CRS, *, points_per_edge: int = 1) -> Polygon:
        """Return the cell's outline in `crs`; edges are densified to follow their true course in another
        projection.
        """
        left, bottom, right, top = self.bounds
        if crs == EASE_CRS and points_per_edge == 1:
            return box(left, bottom, right, top)
        n = max(points_per_edge, 1)
        s = np.arange(n) / n
        x = np.concatenate(
            [left + (right - left) * s, np.full(n, right), right + (left - right) * s, np.full(n, left)]
        )
        y = np.concatenate(
            [np.full(n, bottom), bottom + (top - bottom) * s, np.full(n, top), top + (bottom - top) * s]
        )
        return Polygon(np.column_stack(transformer(EASE_CRS, crs).transform(x, y)))

    def children(self, grid: str = "M09") -> list[EaseCell]:
        """Return the cells of a finer grid nested in this one, row by row (sixteen M09 cells in an M36
        cell).
        """
        if grid not in EASE_GRIDS or EASE_GRIDS[grid].cols < EASE_GRIDS[self.grid].cols:
            raise InputError(
                f"{grid!r} is not nested in {self.grid}; the grids from coarse to fine are "
                f"{', '.join(EASE_GRIDS)}."
            )
        ratio = EASE_GRIDS[grid].cols // EASE_GRIDS[self.grid].cols
        return [
            EaseCell(grid, self.row * ratio + r, self.col * ratio + c)
            for r in range(ratio)
            for c in range(ratio)
        ]


def ease_cell_at(lon: float, lat: float, grid: str = "M36") -> EaseCell:
    """Return the EASE-Grid 2.0 cell that holds a point.

    Parameters
    ----------
    lon, lat : float
        Degrees east and north.
    grid : {"M36", "M09", "M03"}
        Which grid.
    """
    if grid not in EASE_GRIDS:
        raise InputError(f"The EASE-Grid {grid!r} is not known; choose one of {', '.join(EASE_GRIDS)}.")
    if not (-180 <= lon <= 180 and abs(lat) < EASE_MAX_LATITUDE):
        raise InputError(
            f"The point longitude {lon}, latitude {lat} lies outside EASE-Grid 2.0 (±180°, ±85.04°); check "
            "their order."
        )
    g = EASE_GRIDS[grid]
    x, y = transformer("EPSG:4326", EASE_CRS).transform(lon, lat)
    return EaseCell(grid, int((g.top - y) // g.cell_size), int((x - g.left) // g.cell_size) % g.cols)
