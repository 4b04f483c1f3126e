"""The family ``place``: what persists at a pixel, statistics of its clear observations over a long period."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from smgee.datasets import HLS, ROLES
from smgee.errors import InputError
from smgee.late import ee
from smgee.predictors.base import Cadence, Family, Predictor, Site, When, no_pixels
from smgee.predictors.composite import Scenes
from smgee.predictors.hls import clear_reflectance
from smgee.predictors.indices import COMMON, add_indices, formula

COUNT = "clear_count"
"""The predictor that counts the clear observations of the pixel."""

# Splits a request's work into more and smaller parts, so that the real service does not run out of memory
# over hundreds of scenes; it changes no value.
PARALLEL_SCALE = 4

_WORDS = {"m": "median", "s": "standard deviation", "i": "interquartile range"}
_PATTERN = re.compile(r"(m|s|i|p\d\d?)_(\w+)")


@dataclass(frozen=True)
class Statistic:
    """A statistic of a band or an index, as the name of a predictor states it.

    Parameters
    ----------
    prefix : str
        ``m`` median, ``s`` standard deviation (of the population), ``i`` interquartile range, ``p10`` a
        percentile.
    of : str
        Role of a band, such as ``nir``, or short name of an index.
    """

    prefix: str
    of: str

    @classmethod
    def read(cls, name: str) -> Statistic:
        """Return the statistic that a name states; ValueError where it states none."""
        found = _PATTERN.fullmatch(name)
        if found is None:
            raise ValueError(
                f"the place predictor {name!r} is not known; give {COUNT}, or m_ (median), s_ (standard "
                "deviation), i_ (interquartile range) or p10_ (a percentile) before a band or an index, such "
                "as m_nir or p10_NDMI"
            )
        statistic = cls(*found.groups())
        if statistic.of not in ROLES:
            try:
                formula(statistic.of)
            except InputError as error:
                raise ValueError(f"{name}: {error}") from error
        return statistic

    @property
    def is_index(self) -> bool:
        """Whether it is of an index."""
        return self.of not in ROLES

    @property
    def words(self) -> str:
        """The statistic in words."""
        return _WORDS.get(self.prefix) or f"percentile {int(self.prefix[1:])}"


class Place(Family):
    """Median, spread and percentiles of clear-sky reflectance and of indices at the pixel over a period.

    The period is that of the study, or from `start` to `end` (exclusive), which may hold several years; of it
    only `months` count. Nothing outside it is read: set it where a design holds back days.

    Attributes
    ----------
    names : tuple of str
        Statistics of bands and indices: m_ (median), s_ (standard deviation), i_ (interquartile range),
        p10_ (a percentile) before a name, such as m_NDVI; and clear_count.
    scenes : Scenes
        Which scenes count.
    """

    cadence: ClassVar[Cadence] = Cadence.STATIC
    kind: Literal["place"] = "place"
    names: Annotated[tuple[str, ...], Field(min_length=1)] = tuple(f"m_{n}" for n in (*ROLES, *COMMON))
    start: date | None = Field(None, description="first day; left out, the study's")
    end: date | None = Field(None, description="end of the period, exclusive; left out, the study's")
    months: tuple[Annotated[int, Field(ge=1, le=12)], ...] = Field(
        (), description="months of the year that count; left out, all"
    )
    index_of: Literal["scenes", "medians"] = Field(
        "scenes", description="the median of an index: over its values in scenes, or made of median bands"
    )
    scenes: Scenes = Scenes()

    @field_validator("names")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name != COUNT:
                Statistic.read(name)
        return value

    @model_validator(mode="after")
    def _in_order(self) -> Place:
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError(
                f"the period {self.start} to {self.end} holds no day; end must be later than start"
            )
        return self

    def predictors(self) -> tuple[Predictor, ...]:
        """Return one predictor per name; all are ratios, but for the count."""
        return tuple(Predictor(n, "1", self._long_name(n), self.cadence, "HLS v2.0") for n in self.names)

    def conditions(self) -> tuple[str, ...]:
        """Return greenness alone, where it is there: bands and indices of one pixel say one thing many times,
        and a question asked twenty times is answered once by chance.
        """
        return tuple(name for name in self.names if name == "m_NDVI")

    def period(self, start: date, end: date) -> tuple[date, date]:
        """Return the days [start, end) that are read where the study's are these.

        Raises
        ------
        InputError
            Where one end is the study's and the other lies beyond it.
        """
        first, last = self.start or start, self.end or end
        if last <= first:
            raise InputError(
                f"The place predictors would be made of {first} to {last}, which holds no day; give "
                "both start and end."
            )
        return first, last

    def datasets(self, start: date, end: date) -> tuple[str, ...]:
        """Return the collections of the sensors that observe in the period."""
        return tuple(HLS[s].id for s in self._sensors(*self.period(start, end)))

    def bands_of(self, dataset: str) -> tuple[str, ...]:
        """Return the bands of a sensor that are read, and its quality band where classes are masked."""
        return self.scenes.bands_of(dataset, self.roles(self.names))

    def properties(self) -> dict[str, str]:
        """Return the classes that were masked."""
        return {"mask_classes": ",".join(self.scenes.mask)}

    def roles(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the bands by role that some of the predictors are made of."""
        of = [Statistic.read(n).of for n in names if n != COUNT]
        needed = {role for v in of for role in ((v,) if v in ROLES else formula(v)[2])}
        # Clear observations are counted in the first band, should nothing else be asked for.
        return tuple(r for r in ROLES if r in needed) or tuple(ROLES)[:1]

    def image(self, site: Site, when: When, names: Sequence[str]) -> ee.Image:
        """Return statistics of all clear scenes of the period; masked where there is none, but for a count of
        0. Where scenes overlap, each counts.
        """
        start, end = self.period(when.start, when.end)
        roles = self.roles(names)
        statistics = {n: Statistic.read(n) for n in names if n != COUNT}
        indices = tuple(dict.fromkeys(s.of for s in statistics.values() if s.is_index))
        scenes = self._clear(start, end, roles, site)
        observed = scenes.map(partial(add_indices, names=indices)) if indices else scenes
        layers = []
        groups: dict[str, list[str]] = {}  # names by statistic, each reduced once for all its variables
        for name, statistic in statistics.items():
            if self._of_medians(statistic):
                continue
            groups.setdefault(statistic.prefix, []).append(name)
        for prefix, members in groups.items():
            of = [statistics[n].of for n in members]
            layers.append(_reduced(prefix, observed.select(of)).rename(members))
        late = {n: s.of for n, s in statistics.items() if self._of_medians(s)}
        if late:
            medians = _reduced("m", scenes).rename(list(roles))
            layers.append(add_indices(medians, tuple(late.values())).select(list(late.values()), list(late)))
        if COUNT in names:
            count = scenes.select([roles[0]]).reduce(ee.Reducer.count(), PARALLEL_SCALE)
            layers.append(count.rename(COUNT))
        return ee.Image.cat(layers).select(list(names)).toFloat()

    def _clear(self, start: date, end: date, roles: Sequence[str], site: Site) -> ee.ImageCollection:
        """Return the clear scenes of the period's months, and one image without any pixel."""
        scenes = clear_reflectance(
            start,
            end,
            sensors=self._sensors(start, end),
            roles=roles,
            mask=self.scenes.mask,
            region=site.region,
        )
        if self.months:
            months = sorted(set(self.months))
            scenes = scenes.filter(ee.Filter.Or([ee.Filter.calendarRange(m, m, "month") for m in months]))
        return scenes.merge(no_pixels(roles))

    def _sensors(self, start: date, end: date) -> list[str]:
        found = [s for s in self.scenes.sensors if HLS[s].overlaps(start, end)]
        if not found:
            raise InputError(
                f"The sensors {', '.join(self.scenes.sensors)} have no scenes of {start} to {end}, which the "
                "place predictors are to be made of; give a later period."
            )
        return found

    def _of_medians(self, statistic: Statistic) -> bool:
        return self.index_of == "medians" and statistic.prefix == "m" and statistic.is_index

    def _long_name(self, name: str) -> str:
        first, last = self.start or "the study's start", self.end or "the study's end"
        during = f"{first} to {last}"
        if self.months:
            during += f", months {', '.join(str(m) for m in sorted(set(self.months)))}"
        if name == COUNT:
            return f"number of clear observations, {during}"
        statistic = Statistic.read(name)
        if self._of_medians(statistic):
            return f"{statistic.of} of the median reflectance of clear scenes, {during}"
        of = statistic.of if statistic.is_index else f"reflectance, {statistic.of},"
        return f"{statistic.words} of {of} of each clear scene, {during}"


def _reduced(prefix: str, scenes: ee.ImageCollection) -> ee.Image:
    """Return a statistic of the scenes, by the prefix of its name."""
    if prefix == "i":
        return _reduced("p75", scenes).subtract(_reduced("p25", scenes))
    if prefix in _WORDS:
        reducer = ee.Reducer.median() if prefix == "m" else ee.Reducer.stdDev()
    else:
        reducer = ee.Reducer.percentile([int(prefix[1:])])
    return scenes.reduce(reducer, PARALLEL_SCALE)
