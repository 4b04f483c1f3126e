"""Geometry on the Earth: measures on the WGS 84 ellipsoid, predicates and overlays on the sphere.

Overlays and predicates run in a gnomonic projection, in which great circles are straight, so polygons with
geodesic edges are treated exactly; edges that are straight in another projection are densified first. Areas,
lengths and distances are those of the ellipsoid (Karney 2013, doi:10.1007/s00190-012-0578-z, through PROJ).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from smgee.eelocal.errors import UnsupportedAlgorithmError
from smgee.eelocal.values.geometry import Geometry, is_wgs84
from smgee.eelocal.values.plane import (
    DEFAULT_ERROR,
    EARTH_RADIUS,
    along_geodesics,
    around_pole,
    as_lonlat,
    from_vectors,
    in_projection,
    rings_of,
    to_vectors,
    transformed,
)
from smgee.eelocal.values.projection import Projection

__all__ = [
    "along_geodesics",
    "area_of",
    "as_lonlat",
    "bounds_of",
    "buffer_of",
    "centroid_of",
    "distance_of",
    "ellipsoid",
    "far_apart",
    "in_projection",
    "length_of",
    "lines_of",
    "nearest",
    "overlay",
    "perimeter_of",
    "predicate",
]

_WIDEST = math.radians(60.0)  # gnomonic frames are not used beyond this angular radius
EARTH_AREA = 510_065_621_724_088.44  # m², the ellipsoid WGS 84 (Karney 2013, equation 63)
# metres: how much of a line an equidistant plane around it still shows truly enough to buffer it
PIECE = 100_000.0

Overlay = Callable[[BaseGeometry, BaseGeometry], BaseGeometry]


@lru_cache(maxsize=1)
def ellipsoid() -> Any:
    """Return the WGS 84 ellipsoid, for geodesics."""
    from pyproj import Geod

    return Geod(ellps="WGS84")


# -- the sphere
# ------------------------------------------------------------------------------------------


class _Frame:
    """A gnomonic projection around some shapes."""

    def __init__(self, *shapes: BaseGeometry):
        coords = np.concatenate([shapely.get_coordinates(s) for s in shapes])
        if not len(coords):
            coords = np.zeros((1, 2))
        vectors = to_vectors(coords)
        self.coords = coords
        center = vectors.mean(axis=0)
        size = float(np.linalg.norm(center))
        self.center = center / size if size > 1e-9 else vectors[0]
        self.radius = math.acos(float(np.clip((vectors @ self.center).min(), -1.0, 1.0)))
        self.near = float(np.degrees(np.arctan2(self.center[1], self.center[0])))
        self.near += round((float(coords[:, 0].mean()) - self.near) / 360.0) * 360.0
        pole = np.array([0.0, 0.0, 1.0]) if abs(self.center[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
        self.east = np.cross(pole, self.center)
        self.east /= np.linalg.norm(self.east)
        self.north = np.cross(self.center, self.east)

    @property
    def usable(self) -> bool:
        return self.radius < _WIDEST

    def forward(self, shape: BaseGeometry) -> BaseGeometry:
        def move(coords: np.ndarray) -> np.ndarray:
            v = to_vectors(coords)
            depth = v @ self.center
            return np.stack([v @ self.east / depth, v @ self.north / depth], axis=1)

        return shapely.transform(shape, move)

    def back(self, shape: BaseGeometry) -> BaseGeometry:
        known = {tuple(np.round(c, 9)): c for c in self.coords}

        def move(coords: np.ndarray) -> np.ndarray:
            v = self.center + coords[:, :1] * self.east + coords[:, 1:] * self.north
            out = from_vectors(v / np.linalg.norm(v, axis=1, keepdims=True), self.near)
            # Vertices of the inputs come back as they were.
            return np.array([known.get(tuple(np.round(c, 9)), c) for c in out]).reshape(-1, 2)

        return shapely.transform(shape, move)


def overlay(
    left: Geometry,
    right: Geometry,
    operation: Overlay,
    *,
    error: float = DEFAULT_ERROR,
    projection: Projection | None = None,
) -> Geometry:
    """Return the result of a set operation, on the sphere or in a projection.

    Parameters
    ----------
    operation : callable
        Of two shapes in a plane, e.g. `shapely.intersection`.
    """
    if projection is not None:
        a, b = (in_projection(g, Projection(projection.crs), error) for g in (left, right))
        return Geometry(tidy(operation(a, b)), projection.crs, False)
    a, b = as_lonlat(left, error), as_lonlat(right, error)
    frame = _Frame(a, b)
    if frame.usable:
        return Geometry(tidy(frame.back(operation(_valid(frame.forward(a)), _valid(frame.forward(b))))))
    return Geometry(tidy(operation(along_geodesics(a, error), along_geodesics(b, error))), geodesic=False)


def reshape(
    geometry: Geometry,
    operation: Callable[[BaseGeometry], BaseGeometry],
    *,
    error: float = DEFAULT_ERROR,
    projection: Projection | None = None,
) -> Geometry:
    """Return the result of an operation on one shape (hull, union) on the sphere or in a projection."""
    return overlay(geometry, geometry, lambda a, _: operation(a), error=error, projection=projection)


def far_apart(left: Geometry, right: Geometry) -> bool:
    """Whether the extents alone show that two geometries do not meet; False where that takes a closer
    look.
    """
    if not (is_wgs84(left.crs) and is_wgs84(right.crs)):
        return False
    boxes = [g.shape.bounds for g in (left, right)]
    (w0, s0, e0, n0), (w1, s1, e1, n1) = boxes
    if (
        min(w0, w1) < -180
        or max(e0, e1) > 180
        or min(s0, s1) < -80
        or max(n0, n1) > 80
        or max(e0 - w0, e1 - w1) > 90
    ):
        return False
    # A great circle leaves the parallel between its ends by less than a quarter of Δλ² / 2, in radians.
    slack = sum(math.degrees(math.radians(e - w) ** 2 / 8) for w, _, e, _ in boxes) + 1e-6
    if s0 - n1 > slack or s1 - n0 > slack:
        return True
    gap = max(w1 - e0, w0 - e1)
    around = 360.0 - (max(e0, e1) - min(w0, w1))
    return gap > 1e-6 and around > 1e-6


def predicate(
    left: Geometry,
    right: Geometry,
    test: Callable[[Any, Any], Any],
    *,
    error: float = DEFAULT_ERROR,
    projection: Projection | None = None,
) -> bool:
    """Return the truth of a relation of two geometries, on the sphere or in a projection."""
    if projection is not None:
        return bool(test(*(in_projection(g, Projection(projection.crs), error) for g in (left, right))))
    a, b = as_lonlat(left, error), as_lonlat(right, error)
    frame = _Frame(a, b)
    if frame.usable:
        return bool(test(_valid(frame.forward(a)), _valid(frame.forward(b))))
    return bool(test(along_geodesics(a, error), along_geodesics(b, error)))


def _valid(shape: BaseGeometry) -> BaseGeometry:
    return shape if shape.is_valid else shapely.make_valid(shape)


def tidy(shape: BaseGeometry) -> BaseGeometry:
    """Drop the parts of no use: empty ones, and collections of one."""
    if isinstance(shape, shapely.GeometryCollection):
        parts = [g for g in shape.geoms if not g.is_empty]
        if not parts:
            return shapely.GeometryCollection()
        if len(parts) == 1:
            return parts[0]
    return shape


# -- measures
# ------------------------------------------------------------------------------------------


def _polygons(shape: BaseGeometry) -> list[shapely.Polygon]:
    if isinstance(shape, shapely.Polygon):
        return [] if shape.is_empty else [shape]
    return [p for g in getattr(shape, "geoms", ()) for p in _polygons(g)]


def lines_of(shape: BaseGeometry) -> list[Any]:
    """Return the lines and rings of a shape that are not part of polygons."""
    if isinstance(shape, (shapely.LineString, shapely.LinearRing)):
        return [shape]
    return [line for g in getattr(shape, "geoms", ()) for line in lines_of(g)]


def area_of(
    geometry: Geometry, *, error: float = DEFAULT_ERROR, projection: Projection | None = None
) -> float:
    """Return the area of the polygons in m² on the ellipsoid, or in squared units of a projection."""
    if hasattr(geometry.shape, "geoms"):  # components one by one: where they overlap they count several times
        return sum(
            area_of(Geometry(g, geometry.crs, geometry.geodesic), error=error, projection=projection)
            for g in geometry.shape.geoms
        )
    if projection is not None:
        return float(sum(p.area for p in _polygons(in_projection(geometry, projection, error))))
    total = 0.0
    polar = (
        geometry.geodesic and is_wgs84(geometry.crs) and any(around_pole(r) for r in rings_of(geometry.shape))
    )
    # the integral needs no picture of the inside, which a map of longitude and latitude lacks around a pole
    for polygon in _polygons(geometry.shape if polar else as_lonlat(geometry, error)):
        rings = [polygon.exterior, *polygon.interiors]
        drawn = is_wgs84(geometry.crs) and not geometry.geodesic
        areas = [
            _ring_area(c, drawn=drawn or not (geometry.geodesic or _leaps(c)))
            for c in (np.array(r.coords) for r in rings)
        ]
        total += areas[0] - sum(areas[1:])
    return total


def _leaps(coords: np.ndarray) -> bool:
    """Whether a ring of short edges, drawn on another map, leaves that of longitude and latitude at one
    side and comes back at the other.
    """
    return bool((np.abs(np.diff(coords[:, 0])) > 180).any())


def _ring_area(coords: np.ndarray, *, drawn: bool) -> float:
    """Return the area in m² within a ring of longitudes and latitudes.

    The integral along the ring gives it up to whole Earths. A ring with geodesic edges encloses its smaller
    side; a ring `drawn` straight on a map of longitude and latitude encloses what it does there, which may be
    up to the whole Earth.
    """
    lon, lat = coords.T
    signed = float(ellipsoid().polygon_area_perimeter(lon, lat)[0])
    if not drawn:
        return abs(signed)
    x, y = (
        np.radians(lon),
        np.sin(np.radians(lat)),
    )  # the equal-area map of the sphere tells how many Earths are missing
    mapped = EARTH_AREA / (8 * np.pi) * float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))
    return abs(signed + EARTH_AREA * round((mapped - signed) / EARTH_AREA))


def _line_length(line: Any) -> float:
    coords = np.array(line.coords)
    return float(ellipsoid().line_length(coords[:, 0], coords[:, 1]))


def length_of(
    geometry: Geometry, *, error: float = DEFAULT_ERROR, projection: Projection | None = None
) -> float:
    """Return the length of the lines in metres on the ellipsoid, or in units of a projection."""
    if projection is not None:
        return float(sum(line.length for line in lines_of(in_projection(geometry, projection, error))))
    return sum(_line_length(line) for line in lines_of(as_lonlat(geometry, error)))


def perimeter_of(
    geometry: Geometry, *, error: float = DEFAULT_ERROR, projection: Projection | None = None
) -> float:
    """Return the length of the polygons' rings in metres on the ellipsoid, or in units of a projection."""
    if projection is not None:
        return float(sum(p.length for p in _polygons(in_projection(geometry, projection, error))))
    return sum(
        _line_length(r) for p in _polygons(as_lonlat(geometry, error)) for r in (p.exterior, *p.interiors)
    )


