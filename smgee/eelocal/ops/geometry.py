"""``GeometryConstructors.*`` and ``Geometry.*``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.geo import geodesy
from smgee.eelocal.geo.s2 import cell_polygon
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.errormargin import ErrorMargin
from smgee.eelocal.values.geometry import (
    UNBOUNDED_GEOMETRY,
    Feature,
    Geometry,
    coordinates_of,
    is_wgs84,
)
from smgee.eelocal.values.number import is_number
from smgee.eelocal.values.plane import DEFAULT_ERROR, along_geodesics, on_map
from smgee.eelocal.values.projection import Projection


def meters(margin: ErrorMargin | None, projection: Projection | None = None) -> float:
    """Return an error margin in metres, the default for none."""
    if margin is None:
        return DEFAULT_ERROR
    return margin.meters(1.0 if projection is None else projection.unit_meters) or 1e-3


# Those of the functions below that are made in loops, by official name.
FUNCTIONS: dict[str, Any] = {}

# -- constructors
# ------------------------------------------------------------------------------------------


# How deep the coordinates of a geometry that stands for a part of another are nested.
_DEPTHS = {"Point": 0, "LineString": 1, "LinearRing": 1, "Polygon": 2}


def _pairs(value: Any, depth: int) -> Any:
    """Return nested lists of (x, y), `depth` lists deep, of coordinates given as numbers, flat lists or
    geometries.
    """
    if isinstance(value, Geometry):
        if depth == _DEPTHS.get(value.type) and not value.is_empty:
            return coordinates_of(value.shape) if depth else value.shape.coords[0]
        raise EEError(f"Invalid coordinates: a {value.type} does not fit here.")
    if depth == 0:
        if isinstance(value, list) and len(value) >= 2 and all(is_number(v) for v in value[:2]):
            x, y = float(value[0]), float(value[1])
            if not (math.isfinite(x) and math.isfinite(y)):
                raise EEError(f"Invalid coordinates: [{x}, {y}].")
            return (x, y)
        raise EEError("Invalid coordinates: expected [x, y].")
    if not isinstance(value, list):
        raise EEError("Invalid coordinates: expected a list.")
    if value and all(is_number(v) for v in value):
        if len(value) % 2:
            raise EEError("Invalid coordinates: a flat list needs an even number of values.")
        value = [value[i : i + 2] for i in range(0, len(value), 2)]
        if depth == 2:
            value = [value]
    return [_pairs(v, depth - 1) for v in value]


def make(shape: Any, crs: Projection | None, geodesic: bool | None) -> Geometry:
    """Return a geometry of a shape given in a projection.

    Edges are geodesic by default where coordinates are longitude and latitude.
    """
    code = "EPSG:4326" if crs is None else crs.crs
    if crs is not None and crs.transform != (1.0, 0.0, 0.0, 0.0, 1.0, 0.0):
        shape = on_map(shape, crs)
    return Geometry(shape, code, is_wgs84(code) if geodesic is None else geodesic)


def _ring(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    if len(points) > 1 and points[0] == points[-1]:
        points = points[:-1]
    if len(points) < 3:
        raise EEError("A ring needs at least three different points.")
    return [*points, points[0]]


def _polygon(rings: list[list[tuple[float, float]]], even_odd: bool) -> Any:
    """Return the area of rings: what lies in an odd number of them, or else to the left of them all."""
    rings = [_ring(r) for r in rings if r]
    if not rings:
        return shapely.Polygon()
    if not even_odd and not shapely.LinearRing(rings[0]).is_ccw:
        return shapely.Polygon(_WORLD, rings)
    polygon = shapely.Polygon(rings[0], rings[1:])
    if len(rings) > 1 and not polygon.is_valid:
        areas = [shapely.make_valid(shapely.Polygon(r)) for r in rings]
        area = areas[0]
        for other in areas[1:]:
            area = area.symmetric_difference(other) if even_odd else area.union(other)
        return area
    return polygon


# The outline of longitude and latitude: an area that is everything but a hole begins with it.
_WORLD = [(-180.0, -90.0), (180.0, -90.0), (180.0, 90.0), (-180.0, 90.0)]


def _lonlat(crs: Projection | None) -> bool:
    return crs is None or (is_wgs84(crs.crs) and crs.transform == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0))


def _areas(shape: Any, crs: Projection | None, geodesic: bool | None) -> Geometry:
    """Return a geometry of polygons; the edges of a hole in everything follow their great circles."""
    parts = shapely.get_parts(shape)
    if not any(list(p.exterior.coords)[:4] == _WORLD for p in parts if isinstance(p, shapely.Polygon)):
        return make(shape, crs, geodesic)
    return make(shape if geodesic is False else along_geodesics(shape), crs, False)


@algorithm("GeometryConstructors.Point")
def point(coordinates: list[Any], crs: Projection | None) -> Geometry:
    """Make a point."""
    return make(shapely.Point(_pairs(coordinates, 0)), crs, None)


@algorithm("GeometryConstructors.MultiPoint")
def multi_point(coordinates: list[Any], crs: Projection | None) -> Geometry:
    """Make points."""
    return make(shapely.MultiPoint(_pairs(coordinates, 1)), crs, None)


def _line(points: list[tuple[float, float]]) -> Any:
    if len(points) < 2:
        raise EEError("A line needs at least two points.")
    return shapely.LineString(points)


@algorithm("GeometryConstructors.LineString")
def line_string(
    coordinates: list[Any], crs: Projection | None, geodesic: bool | None, maxError: Any
) -> Geometry:
    """Make a line."""
    return make(_line(_pairs(coordinates, 1)), crs, geodesic)


@algorithm("GeometryConstructors.LinearRing")
def linear_ring(
    coordinates: list[Any], crs: Projection | None, geodesic: bool | None, maxError: Any
) -> Geometry:
    """Make a closed line."""
    return make(shapely.LinearRing(_ring(_pairs(coordinates, 1))), crs, geodesic)


@algorithm("GeometryConstructors.MultiLineString")
def multi_line_string(
    coordinates: list[Any], crs: Projection | None, geodesic: bool | None, maxError: Any
) -> Geometry:
    """Make lines."""
    return make(shapely.MultiLineString([_line(p) for p in _pairs(coordinates, 2)]), crs, geodesic)


@algorithm("GeometryConstructors.Polygon")
def polygon(
    coordinates: list[Any], crs: Projection | None, geodesic: bool | None, maxError: Any, evenOdd: bool
) -> Geometry:
    """Make a polygon of rings, the first of them the shell."""
    return _areas(_polygon(_pairs(coordinates, 2), evenOdd or not _lonlat(crs)), crs, geodesic)


@algorithm("GeometryConstructors.MultiPolygon")
def multi_polygon(
    coordinates: list[Any], crs: Projection | None, geodesic: bool | None, maxError: Any, evenOdd: bool
) -> Geometry:
    """Make polygons."""
    areas = [_polygon(rings, evenOdd or not _lonlat(crs)) for rings in _pairs(coordinates, 3)]
    parts = [p for a in areas for p in shapely.get_parts(a) if isinstance(p, shapely.Polygon)]
    return _areas(shapely.MultiPolygon(parts), crs, geodesic)


@algorithm("GeometryConstructors.Rectangle")
def rectangle(
    coordinates: list[Any], crs: Projection | None, geodesic: bool | None, evenOdd: bool
) -> Geometry:
    """Make a rectangle of two corners."""
    (x0, y0), (x1, y1) = _pairs(coordinates, 1)
    return make(shapely.Polygon([(x0, y1), (x0, y0), (x1, y0), (x1, y1)]), crs, geodesic)


@algorithm("GeometryConstructors.BBox")
def bbox(west: float, south: float, east: float, north: float) -> Geometry:
    """Make a planar rectangle of longitudes and latitudes."""
    if math.isinf(south) or math.isinf(north):
        south, north = max(south, -90.0), min(north, 90.0)
    if south > 90 or north < -90 or north < south:
        raise EEError(f"The latitudes must be within -90…90 and in order, got {south:g} and {north:g}.")
    south, north = max(south, -90.0), min(north, 90.0)
    if east - west >= 360:
        west, east = -180.0, 180.0
    else:
        west = (west + 180.0) % 360.0 - 180.0
        east = (east + 180.0) % 360.0 - 180.0
        if east < west:
            east += 360.0
    return Geometry(
        shapely.Polygon([(west, south), (east, south), (east, north), (west, north)]), geodesic=False
    )


@algorithm("GeometryConstructors.MultiGeometry")
def multi_geometry(
    geometries: list[Geometry], crs: Projection | None, geodesic: bool | None, maxError: Any
) -> Geometry:
    """Put geometries together."""
    if crs is None and len({(g.crs, g.geodesic) for g in geometries}) == 1:
        return Geometry(
            shapely.GeometryCollection([g.shape for g in geometries]),
            geometries[0].crs,
            geometries[0].geodesic,
        )
    shapes = [geodesy.as_lonlat(g) if crs is None else geodesy.in_projection(g, crs) for g in geometries]
    return make(shapely.GeometryCollection(shapes), crs, geodesic)


# -- description
# ------------------------------------------------------------------------------------------


@algorithm("Geometry.coordinates")
def coordinates(geometry: Geometry) -> Any:
    """Return GeoJSON coordinates."""
    return coordinates_of(geometry.shape)


@algorithm("Geometry.type")
def type_(geometry: Geometry) -> str:
    """Return the GeoJSON type."""
    return geometry.type


@algorithm("Geometry.edgesAreGeodesics", "Geometry.geodesic")
def edges_are_geodesics(geometry: Geometry) -> bool:
    """Whether edges are geodesics."""
    return geometry.geodesic


@algorithm("Geometry.geometries")
def geometries(geometry: Geometry) -> list[Geometry]:
    """Return the parts of a collection, or of a geometry of several parts; else the geometry alone."""
    if hasattr(geometry.shape, "geoms"):
        return [Geometry(g, geometry.crs, geometry.geodesic) for g in geometry.shape.geoms]
    return [geometry]


@algorithm("Geometry.isUnbounded")
def is_unbounded(geometry: Geometry) -> bool:
    """Whether the geometry is everywhere."""
    return geometry.unbounded


@algorithm("Geometry.projection")
def projection(geometry: Geometry) -> Projection:
    """Return the projection of the coordinates."""
    return Projection(geometry.crs)


# -- measures
# ------------------------------------------------------------------------------------------


@algorithm("Geometry.area")
def area(geometry: Geometry, maxError: ErrorMargin | None, proj: Projection | None) -> float:
    """Return the area."""
    return geodesy.area_of(geometry, error=meters(maxError, proj), projection=proj)


@algorithm("Geometry.length")
def length(geometry: Geometry, maxError: ErrorMargin | None, proj: Projection | None) -> float:
    """Return the length of lines."""
    return geodesy.length_of(geometry, error=meters(maxError, proj), projection=proj)


@algorithm("Geometry.perimeter")
def perimeter(geometry: Geometry, maxError: ErrorMargin | None, proj: Projection | None) -> float:
    """Return the length of polygons' rings."""
    return geodesy.perimeter_of(geometry, error=meters(maxError, proj), projection=proj)


