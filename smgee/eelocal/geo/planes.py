"""Centres, buffers, nearest points, distances and simplification, in planes laid around the geometries."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.geo.geodesy import ellipsoid
from smgee.eelocal.geo.overlays import Frame, overlay, predicate, tidy
from smgee.eelocal.values.geometry import Geometry, is_wgs84
from smgee.eelocal.values.plane import (
    DEFAULT_ERROR,
    EARTH_RADIUS,
    along_geodesics,
    as_lonlat,
    from_vectors,
    in_projection,
    to_vectors,
    transformed,
)
from smgee.eelocal.values.projection import Projection

# metres: how much of a line an equidistant plane around it still shows truly enough to buffer it
PIECE = 100_000.0
MOST_CHORDS = 100_000  # to a quarter of a circle; 6 MB for a point


def _plane(kind: str, lon: float, lat: float) -> str:
    return f"+proj={kind} +lat_0={lat!r} +lon_0={lon!r} +datum=WGS84 +units=m"


def _middle(*shapes: BaseGeometry) -> tuple[float, float]:
    frame = Frame(*shapes)
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


def _segments(distance: float, margin: float) -> int:
    """Return how many chords a quarter of a circle takes that deviates by at most `margin`."""
    angle = math.acos(min(max(1.0 - margin / distance, 0.0), 1.0)) if margin >= 0 else math.nan
    if not angle * MOST_CHORDS >= math.pi / 4:
        raise EEError(
            f"A buffer of {distance} with an error of at most {margin} has more than {MOST_CHORDS:,} corners "
            "to a quarter of a circle; allow a larger error, of more than zero."
        )
    return max(1, math.ceil(math.pi / 4 / angle))


def buffer_of(
    geometry: Geometry, distance: float, *, error: float | None = None, projection: Projection | None = None
) -> Geometry:
    """Return what lies within a distance, in metres or in units of a projection; a negative distance shrinks
    polygons.

    Rounded corners deviate by at most `error`, by default 1 % of the distance.
    """
    if not math.isfinite(distance):
        raise EEError(f"The distance of a buffer is {distance}; it has to be finite.")
    margin = abs(distance) * 0.01 if not error else min(error, abs(distance))
    segments = _segments(abs(distance), margin) if distance else 1
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
    _check_on_earth(shape)
    frame = Frame(shape)
    if frame.radius * EARTH_RADIUS <= PIECE:
        return Geometry(_buffer_near(shape, distance, segments))
    rim = _pieces(shape)
    ring = shapely.unary_union([_buffer_near(p, abs(distance), segments) for p in rim])
    if shapely.get_dimensions(shape) < 2:
        return Geometry(tidy(ring))
    return overlay(Geometry(shape), Geometry(ring), shapely.union if distance > 0 else shapely.difference)


def _check_on_earth(shape: BaseGeometry) -> None:
    """Refuse coordinates between which no distance is known, such as those of swapped axes."""
    west, south, east, north = shape.bounds
    if not (south >= -90 - 1e-6 and north <= 90 + 1e-6 and east - west <= 360 + 1e-6):
        raise EEError(
            f"The geometry reaches from longitude {west:g} to {east:g} and from latitude {south:g} to "
            f"{north:g}, beyond the Earth; give longitude first, then latitude."
        )


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
