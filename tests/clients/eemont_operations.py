"""eemont, which changes the classes of `ee` themselves: run in a process of its own, by test_eemont.py."""

from __future__ import annotations

from collections.abc import Mapping

import ee
import eemont  # noqa: F401  extends the classes
import numpy as np
import pandas as pd
import pytest

from smgee.session import Session
from tests.clients.scenes import DAYS, ID, STEP, band, clear, outline, pixels, reflectance, scene

Scenes = Mapping[str, np.ndarray]


def test_operators_of_images(session: Session, scenes: Scenes) -> None:
    red, near = scene(DAYS[0])["SR_B4"].toDouble(), scene(DAYS[0])["SR_B5"].toDouble()
    a, b = band(scenes, DAYS[0], "SR_B4"), band(scenes, DAYS[0], "SR_B5")
    for found, expected in (
        (red + near, a + b),
        (1 - red, 1 - a),
        (red * near, a * b),
        (near / red, b / a),
        (near // red, b // a),
        (near % red, b % a),
        (red > near, a > b),
        (-red, -a),
    ):
        np.testing.assert_allclose(next(iter(pixels(found).values())), expected)


def test_operators_of_others(session: Session) -> None:
    items = ee.List([1, 2, 3])
    assert (len(items), 2 in items, items[-1].getInfo()) == (3, True, 3)
    assert (items + [4]).getInfo() == [1, 2, 3, 4]
    assert (ee.Number(7) // 2).getInfo() == 3
    assert ee.Dictionary({"a": 1})["a"].getInfo() == 1
    assert len(ee.ImageCollection(ID)) == 4


def test_scaled(session: Session, scenes: Scenes) -> None:
    found = pixels(scene(DAYS[0]).scaleAndOffset().select("SR_B4"))["SR_B4"]
    np.testing.assert_allclose(found, reflectance(scenes, DAYS[0], "SR_B4"), rtol=1e-5)


def test_clouds(session: Session, scenes: Scenes) -> None:
    found = pixels(scene(DAYS[0]).maskClouds().select("SR_B4"), masked=0)["SR_B4"]
    np.testing.assert_array_equal(found > 0, clear(scenes, DAYS[0]))


def test_scaled_and_masked(session: Session, scenes: Scenes) -> None:
    found = pixels(scene(DAYS[1]).preprocess().select("SR_B5"), masked=-9)["SR_B5"]
    expected = np.where(clear(scenes, DAYS[1]), reflectance(scenes, DAYS[1], "SR_B5"), -9)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_indices(session: Session, scenes: Scenes) -> None:
    collection = ee.ImageCollection(ID).scaleAndOffset().spectralIndices(["NDVI", "NDWI"])
    found = pixels(ee.Image(collection.first()).select(["NDVI", "NDWI"]))
    green, red, near = (reflectance(scenes, DAYS[0], b) for b in ("SR_B3", "SR_B4", "SR_B5"))
    np.testing.assert_allclose(found["NDVI"], (near - red) / (near + red), rtol=1e-4)
    np.testing.assert_allclose(found["NDWI"], (green - near) / (green + near), rtol=1e-4, atol=1e-6)


def test_the_nearest_in_time(session: Session) -> None:
    found = ee.ImageCollection(ID).closest("2021-07-05", 5, "day")
    assert found.aggregate_array("system:index").getInfo() == ["LC08_133034_20210707"]


def test_series_of_a_region(session: Session, scenes: Scenes) -> None:
    found = ee.ImageCollection(ID).getTimeSeriesByRegion(
        geometry=outline(),
        bands=["SR_B4"],
        reducer=[ee.Reducer.mean(), ee.Reducer.max()],
        scale=STEP,
        crs="EPSG:32647",
    )
    rows = {
        (f["properties"]["date"][:10], f["properties"]["reducer"]): f["properties"]["SR_B4"]
        for f in found.getInfo()["features"]
    }
    for day in DAYS:
        assert rows[day, "mean"] == pytest.approx(band(scenes, day, "SR_B4").mean())
        assert rows[day, "max"] == band(scenes, day, "SR_B4").max()


def test_series_of_regions(session: Session, scenes: Scenes) -> None:
    regions = ee.FeatureCollection([ee.Feature(outline(), {"name": "all"})])
    found = ee.ImageCollection(ID).getTimeSeriesByRegions(
        reducer=ee.Reducer.mean(), collection=regions, bands=["SR_B4"], scale=STEP, crs="EPSG:32647"
    )
    rows = [f["properties"]["SR_B4"] for f in found.getInfo()["features"]]
    np.testing.assert_allclose(sorted(rows), sorted(band(scenes, d, "SR_B4").mean() for d in DAYS))


def test_a_table_as_features(session: Session) -> None:
    frame = pd.DataFrame({"lat": [37.5, 37.6], "lon": [99.8, 99.9], "name": ["a", "b"]})
    found = frame.toEEFeatureCollection(latitude="lat", longitude="lon")
    assert found.aggregate_array("name").getInfo() == ["a", "b"]
    assert found.geometry().coordinates().getInfo() == [[99.8, 37.5], [99.9, 37.6]]
