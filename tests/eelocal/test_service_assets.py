"""Assets, exports, imports and tasks, through the unmodified client."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine

import smgee
from smgee.eelocal.assets.catalog import add_files
from smgee.grid import transformer
from smgee.session import Session

ORIGIN = (600_000.0, 4_200_000.0)
VALUES = np.arange(1200, dtype="i2").reshape(30, 40)
ROOT = "projects/smgee-embedded/assets"


def write(path: Path, values: np.ndarray, **profile: Any) -> Path:
    values = values if values.ndim == 3 else values[None]
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype=values.dtype,
        count=len(values),
        height=values.shape[1],
        width=values.shape[2],
        **{"crs": "EPSG:32647", "transform": Affine(30, 0, ORIGIN[0], 0, -30, ORIGIN[1]), **profile},
    ) as file:
        file.write(values)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def session(folder: Path) -> Iterator[Session]:
    (folder / "bucket").mkdir()
    add_files(folder / "cat", "projects/my-project/assets/dem", [write(folder / "dem.tif", VALUES, nodata=0)])
    with smgee.connect(
        catalog=folder / "cat",
        store=folder / "store",
        buckets={"data": folder / "bucket"},
        drive=folder / "drive",
    ) as connected:
        ee.data.setMaxRetries(0)
        yield connected


def dem() -> Any:
    return ee.Image("projects/my-project/assets/dem").rename("z")


def finish(task: Any) -> dict[str, Any]:
    task.start()
    deadline = time.monotonic() + 120
    while task.active():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return task.status()


def pixels(image: Any) -> np.ndarray:
    return ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY"})


# -- files of a bucket that are no assets


def test_a_geotiff_of_a_bucket(session: Session, folder: Path) -> None:
    write(folder / "bucket" / "two.tif", np.stack([VALUES, VALUES * 2]), nodata=7)
    image = ee.Image.loadGeoTIFF("gs://data/two.tif")
    told = image.getInfo()["bands"]
    assert [band["id"] for band in told] == ["B0", "B1"]
    assert told[0]["crs_transform"] == [30, 0, ORIGIN[0], 0, -30, ORIGIN[1]]
    found = pixels(image.unmask(-1))
    np.testing.assert_array_equal(found["B0"], np.where(VALUES == 7, -1, VALUES))
    np.testing.assert_array_equal(found["B1"], VALUES * 2)
    with rasterio.open(folder / "bucket" / "two.tif", "r+") as file:
        file.descriptions = ("wet", "dry")
    assert ee.Image.loadGeoTIFF("gs://data/two.tif").bandNames().getInfo() == ["wet", "dry"]
    for uri, words in (("gs://data/none.tif", "none.tif"), ("gs://other/two.tif", "other")):
        with pytest.raises(ee.EEException, match=words):
            ee.Image.loadGeoTIFF(uri).getInfo()


def test_a_text_of_a_bucket(session: Session, folder: Path) -> None:
    (folder / "bucket" / "word.txt").write_bytes("größer".encode("latin-1"))
    blob = ee.Blob("gs://data/word.txt")
    assert blob.string("ISO-8859-1").getInfo() == "größer"
    assert blob.url().getInfo() == "gs://data/word.txt"
    with pytest.raises(ee.EEException, match="is not UTF-8 text"):
        blob.string().getInfo()


# -- assets


def test_folders_and_collections(session: Session) -> None:
    ee.data.createFolder(f"{ROOT}/f")
    ee.data.createAsset({"type": "IMAGE_COLLECTION", "title": "Maps"}, f"{ROOT}/f/c", {"n": 3})
    assert ee.data.getAsset(f"{ROOT}/f/c")["properties"] == {"n": 3, "title": "Maps"}
    assert [a["type"] for a in ee.data.listAssets(ROOT)["assets"]] == ["FOLDER"]
    assert [a["id"] for a in ee.data.listAssets(f"{ROOT}/f")["assets"]] == [f"{ROOT}/f/c"]
    assert ee.ImageCollection(f"{ROOT}/f/c").size().getInfo() == 0
    with pytest.raises(ee.EEException, match="Cannot overwrite"):
        ee.data.createFolder(f"{ROOT}/f")
    with pytest.raises(ee.EEException, match="non-empty"):
        ee.data.deleteAsset(f"{ROOT}/f")
    ee.data.renameAsset(f"{ROOT}/f", f"{ROOT}/g")
    assert ee.data.getAsset(f"{ROOT}/g/c")["type"] == "IMAGE_COLLECTION"
    ee.data.deleteAsset(f"{ROOT}/g/c")
    ee.data.deleteAsset(f"{ROOT}/g")
    assert ee.data.listAssets(ROOT)["assets"] == []
    assert ee.data.getInfo(f"{ROOT}/g") is None
    assert ee.data.getAssetRootQuota(ROOT)["asset_count"] == {"usage": 0, "limit": 10000}


def test_the_catalog_is_read_only_and_public(session: Session) -> None:
    with pytest.raises(ee.EEException, match="read-only"):
        ee.data.deleteAsset("projects/my-project/assets/dem")
    with pytest.raises(ee.EEException, match="new assets belong below"):
        ee.data.createFolder("NASA/MINE")
    assert ee.data.getIamPolicy("projects/my-project/assets/dem")["bindings"][0]["members"] == ["allUsers"]


def test_export_to_asset_keeps_everything(session: Session) -> None:
    mask = dem().gt(0).multiply(0.4).where(dem().mod(2).eq(0), 1)
    image = dem().addBands(dem().multiply(0.5).toFloat().rename("half").updateMask(dem().gt(600)))
    image = image.addBands(dem().toUint16().rename("part").updateMask(mask))
    image = image.set(
        {
            "model": "xgb",
            "trees": 5,
            "system:time_start": 1_600_000_000_000,
            "system:time_end": 1_600_086_400_000,
        }
    )
    task = ee.batch.Export.image.toAsset(
        image,
        "a map",
        f"{ROOT}/map",
        crs="EPSG:32647",
        crsTransform=[30, 0, ORIGIN[0], 0, -30, ORIGIN[1]],
        region=dem().geometry(),
        pyramidingPolicy={".default": "mode", "half": "mean"},
    )
    status = finish(task)
    assert status["state"] == "COMPLETED", status["error_message"]
    assert status["task_type"] == "EXPORT_IMAGE"
    asset = ee.data.getAsset(f"{ROOT}/map")
    assert asset["properties"] == {"model": "xgb", "trees": 5}
    assert (asset["startTime"], asset["endTime"]) == ("2020-09-13T12:26:40Z", "2020-09-14T12:26:40Z")
    assert [(b["id"], b["pyramidingPolicy"]) for b in asset["bands"]] == [
        ("z", "MODE"),
        ("half", "MEAN"),
        ("part", "MODE"),
    ]
    assert int(asset["sizeBytes"]) > 0
    stored = ee.Image(f"{ROOT}/map")
    got, expected = pixels(stored), pixels(image)
    for name in ("z", "half", "part"):
        assert got.dtype[name] == expected.dtype[name]
        np.testing.assert_array_equal(got[name], expected[name])
    got, expected = pixels(stored.mask().toFloat()), pixels(image.mask().toFloat())
    for name in ("z", "half", "part"):
        np.testing.assert_allclose(got[name], expected[name], atol=1 / 255)
    info = stored.getInfo()["properties"]
    assert info["system:time_start"] == 1_600_000_000_000
    assert info["model"] == "xgb"


def test_a_small_asset_is_stored_in_small_blocks(session: Session, folder: Path) -> None:
    place = {"crs": "EPSG:32647", "crsTransform": [30, 0, ORIGIN[0], 0, -30, ORIGIN[1]]}
    finish(ee.batch.Export.image.toAsset(dem(), "small", f"{ROOT}/small", region=dem().geometry(), **place))
    for path in (folder / "store").rglob("*.tif"):
        with rasterio.open(path) as file:
            assert file.block_shapes == [(128, 128)]


def test_exports_build_collections_and_overwrite_when_told(session: Session) -> None:
    ee.data.createAsset({"type": "IMAGE_COLLECTION"}, f"{ROOT}/maps")
    for day in (1, 2):
        image = dem().add(day).set("system:time_start", day * 86_400_000)
        assert (
            finish(ee.batch.Export.image.toAsset(image, "d", f"{ROOT}/maps/day{day}"))["state"] == "COMPLETED"
        )
    maps = ee.ImageCollection(f"{ROOT}/maps")
    assert maps.filterDate("1970-01-02", "1970-01-03").aggregate_array("system:index").getInfo() == ["day1"]
    assert [i["id"] for i in ee.data.listImages(f"{ROOT}/maps")["images"]] == [
        f"{ROOT}/maps/day1",
        f"{ROOT}/maps/day2",
    ]
    before = pixels(ee.Image(f"{ROOT}/maps/day1"))["z"].copy()
    with pytest.raises(ee.EEException, match="Cannot overwrite"):
        ee.batch.Export.image.toAsset(dem(), "d", f"{ROOT}/maps/day1").start()
    assert (
        finish(ee.batch.Export.image.toAsset(dem().add(10), "d", f"{ROOT}/maps/day1", overwrite=True))[
            "state"
        ]
        == "COMPLETED"
    )
    valid = before > 0
    assert (pixels(ee.Image(f"{ROOT}/maps/day1"))["z"][valid] == before[valid] + 9).all(), (
        "the new pixels, not cached ones"
    )


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (
            lambda: ee.batch.Export.image.toAsset(ee.Image(1), "d", f"{ROOT}/x"),
            "Unable to export unbounded image",
        ),
        (
            lambda: ee.batch.Export.image.toAsset(dem(), "d", f"{ROOT}/x", maxPixels=10),
            r"specified 1200 pixels \(max: 10\)",
        ),
        (lambda: ee.batch.Export.image.toAsset(dem().toArray(), "d", f"{ROOT}/x"), "array pixels"),
        (
            lambda: ee.batch.Export.image.toDrive(dem().addBands(dem().toFloat()), "d"),
            "compatible data types",
        ),
        (lambda: ee.batch.Export.image.toAsset(ee.Image("NASA/NOTHING"), "d", f"{ROOT}/x"), "not found"),
        (  # properties of assets are flat: https://developers.google.com/earth-engine/guides/image_manifest
            lambda: ee.batch.Export.image.toAsset(dem().set("day", ee.Date(0)), "d", f"{ROOT}/x"),
            "'day' has a value of type Date",
        ),
    ],
)
def test_exports_that_fail_say_why(session: Session, make: Any, match: str) -> None:
    import re

    status = finish(make())
    assert status["state"] == "FAILED"
    assert re.search(match, status["error_message"])
    assert ee.data.listAssets(ROOT)["assets"] == []


def test_exports_to_files(session: Session, folder: Path) -> None:
    status = finish(
        ee.batch.Export.image.toDrive(
            dem().toFloat(), "d", "maps/2020", "dem", formatOptions={"noData": -1, "cloudOptimized": True}
        )
    )
    assert status["state"] == "COMPLETED", status
    with rasterio.open(folder / "drive" / "maps_2020" / "dem.tif") as file:
        assert file.nodata == -1
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.descriptions == ("z",)
        np.testing.assert_array_equal(file.read(1), np.where(VALUES == 0, -1, VALUES))
    big = dem().resample("bilinear").reproject("EPSG:32647", [3, 0, ORIGIN[0], 0, -3, ORIGIN[1]])
    status = finish(ee.batch.Export.image.toCloudStorage(big, "d", "data", "out/dem", fileDimensions=256))
    assert status["destination_uris"] == [
        f"gs://data/out/dem-{r:010d}-{c:010d}.tif" for r in (0, 256) for c in (0, 256)
    ]
    assert all(
        (folder / "bucket" / uri.removeprefix("gs://data/")).exists() for uri in status["destination_uris"]
    )
    with pytest.raises(ee.EEException, match="not mapped"):
        ee.batch.Export.image.toCloudStorage(dem(), "d", "other", "x").start()


def test_table_exports(session: Session, folder: Path) -> None:
    points = [
        ee.Feature(ee.Geometry.Point([99 + i, 37]), {"n": i, "name": f"p{i}", "x": i / 4}) for i in range(3)
    ]
    table = ee.FeatureCollection([*points, ee.Feature(None, {"n": 9})]).set("source", "made")
    assert finish(ee.batch.Export.table.toAsset(table, "t", f"{ROOT}/points"))["state"] == "COMPLETED"
    stored = ee.FeatureCollection(f"{ROOT}/points")
    assert stored.aggregate_array("n").getInfo() == [0, 1, 2, 9]
    assert (
        stored.filterBounds(ee.Geometry.Point([100, 37]).buffer(1000)).first().get("name").getInfo() == "p1"
    )
    assert ee.data.getAsset(f"{ROOT}/points")["properties"] == {"source": "made"}
    page = ee.data.listFeatures({"assetId": f"{ROOT}/points", "pageSize": 2, "filter": "properties.n>=1"})
    assert [f["properties"]["n"] for f in page["features"]] == [1, 2]
    region = json.dumps(
        {"type": "Polygon", "coordinates": [[[98.5, 36], [100.5, 36], [100.5, 38], [98.5, 38], [98.5, 36]]]}
    )
    assert len(ee.data.listFeatures({"assetId": f"{ROOT}/points", "region": region})["features"]) == 2
    status = finish(
        ee.batch.Export.table.toDrive(table, "t", fileNamePrefix="points", selectors=["name", "x"])
    )
    assert status["task_type"] == "EXPORT_FEATURES"
    frame = pd.read_csv(folder / "drive" / "points.csv")
    assert list(frame.columns) == ["name", "x"]
    assert frame.x.tolist()[:3] == [0, 0.25, 0.5]
    dated = ee.FeatureCollection([ee.Feature(None, {"t": ee.Date("2021-06-01")})])
    assert finish(ee.batch.Export.table.toAsset(dated, "t", f"{ROOT}/dated"))["state"] == "COMPLETED"
    when = ee.Date(ee.FeatureCollection(f"{ROOT}/dated").first().get("t"))
    assert when.format("YYYY-MM-dd").getInfo() == "2021-06-01"
    long = ee.FeatureCollection([ee.Feature(None, {"s": ee.List.repeat("x", 100_001).join("")})])
    assert "too long" in finish(ee.batch.Export.table.toAsset(long, "t", f"{ROOT}/long"))["error_message"]


def test_classifiers_are_assets(session: Session) -> None:
    tree = "1) root 1 1 0\n  2) z<600 1 1 0.1 *\n  3) z>=600 1 1 0.3 *"
    classifier = ee.Classifier.decisionTreeEnsemble([tree])
    assert (
        finish(ee.batch.Export.classifier.toAsset(classifier, "c", f"{ROOT}/model"))["task_type"]
        == "EXPORT_CLASSIFIER"
    )
    assert ee.data.getAsset(f"{ROOT}/model")["type"] == "CLASSIFIER"
    loaded = ee.Classifier.load(f"{ROOT}/model").setOutputMode("REGRESSION")
    got, expected = (pixels(dem().classify(c)) for c in (loaded, classifier.setOutputMode("REGRESSION")))
    np.testing.assert_array_equal(got["classification"], expected["classification"])


def test_map_tiles_to_files(session: Session, folder: Path) -> None:
    task = ee.batch.Export.map.toCloudStorage(
        dem().visualize(min=0, max=1200), "m", "data", path="tiles", minZoom=11, maxZoom=12
    )
    assert finish(task)["state"] == "COMPLETED"
    assert {p.name for p in (folder / "bucket" / "tiles").iterdir()} == {"11", "12"}


# -- properties and copies


def test_copy_update_and_share(session: Session) -> None:
    finish(ee.batch.Export.image.toAsset(dem(), "d", f"{ROOT}/a"))
    ee.data.copyAsset(f"{ROOT}/a", f"{ROOT}/b")
    ee.data.deleteAsset(f"{ROOT}/a")
    np.testing.assert_array_equal(pixels(ee.Image(f"{ROOT}/b"))["z"], VALUES)
    ee.data.updateAsset(
        f"{ROOT}/b",
        {"properties": {"n": 5}, "startTime": "2020-01-02T00:00:00Z"},
        ["properties.n", "startTime"],
    )
    ee.data.updateAsset(f"{ROOT}/b", {"bands": [{"id": "height"}]}, ["bands"])
    info = ee.Image(f"{ROOT}/b").getInfo()
    assert info["bands"][0]["id"] == "height"
    assert info["properties"]["n"] == 5
    assert info["properties"]["system:time_start"] == 1_577_923_200_000
    ee.data.updateAsset(f"{ROOT}/b", {}, ["properties.n"])
    assert "properties" not in ee.data.getAsset(f"{ROOT}/b")
    with pytest.raises(ee.EEException, match="cannot be updated"):
        ee.data.updateAsset(f"{ROOT}/b", {}, ["sizeBytes"])
    ee.data.setIamPolicy(f"{ROOT}/b", {"bindings": [{"role": "roles/viewer", "members": ["allUsers"]}]})
    assert ee.data.getAssetAcl(f"{ROOT}/b")["all_users_can_read"] is True


# -- imports


def _wait(name: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while not ee.data.getOperation(name).get("done"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return ee.data.getOperation(name)


def test_image_ingestion_mosaics_and_stacks(session: Session, folder: Path) -> None:
    write(folder / "bucket" / "w.tif", VALUES[:, :25])
    write(
        folder / "bucket" / "e.tif",
        VALUES[:, 25:],
        transform=Affine(30, 0, ORIGIN[0] + 750, 0, -30, ORIGIN[1]),
    )
    write(folder / "bucket" / "more.tif", np.stack([VALUES, VALUES * 2]).astype("f4"))
    manifest = {
        "name": f"{ROOT}/stack",
        "tilesets": [
            {"id": "dem", "sources": [{"uris": ["gs://data/w.tif"]}, {"uris": ["gs://data/e.tif"]}]},
            {"id": "more", "sources": [{"uris": ["gs://data/more.tif"]}]},
        ],
        "bands": [
            {"id": "z", "tilesetId": "dem", "missingData": {"values": [5]}, "pyramidingPolicy": "SAMPLE"},
            {"id": "twice", "tilesetId": "more", "tilesetBandIndex": 1},
        ],
        "startTime": "2020-01-02T00:00:00Z",
        "properties": {"n": 1},
    }
    operation = _wait(ee.data.startIngestion("x", manifest)["name"])
    assert operation["metadata"]["state"] == "SUCCEEDED", operation
    (folder / "bucket" / "w.tif").unlink()
    got = pixels(ee.Image(f"{ROOT}/stack"))
    np.testing.assert_array_equal(got["z"], np.where(VALUES == 5, 0, VALUES))
    np.testing.assert_array_equal(got["twice"], VALUES * 2)
    assert ee.data.getAsset(f"{ROOT}/stack")["startTime"] == "2020-01-02T00:00:00Z"
    bad = {"name": f"{ROOT}/bad", "tilesets": [{"sources": [{"uris": ["gs://data/none.tif"]}]}]}
    assert "Unable to find" in _wait(ee.data.startIngestion("x", bad)["name"])["error"]["message"]


def test_external_images_stay_where_they_are(session: Session, folder: Path) -> None:
    write(folder / "bucket" / "cog.tif", VALUES)
    manifest = {
        "name": f"{ROOT}/ext",
        "tilesets": [{"sources": [{"uris": ["gs://data/cog.tif"]}]}],
        "bands": [{"id": "z"}],
    }
    assert ee.data.startExternalImageIngestion(manifest) == {"name": f"{ROOT}/ext"}
    np.testing.assert_array_equal(pixels(ee.Image(f"{ROOT}/ext"))["z"], VALUES)
    ee.data.deleteAsset(f"{ROOT}/ext")
    assert (folder / "bucket" / "cog.tif").exists()


def test_table_ingestion(session: Session, folder: Path) -> None:
    (folder / "bucket" / "s.csv").write_text("name,east,north,sm\na,99.5,37.5,0.2\nb,99.6,37.6,0.3\n")
    manifest = {
        "name": f"{ROOT}/s",
        "sources": [{"uris": ["gs://data/s.csv"], "xColumn": "east", "yColumn": "north"}],
    }
    assert _wait(ee.data.startTableIngestion("r1", manifest)["name"])["metadata"]["state"] == "SUCCEEDED"
    assert ee.FeatureCollection(f"{ROOT}/s").aggregate_mean("sm").getInfo() == pytest.approx(0.25)
    assert ee.FeatureCollection(f"{ROOT}/s").geometry().bounds().coordinates().getInfo()


def test_pixels_of_an_asset_and_a_region(session: Session) -> None:
    transform = {"scaleX": 30, "translateX": ORIGIN[0] + 60, "scaleY": -30, "translateY": ORIGIN[1] - 90}
    grid = {"dimensions": {"width": 4, "height": 3}, "affineTransform": transform, "crsCode": "EPSG:32647"}
    got = ee.data.getPixels(
        {"assetId": "projects/my-project/assets/dem", "fileFormat": "NUMPY_NDARRAY", "grid": grid}
    )
    np.testing.assert_array_equal(got["b1"], VALUES[3:6, 2:6])
    to_lonlat = transformer("EPSG:32647", "EPSG:4326")
    cells = ((5.2, 4.2), (9.8, 4.2), (9.8, 8.8), (5.2, 8.8))
    corners = [to_lonlat.transform(ORIGIN[0] + 30 * c, ORIGIN[1] - 30 * r) for c, r in cells]
    region = {"type": "Polygon", "coordinates": [[*map(list, corners), list(corners[0])]]}
    got = ee.data.getPixels(
        {"assetId": "projects/my-project/assets/dem", "fileFormat": "NUMPY_NDARRAY", "region": region}
    )
    assert got.shape == (5, 5)
    np.testing.assert_array_equal(got["b1"][1:4, 1:4], VALUES[5:8, 6:9])


def test_tasks_are_listed_and_idempotent(session: Session) -> None:
    request = {
        "expression": dem(),
        "description": "twice",
        "assetExportOptions": {"earthEngineDestination": {"name": f"{ROOT}/once"}},
    }
    one = ee.data.exportImage("request-1", request)
    two = ee.data.exportImage("request-1", request)
    assert one["name"] == two["name"]
    _wait(one["name"])
    assert [o["name"] for o in ee.data.listOperations()] == [one["name"]]
    assert [t.state for t in ee.batch.Task.list()] == ["COMPLETED"]
    assert ee.data.getTaskStatus("UNKNOWNTASK")[0]["state"] == "UNKNOWN"
