"""Set operations, relations and distances of two geometries."""

from __future__ import annotations

from typing import Any

import shapely

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.geo import overlays, planes
from smgee.eelocal.ops.geometry import meters
from smgee.eelocal.values.errormargin import ErrorMargin
from smgee.eelocal.values.geometry import UNBOUNDED_GEOMETRY, Geometry
from smgee.eelocal.values.plane import DEFAULT_ERROR
from smgee.eelocal.values.projection import Projection


def _overlay(name: str, operation: Any) -> None:
    def run(
        left: Geometry, right: Geometry, maxError: ErrorMargin | None, proj: Projection | None
    ) -> Geometry:
        if left.unbounded or right.unbounded:
            return _with_everything(name, left, right)
        return overlays.overlay(left, right, operation, error=meters(maxError, proj), projection=proj)

    algorithm(f"Geometry.{name}")(run)


def _with_everything(name: str, left: Geometry, right: Geometry) -> Geometry:
    """Return a set operation in which one side is unbounded."""
    empty = Geometry(shapely.GeometryCollection())
    if name == "union":
        return UNBOUNDED_GEOMETRY
    if name == "intersection":
        return right if left.unbounded else left
    if right.unbounded:
        return (
            empty
            if name == "difference"
            else overlays.overlay(UNBOUNDED_GEOMETRY, left, shapely.difference)
            if not left.unbounded
            else empty
        )
    return overlays.overlay(UNBOUNDED_GEOMETRY, right, shapely.difference)


for _name, _operation in {
    "intersection": shapely.intersection,
    "union": shapely.union,
    "difference": shapely.difference,
    "symmetricDifference": shapely.symmetric_difference,
}.items():
    _overlay(_name, _operation)


# Relations that an empty geometry has with nothing.
RELATIONS: dict[str, Any] = {
    "intersects": shapely.intersects,
    "disjoint": shapely.disjoint,
    "contains": shapely.covers,
    "containedIn": shapely.covered_by,
}


def relate(
    name: str,
    left: Geometry,
    right: Geometry,
    *,
    error: float = DEFAULT_ERROR,
    projection: Projection | None = None,
) -> bool:
    """Return whether a relation holds: intersects, disjoint, contains or containedIn."""
    if left.is_empty or right.is_empty:
        return name == "disjoint"
    if left.unbounded or right.unbounded:
        return {
            "intersects": True,
            "disjoint": False,
            "contains": left.unbounded,
            "containedIn": right.unbounded,
        }[name]
    if projection is None and overlays.far_apart(left, right):
        return name == "disjoint"
    return overlays.predicate(left, right, RELATIONS[name], error=error, projection=projection)


def _relation(name: str) -> None:
    def run(left: Geometry, right: Geometry, maxError: ErrorMargin | None, proj: Projection | None) -> bool:
        return relate(name, left, right, error=meters(maxError, proj), projection=proj)

    algorithm(f"Geometry.{name}")(run)


for _name in RELATIONS:
    _relation(_name)


@algorithm("Geometry.withinDistance")
def within_distance(
    left: Geometry, right: Geometry, distance: float, maxError: ErrorMargin | None, proj: Projection | None
) -> bool:
    """Whether the geometries are no farther apart than a distance."""
    if left.unbounded or right.unbounded:
        return True
    found = planes.distance_of(left, right, error=meters(maxError, proj), projection=proj)
    return found is not None and found <= distance


@algorithm("Geometry.closestPoint")
def closest_point(
    left: Geometry, right: Geometry, maxError: ErrorMargin | None, proj: Projection | None
) -> Geometry | None:
    """Return the point of the right geometry that is nearest to the left one."""
    points = planes.nearest(left, right, error=meters(maxError, proj), projection=proj)
    return None if points is None else points[1]


@algorithm("Geometry.closestPoints")
def closest_points(
    left: Geometry, right: Geometry, maxError: ErrorMargin | None, proj: Projection | None
) -> dict[str, Geometry]:
    """Return the two points that are nearest to each other."""
    points = planes.nearest(left, right, error=meters(maxError, proj), projection=proj)
    return {} if points is None else {"left": points[0], "right": points[1]}
