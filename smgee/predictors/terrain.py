"""The family ``terrain``: heights, slopes and landforms on a real, projected pixel grid."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from smgee.datasets import DEMS, MERIT_HYDRO, NASADEM
from smgee.errors import InputError
from smgee.grid import PixelGrid
from smgee.late import ee
from smgee.predictors.base import Cadence, Family, Predictor, Site, When
from smgee.predictors.composite import known

NAMES = {
    "elevation": ("m", "elevation"),
    "slope": ("degree", "slope"),
    "aspect": ("degree", "aspect, clockwise from north"),
    "northness": ("1", "cosine of the aspect"),
    "eastness": ("1", "sine of the aspect"),
    "slope_northness": ("1", "sine of the slope times cosine of the aspect"),
    "slope_eastness": ("1", "sine of the slope times sine of the aspect"),
    "curvature": ("m-1", "curvature, minus the Laplacian of elevation; ridges are positive"),
    "wetness": ("1", "topographic wetness index, ln(upslope area per contour length / tan slope)"),
    "drainage_height": ("m", "height above the nearest drainage"),
}
SCALED = {
    "tpi": ("m", "elevation minus its mean within {} m"),
    "roughness": ("m", "standard deviation of elevation within {} m"),
}
"""Names that end with the radius of a circle, m: ``tpi_300``."""

FLOW = {"wetness": "upslope_area", "drainage_height": "drainage_height"}
"""Names made of hydrography, and the roles of its bands."""

# tan(slope) of flat ground: its wetness would be infinite.
LEAST_TANGENT = 1e-3
MOST_PIXELS = 200


class Terrain(Family):
    """Elevation, slope, aspect and landforms of an elevation model on the map lattice.

    ``tpi_300`` and ``roughness_300`` look at a circle of 300 m radius; any radius may stand there.
    ``wetness`` and ``drainage_height`` need MERIT Hydro.

    Attributes
    ----------
    names : tuple of str
        Columns: elevation, slope, aspect, northness, eastness, slope_northness, slope_eastness,
        curvature, tpi_300, roughness_300 (any radius in m), wetness, drainage_height.
    dem : str
        Id of the elevation model on Earth Engine.
    """

    cadence: ClassVar[Cadence] = Cadence.STATIC
    kind: Literal["terrain"] = "terrain"
    names: Annotated[tuple[str, ...], Field(min_length=1)] = ("elevation", "slope", "northness", "eastness")
    dem: str = NASADEM.id

    @field_validator("names")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in NAMES and radius_of(name) is None:
                choices = ", ".join((*NAMES, *(f"{n}_300" for n in SCALED)))
                raise ValueError(
                    f"terrain [{name!r}] not known; choose from {choices}, or another radius in m than 300"
                )
        return value

    @field_validator("dem")
    @classmethod
    def _known_model(cls, value: str) -> str:
        return known("dem", (value,), DEMS)[0]

    def predictors(self) -> tuple[Predictor, ...]:
        """Return one predictor per name."""
        return tuple(Predictor(n, *_told(n), self.cadence, self._source(n)) for n in self.names)

    def datasets(self, start: date, end: date) -> tuple[str, ...]:
        """Return the elevation model, and the hydrography where a name needs it."""
        elevation = {self.dem for n in self.names if n != "drainage_height"}
        return (*elevation, *{MERIT_HYDRO.id for n in self.names if n in FLOW})

    def bands_of(self, dataset: str) -> tuple[str, ...]:
        """Return the band of elevation, or those of hydrography."""
        if dataset == self.dem:
            return (DEMS[self.dem].roles["elevation"],)
        if dataset == MERIT_HYDRO.id:
            return tuple(MERIT_HYDRO.roles[FLOW[n]] for n in self.names if n in FLOW)
        return ()

    def _source(self, name: str) -> str:
        if name == "drainage_height":
            return MERIT_HYDRO.id
        return f"{self.dem}, {MERIT_HYDRO.id}" if name in FLOW else self.dem

    def image(self, site: Site, when: When, names: Sequence[str]) -> ee.Image:
        """Return the terrain on the site's lattice."""
        return terrain(self.dem, names, grid=site.grid)


def radius_of(name: str) -> int | None:
    """Return the radius (m) that a name such as ``tpi_300`` ends with; None for other names."""
    found = re.fullmatch(rf"({'|'.join(SCALED)})_([1-9]\d*)", name)
    return None if found is None else int(found[2])


