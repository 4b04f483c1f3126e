"""Instants, ranges of time, calendar units, and the text forms of dates.

Times are milliseconds since 1970-01-01T00:00:00Z. Patterns are those of Joda-Time's DateTimeFormat, weeks are
ISO weeks (Monday first), and the average year has 365.2425 days, as in Joda-Time's ISO calendar.
"""

from __future__ import annotations

import calendar
import datetime as dt
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from smgee.eelocal.errors import EEError

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

# Average lengths in milliseconds.
UNITS: dict[str, float] = {
    "year": 365.2425 * 86_400_000,
    "month": 365.2425 * 86_400_000 / 12,
    "week": 7 * 86_400_000,
    "day": 86_400_000,
    "hour": 3_600_000,
    "minute": 60_000,
    "second": 1_000,
}


@dataclass(frozen=True)
class Date:
    """An instant, milliseconds since 1970-01-01T00:00:00Z (fractions kept)."""

    ms: float


@dataclass(frozen=True)
class DateRange:
    """A time range, start inclusive, end exclusive."""

    start: float
    end: float

    @property
    def is_empty(self) -> bool:
        """Whether it holds no instant."""
        return self.start >= self.end


UNBOUNDED = DateRange(-math.inf, math.inf)


@lru_cache(maxsize=64)
def find_zone(name: str | None) -> dt.tzinfo:
    """Return a time zone by name (``America/Los_Angeles``) or offset (``+08:00``); UTC for None."""
    if name is None or name in ("UTC", "Z"):
        return dt.UTC
    offset = re.fullmatch(r"([+-])(\d{1,2})(?::?(\d{2}))?", name)
    if offset:
        sign, hours, minutes = offset.groups()
        delta = dt.timedelta(hours=int(hours), minutes=int(minutes or 0))
        return dt.timezone(delta if sign == "+" else -delta)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise EEError(f"Unrecognized time zone: '{name}'.") from error


def unit_name(unit: str) -> str:
    """Return a time unit in the singular; `EEError` for an unknown unit."""
    name = unit.lower().removesuffix("s")
    if name not in UNITS:
        raise EEError(f"Unrecognized time unit '{unit}'; expected one of: {', '.join(UNITS)}.")
    return name


def to_local(ms: float, zone: dt.tzinfo) -> dt.datetime:
    """Return an instant as local time (to the microsecond)."""
    if not math.isfinite(ms):
        raise EEError("The date is unbounded.")
    try:
        return (_EPOCH + dt.timedelta(milliseconds=ms)).astimezone(zone)
    except OverflowError as error:
        raise EEError(f"The date {ms:g} is beyond the years 1 to 9999.") from error


def from_local(time: dt.datetime) -> float:
    """Return local time as an instant; times that a clock change skips move forward by it."""
    delta = time.astimezone(dt.UTC) - _EPOCH
    return delta.days * 86_400_000 + delta.seconds * 1_000 + delta.microseconds / 1_000


def advance(ms: float, delta: float, unit: str, zone: dt.tzinfo) -> float:
    """Move an instant by a number of units: whole years, months, weeks and days by the calendar, the rest
    by lengths of time.
    """
    unit = unit_name(unit)
    if unit in ("hour", "minute", "second"):
        return ms + delta * UNITS[unit]
    whole = math.floor(delta) if delta >= 0 else math.ceil(delta)
    local = to_local(ms, zone)
    fine = ms - from_local(local)  # below a microsecond
    if unit in ("year", "month"):
        months = local.year * 12 + local.month - 1 + whole * (12 if unit == "year" else 1)
        year, month = months // 12, months % 12 + 1
        if not 1 <= year <= 9999:
            raise EEError(f"The date is beyond the years 1 to 9999: year {year}.")
        day = min(local.day, calendar.monthrange(year, month)[1])
        moved = local.replace(year=year, month=month, day=day, fold=0)
    else:
        days = whole * (7 if unit == "week" else 1)
        try:
            moved = (local.replace(tzinfo=None) + dt.timedelta(days=days)).replace(tzinfo=zone)
        except OverflowError as error:
            raise EEError("The date is beyond the years 1 to 9999.") from error
    return from_local(moved) + fine + (delta - whole) * UNITS[unit]


def floor_unit(ms: float, unit: str, zone: dt.tzinfo) -> float:
    """Return the start of the calendar unit that holds an instant."""
    unit = unit_name(unit)
    local = to_local(ms, zone)
    if unit == "week":
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        return from_local((midnight - dt.timedelta(days=midnight.weekday())).replace(tzinfo=zone))
    order = ["year", "month", "day", "hour", "minute", "second"]
    at = order.index(unit)
    first = [1, 1, 1, 0, 0, 0]
    year, month, day, hour, minute, second = (
        getattr(local, n) if i <= at else first[i] for i, n in enumerate(order)
    )
    return from_local(
        dt.datetime(year, month, day, hour, minute, second, tzinfo=zone, fold=local.fold if at >= 3 else 0)
    )


_ISO = re.compile(
    r"(?P<year>[+-]?\d{4,})(?:-(?:(?P<doy>\d{3})|(?P<month>\d{1,2})(?:-(?P<day>\d{1,2}))?))?"
    r"(?:[T ](?P<hour>\d{1,2})(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2}(?:\.\d+)?))?)?)?"
    r"(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?"
)


def parse_iso(text: str, zone: dt.tzinfo = dt.UTC) -> float:
    """Return the instant of an ISO date such as ``2017-6-24``, ``1996-001`` or ``2017-06-24T23:59:59Z``;
    `EEError` if it is none.
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise EEError(f"Invalid date string: '{text}'.")
    parts = match.groupdict()
    second = float(parts["second"] or 0)
    try:
        if parts["zone"]:
            zone = find_zone(parts["zone"])
        year, hour, minute = int(parts["year"]), int(parts["hour"] or 0), int(parts["minute"] or 0)
        start = dt.datetime(year, int(parts["month"] or 1), int(parts["day"] or 1), 0, 0, 0, tzinfo=zone)
        if parts["doy"]:
            if not 1 <= int(parts["doy"]) <= 365 + calendar.isleap(year):
                raise ValueError("day of year")
            start = (start.replace(tzinfo=None) + dt.timedelta(days=int(parts["doy"]) - 1)).replace(
                tzinfo=zone
            )
        extra = 0.0
        if hour == 24 and minute == 0 and second == 0:
            hour, extra = 0, UNITS["day"]
        whole = int(second)
        return (
            from_local(start.replace(hour=hour, minute=minute, second=whole))
            + round((second - whole) * 1000, 6)
            + extra
        )
    except (ValueError, OverflowError) as error:
        raise EEError(f"Invalid date string: '{text}'.") from error
