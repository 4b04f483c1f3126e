"""Tiles lie where the pixels are: GDAL's own warping is the oracle."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.warp import Resampling, reproject

from smgee.errors import InputError
from smgee.grid import PixelGrid
from smgee.maps.looks import Look
from smgee.maps.tiles import SIZE, Pyramid, draw_tile, locate
from tests.notebooks.tiles import pixel_of

GRID = PixelGrid("EPSG:32647", (30.0, 0.0, 400000.0, 0.0, -30.0, 4160000.0), 600, 500)
LOOK = Look(0.0, 1.0)
CENTER = (98.0, 37.5)


def tile_at(lon, lat, zoom):
    x, y = (int(v // SIZE) for v in pixel_of(lon, lat, zoom))
    return zoom, x, y


def opened(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA")).astype(int)


@pytest.fixture(scope="module")
def field():
    row, col = np.mgrid[:500, :600]
    values = (0.5 + 0.4 * np.sin(row / 41) * np.cos(col / 53)).astype("float32")
    values[100:150, 200:260] = np.nan
    return values


def by_gdal(field, tile, resampling):
    z, x, y = tile
    half = 20037508.342789244
    size = 2 * half / 2**z / SIZE
    target = rasterio.Affine(size, 0, -half + x * SIZE * size, 0, -size, half - y * SIZE * size)
    out = np.full((SIZE, SIZE), np.nan, "float32")
    reproject(
        field,
        out,
        src_transform=GRID.affine,
        src_crs=GRID.crs,
        dst_transform=target,
        dst_crs="EPSG:3857",
        src_nodata=np.nan,
        dst_nodata=np.nan,
        resampling=resampling,
        tolerance=0,
    )
    return out


@pytest.mark.parametrize("zoom", [12, 14, 16])
def test_near_tiles_show_the_pixel_under_each_place(field, zoom):
    tile = tile_at(97.95, 37.52, zoom)
    found = opened(draw_tile(Pyramid(field), GRID, LOOK, tile))
    expected = LOOK.colours(by_gdal(field, tile, Resampling.nearest)).astype(int)
    same = (np.abs(found - expected).max(axis=-1) <= 1).mean()
    assert same > 0.985  # a pixel's edge may fall to either side
    assert (found[..., 3] == 255).any()


def test_far_tiles_show_means(field):
    tile = tile_at(*CENTER, 9)
    found = opened(draw_tile(Pyramid(field), GRID, LOOK, tile))
    expected = by_gdal(field, tile, Resampling.average)
    there = (found[..., 3] == 255) & np.isfinite(expected)
    assert 20 < there.sum() < SIZE * SIZE
    difference = np.abs(found - LOOK.colours(expected).astype(int))[there].max(axis=-1)
    assert np.median(difference) < 12


def test_coarser_levels_are_means_of_what_is_known():
    values = np.array([[1, 3, 5], [np.nan, 2, np.nan], [np.nan, np.nan, 7]], "float32")
    two = Pyramid(values).at(2)
    np.testing.assert_allclose(two, [[2.0, 5.0], [np.nan, 7.0]])
    assert Pyramid(values).at(4).shape == (1, 1)


def test_tiles_elsewhere_are_empty_and_tiles_that_are_none_are_refused(field):
    assert not opened(draw_tile(Pyramid(field), GRID, LOOK, tile_at(-60, -30, 8)))[..., 3].any()
    assert not opened(draw_tile(Pyramid(field), GRID, LOOK, (3, 0, 0)))[..., 3].any()
    for tile in ((3, 8, 0), (25, 0, 0), (2, 0, -1)):
        with pytest.raises(InputError, match="no tile"):
            draw_tile(Pyramid(field), GRID, LOOK, tile)


def test_a_place_is_in_the_pixel_that_holds_it():
    with rasterio.MemoryFile() as memory:
        about = {"crs": GRID.crs, "transform": GRID.affine, "width": GRID.width, "height": GRID.height}
        with memory.open(driver="GTiff", count=1, dtype="uint8", **about) as file:
            for lon, lat in ((97.95, 37.5), (98.02, 37.46)):
                x, y = rasterio.warp.transform("EPSG:4326", GRID.crs, [lon], [lat])
                assert locate(GRID, lon, lat) == file.index(x[0], y[0], op=math.floor)
    assert locate(GRID, 10.0, 37.5) is None
