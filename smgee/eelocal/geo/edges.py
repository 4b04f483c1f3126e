"""Edges of geometries: great circles, or straight in a projection, and how the one is made of the other.

Longitude and latitude are taken as those of a sphere, as in S2.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.values.geometry import Geometry, is_wgs84
from smgee.eelocal.values.projection import Projection
from smgee.grid import transformer

__all__ = [
    "DEFAULT_ERROR",
    "EARTH_RADIUS",
    "along_geodesics",
    "apply_affine",
    "around_pole",
    "as_lonlat",
    "from_vectors",
    "in_projection",
    "moved",
    "planar_geojson",
    "rings_of",
    "to_vectors",
]

EARTH_RADIUS = 6_371_010.0  # mean radius in metres, of S2's Earth
DEFAULT_ERROR = 1.0  # metres, where the caller names no margin

# Straight edges of a projected geometry are split in this many parts before they are turned into longitude
# and latitude
_SEGMENTS = 64


def to_vectors(coords: np.ndarray) -> np.ndarray:
    """Return unit vectors (n, 3) of longitudes and latitudes."""
    lon, lat = np.radians(coords[:, 0]), np.radians(coords[:, 1])
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def from_vectors(vectors: np.ndarray, near: float) -> np.ndarray:
    """Return longitudes, within 180° of `near`, and latitudes (n, 2) of vectors."""
    lon = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0]))
    lat = np.degrees(np.arctan2(vectors[:, 2], np.hypot(vectors[:, 0], vectors[:, 1])))
    lon = near + (lon - near + 180.0) % 360.0 - 180.0
    return np.stack([lon, lat], axis=1)


def _degrees_for(error: float) -> float:
    """Return the longest planar edge, in degrees, that stays within `error` metres of the great circle: R
    Δλ² / 16 at worst.
    """
    return math.degrees(math.sqrt(16.0 * max(error, 1e-3) / EARTH_RADIUS))


def _steps(shape: BaseGeometry, parts: int) -> float:
    left, bottom, right, top = shape.bounds
    return max(right - left, top - bottom, 1e-12) / parts


def as_lonlat(geometry: Geometry, error: float = DEFAULT_ERROR) -> BaseGeometry:
    """Return the shape in longitude and latitude, so densely that its edges may be taken for geodesics within
    `error` metres.

    Raises
    ------
    UnsupportedAlgorithmError
        For a polygon whose geodesic edges lead around a pole: longitude and latitude show no inside for it.
    """
    if geometry.geodesic and is_wgs84(geometry.crs) and any(around_pole(r) for r in rings_of(geometry.shape)):
        raise UnsupportedAlgorithmError(
            "Geometry", "of a polygon with geodesic edges around a pole is not worked with"
        )
    shape = geometry.sound
    if shape.is_empty:
        return shape
    flat = shapely.get_dimensions(shape) == 0
    if is_wgs84(geometry.crs):
        return shape if geometry.geodesic or flat else _segmentize_rows(shape, _degrees_for(error))
    if not flat and not geometry.geodesic:
        shape = shapely.segmentize(shape, _steps(shape, 64))
    return moved(shape, geometry.crs, "EPSG:4326")


def rings_of(shape: BaseGeometry) -> list[np.ndarray]:
    """Return the coordinates of the outer rings of all polygons."""
    if isinstance(shape, shapely.Polygon):
        return [] if shape.is_empty else [np.array(shape.exterior.coords)]
    return [r for g in getattr(shape, "geoms", ()) for r in rings_of(g)]


def around_pole(ring: np.ndarray) -> bool:
    """Whether a ring of longitudes and latitudes with geodesic edges goes once around a pole.

    A step of a whole turn is the edge of a map at a pole, not an edge on the ground.
    """
    steps = np.diff(ring[:, 0])
    steps = np.where((np.abs(steps) > 180) & (np.abs(steps) < 360), (steps + 180) % 360 - 180, steps)
    return bool(abs(steps.sum()) > 180)


def _segmentize_rows(shape: BaseGeometry, step: float) -> BaseGeometry:
    """Densify edges that are not meridians; those already are great circles."""
    left, _, right, _ = shape.bounds
    return shape if right - left <= step else shapely.segmentize(shape, step)


def along_geodesics(shape: BaseGeometry, error: float) -> BaseGeometry:
    """Densify geodesic edges until they may be taken for straight in longitude and latitude."""
    if shapely.get_dimensions(shape) == 0:
        return shape
    step = _degrees_for(error)
    left, bottom, right, top = shape.bounds
    if max(right - left, top - bottom) <= step:
        return shape

    def ring(coords: np.ndarray) -> np.ndarray:
        out = [coords[:1]]
        for (x0, y0), (x1, y1) in pairwise(coords):
            n = math.ceil(max(abs(x1 - x0), abs(y1 - y0)) / step)
            if n > 1 and x0 != x1:
                out.append(_great_circle((x0, y0), (x1, y1), n))
            out.append(np.array([[x1, y1]]))
        return np.concatenate(out)

    return _map_lines(shape, ring)


def _great_circle(start: tuple[float, float], end: tuple[float, float], n: int) -> np.ndarray:
    a, b = to_vectors(np.array([start, end]))
    angle = math.acos(float(np.clip(a @ b, -1.0, 1.0)))
    t = np.arange(1, n)[:, None] / n
    points = (
        (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / math.sin(angle)
        if angle > 1e-9
        else a + t * (b - a)
    )
    return from_vectors(points, near=start[0])


def _map_lines(shape: BaseGeometry, change: Callable[[np.ndarray], np.ndarray]) -> BaseGeometry:
    if isinstance(shape, shapely.Polygon):
        return shapely.Polygon(
            change(np.array(shape.exterior.coords)), [change(np.array(r.coords)) for r in shape.interiors]
        )
    if isinstance(shape, shapely.LinearRing):
        return shapely.LinearRing(change(np.array(shape.coords)))
    if isinstance(shape, shapely.LineString):
        return shapely.LineString(change(np.array(shape.coords)))
    if hasattr(shape, "geoms"):
        return type(shape)([_map_lines(g, change) for g in shape.geoms])
    return shape


def moved(shape: BaseGeometry, source: str, target: str) -> BaseGeometry:
    """Return the shape with its vertices in another CRS."""
    if source == target or (is_wgs84(source) and is_wgs84(target)):
        return shape
    transform = transformer(source, target).transform

    def move(coords: np.ndarray) -> np.ndarray:
        x, y = transform(coords[:, 0], coords[:, 1])
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise EEError(
                f"Unable to transform the geometry from {source} to {target}: it lies outside the "
                "projection's area."
            )
        return np.stack([x, y], axis=1)

    there = shapely.transform(shape, move)
    # Longitudes come round again, which those who read them know.
    if not is_wgs84(target) and shapely.get_dimensions(shape) > 0 and _torn(shape, there, move):
        raise EEError(
            f"Unable to transform the geometry from {source} to {target}: it lies across the seam of that "
            "projection, where its map is cut open; "
            "split the geometry there, or use another projection."
        )
    return there


def _torn(here: BaseGeometry, there: BaseGeometry, move: Callable[[np.ndarray], np.ndarray]) -> bool:
    """Whether a short edge joins two ends of the map: its middle then lies at one of them, half the edge
    from the middle of both.
    """
    for before, after in zip(rings_of(here), rings_of(there), strict=True):
        middle = move((before[:-1] + before[1:]) / 2)
        edge = np.abs(np.diff(after[:, 0]))
        off = np.abs(middle[:, 0] - (after[:-1, 0] + after[1:, 0]) / 2)
        if (off > 0.49 * edge)[edge > 0.2 * np.ptp(after[:, 0])].any():
            return True
    return False


def in_projection(geometry: Geometry, projection: Projection, error: float = DEFAULT_ERROR) -> BaseGeometry:
    """Return the shape in the coordinates of a projection, its transform included, so densely that edges
    are straight there.
    """
    from affine import Affine

    if is_wgs84(geometry.crs) and geometry.geodesic:
        shape = along_geodesics(geometry.sound, error)
    else:
        shape = geometry.sound
    if not _same_crs(geometry.crs, projection.crs):
        if shapely.get_dimensions(shape) > 0:
            shape = shapely.segmentize(shape, _steps(shape, 64))
        shape = moved(shape, geometry.crs, projection.crs)
    if projection.transform == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0):
        return shape
    inverse = tuple(~Affine(*projection.transform))[:6]
    return shapely.transform(shape, lambda c: apply_affine(inverse, c))


def apply_affine(transform: Sequence[float], coords: np.ndarray) -> np.ndarray:
    """Return (n, 2) coordinates under the transform (xScale, xShear, xTranslation, yShear, yScale,
    yTranslation).
    """
    a, b, c, d, e, f = transform
    x, y = coords[:, 0], coords[:, 1]
    return np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)


def _same_crs(a: str, b: str) -> bool:
    return a.upper() == b.upper() or (is_wgs84(a) and is_wgs84(b))


def planar_geojson(geometry: Geometry | None) -> dict[str, Any] | None:
    """Return a geometry as GeoJSON in longitude and latitude; None stays None."""
    if geometry is None:
        return None
    shape = geometry.shape
    if geometry.crs != "EPSG:4326":
        left, bottom, right, top = shape.bounds
        if shape.length > 0:
            shape = shapely.segmentize(shape, max(right - left, top - bottom) / _SEGMENTS)
        shape = shapely.transform(shape, transformer(geometry.crs, "EPSG:4326").transform, interleaved=False)
    return json.loads(json.dumps(mapping(shape)))
