"""The family ``calendar``: where in the year a day lies."""

from __future__ import annotations

import math
from calendar import isleap
from collections.abc import Iterable
from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from smgee.errors import InputError
from smgee.predictors.base import Cadence, Family, Predictor, When

NAMES = {
    "doy": ("day of year", "day of the year"),
    "doy_sin": ("1", "sine of the day's angle in the year, 0 on 1 January"),
    "doy_cos": ("1", "cosine of the day's angle in the year, 1 on 1 January"),
}


class Calendar(Family):
    """The day of the year, or its first harmonic, which knows that December is next to January: numbers for
    the whole map.

    Attributes
    ----------
    names : tuple of str
        doy, the day of the year; doy_sin and doy_cos, its first harmonic.
    """

    cadence: ClassVar[Cadence] = Cadence.DAY
    kind: Literal["calendar"] = "calendar"
    names: Annotated[tuple[Literal["doy", "doy_sin", "doy_cos"], ...], Field(min_length=1)] = ("doy",)
    allow_alias: bool = Field(
        False, description="keep it where no day of the year comes twice, and it is another name of the date"
    )

    def predictors(self) -> tuple[Predictor, ...]:
        """Return the day of the year, 1–366, and its sine and cosine."""
        return tuple(Predictor(n, *NAMES[n], self.cadence, "calendar") for n in self.names)

    def local(self, when: When) -> dict[str, float]:
        """Return the values of a day."""
        day = when.center.timetuple().tm_yday
        angle = 2 * math.pi * (day - 1) / (365 + isleap(when.center.year))
        found = {"doy": float(day), "doy_sin": math.sin(angle), "doy_cos": math.cos(angle)}
        return {name: found[name] for name in self.names}


def is_alias(start: date, end: date) -> bool:
    """Whether no day of the year comes twice in the days [start, end), so that it *is* the date."""
    try:
        again = start.replace(year=start.year + 1)
    except ValueError:  # 29 February
        again = date(start.year + 1, 3, 1)
    return end <= again


def refuse_alias(families: Iterable[Family], start: date, end: date) -> None:
    """Refuse the calendar as a predictor of a period in which no day of the year comes twice.

    There the day of the year *is* the date: a model learns from it what the weather was on each day of its
    training, which is nothing that it could know of a day without stations.

    Parameters
    ----------
    families : iterable of Family
        The predictors of a study.
    start, end : date
        The days [start, end) that models learn from.

    Raises
    ------
    InputError
        Unless the calendar says ``allow_alias``.
    """
    if not is_alias(start, end):
        return
    for family in families:
        if isinstance(family, Calendar) and not family.allow_alias:
            raise InputError(
                f"The predictors {', '.join(family.names)} only repeat the date, as no day of the year comes "
                f"twice in {start} to {end}; leave calendar out, give several years, or set its allow_alias."
            )
