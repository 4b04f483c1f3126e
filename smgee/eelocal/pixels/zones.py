"""Regions over pixels: which pixels belong to a region, with which weight, and visiting them tile by tile.

The inclusion rules of Earth Engine: unweighted reducers take the pixels whose centre lies in the region;
weighted ones take those of which at least 0.5 % does, with that fraction (at most the mask) as weight; a
point takes the pixel that contains it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import shapely

from smgee.eelocal.errors import EEError
from smgee.eelocal.pixels.rasterize import centers_inside, coverage, crossed
from smgee.eelocal.pixels.render import tile_size
from smgee.eelocal.values.geometry import Geometry
from smgee.eelocal.values.lazy import Node, Pixels, pull
from smgee.eelocal.values.plane import in_pixels, on_plane
from smgee.eelocal.values.projection import Projection
from smgee.grid import PixelGrid
from smgee.machine import usable_cores

T = TypeVar("T")

LEAST_FRACTION = 0.005
_TILE = 256
_MOST_BLOCKS = 1_000_000  # of 512 pixels a side: half of the Earth at 30 m, hours of work


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels of a lattice: rows [row, row + height), columns [col, col + width)."""

    row: int
    col: int
    height: int
    width: int

    def overlap(self, other: Window) -> Window | None:
        """Return the common part, None when there is none."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        bottom, right = (
            min(self.row + self.height, other.row + other.height),
            min(self.col + self.width, other.col + other.width),
        )
        return Window(row, col, bottom - row, right - col) if bottom > row and right > col else None

    def joined(self, other: Window) -> Window:
        """Return the smallest window that holds both."""
        row, col = min(self.row, other.row), min(self.col, other.col)
        bottom, right = (
            max(self.row + self.height, other.row + other.height),
            max(self.col + self.width, other.col + other.width),
        )
        return Window(row, col, bottom - row, right - col)

    def grid(self, projection: Projection) -> PixelGrid:
        """Return the window as a grid of a lattice."""
        return projection.window(self.row, self.col, self.height, self.width)


class Zone:
    """A region on a lattice.

    Attributes
    ----------
    window : Window or None
        The pixels that it may touch; None for an empty region.
    size : int
        About how many pixels it covers.
    """

    def __init__(self, shape: Any, projection: Projection):
        self.projection = projection
        parts = list(parts_of(in_pixels(shape, projection)))
        self._rings = Rings(part for part in parts if isinstance(part, shapely.Polygon))
        self._lines = Rings(part for part in parts if isinstance(part, shapely.LineString))
        points = [shapely.get_coordinates(part)[0] for part in parts if isinstance(part, shapely.Point)]
        self._boxes = shapely.bounds([part for part in parts if not isinstance(part, shapely.Point)])
        # A point on the border of pixels belongs to the one on its right and below; rounding is given the
        # benefit of the doubt.
        self._points = np.unique(np.floor(np.array(points).reshape(-1, 2) + 1e-9).astype(np.int64), axis=0)
        self.window = self._bounds()
        self.size = math.floor(self._rings.area + 1e-9) + self._lines.pixels + len(self._points)

    def _bounds(self) -> Window | None:
        corners = [b for b in (self._rings.bounds, self._lines.bounds) if b is not None]
        if len(self._points):
            (left, top), (right, bottom) = self._points.min(0), self._points.max(0) + 1
            corners.append((float(left), float(top), float(right), float(bottom)))
        if not corners:
            return None
        left, top = (
            math.floor(min(c[0] for c in corners) + 1e-9),
            math.floor(min(c[1] for c in corners) + 1e-9),
        )
        right, bottom = (
            math.ceil(max(c[2] for c in corners) - 1e-9),
            math.ceil(max(c[3] for c in corners) - 1e-9),
        )
        return Window(top, left, max(bottom - top, 1), max(right - left, 1))

    def blocks(self, size: int) -> set[tuple[int, int]]:
        """Return (row, column) of the square blocks of pixels, `size` wide, that a part of the region may
        touch; the parts may be as far apart as the two ends of a map.
        """
        found = {(int(y), int(x)) for x, y in self._points // size}
        low, high = np.floor(self._boxes[:, :2] + 1e-9), np.ceil(self._boxes[:, 2:] - 1e-9)
        first = (low // size).astype(np.int64)
        last = ((np.maximum(high, low + 1) - 1) // size).astype(np.int64)
        if np.prod(last - first + 1.0, axis=1).sum() > _MOST_BLOCKS:
            raise EEError("Computation timed out.")
        for (left, top), (right, bottom) in zip(first, last, strict=True):
            found.update((r, c) for r in range(top, bottom + 1) for c in range(left, right + 1))
        return found

    def fractions(self, window: Window) -> np.ndarray:
        """Return the weight of every pixel of a window, (height, width) float32: its covered fraction, 0
        where that is below 0.5 %.
        """
        out = np.zeros((window.height, window.width), np.float32)
        if self._rings.count:
            share = coverage(*self._rings.within(window), window.height, window.width)
            out = np.where(share >= LEAST_FRACTION - 1e-12, share, 0).astype(np.float32)
        return self._add_thin(out, window)

    def centers(self, window: Window) -> np.ndarray:
        """Return whether the centre of every pixel of a window lies in the region, (height, width) bool."""
        if self._rings.count:
            out = centers_inside(*self._rings.within(window), window.height, window.width)
        else:
            out = np.zeros((window.height, window.width), bool)
        return self._add_thin(out, window)

    def _add_thin(self, out: np.ndarray, window: Window) -> np.ndarray:
        """Add the pixels under lines and points, which have no area but count in full."""
        if self._lines.count:
            out[crossed(*self._lines.within(window), window.height, window.width)] = 1
        if len(self._points):
            at = self._points - (window.col, window.row)
            at = at[
                (at[:, 0] >= 0) & (at[:, 0] < window.width) & (at[:, 1] >= 0) & (at[:, 1] < window.height)
            ]
            out[at[:, 1], at[:, 0]] = 1
        return out


def parts_of(shape: Any) -> Iterator[Any]:
    """Yield the simple parts of a geometry that are not empty."""
    if hasattr(shape, "geoms"):
        for part in shape.geoms:
            yield from parts_of(part)
    elif not shape.is_empty:
        yield shape


class Rings:
    """Rings or lines as flat arrays of vertices."""

    def __init__(self, parts: Iterable[Any]):
        chains: list[np.ndarray] = []
        self.area = 0.0
        self.pixels = 0
        for part in parts:
            if isinstance(part, shapely.Polygon):
                part = shapely.geometry.polygon.orient(part)
                chains += [shapely.get_coordinates(r) for r in (part.exterior, *part.interiors)]
                self.area += part.area
            else:
                chains.append(shapely.get_coordinates(part))
                self.pixels += math.ceil(part.length)
        self.count = len(chains)
        vertices = np.concatenate(chains) if chains else np.empty((0, 2))
        self.x, self.y = np.ascontiguousarray(vertices[:, 0]), np.ascontiguousarray(vertices[:, 1])
        self.starts = np.concatenate([[0], np.cumsum([len(c) for c in chains])]).astype(np.int64)

    @property
    def bounds(self) -> tuple[float, float, float, float] | None:
        if not self.count:
            return None
        return float(self.x.min()), float(self.y.min()), float(self.x.max()), float(self.y.max())

    def within(self, window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.x - window.col, self.y - window.row, self.starts


def make_zone(geometry: Geometry | None, projection: Projection) -> Zone:
    """Return a geometry as a region on a lattice; None is an empty region."""
    shape = shapely.Polygon() if geometry is None else on_plane(geometry, projection.crs)
    if not shape.is_valid and isinstance(shape, (shapely.Polygon, shapely.MultiPolygon)):
        shape = shapely.make_valid(shape)
    return Zone(shape, projection)


def _trimmed(window: Window, chosen: np.ndarray) -> tuple[Window, np.ndarray]:
    """Cut a window down to the pixels chosen."""
    rows, cols = np.flatnonzero(chosen.any(1)), np.flatnonzero(chosen.any(0))
    r0, r1, c0, c1 = int(rows[0]), int(rows[-1]) + 1, int(cols[0]), int(cols[-1]) + 1
    return Window(window.row + r0, window.col + c0, r1 - r0, c1 - c0), chosen[r0:r1, c0:c1]


def visit(
    nodes: Sequence[Node],
    projection: Projection,
    zones: Sequence[Zone],
    select: Callable[[Zone, Window], np.ndarray],
    work: Callable[[int, Window, np.ndarray, list[Pixels]], T],
    *,
    tile: int | None = None,
) -> Iterator[tuple[int, T]]:
    """Visit all pixels that zones may touch, each tile computed once for all of its zones.

    Parameters
    ----------
    nodes : sequence of Node
        What to compute.
    projection : Projection
        The lattice.
    zones : sequence of Zone
        Regions on that lattice.
    select : callable
        Takes (zone, window) and returns the weights, or bools, of the window's pixels; nothing is computed
        where all are 0.
    work : callable
        Takes (index of the zone, window, those weights, pixels of each node on the window) and returns what
        to pass on; called from several threads.
    tile : int, optional
        Edge of the tiles, pixels; chosen by the width of the computation by default.

    Yields
    ------
    (int, object)
        Index of a zone and the result of `work`, tile by tile, rows of tiles from the top; the order does not
        depend on the threads.
    """
    if not zones or all(z.window is None for z in zones):
        return
    size = tile
    if size is None:
        widest = max((z.window for z in zones if z.window is not None), key=lambda w: w.height * w.width)
        size = min(tile_size(list(nodes), widest.grid(projection)), _TILE if len(zones) > 1 else 512)
    members: dict[tuple[int, int], list[int]] = {}
    for index, zone in enumerate(zones):
        for block in zone.blocks(size):
            members.setdefault(block, []).append(index)

    def do(entry: tuple[tuple[int, int], list[int]]) -> list[tuple[int, T]]:
        (r, c), indices = entry
        block = Window(r * size, c * size, size, size)
        parts = []
        for i in indices:
            window = zones[i].window.overlap(block)  # type: ignore[union-attr]
            if window is not None:
                chosen = select(zones[i], window)
                if chosen.any():
                    parts.append((i, *_trimmed(window, chosen)))
        if not parts:
            return []
        whole = parts[0][1]
        for _, window, _ in parts[1:]:
            whole = whole.joined(window)
        grid = whole.grid(projection)
        pixels = pull([(n, grid) for n in nodes])
        results = []
        for i, window, chosen in parts:
            at = np.s_[
                window.row - whole.row : window.row - whole.row + window.height,
                window.col - whole.col : window.col - whole.col + window.width,
            ]
            results.append((i, work(i, window, chosen, [Pixels(p.values[at], p.mask[at]) for p in pixels])))
        return results

    entries = sorted(members.items())
    if len(entries) == 1:
        yield from do(entries[0])
        return
    workers = min(len(entries), usable_cores(), 8)
    with ThreadPoolExecutor(max_workers=workers) as pool:
        pending: list[Any] = []
        upcoming = iter(entries)
        try:
            for entry in upcoming:
                pending.append(pool.submit(do, entry))
                if len(pending) >= 2 * workers:
                    yield from pending.pop(0).result()
            while pending:
                yield from pending.pop(0).result()
        finally:
            for future in pending:
                future.cancel()
