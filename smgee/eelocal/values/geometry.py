"""Geometries and features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from smgee.eelocal.errors import EEError


@dataclass(frozen=True)
class Geometry:
    """A geometry in a CRS: `shape` holds (x, y) in `crs`, longitude first when geographic.

    `geodesic` says whether edges are geodesics rather than straight in `crs`. `unbounded` marks the geometry
    of what is everywhere; its shape is then the whole world in longitude and latitude. Polygons are kept as
    given; `sound` is their even- odd area.
    """

    shape: BaseGeometry
    crs: str = "EPSG:4326"
    geodesic: bool = True
    unbounded: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether this holds no point."""
        return bool(self.shape.is_empty)

    @property
    def sound(self) -> BaseGeometry:
        """The shape, made valid: rings that cross themselves by the even-odd rule, parts that overlap by
        their union.
        """
        if self.shape.is_valid:
            return self.shape
        if hasattr(self.shape, "geoms"):
            return shapely.unary_union([Geometry(g, self.crs, self.geodesic).sound for g in self.shape.geoms])
        return shapely.make_valid(self.shape, method="linework")

    @property
    def type(self) -> str:
        """The GeoJSON type, or ``LinearRing``."""
        return str(self.shape.geom_type)


UNBOUNDED_GEOMETRY = Geometry(shapely.box(-180.0, -90.0, 180.0, 90.0), geodesic=False, unbounded=True)


@dataclass(frozen=True)
class Feature:
    """A geometry (or none) with properties; `id` becomes ``system:index``."""

    geometry: Geometry | None
    properties: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None


def is_wgs84(crs: str) -> bool:
    """Whether coordinates are longitude and latitude on WGS 84."""
    return crs.upper() in ("EPSG:4326", "CRS:84", "OGC:CRS84")


def coordinates_of(shape: Any) -> Any:
    """Return GeoJSON coordinates: rings are closed."""
    if isinstance(shape, shapely.Point):
        return [] if shape.is_empty else [float(v) for v in shape.coords[0][:2]]
    if isinstance(shape, shapely.Polygon):
        return (
            []
            if shape.is_empty
            else [
                [[float(v) for v in c[:2]] for c in ring.coords]
                for ring in (shape.exterior, *shape.interiors)
            ]
        )
    if isinstance(shape, shapely.LineString):
        return [[float(v) for v in c[:2]] for c in shape.coords]
    return [coordinates_of(g) for g in shape.geoms]


def from_geojson(data: Mapping[str, Any]) -> Geometry:
    """Return a GeoJSON geometry, with Earth Engine's ``geodesic`` and ``crs`` members; `EEError` when it is
    none.
    """
    crs = data.get("crs")
    if isinstance(crs, Mapping):
        crs = crs.get("properties", {}).get("name")
    code = "EPSG:4326" if not isinstance(crs, str) else crs
    geodesic = data.get("geodesic")
    try:
        if data.get("type") == "LinearRing":
            shape: BaseGeometry = shapely.LinearRing(data["coordinates"])
        elif data.get("type") == "GeometryCollection":
            shape = shapely.GeometryCollection([from_geojson(g).shape for g in data["geometries"]])
        else:
            shape = shapely.geometry.shape(data)
    except (KeyError, TypeError, ValueError, AttributeError, shapely.errors.ShapelyError) as error:
        raise EEError(f"Invalid GeoJSON geometry: {error}.") from error
    return Geometry(shapely.force_2d(shape), code, is_wgs84(code) if geodesic is None else bool(geodesic))
