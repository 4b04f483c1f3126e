"""The family ``reflectance``: bands of the composites, by role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from smgee.datasets import ROLES
from smgee.predictors.base import Predictor, Site, When
from smgee.predictors.composite import Composite, Composited, known

if TYPE_CHECKING:
    import ee

__all__ = ["Reflectance"]


class Reflectance(Composited):
    """Median clear-sky surface reflectance of HLS around each step."""

    kind: Literal["reflectance"] = "reflectance"
    composite: Composite | None = Composite()
    bands: Annotated[tuple[str, ...], Field(min_length=1)] = tuple(ROLES)

    @field_validator("bands")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known("bands", value, ROLES)

    def predictors(self) -> tuple[Predictor, ...]:
        """Return one predictor per band."""
        return tuple(
            Predictor(b, "1", f"surface reflectance, {b}", self.cadence, "HLS v2.0") for b in self.bands
        )

    def roles(self) -> tuple[str, ...]:
        """Return the bands themselves."""
        return self.bands

    def image(self, site: Site, when: When, names: Sequence[str]) -> ee.Image:
        """Return bands of the composite."""
        return self.reflectance(site, when).select(list(names))
