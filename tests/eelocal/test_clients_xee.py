"""xee on the embedded Earth Engine: metadata, chunks, dask, worker processes, zarr."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from affine import Affine

import smgee
from smgee.eelocal.assets.catalog import AddOptions, add_files
from smgee.session import Session

COLLECTION = "projects/my-project/assets/scenes"
ROWS, COLS, DAYS = 60, 70, 5
ORIGIN = (600_000.0, 4_200_000.0)
GRID: dict[str, Any] = {
    "crs": "EPSG:32647",
    "crs_transform": (30.0, 0.0, ORIGIN[0], 0.0, -30.0, ORIGIN[1]),
    "shape_2d": (COLS, ROWS),
}
TRUTH = np.random.default_rng(5).random((2, DAYS, ROWS, COLS)).astype("f4")
TRUTH[0, 2, 10:20, 30:50] = np.nan


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("xee")
    files = []
    for day in range(DAYS):
        files.append(folder / f"scene_2021070{day + 1}.tif")
        with rasterio.open(
            files[-1],
            "w",
            driver="GTiff",
            dtype="float32",
            count=2,
            height=ROWS,
            width=COLS,
            crs="EPSG:32647",
            nodata=np.nan,
            transform=Affine(30, 0, ORIGIN[0], 0, -30, ORIGIN[1]),
            tiled=True,
            blockxsize=32,
            blockysize=32,
        ) as file:
            file.write(TRUTH[:, day])
            file.descriptions = ("red", "nir")
    add_files(folder / "cat", COLLECTION, files, AddOptions(kind="collection"))
    with smgee.connect(catalog=folder / "cat", store=folder / "store") as connected:
        yield connected


def opened(collection: Any = None, **more: Any) -> xr.Dataset:
    return xr.open_dataset(
        ee.ImageCollection(COLLECTION) if collection is None else collection, engine="ee", **GRID, **more
    )


def test_metadata(session: Session) -> None:
    dataset = opened()
    assert dict(dataset.sizes) == {"time": DAYS, "y": ROWS, "x": COLS}
    assert list(dataset.data_vars) == ["red", "nir"]
    np.testing.assert_array_equal(dataset.time, pd.date_range("2021-07-01", periods=DAYS))
    np.testing.assert_allclose(dataset.x, ORIGIN[0] + 30 * (np.arange(COLS) + 0.5))
    np.testing.assert_allclose(dataset.y, ORIGIN[1] - 30 * (np.arange(ROWS) + 0.5))


@pytest.mark.parametrize("chunks", [None, {"time": 2, "y": 25, "x": 32}])
def test_pixels_are_the_files(session: Session, chunks: dict[str, int] | None) -> None:
    dataset = opened(chunks=chunks).compute()
    np.testing.assert_array_equal(dataset.red, TRUTH[0])
    np.testing.assert_array_equal(dataset.nir, TRUTH[1])


def test_slices_and_reductions(session: Session) -> None:
    dataset = opened(chunks={"time": 3})
    window = (
        dataset.nir.sel(time=slice("2021-07-02", "2021-07-03"))
        .isel(y=slice(7, 19), x=slice(40, 69))
        .compute()
    )
    np.testing.assert_array_equal(window, TRUTH[1, 1:3, 7:19, 40:69])
    np.testing.assert_allclose(dataset.red.mean("time").compute(), np.nanmean(TRUTH[0], axis=0), rtol=1e-5)


def test_computed_images(session: Session) -> None:
    collection = ee.ImageCollection(COLLECTION).map(
        lambda image: image.normalizedDifference(["nir", "red"]).copyProperties(image, ["system:time_start"])
    )
    got = opened(collection).nd.compute()
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(got, (TRUTH[1] - TRUTH[0]) / (TRUTH[1] + TRUTH[0]), rtol=1e-5, atol=1e-6)


def test_one_image_and_its_own_grid(session: Session) -> None:
    from xee import helpers

    found = helpers.extract_grid_params(ee.ImageCollection(COLLECTION))
    assert found["shape_2d"] == (COLS, ROWS)
    assert tuple(found["crs_transform"]) == GRID["crs_transform"]
    dataset = xr.open_dataset(ee.Image(f"{COLLECTION}/scene_20210703").select("red"), engine="ee", **found)
    np.testing.assert_array_equal(dataset.red.squeeze(), TRUTH[0, 2])


def test_a_store_is_written(session: Session, tmp_path: Path) -> None:
    opened(chunks={"time": 2, "y": 30, "x": 35}).drop_attrs().to_zarr(
        tmp_path / "out.zarr", consolidated=False
    )
    np.testing.assert_allclose(
        xr.open_zarr(tmp_path / "out.zarr", consolidated=False).red, TRUTH[0], rtol=1e-6
    )


def _mean_of_day(url: str, day: int) -> float:
    with smgee.connect("embedded", url=url):
        return float(opened().nir.isel(time=day).mean())


def test_worker_processes_read_through_loopback(session: Session) -> None:
    url = session.serve()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(_mean_of_day, [url] * 2, [0, 4]))
    np.testing.assert_allclose(found, TRUTH[1, [0, 4]].mean(axis=(1, 2)), rtol=1e-6)


def test_chunks_that_are_too_large_are_refused(session: Session) -> None:
    grid = {
        "dimensions": {"width": 4000, "height": 4000},
        "affineTransform": {"scaleX": 1, "scaleY": -1},
        "crsCode": "EPSG:32647",
    }
    request = {"expression": ee.Image(f"{COLLECTION}/scene_20210701"), "fileFormat": "NPY", "grid": grid}
    with pytest.raises(ee.EEException, match="must be less than or equal to 50331648 bytes"):
        ee.data.computePixels(request)


def test_xees_own_unit_tests_pass(tmp_path: Path) -> None:
    """The tests that xee ships and that need no service, in a process of their own."""
    pytest.importorskip("absl.testing")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "xee.ext_test"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
