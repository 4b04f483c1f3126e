"""What a study may say about its stations; light to import, for a study is read by every command."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from smgee.errors import InputError

Check = Literal[
    "range",
    "saturation",
    "spike",
    "drop",
    "jump",
    "low_plateau",
    "high_plateau",
    "step",
    "neighbours",
    "constant",
]
CHECKS: tuple[Check, ...] = get_args(Check)


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def of(cls, rules: Self | None = None, **settings: Any) -> Self:
        """Return `rules` (the default ones if None) with other settings, checked; `InputError` if wrong."""
        try:
            return cls.model_validate((rules or cls()).model_dump() | settings)
        except ValidationError as error:
            faults = "; ".join(
                ".".join(map(str, e["loc"]))
                + ": " * bool(e["loc"])
                + e["msg"].removeprefix("Value error, ").rstrip(".")
                + ("" if isinstance(e["input"], dict) else f" (got {e['input']!r:.80})")
                for e in error.errors()
            )
            raise InputError(f"The {cls.__name__} cannot be used: {faults}.") from error


class UnfrozenRule(_Rules):
    """How frozen days are told from unfrozen ones, and which of them make the unfrozen period of a year.

    The strictest rule, the lowest hour of every single day, is ``UnfrozenRule(statistic="min", hysteresis=0,
    min_run_days=1)``.

    Attributes
    ----------
    method : {"auto", "soil_temperature", "flags", "calendar"}
        ``"auto"``: the calendar where a `season` is given, else soil temperature where any station has it,
        else the flags. ``"flags"``: a day is frozen at a station when most of its records carry the ISMN
        flags D01, D02 or D03 (negative temperature). ``"calendar"``: the same `season` in every year of the
        record, on the user's word.
    threshold : float
        Soil temperature, °C, above which a day is unfrozen.
    hysteresis : float
        In °C. A station thaws when its day is warmer than the threshold by half of this, and freezes when it
        is colder by half; in between it stays what it was, as soil does that hovers at 0 °C while its ice
        melts.
    statistic : {"min", "mean"}
        Of the day's hourly soil temperatures. The lowest hour also excludes days on which the soil freezes
        overnight, when the 06:00 overpass sees it frozen; in spring that is three weeks of thawed afternoons.
    share : float
        Of the stations that measured on the day, at least this share is unfrozen on an unfrozen day.
    min_run_days : int
        Frozen spells shorter than this, between unfrozen days, do not break the period; unfrozen ones do not
        make one.
    max_gap_days : int
        A gap without any measurement, at most this long, between unfrozen days does not break the period.
    season : (str, str) or None
        First and last unfrozen day as MM-DD, such as ``["05-01", "10-15"]``; a start later than the end
        reaches into the next year.
    """

    method: Literal["auto", "soil_temperature", "flags", "calendar"] = "auto"
    threshold: Annotated[float, Field(ge=-20, le=20)] = 0.0
    hysteresis: Annotated[float, Field(ge=0, le=5)] = 1.0
    statistic: Literal["min", "mean"] = "mean"
    share: Annotated[float, Field(gt=0, le=1)] = 0.8
    min_run_days: Annotated[int, Field(ge=1, le=60)] = 5
    max_gap_days: Annotated[int, Field(ge=0, le=60)] = 3
    season: tuple[str, str] | None = None

    @field_validator("season")
    @classmethod
    def _days_of_year(cls, value: tuple[str, str] | None) -> tuple[str, str] | None:
        for text in value or ():
            try:
                if len(text) != 5:
                    raise ValueError
                # 2001 has 365 days: a season may not begin or end on 29 February.
                date.fromisoformat(f"2001-{text}")
            except ValueError:
                raise ValueError(
                    f"{text!r} is not a day of the year; give (start, end) as MM-DD, such as 05-01"
                ) from None
        return value

    @model_validator(mode="after")
    def _season_and_method(self) -> UnfrozenRule:
        if self.method == "calendar" and self.season is None:
            raise ValueError("the method 'calendar' needs a season, first and last unfrozen day as MM-DD")
        if self.season is not None and self.method not in ("auto", "calendar"):
            raise ValueError(
                f"a season belongs to the method 'calendar', not to {self.method!r}; leave out one of them"
            )
        return self


class QualityRules(_Rules):
    """Which checks the records pass beyond the flags they bring, and which of them take records out.

    Attributes
    ----------
    checks : tuple of str
        Any of: ``range`` (below 0 or above `highest`), ``saturation`` (above the porosity of the
        station's texture), ``spike``, ``drop``, ``jump``, ``low_plateau``, ``high_plateau`` (Dorigo et al.
        2013), ``step`` (a change of at least `step` within an hour in which no other station shares by
        `step_shared`), ``neighbours`` (days far from what the others let expect), ``constant`` (one and the
        same value for at least `constant_days`, as a sensor gives that is stuck).
    drop : tuple of str
        The checks whose failing records are not used; those of the others are counted only. A drop or a jump
        marks the one record of the change, a step may be a local storm, the neighbours may be wrong, and a
        series that is written in whole per cent may rest where the soil is dry or frozen.
    highest : float
        m³ m⁻³; larger values fail ``range``.
    step : float
        m³ m⁻³ within an hour; larger changes fail ``step``.
    step_shared : float
        m³ m⁻³; where another station changes by this much in the same hour, it rained.
    neighbour_floor : float
        m³ m⁻³; days that differ by less never fail ``neighbours``.
    neighbour_days : int
        Days before and after that tell how a station goes with the others.
    neighbour_errors : float
        Standard errors that a day may differ.
    constant_days : float
        Days from the first to the last of equal values, no more than one of them between two records. Of the
        40 stations of TxSON in 2019 to 2021, written to 0.001 m³ m⁻³, 37 rest for 6.8 days at most; the
        three others do so for 16, 84, 182 and 613 days.
    """

    checks: tuple[Check, ...] = CHECKS
    drop: tuple[Check, ...] = ("range", "spike", "low_plateau")
    highest: Annotated[float, Field(gt=0, le=1)] = 0.6
    step: Annotated[float, Field(gt=0, le=1)] = 0.1
    step_shared: Annotated[float, Field(gt=0, le=1)] = 0.01
    neighbour_days: Annotated[int, Field(ge=10, le=183)] = 30
    neighbour_errors: Annotated[float, Field(gt=0)] = 5.0
    neighbour_floor: Annotated[float, Field(ge=0, le=1)] = 0.04
    constant_days: Annotated[float, Field(ge=1)] = 10.0

    @model_validator(mode="after")
    def _made(self) -> QualityRules:
        idle = [c for c in self.drop if c not in self.checks]
        if idle:
            raise ValueError(f"drop names {', '.join(idle)}, which checks does not; name it there too")
        return self