@algorithm("Geometry.distance")
def distance(
    left: Geometry, right: Geometry, maxError: ErrorMargin | None, proj: Projection | None, spherical: bool
) -> float | None:
    """Return the least distance."""
    return geodesy.distance_of(
        left, right, error=meters(maxError, proj), projection=proj, spherical=spherical
    )


# -- new geometries
# ------------------------------------------------------------------------------------------


@algorithm("Geometry.bounds")
def bounds(geometry: Geometry, maxError: ErrorMargin | None, proj: Projection | None) -> Geometry:
    """Return the bounding rectangle."""
    return geodesy.bounds_of(geometry, error=meters(maxError, proj), projection=proj)


@algorithm("Geometry.buffer")
def buffer(
    geometry: Geometry, distance: float, maxError: ErrorMargin | None, proj: Projection | None
) -> Geometry:
    """Return what lies within a distance."""
    if geometry.unbounded:
        return geometry
    return geodesy.buffer_of(
        geometry, distance, error=None if maxError is None else maxError.value, projection=proj
    )


@algorithm("Geometry.centroid")
def centroid(geometry: Geometry, maxError: ErrorMargin | None, proj: Projection | None) -> Geometry:
    """Return the centre."""
    if geometry.unbounded:
        raise EEError("The geometry is unbounded.")
    return geodesy.centroid_of(geometry, error=meters(maxError, proj), projection=proj)


