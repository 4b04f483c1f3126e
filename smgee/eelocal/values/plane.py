"""Geometries on planes: in longitude and latitude, on the map of a CRS, in the pixels of a projection.

The one place where a geometry's edges, great circles or lines straight in a CRS, become the edges of planar
shapes. Longitude and latitude are taken as those of a sphere, as in S2. Maps that are cut open along a
meridian (Mercator's and EASE-Grid's at 180°) show what lies across the cut in two parts, at both ends.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.values.geometry import Geometry, is_wgs84
from smgee.eelocal.values.projection import Projection, moved, to_pixels
from smgee.grid import parse_crs, transformer

EARTH_RADIUS = 6_371_010.0  # mean radius in metres, of S2's Earth
DEFAULT_ERROR = 1.0  # metres, where the caller names no margin
REGION_ERROR = 0.5  # metres, of regions over pixels
_MOST_PIECES = 20_000  # into which one edge is cut
_HAIR = 1e-9  # degrees, a tenth of a millimetre: nearer to the cut of a map is on it

Change = Callable[[np.ndarray], np.ndarray]


# -- the sphere


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


def rings_of(shape: BaseGeometry) -> list[np.ndarray]:
    """Return the coordinates of the outer rings of all polygons."""
    if isinstance(shape, shapely.Polygon):
        return [] if shape.is_empty else [shapely.get_coordinates(shape.exterior)]
    return [r for g in getattr(shape, "geoms", ()) for r in rings_of(g)]


def _short_way(steps: np.ndarray) -> np.ndarray:
    """Return steps in longitude, those of more than half a turn the other way round.

    A step of a whole turn is the edge of a map at a pole, not an edge on the ground; it stays.
    """
    return np.where((np.abs(steps) > 180) & (np.abs(steps) < 360), (steps + 180) % 360 - 180, steps)


def around_pole(ring: np.ndarray) -> bool:
    """Whether a ring of longitudes and latitudes with geodesic edges goes once around a pole."""
    return bool(abs(_short_way(np.diff(ring[:, 0])).sum()) > 180)


def _unwrapped(coords: np.ndarray) -> np.ndarray:
    """Return a chain of longitudes and latitudes that goes on beyond 180° instead of leaping; a ring around a
    pole, which would not close, as it is.
    """
    steps = np.diff(coords[:, 0])
    short = _short_way(steps)
    closed = bool((coords[0] == coords[-1]).all())
    if (short == steps).all() or (closed and abs(short.sum()) > 180):
        return coords
    longitude = coords[:, 0] - 360 * np.concatenate([[0], np.cumsum(np.round((steps - short) / 360))])
    return np.column_stack([longitude, coords[:, 1]])


def along_geodesics(shape: BaseGeometry, error: float = DEFAULT_ERROR) -> BaseGeometry:
    """Return a shape in longitude and latitude, its geodesic edges cut until they may be taken for straight
    within `error` metres; longitudes go on beyond 180°.

    A chord leaves its arc of a great circle by (length)² / (8 R); a line straight in longitude and latitude
    leaves the great circle by R Δλ² / 16 at worst.
    """
    if shapely.get_dimensions(shape) == 0:
        return shape
    error = max(error, 1e-3)
    longest, widest = math.sqrt(8 * error / EARTH_RADIUS), math.sqrt(16 * error / EARTH_RADIUS)

    def chain(coords: np.ndarray) -> np.ndarray:
        coords = _unwrapped(coords)
        points = to_vectors(coords)
        across = np.linalg.norm(np.cross(points[:-1], points[1:]), axis=1)
        angles = np.arctan2(across, (points[:-1] * points[1:]).sum(1))
        turns = np.abs(_short_way(np.diff(coords[:, 0])))
        pieces = np.ceil(np.maximum(angles / longest, np.radians(turns) / widest))
        # Meridians are straight, and edges of half a turn and more have no great circle meant by anybody.
        pieces = np.where((turns > 1e-12) & (turns < 180), np.clip(pieces, 1, _MOST_PIECES), 1).astype(int)
        out: list[np.ndarray] = []
        done = 0
        for i in np.flatnonzero(pieces > 1).tolist():
            t = np.arange(1, pieces[i])[:, None] / pieces[i]
            angle = angles[i]
            arc = np.sin((1 - t) * angle) * points[i] + np.sin(t * angle) * points[i + 1]
            out += [coords[done : i + 1], from_vectors(arc / math.sin(angle), near=coords[i, 0])]
            done = i + 1
        return np.concatenate([*out, coords[done:]])

    return _each_chain(shape, chain)


def _each_chain(shape: BaseGeometry, change: Change) -> BaseGeometry:
    """Return a shape with every ring and line changed; the holes of a polygon stay beside its outer ring."""
    if isinstance(shape, shapely.Polygon):
        if shape.is_empty:
            return shape
        outer = change(shapely.get_coordinates(shape.exterior))
        holes = [change(shapely.get_coordinates(r)) for r in shape.interiors]
        return shapely.Polygon(outer, [_beside(h, outer) for h in holes])
    if isinstance(shape, shapely.LinearRing):
        return shapely.LinearRing(change(shapely.get_coordinates(shape)))
    if isinstance(shape, shapely.LineString):
        return shapely.LineString(change(shapely.get_coordinates(shape)))
    if hasattr(shape, "geoms"):
        return type(shape)([_each_chain(g, change) for g in shape.geoms])
    return shape


def _beside(hole: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Return a hole shifted by whole turns to where its outer ring is."""
    west, east = outer[:, 0].min(), outer[:, 0].max()
    if west <= hole[0, 0] <= east:
        return hole
    shift = 360 * round(((west + east) / 2 - hole[0, 0]) / 360)
    return hole + (shift, 0) if shift and west <= hole[0, 0] + shift <= east else hole


