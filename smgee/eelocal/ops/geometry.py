"""``Geometry.*`` of one geometry: descriptions, measures, and geometries made of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import shapely

from smgee.eelocal.engine.registry import algorithm, algorithms
from smgee.eelocal.errors import EEError
from smgee.eelocal.geo import geodesy, overlays, planes
from smgee.eelocal.ops.geometry_constructors import make
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.errormargin import ErrorMargin
from smgee.eelocal.values.geometry import Feature, Geometry, coordinates_of, is_wgs84
from smgee.eelocal.values.plane import DEFAULT_ERROR, as_lonlat, in_projection, on_map
from smgee.eelocal.values.projection import Projection
from smgee.eelocal.values.size import check_size


def meters(margin: ErrorMargin | None, projection: Projection | None = None) -> float:
    """Return an error margin in metres, the default for none."""
    if margin is None:
        return DEFAULT_ERROR
    return margin.meters(1.0 if projection is None else projection.unit_meters) or 1e-3


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


@algorithm("Geometry.projection")
def projection(geometry: Geometry) -> Projection:
    """Return the projection of the coordinates."""
    return Projection(geometry.crs)


@algorithm("Geometry.distance")
def distance(
    left: Geometry, right: Geometry, maxError: ErrorMargin | None, proj: Projection | None, spherical: bool
) -> float | None:
    """Return the least distance."""
    return planes.distance_of(left, right, error=meters(maxError, proj), projection=proj, spherical=spherical)


@algorithm(
    "Geometry.buffer",
    approximate="round parts have as few vertices as maxError allows, by default 1 % of the distance: the "
    "service's are not documented, and areas differ by up to 2 %",
)
def buffer(
    geometry: Geometry, distance: float, maxError: ErrorMargin | None, proj: Projection | None
) -> Geometry:
    """Return what lies within a distance."""
    if geometry.unbounded:
        return geometry
    return planes.buffer_of(
        geometry, distance, error=None if maxError is None else maxError.value, projection=proj
    )


@algorithm("Geometry.centroid")
def centroid(geometry: Geometry, maxError: ErrorMargin | None, proj: Projection | None) -> Geometry:
    """Return the centre."""
    if geometry.unbounded:
        raise EEError("The geometry is unbounded.")
    return planes.centroid_of(geometry, error=meters(maxError, proj), projection=proj)


@algorithm("Geometry.simplify")
def simplify(geometry: Geometry, maxError: ErrorMargin, proj: Projection | None) -> Geometry:
    """Return the geometry with fewer vertices."""
    margin = maxError.value if proj is not None and maxError.unit == "projected" else maxError.meters(1.0)
    if proj is not None and maxError.unit != "projected":
        margin = maxError.meters(1.0) / proj.unit_meters
    return planes.simplify_of(geometry, margin or 0.0, projection=proj)


@algorithm("Geometry.transform")
def transform(
    geometry: Geometry, proj: Projection, maxError: ErrorMargin | None, geodesic: bool | None
) -> Geometry:
    """Return the geometry in another projection."""
    keep = is_wgs84(proj.crs) and (geometry.geodesic if geodesic is None else geodesic)
    error = meters(maxError, proj)
    if keep:
        return Geometry(as_lonlat(geometry, error), proj.crs, True)
    if is_wgs84(geometry.crs) and is_wgs84(proj.crs) and not geometry.geodesic:
        return Geometry(geometry.shape, proj.crs, False)
    return Geometry(in_projection(geometry, Projection(proj.crs), error), proj.crs, False)


@algorithm("Geometry.cutLines")
def cut_lines(
    geometry: Geometry, distances: list[float], maxError: ErrorMargin | None, proj: Projection | None
) -> Geometry:
    """Cut lines at distances along each."""
    error = meters(maxError, proj)
    shape = as_lonlat(geometry, error) if proj is None else in_projection(geometry, proj, error)
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
    shape = in_projection(geometry, proj)

    def cells() -> list[Feature]:
        if shape.is_empty:
            return []
        left, bottom, right, top = shape.bounds
        check_size((right - left + 1.0) * (top - bottom + 1.0))
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


algorithms(
    {
        "Geometry.coordinates": lambda geometry: coordinates_of(geometry.shape),
        "Geometry.type": lambda geometry: geometry.type,
        "Geometry.isUnbounded": lambda geometry: geometry.unbounded,
    }
)


def _measured(name: str, compute: Callable[..., Any]) -> None:
    def measure(geometry: Geometry, maxError: ErrorMargin | None, proj: Projection | None) -> Any:
        return compute(geometry, error=meters(maxError, proj), projection=proj)

    algorithm(f"Geometry.{name}")(measure)


_measured("area", geodesy.area_of)
_measured("length", geodesy.length_of)
_measured("perimeter", geodesy.perimeter_of)
_measured("bounds", geodesy.bounds_of)
_measured("convexHull", partial(overlays.reshape, operation=shapely.convex_hull))
_measured("dissolve", partial(overlays.reshape, operation=shapely.unary_union))