@algorithm("Geometry.convexHull")
def convex_hull(geometry: Geometry, maxError: ErrorMargin | None, proj: Projection | None) -> Geometry:
    """Return the convex hull."""
    return geodesy.reshape(geometry, shapely.convex_hull, error=meters(maxError, proj), projection=proj)


@algorithm("Geometry.dissolve")
def dissolve(geometry: Geometry, maxError: ErrorMargin | None, proj: Projection | None) -> Geometry:
    """Return the union of the parts."""
    return geodesy.reshape(geometry, shapely.unary_union, error=meters(maxError, proj), projection=proj)


@algorithm("Geometry.simplify")
def simplify(geometry: Geometry, maxError: ErrorMargin, proj: Projection | None) -> Geometry:
    """Return the geometry with fewer vertices."""
    margin = maxError.value if proj is not None and maxError.unit == "projected" else maxError.meters(1.0)
    if proj is not None and maxError.unit != "projected":
        margin = maxError.meters(1.0) / proj.unit_meters
    return geodesy.simplify_of(geometry, margin or 0.0, projection=proj)


@algorithm("Geometry.transform")
def transform(
    geometry: Geometry, proj: Projection, maxError: ErrorMargin | None, geodesic: bool | None
) -> Geometry:
    """Return the geometry in another projection."""
    keep = is_wgs84(proj.crs) and (geometry.geodesic if geodesic is None else geodesic)
    error = meters(maxError, proj)
    if keep:
        return Geometry(geodesy.as_lonlat(geometry, error), proj.crs, True)
    if is_wgs84(geometry.crs) and is_wgs84(proj.crs) and not geometry.geodesic:
        return Geometry(geometry.shape, proj.crs, False)
    return Geometry(geodesy.in_projection(geometry, Projection(proj.crs), error), proj.crs, False)


