"""What every value of Earth Engine can do: be named, compared, put in order, written as text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.date import Date, DateRange
from smgee.eelocal.values.function import Function
from smgee.eelocal.values.geometry import Feature, Geometry
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.number import Long, is_number
from smgee.eelocal.values.pixeltype import PixelType
from smgee.eelocal.values.projection import Projection
from smgee.eelocal.values.size import check_size, expanded

_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "Boolean"),
    (Long, "Long"),
    (float, "Float"),
    (str, "String"),
    (list, "List"),
    (dict, "Dictionary"),
    (Array, "Array"),
    (Date, "Date"),
    (DateRange, "DateRange"),
    (Feature, "Feature"),
    (Geometry, "Geometry"),
    (Function, "Algorithm"),
    (PixelType, "PixelType"),
    (Projection, "Projection"),
    (Image, "Image"),
)


def type_name(value: Any) -> str:
    """Return the official name of a value's type, e.g. ``Integer``."""
    if value is None:
        return "null"
    if isinstance(value, int) and not isinstance(value, (bool, Long)):
        return "Integer" if -(2**31) <= value < 2**31 else "Long"
    if isinstance(value, Collection):
        return value.kind
    for kind, name in _NAMES:
        if isinstance(value, kind):
            return name
    return type(value).__name__


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal; numbers by value, whatever their types."""
    if isinstance(a, bool) or isinstance(b, bool):
        return isinstance(a, bool) and isinstance(b, bool) and a == b
    if is_number(a) and is_number(b):
        return a == b or (math.isnan(a) and math.isnan(b))
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(v, b[k]) for k, v in a.items())
    if isinstance(a, Geometry) and isinstance(b, Geometry):
        return a.crs == b.crs and a.geodesic == b.geodesic and bool(a.shape.equals_exact(b.shape, 0.0))
    if isinstance(a, Feature) and isinstance(b, Feature):
        return same(a.geometry, b.geometry) and same(dict(a.properties), dict(b.properties))
    return type(a) is type(b) and bool(a == b)


def contains(values: Iterable[Any], value: Any) -> bool:
    """Whether a list holds a value."""
    return any(same(v, value) for v in values)


def order_key(value: Any) -> tuple[Any, ...]:
    """Return a key that puts values in ascending order: numbers and dates, then strings, lists; nulls
    last.
    """
    if value is None:
        return (9,)
    if isinstance(value, (bool, int, float)):
        return (0, float("inf") if isinstance(value, float) and math.isnan(value) else value)
    if isinstance(value, Date):
        return (0, value.ms)
    if isinstance(value, str):
        return (1, value)
    if isinstance(value, list):
        return (2, [order_key(v) for v in value])
    raise EEError(f"A value of type {type_name(value)} can't be put in order.")


def compare(a: Any, b: Any) -> int | None:
    """Return −1, 0 or 1, or None for values of kinds that can't be compared."""
    if a is None or b is None:
        return None
    x, y = order_key(a), order_key(b)
    if x[0] != y[0]:
        return None
    return (x > y) - (x < y)


def format_number(value: float | int) -> str:
    """Return a number as text, as Java's ``Double.toString`` writes it, but whole ones without a fraction.

    Below 0.001 and from ten million on, Java writes powers of ten: ``1.0E-4``, ``1.23456785E7``
    (https://docs.oracle.com/en/java/javase/11/docs/api/java.base/java/lang/Double.html).
    """
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        if value.is_integer() and abs(value) < 1e16:
            return str(int(value))
        if 1e-3 <= abs(value) < 1e7:
            return repr(value)
        sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
        head, *tail = (str(d) for d in digits)
        return f"{'-' * sign}{head}.{''.join(tail) or '0'}E{int(exponent) + len(tail)}"
    return str(int(value))


def to_text(value: Any) -> str:
    """Return the string form of a value, as ee.String gives."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_number(value):
        return format_number(value)
    if value is None or isinstance(value, (list, dict, Array)):
        return to_json(value)
    raise EEError(f"A value of type {type_name(value)} has no string form.")


def to_json(value: Any) -> str:
    """Return JSON without spaces, keys sorted."""
    check_size(expanded(value))
    return json.dumps(_primitive(value), separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def _primitive(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if is_number(value):
        if isinstance(value, float):
            if not math.isfinite(value):
                return format_number(value)
            if value.is_integer() and abs(value) < 1e16:
                return int(value)
        return value
    if isinstance(value, Array):
        return _primitive(value.tolist())
    if isinstance(value, list):
        return [_primitive(v) for v in value]
    if isinstance(value, dict):
        return {k: _primitive(v) for k, v in value.items()}
    raise EEError(f"A value of type {type_name(value)} can't be written as JSON.")
