"""Exports by tasks: pixel for pixel, kept when they are asked for again, gone on with after an end midway."""

from __future__ import annotations

import threading

import ee
import numpy as np
import pytest
import rasterio

import smgee
from smgee.errors import InputError, RemoteError
from smgee.grid import PixelGrid
from smgee.remote import TaskState, known_tasks
from smgee.upscale.exports import MARK, Destination, Order, export_images

GRID = PixelGrid("EPSG:32647", (30.0, 0.0, 562620.0, 0.0, -30.0, 4162830.0), 75, 50)
FOLDER = "projects/smgee-embedded/assets/exported"


@pytest.fixture
def session(tmp_path):
    with smgee.connect(
        store=tmp_path / "store", buckets={"mine": tmp_path / "bucket"}, drive=tmp_path / "drive"
    ) as s:
        yield s


def image(add: float = 0.0) -> ee.Image:
    """Each pixel its own value: column + 1000 × row of the lattice, some masked."""
    at = ee.Image.pixelCoordinates(ee.Projection(GRID.crs, list(GRID.transform))).floor()
    value = at.select("x").add(at.select("y").multiply(1000)).add(add).rename("soil_moisture").toFloat()
    return value.updateMask(at.select("x").neq(3))


def expected(add: float = 0.0) -> np.ndarray:
    rows, cols = np.mgrid[0 : GRID.height, 0 : GRID.width]
    return np.where(cols == 3, np.nan, cols + 1000 * rows + add).astype("f4")


def orders(n: int = 3) -> list[Order]:
    return [Order(f"day_{k}", lambda k=k: image(k / 8)) for k in range(n)]


def read(path) -> np.ndarray:
    with rasterio.open(path) as file:
        assert file.crs.to_epsg() == 32647
        assert tuple(file.transform)[:6] == GRID.transform
        return file.read(1, masked=True).filled(np.nan)


def test_assets_are_the_images_on_the_lattice(session):
    seen = []
    done = export_images(orders(), Destination("asset", FOLDER), GRID, label="mine", progress=seen.append)
    assert [(e.name, e.state, e.started) for e in done] == [
        (f"day_{k}", TaskState.SUCCEEDED, True) for k in range(3)
    ]
    assert {e.state for e in seen[-1]} == {TaskState.SUCCEEDED}
    assert all(e.eecu_s is not None for e in done)
    info = ee.Image(f"{FOLDER}/day_2").getInfo()
    assert info["bands"][0]["dimensions"] == [GRID.width, GRID.height]
    assert info["bands"][0]["crs_transform"] == list(GRID.transform)
    found = ee.data.computePixels(
        {
            "expression": ee.Image(f"{FOLDER}/day_2").unmask(-1),
            "fileFormat": "NUMPY_NDARRAY",
            "grid": {
                "dimensions": {"width": GRID.width, "height": GRID.height},
                "affineTransform": dict(
                    zip(
                        ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY"),
                        GRID.transform,
                        strict=True,
                    )
                ),
                "crsCode": GRID.crs,
            },
        }
    )
    np.testing.assert_array_equal(found["soil_moisture"], np.nan_to_num(expected(2 / 8), nan=-1))
    assert ee.ImageCollection(FOLDER).size().getInfo() == 3


@pytest.mark.parametrize("kind", ["bucket", "drive"])
def test_files_are_the_images_on_the_lattice(session, tmp_path, kind):
    destination = Destination(kind, "mine/maps" if kind == "bucket" else "maps")
    done = export_images(orders(2), destination, GRID, label="mine")
    folder = tmp_path / ("bucket/maps" if kind == "bucket" else "drive/maps")
    np.testing.assert_array_equal(read(folder / "day_1.tif"), expected(1 / 8))
    assert [e.started for e in done] == [True, True]
    again = export_images(orders(3), destination, GRID, label="mine")
    assert [e.started for e in again] == [False, False, True]


def test_what_was_exported_is_kept_and_what_changed_is_not(session):
    destination = Destination("asset", FOLDER)
    first = export_images(orders(3), destination, GRID, label="mine")
    ee.data.deleteAsset(f"{FOLDER}/day_0")
    changed = [*orders(2), Order("day_2", lambda: image(99))]
    again = export_images(changed, destination, GRID, label="mine")
    assert [e.started for e in again] == [True, False, True]
    assert again[1].task == first[1].task
    assert ee.Image(f"{FOLDER}/day_2").get(MARK).getInfo() != ""


def test_the_service_may_have_forgotten_the_task_of_an_asset(session, monkeypatch):
    destination = Destination("asset", FOLDER)
    export_images(orders(2), destination, GRID, label="mine")
    monkeypatch.setattr("smgee.upscale.exports.known_tasks", dict)
    again = export_images(orders(2), destination, GRID, label="mine")
    assert [(e.started, e.task, e.state) for e in again] == [(False, "", TaskState.SUCCEEDED)] * 2


def test_waiting_that_ends_leaves_the_tasks_and_they_are_found_again(session):
    stop = threading.Event()
    stop.set()
    left = export_images(orders(3), Destination("asset", FOLDER), GRID, label="mine", stop=stop)
    assert len(left) == 3
    tasks = known_tasks()
    assert {s.id for s in tasks.values()} >= {e.task for e in left}
    again = export_images(orders(3), Destination("asset", FOLDER), GRID, label="mine")
    assert [e.task for e in again if not e.started and e.task] == [e.task for e in left]
    assert {e.state for e in again} == {TaskState.SUCCEEDED}


def test_a_task_that_fails_is_told_and_begun_again(session):
    broken = Order("day_1", lambda: ee.Image("projects/smgee-embedded/assets/absent").rename("soil_moisture"))
    mixed = [orders(1)[0], broken]
    with pytest.raises(RemoteError, match=r"1 of 2 exports .* did not succeed \(day_1 FAILED: .*absent"):
        export_images(mixed, Destination("asset", FOLDER), GRID, label="mine")
    fixed = export_images(orders(2), Destination("asset", FOLDER), GRID, label="mine")
    assert [e.started for e in fixed] == [False, True]


def test_an_unknown_destination_is_refused():
    with pytest.raises(InputError, match="asset, bucket, drive"):
        Destination("ftp", "there")