def _overlay(name: str, operation: Any) -> None:
    def run(
        left: Geometry, right: Geometry, maxError: ErrorMargin | None, proj: Projection | None
    ) -> Geometry:
        if left.unbounded or right.unbounded:
            return _with_everything(name, left, right)
        return geodesy.overlay(left, right, operation, error=meters(maxError, proj), projection=proj)

    FUNCTIONS[name] = algorithm(f"Geometry.{name}")(run)


def _with_everything(name: str, left: Geometry, right: Geometry) -> Geometry:
    """Return a set operation in which one side is unbounded."""
    empty = Geometry(shapely.GeometryCollection())
    if name == "union":
        return UNBOUNDED_GEOMETRY
    if name == "intersection":
        return right if left.unbounded else left
    if right.unbounded:
        return (
            empty
            if name == "difference"
            else geodesy.overlay(UNBOUNDED_GEOMETRY, left, shapely.difference)
            if not left.unbounded
            else empty
        )
    return geodesy.overlay(UNBOUNDED_GEOMETRY, right, shapely.difference)


for _name, _operation in {
    "intersection": shapely.intersection,
    "union": shapely.union,
    "difference": shapely.difference,
    "symmetricDifference": shapely.symmetric_difference,
}.items():
    _overlay(_name, _operation)


# Relations that an empty geometry has with nothing.
RELATIONS: dict[str, Any] = {
    "intersects": shapely.intersects,
    "disjoint": shapely.disjoint,
    "contains": shapely.covers,
    "containedIn": shapely.covered_by,
}


def relate(
    name: str,
    left: Geometry,
    right: Geometry,
    *,
    error: float = DEFAULT_ERROR,
    projection: Projection | None = None,
) -> bool:
    """Return whether a relation holds: intersects, disjoint, contains or containedIn."""
    if left.is_empty or right.is_empty:
        return name == "disjoint"
    if left.unbounded or right.unbounded:
        return {
            "intersects": True,
            "disjoint": False,
            "contains": left.unbounded,
            "containedIn": right.unbounded,
        }[name]
    if projection is None and geodesy.far_apart(left, right):
        return name == "disjoint"
    return geodesy.predicate(left, right, RELATIONS[name], error=error, projection=projection)


def _relation(name: str) -> None:
    def run(left: Geometry, right: Geometry, maxError: ErrorMargin | None, proj: Projection | None) -> bool:
        return relate(name, left, right, error=meters(maxError, proj), projection=proj)

    FUNCTIONS[name] = algorithm(f"Geometry.{name}")(run)


for _name in RELATIONS:
    _relation(_name)


