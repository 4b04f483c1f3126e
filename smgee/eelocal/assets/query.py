"""The filter language of asset lists: ``properties.x >= 1 AND startTime < "2020-01-01T00:00:00Z" AND
intersects("…")``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import shapely
from shapely.geometry import shape

from smgee.eelocal.errors import EEError

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    "=": lambda a, b: a == b,
}
_TERM = re.compile(r'\s*([\w.:"\-]+)\s*(>=|<=|!=|=|>|<)\s*("(?:[^"\\]|\\.)*"|\S+)\s*')
_INTERSECTS = re.compile(r'\s*intersects\(\s*"(.*)"\s*\)\s*', re.DOTALL)

Asset = Mapping[str, Any]


def asset_filter(text: str | None) -> Callable[[Asset], bool]:
    """Return a predicate over assets as the REST protocol describes them.

    Parameters
    ----------
    text : str or None
        Comparisons of ``properties.<name>``, ``startTime``, ``endTime``, ``id``, ``name`` or ``type``, and
        ``intersects("<GeoJSON or WKT>")``, joined by AND.

    Raises
    ------
    EEError
        For anything else.
    """
    if not text or not text.strip():
        return lambda asset: True
    tests = [_term(part) for part in _split(text)]
    return lambda asset: all(test(asset) for test in tests)


def _split(text: str) -> list[str]:
    """Split at AND outside quotes."""
    parts, quoted, start, i = [], False, 0, 0
    while i < len(text):
        if text[i] == '"' and (i == 0 or text[i - 1] != "\\"):
            quoted = not quoted
        elif not quoted and re.match(r"\sAND\s", text[i : i + 5]):
            parts.append(text[start:i])
            start = i = i + 5
            continue
        i += 1
    return [*parts, text[start:]]


def _term(text: str) -> Callable[[Asset], bool]:
    match = _INTERSECTS.fullmatch(text)
    if match:
        region = _region(match[1])
        return lambda asset: asset.get("geometry") is not None and shape(asset["geometry"]).intersects(region)
    match = _TERM.fullmatch(text)
    if match is None:
        raise EEError(
            f"Invalid filter: '{text.strip()}'; comparisons joined by AND, and intersects(\"…\"), are "
            "understood."
        )
    name, operator, literal = match.groups()
    value = _literal(literal)
    compare = _COMPARE[operator]
    name = name.replace('"', "")
    if name in ("startTime", "endTime", "start_time", "end_time"):
        key = "startTime" if name.startswith("start") else "endTime"
        moment = parse_time(str(value))

        def within(asset: Asset) -> bool:
            # An asset of one instant has no end: it ends when it starts.
            have = asset.get(key) or asset.get("startTime")
            return have is not None and compare(parse_time(have), moment)

        return within
    if name.startswith("properties."):
        key = name.removeprefix("properties.")

        def test(asset: Asset) -> bool:
            have = asset.get("properties", {}).get(key)
            if have is None or isinstance(have, str) != isinstance(value, str):
                return False
            return compare(have, value)

        return test
    if name in ("id", "name", "type"):
        return lambda asset: compare(asset.get(name), value)
    raise EEError(
        f"Invalid filter: '{name}' is no field to filter by; use properties.<name>, startTime, endTime, id, "
        "name or type."
    )


def _literal(text: str) -> Any:
    if text.startswith('"'):
        return json.loads(text)
    try:
        return float(text)
    except ValueError:
        return text


def parse_time(text: str) -> datetime:
    """Return an RFC 3339 time; UTC where it names no zone; `EEError` when it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise EEError(
            f"Invalid time '{text}': an RFC 3339 time such as 2020-01-01T00:00:00Z is needed."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _region(text: str) -> Any:
    text = text.replace('\\"', '"')
    try:
        if text.lstrip().startswith("{"):
            return shape(json.loads(text.replace("'", '"')))
        return shapely.from_wkt(text)
    except Exception as error:
        raise EEError("The region of intersects() is neither GeoJSON nor WKT.") from error
