"""geedim: searches, cloud masks, composites, and images as arrays and files."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

import ee
import numpy as np
import pytest
import rasterio

from smgee.session import Session
from tests.clients.scenes import (
    COLS,
    CRS,
    DAYS,
    ID,
    ROWS,
    STEP,
    TRANSFORM,
    band,
    clear,
    outline,
    pixels,
    reflectance,
    scene,
)

geedim = pytest.importorskip("geedim")

Scenes = Mapping[str, np.ndarray]
GRID = {"crs": CRS, "crs_transform": TRANSFORM, "shape": (ROWS, COLS)}


@pytest.fixture(autouse=True)
def catalog_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of the collection in Google's catalog, which geedim fetches from the web."""
    bands = [
        {"name": f"SR_B{k}", "gee:scale": 2.75e-5, "gee:offset": -0.2, "center_wavelength": 0.5 + k / 10}
        for k in range(2, 8)
    ]
    page = {"summaries": {"eo:bands": bands}}
    ids = [ID, *(f"{ID}/LC08_133034_{day.replace('-', '')}" for day in DAYS)]
    client = importlib.import_module("geedim.stac").STACClient()
    monkeypatch.setattr(client, "_cache", {**dict.fromkeys(ids, page), None: None})


def test_what_is_told_of_an_image(session: Session) -> None:
    told = scene(DAYS[0]).gd
    assert told.id == f"{ID}/LC08_133034_20210605"
    assert (told.crs, told.scale, told.shape, told.count) == (CRS, STEP, (ROWS, COLS), 9)
    assert told.dtype == "uint16"
    assert told.date.date().isoformat() == DAYS[0]
    assert told.cloudSupport
    assert told.bounded


def test_an_image_as_an_array(session: Session, scenes: Scenes) -> None:
    image = scene(DAYS[0]).select(["SR_B4", "SR_B5"])
    prepared = image.gd.prepareForExport(**GRID, dtype="uint16")
    found = prepared.gd.toNumPy(max_tile_size=1)
    np.testing.assert_array_equal(found[..., 0], band(scenes, DAYS[0], "SR_B4"))
    np.testing.assert_array_equal(found[..., 1], band(scenes, DAYS[0], "SR_B5"))


def test_an_image_as_xarray(session: Session, scenes: Scenes) -> None:
    found = scene(DAYS[0]).select(["SR_B4"]).gd.prepareForExport(**GRID, dtype="uint16").gd.toXarray()
    np.testing.assert_array_equal(found.squeeze(), band(scenes, DAYS[0], "SR_B4"))


def test_an_image_as_a_file(session: Session, scenes: Scenes, tmp_path: Path) -> None:
    prepared = scene(DAYS[2]).select(["SR_B4", "SR_B7"]).gd.prepareForExport(**GRID, dtype="uint16")
    prepared.gd.toGeoTIFF(tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as file:
        assert (file.crs.to_epsg(), tuple(file.transform)[:6]) == (32647, TRANSFORM)
        np.testing.assert_array_equal(file.read(2), band(scenes, DAYS[2], "SR_B7"))


def test_reflectance(session: Session, scenes: Scenes) -> None:
    found = scene(DAYS[0]).gd.scaleOffset()
    np.testing.assert_allclose(
        pixels(found.select("SR_B4"))["SR_B4"], reflectance(scenes, DAYS[0], "SR_B4"), rtol=1e-6
    )


def test_clouds(session: Session, scenes: Scenes) -> None:
    found = pixels(scene(DAYS[1]).gd.addMaskBands().gd.maskClouds().select("SR_B4"), masked=0)["SR_B4"]
    expected = np.where(clear(scenes, DAYS[1]), band(scenes, DAYS[1], "SR_B4"), 0)
    np.testing.assert_array_equal(found, expected)


def test_how_much_is_covered(session: Session, scenes: Scenes) -> None:
    mask = scene(DAYS[1]).gd.addMaskBands().select("FILL_MASK|CLOUDLESS_MASK")
    found = mask.gd.regionCoverage(region=outline(), scale=STEP).getInfo()
    assert found["FILL_MASK"] == pytest.approx(100, abs=0.1)
    assert found["CLOUDLESS_MASK"] == pytest.approx(100 * clear(scenes, DAYS[1]).mean(), abs=0.3)


def test_a_search(session: Session) -> None:
    collection = ee.ImageCollection(ID)
    found = collection.gd.filter("2021-06-10", "2021-07-10", region=outline(), cloudless_portion=50)
    assert found.aggregate_array("system:index").getInfo() == ["LC08_133034_20210621", "LC08_133034_20210707"]
    assert found.size().getInfo() == 2
    assert len(found.gd.properties) == 2


@pytest.mark.parametrize("method", ["median", "mean", "mosaic"])
def test_composites(session: Session, scenes: Scenes, method: str) -> None:
    collection = ee.ImageCollection(ID).filterDate("2021-06-01", "2021-07-15")
    found = pixels(collection.gd.composite(method=method, mask=True).select("SR_B4"))["SR_B4"]
    stack = np.stack([np.where(clear(scenes, d), band(scenes, d, "SR_B4"), np.nan) for d in DAYS[:3]])
    expected = {
        "median": np.nanmedian(stack, axis=0),
        "mean": np.nanmean(stack, axis=0),
        "mosaic": np.where(np.isnan(stack[2]), np.where(np.isnan(stack[1]), stack[0], stack[1]), stack[2]),
    }
    np.testing.assert_allclose(found, expected[method], rtol=1e-6)


def test_the_medoid_is_one_of_the_scenes(session: Session, scenes: Scenes) -> None:
    collection = ee.ImageCollection(ID).filterDate("2021-06-01", "2021-07-15")
    found = pixels(collection.gd.composite(method="medoid", mask=False).select("SR_B4"))["SR_B4"]
    assert np.isin(found, np.stack([band(scenes, d, "SR_B4") for d in DAYS[:3]])).all()


def test_a_collection_as_arrays(session: Session, scenes: Scenes) -> None:
    collection = ee.ImageCollection(ID).select(["SR_B4"])
    found = collection.gd.prepareForExport(**GRID, dtype="uint16").gd.toXarray()
    stack = found["SR_B4"] if "SR_B4" in found else found.to_array()
    assert sorted(stack.sizes.values())[-2:] == [ROWS, COLS]
    values = (
        np.moveaxis(stack.transpose("time", "y", "x").values, 0, 0) if "time" in stack.dims else stack.values
    )
    np.testing.assert_array_equal(values[1], band(scenes, DAYS[1], "SR_B4"))
