"""``Date.*`` and ``DateRange.*``."""

from __future__ import annotations

import datetime as dt
from typing import Any

from smgee.eelocal.engine.registry import algorithm, algorithms
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.common import type_name
from smgee.eelocal.values.date import (
    UNBOUNDED,
    UNITS,
    Date,
    DateRange,
    advance,
    find_zone,
    floor_unit,
    from_local,
    parse_iso,
    to_local,
    unit_name,
)
from smgee.eelocal.values.datetext import format_date, parse_date
from smgee.eelocal.values.number import Long, is_number


def instant(value: Any, zone: str | None) -> float:
    """Return the instant of a date, a number of milliseconds, or a string."""
    if isinstance(value, Date):
        return value.ms
    if is_number(value):
        return float(value)
    if isinstance(value, str):
        return parse_iso(value, find_zone(zone))
    raise EEError(f"A date can't be made of a value of type {type_name(value)}.")


@algorithm("Date")
def date(value: Any, timeZone: str | None) -> Date:
    """Make a date."""
    return Date(instant(value, timeZone))


@algorithm("Date.fromYMD")
def from_ymd(year: int, month: int, day: int, timeZone: str | None) -> Date:
    """Make a date of its parts."""
    try:
        return Date(from_local(dt.datetime(year, month, day, tzinfo=find_zone(timeZone))))
    except ValueError as error:
        raise EEError(f"Invalid date {year}-{month}-{day}: {error}.") from error


@algorithm("Date.advance")
def advance_date(date: Date, delta: float, unit: str, timeZone: str | None) -> Date:
    """Move a date by units."""
    return Date(advance(date.ms, delta, unit, find_zone(timeZone)))


@algorithm("Date.get")
def get(date: Date, unit: str, timeZone: str | None) -> int:
    """Return a unit of the date."""
    local = to_local(date.ms, find_zone(timeZone))
    name = unit_name(unit)
    return Long(local.isocalendar().week if name == "week" else getattr(local, name))


@algorithm("Date.getFraction")
def get_fraction(date: Date, unit: str, timeZone: str | None) -> float:
    """Return the elapsed fraction of the unit."""
    zone = find_zone(timeZone)
    start = floor_unit(date.ms, unit, zone)
    return (date.ms - start) / (advance(start, 1, unit, zone) - start)


@algorithm("Date.getRange")
def get_range(date: Date, unit: str, timeZone: str | None) -> DateRange:
    """Return the unit that holds the date."""
    zone = find_zone(timeZone)
    start = floor_unit(date.ms, unit, zone)
    return DateRange(start, advance(start, 1, unit, zone))


@algorithm("Date.getRelative")
def get_relative(date: Date, unit: str, inUnit: str, timeZone: str | None) -> int:
    """Return the 0-based number of units since the start of the larger unit; 0 when the first is the
    larger one.
    """
    zone = find_zone(timeZone)
    small, large = unit_name(unit), unit_name(inUnit)
    if UNITS[small] >= UNITS[large]:
        return Long(0)
    start = to_local(floor_unit(date.ms, large, zone), zone)
    now = to_local(date.ms, zone)
    if small == "month":
        return Long((now.year - start.year) * 12 + now.month - start.month)
    if small in ("week", "day"):
        days = (now.date() - start.date()).days
        return Long(days // 7 if small == "week" else days)
    return Long(int((date.ms - from_local(start)) // UNITS[small]))


@algorithm("Date.unitRatio")
def unit_ratio(numerator: str, denominator: str) -> float:
    """Return the ratio of the lengths of two units."""
    return UNITS[unit_name(numerator)] / UNITS[unit_name(denominator)]


@algorithm("Date.update")
def update(
    date: Date,
    year: int | None,
    month: int | None,
    day: int | None,
    hour: int | None,
    minute: int | None,
    second: float | None,
    timeZone: str | None,
) -> Date:
    """Set some of the units."""
    local = to_local(date.ms, find_zone(timeZone))
    given: dict[str, Any] = {"year": year, "month": month, "day": day, "hour": hour, "minute": minute}
    parts = {k: v for k, v in given.items() if v is not None}
    extra = 0.0
    if second is not None:
        parts["second"] = int(second)
        parts["microsecond"] = 0
        extra = (second - int(second)) * 1000
    try:
        return Date(from_local(local.replace(**parts)) + extra)
    except ValueError as error:
        raise EEError(f"Invalid date: {error}.") from error


@algorithm("DateRange")
def date_range(start: Any, end: Any, timeZone: str | None) -> DateRange:
    """Make a range, of one millisecond without an end; a range stays as it is."""
    if isinstance(start, DateRange):
        if end is not None:
            raise EEError("A DateRange as the start takes no end.")
        return start
    first = instant(start, timeZone)
    return DateRange(first, first + 1 if end is None else instant(end, timeZone))


@algorithm("DateRange.contains")
def contains(dateRange: DateRange, other: Any) -> bool:
    """Whether a date or a range lies within the range."""
    if isinstance(other, DateRange):
        return dateRange.start <= other.start and other.end <= dateRange.end
    return dateRange.start <= instant(other, None) < dateRange.end


@algorithm("DateRange.start")
def start(dateRange: DateRange) -> Date:
    """Return the start."""
    return Date(dateRange.start)


@algorithm("DateRange.intersection")
def intersection(dateRange: DateRange, other: DateRange) -> DateRange:
    """Return what both ranges hold."""
    first, last = max(dateRange.start, other.start), min(dateRange.end, other.end)
    return DateRange(first, max(first, last))


@algorithm("DateRange.intersects")
def intersects(dateRange: DateRange, other: DateRange) -> bool:
    """Whether the ranges share an instant."""
    return (
        not dateRange.is_empty
        and not other.is_empty
        and dateRange.start < other.end
        and other.start < dateRange.end
    )


@algorithm("DateRange.union")
def union(dateRange: DateRange, other: DateRange) -> DateRange:
    """Return the least range that holds both."""
    if dateRange.is_empty:
        return other
    if other.is_empty:
        return dateRange
    return DateRange(min(dateRange.start, other.start), max(dateRange.end, other.end))


algorithms(
    {
        "Date.parse": lambda format, date, timeZone: Date(parse_date(date, format, timeZone)),
        "Date.format": lambda date, format, timeZone: format_date(date.ms, format, timeZone),
        "Date.difference": lambda date, start, unit: (date.ms - start.ms) / UNITS[unit_name(unit)],
        "Date.millis": lambda date: Long(int(date.ms // 1)),
        "DateRange.unbounded": lambda: UNBOUNDED,
        "DateRange.end": lambda dateRange: Date(dateRange.end),
        "DateRange.isEmpty": lambda dateRange: dateRange.is_empty,
        "DateRange.isUnbounded": lambda dateRange: dateRange == UNBOUNDED,
    }
)
