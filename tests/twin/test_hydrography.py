"""Hydrography: official bands on the official lattice, and what must hold wherever water runs downhill."""

from __future__ import annotations

import numpy as np
import pytest

from smgee.datasets import MERIT_HYDRO
from smgee.source import ImageInfo
from smgee.twin.hydrography import Hydrography

STEPS = {1: (0, 1), 2: (1, 1), 4: (1, 0), 8: (1, -1), 16: (0, -1), 32: (-1, -1), 64: (-1, 0), 128: (-1, 1)}


@pytest.fixture(scope="module")
def rivers(basin):
    return Hydrography(basin)


def test_the_image_is_that_of_the_catalog(source, rivers):
    info = source.get(MERIT_HYDRO.id)
    assert isinstance(info, ImageInfo)
    assert [b.name for b in info.bands] == [b.name for b in MERIT_HYDRO.bands]
    assert info.properties["synthetic"] == 1
    grid = info.bands[0].grid
    step, _, left, _, down, top = grid.transform
    assert (step, down) == (pytest.approx(1 / 1200), pytest.approx(-1 / 1200))
    # centres on whole multiples of three seconds of arc
    for centre in (left + step / 2, top - step / 2):
        assert centre * 1200 == pytest.approx(round(centre * 1200), abs=1e-6)
    for band in info.bands:
        values, valid = source.read(info.id, band.name, 0, 0, grid.height, grid.width)
        assert values.dtype == band.dtype
        assert valid.all()
        np.testing.assert_array_equal(values, rivers.bands[band.name])


def test_elevation_is_the_mean_of_nine_pixels_of_the_survey(rivers, basin):
    dem, grid = basin.static["dem"], basin.dem_grid
    a, _, left, _, e, top = rivers.grid.transform
    row, col = 11, 17
    lon, lat = left + a * (col + 0.5), top + e * (row + 0.5)
    r = int((grid.transform[5] - lat) * 3600)
    c = int((lon - grid.transform[2]) * 3600)
    assert rivers.bands["elv"][row, col] == pytest.approx(dem[r - 1 : r + 2, c - 1 : c + 2].mean())


def test_upslope_area_is_what_the_directions_gather(rivers):
    """Every pixel's water walked downstream one step at a time: as slow and plain as can be."""
    direction = rivers.bands["dir"]
    height, width = direction.shape
    gathered = np.zeros(direction.shape, int)
    for row in range(height):
        for col in range(width):
            r, c, code = row, col, int(direction[row, col])
            gathered[r, c] += 1
            while code:
                r, c = r + STEPS[code][0], c + STEPS[code][1]
                gathered[r, c] += 1
                code = int(direction[r, c])
    np.testing.assert_array_equal(rivers.bands["upg"], gathered)
    area = rivers.bands["upa"] / rivers.bands["upg"]
    side = 92.66  # m of three seconds of a meridian
    assert area.mean() == pytest.approx(side**2 * np.cos(np.radians(37.5)) / 1e6, rel=5e-3)


def test_heights_above_drainage(rivers):
    height, area = rivers.bands["hnd"], rivers.bands["upa"]
    assert (height >= 0).all()
    assert (height[area >= 0.5] == 0).all()
    ridge, valley = height[area < 0.01], height[area > 0.2]
    assert ridge.mean() > 2 * valley.mean()
