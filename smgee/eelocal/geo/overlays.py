"""Set operations and relations of geometries on the sphere.

They run in a gnomonic projection, in which great circles are straight, so polygons with geodesic edges are
treated exactly; edges that are straight in another projection are densified first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from smgee.eelocal.values.geometry import Geometry, is_wgs84
from smgee.eelocal.values.plane import (
    DEFAULT_ERROR,
    along_geodesics,
    as_lonlat,
    from_vectors,
    in_projection,
    to_vectors,
)
from smgee.eelocal.values.projection import Projection

_WIDEST = math.radians(60.0)  # gnomonic frames are not used beyond this angular radius


Overlay = Callable[[BaseGeometry, BaseGeometry], BaseGeometry]


class Frame:
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
    frame = Frame(a, b)
    if frame.usable:
        return Geometry(tidy(frame.back(operation(valid(frame.forward(a)), valid(frame.forward(b))))))
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
    frame = Frame(a, b)
    if frame.usable:
        return bool(test(valid(frame.forward(a)), valid(frame.forward(b))))
    return bool(test(along_geodesics(a, error), along_geodesics(b, error)))


def valid(shape: BaseGeometry) -> BaseGeometry:
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


def union_all(geometries: Sequence[Geometry], *, error: float = DEFAULT_ERROR) -> Geometry:
    """Return the union of geometries on the sphere."""
    solid = [g for g in geometries if not g.is_empty]
    if not solid:
        return Geometry(shapely.GeometryCollection())
    shapes = [as_lonlat(g, error) for g in solid]
    frame = Frame(*shapes)
    if frame.usable:
        return Geometry(tidy(frame.back(shapely.unary_union([valid(frame.forward(s)) for s in shapes]))))
    return Geometry(tidy(shapely.unary_union([along_geodesics(s, error) for s in shapes])), geodesic=False)