def bounds_of(
    geometry: Geometry, *, error: float = DEFAULT_ERROR, projection: Projection | None = None
) -> Geometry:
    """Return the bounding rectangle, straight in longitude and latitude or in a projection."""
    target = Projection("EPSG:4326") if projection is None else projection
    if geometry.unbounded:
        return geometry
    shape = in_projection(geometry, Projection(target.crs), error)
    if shape.is_empty:
        return Geometry(shapely.Polygon(), target.crs, False)
    left, bottom, right, top = shape.bounds
    return Geometry(
        shapely.Polygon([(left, bottom), (right, bottom), (right, top), (left, top)]), target.crs, False
    )


# -- local planes
# ------------------------------------------------------------------------------------------


def _plane(kind: str, lon: float, lat: float) -> str:
    return f"+proj={kind} +lat_0={lat!r} +lon_0={lon!r} +datum=WGS84 +units=m"


def _middle(*shapes: BaseGeometry) -> tuple[float, float]:
    frame = _Frame(*shapes)
    lon, lat = from_vectors(frame.center[None], frame.near)[0]
    return float(lon), float(lat)


def centroid_of(
    geometry: Geometry, *, error: float = DEFAULT_ERROR, projection: Projection | None = None
) -> Geometry:
    """Return the centre of the highest-dimensional parts: by area in an equal-area plane around them, or
    in a projection.
    """
    if projection is not None:
        shape = in_projection(geometry, Projection(projection.crs), error)
        return Geometry(_highest(shape).centroid, projection.crs, False)
    shape = _highest(as_lonlat(geometry, error))
    if shape.is_empty:
        return Geometry(shapely.Point())
    if isinstance(shape, shapely.Point):
        return Geometry(shape)
    lon, lat = _middle(shape)
    for _ in range(2):  # a second round around the first answer
        plane = _plane("laea", lon, lat)
        center = transformed(transformed(shape, "EPSG:4326", plane).centroid, plane, "EPSG:4326")
        lon, lat = center.x, center.y
    return Geometry(center)


