"""Soil texture, against SciPy's interpolation of the product's own array."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

import smgee
from smgee.errors import InputError
from smgee.grid import PixelGrid, transformer
from smgee.predictors import Cadence, Site, When
from smgee.predictors.soil import Soil
from tests.predictors.conftest import study_of
from tests.predictors.rasters import Rasters
from tests.predictors.scenes import GRID, pixels

SAND = "OpenLandMap/SOL/SOL_SAND-WFRACTION_USDA-3A1A1A_M/v02"
CLAY = "OpenLandMap/SOL/SOL_CLAY-WFRACTION_USDA-3A1A1A_M/v02"
STEP = 1 / 480
LATTICE = PixelGrid("EPSG:4326", (STEP, 0.0, 99.77, 0.0, -STEP, 37.43), 20, 20)
"""250 m around the pixels of the tests."""


def texture() -> Rasters:
    """Two soil maps in memory."""
    source, random = Rasters(), np.random.default_rng(6)
    for asset in (SAND, CLAY):
        bands = {b: random.integers(5, 80, LATTICE.shape).astype("u1") for b in ("b0", "b10")}
        source.add(asset, bands, LATTICE)
    return source


def test_texture_is_interpolated():
    source = texture()
    names = ("clay_10cm", "sand_0cm")
    when = When(date(2021, 5, 1), date(2021, 6, 1), date(2021, 5, 16))
    with smgee.connect(sources=[source]):
        found = pixels(Soil(names=names).image(Site.of(GRID), when, names))
    assert tuple(found) == names
    a, _, c, _, e, f = GRID.transform
    x, y = np.meshgrid(c + a * (np.arange(GRID.width) + 0.5), f + e * (np.arange(GRID.height) + 0.5))
    lon, lat = transformer(GRID.crs, "EPSG:4326").transform(x, y)
    centers = (np.arange(20) + 0.5) * STEP
    for name, key in zip(names, ((CLAY, "b10"), (SAND, "b0")), strict=True):
        held = RegularGridInterpolator((centers, centers), source.arrays[key].astype("f8"))
        np.testing.assert_allclose(found[name], held((37.43 - lat, lon - 99.77)), atol=1e-2)


def test_what_is_read_and_refused():
    soil = Soil(names=("sand_0cm", "sand_30cm", "clay_0cm"))
    assert soil.datasets(date(2021, 1, 1), date(2022, 1, 1)) == (SAND, CLAY)
    assert soil.bands_of(SAND) == ("b0", "b30")
    told = soil.predictors()[1]
    assert (told.units, told.long_name, told.cadence) == ("%", "sand by weight at 30 cm", Cadence.STATIC)
    with pytest.raises(InputError, match=r"soil \['silt_0cm'\] not known; choose from sand_0cm"):
        study_of({"kind": "soil", "names": ["silt_0cm"]})


def test_the_basin_has_it():
    with smgee.connect():
        study = study_of({"kind": "soil"})
        (piece,) = study.predictor_set.pieces([date(2021, 7, 1)])
        inner = study.grid.window(30, 30, 8, 8)
        found = pixels(piece.image, inner)
    for name in ("sand_0cm", "clay_0cm"):
        assert np.isfinite(found[name]).all()
        assert 0 < found[name].min() < found[name].max() < 100