@algorithm("Geometry.withinDistance")
def within_distance(
    left: Geometry, right: Geometry, distance: float, maxError: ErrorMargin | None, proj: Projection | None
) -> bool:
    """Whether the geometries are no farther apart than a distance."""
    if left.unbounded or right.unbounded:
        return True
    found = geodesy.distance_of(left, right, error=meters(maxError, proj), projection=proj)
    return found is not None and found <= distance


@algorithm("Geometry.closestPoint")
def closest_point(
    left: Geometry, right: Geometry, maxError: ErrorMargin | None, proj: Projection | None
) -> Geometry | None:
    """Return the point of the right geometry that is nearest to the left one."""
    points = geodesy.nearest(left, right, error=meters(maxError, proj), projection=proj)
    return None if points is None else points[1]


@algorithm("Geometry.closestPoints")
def closest_points(
    left: Geometry, right: Geometry, maxError: ErrorMargin | None, proj: Projection | None
) -> dict[str, Geometry]:
    """Return the two points that are nearest to each other."""
    points = geodesy.nearest(left, right, error=meters(maxError, proj), projection=proj)
    return {} if points is None else {"left": points[0], "right": points[1]}


@algorithm("Geometry.cutLines")
def cut_lines(
    geometry: Geometry, distances: list[float], maxError: ErrorMargin | None, proj: Projection | None
) -> Geometry:
    """Cut lines at distances along each."""
    error = meters(maxError, proj)
    shape = (
        geodesy.as_lonlat(geometry, error) if proj is None else geodesy.in_projection(geometry, proj, error)
    )
    at = sorted(d for d in set(distances) if d > 0)
    parts = [part for line in geodesy.lines_of(shape) for part in _cut(line, at, planar=proj is not None)]
    return make(shapely.MultiLineString(parts), proj, None if proj is None else False)


def _cut(line: Any, distances: list[float], *, planar: bool) -> list[Any]:
    geod = geodesy.ellipsoid()
    pieces, current, walked = [], [line.coords[0]], 0.0
    pending = list(distances)
    for start, end in zip(line.coords[:-1], line.coords[1:], strict=True):
        if planar:
            azimuth, size = 0.0, math.dist(start, end)
        else:
            azimuth, _, size = geod.inv(*start[:2], *end[:2])
        while pending and pending[0] < walked + size:
            step = pending.pop(0) - walked
            if planar:
                share = step / size
                cut = (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
            else:
                cut = geod.fwd(*start[:2], azimuth, step)[:2]
            pieces.append(shapely.LineString([*current, cut]))
            current = [cut]
        current.append(end)
        walked += size
    pieces.append(shapely.LineString(current))
    return pieces


@algorithm("Geometry.coveringGrid")
def covering_grid(geometry: Geometry, proj: Projection, scale: float | None) -> Collection:
    """Return the cells of a projection's grid that intersect the geometry."""
    if scale is not None:
        proj = proj.at_scale(scale)
    shape = geodesy.in_projection(geometry, proj)

    def cells() -> list[Feature]:
        if shape.is_empty:
            return []
        left, bottom, right, top = shape.bounds
        out = []
        shapely.prepare(shape)
        for row in range(math.floor(bottom), math.ceil(top) or math.floor(bottom) + 1):
            for col in range(math.floor(left), math.ceil(right) or math.floor(left) + 1):
                if shape.intersects(shapely.box(col, row, col + 1, row + 1)):
                    corners = np.array([(col, row), (col + 1, row), (col + 1, row + 1), (col, row + 1)], "f8")
                    cell = on_map(shapely.Polygon(corners), proj)
                    out.append(Feature(Geometry(cell, proj.crs, False), {}, f"{col},{row}"))
        return out

    return Collection(cells)


# -- S2 cells
# ------------------------------------------------------------------------------------------


@algorithm("Geometry.fromS2CellId", "Geometry.s2Cell")
def from_s2_cell_id(cellId: int) -> Geometry:
    """Return an S2 cell by its id."""
    return Geometry(cell_polygon(cellId))


@algorithm("Geometry.fromS2CellToken")
def from_s2_cell_token(cellToken: str) -> Geometry:
    """Return an S2 cell by its hexadecimal id, trailing zeros included."""
    try:
        cell = int(cellToken, 16)
    except ValueError as error:
        raise EEError(f"Invalid S2 cell token: '{cellToken}'.") from error
    return from_s2_cell_id(cell)
