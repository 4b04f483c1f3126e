"""From the pixels of one grid to those of another: which pixel holds each centre, and what lies around it.

Coordinates are exact: every pixel centre goes through PROJ, unless the two axes are independent of each other
(one CRS, or two cylindrical ones), where one row and one column do. Plans are cached, since all the bands of
a scene share theirs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from smgee.cache import KEPT
from smgee.eelocal.values.lazy import Pixels
from smgee.eelocal.values.projection import Projection, to_pixels
from smgee.grid import PixelGrid, transformer

# Normal cylindrical CRSs: x depends on the longitude alone, and y on the latitude.
_CYLINDRICAL = frozenset({"EPSG:4326", "EPSG:3857", "EPSG:6933", "EPSG:3395", "EPSG:32662", "EPSG:4087"})

# A centre this close (in pixels) to the edge of the next pixel belongs to it: rounding must not decide.
_EDGE = 1e-6


@dataclass(frozen=True)
class Coordinates:
    """Positions of pixel centres in another lattice, in its columns and rows (corner of pixel (0, 0) at 0,
    0).

    Separable ones are 1-D: `cols` of shape (width,), `rows` of (height,); others have shape (height, width).
    Non-finite where a centre has no position in the other CRS.
    """

    cols: np.ndarray
    rows: np.ndarray

    @property
    def separable(self) -> bool:
        """Whether columns and rows are independent."""
        return self.cols.ndim == 1


def _sheared(transform: tuple[float, ...]) -> bool:
    return transform[1] != 0 or transform[3] != 0


def coordinates(grid: PixelGrid, projection: Projection) -> Coordinates:
    """Return where the pixel centres of `grid` lie in the lattice of `projection`."""
    return KEPT.get(
        ("coordinates", grid, projection),
        lambda: _compute(grid, projection),
        lambda c: c.cols.nbytes + c.rows.nbytes,
    )


def _compute(grid: PixelGrid, projection: Projection) -> Coordinates:
    independent = grid.crs == projection.crs or (grid.crs in _CYLINDRICAL and projection.crs in _CYLINDRICAL)
    if independent and not _sheared(grid.transform) and not _sheared(projection.transform):
        x = grid.transform[2] + grid.transform[0] * (np.arange(grid.width) + 0.5)
        y = grid.transform[5] + grid.transform[4] * (np.arange(grid.height) + 0.5)
        if grid.crs != projection.crs:
            convert = transformer(grid.crs, projection.crs)
            x, _ = convert.transform(x, np.full(x.shape, y[len(y) // 2]))
            _, y = convert.transform(
                np.full(y.shape, grid.transform[2] + grid.transform[0] * (grid.width // 2 + 0.5)), y
            )
        return Coordinates(*to_pixels(projection.transform, x, y))
    x, y = grid.centers()
    if grid.crs != projection.crs:
        x, y = transformer(grid.crs, projection.crs).transform(x, y)
    with np.errstate(invalid="ignore"):
        return Coordinates(*to_pixels(projection.transform, x, y))


@dataclass(frozen=True)
class NearestPlan:
    """How to fill a grid from a window of another lattice, each pixel from the one that holds its centre.

    `row`, `col`, `height` and `width` are the window to read. Exactly one of three ways applies: `block` (the
    window is copied as it stands to these output rows and columns), `rows` and `cols` (indices into the
    window per output row and column, -1 outside), or `flat` (indices into the ravelled window per output
    pixel, -1 outside).
    """

    row: int
    col: int
    height: int
    width: int
    shape: tuple[int, int]
    block: tuple[slice, slice] | None = None
    rows: np.ndarray | None = None
    cols: np.ndarray | None = None
    flat: np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        """Size in memory, bytes."""
        return 256 + sum(a.nbytes for a in (self.rows, self.cols, self.flat) if a is not None)

    @property
    def whole(self) -> bool:
        """Whether the window is the output as it stands."""
        return self.block is not None and (self.height, self.width) == self.shape

    def apply(self, pixels: Pixels) -> Pixels:
        """Return the output grid's pixels from those of the window; masked where the window has none."""
        if self.whole:
            return pixels
        return Pixels(self._take(pixels.values), self._take(pixels.mask))

    def _take(self, array: np.ndarray) -> np.ndarray:
        """Return an array of the window on the output grid, zero outside."""
        trailing = array.shape[2:]
        if array.strides[:2] == (0, 0) and self._covers:
            return np.broadcast_to(array[:1, :1], (*self.shape, *trailing))
        if self.block is not None:
            out = np.zeros((*self.shape, *trailing), array.dtype)
            out[self.block] = array
            return out
        if self.flat is not None:
            source = array.reshape(-1, *trailing)
            out = np.take(source, self.flat, axis=0, mode="clip")
            if not self._covers:
                out[self.flat < 0] = 0 if array.dtype != object else None
            return out
        assert self.rows is not None
        assert self.cols is not None
        out = np.take(np.take(array, self.rows, axis=0, mode="clip"), self.cols, axis=1, mode="clip")
        if not self._covers:
            out[self.rows < 0] = 0 if array.dtype != object else None
            out[:, self.cols < 0] = 0 if array.dtype != object else None
        return out

    @property
    def _covers(self) -> bool:
        """Whether every output pixel lies in the window."""
        if self.block is not None:
            return self.whole
        parts = [self.flat] if self.flat is not None else [self.rows, self.cols]
        return all(int(p.min()) >= 0 for p in parts)  # type: ignore[union-attr]


