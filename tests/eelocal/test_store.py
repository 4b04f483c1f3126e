"""The stores: assets written whole or not at all, by several writers at once, and surviving a kill."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from smgee.eelocal.assets.geotiff import read_band
from smgee.eelocal.assets.mosaic import join_grids
from smgee.eelocal.assets.names import asset_id, asset_name
from smgee.eelocal.assets.query import asset_filter
from smgee.eelocal.assets.records import AssetRecord
from smgee.eelocal.assets.sources import Decoding, Piece, RasterSource, TableSource, band_source
from smgee.eelocal.assets.store import AssetStore
from smgee.eelocal.assets.user import UserAssets
from smgee.eelocal.errors import EEError, NotFoundError
from smgee.errors import InputError
from smgee.grid import PixelGrid

ROOT = "projects/test-project/assets"


@pytest.fixture
def user(tmp_path: Path) -> UserAssets:
    return UserAssets(tmp_path / "store")


@pytest.mark.parametrize(
    ("written", "identifier", "name"),
    [
        (
            "NASA/HLS/HLSS30/v002",
            "NASA/HLS/HLSS30/v002",
            "projects/earthengine-public/assets/NASA/HLS/HLSS30/v002",
        ),
        ("projects/earthengine-public/assets/NASA/X", "NASA/X", "projects/earthengine-public/assets/NASA/X"),
        ("projects/my-project/assets/a/", "projects/my-project/assets/a", "projects/my-project/assets/a"),
        (
            "projects/earthengine-legacy/assets/users/me/a",
            "users/me/a",
            "projects/earthengine-legacy/assets/users/me/a",
        ),
        ("projects/old/a", "projects/old/a", "projects/earthengine-legacy/assets/projects/old/a"),
    ],
)
def test_ids_and_names_are_those_of_the_client(written: str, identifier: str, name: str) -> None:
    from ee import _cloud_api_utils

    assert asset_id(written) == identifier
    assert asset_name(written) == name
    assert _cloud_api_utils.convert_asset_id_to_asset_name(identifier) == name


def test_assets_need_a_parent_and_do_not_overwrite(user: UserAssets) -> None:
    user.put(AssetRecord("FOLDER", f"{ROOT}/a"))
    user.put(AssetRecord("FOLDER", f"{ROOT}/a/b"))
    assert user.list(ROOT) == [f"{ROOT}/a"]
    assert user.list(f"{ROOT}/a") == [f"{ROOT}/a/b"]
    with pytest.raises(NotFoundError, match="does not exist or doesn't allow"):
        user.put(AssetRecord("FOLDER", f"{ROOT}/missing/b"))
    with pytest.raises(EEError, match="Cannot overwrite asset"):
        user.put(AssetRecord("FOLDER", f"{ROOT}/a"))
    with pytest.raises(EEError, match="non-empty folder"):
        user.delete(f"{ROOT}/a")
    user.delete(f"{ROOT}/a/b")
    user.delete(f"{ROOT}/a")
    assert user.list(ROOT) == []


@pytest.mark.parametrize(
    "identifier", ["NASA/X", f"{ROOT}/../x", f"{ROOT}/a b", f"{ROOT}/", "projects/demo/assets/a"]
)
def test_ids_that_cannot_be_written_are_refused(user: UserAssets, identifier: str) -> None:
    with pytest.raises(EEError, match=r"Cannot write asset|Invalid asset name"):
        user.put(AssetRecord("FOLDER", identifier))
    assert not (user.root.parent / "x").exists()


def test_move_takes_what_a_folder_holds(user: UserAssets) -> None:
    for part in ("a", "a/b", "a/b/c"):
        user.put(AssetRecord("FOLDER", f"{ROOT}/{part}"))
    user.move(f"{ROOT}/a", f"{ROOT}/z")
    assert user.record(f"{ROOT}/z/b/c") is not None
    assert user.record(f"{ROOT}/a") is None
    with pytest.raises(EEError, match="into itself"):
        user.move(f"{ROOT}/z", f"{ROOT}/z/b/y")


def _table(user: UserAssets, identifier: str, rows: int, *, overwrite: bool = False) -> None:
    with user.writing() as folder:
        path = folder / "features.geojsonl"
        path.write_text(
            "".join(
                json.dumps({"type": "Feature", "id": str(i), "geometry": None, "properties": {"n": rows}})
                + "\n"
                for i in range(rows)
            )
        )
        source = TableSource(str(path.relative_to(user.root)), "geojsonl")
        user.put(
            AssetRecord("TABLE", identifier, source=source),
            data=folder,
            overwrite=overwrite,
        )


def test_only_one_of_many_writers_creates_an_asset(user: UserAssets) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def write(rows: int) -> None:
        other = UserAssets(user.root)
        start.wait()
        try:
            _table(other, f"{ROOT}/table", rows)
            outcomes.append("written")
        except EEError:
            outcomes.append("refused")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 7 + ["written"]
    rows = list(user.features(f"{ROOT}/table"))
    assert rows[0]["properties"]["n"] == len(rows)
    assert len(list((user.root / ".data").iterdir())) == 1, "the data of refused writers is gone"


@pytest.mark.parametrize("place", [".data/gone", "gone"])
def test_looking_for_leftovers_bears_folders_that_vanish(user: UserAssets, monkeypatch, place) -> None:
    """Data of other writers comes and goes while a writer looks for what a crash left behind."""
    _table(user, f"{ROOT}/table", 1)
    gone = user.root / place
    listing = os.scandir

    def scandir(path):
        if Path(path) == gone:
            gone.rmdir()
        return listing(path)

    gone.mkdir()
    monkeypatch.setattr(os, "scandir", scandir)
    _table(UserAssets(user.root), f"{ROOT}/other", 1)
    assert user.record(f"{ROOT}/other") is not None


def _overwrite_for_ever(root: str) -> None:
    user = UserAssets(root)
    rows = 1
    while True:
        rows = rows % 400 + 1
        _table(user, f"{ROOT}/table", rows, overwrite=True)


def test_a_killed_writer_leaves_a_whole_asset(user: UserAssets) -> None:
    _table(user, f"{ROOT}/table", 3)
    context = multiprocessing.get_context("spawn")
    for attempt in range(3):
        writer = context.Process(target=_overwrite_for_ever, args=(str(user.root),), daemon=True)
        stamp = (user.root / "test-project/table/.asset.json").stat().st_mtime_ns
        writer.start()
        while (user.root / "test-project/table/.asset.json").stat().st_mtime_ns == stamp:
            time.sleep(0.01)
        time.sleep(0.02 * attempt)
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        rows = list(UserAssets(user.root).features(f"{ROOT}/table"))
        assert rows
        assert all(row["properties"]["n"] == len(rows) for row in rows)


def test_readers_see_old_or_new_while_an_asset_is_replaced(user: UserAssets) -> None:
    _table(user, f"{ROOT}/table", 5)
    stop = threading.Event()

    def write() -> None:
        rows = 1
        while not stop.is_set():
            rows = rows % 50 + 1
            _table(user, f"{ROOT}/table", rows, overwrite=True)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        reader = UserAssets(user.root)
        for _ in range(100):
            try:
                rows = list(reader.features(f"{ROOT}/table"))
            except InputError:
                continue  # the file went between record and open; a request would be answered again
            assert all(row["properties"]["n"] == len(rows) for row in rows)
    finally:
        stop.set()
        thread.join()


def test_abandoned_data_is_swept_but_named_data_stays(user: UserAssets) -> None:
    _table(user, f"{ROOT}/table", 2)
    orphan = user.root / ".data" / "orphan"
    orphan.mkdir()
    old = time.time() - 2 * 86_400
    written = [user.root / "smgee-embedded" / f".writing-{k}" for k in ("old", "now")]
    written[0].parent.mkdir(exist_ok=True)
    for file in written:
        file.write_text("{")
    for folder in (*(user.root / ".data").iterdir(), written[0]):
        os.utime(folder, (old, old))
    _table(UserAssets(user.root), f"{ROOT}/other", 1)
    assert not orphan.exists()
    assert [file.exists() for file in written] == [False, True]  # somebody may be writing in the other
    assert len(list(user.features(f"{ROOT}/table"))) == 2


# -- pixels


def _write(path: Path, values: np.ndarray, transform: Affine, **profile: object) -> None:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype=values.dtype,
        count=1,
        height=values.shape[0],
        width=values.shape[1],
        crs="EPSG:32647",
        transform=transform,
        **profile,
    ) as file:
        file.write(values, 1)


def test_pieces_join_into_one_band(tmp_path: Path) -> None:
    whole = np.arange(80, dtype="i2").reshape(8, 10)
    whole[3, 4] = -9999
    left, right = whole[:, :6], whole[:, 6:]
    _write(tmp_path / "l.tif", left, Affine(30, 0, 0, 0, -30, 240), nodata=-9999)
    _write(tmp_path / "r.tif", right, Affine(30, 0, 180, 0, -30, 240), nodata=-9999)
    grids = [PixelGrid("EPSG:32647", (30, 0, x, 0, -30, 240), w, 8) for x, w in ((0.0, 6), (180.0, 4))]
    grid, places = join_grids(grids, ["l", "r"])
    assert (grid.width, grid.height, places) == (10, 8, [(0, 0), (0, 6)])
    pieces = tuple(
        Piece(f"{n}.tif", 8, w, col=c) for n, (_, c), w in (("l", places[0], 6), ("r", places[1], 4))
    )
    source = RasterSource(pieces, Decoding((-9999,), 0.5, 1))
    assert band_source(source.as_json()) == source
    values, mask = read_band(tmp_path, source, "float32", (2, 3, 4, 6))
    expected = whole[2:6, 3:9]
    assert (mask == (expected != -9999)).all()
    assert (values[mask] == expected[mask] * 0.5 + 1).all()
    assert values.dtype == np.float32


def test_shifted_tiles_are_no_single_image() -> None:
    grids = [PixelGrid("EPSG:32647", (30, 0, x, 0, -30, 240), 6, 8) for x in (0.0, 190.0)]
    with pytest.raises(InputError, match="pixel lattice"):
        join_grids(grids, ["a", "b"])


def test_fractional_masks_come_back(tmp_path: Path) -> None:
    _write(tmp_path / "v.tif", np.full((2, 3), 7, "u1"), Affine(30, 0, 0, 0, -30, 60))
    _write(tmp_path / "m.tif", np.array([[0, 128, 255], [255, 255, 51]], "u1"), Affine(30, 0, 0, 0, -30, 60))
    source = RasterSource((Piece("v.tif", 2, 3),), mask=(Piece("m.tif", 2, 3),))
    assert band_source(source.as_json()) == source
    _, mask = read_band(tmp_path, source, "uint8", (0, 0, 2, 3))
    assert mask.dtype == np.float32
    np.testing.assert_allclose(mask, [[0, 128 / 255, 1], [1, 1, 0.2]], rtol=1e-6)
    _, mask = read_band(tmp_path, source, "uint8", (1, 0, 1, 2))
    assert mask.dtype == bool
    assert mask.all()


# -- lists and buckets

ASSET = {
    "type": "IMAGE",
    "startTime": "2021-07-05T03:00:00Z",
    "properties": {"CLOUD_COVERAGE": 12.0, "TILE": "47SQV"},
    "geometry": {"type": "Polygon", "coordinates": [[[99, 37], [100, 37], [100, 38], [99, 38], [99, 37]]]},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, True),
        ("properties.CLOUD_COVERAGE<20", True),
        ("properties.CLOUD_COVERAGE >= 20", False),
        ('properties.TILE = "47SQV" AND startTime >= "2021-07-05T00:00:00.000Z"', True),
        ('endTime < "2022-01-01T00:00:00Z"', True),
        ('endTime < "2021-01-01T00:00:00Z"', False),
        ("intersects(\"{'type':'Point','coordinates':[99.5,37.5]}\")", True),
        ('intersects("POINT (0 0)") AND properties.CLOUD_COVERAGE<20', False),
        ("properties.MISSING != 3", False),
    ],
)
def test_asset_filters(text: str | None, expected: bool) -> None:
    assert asset_filter(text)(ASSET) is expected


def test_unknown_filters_are_refused() -> None:
    with pytest.raises(EEError, match="Invalid filter"):
        asset_filter("properties.a > 1 OR properties.b > 1")


def test_buckets_stay_below_their_folder(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket" / "a.tif").write_bytes(b"x")
    (tmp_path / "secret").write_bytes(b"x")
    store = AssetStore(buckets={"data": tmp_path / "bucket"})
    assert store.local_path("gs://data/a.tif").name == "a.tif"
    with pytest.raises(EEError, match="Invalid Cloud Storage URI"):
        store.local_path("gs://data/../secret")
    with pytest.raises(NotFoundError, match="Unable to find"):
        store.local_path("gs://data/b.tif")
    with pytest.raises(EEError, match="not mapped"):
        store.local_path("gs://other/a.tif")


def test_importing_smgee_is_quick_and_light() -> None:
    code = (
        "import sys, smgee; print(sorted({'ee', 'numpy', 'pandas', 'xarray', 'rasterio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# As version 0.1.0 wrote them: user stores and catalogs of that version are read on.
_GRID = {"crs": "EPSG:32647", "transform": [30.0, 0.0, 0.0, 0.0, -30.0, 60.0], "width": 3, "height": 2}
_PIECE = {"file": ".data/x/v.tif", "band": 2, "row": 0, "col": 0, "height": 2, "width": 3}
_RASTER = {"driver": "geotiff", "pieces": [_PIECE], "nodata": [-9999.0], "scale": 0.0001}
_MASKED = {"driver": "geotiff", "pieces": [_PIECE], "mask": [{**_PIECE, "file": ".data/x/m.tif"}]}
_ARRAY = {
    "driver": "arrays",
    "file": "s.h5",
    "format": "hdf5",
    "variable": "AM/soil_moisture",
    "index": [0],
    "flip": True,
    "ease": "M09",
    "flag": 3,
    "least": 0.02,
    "greatest": 0.5,
}


def test_records_of_all_kinds_are_read_and_written_alike() -> None:
    band = {"name": "a", "dtype": "int16", "grid": _GRID, "pyramiding": "MODE"}
    image = {
        "type": "IMAGE",
        "id": f"{ROOT}/i",
        "properties": {"p": 1},
        "start_ms": 0,
        "end_ms": 86_400_000,
        "footprint": {"type": "Point", "coordinates": [0, 0]},
        "bands": [
            {**band, "source": _RASTER},
            {**band, "name": "b", "source": _MASKED},
            {**band, "name": "c", "source": {"driver": "geotiff", "pieces": [_PIECE], "mask": True}},
            {**band, "name": "d", "source": _ARRAY},
        ],
        "data": ".data/x",
        "created": "2026-01-01T00:00:00.000000Z",
        "updated": "2026-01-02T00:00:00.000000Z",
    }
    table = {
        "type": "TABLE",
        "id": f"{ROOT}/t",
        "properties": {},
        "source": {"file": "t.csv", "format": "csv", "x": "lon", "y": "lat", "crs": "EPSG:32647"},
    }
    classifier = {"type": "CLASSIFIER", "id": f"{ROOT}/c", "properties": {}, "expression": {"result": "0"}}
    policy = {"type": "FOLDER", "id": f"{ROOT}/f", "properties": {}, "policy": {"bindings": []}}
    for data in (image, table, classifier, policy):
        record = AssetRecord.read(json.loads(json.dumps(data)))
        assert json.loads(json.dumps(record.as_json())) == data
    moved = AssetRecord.read(image).relocated(".data/y")
    assert set(moved.files) == {".data/y/v.tif", ".data/y/m.tif", "s.h5"}
    assert moved.data == ".data/y"