def _told(name: str) -> tuple[str, str]:
    """Return the unit and the meaning of a name."""
    radius = radius_of(name)
    if radius is None:
        return NAMES[name]
    units, words = SCALED[name.split("_")[0]]
    return units, words.format(radius)


def elevation_on(dem_id: str, grid: PixelGrid) -> ee.Image:
    """Return the elevation (m, float), brought bilinearly onto a lattice."""
    dem = DEMS[dem_id]
    band = dem.roles["elevation"]
    if dem.single:
        source = ee.Image(dem.id).select(band)
    else:
        tiles = ee.ImageCollection(dem.id).select(band)
        source = tiles.mosaic().setDefaultProjection(tiles.first().projection())
    return source.resample("bilinear").reproject(**_lattice(grid)).rename("elevation").toFloat()


def _lattice(grid: PixelGrid) -> dict[str, object]:
    return {"crs": grid.crs, "crsTransform": list(grid.transform)}


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
    names : sequence of str
        Of `NAMES` and `SCALED`, which tell units and meaning. Curvature is that of Zevenbergen & Thorne
        (1987, Earth Surf. Process. Landforms 12:47), profile and plan together and not times 100; the
        topographic position index that of Weiss (2001, ESRI user conference). The wetness index is that of
        Beven & Kirkby (1979, Hydrol. Sci. Bull. 24:43), with the upslope area of MERIT Hydro (Yamazaki et al.
        2019, Water Resour. Res. 55:5053) over the width of its pixels, and a slope of at least 1 m in 1 km.
    grid : PixelGrid
        The projected map lattice.

    Returns
    -------
    ee.Image
        Float bands in the order of `names`.

    Raises
    ------
    InputError
        For a circle of less than one pixel, or more than 200.
    """
    scale = abs(grid.transform[0])
    for name in names:
        radius = radius_of(name)
        if radius is not None and not scale <= radius <= MOST_PIXELS * scale:
            raise InputError(
                f"The radius of {name} must lie between one and {MOST_PIXELS} pixels of the map, {scale:g} "
                f"to {MOST_PIXELS * scale:g} m."
            )
    lattice = _lattice(grid)
    elevation = elevation_on(dem_id, grid)
    slope = ee.Terrain.slope(elevation)
    aspect = ee.Terrain.aspect(elevation)
    radians = aspect.multiply(math.pi / 180)
    steep = slope.multiply(math.pi / 180)
    bands = {
        "elevation": elevation,
        "slope": slope,
        "aspect": aspect,
        "northness": radians.cos(),
        "eastness": radians.sin(),
        "slope_northness": steep.sin().multiply(radians.cos()),
        "slope_eastness": steep.sin().multiply(radians.sin()),
        "curvature": elevation.toDouble().convolve(_laplacian(scale)).multiply(-1),
        "wetness": _flow("wetness").divide(steep.tan().max(LEAST_TANGENT)).log(),
        "drainage_height": _flow("drainage_height").resample("bilinear"),
    }
    layers = [_around(elevation, n, scale) if radius_of(n) else bands[n] for n in names]
    named = [layer.rename(n) for layer, n in zip(layers, names, strict=True)]
    return ee.Image.cat(named).toFloat().reproject(**lattice)


def _laplacian(scale: float) -> ee.Kernel:
    """Return the kernel of the Laplacian of four neighbours, m⁻²."""
    k = 1 / scale**2
    return ee.Kernel.fixed(3, 3, [[0, k, 0], [k, -4 * k, k], [0, k, 0]])


def _around(elevation: ee.Image, name: str, scale: float) -> ee.Image:
    """Return a landform at the scale that its name states."""
    circle = ee.Kernel.circle((radius_of(name) or scale) / scale, "pixels")
    heights = elevation.toDouble()  # squares of heights need more digits than a float has
    mean = heights.convolve(circle)
    if name.startswith("tpi"):
        return heights.subtract(mean)
    return heights.multiply(heights).convolve(circle).subtract(mean.multiply(mean)).max(0).sqrt()


def _flow(name: str) -> ee.Image:
    """Return upslope area over contour length (m), or the height above the nearest drainage (m)."""
    band = ee.Image(MERIT_HYDRO.id).select(MERIT_HYDRO.roles[FLOW[name]])
    return band.multiply(1e6 / MERIT_HYDRO.spacing_m) if name == "wetness" else band
