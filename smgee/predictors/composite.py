"""Windowed composites with their gaps filled from a wider window, and the families made of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, PrivateAttr, field_validator, model_validator

from smgee.datasets import FMASK_BITS, HLS, ROLES
from smgee.late import ee
from smgee.options import Options
from smgee.predictors.base import STEP_DAYS, Cadence, Family, Integers, Site, When, no_pixels
from smgee.predictors.hls import clear_reflectance

Method = Literal["median", "medoid", "weighted"]

STEPPED = ("median", "medoid")
"""Methods whose reflectance is a whole number of steps."""

ABOUT = ("observation_age", "fill_code", "observation_count")
"""What a composite can say of itself, as bands."""

PER_UNIT = 20_000
"""Steps of composited reflectance: HLS has 10,000, and a median may lie halfway between two of them."""

_MOST = 32_767  # steps: the greatest whole number of 16 bits, a reflectance of 1.638; HLS is valid to 1.6


class Scenes(Options):
    """Which scenes are read, and what is masked in them.

    Attributes
    ----------
    sensors : tuple of str
        Sensors of HLS v2.0: `L30` (Landsat), `S30` (Sentinel-2).
    mask : tuple of str
        Classes of the Fmask band that are left out: cloud, adjacent (to cloud or shadow), shadow, snow,
        water.
    """

    sensors: tuple[str, ...] = tuple(HLS)
    mask: tuple[str, ...] = ("cloud", "adjacent", "shadow", "snow")

    @field_validator("sensors")
    @classmethod
    def _known_sensors(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError(f"sensors is empty; choose from {', '.join(HLS)}")
        return known("sensors", value, HLS)

    @field_validator("mask")
    @classmethod
    def _known_classes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known("mask", value, FMASK_BITS)

    def bands_of(self, dataset: str, roles: Sequence[str]) -> tuple[str, ...]:
        """Return a sensor's bands of some roles, and its quality band where classes are masked."""
        needed = (*roles, *(("quality",) if self.mask else ()))
        return tuple(d.roles[r] for d in HLS.values() if d.id == dataset for r in needed)


class Composite(Scenes):
    """How clear scenes are put together into one image per step.

    Attributes
    ----------
    window_days : int
        Days of scenes that make an image, centred on the step.
    fill_days : int
        Days of scenes that fill the pixels which `window_days` leave empty; at least as many.
    step_days : int
        Days that one image serves.
    """

    method: Method = Field(
        "median",
        description="median of each band; medoid, the scene nearest to the medians; or mean weighted by time",
    )
    window_days: Annotated[int, Field(ge=1, le=120)] = 16
    fill_days: Annotated[int, Field(ge=1, le=366)] = 48
    step_days: Annotated[int, Field(ge=1, le=31)] = STEP_DAYS

    @model_validator(mode="after")
    def _wider(self) -> Composite:
        if self.fill_days < self.window_days:
            raise ValueError(f"fill_days {self.fill_days} is shorter than window_days {self.window_days}")
        return self


