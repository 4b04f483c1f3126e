"""Clear-sky insolation of slopes, against integrals by SciPy and published figures of the sun."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from scipy.integrate import quad

from smgee.grid import transformer
from smgee.predictors import Cadence, Site, When
from smgee.predictors.insolation import Insolation, sun
from tests.predictors.conftest import study_of
from tests.predictors.scenes import GRID, pixels

DEM = "NASA/NASADEM_HGT/001"


def incidence(latitude, declination, hour, slope, azimuth):
    """Duffie & Beckman (2013), equation 1.6.2: cosine of the angle between the sun and a slope's normal, in
    their own angles: the surface's azimuth from south, west positive.
    """
    return (
        np.sin(declination) * np.sin(latitude) * np.cos(slope)
        - np.sin(declination) * np.cos(latitude) * np.sin(slope) * np.cos(azimuth)
        + np.cos(declination) * np.cos(latitude) * np.cos(slope) * np.cos(hour)
        + np.cos(declination) * np.sin(latitude) * np.sin(slope) * np.cos(azimuth) * np.cos(hour)
        + np.cos(declination) * np.sin(slope) * np.sin(azimuth) * np.sin(hour)
    )


def clear_sky(latitude, declination, slope, azimuth, height):
    """Daily mean of direct and diffuse light relative to the solar constant, Kumar et al. (1997)."""
    sunset = np.arccos(np.clip(-np.tan(latitude) * np.tan(declination), -1, 1))

    def at(hour):
        high = incidence(latitude, declination, hour, 0.0, 0.0)
        mass = np.sqrt(1229 + (614 * high) ** 2) - 614 * high
        mass *= ((288 - 0.0065 * height) / 288) ** 5.256
        beam = 0.56 * (np.exp(-0.65 * mass) + np.exp(-0.095 * mass))
        direct = beam * max(incidence(latitude, declination, hour, slope, azimuth), 0.0)
        return direct + (0.271 - 0.294 * beam) * high * np.cos(slope / 2) ** 2

    return quad(at, -sunset, sunset, limit=200)[0] / (2 * np.pi)


@pytest.mark.parametrize("day", [date(2021, 6, 21), date(2021, 3, 21), date(2021, 12, 21)])
def test_each_slope_gets_the_integral_of_its_day(scenes, day):
    image = Insolation().image(Site.of(GRID), When(day, day + timedelta(days=8), day), ["insolation"])
    found = pixels(image)["insolation"]
    z = scenes.arrays[DEM, "elevation"].astype("f8")
    north, east = np.gradient(z, 30.0)
    inside = (slice(6, 6 + GRID.height), slice(3, 3 + GRID.width))
    z, east, north = z[inside], east[inside], -north[inside]
    a, _, c, _, e, f = GRID.transform
    x, y = np.meshgrid(c + a * (np.arange(GRID.width) + 0.5), f + e * (np.arange(GRID.height) + 0.5))
    _, latitude = transformer(GRID.crs, "EPSG:4326").transform(x, y)
    declination, relative = sun(day)
    downhill = np.arctan2(-east, -north)  # clockwise from north
    expected = np.vectorize(clear_sky)(
        np.radians(latitude), declination, np.arctan(np.hypot(east, north)), downhill - np.pi, z
    )
    expected = expected * 1367 * relative
    np.testing.assert_allclose(found, expected, rtol=4e-3)
    assert np.ptp(expected) > 10
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.9999


def test_the_sun_is_that_of_published_tables():
    # FAO-56, example 8: 3 September, 20° S: declination 0.120, relative distance 0.985, Ra 32.2 MJ m-2 d-1.
    declination, relative = sun(date(2021, 9, 3))
    assert declination == pytest.approx(0.120, abs=5e-4)
    assert relative == pytest.approx(0.985, abs=5e-4)
    latitude = np.radians(-20)
    sunset = np.arccos(-np.tan(latitude) * np.tan(declination))
    ra = quad(lambda h: incidence(latitude, declination, h, 0.0, 0.0), -sunset, sunset)[0] / (2 * np.pi)
    assert ra * relative * 1367 * 0.0864 == pytest.approx(32.2, abs=0.1)


def test_steps_and_days():
    study = study_of({"kind": "insolation"}, {"kind": "reflectance"})
    days = [date(2021, 7, 1), date(2021, 7, 10)]
    pieces = study.predictor_set.pieces(days)
    assert [p.names[0] for p in pieces] == ["insolation", "insolation"]  # together with reflectance
    assert {len(p.names) for p in pieces} == {7}
    daily = study_of({"kind": "insolation", "step_days": 1}).predictor_set
    assert [(p.days, p.when.center) for p in daily.pieces(days)] == [((d,), d) for d in days]
    (told,) = Insolation().predictors()
    assert (told.units, told.cadence) == ("W m-2", Cadence.STEP)
