"""The family ``insolation``: what a cloudless sun gives each slope on a day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from smgee.datasets import DEMS, NASADEM
from smgee.late import ee
from smgee.predictors.base import STEP_DAYS, Cadence, Family, Predictor, Site, When
from smgee.predictors.composite import known
from smgee.predictors.terrain import elevation_on

SOLAR_CONSTANT = 1367.0
"""W m⁻², that of FAO-56 (0.0820 MJ m⁻² min⁻¹)."""

# Half hours of the day: the daily mean lies within 0.4 % of the integral.
STEPS = 48


class Insolation(Family):
    """Potential insolation of the pixel's slope on the centre day of each step, without clouds.

    Steps of one day (``step_days: 1``) give each day its own.

    Attributes
    ----------
    names : tuple of str
        The one column there is.
    dem : str
        Id of the elevation model on Earth Engine.
    step_days : int
        Days that one image serves.
    """

    cadence: ClassVar[Cadence] = Cadence.STEP
    kind: Literal["insolation"] = "insolation"
    names: Annotated[tuple[Literal["insolation"], ...], Field(min_length=1)] = ("insolation",)
    dem: str = NASADEM.id
    step_days: Annotated[int, Field(ge=1, le=31)] = STEP_DAYS

    @field_validator("dem")
    @classmethod
    def _known_model(cls, value: str) -> str:
        return known("dem", (value,), DEMS)[0]

    def predictors(self) -> tuple[Predictor, ...]:
        """Return the daily mean, W m⁻²."""
        return tuple(
            Predictor(n, "W m-2", "clear-sky potential insolation, daily mean", self.cadence, self.dem)
            for n in self.names
        )

    def datasets(self, start: date, end: date) -> tuple[str, ...]:
        """Return the elevation model."""
        return (self.dem,)

    def bands_of(self, dataset: str) -> tuple[str, ...]:
        """Return the band of elevation."""
        return (DEMS[self.dem].roles["elevation"],) if dataset == self.dem else ()

    def step(self) -> int:
        """Return how many days one day's insolation stands for."""
        return self.step_days

    def image(self, site: Site, when: When, names: Sequence[str]) -> ee.Image:
        """Return the insolation of the centre day on the site's lattice."""
        return potential_insolation(self.dem, when.center, site=site).rename(list(names))


def sun(day: date) -> tuple[float, float]:
    """Return the sun's declination (radians), and its radiation relative to the year's mean, by the series of
    FAO-56 (Allen et al. 1998, FAO Irrigation and Drainage Paper 56, equations 23 and 24).
    """
    angle = 2 * math.pi * day.timetuple().tm_yday / 365
    return 0.409 * math.sin(angle - 1.39), 1 + 0.033 * math.cos(angle)


def potential_insolation(dem_id: str, day: date, *, site: Site) -> ee.Image:
    """Return the direct and diffuse radiation that a slope gets under a clear sky.

    By Kumar, Skidmore & Knowles (1997, Int. J. Geogr. Inf. Sci. 11:475): the beam crosses an air mass that
    falls with the sun's height and with elevation, and is projected on the slope; diffuse light comes from
    the part of the sky that the slope sees. Other slopes cast no shadow here and reflect nothing.

    Parameters
    ----------
    dem_id : str
        One of `smgee.datasets.DEMS`.
    day : date
        The day.
    site : Site
        Its lattice is that of the slopes.

    Returns
    -------
    ee.Image
        One float band, mean over 24 hours, W m⁻².
    """
    declination, relative = sun(day)
    elevation = elevation_on(dem_id, site.grid)
    slope = ee.Terrain.slope(elevation).multiply(math.pi / 180)
    aspect = ee.Terrain.aspect(elevation).multiply(math.pi / 180)
    latitude = ee.Image.pixelLonLat().select("latitude").multiply(math.pi / 180)
    # The normal of the slope (east, north, up), and how air thins with height.
    ground = {
        "ne": slope.sin().multiply(aspect.sin()),
        "nn": slope.sin().multiply(aspect.cos()),
        "nu": slope.cos(),
        "sin_lat": latitude.sin(),
        "cos_lat": latitude.cos(),
        "pressure": elevation.expression("((288 - 0.0065 * h) / 288) ** 5.256", {"h": elevation}),
        "sin_dec": math.sin(declination),
        "cos_dec": math.cos(declination),
    }

    def at(hour_angle: ee.Number) -> ee.Image:
        turn = {
            "sin_hour": ee.Image.constant(ee.Number(hour_angle).sin()),
            "cos_hour": ee.Image.constant(ee.Number(hour_angle).cos()),
        }
        up = elevation.expression("sin_lat * sin_dec + cos_lat * cos_dec * cos_hour", {**ground, **turn})
        on_slope = elevation.expression(
            "nu * up - ne * cos_dec * sin_hour + nn * (cos_lat * sin_dec - sin_lat * cos_dec * cos_hour)",
            {**ground, **turn, "up": up},
        ).max(0)
        high = up.max(0)
        mass = high.expression(
            "(sqrt(1229 + (614 * high) ** 2) - 614 * high) * pressure", {"high": high, **ground}
        )
        beam = mass.expression("0.56 * (exp(-0.65 * m) + exp(-0.095 * m))", {"m": mass})
        sky = ground["nu"].add(1).divide(2)  # cos² of half the slope
        diffuse = beam.multiply(-0.294).add(0.271).multiply(high).multiply(sky)
        return beam.multiply(on_slope).add(diffuse).multiply(up.gt(0))

    angles = ee.List([(k + 0.5) * 2 * math.pi / STEPS - math.pi for k in range(STEPS)])
    day_mean = ee.ImageCollection.fromImages(angles.map(at)).mean()
    lattice = {"crs": site.grid.crs, "crsTransform": list(site.grid.transform)}
    return day_mean.multiply(SOLAR_CONSTANT * relative).toFloat().reproject(**lattice)
