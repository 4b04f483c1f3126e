"""Values to JSON, as ``value:compute`` answers them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import shapely

from smgee.eelocal.context import Context
from smgee.eelocal.errors import EEError
from smgee.eelocal.model.array import Array
from smgee.eelocal.model.collection import Collection
from smgee.eelocal.model.confusion import ConfusionMatrix
from smgee.eelocal.model.date import UNBOUNDED, Date, DateRange
from smgee.eelocal.model.errormargin import ErrorMargin
from smgee.eelocal.model.filter import Filter
from smgee.eelocal.model.function import Function
from smgee.eelocal.model.geometry import Feature, Geometry, is_wgs84
from smgee.eelocal.model.image import Image
from smgee.eelocal.model.kernel import Kernel
from smgee.eelocal.model.pixeltype import PixelType
from smgee.eelocal.model.projection import Projection
from smgee.eelocal.model.reducer import Reducer
from smgee.eelocal.values import type_name

__all__ = ["encode_feature", "encode_geometry", "encode_number", "encode_value"]


def encode_value(value: Any, context: Context) -> Any:
    """Return a value as JSON.

    Whole numbers are written without a fraction; infinities and NaN as ``Infinity``, ``-Infinity`` and
    ``NaN`` strings, since JSON has no number for them.

    Raises
    ------
    EEError
        For a collection of more elements than the limit, or a value that has no JSON form.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float, np.generic)):
        return encode_number(value)
    if isinstance(value, (list, tuple)):
        return [encode_value(v, context) for v in value]
    if isinstance(value, dict):
        return {k: encode_value(v, context) for k, v in value.items()}
    for kind, encode in _ENCODERS:
        if isinstance(value, kind):
            return encode(value, context)
    describe = getattr(value, "describe", None)
    if describe is not None:
        return describe()
    raise EEError(f"A value of type {type_name(value)} can't be sent to the client.")


def encode_number(value: Any) -> int | float | str:
    """Return a number as JSON has it."""
    number = value.item() if isinstance(value, np.generic) else value
    if isinstance(number, float):
        if math.isnan(number):
            return "NaN"
        if math.isinf(number):
            return "Infinity" if number > 0 else "-Infinity"
        return int(number) if number.is_integer() and abs(number) < 2**63 else number
    return int(number)


def encode_geometry(geometry: Geometry) -> dict[str, Any]:
    """Return GeoJSON, with ``geodesic`` where edges are straight in the projection and ``crs`` where it is
    not WGS 84.
    """
    info: dict[str, Any] = {"type": geometry.type}
    if isinstance(geometry.shape, shapely.GeometryCollection):
        info["geometries"] = [
            encode_geometry(Geometry(g, geometry.crs, geometry.geodesic)) for g in geometry.shape.geoms
        ]
    else:
        info["coordinates"] = _plain(_coordinates(geometry.shape))
    if not is_wgs84(geometry.crs):
        info["crs"] = {"type": "name", "properties": {"name": geometry.crs}}
    if not geometry.geodesic and shapely.get_dimensions(geometry.shape) > 0:
        info["geodesic"] = False
    return info


def _coordinates(shape: Any) -> Any:
    from smgee.eelocal.ops.geometry import coordinates_of

    return coordinates_of(shape)


def _plain(value: Any) -> Any:
    return [_plain(v) for v in value] if isinstance(value, list) else encode_number(value)


def encode_feature(feature: Feature, context: Context) -> dict[str, Any]:
    """Return GeoJSON of a feature."""
    info: dict[str, Any] = {
        "type": "Feature",
        "geometry": None if feature.geometry is None else encode_geometry(feature.geometry),
    }
    if feature.id is not None:
        info["id"] = feature.id
    info["properties"] = {k: encode_value(v, context) for k, v in feature.properties.items()}
    return info


def _collection(collection: Collection, context: Context) -> dict[str, Any]:
    limit = context.limits.elements
    elements = collection.elements
    if len(elements) > limit:
        raise EEError(f"Collection query aborted after accumulating over {limit} elements.")
    images = all(isinstance(e, Image) for e in elements) if elements else collection.kind == "ImageCollection"
    info: dict[str, Any] = (
        {"type": "ImageCollection", "bands": []}
        if images
        else {"type": "FeatureCollection", "columns": _columns(elements)}
    )
    if collection.id is not None:
        info["id"] = collection.id
    if collection.version is not None:
        info["version"] = collection.version
    properties = {k: encode_value(v, context) for k, v in collection.properties.items() if v is not None}
    if properties:
        info["properties"] = properties
    if elements or not images:
        info["features"] = [encode_value(e, context) for e in elements]
    return info


def _columns(elements: list[Any]) -> dict[str, str]:
    """Return the property types of the first feature, which stands for the collection."""
    first = next((e for e in elements if isinstance(e, Feature)), None)
    if first is None:
        return {}
    names = {k: type_name(v) for k, v in first.properties.items() if v is not None}
    if first.id is not None:
        names["system:index"] = "String"
    return dict(sorted(names.items()))


def _date_range(value: DateRange, context: Context) -> dict[str, Any]:
    if value == UNBOUNDED:
        return {"type": "DateRange"}
    return {"type": "DateRange", "dates": [encode_number(value.start), encode_number(value.end)]}


def _array(value: Array, context: Context) -> Any:
    nested = value.tolist()
    return encode_value(nested, context)


def _function(value: Function, context: Context) -> dict[str, Any]:
    return {
        "type": "Algorithm",
        "args": [{"name": n, "type": "Object"} for n in value.argument_names],
        "returns": "Object",
    }


_ENCODERS: tuple[tuple[type, Callable[[Any, Context], Any]], ...] = (
    (Array, _array),
    (Date, lambda v, c: {"type": "Date", "value": encode_number(v.ms)}),
    (DateRange, _date_range),
    (Geometry, lambda v, c: encode_geometry(v)),
    (Feature, encode_feature),
    (Collection, _collection),
    (Image, lambda v, c: encode_value(v.describe(c), c)),
    (PixelType, lambda v, c: encode_value(v.describe(), c)),
    (Projection, lambda v, c: encode_value(v.describe(), c)),
    (ErrorMargin, lambda v, c: encode_value(v.describe(), c)),
    (ConfusionMatrix, lambda v, c: encode_value(v.counts.tolist(), c)),
    (Kernel, lambda v, c: encode_value(v.describe(), c)),
    (Reducer, lambda v, c: {"type": "Reducer", "name": f"Reducer.{v.name}", "outputs": list(v.outputs)}),
    (Filter, lambda v, c: {"type": f"Filter.{v.description}"}),
    (Function, _function),
)