def nearest_plan(
    grid: PixelGrid, lattice: PixelGrid | Projection, *, wrap: bool = False
) -> NearestPlan | None:
    """Plan the nearest-neighbour reading of `grid` from a lattice.

    Parameters
    ----------
    grid : PixelGrid
        What is wanted.
    lattice : PixelGrid or Projection
        Where the pixels are: a bounded grid, or an unbounded lattice.
    wrap : bool
        Whether longitudes that differ by 360° are the same place.

    Returns
    -------
    NearestPlan or None
        None when no centre lies inside the lattice.
    """
    return KEPT.get(
        ("plan", grid, lattice, wrap),
        lambda: _plan(grid, lattice, wrap),
        lambda p: 64 if p is None else p.nbytes,
    )


def _plan(grid: PixelGrid, lattice: PixelGrid | Projection, wrap: bool) -> NearestPlan | None:
    bounded = isinstance(lattice, PixelGrid)
    projection = Projection(lattice.crs, lattice.transform)
    where = coordinates(grid, projection)
    height, width = lattice.shape if isinstance(lattice, PixelGrid) else (None, None)
    columns = where.cols
    if wrap and projection.unit_meters > 10_000 and projection.transform[1] == 0:
        turn = abs(360.0 / projection.transform[0])
        with np.errstate(invalid="ignore"):  # what lies nowhere stays nowhere
            turned = np.mod(columns, turn)
        columns = np.where((columns >= -_EDGE) & (columns < (width or turn)), columns, turned)
    cols, rows = _indices(columns, width), _indices(where.rows, height)
    if where.separable:
        valid_cols, valid_rows = (
            cols >= 0 if bounded else cols > _NOWHERE,
            rows >= 0 if bounded else rows > _NOWHERE,
        )
        if not valid_cols.any() or not valid_rows.any():
            return None
        col0, row0 = int(cols[valid_cols].min()), int(rows[valid_rows].min())
        w, h = int(cols[valid_cols].max()) - col0 + 1, int(rows[valid_rows].max()) - row0 + 1
        block = _run(cols, valid_cols), _run(rows, valid_rows)
        if block[0] is not None and block[1] is not None:
            return NearestPlan(row0, col0, h, w, grid.shape, block=(block[1], block[0]))
        return NearestPlan(
            row0,
            col0,
            h,
            w,
            grid.shape,
            rows=np.where(valid_rows, rows - row0, -1).astype(np.int32),
            cols=np.where(valid_cols, cols - col0, -1).astype(np.int32),
        )
    valid = (cols >= 0) & (rows >= 0) if bounded else (cols > _NOWHERE) & (rows > _NOWHERE)
    if not valid.any():
        return None
    inside = valid if not valid.all() else slice(None)
    col0, row0 = int(cols[inside].min()), int(rows[inside].min())
    w, h = int(cols[inside].max()) - col0 + 1, int(rows[inside].max()) - row0 + 1
    flat = (rows - row0) * w + (cols - col0)
    if inside is valid:
        flat[~valid] = -1
    return NearestPlan(
        row0, col0, h, w, grid.shape, flat=flat.astype(np.int32 if h * w < 2**31 else np.int64)
    )


_NOWHERE = -(2**62)


def _indices(positions: np.ndarray, size: int | None) -> np.ndarray:
    """Return the index of the pixel that holds each position; of no pixel, -1 in a bounded lattice and
    `_NOWHERE` in an unbounded one.
    """
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(positions)
        index = np.floor(np.where(finite, positions, 0.0) + _EDGE).astype(np.int64)
    if size is None:
        return np.where(finite, index, _NOWHERE)
    return np.where(finite & (index >= 0) & (index < size), index, -1)


def _run(index: np.ndarray, valid: np.ndarray) -> slice | None:
    """Return the output slice that holds consecutive indices, None when they are not consecutive."""
    where = np.flatnonzero(valid)
    first, last = int(where[0]), int(where[-1])
    if last - first + 1 != len(where):
        return None
    part = index[first : last + 1]
    return slice(first, last + 1) if len(part) == 1 or bool((np.diff(part) == 1).all()) else None


def same_lattice(grid: PixelGrid, projection: Projection) -> bool:
    """Whether the pixels of `grid` are pixels of `projection`: same CRS and size, shifted by whole pixels."""
    if grid.crs != projection.crs:
        return False
    a, b, _, d, e, _ = projection.transform
    ga, gb, gc, gd, ge, gf = grid.transform
    size = math.hypot(a, d) + math.hypot(b, e)
    if max(abs(ga - a), abs(gb - b), abs(gd - d), abs(ge - e)) * max(grid.width, grid.height) > 1e-6 * size:
        return False
    col, row = to_pixels(projection.transform, gc, gf)
    return abs(col - round(col)) < 1e-5 and abs(row - round(row)) < 1e-5


def coarsening(grid: PixelGrid, projection: Projection) -> int:
    """Return the pyramid level for a request: the coarsest whose nominal scale (native × 2^level) does not
    exceed the request's.

    Nominal scales are used, as they do not change from tile to tile.
    """
    ratio = Projection(grid.crs, grid.transform).nominal_scale / projection.nominal_scale
    return max(0, math.floor(math.log2(ratio) + 1e-6)) if ratio > 1 else 0
