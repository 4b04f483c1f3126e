"""The family ``soil``: texture, which decides how much water soil holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from smgee.datasets import CLAY, SAND
from smgee.late import ee
from smgee.predictors.base import Cadence, Family, Predictor, Site, When
from smgee.predictors.composite import known

# Column to the product and the role of its band: sand_0cm, clay_10cm, …
NAMES = {role: product for product in (SAND, CLAY) for role in product.roles}


class Soil(Family):
    """Sand and clay by weight at standard depths, of OpenLandMap at 250 m (Hengl 2018, Zenodo 2525662 and
    2525663), interpolated bilinearly.

    Attributes
    ----------
    names : tuple of str
        sand_ or clay_ and a depth: 0cm, 10cm, 30cm, 60cm, 100cm, 200cm.
    """

    cadence: ClassVar[Cadence] = Cadence.STATIC
    kind: Literal["soil"] = "soil"
    names: Annotated[tuple[str, ...], Field(min_length=1)] = ("sand_0cm", "clay_0cm")

    @field_validator("names")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known("soil", value, NAMES)

    def predictors(self) -> tuple[Predictor, ...]:
        """Return one predictor per name."""
        return tuple(
            Predictor(
                n, "%", n.replace("_", " by weight at ").replace("cm", " cm"), self.cadence, NAMES[n].id
            )
            for n in self.names
        )

    def datasets(self, start: date, end: date) -> tuple[str, ...]:
        """Return the products of the columns."""
        return tuple(dict.fromkeys(NAMES[n].id for n in self.names))

    def bands_of(self, dataset: str) -> tuple[str, ...]:
        """Return the bands of a product."""
        return tuple(NAMES[n].roles[n] for n in self.names if NAMES[n].id == dataset)

    def image(self, site: Site, when: When, names: Sequence[str]) -> ee.Image:
        """Return texture, as it lies between the centres of the product's pixels."""
        layers = [ee.Image(NAMES[n].id).select([NAMES[n].roles[n]], [n]).resample("bilinear") for n in names]
        return ee.Image.cat(layers).toFloat()
