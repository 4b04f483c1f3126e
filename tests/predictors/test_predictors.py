"""Predictor images, evaluated through the official client on small scenes, against NumPy and spyndex."""

from __future__ import annotations

from datetime import date

import ee
import numpy as np
import pytest
import spyndex

from smgee.datasets import HLS, ROLES
from smgee.errors import InputError
from smgee.grid import PixelGrid
from smgee.predictors.composite import composite
from smgee.predictors.indices import COMMON, add_indices, formula
from smgee.predictors.terrain import terrain
from tests.predictors.scenes import GRID, pixels, stacked

OPTIONS = {
    "sensors": ("L30", "S30"),
    "roles": ("red", "nir", "swir1"),
    "mask": ("cloud", "adjacent", "shadow", "snow"),
}


def test_composite_is_the_median_of_clear_observations_of_both_sensors(scenes):
    found = pixels(composite(date(2021, 7, 5), window_days=11, fill_days=11, **OPTIONS))
    for role in OPTIONS["roles"]:
        layers = stacked(scenes, role, range(11))
        assert len(layers) == 4
        with np.testing.suppress_warnings() as quiet:
            quiet.filter(RuntimeWarning)
            expected = np.nanmedian(layers, axis=0)
        np.testing.assert_allclose(found[role], expected, rtol=1e-6)
    assert np.isnan(found["red"][0, 0])  # snow in every scene


def test_gaps_take_the_wider_window_and_nothing_else_does(scenes):
    narrow = pixels(composite(date(2021, 7, 6), window_days=2, fill_days=2, **OPTIONS))["nir"]
    wide = pixels(composite(date(2021, 7, 6), window_days=60, fill_days=60, **OPTIONS))["nir"]
    filled = pixels(composite(date(2021, 7, 6), window_days=2, fill_days=60, **OPTIONS))["nir"]
    gaps = np.isnan(narrow)
    assert 0 < gaps.sum() < gaps.size
    np.testing.assert_array_equal(filled[~gaps], narrow[~gaps])
    np.testing.assert_array_equal(filled[gaps], wide[gaps])


def test_a_window_without_scenes_is_masked_not_an_error(scenes):
    found = pixels(composite(date(2020, 1, 1), window_days=5, fill_days=5, **OPTIONS))
    assert list(found) == list(OPTIONS["roles"])
    assert all(np.isnan(v).all() for v in found.values())


@pytest.mark.parametrize("name", COMMON)
def test_indices_equal_spyndex(scenes, name):
    image_id = scenes.images(HLS["S30"].id)[0].id
    bands = {role: scenes.arrays[image_id, HLS["S30"].roles[role]].astype("f8") for role in ROLES}
    image = ee.Image(image_id).select([HLS["S30"].roles[r] for r in ROLES], list(ROLES))
    _, constants, roles = formula(name)
    expected = spyndex.computeIndex(name, {ROLES[r]: bands[r] for r in roles} | constants)
    found = pixels(add_indices(image, [name]).select(name))[name]
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


def test_unknown_and_unfit_indices_are_refused():
    with pytest.raises(InputError, match="NDXX"):
        formula("NDXX")
    with pytest.raises(InputError, match="RE1"):
        formula("NDREI" if "RE1" in spyndex.indices["NDREI"].bands else "CIRE")


def test_terrain_is_the_four_neighbour_gradient_on_the_lattice(scenes):
    found = pixels(
        terrain("NASA/NASADEM_HGT/001", ("elevation", "slope", "aspect", "northness", "eastness"), grid=GRID)
    )
    z = scenes.arrays["NASA/NASADEM_HGT/001", "elevation"].astype("f8")
    east = (z[1:-1, 2:] - z[1:-1, :-2]) / 60
    north = (z[:-2, 1:-1] - z[2:, 1:-1]) / 60
    window = (slice(5, 5 + GRID.height), slice(2, 2 + GRID.width))
    np.testing.assert_allclose(found["elevation"], z[6 : 6 + GRID.height, 3 : 3 + GRID.width], rtol=1e-6)
    np.testing.assert_allclose(
        found["slope"], np.degrees(np.arctan(np.hypot(east, north)))[window], rtol=1e-4
    )
    aspect = np.degrees(np.arctan2(-east, -north))[window] % 360  # downhill, clockwise from north
    np.testing.assert_allclose(found["aspect"], aspect, atol=0.02)
    np.testing.assert_allclose(found["northness"], np.cos(np.radians(aspect)), atol=1e-3)
    np.testing.assert_allclose(found["eastness"], np.sin(np.radians(aspect)), atol=1e-3)


def test_terrain_stays_that_of_the_lattice_on_finer_grids(scenes):
    # What a map zoomed in asks for: each pixel of the lattice has one slope, not the steps between flat
    # pixels.
    names = ("elevation", "slope", "aspect", "northness", "eastness")
    image = terrain("NASA/NASADEM_HGT/001", names, grid=GRID)
    a, b, c, d, e, f = GRID.transform
    finer = PixelGrid(GRID.crs, (a / 4, b, c, d, e / 4, f), GRID.width * 4, GRID.height * 4)
    coarse, fine = pixels(image), pixels(image, finer)
    for name in names:
        np.testing.assert_array_equal(fine[name], np.kron(coarse[name], np.ones((4, 4), "f4")))
