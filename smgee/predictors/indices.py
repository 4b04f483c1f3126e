"""The family ``indices``: spectral indices by the formulas of Awesome Spectral Indices (Montero et al. 2023,
Sci. Data 10:197), through spyndex.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from smgee.datasets import ROLES
from smgee.errors import InputError
from smgee.predictors.base import Predictor, Site, When
from smgee.predictors.composite import Composited

if TYPE_CHECKING:
    import ee

__all__ = ["Indices", "add_indices", "formula"]

COMMON = (
    *("NDVI", "EVI", "SAVI", "MSAVI", "GNDVI", "NDWI", "MNDWI"),
    *("NDMI", "MSI", "NBR", "NBR2", "BI", "NMDI"),
)
"""Indices of greenness and of water in leaves and soil that both HLS sensors can give."""

# Where the catalogue's common default is not the index's published constant: Huete 1988 (Remote Sens.
# Environ. 25:295) takes L = 0.5 for SAVI.
_CONSTANTS = {"SAVI": {"L": 0.5}}


class Indices(Composited):
    """Spectral indices of the composites.

    Attributes
    ----------
    names : tuple of str
        Short names of Awesome Spectral Indices, such as NDVI.
    """

    kind: Literal["indices"] = "indices"
    names: Annotated[tuple[str, ...], Field(min_length=1)] = COMMON

    @field_validator("names")
    @classmethod
    def _to_be_had(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            try:
                formula(name)
            except InputError as error:
                raise ValueError(str(error)) from error
        return value

    def predictors(self) -> tuple[Predictor, ...]:
        """Return one predictor per index."""
        import spyndex

        return tuple(
            Predictor(n, "1", spyndex.indices[n].long_name, self.cadence, "HLS v2.0") for n in self.names
        )

    def roles(self) -> tuple[str, ...]:
        """Return the bands in the formulas."""
        return tuple({role: None for name in self.names for role in formula(name)[2]})

    def image(self, site: Site, when: When, names: Sequence[str]) -> ee.Image:
        """Return the indices of the composite."""
        return add_indices(self.reflectance(site, when), names).select(list(names))


def formula(name: str) -> tuple[str, dict[str, float], tuple[str, ...]]:
    """Look an index up.

    Parameters
    ----------
    name : str
        Short name in Awesome Spectral Indices, e.g. ``"NDMI"``.

    Returns
    -------
    text : str
        The formula, in the catalogue's band symbols.
    constants : dict
        Values of the constants in it.
    roles : tuple of str
        The optical roles it reads.

    Raises
    ------
    InputError
        For an index that is not in the catalogue, or that needs a band which HLS L30 and S30 do not share.
    """
    import spyndex

    if name not in spyndex.indices:
        raise InputError(
            f"The index {name!r} is not in Awesome Spectral Indices; give one of its short names, such as "
            "NDVI or NDMI."
        )
    index = spyndex.indices[name]
    symbols = {symbol: role for role, symbol in ROLES.items()}
    constants: dict[str, float] = {}
    roles = []
    for part in index.bands:
        if part in symbols:
            roles.append(symbols[part])
            continue
        constant = spyndex.constants.get(part)
        value = _CONSTANTS.get(name, {}).get(part, constant.default if constant is not None else None)
        if value is None:
            raise InputError(
                f"The index {name} needs {part}, which HLS L30 and S30 do not share; choose an index of "
                f"{', '.join(symbols)}."
            )
        constants[part] = float(value)
    return index.formula, constants, tuple(roles)


def add_indices(image: ee.Image, names: Sequence[str]) -> ee.Image:
    """Return the image with one float band per index appended; reflectance bands are found by role.

    The formulas go through ``ee.Image.expression``, not ``normalizedDifference``, which masks the slightly
    negative reflectances that HLS has over dark targets. A zero denominator gives 0, as Earth Engine divides.
    """
    import ee

    for name in names:
        text, constants, roles = formula(name)
        bands = {ROLES[role]: image.select(role) for role in roles}
        numbers = {key: ee.Image.constant(value) for key, value in constants.items()}
        image = image.addBands(image.expression(text, {**bands, **numbers}).toFloat().rename(name))
    return image