def _highest(shape: BaseGeometry) -> BaseGeometry:
    if isinstance(shape, shapely.GeometryCollection):
        parts = [p for g in shape.geoms for p in shapely.get_parts(_highest(g)).tolist()]
        top = max((shapely.get_dimensions(p) for p in parts), default=0)
        parts = [p for p in parts if shapely.get_dimensions(p) == top]
        return {0: shapely.MultiPoint, 1: shapely.MultiLineString, 2: shapely.MultiPolygon}[int(top)](parts)
    return shape


def buffer_of(
    geometry: Geometry, distance: float, *, error: float | None = None, projection: Projection | None = None
) -> Geometry:
    """Return what lies within a distance, in metres or in units of a projection; a negative distance shrinks
    polygons.

    Rounded corners deviate by at most `error`, by default 1 % of the distance.
    """
    margin = abs(distance) * 0.01 if not error else min(error, abs(distance))
    segments = (
        1
        if distance == 0
        else max(1, math.ceil(math.pi / 4 / math.acos(max(1.0 - margin / abs(distance), 0.0))))
    )
    if projection is not None:
        shape = in_projection(geometry, Projection(projection.crs), DEFAULT_ERROR)
        return Geometry(
            tidy(shape.buffer(distance * _scale(projection), quad_segs=segments)), projection.crs, False
        )
    shape = as_lonlat(geometry, min(margin, DEFAULT_ERROR) if margin else DEFAULT_ERROR)
    if shape.is_empty or (distance <= 0 and shapely.get_dimensions(shape) < 2):
        return Geometry(shapely.Polygon() if distance <= 0 else shape)
    if distance == 0:
        return Geometry(shape)
    frame = _Frame(shape)
    if frame.radius * EARTH_RADIUS <= PIECE:
        return Geometry(_buffer_near(shape, distance, segments))
    rim = _pieces(shape)
    ring = shapely.unary_union([_buffer_near(p, abs(distance), segments) for p in rim])
    if shapely.get_dimensions(shape) < 2:
        return Geometry(tidy(ring))
    return overlay(Geometry(shape), Geometry(ring), shapely.union if distance > 0 else shapely.difference)


