"""How values become the types that the signatures ask for. Images and reducers register theirs beside
their algorithms.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from smgee.eelocal.engine.coerce import coercion
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.collectiongeometry import collect_geometry
from smgee.eelocal.ops.filter import parse_filter
from smgee.eelocal.ops.projection import parse_projection
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.date import Date, DateRange, parse_iso
from smgee.eelocal.values.errormargin import ErrorMargin
from smgee.eelocal.values.filter import Filter
from smgee.eelocal.values.function import Function
from smgee.eelocal.values.geometry import UNBOUNDED_GEOMETRY, Feature, Geometry, from_geojson
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.number import Long, is_number
from smgee.eelocal.values.pixeltype import PixelType, parse_type
from smgee.eelocal.values.projection import WGS84_DEFAULT, Projection


@coercion("Number")
def _number(value: Any) -> Any:
    if is_number(value):
        return value
    if isinstance(value, bool):
        return Long(value)
    if isinstance(value, Array) and value.values.ndim == 0:
        return value.values.item()
    return NotImplemented


@coercion("Float")
def _float(value: Any) -> Any:
    number = _number(value)
    return NotImplemented if number is NotImplemented else float(number)


@coercion("Integer", "Long")
def _integer(value: Any) -> Any:
    number = _number(value)
    if number is NotImplemented or isinstance(number, int):
        return number
    if math.isfinite(number) and number.is_integer():
        return int(number)
    return NotImplemented


@coercion("String")
def _string(value: Any) -> Any:
    return value if isinstance(value, str) else NotImplemented


@coercion("Boolean")
def _boolean(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    return value != 0 if is_number(value) else NotImplemented


@coercion("List")
def _list(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return list(value)
    return NotImplemented


@coercion("Dictionary")
def _dictionary(value: Any) -> Any:
    return value if isinstance(value, dict) else NotImplemented


@coercion("Array")
def _array(value: Any) -> Any:
    if isinstance(value, Array):
        return value
    if is_number(value):
        return Array(np.asarray(Array([value]).values[0]))
    return Array(value) if isinstance(value, list) else NotImplemented


@coercion("PixelType")
def _pixel_type(value: Any) -> Any:
    return parse_type(value) if isinstance(value, (PixelType, str, dict)) else NotImplemented


@coercion("Projection")
def _projection(value: Any) -> Any:
    if isinstance(value, Projection):
        return value
    if isinstance(value, str):
        return parse_projection(value)
    if isinstance(value, dict) and value.get("type") == "Projection":
        return Projection(value.get("crs") or value["wkt"]).with_transform(
            value.get("transform", WGS84_DEFAULT.transform)
        )
    return NotImplemented


@coercion("ErrorMargin")
def _error_margin(value: Any) -> Any:
    if isinstance(value, ErrorMargin):
        return value
    if is_number(value):
        return ErrorMargin.of(float(value), "meters")
    if isinstance(value, dict) and value.get("type") == "ErrorMargin":
        return ErrorMargin.of(value.get("value"), value.get("unit", "meters"))
    return NotImplemented


@coercion("Geometry", "Rectangle")
def _geometry(value: Any) -> Any:
    if isinstance(value, Geometry):
        return value
    if isinstance(value, Feature):
        if value.geometry is None:
            raise EEError("The feature has no geometry.")
        return value.geometry
    if isinstance(value, Collection):
        return collect_geometry(value)
    if isinstance(value, Image):
        if value.footprint is None:
            return UNBOUNDED_GEOMETRY
        return value.footprint
    if isinstance(value, dict) and "type" in value:
        return from_geojson(value)
    return NotImplemented


@coercion("Element")
def _element(value: Any) -> Any:
    if isinstance(value, (Feature, Image, Collection)):
        return value
    return Feature(value) if isinstance(value, Geometry) else NotImplemented


@coercion("Feature")
def _feature(value: Any) -> Any:
    if isinstance(value, Feature):
        return value
    return Feature(value) if isinstance(value, Geometry) else NotImplemented


@coercion("FeatureCollection")
def _feature_collection(value: Any) -> Any:
    if isinstance(value, Collection):
        return value
    if isinstance(value, Geometry):
        value = Feature(value)
    if isinstance(value, (Feature, Image)):
        return Collection(lambda: [value], kind="FeatureCollection")
    return NotImplemented


@coercion("ImageCollection")
def _image_collection(value: Any) -> Any:
    if isinstance(value, Collection):
        return value
    if isinstance(value, Image):
        return Collection(lambda: [value], kind="ImageCollection")
    return NotImplemented


@coercion("Date")
def _date(value: Any) -> Any:
    if isinstance(value, Date):
        return value
    if is_number(value):
        return Date(float(value))
    return Date(parse_iso(value)) if isinstance(value, str) else NotImplemented


@coercion("DateRange")
def _date_range(value: Any) -> Any:
    if isinstance(value, DateRange):
        return value
    start = _date(value)
    return NotImplemented if start is NotImplemented else DateRange(start.ms, start.ms + 1)


@coercion("Algorithm")
def _algorithm(value: Any) -> Any:
    return value if isinstance(value, Function) else NotImplemented


@coercion("Filter")
def _filter(value: Any) -> Any:
    if isinstance(value, Filter):
        return value
    if isinstance(value, str):
        return parse_filter(value)
    return NotImplemented
