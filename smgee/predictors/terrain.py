"""The family ``terrain``: elevation and slopes on a real, projected pixel grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from smgee.datasets import DEMS, NASADEM
from smgee.grid import PixelGrid
from smgee.predictors.base import Cadence, Family, Predictor, Site, When
from smgee.predictors.composite import known

if TYPE_CHECKING:
    import ee

__all__ = ["Terrain", "terrain"]

NAMES = {
    "elevation": ("m", "elevation"),
    "slope": ("degree", "slope"),
    "aspect": ("degree", "aspect, clockwise from north"),
    "northness": ("1", "cosine of the aspect"),
    "eastness": ("1", "sine of the aspect"),
}


class Terrain(Family):
    """Elevation, slope and aspect of an elevation model on the map lattice."""

    cadence: ClassVar[Cadence] = Cadence.STATIC
    kind: Literal["terrain"] = "terrain"
    names: Annotated[tuple[str, ...], Field(min_length=1)] = ("elevation", "slope", "northness", "eastness")
    dem: str = NASADEM.id

    @field_validator("names")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known("terrain", value, NAMES)

    @field_validator("dem")
    @classmethod
    def _known_model(cls, value: str) -> str:
        return known("dem", (value,), DEMS)[0]

    def predictors(self) -> tuple[Predictor, ...]:
        """Return one predictor per name."""
        return tuple(Predictor(n, *NAMES[n], self.cadence, self.dem) for n in self.names)

    def datasets(self, start: date, end: date) -> tuple[str, ...]:
        """Return the elevation model."""
        return (self.dem,)

    def bands_of(self, dataset: str) -> tuple[str, ...]:
        """Return the band of elevation."""
        return (DEMS[self.dem].roles["elevation"],) if dataset == self.dem else ()

    def image(self, site: Site, when: When, names: Sequence[str]) -> ee.Image:
        """Return the terrain on the site's lattice."""
        return terrain(self.dem, names, grid=site.grid)


def terrain(dem_id: str, names: Sequence[str], *, grid: PixelGrid) -> ee.Image:
    """Return terrain bands computed in the map's projection.

    Slope on a mosaic's 1° default projection, or on degrees, is wrong; so the elevation is brought bilinearly
    onto the map's lattice first, and the four-neighbour gradient of ``ee.Terrain`` is taken there, whatever
    grid is asked for: Earth Engine would take it on the asked-for grid, and a map zoomed in would show the
    flat tops and the edges of the lattice's pixels instead of slopes.

    Parameters
    ----------
    dem_id : str
        One of `smgee.datasets.DEMS`.
    names : sequence of {"elevation", "slope", "aspect", "northness", "eastness"}
        elevation in m; slope and aspect in degrees (aspect clockwise from north); northness and eastness are
        cosine and sine of the aspect.
    grid : PixelGrid
        The projected map lattice.

    Returns
    -------
    ee.Image
        Float bands in the order of `names`.
    """
    import ee

    dem = DEMS[dem_id]
    band = dem.roles["elevation"]
    if dem.single:
        source = ee.Image(dem.id).select(band)
    else:
        tiles = ee.ImageCollection(dem.id).select(band)
        source = tiles.mosaic().setDefaultProjection(tiles.first().projection())
    lattice = {"crs": grid.crs, "crsTransform": list(grid.transform)}
    elevation = source.resample("bilinear").reproject(**lattice).rename("elevation").toFloat()
    aspect = ee.Terrain.aspect(elevation)
    radians = aspect.multiply(math.pi / 180)
    bands = {
        "elevation": elevation,
        "slope": ee.Terrain.slope(elevation),
        "aspect": aspect,
        "northness": radians.cos(),
        "eastness": radians.sin(),
    }
    return ee.Image.cat([bands[n].rename(n) for n in names]).toFloat().reproject(**lattice)
