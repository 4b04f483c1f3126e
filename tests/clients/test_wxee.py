"""wxee: time series of images as xarray, aggregated, interpolated and filled on Earth Engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import rasterio

from smgee.session import Session
from tests.clients.scenes import CLEAR, CRS, DAYS, ID, STEP, band, clear, outline, pixels, scene

wxee = pytest.importorskip("wxee")

Scenes = Mapping[str, np.ndarray]
RED = "SR_B4"


@pytest.fixture
def series(session: Session) -> Any:
    return ee.ImageCollection(ID).select([RED]).wx.to_time_series()


def first(collection: ee.ImageCollection, k: int = 0) -> np.ndarray:
    """Return the red band of the k-th image."""
    return pixels(ee.Image(collection.toList(20).get(k)))[RED]


def test_an_image_as_xarray(session: Session, scenes: Scenes) -> None:
    found = (
        scene(DAYS[0])
        .select([RED, "SR_B5"])
        .wx.to_xarray(region=outline(), scale=STEP, crs=CRS, progress=False)
    )
    for name in (RED, "SR_B5"):
        np.testing.assert_array_equal(found[name].squeeze(), band(scenes, DAYS[0], name))


def test_a_collection_as_xarray(session: Session, scenes: Scenes) -> None:
    collection = ee.ImageCollection(ID).select([RED])
    found = collection.wx.to_xarray(region=outline(), scale=STEP, crs=CRS, progress=False)
    assert [str(t)[:10] for t in found["time"].values] == list(DAYS)
    for k, day in enumerate(DAYS):
        np.testing.assert_array_equal(found[RED].isel(time=k), band(scenes, day, RED))


def test_an_image_as_a_file(session: Session, scenes: Scenes, tmp_path: Path) -> None:
    (path,) = (
        scene(DAYS[1])
        .select([RED])
        .wx.to_tif(out_dir=str(tmp_path), region=outline(), scale=STEP, crs=CRS, progress=False)
    )
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), band(scenes, DAYS[1], RED))


def test_times(series: Any) -> None:
    assert series.start_time.format("YYYY-MM-dd").getInfo() == DAYS[0]
    assert series.end_time.format("YYYY-MM-dd").getInfo() == DAYS[-1]
    assert series.interval("day").getInfo() == 16
    assert len(series.dataframe()) == len(DAYS)


def test_months(series: Any, scenes: Scenes) -> None:
    months = series.aggregate_time("month", ee.Reducer.mean())
    assert months.size().getInfo() == 2
    for k in range(2):
        expected = (band(scenes, DAYS[2 * k], RED) + band(scenes, DAYS[2 * k + 1], RED)) / 2
        np.testing.assert_allclose(first(months, k), expected)


def test_climatology(series: Any, scenes: Scenes) -> None:
    pair = np.stack([band(scenes, day, RED) for day in DAYS[:2]])
    np.testing.assert_allclose(first(series.climatology_mean("month")), pair.mean(axis=0))
    # each month's images are averaged within a year first, so that one year has no deviation
    assert (first(series.climatology_std("month")) == 0).all()


def test_interpolation(series: Any, scenes: Scenes) -> None:
    found = pixels(series.interpolate_time(ee.Date("2021-06-13")))[RED]
    np.testing.assert_allclose(found, (band(scenes, DAYS[0], RED) + band(scenes, DAYS[1], RED)) / 2)


def test_a_rolling_mean(series: Any, scenes: Scenes) -> None:
    found = series.rolling_time(17, "day", align="left", reducer=ee.Reducer.mean())
    expected = (band(scenes, DAYS[0], RED) + band(scenes, DAYS[1], RED)) / 2
    np.testing.assert_allclose(first(found, 1), expected)


def test_gaps_are_filled(session: Session, scenes: Scenes) -> None:
    masked = ee.ImageCollection(ID).map(
        lambda i: i.updateMask(i.select("QA_PIXEL").eq(CLEAR)).copyProperties(i, ["system:time_start"])
    )
    filled = masked.select([RED]).wx.to_time_series().fill_gaps(100, "day", reducer=ee.Reducer.mean())
    stack = np.stack([np.where(clear(scenes, d), band(scenes, d, RED), np.nan) for d in DAYS])
    expected = np.where(np.isnan(stack[0]), np.nanmean(stack, axis=0), stack[0])
    np.testing.assert_allclose(first(filled), expected, rtol=1e-6)


def test_an_image_is_put_in(series: Any) -> None:
    new = ee.Image(1).toUint16().rename(RED).set("system:time_start", ee.Date("2021-06-10").millis())
    longer = series.insert_image(new)
    assert longer.size().getInfo() == len(DAYS) + 1
    last = ee.ImageCollection(ID).wx.last()
    assert last.date().format("YYYY-MM-dd").getInfo() == DAYS[-1]
    assert ee.ImageCollection(ID).wx.get_image(1).date().format("YYYY-MM-dd").getInfo() == DAYS[1]
