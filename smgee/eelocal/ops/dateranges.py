"""Collections of date ranges, to map over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.date import Date, DateRange, advance, floor_unit, unit_name
from smgee.eelocal.values.datetext import format_date
from smgee.eelocal.values.geometry import Feature

_PATTERNS = {
    "year": "YYYY",
    "month": "YYYYMM",
    "week": "YYYYMMdd",
    "day": "YYYYMMdd",
    "hour": "YYYYMMddHH",
    "minute": "YYYYMMddHHmm",
    "second": "YYYYMMddHHmmss",
}


@algorithm("BetterDateRangeCollection")
def date_ranges(
    start: Date, end: Date, delta: int, unit: str, resetAtYearBoundaries: bool, format: str | None
) -> Collection:
    """Return features with the ranges of a regular sequence in ``date_range``."""
    unit = unit_name(unit)
    if delta == 0 or (delta > 0) == (start.ms > end.ms):
        raise EEError("The delta must lead from the start to the end.")
    pattern = format or _PATTERNS[unit]

    def produce() -> Iterator[Feature]:
        first, at, step = start.ms, start.ms, 0
        while at < end.ms if delta > 0 else at > end.ms:
            if resetAtYearBoundaries:
                year = floor_unit(at, "year", dt.UTC)
                if delta > 0 and first < year:
                    first, at, step = year, year, 0
            after = advance(at, delta, unit, dt.UTC)
            low, high = min(at, after), max(at, after)
            yield Feature(None, {"date_range": DateRange(low, high)}, format_date(low, pattern, None))
            step += 1
            at = advance(first, delta * step, unit, dt.UTC)

    return Collection(produce)


@algorithm("DateRangeCollection")
def older_date_ranges(
    startTime: int, endTime: int, interval: int, units: str, resetAtYearBoundaries: bool
) -> Collection:
    """Return features with the ranges of a regular sequence of days or years."""
    if unit_name(units) not in ("day", "year"):
        raise EEError(f"The units must be 'days' or 'years', got '{units}'.")
    return date_ranges(
        Date(float(startTime)), Date(float(endTime)), interval, units, resetAtYearBoundaries, None
    )