# -- from one CRS to another


def _same_crs(a: str, b: str) -> bool:
    return a.upper() == b.upper() or (is_wgs84(a) and is_wgs84(b))


def transformed(shape: BaseGeometry, source: str, target: str) -> BaseGeometry:
    """Return the shape with its vertices in another CRS; `EEError` when a vertex lies where the target has no
    map, or an edge leads from one end of the map to the other.
    """
    if _same_crs(source, target) or shape.is_empty:
        return shape
    convert = transformer(source, target).transform

    def move(coords: np.ndarray) -> np.ndarray:
        there = np.column_stack(convert(coords[:, 0], coords[:, 1]))
        if not np.isfinite(there).all():
            raise EEError(
                f"Unable to transform the geometry from {source[:60]} to {target[:60]}: it lies outside the "
                "projection's area."
            )
        return there

    there = shapely.transform(shape, move)
    # Longitudes come round again, which those who read them know.
    if not is_wgs84(target) and shapely.get_dimensions(shape) > 0 and _torn(shape, there, move):
        raise EEError(
            f"Unable to transform the geometry from {source[:60]} to {target[:60]}: it lies across the seam "
            "of that projection, where its map is cut open; split the geometry there, or use another "
            "projection."
        )
    return there


def _torn(here: BaseGeometry, there: BaseGeometry, move: Change) -> bool:
    """Whether a short edge joins two ends of the map: its middle then lies at one of them, half the edge
    from the middle of both.
    """
    for before, after in zip(rings_of(here), rings_of(there), strict=True):
        edge = np.abs(np.diff(after[:, 0]))
        long = np.flatnonzero(edge > 0.2 * np.ptp(after[:, 0]))
        if not len(long):
            continue
        middle = move((before[long] + before[long + 1]) / 2)
        off = np.abs(middle[:, 0] - (after[long, 0] + after[long + 1, 0]) / 2)
        if (off > 0.49 * edge[long]).any():
            return True
    return False


_CENTRAL = ("longitude of natural origin", "longitude of false origin", "longitude of projection centre")


@lru_cache(maxsize=256)
def _cut_of(crs: str) -> float | None:
    """Return the longitude at which the map of a CRS is cut open; None for one that is not, such as a polar
    map, and for longitude and latitude, which go on beyond ±180°.
    """
    parsed = parse_crs(crs)
    if parsed.is_geographic:
        return None
    operation = parsed.coordinate_operation
    middle = 0.0
    for parameter in () if operation is None else operation.params:
        if parameter.name.lower() in _CENTRAL:
            middle = math.degrees(float(parameter.value) * parameter.unit_conversion_factor)
    cut = middle + 180.0 if middle <= 0 else middle - 180.0
    latitudes = np.array([-75.0, -45.0, -10.0, 10.0, 45.0, 75.0])
    convert = transformer("EPSG:4326", crs).transform
    far, left, right = (np.stack(convert(np.full(6, cut + step), latitudes)) for step in (-2e-6, -1e-6, 1e-6))
    gap, usual = np.hypot(*(right - left)), np.hypot(*(left - far))
    known = np.isfinite(gap) & np.isfinite(usual)
    return None if known.any() and (gap[known] < 1000 * usual[known]).all() else cut


