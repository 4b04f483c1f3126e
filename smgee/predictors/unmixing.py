"""The family ``unmixing``: fractions of green and dry vegetation, soil and shade, or of what one names."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator, model_validator

from smgee.datasets import ROLES
from smgee.late import ee
from smgee.options import from_study_file
from smgee.predictors.base import Predictor, Site, When
from smgee.predictors.composite import Composited, known

SHADE = "shade"
RMSE = "unmixing_rmse"


class Unmixing(Composited):
    """Fractions of endmembers in the composites, by linear unmixing (Adams et al. 1986, J. Geophys. Res.
    91:8098).

    `endmembers` gives the reflectance of each by band, such as ``{green: {red: 0.04, nir: 0.45}, …}``, or is
    the path of a CSV file with columns ``endmember`` and the bands, which is read when the study is.

    Attributes
    ----------
    sum_to_one : bool
        Whether the fractions of a pixel sum to one.
    non_negative : bool
        Whether no fraction is negative.
    """

    kind: Literal["unmixing"] = "unmixing"
    endmembers: dict[str, dict[str, float]] = Field(
        description="reflectance by endmember and band, or a CSV file of it"
    )
    shade: bool = Field(
        True, description="add shade, which reflects nothing, where fractions sum to one and so can tell it"
    )
    sum_to_one: bool = True
    non_negative: bool = True
    rmse: bool = Field(False, description=f"add what the fractions leave over, as the column {RMSE}")

    @field_validator("endmembers", mode="before")
    @classmethod
    def _from_file(cls, value: Any, info: ValidationInfo) -> Any:
        return read_endmembers(from_study_file(value, info)) if isinstance(value, str) else value

    @field_validator("endmembers")
    @classmethod
    def _reflectances(cls, value: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        if not value:
            raise ValueError("endmembers is empty; give the reflectance of one at least")
        for name, spectrum in value.items():
            if not name.isidentifier():
                raise ValueError(
                    f"endmember {name!r} cannot name a column; use letters, digits and _, such as bare_soil"
                )
            known(f"bands of {name}", tuple(spectrum), ROLES)
            wrong = {role: v for role, v in spectrum.items() if not -0.1 <= v <= 1.5}
            if wrong:
                raise ValueError(f"the reflectance of {name} is {wrong}; give unit reflectance, 0 to 1")
        bands = {name: tuple(r for r in ROLES if r in spectrum) for name, spectrum in value.items()}
        if len(set(bands.values())) > 1:
            told = "; ".join(f"{name}: {', '.join(of)}" for name, of in bands.items())
            raise ValueError(f"the endmembers have different bands ({told}); give each the same")
        return value

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Unmixing:
        spectra = self.spectra()
        if self.sum_to_one:  # which is one more equation
            spectra = np.column_stack([spectra, np.ones(len(spectra))])
        if np.linalg.matrix_rank(spectra) < len(spectra):
            raise ValueError(
                f"the {len(spectra)} endmembers {', '.join(self.members)} cannot be told apart in the bands "
                f"{', '.join(self.roles())}; give fewer or more different ones, or more bands"
            )
        return self

    @property
    def members(self) -> tuple[str, ...]:
        """The endmembers, in the order of the fractions."""
        shaded = self.shade and self.sum_to_one and SHADE not in self.endmembers
        return (*self.endmembers, *((SHADE,) if shaded else ()))

    def spectra(self) -> np.ndarray:
        """Return the reflectance of each endmember, (endmember, band)."""
        roles = self.roles()
        return np.array([[self.endmembers.get(m, {}).get(r, 0.0) for r in roles] for m in self.members])

    def predictors(self) -> tuple[Predictor, ...]:
        """Return one fraction per endmember, and the residual where it is wanted."""
        told = [(f"f_{m}", f"fraction of {m.replace('_', ' ')}") for m in self.members]
        if self.rmse:
            told.append((RMSE, "root mean square of the reflectance that the fractions leave over"))
        return tuple(Predictor(n, "1", words, self.cadence, "HLS v2.0") for n, words in told)

    def roles(self) -> tuple[str, ...]:
        """Return the bands of the endmembers."""
        first = next(iter(self.endmembers.values()))
        return tuple(r for r in ROLES if r in first)

    def image(self, site: Site, when: When, names: Sequence[str]) -> ee.Image:
        """Return fractions of the composite."""
        bands = self.reflectance(site, when).select(list(self.roles()))
        spectra = self.spectra()
        fractions = bands.unmix(spectra.tolist(), self.sum_to_one, self.non_negative)
        image = fractions.rename([f"f_{m}" for m in self.members])
        if RMSE in names:
            modelled = [
                fractions.multiply(ee.Image.constant(column.tolist())).reduce(ee.Reducer.sum())
                for column in spectra.T
            ]
            left = bands.subtract(ee.Image.cat(modelled))
            rmse = left.multiply(left).reduce(ee.Reducer.mean()).sqrt()
            image = image.addBands(rmse.rename(RMSE))
        return image.select(list(names)).toFloat()


def read_endmembers(path: str | Path) -> Mapping[str, Mapping[str, float]]:
    """Return the reflectance of endmembers by name and band, from a CSV file.

    Parameters
    ----------
    path : path-like
        Its columns are ``endmember`` and bands by role (`smgee.datasets.ROLES`), unit reflectance.

    Raises
    ------
    ValueError
        For a file that cannot be read, has other columns, or values that are no numbers.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the file {path} cannot be read: {error}") from error
    columns = list(rows[0]) if rows else []
    bands = [c for c in columns if c in ROLES]
    if "endmember" not in columns or len(bands) + 1 != len(columns):
        raise ValueError(
            f"the file {path} has the columns {', '.join(map(str, columns)) or 'of none'}; it needs "
            f"endmember and some of {', '.join(ROLES)}"
        )
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        name = row["endmember"].strip()
        if name in found:
            raise ValueError(f"the file {path} has the endmember {name} twice")
        found[name] = {b: _number(row[b], f"{b} of {name} in {path}") for b in bands}
    return found


def _number(text: str | None, what: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{what} is {text!r}, which is no number")
    return value