def _scale(projection: Projection) -> float:
    a, b, _, d, e, _ = projection.transform
    return math.sqrt(abs(a * e - b * d))


def _buffer_near(shape: BaseGeometry, distance: float, segments: int) -> BaseGeometry:
    """Buffer a shape of some `PIECE` in an equidistant plane around it."""
    lon, lat = _middle(shape)
    plane = _plane("aeqd", lon, lat)
    flat = transformed(shape, "EPSG:4326", plane).buffer(distance, quad_segs=segments)
    if flat.is_empty:
        return flat
    pole = transformed(shapely.Point(lon, math.copysign(90.0, lat)), "EPSG:4326", plane)
    if flat.intersects(pole):
        raise UnsupportedAlgorithmError(
            "Geometry.buffer", "around a pole has no outline in longitude and latitude here"
        )
    # Longitudes go on beyond 180° instead of jumping, or the outline would fall apart at the antimeridian.
    return shapely.transform(
        transformed(flat, plane, "EPSG:4326"),
        lambda c: np.stack([lon + (c[:, 0] - lon + 180) % 360 - 180, c[:, 1]], axis=1),
    )


def _pieces(shape: BaseGeometry) -> list[BaseGeometry]:
    """Cut points, lines and rings into pieces of about `PIECE`."""
    out: list[BaseGeometry] = []
    if isinstance(shape, shapely.Point):
        return [shape]
    if isinstance(shape, shapely.Polygon):
        return [p for r in (shape.exterior, *shape.interiors) for p in _pieces(r)]
    if isinstance(shape, shapely.LineString):
        coords = np.array(shapely.segmentize(along_geodesics(shape, 1.0), 0.5).coords)  # meridians too
        walked = np.concatenate([[0.0], np.cumsum(ellipsoid().line_lengths(coords[:, 0], coords[:, 1]))])
        cuts = np.searchsorted(walked, np.arange(PIECE, walked[-1], PIECE))
        bounds = np.unique([0, *cuts, len(coords) - 1])
        return [shapely.LineString(coords[a : b + 1]) for a, b in pairwise(bounds)]
    for part in shape.geoms:
        out.extend(_pieces(part))
    return out


