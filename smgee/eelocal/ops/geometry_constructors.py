"""``GeometryConstructors.*``, and cells of S2."""

from __future__ import annotations

import math
from typing import Any

import shapely

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.geo.s2 import cell_polygon
from smgee.eelocal.values.geometry import Geometry, coordinates_of, is_wgs84
from smgee.eelocal.values.number import is_number
from smgee.eelocal.values.plane import along_geodesics, as_lonlat, in_projection, on_map
from smgee.eelocal.values.projection import Projection

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
    """Make a polygon of rings, the first of them the shell; a list of points is one ring."""
    if len(coordinates) > 2 and all(
        isinstance(c, list) and len(c) == 2 and all(is_number(v) for v in c) for c in coordinates
    ):
        coordinates = [coordinates]
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
    shapes = [as_lonlat(g) if crs is None else in_projection(g, crs) for g in geometries]
    return make(shapely.GeometryCollection(shapes), crs, geodesic)


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
