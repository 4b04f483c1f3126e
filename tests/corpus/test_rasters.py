"""Rasters, arrays and catalogs that cannot be served."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.transform import from_origin

import smgee
from smgee.eelocal.assets.catalog import AddOptions, add_files, check_catalog, list_catalog, remove_asset
from tests.corpus.refusal import Attempt, refused

ID = "projects/my-project/assets/thing"


def tif(path: Path, *, at: tuple[float, float] = (5e5, 4.1e6), scale: float = 30, **profile: Any) -> Path:
    """Write a raster of one value."""
    settings: dict[str, Any] = {"driver": "GTiff", "width": 16, "height": 16, "count": 1, "dtype": "int16"}
    settings |= {"crs": "EPSG:32647", "transform": from_origin(*at, scale, scale)} | profile
    settings = {k: v for k, v in settings.items() if v is not None}
    with rasterio.open(path, "w", **settings) as out:
        for band in range(1, settings["count"] + 1):
            out.write(np.full((16, 16), 7, settings["dtype"]), band)
    return path


def add(*names: str, identifier: str = ID, **options: Any) -> Attempt:
    """Register files that were made by `names`, each a call of `tif`."""
    return lambda folder: add_files(
        folder / "cat", identifier, [folder / n for n in names], AddOptions(**options)
    )


def of(*files: dict[str, Any], names: tuple[str, ...] = (), identifier: str = ID, **options: Any) -> Attempt:
    """Register rasters of these settings."""

    def attempt(folder: Path) -> None:
        paths = [tif(folder / (names[k] if names else f"{k}.tif"), **f) for k, f in enumerate(files)]
        add_files(folder / "cat", identifier, paths, AddOptions(**options))

    return attempt


def bytes_of(content: bytes, name: str) -> Attempt:
    """Register a file of these bytes."""

    def attempt(folder: Path) -> None:
        (folder / name).write_bytes(content)
        add_files(folder / "cat", ID, [folder / name])

    return attempt


def cut(folder: Path) -> None:
    path = tif(folder / "a.tif", compress=None)
    os.truncate(path, path.stat().st_size - 200)
    add_files(folder / "cat", ID, [path])


RASTERS: dict[str, tuple[Attempt, str]] = {
    "nothing": (add(), "No files were given; name at least one to register"),
    "nothing there": (add("absent.tif"), "absent.tif does not exist"),
    "an empty file": (bytes_of(b"", "a.tif"), "is not a raster that GDAL can open"),
    "words": (bytes_of(b"not a raster", "a.tif"), "is not a raster that GDAL can open"),
    "a folder": (
        lambda folder: add_files(folder / "cat", ID, [folder]),
        "is not a raster that GDAL can open",
    ),
    "a raster cut short": (cut, "is damaged or cut short"),
    "no CRS": (of({"crs": None}), "has no coordinate reference system; assign one first"),
    "complex numbers": (of({"dtype": "complex64"}), "of 0.tif holds complex numbers (complex64); write"),
    "names for other bands": (
        of({"count": 2}, bands=("a",)),
        "has 2 bands, but 1 names were given with --bands",
    ),
    "one name for two bands": (
        of({"count": 2}, bands=("a", "a")),
        "gives the name 'a' to two bands; give each its own",
    ),
    "two types of one band": (
        of({}, {"dtype": "uint8"}, kind="image"),
        "differ in data type (1.tif among them)",
    ),
    "two lattices of one band": (of({}, {"at": (5e5 + 17, 4.1e6)}, kind="image"), "1.tif"),
    "two scales of one band": (of({}, {"scale": 10}, kind="image"), "1.tif"),
    "two CRSs of one band": (of({}, {"crs": "EPSG:32648"}, kind="image"), "1.tif"),
    "HLS of no band": (
        of({}, identifier="NASA/HLS/HLSS30/v002"),
        "does not say which band of NASA/HLS/HLSS30/v002",
    ),
    "HLS of the other sensor": (
        of({}, names=("HLS.L30.T47SMB.2021182T040000.v2.0.B05.tif",), identifier="NASA/HLS/HLSS30/v002"),
        "says that it holds HLSL30, but NASA/HLS/HLSS30/v002 is HLSS30",
    ),
    "a day no calendar has": (
        of({}, names=("HLS.S30.T47SMB.2021400T040000.v2.0.B05.tif",), identifier="NASA/HLS/HLSS30/v002"),
        "states the time 2021400T040000, which is not on the calendar",
    ),
    "a scale that is no number": (of({}, scale=float("nan")), "The scale nan is not a finite number"),
    "a scale of nothing": (of({}, scale=0.0), "would make every value the same"),
}


def array(change: Callable[[xr.Dataset], xr.Dataset], **options: Any) -> Attempt:
    """Register a NetCDF after a change."""

    def attempt(folder: Path) -> None:
        data = xr.Dataset(
            {"sm": (("lat", "lon"), np.full((4, 5), 0.2, "f4"))},
            coords={"lat": np.linspace(37, 37.3, 4), "lon": np.linspace(99, 99.4, 5)},
        )
        change(data).to_netcdf(folder / "a.nc")
        add_files(folder / "cat", ID, [folder / "a.nc"], AddOptions(**options))

    return attempt


ARRAYS: dict[str, tuple[Attempt, str]] = {
    "words": (bytes_of(b"not an array", "a.nc"), "is not a readable netcdf file"),
    "an HDF5 that is none": (bytes_of(b"\x89HDF\r\n\x1a\n", "a.h5"), "is not readable HDF5"),
    "an empty folder called zarr": (
        lambda folder: ((folder / "a.zarr").mkdir(), add_files(folder / "cat", ID, [folder / "a.zarr"])),
        "is not a readable zarr file",
    ),
    "steps of many sizes": (
        array(lambda d: d.assign_coords(lon=[99, 99.1, 99.5, 99.6, 99.7])),
        "is not evenly spaced",
    ),
    "one row": (array(lambda d: d.isel(lat=[0])), "has fewer than 2 rows or columns"),
    "longitudes westward": (array(lambda d: d.isel(lon=slice(None, None, -1))), "decreases; sort it first"),
    "longitudes of 0 to 360": (
        array(lambda d: d.assign_coords(lon=d["lon"] + 200)),
        "shift them to ±180° first",
    ),
    "longitudes that are no numbers": (
        array(lambda d: d.assign_coords(lon=[99, np.nan, 99.2, 99.3, 99.4])),
        "is not evenly spaced",
    ),
    "no coordinates": (array(lambda d: d.drop_vars(["lon", "lat"])), "holds no variable on a regular"),
    "metres of nowhere": (array(lambda d: d.rename(lon="x", lat="y")), "state it with --crs"),
    "a CRS that is none": (
        array(lambda d: d.rename(lon="x", lat="y"), crs="EPSG:99999"),
        "is not known to PROJ",
    ),
    "names of stations": (array(lambda d: d.assign(sm=d["sm"].astype(str))), "holds no variable"),
}


def table(name: str, content: str, **options: Any) -> Attempt:
    """Register a table of this text."""

    def attempt(folder: Path) -> None:
        (folder / name).write_text(content)
        add_files(folder / "cat", ID, [folder / name], AddOptions(**options))

    return attempt


def feature(geometry: Any, properties: Any = None) -> str:
    return json.dumps({"type": "Feature", "geometry": geometry, "properties": properties or {}})


TABLES: dict[str, tuple[Attempt, str]] = {
    "no rows": (table("t.csv", "lon,lat\n"), "holds no rows"),
    "an empty file": (table("t.csv", ""), "is not a readable CSV"),
    "a column that is not there": (
        table("t.csv", "a,b\n1,2\n", x="lon", y="lat"),
        "has no column 'lon' for x; it has a, b",
    ),
    "one coordinate": (table("t.csv", "lon,b\n1,2\n"), "has only one coordinate column"),
    "coordinates in words": (table("t.csv", "lon,lat\neast,37\n"), "cannot be read"),
    "off the Earth": (table("t.csv", "lon,lat\n99.8,137\n"), "which is not on the Earth"),
    "exchanged coordinates": (table("t.csv", "lon,lat\n37,99.8\n"), "look whether x and y are swapped"),
    "no JSON": (table("t.geojson", "{"), "cannot be read"),
    "a list": (table("t.geojson", "[1, 2]"), "cannot be read"),
    "a word": (table("t.geojson", '"here"'), "cannot be read"),
    "a geometry of no kind": (
        table("t.geojson", feature({"type": "Sphere", "coordinates": [1, 2]})),
        "has a geometry that is no GeoJSON",
    ),
    "a point of one number": (
        table("t.geojson", feature({"type": "Point", "coordinates": [1]})),
        "has a geometry that is no GeoJSON",
    ),
    "a ring of words": (
        table("t.geojson", feature({"type": "Polygon", "coordinates": [["a"]]})),
        "has a geometry that is no GeoJSON",
    ),
    "properties that are a list": (table("t.geojson", feature(None, [1])), "cannot be read"),
    "no parquet": (table("t.parquet", "PAR1"), "cannot be read"),
    "no GeoPackage": (table("t.gpkg", "SQLite"), "cannot be read"),
}


def catalog(content: Any, use: Callable[[Path], Any] = list_catalog) -> Attempt:
    """Use a catalog whose file holds this."""

    def attempt(folder: Path) -> None:
        (folder / "catalog.json").write_text(content if isinstance(content, str) else json.dumps(content))
        use(folder)

    return attempt


def registered(**band: Any) -> Attempt:
    """Use a catalog in which something else was written of a band."""

    def attempt(folder: Path) -> None:
        of({})(folder)
        path = folder / "cat" / "catalog.json"
        content = json.loads(path.read_text())
        content["assets"][0]["bands"][0] |= band
        path.write_text(json.dumps(content))
        list_catalog(folder / "cat")

    return attempt


CATALOGS: dict[str, tuple[Attempt, str]] = {
    "none": (lambda folder: list_catalog(folder), "holds no catalog.json; make one with `smgee catalog add"),
    "none to connect to": (
        lambda folder: smgee.connect(catalog=folder),
        "holds no catalog.json; register files",
    ),
    "words": (catalog("here"), "is not a catalog of this version"),
    "a list": (catalog([1]), "is not a catalog of this version"),
    "another version": (
        catalog({"format": "smgee-catalog/9", "assets": []}),
        "is not a catalog of this version",
    ),
    "assets that are none": (
        catalog({"format": "smgee-catalog/1", "assets": [1]}),
        "is not a catalog of this version",
    ),
    "assets that are nothing": (
        catalog({"format": "smgee-catalog/1", "assets": None}),
        "is not a catalog of this version",
    ),
    "an asset without an id": (
        catalog({"format": "smgee-catalog/1", "assets": [{"type": "IMAGE"}]}),
        "is not a catalog",
    ),
    "a band without a grid": (registered(grid=None), "is not a catalog of this version"),
    "a band without a source": (registered(source={}), "is not a catalog of this version"),
    "a band of no type": (registered(dtype="colour"), "is not a catalog of this version"),
    "a lattice of nothing": (
        registered(grid={"crs": "EPSG:32647", "transform": [0, 0, 0, 0, 0, 0], "width": 0, "height": 0}),
        "is not a catalog of this version",
    ),
    "an id that is not in it": (
        catalog({"format": "smgee-catalog/1", "assets": []}, lambda folder: remove_asset(folder, "a/b")),
        "a/b is not in the catalog",
    ),
    "an id of one word": (of({}, identifier="thing"), "is not an asset id; give names of letters"),
    "an id with blanks": (of({}, identifier="my project/thing"), "is not an asset id"),
    "an id that climbs": (of({}, identifier="projects/../../etc"), "is not an asset id"),
    "an id of nothing": (of({}, identifier=""), "is not an asset id"),
}


@pytest.mark.parametrize("name", RASTERS)
def test_a_raster_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    refused(RASTERS[name][0], RASTERS[name][1], tmp_path)


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    refused(ARRAYS[name][0], ARRAYS[name][1], tmp_path)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    refused(TABLES[name][0], TABLES[name][1], tmp_path)


@pytest.mark.parametrize("name", CATALOGS)
def test_a_catalog_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    refused(CATALOGS[name][0], CATALOGS[name][1], tmp_path)


def test_what_is_gone_is_told(tmp_path: Path) -> None:
    of({})(tmp_path)
    (tmp_path / "0.tif").unlink()
    (said,) = check_catalog(tmp_path / "cat")
    assert "0.tif is gone; restore it, or remove its asset" in said


def test_what_they_are_made_from_can_be_served(tmp_path: Path) -> None:
    of({})(tmp_path)
    array(lambda d: d)(tmp_path)
    table("t.geojson", feature({"type": "Point", "coordinates": [99.8, 37.5]}))(tmp_path)


def test_a_raster_that_states_more_bands_than_anything_has(tmp_path: Path) -> None:
    path = tmp_path / "dem.tif"
    place = {"crs": "EPSG:32647", "transform": from_origin(5e5, 4.1e6, 30, 30)}
    with rasterio.open(path, "w", width=4, height=4, count=1, dtype="int16", **place) as out:
        out.write(np.ones((1, 4, 4), "i2"))
    head = b"\x15\x01\x03\x00\x01\x00\x00\x00"  # SamplesPerPixel, one short number
    assert path.read_bytes().count(head + b"\x01\x00") == 1
    path.write_bytes(path.read_bytes().replace(head + b"\x01\x00", head + b"\x60\xea"))
    refused(lambda folder: add_files(folder / "cat", ID, [path]), "it states 60000 bands", tmp_path)
