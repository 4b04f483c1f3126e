"""Vectors on pixels: masks of regions, and features drawn with their strokes, fills and markers.

Everything is drawn with exact coverage in pixel coordinates, so that tiles join without seams.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
import shapely.ops

from smgee.eelocal.errors import EEError
from smgee.eelocal.pixels.rasterize import coverage
from smgee.eelocal.pixels.stack import reduced_pixels
from smgee.eelocal.pixels.zones import Rings, Window, Zone, parts_of
from smgee.eelocal.values.geometry import Geometry
from smgee.eelocal.values.lazy import Node, Pixels, both
from smgee.eelocal.values.nodes import Pointwise
from smgee.eelocal.values.plane import in_pixels, on_plane
from smgee.eelocal.values.projection import Projection
from smgee.eelocal.values.reducer import Column
from smgee.grid import PixelGrid


def _grid_window(grid: PixelGrid) -> Window:
    return Window(0, 0, grid.height, grid.width)


class Clipped(Pointwise):
    """The first node inside a region.

    Pixels on the border are masked by the part of them that lies outside; with `whole`, a pixel is in or out
    by its centre.
    """

    __slots__ = ("_lock", "_shapes", "geometry", "whole")

    def __init__(self, node: Node, geometry: Geometry, *, whole: bool = False):
        super().__init__(node)
        self.geometry = geometry
        self.whole = whole
        self._shapes: dict[str, Any] = {}
        self._lock = threading.Lock()

    def _shape(self, crs: str) -> Any:
        with self._lock:
            if crs not in self._shapes:
                self._shapes[crs] = shapely.make_valid(on_plane(self.geometry, crs))
                shapely.prepare(self._shapes[crs])
            return self._shapes[crs]

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        (pixels,) = inputs
        shape = self._shape(grid.crs)
        frame = shapely.box(*grid.bounds)
        if shapely.covers(shape, frame):
            return pixels
        zone = Zone(shape, Projection.of_grid(grid))
        if self.whole:
            return Pixels(pixels.values, both(pixels.mask, zone.centers(_grid_window(grid))))
        share = zone.fractions(_grid_window(grid))
        inside = share >= 1 - 1e-6
        mask = inside if bool((inside | (share == 0)).all()) else np.where(inside, np.float32(1), share)
        return Pixels(pixels.values, both(pixels.mask, mask))


@dataclass(frozen=True)
class Style:
    """How one feature is drawn: colours are (r, g, b, opacity) with 0…255 and 0…1; sizes in pixels."""

    color: tuple[int, int, int, float] = (0, 0, 0, 1.0)
    fill: tuple[int, int, int, float] = (0, 0, 0, 0.66)
    point_size: float = 3.0
    point_shape: str = "circle"
    width: float = 2.0
    line_type: str = "solid"


class Sheet:
    """Geometries in the CRS of a request, found by place; shared by all the tiles of an image."""

    def __init__(self, geometries: Sequence[Geometry | None]):
        self.geometries = list(geometries)
        self._sheets: dict[str, tuple[list[Any], Any]] = {}
        self._lock = threading.Lock()

    def near(self, grid: PixelGrid, reach: float) -> list[tuple[int, Any]]:
        """Return (index, shape in pixel coordinates) of what lies within `reach` pixels of a grid, in
        order.
        """
        with self._lock:
            if grid.crs not in self._sheets:
                shapes = [
                    shapely.GeometryCollection() if g is None else on_plane(g, grid.crs)
                    for g in self.geometries
                ]
                self._sheets[grid.crs] = (shapes, shapely.STRtree(shapes))
            shapes, tree = self._sheets[grid.crs]
        edge = math.ceil(reach) + 1
        found = np.sort(tree.query(shapely.box(*grid.pad(edge).bounds)))
        lattice = Projection.of_grid(grid)
        return [(int(i), in_pixels(shapes[i], lattice)) for i in found]


def _coverage(shape: Any, grid: PixelGrid) -> np.ndarray | None:
    """Return the exact coverage of a shape in pixel coordinates, None where it has no area on the grid."""
    rings = Rings(p for p in parts_of(shape) if isinstance(p, shapely.Polygon))
    bounds = rings.bounds
    if bounds is None or bounds[2] < 0 or bounds[3] < 0 or bounds[0] > grid.width or bounds[1] > grid.height:
        return None
    return coverage(rings.x, rings.y, rings.starts, grid.height, grid.width)


_STARS = {"pentagram": 5, "star5": 5, "hexagram": 6, "star6": 6}
_POLYGONS = {"square": (4, 45.0), "diamond": (4, 0.0), "pentagon": (5, 0.0), "hexagon": (6, 0.0)}
_TRIANGLES = {
    "triangle": 0.0,
    "triangle_up": 0.0,
    "triangle_right": 90.0,
    "triangle_down": 180.0,
    "triangle_left": 270.0,
}
_SHORT = {
    "o": "circle",
    "s": "square",
    "d": "diamond",
    "x": "cross",
    "+": "plus",
    "p": "pentagram",
    "h": "hexagram",
    "^": "triangle_up",
    "v": "triangle_down",
    "<": "triangle_left",
    ">": "triangle_right",
}


def marker(shape: str, size: float) -> tuple[Any, bool]:
    """Return a marker around (0, 0) with radius `size` in pixels, and whether it is an area (else lines to
    be stroked).
    """
    name = _SHORT.get(shape, shape)
    if name == "circle":
        return shapely.Point(0, 0).buffer(size, quad_segs=16), True
    if name in ("cross", "plus"):
        turn = 45.0 if name == "cross" else 0.0
        arms = [_around([size], angles=[a])[0] for a in (turn, turn + 90, turn + 180, turn + 270)]
        return shapely.MultiLineString([[arms[0], arms[2]], [arms[1], arms[3]]]), False
    if name in _STARS:
        points = _STARS[name]
        radii = [size if i % 2 == 0 else size * 0.45 for i in range(2 * points)]
        return shapely.Polygon(_around(radii)), True
    if name in _POLYGONS:
        corners, turn = _POLYGONS[name]
        return shapely.Polygon(_around([size] * corners, turn=turn)), True
    if name in _TRIANGLES:
        return shapely.Polygon(_around([size] * 3, turn=_TRIANGLES[name])), True
    raise EEError(f"Unknown pointShape '{shape}'.")


def _around(
    radii: Sequence[float], *, turn: float = 0.0, angles: Sequence[float] | None = None
) -> list[tuple[float, float]]:
    """Return points at equal angles clockwise from the top (rows grow downward)."""
    angles = [turn + 360.0 * i / len(radii) for i in range(len(radii))] if angles is None else angles
    return [
        (r * math.sin(math.radians(a)), -r * math.cos(math.radians(a)))
        for r, a in zip(radii, angles, strict=True)
    ]


_DASHES = {"dashed": (4.0, 3.0), "dotted": (0.01, 2.0)}


def _dashed(lines: Any, style: Style) -> Any:
    """Cut lines into dashes or dots, lengths in multiples of the width."""
    if style.line_type == "solid":
        return lines
    on, off = (v * style.width for v in _DASHES[style.line_type])
    pieces = []
    for line in _lines_of(lines):
        at = 0.0
        while at < line.length:
            pieces.append(shapely.ops.substring(line, at, min(at + on, line.length)))
            at += on + off
    return shapely.MultiLineString([p for p in pieces if isinstance(p, shapely.LineString) and p.length > 0])


def _lines_of(shape: Any) -> list[Any]:
    if hasattr(shape, "geoms"):
        return [line for part in shape.geoms for line in _lines_of(part)]
    if isinstance(shape, shapely.LinearRing):
        return [shapely.LineString(shape.coords)]
    return [shape] if isinstance(shape, shapely.LineString) and not shape.is_empty else []


class Drawing(Node):
    """Features drawn over each other: red, green and blue, the mask being the opacity; for `Pick`."""

    __slots__ = ("reach", "sheet", "styles")

    def __init__(self, sheet: Sheet, styles: Sequence[Style]):
        self.sheet = sheet
        self.styles = list(styles)
        self.reach = max((s.point_size + s.width for s in styles), default=0.0)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> list[Pixels]:
        canvas = np.zeros((3, *grid.shape), "f4")  # colours times opacity
        alpha = np.zeros(grid.shape, "f4")
        for index, shape in self.sheet.near(grid, self.reach):
            style = self.styles[index]
            for part, paint in self._layers(shape, style, grid):
                cover = _coverage(part, grid)
                if cover is None or paint[3] <= 0:
                    continue
                opacity = (cover * paint[3]).astype("f4")
                rest = 1 - opacity
                for channel in range(3):
                    canvas[channel] = canvas[channel] * rest + paint[channel] * opacity
                alpha = alpha * rest + opacity
        shown = alpha > 0
        colours = np.divide(canvas, alpha, out=np.zeros_like(canvas), where=shown)
        mask = shown if bool(((alpha == 0) | (alpha == 1)).all()) else alpha
        return [Pixels(np.clip(np.rint(c), 0, 255).astype("u1"), mask) for c in colours]

    def _layers(
        self, shape: Any, style: Style, grid: PixelGrid
    ) -> list[tuple[Any, tuple[int, int, int, float]]]:
        """Return the areas to fill, lowest first, with their colours."""
        edge = self.reach + 2
        frame = shapely.box(-edge, -edge, grid.width + edge, grid.height + edge)
        layers = []
        for part in _flat(shape):
            if isinstance(part, shapely.Point):
                symbol, area = marker(style.point_shape, style.point_size)
                x, y = part.x, part.y
                if not (-edge <= x <= grid.width + edge and -edge <= y <= grid.height + edge):
                    continue
                symbol = shapely.transform(symbol, lambda c, x=x, y=y: c + (x, y))
                if area:
                    layers.append((symbol, style.fill))
                layers += self._stroke(symbol.boundary if area else symbol, style, frame)
            elif isinstance(part, shapely.Polygon):
                layers.append((part if part.is_valid else shapely.make_valid(part), style.fill))
                layers += self._stroke(part.boundary, style, frame)
            else:
                layers += self._stroke(part, style, frame)
        return layers

    def _stroke(self, lines: Any, style: Style, frame: Any) -> list[tuple[Any, tuple[int, int, int, float]]]:
        if style.width <= 0:
            return []
        near = _dashed(lines, style).intersection(frame)
        return [] if near.is_empty else [(near.buffer(style.width / 2, quad_segs=8), style.color)]


def _flat(shape: Any) -> list[Any]:
    if hasattr(shape, "geoms"):
        return [p for part in shape.geoms for p in _flat(part)]
    return [] if shape.is_empty else [shape]


class Painted(Pointwise):
    """`paint`: features' values over a node, in the order of the features; painted pixels are unmasked.

    A pixel is painted where its centre lies in a polygon, in a line of the given width, or where it contains
    a point.
    """

    __slots__ = ("dtype", "sheet", "values", "widths")

    def __init__(
        self,
        node: Node,
        sheet: Sheet,
        values: Sequence[float | int],
        widths: Sequence[float | None],
        dtype: Any,
    ):
        super().__init__(node)
        self.sheet = sheet
        self.values = list(values)
        self.widths = list(widths)
        self.dtype = np.dtype(dtype)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        (pixels,) = inputs
        values = pixels.values.astype(self.dtype)
        mask = pixels.mask.copy()
        pixel = Projection("EPSG:4326")  # the shapes are in pixels already: an identity transform
        reach = max((w for w in self.widths if w is not None), default=0.0)
        for index, shape in self.sheet.near(grid, reach):
            width = self.widths[index]
            if width is not None:
                outline = [p.boundary if isinstance(p, shapely.Polygon) else p for p in _flat(shape)]
                shape = shapely.GeometryCollection(
                    [p if width <= 1 else p.buffer(width / 2, quad_segs=4) for p in outline]
                )
            inside = Zone(shape, pixel).centers(_grid_window(grid))
            values[inside] = self.values[index]
            mask[inside] = 1
        return Pixels(values, mask)


class Gathered(Node):
    """`reduceToImage`: the properties of all the features that hold a pixel's centre, reduced; for `Pick`."""

    __slots__ = ("columns", "kinds", "reducer", "sheet")

    def __init__(self, sheet: Sheet, columns: Sequence[np.ndarray], reducer: Any, kinds: Sequence[Any]):
        self.sheet = sheet
        self.columns = columns
        self.reducer = reducer
        self.kinds = kinds

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> list[Pixels]:
        state = self.reducer.start(grid.shape)
        for index, shape in self.sheet.near(grid, 0):
            inside = Zone(shape, Projection("EPSG:4326")).centers(_grid_window(grid))
            if inside.any():
                weights = inside[None].astype("f4")
                parts = [Column(np.full((1, *grid.shape), c[index]), weights) for c in self.columns]
                state = self.reducer.add(state, self.reducer.prepare(parts))
        return [
            reduced_pixels(r, k, grid) for r, k in zip(self.reducer.finish(state), self.kinds, strict=True)
        ]


def footprint_of(geometries: Sequence[Geometry | None]) -> Geometry | None:
    """Return the union of geometries in longitude and latitude, None where there is none."""
    shapes = [on_plane(g, "EPSG:4326") for g in geometries if g is not None and not g.shape.is_empty]
    return Geometry(shapely.union_all(shapely.make_valid(shapes)), "EPSG:4326", False) if shapes else None
