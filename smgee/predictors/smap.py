"""The family ``smap``: soil moisture as SMAP or its model has it, coarse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from smgee.datasets import SMAP_9KM, SPL4, smap_9km_ids
from smgee.grid import EASE_CRS, EASE_GRIDS, PixelGrid
from smgee.late import ee
from smgee.predictors.base import Cadence, Family, Predictor, Site, dated, no_pixels
from smgee.predictors.coarse import lattice_around

RETRIEVED = {"smap_am": "am", "smap_pm": "pm"}
MODELLED = {"smap_surface": "surface", "smap_rootzone": "rootzone"}
_WORDS = {
    "smap_am": "SMAP soil moisture of the latest mornings, recommended retrievals",
    "smap_pm": "SMAP soil moisture of the latest evenings, recommended retrievals",
    "smap_surface": "soil moisture of 0-5 cm of the SMAP level-4 model, mean of the day",
    "smap_rootzone": "soil moisture of 0-100 cm of the SMAP level-4 model, mean of the day",
}


class SmapMoisture(Family):
    """Soil moisture of SMAP's 9 km product, or of the model that takes SMAP's measurements in.

    Maps made of it are no independent judges of SMAP: a study that validates SMAP has to allow it, and its
    validation says so in every row. Each column is constant over the 9 km cells of EASE-Grid 2.0.

    Attributes
    ----------
    names : tuple of str
        smap_am and smap_pm, retrievals; or smap_surface and smap_rootzone, the model.
    """

    cadence: ClassVar[Cadence] = Cadence.DAY
    kind: Literal["smap"] = "smap"
    names: Annotated[
        tuple[Literal["smap_am", "smap_pm", "smap_surface", "smap_rootzone"], ...], Field(min_length=1)
    ] = ("smap_am", "smap_pm")
    window_days: Annotated[int, Field(ge=1, le=30)] = Field(
        3, description="retrievals of so many days, that of the map the last, are averaged"
    )
    allow_dependence: bool = Field(
        False, description="keep it where SMAP is validated, which the validation then warns of"
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> SmapMoisture:
        if set(self.names) & set(RETRIEVED) and set(self.names) & set(MODELLED):
            raise ValueError(
                "smap mixes retrievals and model; list one family for smap_am and smap_pm, and one for "
                "smap_surface and smap_rootzone"
            )
        return self

    def predictors(self) -> tuple[Predictor, ...]:
        """Return one predictor per name."""
        source = SPL4.id if self._modelled else SMAP_9KM[0].id.rpartition("/")[0]
        return tuple(Predictor(n, "m3 m-3", _WORDS[n], self.cadence, source) for n in self.names)

    def datasets(self, start: date, end: date) -> tuple[str, ...]:
        """Return the model, or the versions of the product that hold the days and those before."""
        return (SPL4.id,) if self._modelled else tuple(smap_9km_ids(self._first(start), end))

    def period(self, start: date, end: date) -> tuple[date, date]:
        """Return the days and, of the product, those before that are averaged."""
        return start if self._modelled else self._first(start), end

    def bands_of(self, dataset: str) -> tuple[str, ...]:
        """Return the bands read."""
        if self._modelled:
            return tuple(SPL4.roles[MODELLED[n]] for n in self.names) if dataset == SPL4.id else ()
        halves = [RETRIEVED[n] for n in self.names] if dataset in {d.id for d in SMAP_9KM} else []
        return tuple(f"{band}_{h}" for h in halves for band in ("soil_moisture", "retrieval_qual_flag"))

    def lattice(self, site: Site) -> PixelGrid:
        """Return the 9 km cells of EASE-Grid 2.0 around the site: the product's own, of which Earth Engine
        holds a copy in degrees.
        """
        ease = EASE_GRIDS["M09"]
        corner = (ease.cell_size, 0.0, ease.left, 0.0, -ease.cell_size, ease.top)
        return lattice_around(site, PixelGrid(EASE_CRS, corner, ease.cols, ease.rows))

    def images(self, site: Site, days: Sequence[date], names: Sequence[str]) -> ee.Image:
        """Return soil moisture of several days; masked where there is none."""
        lattice = self.lattice(site)
        layers = [self._mean(day, names).rename([dated(n, day) for n in names]) for day in days]
        image = ee.Image.cat(layers).toFloat()
        return image.reproject(crs=lattice.crs, crsTransform=list(lattice.transform))

    def _mean(self, day: date, names: Sequence[str]) -> ee.Image:
        """Return the mean of what is known of a day, or of the days up to it."""
        end = day + timedelta(days=1)
        found = no_pixels(names)
        if self._modelled:
            model = ee.ImageCollection(SPL4.id).filterDate(str(day), str(end))
            found = found.merge(model.select([SPL4.roles[MODELLED[n]] for n in names], list(names)))
            return found.mean()

        def recommended(image: ee.Image) -> ee.Image:
            halves = [RETRIEVED[n] for n in names]
            values = image.select([f"soil_moisture_{h}" for h in halves], list(names))
            return values.updateMask(image.select([f"retrieval_qual_flag_{h}" for h in halves]).eq(0))

        first = self._first(day)
        for version in smap_9km_ids(first, end):
            scenes = ee.ImageCollection(version).filterDate(str(first), str(end))
            found = found.merge(scenes.map(recommended))
        return found.mean()

    @property
    def _modelled(self) -> bool:
        return self.names[0] in MODELLED

    def _first(self, day: date) -> date:
        return day - timedelta(days=self.window_days - 1)
