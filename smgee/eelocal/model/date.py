"""Dates and date ranges, in UTC milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Date", "DateRange"]


@dataclass(frozen=True)
class Date:
    """An instant, milliseconds since 1970-01-01T00:00:00Z (fractions kept)."""

    ms: float


@dataclass(frozen=True)
class DateRange:
    """A time range, start inclusive, end exclusive."""

    start: float
    end: float
