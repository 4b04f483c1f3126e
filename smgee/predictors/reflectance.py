"""The family ``reflectance``: bands of the composites, by role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, field_validator

from smgee.datasets import ROLES
from smgee.late import ee
from smgee.predictors.base import Integers, Predictor, Site, When
from smgee.predictors.composite import Composite, Composited, known

_ABOUT = {
    "observation_age": ("day", "age of the observations; negative after the day"),
    "fill_code": ("1", "0 observed within the window, 1 within the wider one"),
    "observation_count": ("1", "number of clear observations"),
}


class Reflectance(Composited):
    """Clear-sky surface reflectance of HLS around each step, and what is known of its observations.

    Attributes
    ----------
    composite : Composite
        How clear scenes are put together; families after this one share it.
    bands : tuple of str
        Bands by role: blue, green, red, nir, swir1, swir2.
    """

    kind: Literal["reflectance"] = "reflectance"
    composite: Composite | None = Composite()
    bands: Annotated[tuple[str, ...], Field(min_length=1)] = tuple(ROLES)
    observations: tuple[Literal["observation_age", "fill_code", "observation_count"], ...] = Field(
        (), description="further columns: what is known of the observations behind a pixel"
    )

    @field_validator("bands")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known("bands", value, ROLES)

    def predictors(self) -> tuple[Predictor, ...]:
        """Return one predictor per band, then those of the observations."""
        bands = [(b, "1", f"surface reflectance, {b}") for b in self.bands]
        about = [(n, *_ABOUT[n]) for n in self.observations]
        return tuple(Predictor(*told, self.cadence, "HLS v2.0") for told in (*bands, *about))

    def roles(self) -> tuple[str, ...]:
        """Return the bands themselves."""
        return self.bands

    def about(self) -> tuple[str, ...]:
        """Return the columns of the observations."""
        return self.observations

    def integers(self, site: Site, when: When, names: Sequence[str]) -> Integers | None:
        """Return the bands themselves, without the columns of the observations."""
        some = [n for n in names if n in self.bands]
        return self.of_reflectance(site, when, some, some, lambda bands: {n: bands[n] for n in some})

    def image(self, site: Site, when: When, names: Sequence[str]) -> ee.Image:
        """Return bands of the composite."""
        return self.reflectance(site, when).select(list(names))