class Composited(Family):
    """A family made of composites of reflectance.

    Families of one study with equal composites share one image, which holds the bands that any of them needs:
    Earth Engine computes it once. A family that states no composite takes that of the first which does.
    """

    cadence: ClassVar[Cadence] = Cadence.STEP
    composite: Composite | None = Field(
        None, description="how scenes are composited; left out, as for the first family that says it"
    )
    _shared: tuple[str, ...] = PrivateAttr(())

    def roles(self) -> tuple[str, ...]:
        """Return the bands of the composite that the family needs, by role."""
        raise NotImplementedError

    def about(self) -> tuple[str, ...]:
        """Return what the family takes of `ABOUT`."""
        return ()

    def among(self, families: Sequence[Family]) -> Self:
        """Return the family with its composite settled, and the bands it shares with the others."""
        others = [f for f in families if isinstance(f, Composited)]
        default = next((f.composite for f in others if f.composite is not None), Composite())
        settled = self.model_copy(update={"composite": self.composite or default})
        alike = [f for f in others if (f.composite or default) == settled.composite]
        settled._shared = tuple({role: None for f in alike for role in (*f.roles(), *f.about())})
        return settled

    def datasets(self, start: date, end: date) -> tuple[str, ...]:
        """Return the collections of the composite's sensors."""
        return tuple(HLS[s].id for s in self._settings.sensors)

    def period(self, start: date, end: date) -> tuple[date, date]:
        """Return the days from the first composite's wider window to the end of the last one's."""
        return windows(start, end, self.step(), self._settings.fill_days)

    def bands_of(self, dataset: str) -> tuple[str, ...]:
        """Return the bands of a sensor, and its quality band where classes are masked."""
        settings = self._settings
        return settings.bands_of(dataset, tuple(ROLES) if settings.method == "medoid" else self.roles())

    def properties(self) -> dict[str, str]:
        """Return the classes that were masked."""
        return {"mask_classes": ",".join(self._settings.mask)}

    def step(self) -> int:
        """Return how many days a composite serves."""
        return self._settings.step_days

    def reflectance(self, site: Site, when: When) -> ee.Image:
        """Return the shared composite: one float band per role, in the order of `ROLES`, then what it says of
        itself.
        """
        needed = {*self.roles(), *self.about(), *self._shared}
        return composite(
            when.center, **self._arguments(site, needed), about=[a for a in ABOUT if a in needed]
        )

    def _arguments(self, site: Site, roles: Collection[str]) -> dict[str, Any]:
        settings = self._settings
        return {
            "method": settings.method,
            "window_days": settings.window_days,
            "fill_days": settings.fill_days,
            "sensors": settings.sensors,
            # Which scene is nearest must not depend on the bands that happen to be asked for.
            "roles": [r for r in ROLES if r in roles or settings.method == "medoid"],
            "mask": settings.mask,
            "region": site.region,
        }

    def of_reflectance(
        self,
        site: Site,
        when: When,
        names: Sequence[str],
        roles: Sequence[str],
        derive: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]],
    ) -> Integers | None:
        """Return how predictors follow from the reflectance of some roles; None where it is not in steps."""
        if not roles or self._settings.method not in STEPPED:
            return None

        def build(bands: Sequence[str]) -> ee.Image:
            return steps(unstepped(when.center, **self._arguments(site, bands)).select(list(bands)))

        return Integers(tuple(names), tuple(roles), PER_UNIT, self._settings, build, derive)

    @property
    def _settings(self) -> Composite:
        return self.composite or Composite()


def known(what: str, given: tuple[str, ...], allowed: Any) -> tuple[str, ...]:
    """Return the names given, or refuse those that are not allowed."""
    unknown = [g for g in given if g not in allowed]
    if unknown:
        raise ValueError(f"{what} {unknown} not known; choose from {', '.join(allowed)}")
    return given


