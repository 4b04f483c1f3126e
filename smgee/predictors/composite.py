"""Windowed median composites with their gaps filled from a wider window, and the families made of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from smgee.datasets import FMASK_BITS, HLS, ROLES
from smgee.options import Options
from smgee.predictors.base import STEP_DAYS, Cadence, Family, Site, When
from smgee.predictors.hls import clear_reflectance

if TYPE_CHECKING:
    import ee

__all__ = ["Composite", "Composited", "Scenes", "composite", "known", "window"]


class Scenes(Options):
    """Which scenes are read, and what is masked in them."""

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
    """How clear scenes are put together into one image per step."""

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

    def among(self, families: Sequence[Family]) -> Self:
        """Return the family with its composite settled, and the bands it shares with the others."""
        others = [f for f in families if isinstance(f, Composited)]
        default = next((f.composite for f in others if f.composite is not None), Composite())
        settled = self.model_copy(update={"composite": self.composite or default})
        alike = [f for f in others if (f.composite or default) == settled.composite]
        settled._shared = tuple({role: None for f in alike for role in f.roles()})
        return settled

    def datasets(self, start: date, end: date) -> tuple[str, ...]:
        """Return the collections of the composite's sensors."""
        return tuple(HLS[s].id for s in self._settings.sensors)

    def bands_of(self, dataset: str) -> tuple[str, ...]:
        """Return the bands of a sensor, and its quality band where classes are masked."""
        return self._settings.bands_of(dataset, self.roles())

    def properties(self) -> dict[str, str]:
        """Return the classes that were masked."""
        return {"mask_classes": ",".join(self._settings.mask)}

    def step(self) -> int:
        """Return how many days a composite serves."""
        return self._settings.step_days

    def reflectance(self, site: Site, when: When) -> ee.Image:
        """Return the shared composite: one float band per role, in the order of `ROLES`."""
        needed = {*self.roles(), *self._shared}
        settings = self._settings
        return composite(
            when.center,
            window_days=settings.window_days,
            fill_days=settings.fill_days,
            sensors=settings.sensors,
            roles=[r for r in ROLES if r in needed],
            mask=settings.mask,
            region=site.region,
        )

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


def composite(
    center: date,
    *,
    window_days: int,
    fill_days: int,
    sensors: Sequence[str],
    roles: Sequence[str],
    mask: Sequence[str],
    region: Any = None,
) -> ee.Image:
    """Return the median clear reflectance around a day.

    A pixel without a clear observation within `window_days` takes the median of `fill_days`; one without any
    stays masked.

    Parameters
    ----------
    center : date
        The day.
    window_days, fill_days : int
        Widths of the window and of the wider one that fills its gaps.
    sensors, roles, mask, region
        As in `clear_reflectance`.

    Returns
    -------
    ee.Image
        One float band per role; Earth Engine's 1° default projection until a grid is asked for.
    """
    import ee

    # A fully masked image keeps the bands known where a window holds no scene at all.
    nothing = ee.ImageCollection(
        [ee.Image.constant([0.0] * len(roles)).rename(list(roles)).toFloat().updateMask(0)]
    )

    def median(days: int) -> ee.Image:
        start, end = window(center, days)
        scenes = clear_reflectance(start, end, sensors=sensors, roles=roles, mask=mask, region=region)
        return scenes.merge(nothing).median().toFloat()

    narrow = median(window_days)
    return narrow if fill_days == window_days else narrow.unmask(median(fill_days), sameFootprint=False)
