"""Values to JSON, as ``value:compute`` answers them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import shapely

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.common import type_name
from smgee.eelocal.values.confusion import ConfusionMatrix
from smgee.eelocal.values.date import UNBOUNDED, Date, DateRange
from smgee.eelocal.values.errormargin import ErrorMargin
from smgee.eelocal.values.filter import Filter
from smgee.eelocal.values.function import Function
from smgee.eelocal.values.geometry import Feature, Geometry, coordinates_of, is_wgs84
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.kernel import Kernel
from smgee.eelocal.values.made import Made
from smgee.eelocal.values.pixeltype import PixelType
from smgee.eelocal.values.projection import Projection
from smgee.eelocal.values.reducer import Reducer

# Known under these names to `get`, but shown elsewhere by `getInfo`.
_HIDDEN = frozenset({"system:id", "system:version", "system:bands", "system:band_names"})

# Filters that are shown under the client's names.
_SHOWN = {
    "Filter.equals": "Filter.eq",
    "Filter.notEquals": "Filter.neq",
    "Filter.lessThan": "Filter.lt",
    "Filter.lessThanOrEquals": "Filter.lte",
    "Filter.greaterThan": "Filter.gt",
    "Filter.greaterThanOrEquals": "Filter.gte",
}


def encode_value(value: Any, limit: int) -> Any:
    """Return a value as JSON; `limit` is how many elements a collection may have.

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
        return [encode_value(v, limit) for v in value]
    if isinstance(value, dict):
        return {k: encode_value(v, limit) for k, v in value.items()}
    if isinstance(value, Made) and value.made_by is not None:
        name, arguments = value.made_by
        given = {k: encode_value(v, limit) for k, v in arguments.items() if v is not None}
        return {"type": _SHOWN.get(name, name), **given}
    for kind, encode in _ENCODERS:
        if isinstance(value, kind):
            return encode(value, limit)
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


def number_of(value: Any) -> Any:
    """Return the number in a plain or wrapped JSON number (``{"value": "5"}``, ``{"floatValue": 5}``), or
    None.
    """
    if isinstance(value, Mapping):
        value = next((value[k] for k in ("value", "floatValue", "integerValue") if k in value), None)
    if isinstance(value, str):
        return float(value) if any(c in value for c in ".eEnN") else int(value)
    return value


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
        info["coordinates"] = _plain(coordinates_of(geometry.shape))
    if not is_wgs84(geometry.crs):
        info["crs"] = {"type": "name", "properties": {"name": geometry.crs}}
    if not geometry.geodesic and shapely.get_dimensions(geometry.shape) > 0:
        info["geodesic"] = False
    return info


def _plain(value: Any) -> Any:
    return [_plain(v) for v in value] if isinstance(value, list) else encode_number(value)


def encode_feature(feature: Feature, limit: int) -> dict[str, Any]:
    """Return GeoJSON of a feature."""
    info: dict[str, Any] = {
        "type": "Feature",
        "geometry": None if feature.geometry is None else encode_geometry(feature.geometry),
    }
    if feature.id is not None:
        info["id"] = feature.id
    info["properties"] = {k: encode_value(v, limit) for k, v in feature.properties.items()}
    return info


def _collection(collection: Collection, limit: int) -> dict[str, Any]:
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
    properties = {k: encode_value(v, limit) for k, v in collection.properties.items() if v is not None}
    if properties:
        info["properties"] = properties
    info["features"] = [encode_value(e, limit) for e in elements]
    return info


def describe_image(image: Image, limit: int) -> dict[str, Any]:
    """Return the `getInfo` form of an image."""
    bands = [encode_value(b.describe(), limit) for b in image.bands]
    info: dict[str, Any] = {"type": "Image", "bands": bands}
    if image.version is not None:
        info["version"] = image.version
    if image.id is not None:
        info["id"] = image.id
    properties = {}
    for name, value in image.properties.items():
        if name in _HIDDEN or value is None:
            continue
        encoded = encode_value(value, limit)
        if (
            name == "system:footprint"
            and isinstance(encoded, dict)
            and encoded.get("type") == "Polygon"
            and len(encoded["coordinates"]) == 1
        ):
            encoded = {"type": "LinearRing", "coordinates": encoded["coordinates"][0]}
        properties[name] = encoded
    if properties:
        info["properties"] = properties
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


def _date_range(value: DateRange, limit: int) -> dict[str, Any]:
    if value == UNBOUNDED:
        return {"type": "DateRange"}
    return {"type": "DateRange", "dates": [encode_number(value.start), encode_number(value.end)]}


def _array(value: Array, limit: int) -> Any:
    nested = value.tolist()
    return encode_value(nested, limit)


def _function(value: Function, limit: int) -> dict[str, Any]:
    return {
        "type": "Algorithm",
        "args": [{"name": n, "type": "Object"} for n in value.argument_names],
        "returns": "Object",
    }


_ENCODERS: tuple[tuple[type, Callable[[Any, int], Any]], ...] = (
    (Array, _array),
    (Date, lambda v, limit: {"type": "Date", "value": encode_number(v.ms)}),
    (DateRange, _date_range),
    (Geometry, lambda v, limit: encode_geometry(v)),
    (Feature, encode_feature),
    (Collection, _collection),
    (Image, describe_image),
    (PixelType, lambda v, limit: encode_value(v.describe(), limit)),
    (Projection, lambda v, limit: encode_value(v.describe(), limit)),
    (ErrorMargin, lambda v, limit: encode_value(v.describe(), limit)),
    (ConfusionMatrix, lambda v, limit: encode_value(v.counts.tolist(), limit)),
    (Kernel, lambda v, limit: encode_value(v.describe(), limit)),
    (Reducer, lambda v, limit: {"type": "Reducer", "name": f"Reducer.{v.name}", "outputs": list(v.outputs)}),
    (Filter, lambda v, limit: {"type": f"Filter.{v.description}"}),
    (Function, _function),
)
