"""Random points on the sphere."""

from __future__ import annotations

import numpy as np
import shapely

from smgee.eelocal.values.geometry import Geometry
from smgee.eelocal.values.plane import DEFAULT_ERROR, along_geodesics, as_lonlat


def scatter(region: Geometry, count: int, seed: int) -> list[shapely.Point]:
    """Return points in a region, uniform by area, along lines by length, or among its points.

    The same seed gives the same points.
    """
    generator = np.random.default_rng(seed)
    shape = along_geodesics(as_lonlat(region), DEFAULT_ERROR)
    dimensions = int(shapely.get_dimensions(shape))
    if shape.is_empty or count == 0:
        return []
    if dimensions == 0:
        parts = shapely.get_parts(shape)
        return [parts[i] for i in generator.integers(0, len(parts), count)]
    if dimensions == 1:
        return (
            [shape.interpolate(t, normalized=True) for t in generator.random(count)]
            if hasattr(shape, "interpolate")
            else []
        )
    left, bottom, right, top = shape.bounds
    shapely.prepare(shape)
    low, high = np.sin(np.radians([bottom, top]))
    found: list[shapely.Point] = []
    while len(found) < count:
        # Uniform on the sphere: longitude and the sine of latitude.
        lon = generator.uniform(left, right, 4 * count)
        lat = np.degrees(np.arcsin(generator.uniform(low, high, 4 * count)))
        inside = shapely.contains_xy(shape, lon, lat)
        found.extend(shapely.points(lon[inside], lat[inside]).tolist())
    return found[:count]
