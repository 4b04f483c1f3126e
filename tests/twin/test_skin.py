"""MODIS over the basin: official shape; warm under the sun, warmer where dry, cold at night, cloudy."""

from __future__ import annotations

import numpy as np
import pytest

from smgee.datasets import MODIS_LST
from smgee.grid import transformer
from smgee.twin.skin import SkinReader


@pytest.fixture(scope="module")
def skin(basin):
    return SkinReader(basin)


def test_collections_have_the_official_bands_on_the_official_lattice(source):
    for satellite, dataset in MODIS_LST.items():
        images = source.images(dataset.id)
        assert len(images) == 365
        one = images[181]
        assert one.id == f"{dataset.id}/2021_07_01"
        assert [b.name for b in one.bands] == [b.name for b in dataset.bands]
        assert one.properties["synthetic"] == 1
        grid = one.bands[0].grid
        assert grid.crs == "SR-ORG:6974"
        for k in (2, 5):
            steps = (grid.transform[k] - dataset.grid.transform[k]) / dataset.grid.transform[0]
            assert steps == pytest.approx(round(steps), abs=1e-4), satellite
        values, valid = source.read(one.id, "LST_Day_1km", 0, 0, grid.height, grid.width)
        flags, known = source.read(one.id, "QC_Day", 0, 0, grid.height, grid.width)
        assert values.dtype == np.uint16
        assert known.all()
        np.testing.assert_array_equal(valid, flags & 3 != 2)  # 2: not made, because of clouds
        if valid.any():
            assert 7500 <= values[valid].min() <= values[valid].max() < 16500  # kelvin in steps of 0.02


def test_the_lattice_lies_over_the_basin(skin, basin):
    lon, lat = basin.centre
    x, y = transformer("EPSG:4326", "SR-ORG:6974").transform(lon, lat)
    # The projection of the sphere, by its formula.
    assert x == pytest.approx(6371007.181 * np.radians(lon) * np.cos(np.radians(lat)), abs=0.01)
    assert y == pytest.approx(6371007.181 * np.radians(lat), abs=0.01)
    left, bottom, right, top = skin.grid.bounds
    assert left < x < right
    assert bottom < y < top
    assert skin._at[2].mean() > 0.35  # the projection is askew there, and the basin a part of its box


def test_days_are_warm_and_nights_cold(skin):
    summer, inner = range(150, 260, 7), skin._at[2].all(axis=-1)
    day = np.stack([skin.surface("terra", "day", d)[inner] for d in summer])
    later = np.stack([skin.surface("aqua", "day", d)[inner] for d in summer])
    night = np.stack([skin.surface("terra", "night", d)[inner] for d in summer])
    assert 15 < day.mean() < 35
    assert later.mean() > day.mean()
    assert 8 < (day - night).mean() < 30


def test_wet_ground_is_cooler_by_day_and_its_range_smaller(skin, basin):
    rows, cols, inside = skin._at
    ground, inner = skin._ground, inside.all(axis=-1)
    moisture, warmer, swing = [], [], []
    for d in range(150, 260, 5):
        i = basin.weather.index(basin.days[d])
        water = basin.truth_window(d, 0, 0, *basin.grid.shape)[0][rows, cols].mean(axis=-1)
        warm = skin.surface("terra", "day", d)
        air = basin.weather.air[i] + basin.weather.lapse[i] * ground[..., 0].mean(axis=-1)
        moisture.append(water[inner])
        warmer.append((warm - air)[inner])
        swing.append((warm - skin.surface("terra", "night", d))[inner])
    for seen in (np.array(warmer), np.array(swing)):
        in_time = [np.corrcoef(a, b)[0, 1] for a, b in zip(seen.T, np.array(moisture).T, strict=True)]
        assert np.median(in_time) < -0.5


def test_clouds_hide_more_on_wet_days_and_errors_are_those_of_such_products(skin, basin):
    seen, wet, errors = [], [], []
    for d in range(121, 274, 2):
        stored = skin.bands("terra", d)
        made = stored["QC_Day"] & 3 != 2
        seen.append(made[skin._at[2].all(axis=-1)].mean())
        wet.append(basin.weather.wet[basin.weather.index(basin.days[d])])
        best = made & (stored["QC_Day"] >> 6 == 0)
        if best.any():
            errors += list((stored["LST_Day_1km"] * 0.02 - 273.15 - skin.surface("terra", "day", d))[best])
    seen, wet = np.array(seen), np.array(wet)
    assert 0.25 < seen.mean() < 0.65
    assert seen[wet].mean() < seen[~wet].mean() - 0.15
    assert 0.7 < np.std(errors) < 2.0
    assert skin.bands("aqua", 200)["LST_Night_1km"] is skin.bands("aqua", 200)["LST_Night_1km"]
