"""The family ``thermal``: how warm the surface is, which wet ground under the sun is less than dry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from smgee.datasets import HLS, LST_SCALE, MODIS_LST, Dataset
from smgee.late import ee
from smgee.predictors.base import STEP_DAYS, Cadence, Family, Predictor, Site, When, no_pixels
from smgee.predictors.composite import Scenes, window, windows
from smgee.predictors.hls import clear_reflectance

LANDSAT = {"bt_b10": "thermal1", "bt_b11": "thermal2"}
RANGE = "lst_range"
_WORDS = {
    "bt_b10": "brightness temperature at 10.9 µm of clear Landsat scenes, top of atmosphere",
    "bt_b11": "brightness temperature at 12 µm of clear Landsat scenes, top of atmosphere",
    "lst_day": "land surface temperature by day, MODIS",
    "lst_night": "land surface temperature by night, MODIS",
    RANGE: "land surface temperature by day minus by night, MODIS",
}
ZERO_CELSIUS = 273.15


class Thermal(Family):
    """Brightness temperature of Landsat at 30 m, and land surface temperature of MODIS at 1 km, around each
    step.

    Landsat's is the median of the clear scenes, MODIS' the mean of the days and nights whose retrieval is
    good: its quality bits say that it was made (0 or 1 of the lowest two) and that its mean error is not
    above `max_error_k`. A pixel of the map takes the pixel of MODIS that holds it.

    Attributes
    ----------
    names : tuple of str
        bt_b10, bt_b11 of Landsat; lst_day, lst_night, lst_range (day minus night) of MODIS.
    scenes : Scenes
        Which classes are masked in Landsat's scenes; its sensors are L30's alone.
    """

    cadence: ClassVar[Cadence] = Cadence.STEP
    kind: Literal["thermal"] = "thermal"
    names: Annotated[
        tuple[Literal["bt_b10", "bt_b11", "lst_day", "lst_night", "lst_range"], ...], Field(min_length=1)
    ] = ("bt_b10", "lst_day", "lst_range")
    satellites: Annotated[tuple[Literal["terra", "aqua"], ...], Field(min_length=1)] = Field(
        ("terra", "aqua"), description="those of MODIS: Terra 10:30 and 22:30, Aqua 13:30 and 1:30 by the sun"
    )
    max_error_k: Literal[1, 2, 3] = Field(
        2, description="largest mean error of MODIS' temperatures, K, by their quality bits"
    )
    window_days: Annotated[int, Field(ge=1, le=120)] = Field(
        16, description="days around the middle of a step that are looked at"
    )
    fill_days: Annotated[int, Field(ge=1, le=366)] = Field(
        48, description="wider window for pixels that are nowhere clear in the first"
    )
    step_days: Annotated[int, Field(ge=1, le=31)] = Field(STEP_DAYS, description="days that one image serves")
    scenes: Scenes = Scenes(sensors=("L30",))

    @model_validator(mode="after")
    def _of_landsat(self) -> Thermal:
        if self.fill_days < self.window_days:
            raise ValueError(f"fill_days {self.fill_days} is shorter than window_days {self.window_days}")
        if "scenes" in self.model_fields_set and "sensors" not in self.scenes.model_fields_set:
            object.__setattr__(self, "scenes", self.scenes.model_copy(update={"sensors": ("L30",)}))
        if self.scenes.sensors != ("L30",):
            raise ValueError(
                f"the sensors {', '.join(self.scenes.sensors)} are not all thermal ones; leave them out, "
                "L30 is"
            )
        return self

    def predictors(self) -> tuple[Predictor, ...]:
        """Return one predictor per name."""
        return tuple(
            Predictor(
                n, "K" if n == RANGE else "degC", _WORDS[n], self.cadence, ", ".join(self._sources((n,)))
            )
            for n in self.names
        )

    def datasets(self, start: date, end: date) -> tuple[str, ...]:
        """Return what the names are made of."""
        return self._sources(self.names)

    def period(self, start: date, end: date) -> tuple[date, date]:
        """Return the days of the wider windows."""
        return windows(start, end, self.step_days, self.fill_days)

    def bands_of(self, dataset: str) -> tuple[str, ...]:
        """Return the bands read of a product, with those of its quality."""
        if dataset == HLS["L30"].id:
            roles = [LANDSAT[n] for n in self.names if n in LANDSAT]
            return self.scenes.bands_of(dataset, roles) if roles else ()
        found = [d for d in MODIS_LST.values() if d.id == dataset]
        halves = self._halves(self.names)
        return tuple(d.roles[f"{what}_{h}"] for d in found for h in halves for what in ("lst", "quality"))

    def step(self) -> int:
        """Return how many days an image serves."""
        return self.step_days

    def properties(self) -> dict[str, str]:
        """Return the classes that were masked in Landsat's scenes."""
        return {"mask_classes": ",".join(self.scenes.mask)} if set(self.names) & set(LANDSAT) else {}

    def image(self, site: Site, when: When, names: Sequence[str]) -> ee.Image:
        """Return temperatures; masked where none is known."""
        layers = []
        bands = [n for n in names if n in LANDSAT]
        if bands:
            layers.append(self._filled(lambda days: self._landsat(when, days, bands, site)))
        halves = self._halves(names)
        if halves:
            found = self._filled(lambda days: self._modis(when, days, halves, site))
            if RANGE in names:
                swing = found.select("lst_day").subtract(found.select("lst_night"))
                found = found.addBands(swing.rename(RANGE))
            layers.append(found)
        return ee.Image.cat(layers).select(list(names)).toFloat()

    def _filled(self, made: Callable[[int], ee.Image]) -> ee.Image:
        narrow = made(self.window_days)
        return narrow if self.fill_days == self.window_days else narrow.unmask(made(self.fill_days), False)

    def _landsat(self, when: When, days: int, names: Sequence[str], site: Site) -> ee.Image:
        """Return the median of the clear scenes of some days, °C: as HLS has it."""
        start, end = window(when.center, days)
        roles = [LANDSAT[n] for n in names]
        scenes = clear_reflectance(
            start, end, sensors=("L30",), roles=roles, mask=self.scenes.mask, region=site.region
        )
        return scenes.select(roles, list(names)).merge(no_pixels(names)).median()

    def _modis(self, when: When, days: int, halves: Sequence[str], site: Site) -> ee.Image:
        """Return the mean of the good retrievals of some days, °C."""
        start, end = window(when.center, days)
        names = [f"lst_{h}" for h in halves]
        found = no_pixels(names)
        for satellite in self.satellites:
            product = MODIS_LST[satellite]

            def good(image: ee.Image, product: Dataset = product) -> ee.Image:
                values = image.select([product.roles[n] for n in names], names)
                flags = image.select([product.roles[f"quality_{h}"] for h in halves])
                made = flags.bitwiseAnd(3).lte(1)
                exact = flags.rightShift(6).lte(self.max_error_k - 1)
                kelvin = values.updateMask(made.And(exact)).multiply(LST_SCALE)
                return kelvin.subtract(ZERO_CELSIUS).toFloat()

            scenes = ee.ImageCollection(product.id).filterDate(str(start), str(end)).filterBounds(site.region)
            found = found.merge(scenes.map(good))
        return found.mean()

    def _halves(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(h for h in ("day", "night") if f"lst_{h}" in names or RANGE in names)

    def _sources(self, names: Sequence[str]) -> tuple[str, ...]:
        found = [HLS["L30"].id] if set(names) & set(LANDSAT) else []
        if self._halves(names):
            found += [MODIS_LST[s].id for s in self.satellites]
        return tuple(found)
