"""Areas, lengths and extents of geometries, on the ellipsoid WGS 84 or in a projection.

Geodesics are those of Karney 2013, doi:10.1007/s00190-012-0578-z, through PROJ.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from smgee.eelocal.values.geometry import Geometry, is_wgs84
from smgee.eelocal.values.plane import (
    DEFAULT_ERROR,
    around_pole,
    as_lonlat,
    in_projection,
    rings_of,
)
from smgee.eelocal.values.projection import Projection

EARTH_AREA = 510_065_621_724_088.44  # m², the ellipsoid WGS 84 (Karney 2013, equation 63)


@lru_cache(maxsize=1)
def ellipsoid() -> Any:
    """Return the WGS 84 ellipsoid, for geodesics."""
    from pyproj import Geod

    return Geod(ellps="WGS84")


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