def window(center: date, days: int) -> tuple[date, date]:
    """Return [start, end) of `days` days centred on a day; an even window has its extra day before the
    centre.
    """
    start = center - timedelta(days=days // 2)
    return start, start + timedelta(days=days)


def windows(start: date, end: date, step_days: int, days: int) -> tuple[date, date]:
    """Return the days from the first step's window of `days` to the end of the last one's, where steps of
    `step_days` make up the days [start, end).
    """
    last = start + timedelta(days=((end - start).days - 1) // step_days * step_days)
    first, final = (window(day + timedelta(days=step_days // 2), days) for day in (start, last))
    return first[0], final[1]


def composite(
    center: date,
    *,
    window_days: int,
    fill_days: int,
    sensors: Sequence[str],
    roles: Sequence[str],
    mask: Sequence[str],
    region: Any = None,
    method: Method = "median",
    about: Sequence[str] = (),
) -> ee.Image:
    """Return the clear reflectance around a day.

    A pixel without a clear observation within `window_days` takes that of `fill_days`; one without any stays
    masked.

    Parameters
    ----------
    center : date
        The day.
    window_days, fill_days : int
        Widths of the window and of the wider one that fills its gaps.
    sensors, roles, mask, region
        As in `clear_reflectance`.
    method : {"median", "medoid", "weighted"}
        ``median`` takes each band's own. ``medoid`` takes all bands from the scene nearest to the medians (by
        the sum of squared differences, as Kennedy et al. 2018, Remote Sens. 10:691, for the medoid of Flood
        2013, Remote Sens. 5:6481). ``weighted`` is the mean, with weights that fall linearly from 1 at noon
        of the day to 0 one day beyond half the window.
    about : sequence of {"observation_age", "fill_code", "observation_count"}
        Further bands. Age in days, noon (UTC) of the day minus the time of observation, so that it is
        negative for later ones, put together as the reflectance is; 0 where the window held an observation
        and 1 where the wider one filled the gap; and the number of clear observations in that window.

    Returns
    -------
    ee.Image
        One float band per role, and per item of `about`; Earth Engine's 1° default projection until a grid is
        asked for. Medians and medoids are in steps of 1 / `PER_UNIT`, not beyond ±1.638.
    """
    image = unstepped(
        center,
        window_days=window_days,
        fill_days=fill_days,
        sensors=sensors,
        roles=roles,
        mask=mask,
        region=region,
        method=method,
        about=about,
    )
    if method not in STEPPED:
        return image
    stepped = steps(image.select(list(roles))).divide(PER_UNIT).toFloat()
    return stepped.addBands(image.select(list(about))) if about else stepped


def steps(reflectance: ee.Image) -> ee.Image:
    """Return reflectance as 16-bit integers, `PER_UNIT` to 1; −32,768 is none of them."""
    return reflectance.multiply(PER_UNIT).round().clamp(-_MOST, _MOST).toInt16()


def unstepped(
    center: date,
    *,
    window_days: int,
    fill_days: int,
    sensors: Sequence[str],
    roles: Sequence[str],
    mask: Sequence[str],
    region: Any = None,
    method: Method = "median",
    about: Sequence[str] = (),
) -> ee.Image:
    """Return what `composite` does, in the digits that the service computes it in."""
    bands = [*roles, *(["observation_age"] if "observation_age" in about or method == "weighted" else [])]

    def within(days: int, code: int) -> ee.Image:
        start, end = window(center, days)
        scenes = clear_reflectance(start, end, sensors=sensors, roles=roles, mask=mask, region=region)
        if len(bands) > len(roles):
            scenes = scenes.map(partial(_aged, center=center))
        scenes = scenes.merge(no_pixels(bands))
        image = _put_together(scenes, method, bands=bands, roles=roles, days=days).toFloat()
        return _described(image, scenes, code, about).select([*roles, *about]) if about else image

    narrow = within(window_days, 0)
    return narrow if fill_days == window_days else narrow.unmask(within(fill_days, 1), sameFootprint=False)


def _put_together(
    scenes: ee.ImageCollection, method: Method, *, bands: list[str], roles: Sequence[str], days: int
) -> ee.Image:
    """Return one image of scenes, with their bands."""
    if method == "median":
        return scenes.median()
    scenes = scenes.map(_whole)
    if method == "weighted":
        return _weighted(scenes, bands, reach=days / 2 + 1)
    medians = scenes.select(list(roles)).median()

    def nearness(image: ee.Image) -> ee.Image:
        away = image.select(list(roles)).subtract(medians)
        return image.addBands(away.multiply(away).reduce(ee.Reducer.sum()).multiply(-1).rename("nearness"))

    return scenes.map(nearness).qualityMosaic("nearness").select(bands)


def _weighted(scenes: ee.ImageCollection, bands: list[str], *, reach: float) -> ee.Image:
    """Return the mean with weights that fall to 0 at an age of `reach` days."""

    def weighed(image: ee.Image) -> ee.Image:
        weight = image.select("observation_age").abs().divide(-reach).add(1)
        return image.multiply(weight).addBands(weight.rename("weight"))

    total = scenes.map(weighed).sum()
    return total.select(bands).divide(total.select("weight"))


def _whole(image: ee.Image) -> ee.Image:
    """Return a scene without pixels that lack a band: they are near to nothing, and weigh wrongly."""
    return image.updateMask(image.mask().reduce(ee.Reducer.min()))


def _aged(image: ee.Image, center: date) -> ee.Image:
    """Return a scene with its age (days) at noon of a day."""
    noon = ee.Date(f"{center}T12:00:00")
    age = ee.Image.constant(noon.difference(image.date(), "day")).toFloat().rename("observation_age")
    return image.addBands(age.updateMask(image.select(0).mask()))


def _described(image: ee.Image, scenes: ee.ImageCollection, code: int, about: Sequence[str]) -> ee.Image:
    """Return a composite with its fill code, and the number of observations behind it."""
    seen = image.select(0).mask()
    bands = {
        "fill_code": ee.Image.constant(code),
        "observation_count": scenes.select([0]).count(),
    }
    for name in [n for n in about if n in bands]:
        image = image.addBands(bands[name].toFloat().rename(name).updateMask(seen))
    return image
