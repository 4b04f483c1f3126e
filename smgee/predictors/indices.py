"""The family ``indices``: spectral indices of the composites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from smgee.datasets import ROLES
from smgee.errors import InputError
from smgee.late import ee
from smgee.predictors.base import Integers, Predictor, Site, When
from smgee.predictors.composite import Composited
from smgee.predictors.edges import Edges
from smgee.predictors.formulas import find_formula

COMMON = (
    *("NDVI", "EVI", "SAVI", "MSAVI", "GNDVI", "NDWI", "MNDWI"),
    *("NDMI", "MSI", "NBR", "NBR2", "BI", "NMDI"),
)
"""Indices of greenness and of water in leaves and soil that both HLS sensors can give."""


class Indices(Composited):
    """Spectral indices of the composites.

    Attributes
    ----------
    names : tuple of str
        Short names of Awesome Spectral Indices, such as NDVI; or VSDI, STR, OPTRAM.
    """

    kind: Literal["indices"] = "indices"
    names: Annotated[tuple[str, ...], Field(min_length=1)] = COMMON
    edges: Edges | None = Field(
        None, description="lines of dry and wet ground of OPTRAM, as smgee.predictors.fit_edges finds them"
    )

    @model_validator(mode="after")
    def _to_be_had(self) -> Indices:
        for name in self.names:
            try:
                find_formula(name, self.edges)
            except InputError as error:
                raise ValueError(str(error)) from error
        return self

    def predictors(self) -> tuple[Predictor, ...]:
        """Return one predictor per index."""
        told = [(n, find_formula(n, self.edges).long_name) for n in self.names]
        return tuple(Predictor(n, "1", words, self.cadence, "HLS v2.0") for n, words in told)

    def roles(self) -> tuple[str, ...]:
        """Return the bands in the formulas."""
        return tuple({role: None for name in self.names for role in find_formula(name, self.edges).roles})

    def integers(self, site: Site, when: When, names: Sequence[str]) -> Integers | None:
        """Return how the indices follow from reflectance."""
        formulas = {n: find_formula(n, self.edges) for n in names}
        roles = tuple(r for r in ROLES if any(r in f.roles for f in formulas.values()))
        return self.of_reflectance(
            site, when, names, roles, lambda bands: {n: f.in_single(bands) for n, f in formulas.items()}
        )

    def image(self, site: Site, when: When, names: Sequence[str]) -> ee.Image:
        """Return the indices of the composite."""
        return add_indices(self.reflectance(site, when), names, edges=self.edges).select(list(names))


def formula(name: str) -> tuple[str, dict[str, float], tuple[str, ...]]:
    """Return the text, the constants and the roles of an index (see `smgee.predictors.formulas`)."""
    found = find_formula(name)
    return found.text, dict(found.constants), found.roles


def add_indices(image: ee.Image, names: Sequence[str], *, edges: Edges | None = None) -> ee.Image:
    """Return the image with one float band per index appended; reflectance bands are found by role.

    The formulas go through ``ee.Image.expression``, not ``normalizedDifference``, which masks the slightly
    negative reflectances that HLS has over dark targets. A zero denominator gives 0, as Earth Engine divides.
    They are computed in double precision, whose digits do not hang on the types of numbers in a formula, so
    that an index computed elsewhere is the same to the last bit.
    """
    for name in names:
        index = find_formula(name, edges)
        bands = {ROLES[role]: image.select(role).toDouble() for role in index.roles}
        numbers = {key: ee.Image.constant(value) for key, value in index.constants.items()}
        image = image.addBands(image.expression(index.text, {**bands, **numbers}).toFloat().rename(name))
    return image
