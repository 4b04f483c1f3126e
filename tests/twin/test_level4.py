"""SMAP level 4 and the land cover map of the basin."""

from __future__ import annotations

import numpy as np
import pytest

from smgee.datasets import ERA5_LAND, SPL4, WORLDCOVER
from smgee.grid import transformer
from smgee.source import ImageInfo
from smgee.twin.hydrology import AGGREGATES

SEASON = slice(130, 280)


@pytest.fixture(scope="module")
def true(basin) -> np.ndarray:
    """Return the daily mean of the basin."""
    return basin.series["cells"].astype(float)[..., AGGREGATES.index("soil_moisture")].mean(axis=1)


def day_of(source, day: int, band: str = "sm_surface") -> np.ndarray:
    """Return the eight images of a day, means over the pixels."""
    stamp = source.basin.days[day]
    found = []
    for hour in range(0, 24, 3):
        image = source.get(f"{SPL4.id}/{stamp:%Y%m%d}_{hour:02d}00")
        assert isinstance(image, ImageInfo)
        grid = image.bands[0].grid
        values, valid = source.read(image.id, band, 0, 0, grid.height, grid.width)
        assert valid.all()
        found.append(values.mean())
    return np.array(found)


def test_level_4_has_an_image_every_three_hours(source):
    images = source.images(SPL4.id)
    assert len(images) == 365 * 8
    assert [b.name for b in images[0].bands] == ["sm_surface", "sm_rootzone"]
    first, second = images[:2]
    assert second.start_ms - first.start_ms == first.end_ms - first.start_ms == 3 * 3_600_000
    grid = images[0].bands[0].grid
    assert grid.transform[0] == pytest.approx(
        0.0952, abs=1e-4
    )  # about 10.6 km, as the catalog's warp makes it
    west, south, east, north = grid.bounds
    lon, lat = source.basin.centre
    assert west < lon < east
    assert south < lat < north


def test_it_errs_as_level_4_does(source, true):
    """As at the core validation sites: R near 0.8, ubRMSE near 0.04; smooth from day to day."""
    days = list(range(SEASON.start, SEASON.stop, 2))
    seen = np.array([day_of(source, d).mean() for d in days])
    r = np.corrcoef(seen, true[days])[0, 1]
    spread = (seen - true[days]).std()
    assert 0.5 < r < 0.95
    assert 0.015 < spread < 0.06
    assert np.ptp(day_of(source, 200)) < 0.1
    deep = [day_of(source, d, "sm_rootzone").mean() for d in days[::10]]
    assert np.ptp(deep) < np.ptp(seen[::10])


def test_its_errors_go_with_smap_and_those_of_era5_land_less(source, true):
    analysis, products = source._analyses[2021], source._products[2021]
    four = analysis.bands["sm_surface"].mean(axis=(1, 2)).astype(float)[3::8]
    five = products.era5["volumetric_soil_water_layer_1"].mean(axis=(1, 2)).astype(float)
    seen = source._retrieved(2021)("pm")
    good = np.isfinite(seen)
    good[: SEASON.start], good[SEASON.stop :] = False, False

    def error(values: np.ndarray) -> np.ndarray:
        line = np.polyfit(true[good], values[good], 1)
        return values[good] - np.polyval(line, true[good])

    with_four = np.corrcoef(error(seen), error(four))[0, 1]
    with_five = np.corrcoef(error(seen), error(five))[0, 1]
    assert with_four > with_five
    assert with_five < 0.6


def test_land_cover_follows_the_basin_and_is_wrong_in_places(source):
    (image,) = source.images(WORLDCOVER.id)
    assert image.id == f"{WORLDCOVER.id}/2021"
    grid = image.bands[0].grid
    assert WORLDCOVER.grid is not None
    step = WORLDCOVER.grid.transform[0]
    assert grid.transform[0] == step
    assert ((grid.transform[2] + 180) / step) % 1 == pytest.approx(0, abs=1e-5)
    row, col, size = 100, 150, 400
    values, valid = source.read(image.id, "Map", row, col, size, size)
    assert valid.all()
    assert set(np.unique(values)) <= {20, 30, 60, 80, 90, 100}
    part = grid.window(row, col, size, size)
    x, y = transformer("EPSG:4326", source.basin.grid.crs).transform(*part.centers())
    a, _, left, _, e, top = source.basin.grid.transform
    rows, cols = np.floor((y - top) / e).astype(int), np.floor((x - left) / a).astype(int)
    inside = (rows >= 0) & (rows < source.basin.grid.height) & (cols >= 0) & (cols < source.basin.grid.width)
    cover = source.basin.static["layers"][..., 7][
        rows.clip(0, source.basin.grid.height - 1), cols.clip(0, source.basin.grid.width - 1)
    ]
    grass = (values == 30) | (values == 90) | (values == 20)
    assert cover[inside & grass].mean() > cover[inside & ~grass].mean() + 0.1
    again, _ = source.read(image.id, "Map", row + 50, col + 60, 100, 100)
    np.testing.assert_array_equal(again, values[50:150, 60:160])


def test_era5_land_is_wet_and_errs_as_elsewhere(source, true):
    water = source._products[2021].era5["volumetric_soil_water_layer_1"].mean(axis=(1, 2)).astype(float)
    assert ERA5_LAND.roles["soil_moisture"] == "volumetric_soil_water_layer_1"
    apart = (water - true)[SEASON]
    assert 0.0 < apart.mean() < 0.15
    assert 0.02 < apart.std() < 0.08
