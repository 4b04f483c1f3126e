"""Regions over pixels: which pixels belong to a region, with which weight, and visiting them tile by tile.

The inclusion rules of Earth Engine: unweighted reducers take the pixels whose centre lies in the region;
weighted ones take those of which at least 0.5 % does, with that fraction (at most the mask) as weight; a
point takes the pixel that contains it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import shapely
from affine import Affine

from smgee.eelocal.errors import EEError
from smgee.eelocal.pixels.rasterize import centers_inside, coverage, crossed
from smgee.eelocal.pixels.render import tile_size
from smgee.eelocal.values.geometry import Geometry
from smgee.eelocal.values.lazy import Node, Pixels, pull
from smgee.eelocal.values.projection import Projection, moved
from smgee.grid import PixelGrid, transformer

__all__ = ["LEAST_FRACTION", "Rings", "Window", "Zone", "make_zone", "parts_of", "planar_shape", "visit"]

T = TypeVar("T")

LEAST_FRACTION = 0.005
# Edges are cut so that following a curve deviates by less than this from it, metres.
_DEVIATION = 0.5
_EARTH = 6_371_008.8
_TILE = 256


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


def planar_shape(geometry: Geometry, crs: str) -> Any:
    """Return a geometry's shape in a CRS, edges cut fine enough to follow great circles and reprojected
    lines to half a metre.
    """
    shape = geometry.shape
    if shape.is_empty or isinstance(shape, (shapely.Point, shapely.MultiPoint)):
        return _projected(shape, geometry.crs, crs)
    source_geographic = Projection(geometry.crs).unit_meters > 10_000
    if geometry.geodesic and source_geographic:
        shape = shapely.transform(shape, lambda c: c)  # a copy
        shape = _along_great_circles(shape)
    if geometry.crs == crs:
        return shape
    left, bottom, right, top = shape.bounds
    # A straight line in one CRS bends in another by about (length)² / (8 R) × tan(latitude): cut by length.
    step = math.sqrt(8 * _EARTH * _DEVIATION) / 2
    if source_geographic:
        step = math.degrees(step / _EARTH)
    else:
        step /= Projection(geometry.crs).unit_meters
    longest = max(right - left, top - bottom)
    if longest > step:
        shape = shapely.segmentize(shape, max(step, longest / 20_000))
    return _projected(shape, geometry.crs, crs)


def _projected(shape: Any, source: str, target: str) -> Any:
    if source == target or shape.is_empty:
        return shape
    convert = transformer(source, target)
    moved = shapely.transform(shape, lambda c: np.column_stack(convert.transform(c[:, 0], c[:, 1])))
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise EEError(
            f"The region cannot be expressed in {target[:60]}; use a smaller region or another CRS."
        )
    return moved


def _along_great_circles(shape: Any) -> Any:
    """Return a longitude–latitude shape with points inserted along the great circle of every long edge."""
    step = math.sqrt(
        8 * _EARTH * _DEVIATION
    )  # a chord of this length leaves its arc by less than the deviation

    def ring(coordinates: np.ndarray) -> np.ndarray:
        lon, lat = np.radians(coordinates[:, 0]), np.radians(coordinates[:, 1])
        points = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        out = [coordinates[:1]]
        for i in range(len(coordinates) - 1):
            angle = math.atan2(
                float(np.linalg.norm(np.cross(points[i], points[i + 1]))), float(points[i] @ points[i + 1])
            )
            pieces = min(max(1, math.ceil(angle * _EARTH / step)), 20_000)
            dlon = abs(coordinates[i + 1, 0] - coordinates[i, 0])
            # Meridians are straight, and edges of half a turn and more have no great circle meant by anybody.
            if pieces > 1 and 1e-12 < dlon < 180:
                t = np.arange(1, pieces)[:, None] / pieces
                arc = (np.sin((1 - t) * angle) * points[i] + np.sin(t * angle) * points[i + 1]) / math.sin(
                    angle
                )
                longitude = np.degrees(np.arctan2(arc[:, 1], arc[:, 0]))
                longitude += 360 * np.round((coordinates[i, 0] - longitude) / 360)
                out.append(np.column_stack([longitude, np.degrees(np.arcsin(np.clip(arc[:, 2], -1, 1)))]))
            out.append(coordinates[i + 1 : i + 2])
        return np.concatenate(out)

    return _map_parts(shape, ring)


def _map_parts(shape: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    if isinstance(shape, shapely.Polygon):
        return shapely.Polygon(
            change(shapely.get_coordinates(shape.exterior)),
            [change(shapely.get_coordinates(r)) for r in shape.interiors],
        )
    if isinstance(shape, shapely.LinearRing):
        return shapely.LinearRing(change(shapely.get_coordinates(shape)))
    if isinstance(shape, shapely.LineString):
        return shapely.LineString(change(shapely.get_coordinates(shape)))
    if hasattr(shape, "geoms"):
        return type(shape)([_map_parts(part, change) for part in shape.geoms])
    return shape


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
        inverse = ~Affine(*projection.transform)
        pixels = shapely.transform(shape, lambda c: np.column_stack(moved(inverse, c[:, 0], c[:, 1])))
        self._rings = Rings(part for part in parts_of(pixels) if isinstance(part, shapely.Polygon))
        self._lines = Rings(part for part in parts_of(pixels) if isinstance(part, shapely.LineString))
        points = [
            shapely.get_coordinates(part)[0] for part in parts_of(pixels) if isinstance(part, shapely.Point)
        ]
        # A point on the border of pixels belongs to the one on its right and below; rounding is given the
        # benefit of the doubt.
        self._points = np.unique(np.floor(np.array(points).reshape(-1, 2) + 1e-9).astype(np.int64), axis=0)
        self.window = self._bounds()
        self.size = math.ceil(self._rings.area - 1e-9) + self._lines.pixels + len(self._points)

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
    shape = shapely.Polygon() if geometry is None else planar_shape(geometry, projection.crs)
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
        window = zone.window
        if window is None:
            continue
        for r in range(window.row // size, (window.row + window.height - 1) // size + 1):
            for c in range(window.col // size, (window.col + window.width - 1) // size + 1):
                members.setdefault((r, c), []).append(index)

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
    workers = min(len(entries), os.cpu_count() or 1, 8)
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