def _turns(bounds: tuple[float, ...], cut: float) -> tuple[int, int]:
    """Return in which turns of a map, that of index 0 beginning at the cut, longitudes lie."""
    west, _, east, _ = bounds
    first = math.floor((west - cut + _HAIR) / 360)
    return first, max(first, math.ceil((east - cut - _HAIR) / 360) - 1)


def crosses_cut(geometry: Geometry, crs: str) -> bool:
    """Whether a geometry lies on both sides of the meridian at which the map of a CRS is cut open."""
    cut = _cut_of(crs)
    if cut is None or geometry.is_empty or not np.isfinite(geometry.shape.bounds).all():
        return False
    shape = geometry.shape
    if not is_wgs84(geometry.crs):
        shape = _each_chain(transformed(shape, geometry.crs, "EPSG:4326"), _unwrapped)
    elif geometry.geodesic:
        shape = _each_chain(shape, _unwrapped)
    first, last = _turns(shape.bounds, cut)
    return first != last


def _across(shape: BaseGeometry, crs: str, cut: float) -> BaseGeometry:
    """Return a shape of longitudes and latitudes on a map that is cut open: what lies beyond the cut comes
    in again at the other end.
    """
    if isinstance(shape, shapely.GeometryCollection):
        return shapely.GeometryCollection([_across(g, crs, cut) for g in shape.geoms if not g.is_empty])
    first, last = _turns(shape.bounds, cut)
    dimensions = shapely.get_dimensions(shape)
    parts: list[BaseGeometry] = []
    for turn in range(first, last + 1):
        west = cut + 360 * turn
        part = shape if first == last else shape.intersection(shapely.box(west, -91, west + 360, 91))
        # Which end of the map the cut itself belongs to is a matter of rounding: stay a hair inside.
        part = shapely.transform(
            part,
            lambda c, west=west: np.column_stack(
                [np.clip(c[:, 0] - west, _HAIR, 360 - _HAIR) + (cut if cut < 0 else cut - 360), c[:, 1]]
            ),
        )
        parts += [p for p in shapely.get_parts(part) if shapely.get_dimensions(p) == dimensions]
    parts = [transformed(p, "EPSG:4326", crs) for p in parts]
    if len(parts) == 1:
        return parts[0]
    return {1: shapely.MultiLineString, 2: shapely.MultiPolygon}[int(dimensions)](parts)


# -- geometries


def _straight(shape: BaseGeometry, crs: str, error: float) -> BaseGeometry:
    """Return a shape whose straight edges are cut so that they follow their course in another CRS.

    A straight line in one CRS bends in another by about (length)² / (8 R) × tan(latitude).
    """
    step = math.sqrt(8 * EARTH_RADIUS * max(error, 1e-3)) / 2
    unit = Projection(crs).unit_meters
    step = math.degrees(step / EARTH_RADIUS) if parse_crs(crs).is_geographic else step / unit
    left, bottom, right, top = shape.bounds
    longest = max(right - left, top - bottom)
    return shapely.segmentize(shape, max(step, longest / _MOST_PIECES)) if longest > step else shape


def _no_inside(what: str) -> UnsupportedAlgorithmError:
    return UnsupportedAlgorithmError("Geometry", f"of a polygon {what} around a pole is not worked with here")


