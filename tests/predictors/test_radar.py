"""Backscatter: power averaged over pixels and passes, and medians of places, against NumPy."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

import smgee
from smgee.errors import InputError
from smgee.grid import PixelGrid
from smgee.predictors import Cadence, Site, When
from smgee.predictors.radar import Radar
from tests.predictors.conftest import study_of
from tests.predictors.rasters import Rasters
from tests.predictors.scenes import GRID, pixels

S1 = "COPERNICUS/S1_GRD"
FINE = PixelGrid(GRID.crs, (10.0, 0.0, 570000.0, 0.0, -10.0, 4140000.0), 27, 21)
"""Nine pixels of the radar in each of the map."""
BOTH = ["VV", "VH"]
PASSES = [
    ("DESCENDING", datetime(2021, 6, 3, 23, 20), BOTH),
    ("DESCENDING", datetime(2021, 6, 15, 23, 20), BOTH),
    ("ASCENDING", datetime(2021, 6, 17, 11, 20), BOTH),
    ("DESCENDING", datetime(2021, 6, 21, 23, 20), BOTH),
    ("DESCENDING", datetime(2021, 7, 3, 23, 20), BOTH),
    ("DESCENDING", datetime(2021, 6, 20, 23, 20), ["HH"]),
]


@pytest.fixture(scope="module")
def world():
    source, rng = Rasters(), np.random.default_rng(9)
    source.passes = []
    for flight, at, seen in PASSES:
        bands = {b: rng.normal(-12 if b == "VV" else -19, 3, FINE.shape) for b in seen}
        valid = np.ones(FINE.shape, bool)
        if at.day == 21:
            valid[:9] = False  # the swath's end
        told = {
            "instrumentMode": "IW",
            "orbitProperties_pass": flight,
            "transmitterReceiverPolarisation": seen,
        }
        source.add(S1, bands, FINE, at=at, valid=valid, **told)
        if seen == BOTH:
            source.passes.append((flight, at.date(), bands, valid))
    with smgee.connect(sources=[source]):
        yield source


def held(world, flight: str, days: set[date], band: str) -> np.ndarray:
    """Power of passes on the map's pixels, (pass, y, x), NaN where unseen."""
    layers = []
    for one, day, bands, valid in world.passes:
        if one == flight.upper() and day in days:
            power = np.where(valid, 10 ** (bands[band] / 10), np.nan)
            layers.append(power.reshape(7, 3, 9, 3).mean(axis=(1, 3)))
    return np.array(layers)


WHEN = When(date(2021, 6, 16), date(2021, 6, 24), date(2021, 6, 20))
ALL = {at.date() for _, at, _ in PASSES}


def test_passes_are_averaged_as_power_over_pixels_and_days(world):
    names = ("vh_descending", "vv_ascending", "vv_descending", "ratio_descending")
    family = Radar(names=names, window_days=8, fill_days=20)
    found = pixels(family.image(Site.of(GRID), WHEN, names))
    assert tuple(found) == names
    near = {date(2021, 6, d) for d in range(16, 24)}
    wide = {date(2021, 6, d) for d in range(10, 30)}
    expected = {}
    for band in BOTH:
        first = held(world, "descending", near, band).mean(axis=0)  # only that of 21 June
        assert np.isnan(first[:3]).all()
        filled = np.nanmean(held(world, "descending", wide, band), axis=0)  # with that of 15 June
        expected[band] = 10 * np.log10(np.where(np.isnan(first), filled, first))
    np.testing.assert_allclose(found["vv_descending"], expected["VV"], atol=1e-5)
    np.testing.assert_allclose(found["vh_descending"], expected["VH"], atol=1e-5)
    np.testing.assert_allclose(found["ratio_descending"], expected["VH"] - expected["VV"], atol=1e-5)
    up = held(world, "ascending", near, "VV")[0]
    np.testing.assert_allclose(found["vv_ascending"], 10 * np.log10(up), atol=1e-5)


def test_change_is_from_the_places_own_median_of_the_same_direction(world):
    names = ("vv_descending_change", "vv_descending", "ratio_descending_change")
    family = Radar(names=names, window_days=8, fill_days=20).within(date(2021, 6, 1), date(2021, 7, 10))
    found = pixels(family.image(Site.of(GRID), WHEN, names))
    decibels = {b: 10 * np.log10(held(world, "descending", ALL, b)) for b in BOTH}
    now = found["vv_descending"]
    np.testing.assert_allclose(
        found["vv_descending_change"], now - np.nanmedian(decibels["VV"], axis=0), atol=1e-5
    )
    ratio = decibels["VH"] - decibels["VV"]
    alone = pixels(Radar(window_days=8, fill_days=20).image(Site.of(GRID), WHEN, ("ratio_descending",)))
    usual = np.nanmedian(ratio, axis=0)
    np.testing.assert_allclose(found["ratio_descending_change"], alone["ratio_descending"] - usual, atol=1e-5)


def test_the_period_of_the_median_is_the_studys_or_its_own(world):
    study = study_of({"kind": "radar"})
    (family,) = study.predictor_set.families
    assert (family.start, family.end) == (study.start, study.end)
    (family,) = study_of({"kind": "radar", "start": "2019-05-01"}).predictor_set.families
    assert (family.start, family.end) == (date(2019, 5, 1), study.end)


def test_without_a_pass_all_is_masked(world):
    when = When(date(2021, 9, 1), date(2021, 9, 9), date(2021, 9, 5))
    found = pixels(Radar().image(Site.of(GRID), when, ("vv_descending",)))
    assert np.isnan(found["vv_descending"]).all()


def test_what_is_read_and_refused():
    family = Radar(step_days=12)
    assert family.datasets(date(2021, 7, 1), date(2021, 8, 1)) == (S1,)
    assert family.step() == 12
    assert Radar(names=("vv_ascending",)).period(date(2021, 7, 1), date(2021, 7, 17)) == (
        *(date(2021, 6, 23), date(2021, 7, 25)),
    )
    long = Radar(start=date(2019, 1, 1)).period(date(2021, 7, 1), date(2021, 7, 17))
    assert long == (date(2019, 1, 1), date(2021, 7, 25))
    told = family.predictors()[2]
    assert (told.units, told.cadence) == ("dB", Cadence.STEP)
    assert told.long_name == "VV backscatter, descending passes, minus the place's own median"
    with pytest.raises(InputError, match="'hv_descending' is not known; give vv, vh or ratio"):
        study_of({"kind": "radar", "names": ["hv_descending"]})
    with pytest.raises(InputError, match="fill_days 6 is shorter than window_days 12"):
        study_of({"kind": "radar", "fill_days": 6})
    with pytest.raises(InputError, match="holds no day"):
        study_of({"kind": "radar", "start": "2021-07-01", "end": "2021-06-01"})


def test_the_basin_has_it():
    with smgee.connect():
        study = study_of({"kind": "radar", "names": ["vv_descending", "vh_ascending_change"]})
        (piece,) = study.predictor_set.pieces([date(2021, 7, 6)])
        found = pixels(piece.image, study.grid.window(30, 30, 3, 3))
    assert -25 < np.nanmin(found["vv_descending"]) < np.nanmax(found["vv_descending"]) < 0
    assert np.isfinite(found["vh_ascending_change"]).all()