def nearest(
    left: Geometry, right: Geometry, *, error: float = DEFAULT_ERROR, projection: Projection | None = None
) -> tuple[Geometry, Geometry] | None:
    """Return the points of two geometries that are nearest to each other, None when one is empty."""
    if left.is_empty or right.is_empty:
        return None
    if projection is not None:
        a, b = (in_projection(g, Projection(projection.crs), error) for g in (left, right))
        p, q = shapely.shortest_line(a, b).coords
        return Geometry(shapely.Point(p), projection.crs, False), Geometry(
            shapely.Point(q), projection.crs, False
        )
    a, b = as_lonlat(left, error), as_lonlat(right, error)
    lon, lat = _middle(a, b)
    for _ in range(4):  # the plane is true near its centre: put that between the points found so far
        plane = _plane("aeqd", lon, lat)
        line = shapely.shortest_line(transformed(a, "EPSG:4326", plane), transformed(b, "EPSG:4326", plane))
        p, q = shapely.get_coordinates(transformed(line, plane, "EPSG:4326"))
        lon, lat = _middle(shapely.Point(p), shapely.Point(q))
    return Geometry(shapely.Point(p)), Geometry(shapely.Point(q))


def distance_of(
    left: Geometry,
    right: Geometry,
    *,
    error: float = DEFAULT_ERROR,
    projection: Projection | None = None,
    spherical: bool = False,
) -> float | None:
    """Return the least distance in metres, on the ellipsoid or on a sphere, or in units of a projection.

    None when one is empty.
    """
    if left.is_empty or right.is_empty:
        return None
    if projection is not None:
        a, b = (in_projection(g, projection, error) for g in (left, right))
        return float(a.distance(b))
    if predicate(left, right, shapely.intersects, error=error):
        return 0.0
    points = nearest(left, right, error=error)
    assert points is not None
    (x0, y0), (x1, y1) = (p.shape.coords[0] for p in points)
    if spherical:
        u, v = to_vectors(np.array([[x0, y0], [x1, y1]]))
        return float(EARTH_RADIUS * math.atan2(float(np.linalg.norm(np.cross(u, v))), float(u @ v)))
    return float(ellipsoid().inv(x0, y0, x1, y1)[2])


def simplify_of(geometry: Geometry, tolerance: float, *, projection: Projection | None = None) -> Geometry:
    """Return the geometry with vertices dropped within a tolerance, in metres or in units of a projection."""
    if projection is not None:
        shape = in_projection(geometry, Projection(projection.crs), tolerance)
        return Geometry(shape.simplify(tolerance), projection.crs, False)
    if not is_wgs84(geometry.crs):
        return Geometry(
            geometry.sound.simplify(tolerance / Projection(geometry.crs).unit_meters),
            geometry.crs,
            geometry.geodesic,
        )
    shape = geometry.sound
    if shape.is_empty:
        return geometry
    west, south, east, north = shape.bounds
    if east - west >= 360 or max(-south, north) >= 90:
        return geometry  # corners of the map that are one place on the ground would be taken for superfluous
    plane = _plane("aeqd", *_middle(shape))
    slim = transformed(transformed(shape, "EPSG:4326", plane).simplify(tolerance), plane, "EPSG:4326")
    return Geometry(_restore(slim, shape), geometry.crs, geometry.geodesic)


def _restore(shape: BaseGeometry, original: BaseGeometry) -> BaseGeometry:
    known = {tuple(np.round(c, 9)): c for c in shapely.get_coordinates(original)}
    return shapely.transform(
        shape, lambda cs: np.array([known.get(tuple(np.round(c, 9)), c) for c in cs]).reshape(-1, 2)
    )


def union_all(geometries: Sequence[Geometry], *, error: float = DEFAULT_ERROR) -> Geometry:
    """Return the union of geometries on the sphere."""
    solid = [g for g in geometries if not g.is_empty]
    if not solid:
        return Geometry(shapely.GeometryCollection())
    shapes = [as_lonlat(g, error) for g in solid]
    frame = _Frame(*shapes)
    if frame.usable:
        return Geometry(tidy(frame.back(shapely.unary_union([_valid(frame.forward(s)) for s in shapes]))))
    return Geometry(tidy(shapely.unary_union([along_geodesics(s, error) for s in shapes])), geodesic=False)