def as_lonlat(geometry: Geometry, error: float = DEFAULT_ERROR) -> BaseGeometry:
    """Return the shape in longitude and latitude, so densely that its edges may be taken for geodesics within
    `error` metres; `UnsupportedAlgorithmError` for a polygon whose geodesic edges lead around a pole:
    longitude and latitude show no inside for it.
    """
    shape = geometry.shape
    if shape.is_empty:
        return shape
    flat = shapely.get_dimensions(shape) == 0
    if is_wgs84(geometry.crs):
        if flat:
            return geometry.sound
        if geometry.geodesic:
            if any(around_pole(r) for r in rings_of(shape)):
                raise _no_inside("with geodesic edges")
            return Geometry(_each_chain(shape, _unwrapped)).sound
        shape = geometry.sound
        left, _, right, _ = shape.bounds
        step = math.degrees(math.sqrt(16.0 * max(error, 1e-3) / EARTH_RADIUS))
        return shape if right - left <= step else shapely.segmentize(shape, step)
    shape = geometry.sound
    if not flat and not geometry.geodesic:
        shape = _straight(shape, geometry.crs, error)
    return transformed(shape, geometry.crs, "EPSG:4326")


def on_plane(geometry: Geometry, crs: str, error: float = REGION_ERROR) -> BaseGeometry:
    """Return a geometry's shape on the plane of a CRS, so densely that edges may be taken for straight there
    within about `error` metres.

    Where the CRS is longitude and latitude, what lies across the antimeridian goes on beyond 180°; on a map
    that is cut open it lies in parts at both ends.

    Raises
    ------
    EEError
        When the plane does not show the whole geometry.
    UnsupportedAlgorithmError
        For a polygon around a pole on a plane that shows no inside for it.
    """
    source, shape = geometry.crs, geometry.shape
    if shape.is_empty or shapely.get_dimensions(shape) == 0:
        return transformed(shape, source, crs)
    cut, flat = _cut_of(crs), parse_crs(crs).is_geographic
    if geometry.geodesic:
        if not parse_crs(source).is_geographic:
            shape, source = transformed(shape, source, "EPSG:4326"), "EPSG:4326"
        shape = along_geodesics(shape, error)
        rings = rings_of(shape)
        polar = any(around_pole(r) for r in rings)
        if polar and (flat or cut is not None):
            raise _no_inside("with geodesic edges")
        if polar or (cut is None and not flat and any(np.ptp(r[:, 0]) >= 360 for r in rings)):
            return Geometry(
                transformed(shape, source, crs)
            ).sound  # a polar map, on which meridians are straight
    if _same_crs(source, crs):
        return Geometry(shape).sound
    shape = _straight(Geometry(shape).sound, source, error)
    if cut is None and not flat:
        return transformed(shape, source, crs)
    lonlat = shape
    if not is_wgs84(source):
        lonlat = _each_chain(transformed(shape, source, "EPSG:4326"), _unwrapped)
        if any(around_pole(r) for r in rings_of(lonlat)):
            raise _no_inside("drawn on another map")
    if cut is None:
        return lonlat if is_wgs84(crs) else transformed(shape, source, crs)
    natural = -1 if cut > 0 else 0
    if _turns(lonlat.bounds, cut) == (natural, natural):
        return transformed(shape, source, crs)
    return _across(Geometry(lonlat).sound, crs, cut)


def in_projection(geometry: Geometry, projection: Projection, error: float = DEFAULT_ERROR) -> BaseGeometry:
    """Return the shape in the coordinates of a projection, its transform included, so densely that edges
    are straight there.
    """
    shape = on_plane(geometry, projection.crs, error)
    if projection.transform == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0):
        return shape
    return in_pixels(shape, projection)


def in_pixels(shape: BaseGeometry, projection: Projection) -> BaseGeometry:
    """Return a shape on the plane of a projection's CRS in its pixels, (column, row)."""
    return shapely.transform(
        shape, lambda c: np.column_stack(to_pixels(projection.transform, c[:, 0], c[:, 1]))
    )


def on_map(shape: BaseGeometry, projection: Projection) -> BaseGeometry:
    """Return a shape in the pixels of a projection, (column, row), on the plane of its CRS."""
    return shapely.transform(shape, lambda c: np.column_stack(moved(projection.transform, c[:, 0], c[:, 1])))


def planar_geojson(geometry: Geometry | None) -> dict[str, Any] | None:
    """Return a geometry as GeoJSON in longitude and latitude; None stays None."""
    if geometry is None:
        return None
    shape = geometry.shape if is_wgs84(geometry.crs) else on_plane(geometry, "EPSG:4326")
    return json.loads(json.dumps(mapping(shape)))
