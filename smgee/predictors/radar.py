"""The family ``radar``: backscatter of Sentinel-1, which wet soil raises, and its change at the place."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from smgee.datasets import SENTINEL1
from smgee.late import ee
from smgee.predictors.base import STEP_DAYS, Cadence, Family, Predictor, Site, When
from smgee.predictors.composite import window, windows

POLARISATIONS = {"vv": SENTINEL1.roles["backscatter_vv"], "vh": SENTINEL1.roles["backscatter_vh"]}
_NAME = re.compile(r"(vv|vh|ratio)_(ascending|descending)(_change)?")
DECIBEL = math.log(10) / 10


@dataclass(frozen=True)
class Column:
    """What a name says: polarisation (or the ratio of both), direction of flight, and whether a change."""

    what: str
    flight: str
    change: bool

    @classmethod
    def read(cls, name: str) -> Column:
        """Return what a name says; ValueError where it says nothing."""
        found = _NAME.fullmatch(name)
        if found is None:
            raise ValueError(
                f"the radar predictor {name!r} is not known; give vv, vh or ratio (VH over VV), then "
                "_ascending or _descending, and _change for the difference from the place's own median, "
                "such as vv_descending_change"
            )
        return cls(found[1], found[2], found[3] is not None)

    @property
    def words(self) -> str:
        """The column in words."""
        what = "VH over VV" if self.what == "ratio" else f"{self.what.upper()} backscatter"
        since = ", minus the place's own median" if self.change else ""
        return f"{what}, {self.flight} passes{since}"


class Radar(Family):
    """Backscatter of Sentinel-1 around each step, dB, ascending and descending passes apart.

    Passes are averaged as power: over the map's pixel, which holds nine of the radar's at 30 m, and over the
    window. The place's own median is that of the decibels of its passes, of the same direction, in the
    study's period or from `start` to `end`. Slopes are as the collection leaves them: corrected in geometry,
    not in radiometry, which is why a change says more than the level.

    Attributes
    ----------
    names : tuple of str
        vv_, vh_ or ratio_ (VH over VV), and then ascending or descending; with _change at the end, the
        difference from the place's own median.
    """

    cadence: ClassVar[Cadence] = Cadence.STEP
    kind: Literal["radar"] = "radar"
    names: Annotated[tuple[str, ...], Field(min_length=1)] = (
        *("vv_descending", "vh_descending"),
        *("vv_descending_change", "vh_descending_change"),
    )
    window_days: Annotated[int, Field(ge=1, le=120)] = Field(
        12, description="days around the middle of a step whose passes are averaged"
    )
    fill_days: Annotated[int, Field(ge=1, le=366)] = Field(
        24, description="wider window for pixels without a pass in the first"
    )
    step_days: Annotated[int, Field(ge=1, le=31)] = Field(STEP_DAYS, description="days that one image serves")
    start: date | None = Field(
        None, description="first day of the passes of the place's own median; left out, the study's"
    )
    end: date | None = Field(
        None, description="end of the passes of the place's own median, exclusive; left out, the study's"
    )

    @field_validator("names")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            Column.read(name)
        return value

    @model_validator(mode="after")
    def _in_order(self) -> Radar:
        if self.fill_days < self.window_days:
            raise ValueError(f"fill_days {self.fill_days} is shorter than window_days {self.window_days}")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError(
                f"the period {self.start} to {self.end} holds no day; end must be later than start"
            )
        return self

    def predictors(self) -> tuple[Predictor, ...]:
        """Return one predictor per name."""
        return tuple(Predictor(n, "dB", Column.read(n).words, self.cadence, SENTINEL1.id) for n in self.names)

    def datasets(self, start: date, end: date) -> tuple[str, ...]:
        """Return the collection of Sentinel-1."""
        return (SENTINEL1.id,)

    def period(self, start: date, end: date) -> tuple[date, date]:
        """Return the days of the wider windows, and those of the places' own medians."""
        first, last = windows(start, end, self.step_days, self.fill_days)
        if not any(Column.read(n).change for n in self.names):
            return first, last
        return min(first, self.start or start), max(last, self.end or end)

    def bands_of(self, dataset: str) -> tuple[str, ...]:
        """Return the polarisations; not every image of the collection has them, and those are left out."""
        return ()

    def step(self) -> int:
        """Return how many days an image serves."""
        return self.step_days

    def within(self, start: date, end: date) -> Self:
        """Return the family as it is in a study of the days [start, end)."""
        return self.model_copy(update={"start": self.start or start, "end": self.end or end})

    def image(self, site: Site, when: When, names: Sequence[str]) -> ee.Image:
        """Return backscatter and its change; masked where no pass is."""
        columns = {n: Column.read(n) for n in names}
        layers = []
        for flight in dict.fromkeys(c.flight for c in columns.values()):
            now = self._around(when, flight, site)
            own = {n: c for n, c in columns.items() if c.flight == flight}
            usual = self._usual(when, flight, site) if any(c.change for c in own.values()) else None
            for name, column in own.items():
                layer = now.select(column.what)
                if column.change and usual is not None:
                    layer = layer.subtract(usual.select(column.what))
                layers.append(layer.rename(name))
        return ee.Image.cat(layers).select(list(names)).toFloat()

    def _around(self, when: When, flight: str, site: Site) -> ee.Image:
        """Return the mean of the passes around a day, dB."""
        narrow, wide = (
            _decibels(passes(*window(when.center, days), flight, site).mean())
            for days in (self.window_days, self.fill_days)
        )
        return narrow.unmask(wide, False)

    def _usual(self, when: When, flight: str, site: Site) -> ee.Image:
        """Return the median over the passes of the whole period, dB."""
        first, last = self.start or when.start, self.end or when.end
        return passes(first, last, flight, site).map(_decibels).median()


def passes(start: date, end: date, flight: str, site: Site) -> ee.ImageCollection:
    """Return the passes in one direction as power on the site's lattice, bands ``vv`` and ``vh``.

    Parameters
    ----------
    start, end : date
        Days, end exclusive.
    flight : {"ascending", "descending"}
        Direction.
    site : Site
        Each pixel of its lattice is the mean of those of the radar in it.

    Returns
    -------
    ee.ImageCollection
        One image per scene in both polarisations, and one without any pixel.
    """
    lattice = {"crs": site.grid.crs, "crsTransform": list(site.grid.transform)}
    across = math.ceil(abs(site.grid.transform[0]) / SENTINEL1.spacing_m) + 2

    def prepare(image: ee.Image) -> ee.Image:
        power = image.select(list(POLARISATIONS.values()), list(POLARISATIONS)).multiply(DECIBEL).exp()
        return power.reduceResolution(ee.Reducer.mean(), False, across**2).reproject(**lattice)

    scenes = ee.ImageCollection(SENTINEL1.id).filterDate(str(start), str(end)).filterBounds(site.region)
    scenes = scenes.filter(ee.Filter.eq("instrumentMode", "IW"))
    scenes = scenes.filter(ee.Filter.eq("orbitProperties_pass", flight.upper()))
    for band in POLARISATIONS.values():
        scenes = scenes.filter(ee.Filter.listContains("transmitterReceiverPolarisation", band))
    nothing = ee.Image.constant([0.0, 0.0]).rename(list(POLARISATIONS)).toDouble().updateMask(0)
    return scenes.map(prepare).merge(ee.ImageCollection([nothing]))


def _decibels(power: ee.Image) -> ee.Image:
    """Return power in decibels, and the ratio of both polarisations."""
    found = ee.Image(power).log().divide(DECIBEL)
    return found.addBands(found.select("vh").subtract(found.select("vv")).rename("ratio"))
