"""Types of the fields of requests, checked in one place before anything reads them.

The protocol gives a field of one name the same type in every message; what users fill as they like (the
graph of an expression, the properties of an asset) is checked where it is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from smgee.eelocal.errors import EEError

_FREE = ("expression", "properties", "geometry", "region", "footprint", "memo")


def _is_number(value: Any) -> bool:
    """Numbers may be written as strings, and be wrapped."""
    if isinstance(value, Mapping) and set(value) == {"value"}:
        value = value["value"]
    if isinstance(value, bool):
        return False
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError, OverflowError):
        return False


def _is_integer(value: Any) -> bool:
    if not _is_number(value):
        return False
    number = float(value["value"] if isinstance(value, Mapping) else value)
    return number.is_integer() and abs(number) < 2**63


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_time(value: Any) -> bool:
    """Times are text, or in manifests seconds and nanoseconds."""
    if isinstance(value, Mapping):
        return set(value) <= {"seconds", "nanos"} and all(map(_is_integer, value.values()))
    return isinstance(value, str)


def _are(one: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(one(item) for item in value)


_KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "TYPE_STRING": (
        _is_text,
        "bucket charset crsCode crsWkt csvColumnDelimiter csvQualifier description destinationName "
        "fileFormat filenamePrefix folder id missingDataPolicy name nextPageToken pageToken prefix "
        "pyramidingPolicy requestId role tilesetBandId tilesetId timeout type workloadTag",
    ),
    "TYPE_MESSAGE": (
        _is_message,
        "affineTransform asset assetExportOptions cloudStorageDestination dimensions driveDestination "
        "earthEngineDestination expression fileExportOptions gcsDestination geoTiffOptions grid "
        "imageManifest missingData policy properties pyramidingPolicyOverrides tableManifest "
        "tileExportOptions tileOptions tileSize videoOptions visualizationOptions",
    ),
    "TYPE_INT64": (
        _is_integer,
        "height maxFeatures maxPixels maxZoom minZoom pageSize priority tileHeight tileWidth width",
    ),
    "TYPE_DOUBLE": (
        _is_number,
        "framesPerSecond gamma max min scale scaleX scaleY shearX shearY translateX translateY",
    ),
    "Timestamp": (_is_time, "endTime startTime"),
    "repeated TYPE_STRING": (_are(_is_text), "bandIds members paletteColors selectors uris"),
    "repeated TYPE_MESSAGE": (_are(_is_message), "bands bindings ranges sources tilesets"),
}

_FIELDS = {name: (kind, test) for kind, (test, names) in _KINDS.items() for name in names.split()}


def check_message(message: Mapping[str, Any]) -> None:
    """Check the types of a request's fields, however deep; `EEError` for a value of another type; null stands
    for a field that is not there.
    """
    waiting: list[Mapping[str, Any]] = [message]
    while waiting:
        for name, value in waiting.pop().items():
            if value is None:
                continue
            kind, test = _FIELDS.get(name, ("", None))
            if test is not None and not test(value):
                raise EEError(f"Invalid value at '{name}' ({kind}), {str(value)[:80]!r}.")
            if name in _FREE:
                continue
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, Mapping):
                    waiting.append(item)


def check_query(query: Mapping[str, str]) -> None:
    """Check what is written in a request's address; `EEError` for a size of pages that is no positive
    integer, or a token of pages that no answer gave.
    """
    size, token = query.get("pageSize"), query.get("pageToken")
    if size and not (_is_integer(size) and float(size) > 0):
        raise EEError(f"Invalid value at 'pageSize' (TYPE_INT32), {size[:80]!r}.")
    if token and not (token.isascii() and token.isdecimal() and len(token) < 19):
        raise EEError(f"Invalid page token {token[:80]!r}.")
