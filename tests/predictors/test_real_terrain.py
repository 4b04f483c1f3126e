"""Landforms and insolation of real mountains, against SciPy on the elevation model's own pixels."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import rasterio
from scipy.ndimage import convolve, laplace
from typer.testing import CliRunner

import smgee
from smgee.grid import PixelGrid
from smgee.predictors import Site
from smgee.predictors.insolation import potential_insolation
from smgee.predictors.terrain import terrain
from smgee_cli.app import app
from tests.predictors.scenes import pixels

DEM = "NASA/NASADEM_HGT/001"
TOP, LEFT, SIDE = 200, 300, 64


@pytest.fixture(scope="module")
def davos(real_data, tmp_path_factory):
    """Heights of Davos in metres, with the lattice of a window inside, served from a file."""
    path = real_data / "dem_davos" / "dem_SRTM1_proj.tif"
    folder = tmp_path_factory.mktemp("catalog")
    words = ["catalog", "add", DEM, str(path), "--catalog", str(folder)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    with rasterio.open(path) as file:
        z = file.read(1).astype("f8")
        whole = PixelGrid(file.crs.to_string(), tuple(file.transform)[:6], file.width, file.height)
    with smgee.connect(catalog=folder):
        yield z, whole.window(TOP, LEFT, SIDE, SIDE)


def inside(values: np.ndarray) -> np.ndarray:
    return values[TOP : TOP + SIDE, LEFT : LEFT + SIDE]


def test_landforms(davos):
    z, grid = davos
    scale = grid.transform[0]
    names = ("elevation", "tpi_600", "roughness_600", "curvature")
    found = pixels(terrain(DEM, names, grid=grid), grid)
    np.testing.assert_allclose(found["elevation"], inside(z), rtol=1e-6)
    reach = int(600 / scale)
    rows, cols = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = (scale * np.hypot(rows, cols) <= 600).astype("f8")
    disc /= disc.sum()
    mean, square = convolve(z, disc), convolve(z**2, disc)
    np.testing.assert_allclose(found["tpi_600"], inside(z - mean), atol=1e-3)
    np.testing.assert_allclose(found["roughness_600"], inside(np.sqrt(square - mean**2)), rtol=1e-4)
    np.testing.assert_allclose(found["curvature"], inside(-laplace(z)) / scale**2, atol=1e-6)
    assert found["tpi_600"].std() > 20


def test_the_sun_stands_in_the_south(davos):
    _, grid = davos
    found = {
        month: pixels(potential_insolation(DEM, date(2021, month, 21), site=Site.of(grid)), grid)
        for month in (6, 12)
    }
    june, december = (next(iter(f.values())) for f in found.values())
    names = ("slope_northness", "slope")
    slopes = pixels(terrain(DEM, names, grid=grid), grid)
    assert slopes["slope"].max() > 30
    for values, least in ((december, 0.9), (june, 0.5)):
        r = np.corrcoef(-slopes["slope_northness"].ravel(), values.ravel())[0, 1]
        assert r > least
    assert np.all(june > december)
    assert december.min() >= 0  # slopes turned from the sun still see the sky
    assert june.max() < 1367 / 2
