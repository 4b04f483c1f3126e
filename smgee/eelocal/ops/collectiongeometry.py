"""``Collection.geometry``, ``bounds``, ``union``."""

from __future__ import annotations

import shapely

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.geo import geodesy, overlays
from smgee.eelocal.ops.geometry import meters
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.element import element_geometry
from smgee.eelocal.values.errormargin import ErrorMargin
from smgee.eelocal.values.geometry import UNBOUNDED_GEOMETRY, Feature, Geometry
from smgee.eelocal.values.projection import Projection


def geometries_of(collection: Collection) -> list[Geometry]:
    """Return the geometries of all elements that have one."""
    shapes = []
    for element in collection:
        if isinstance(element, Collection):
            shapes.append(collect_geometry(element))
            continue
        shape = element_geometry(element)
        if shape is not None and not shape.is_empty:
            shapes.append(shape)
    return shapes


def collect_geometry(collection: Collection) -> Geometry:
    """Put the geometries of a collection together, without dissolving them; `EEError` when they differ in
    projection or in the kind of edges.
    """
    shapes = geometries_of(collection)
    if any(g.unbounded for g in shapes):
        return UNBOUNDED_GEOMETRY
    if not shapes:
        return Geometry(shapely.MultiPoint())
    if len(shapes) == 1:
        return shapes[0]
    flat = [g for g in shapes if shapely.get_dimensions(g.shape) > 0] or shapes[:1]
    if len({g.crs for g in shapes}) > 1 or len({g.geodesic for g in flat}) > 1:
        raise EEError(
            "All the geometries of the collection must share the projection and the kind of edges; transform "
            "them first."
        )
    parts = [p for g in shapes for p in _parts(g.shape)]
    kinds = {type(p) for p in parts}
    if kinds == {shapely.Point}:
        joined = shapely.MultiPoint(parts)
    elif kinds == {shapely.Polygon}:
        joined = shapely.MultiPolygon(parts)
    elif kinds == {shapely.LineString}:
        joined = shapely.MultiLineString(parts)
    else:
        joined = shapely.GeometryCollection(parts)
    return Geometry(joined, shapes[0].crs, flat[0].geodesic)


def _parts(shape: shapely.Geometry) -> list[shapely.Geometry]:
    return [p for g in shape.geoms for p in _parts(g)] if hasattr(shape, "geoms") else [shape]


@algorithm("Collection.geometry")
def geometry(collection: Collection, maxError: ErrorMargin) -> Geometry:
    """Return the geometries together."""
    return collect_geometry(collection)


@algorithm("Collection.bounds")
def bounds(collection: Collection, maxError: ErrorMargin, proj: Projection) -> Geometry:
    """Return the bounding rectangle of all elements."""
    boxes = [
        geodesy.bounds_of(g, error=meters(maxError, proj), projection=proj) for g in geometries_of(collection)
    ]
    if any(b.unbounded for b in boxes):
        return UNBOUNDED_GEOMETRY
    return geodesy.bounds_of(
        Geometry(shapely.GeometryCollection([b.shape for b in boxes]), proj.crs, False), projection=proj
    )


@algorithm("Collection.union")
def union(collection: Collection, maxError: ErrorMargin | None) -> Collection:
    """Return one feature with the union of all geometries."""
    return Collection(
        lambda: [
            Feature(overlays.union_all(geometries_of(collection), error=meters(maxError)), {}, "union_result")
        ]
    )
