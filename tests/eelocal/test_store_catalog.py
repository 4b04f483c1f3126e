"""Catalogs of local files: names and tags understood, arrays, tables, and errors in one sentence."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import ee
import h5py
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from affine import Affine

import smgee
from smgee.datasets.names import read_name
from smgee.datasets.smap import WARPED
from smgee.eelocal.assets.catalog import AddOptions, add_files, check_catalog, list_catalog, remove_asset
from smgee.eelocal.assets.folder import FolderSource
from smgee.errors import InputError
from smgee.grid import EASE_GRIDS, ease_cell_at
from smgee.source import CollectionInfo, ImageInfo


def tif(
    path: Path,
    values: np.ndarray,
    *,
    crs: str = "EPSG:32647",
    origin: tuple[float, float] = (600000.0, 4200000.0),
    **profile: object,
) -> Path:
    values = np.atleast_3d(values.T).T
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype=values.dtype,
        count=values.shape[0],
        height=values.shape[1],
        width=values.shape[2],
        crs=crs,
        transform=Affine(30, 0, origin[0], 0, -30, origin[1]),
        **profile,
    ) as file:
        file.write(values)
    return path


@pytest.mark.parametrize(
    ("name", "style", "layer", "index", "start"),
    [
        (
            "HLSS30.020_B8A_doy2018110_aid0001_10N.tif",
            "appeears",
            "B8A",
            "20180420_aid0001_10N",
            "2018-04-20T00:00:00",
        ),
        (
            "HLSL30.020_Fmask_doy2018110184512_aid0002_47N.tif",
            "appeears",
            "Fmask",
            "20180420T184512_aid0002_47N",
            "2018-04-20T18:45:12",
        ),
        (
            "HLS.S30.T13RCN.2024128T173909.v2.0.Fmask.tif",
            "lpdaac",
            "Fmask",
            "T13RCN_20240507T173909",
            "2024-05-07T17:39:09",
        ),
        (
            "HLS.L30.T06WVS.2024120T211159.v2.0.B05.tif",
            "lpdaac",
            "B05",
            "T06WVS_20240429T211159",
            "2024-04-29T21:11:59",
        ),
        ("SMAP_L3_SM_P_E_20190601_R18290_001.h5", "smap_e", "", "20190601", "2019-06-01T12:00:00"),
        ("SMAP_L3_SM_P_20190601_R18290_001.h5", "smap", "", "20190601", "2019-06-01T12:00:00"),
        ("N37E099.hgt", "srtm", "", "N37E099", None),
        ("Copernicus_DSM_COG_10_N37_00_E099_00_DEM.tif", "copernicus", "DEM", "N37_00_E099_00", None),
        ("ALPSMLC30_N037E099_DSM.tif", "alos", "DSM", "N037E099", None),
        ("ndvi_20210704.tif", "dated", "", "ndvi_20210704", "2021-07-04T00:00:00"),
        ("ndvi_2021-07-04.tif", "dated", "", "ndvi_2021-07-04", "2021-07-04T00:00:00"),
        ("soil map (v2).tif", "plain", "", "soil_map_v2", None),
        ("roads_20219999.tif", "plain", "", "roads_20219999", None),
    ],
)
def test_file_names(name: str, style: str, layer: str, index: str, start: str | None) -> None:
    facts = read_name(Path(name))
    assert (facts.style, facts.layer, facts.index) == (style, layer, index)
    assert facts.start == (None if start is None else datetime.fromisoformat(start).replace(tzinfo=UTC))


def test_hls_granules_become_images_of_unit_reflectance(tmp_path: Path) -> None:
    red = np.array([[1234, -9999], [-50, 0]], "i2")
    fmask = np.array([[64, 255], [2, 0]], "u1")
    name = "HLS.S30.T47SQV.2021185T040551.v2.0"
    files = [
        tif(tmp_path / f"{name}.B04.tif", red, nodata=-9999),
        tif(tmp_path / f"{name}.Fmask.tif", fmask, nodata=255),
    ]
    with rasterio.open(files[0], "r+") as file:
        file.update_tags(cloud_coverage="17", MEAN_SUN_ZENITH_ANGLE="20.5", PROCESSING_BASELINE="03.01")
    added = add_files(tmp_path / "cat", "NASA/HLS/HLSS30/v002", files)
    assert added.images == ["NASA/HLS/HLSS30/v002/T47SQV_20210704T040551"]
    source = FolderSource(tmp_path / "cat")
    assert isinstance(source.get("NASA/HLS/HLSS30/v002"), CollectionInfo)
    (info,) = source.images("NASA/HLS/HLSS30/v002")
    assert [(b.name, b.dtype, b.pyramiding) for b in info.bands] == [
        ("B4", "float32", "MEAN"),
        ("Fmask", "uint8", "SAMPLE"),
    ]
    assert info.start_ms == 1625371551000
    assert info.properties == {
        "CLOUD_COVERAGE": 17,
        "MEAN_SUN_ZENITH_ANGLE": 20.5,
        "PROCESSING_BASELINE": 3.01,
        "MGRS_TILE_ID": "47SQV",
    }
    values, valid = source.read(info.id, "B4", 0, 0, 2, 2)
    assert valid.tolist() == [[True, False], [True, True]]
    np.testing.assert_array_equal(values[valid], np.array([0.1234, -0.005, 0.0], "f4"))
    values, valid = source.read(info.id, "Fmask", 0, 0, 2, 2)
    assert values[valid].tolist() == [64, 2, 0]


def test_bands_and_tiles_added_later_join(tmp_path: Path) -> None:
    name = "HLS.L30.T47SQV.2021185T040551.v2.0"
    one = tif(tmp_path / f"{name}.B05.tif", np.ones((2, 2), "i2"))
    two = tif(tmp_path / f"{name}.B04.tif", np.ones((2, 2), "i2"))
    for path in (one, two):
        add_files(tmp_path / "cat", "NASA/HLS/HLSL30/v002", [path])
    (info,) = FolderSource(tmp_path / "cat").images("NASA/HLS/HLSL30/v002")
    assert [b.name for b in info.bands] == ["B4", "B5"]

    west = tif(tmp_path / "N37E099.tif", np.full((2, 2), 1, "i2"))
    east = tif(tmp_path / "N37E100.tif", np.full((2, 2), 2, "i2"), origin=(600060.0, 4200000.0))
    for path in (west, east, east):
        add_files(tmp_path / "cat", "USGS/SRTMGL1_003", [path])
    source = FolderSource(tmp_path / "cat")
    values, valid = source.read("USGS/SRTMGL1_003", "elevation", 0, 0, 2, 4)
    assert valid.all()
    assert values.tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]
    utm = tif(tmp_path / "N38E099.tif", np.ones((2, 2), "i2"), crs="EPSG:32648")
    with pytest.raises(InputError, match="pixel lattice"):
        add_files(tmp_path / "cat", "USGS/SRTMGL1_003", [utm])
    assert source.read("USGS/SRTMGL1_003", "elevation", 0, 0, 1, 4)[0].tolist() == [[1, 1, 2, 2]], (
        "a refused file changes nothing"
    )


def test_copied_files_move_with_the_catalog(tmp_path: Path) -> None:
    path = tif(tmp_path / "soil.tif", np.array([[1, 2]], "u1"))
    add_files(
        tmp_path / "cat",
        "projects/my-project/assets/soil",
        [path],
        AddOptions(copy=True, properties={"version": 2}),
    )
    path.unlink()
    (tmp_path / "cat").rename(tmp_path / "moved")
    source = FolderSource(tmp_path / "moved")
    info = source.get("projects/my-project/assets/soil")
    assert isinstance(info, ImageInfo)
    assert info.properties == {"version": 2}
    assert source.read(info.id, "b1", 0, 0, 1, 2)[0].tolist() == [[1, 2]]
    assert check_catalog(tmp_path / "moved") == []
    assert remove_asset(tmp_path / "moved", info.id) == [info.id]
    assert not list((tmp_path / "moved" / "files").rglob("*.tif"))


def test_general_files_are_taken_as_stored(tmp_path: Path) -> None:
    values = np.array([[[10, 255]], [[30, 40]]], "u1")
    path = tif(tmp_path / "indices_20210704.tif", values, nodata=255)
    with rasterio.open(path, "r+") as file:
        file.set_band_description(1, "ndvi")
        file.set_band_description(2, "ndmi")
        file.scales = (0.1, 0.1)
    add_files(tmp_path / "cat", "projects/my-project/assets/indices", [path], AddOptions(kind="collection"))
    source = FolderSource(tmp_path / "cat")
    (info,) = source.images("projects/my-project/assets/indices")
    assert [(b.name, b.dtype) for b in info.bands] == [("ndvi", "uint8"), ("ndmi", "uint8")]
    assert source.read(info.id, "ndvi", 0, 0, 1, 2)[1].tolist() == [[True, False]]
    add_files(
        tmp_path / "cat2",
        "projects/my-project/assets/scaled",
        [path],
        AddOptions(scale=0.5, offset=1, bands=("a", "b")),
    )
    source = FolderSource(tmp_path / "cat2")
    assert source.read("projects/my-project/assets/scaled", "b", 0, 0, 1, 2)[0].tolist() == [[16.0, 21.0]]


@pytest.mark.parametrize("kind", ["netcdf", "zarr"])
def test_array_files_become_images_by_time(tmp_path: Path, kind: str) -> None:
    stored = np.arange(24, dtype="i2").reshape(2, 3, 4)
    stored[0, 0, 0] = -1
    dataset = xr.Dataset(
        {"sm": (("time", "lat", "lon"), stored, {"scale_factor": 0.01, "_FillValue": np.int16(-1)})},
        {
            "time": pd.to_datetime(["2021-07-04T00:00", "2021-07-05T12:00"]),
            "lat": [37.05, 37.15, 37.25],
            "lon": [99.05, 99.15, 99.25, 99.35],
        },
    )
    path = tmp_path / ("sm.nc" if kind == "netcdf" else "sm.zarr")
    if kind == "netcdf":
        dataset.to_netcdf(path)
    else:
        dataset.to_zarr(path, consolidated=False)
    add_files(tmp_path / "cat", "projects/my-project/assets/sm", [path])
    source = FolderSource(tmp_path / "cat")
    first, second = source.images("projects/my-project/assets/sm")
    assert [first.id[-8:], second.id[-15:]] == ["20210704", "20210705T120000"]
    grid = first.bands[0].grid
    np.testing.assert_allclose(grid.transform, (0.1, 0, 99.0, 0, -0.1, 37.3))
    values, valid = source.read(
        first.id, "sm", 1, 0, 2, 2
    )  # rows run southward in Earth Engine, northward in the file
    np.testing.assert_allclose(values[valid], [0.04, 0.05, 0.01], rtol=1e-6)
    assert valid.tolist() == [[True, True], [False, True]]
    np.testing.assert_allclose(source.read(second.id, "sm", 0, 3, 1, 1)[0], 0.23, rtol=1e-6)


def _smap(path: Path, grid: str) -> dict[str, np.ndarray]:
    """Write an L3 file as NSIDC does: AM and PM groups on the global grid, PM variables with a suffix."""
    g = EASE_GRIDS[grid]
    rng = np.random.default_rng(1)
    made = {}
    with h5py.File(path, "w") as file:
        for half, suffix in (("AM", ""), ("PM", "_pm")):
            group = file.create_group(f"Soil_Moisture_Retrieval_Data_{half}")
            sm = np.where(
                rng.random((g.rows, g.cols)) < 0.5, rng.random((g.rows, g.cols)) * 0.5, -9999
            ).astype("f4")
            flag = np.where(sm < 0, 65534, rng.integers(0, 16, sm.shape)).astype("u2")
            for name, values, fill in (
                (f"soil_moisture{suffix}", sm, -9999.0),
                (f"retrieval_qual_flag{suffix}", flag, 65534),
            ):
                group.create_dataset(name, data=values, compression="lzf").attrs["_FillValue"] = (
                    values.dtype.type(fill)
                )
                made[name] = values
    return made


def test_smap_under_the_official_id_is_the_catalogs_grid(tmp_path: Path) -> None:
    path = tmp_path / "SMAP_L3_SM_P_E_20190601_R18290_001.h5"
    made = _smap(path, "M09")
    add_files(tmp_path / "cat", "NASA/SMAP/SPL3SMP_E/005", [path])
    source = FolderSource(tmp_path / "cat")
    (info,) = source.images("NASA/SMAP/SPL3SMP_E/005")
    assert [b.name for b in info.bands] == [
        "soil_moisture_am",
        "retrieval_qual_flag_am",
        "soil_moisture_pm",
        "retrieval_qual_flag_pm",
    ]
    assert info.start_ms == 1559390400000
    assert info.bands[0].grid == WARPED
    row, col = 595, 3490
    values, valid = source.read(info.id, "soil_moisture_am", row, col, 12, 9)
    flags, everywhere = source.read(info.id, "retrieval_qual_flag_pm", row, col, 12, 9)
    assert everywhere.all(), "the flag is defined where nothing was retrieved"
    x, y = WARPED.window(row, col, 12, 9).centers()
    for i in range(12):
        for j in range(9):
            cell = ease_cell_at(x[i, j], y[i, j], "M09")
            stored, flag = (
                made["soil_moisture"][cell.row, cell.col],
                made["retrieval_qual_flag_pm"][cell.row, cell.col],
            )
            assert valid[i, j] == (stored != -9999)
            if valid[i, j]:
                assert values[i, j] == stored
            assert flags[i, j] == int(flag == 65534 or bool(flag & 1) or bool(flag & 4))


def test_smap_under_another_id_is_the_exact_grid(tmp_path: Path) -> None:
    path = tmp_path / "SMAP_L3_SM_P_20190601_R18290_001.h5"
    made = _smap(path, "M36")
    renamed = tmp_path / "renamed_20190601.h5"
    renamed.hardlink_to(path)
    with pytest.raises(InputError, match="36 km grid"):
        add_files(tmp_path / "cat", "NASA/SMAP/SPL3SMP_E/005", [renamed])
    add_files(tmp_path / "cat", "projects/my-project/assets/SPL3SMP", [path], AddOptions(kind="collection"))
    source = FolderSource(tmp_path / "cat")
    (info,) = source.images("projects/my-project/assets/SPL3SMP")
    grid = info.bands[0].grid
    assert (grid.crs, grid.height, grid.width) == ("EPSG:6933", 406, 964)
    values, valid = source.read(info.id, "soil_moisture_pm", 100, 700, 5, 6)
    stored = made["soil_moisture_pm"][100:105, 700:706]
    assert (valid == (stored != -9999)).all()
    assert (values[valid] == stored[valid]).all()


def test_tables(tmp_path: Path) -> None:
    path = tmp_path / "stations.csv"
    path.write_text("station,longitude,latitude,depth_cm,note\nA,99.5,37.2,5,\nB,99.6,37.3,5,wet\n")
    add_files(tmp_path / "cat", "projects/my-project/assets/stations", [path])
    first, second = FolderSource(tmp_path / "cat").features("projects/my-project/assets/stations")
    assert first["geometry"] == {"type": "Point", "coordinates": [99.5, 37.2]}
    assert first["properties"] == {"station": "A", "longitude": 99.5, "latitude": 37.2, "depth_cm": 5}
    assert second["properties"]["note"] == "wet"
    assert first["id"] != second["id"]

    import geopandas

    frame = geopandas.GeoDataFrame(
        {"n": [1, 2]},
        geometry=geopandas.points_from_xy([600000, 600030], [4200000, 4200000]),
        crs="EPSG:32647",
    )
    frame.to_parquet(tmp_path / "points.parquet")
    add_files(tmp_path / "cat", "projects/my-project/assets/points", [tmp_path / "points.parquet"])
    point = next(iter(FolderSource(tmp_path / "cat").features("projects/my-project/assets/points")))
    np.testing.assert_allclose(point["geometry"]["coordinates"], [100.14, 37.94], atol=0.01)


def test_errors_are_one_sentence_and_leave_the_catalog_alone(tmp_path: Path) -> None:
    cat = tmp_path / "cat"
    good = tif(tmp_path / "a_20210704.tif", np.ones((1, 1), "u1"))
    add_files(cat, "projects/my-project/assets/a", [good])
    before = (cat / "catalog.json").read_text()
    (tmp_path / "broken.tif").write_bytes(b"not a tiff")
    (tmp_path / "empty.csv").write_text("a,b\n")
    for identifier, name, match in (
        ("x/y", "missing.tif", "does not exist"),
        ("x/y", "broken.tif", "not a raster"),
        ("NASA/HLS/HLSS30/v002", "a_20210704.tif", "which band"),
        ("x/y", "empty.csv", "no rows"),
        ("/", "a_20210704.tif", "not an asset id"),
    ):
        with pytest.raises(InputError, match=match):
            add_files(cat, identifier, [tmp_path / name])
    assert (cat / "catalog.json").read_text() == before
    good.unlink()
    assert [p.split(":")[0] for p in check_catalog(cat)] == ["projects/my-project/assets/a"]
    (cat / "catalog.json").write_text(json.dumps({"format": "other"}))
    with pytest.raises(InputError, match="not a catalog of this version"):
        FolderSource(cat).get("x")
    with pytest.raises(InputError, match=r"no catalog\.json"):
        list_catalog(tmp_path / "none")


def test_the_catalog_is_followed_while_it_changes(tmp_path: Path) -> None:
    one, two = (tif(tmp_path / f"a_2021070{i}.tif", np.ones((1, 1), "u1")) for i in (1, 2))
    add_files(tmp_path / "cat", "projects/my-project/assets/a", [one], AddOptions(kind="collection"))
    source = FolderSource(tmp_path / "cat")
    assert len(source.images("projects/my-project/assets/a")) == 1
    add_files(tmp_path / "cat", "projects/my-project/assets/a", [two])
    assert len(source.images("projects/my-project/assets/a")) == 2
    assert source.list("") == ["projects/my-project/assets/a"]
    (row,) = list_catalog(tmp_path / "cat")
    assert (row["images"], row["bands"]) == (2, ["b1"])


@pytest.mark.parametrize(
    ("name", "identifier", "says"),
    [
        ("HLSS30.020_B05_doy2018020_aid0001_10N.tif", "NASA/HLS/HLSL30/v002", "HLSS30"),
        ("HLSL30.020_B05_doy2018020_aid0001_10N.tif", "NASA/HLS/HLSS30/v002", "HLSL30"),
        ("HLS.S30.T47SQV.2021185T040551.v2.0.B05.tif", "NASA/HLS/HLSL30/v002", "HLSS30"),
        ("HLS.L30.T47SQV.2021185T040551.v2.0.B05.tif", "NASA/HLS/HLSS30/v002", "HLSL30"),
        ("SMAP_L3_SM_P_20190601_R18290_001.h5", "NASA/SMAP/SPL3SMP_E/005", "SPL3SMP"),
        ("SMAP_L3_SM_P_E_20190601_R18290_001.h5", "NASA/SMAP/SPL3SMP/008", "SPL3SMP_E"),
    ],
)
def test_a_file_of_another_product_is_refused_under_an_official_id(
    tmp_path: Path, name: str, identifier: str, says: str
) -> None:
    path = tif(tmp_path / name, np.ones((2, 2), "i2"))
    with pytest.raises(InputError, match=rf"says that it holds {says}, but {identifier} is"):
        add_files(tmp_path / "cat", identifier, [path])
    assert not (tmp_path / "cat" / "catalog.json").exists()
    if path.suffix == ".tif":
        assert add_files(tmp_path / "cat", "projects/my-project/assets/own", [path]).bands == ["B05"]


@pytest.mark.parametrize(
    "name",
    [
        "HLSS30.020_B03_doy2018400_aid0001_10N.tif",
        "HLS.S30.T47SQV.2021400T040551.v2.0.B05.tif",
        "SMAP_L3_SM_P_E_20191399_R18290_001.h5",
    ],
)
def test_a_day_that_no_calendar_has_is_refused(tmp_path: Path, name: str) -> None:
    path = tif(tmp_path / name, np.ones((2, 2), "i2"))
    with pytest.raises(InputError, match="not on the calendar"):
        add_files(tmp_path / "cat", "projects/my-project/assets/own", [path])


@pytest.mark.parametrize(
    "profile", [{}, {"compress": "deflate", "tiled": True, "blockxsize": 64, "blockysize": 64}]
)
def test_a_file_that_is_cut_short_is_noticed(tmp_path: Path, profile: dict[str, object]) -> None:
    name = "HLSS30.020_B04_doy2018020_aid0001_10N.tif"
    values = np.random.default_rng(1).integers(0, 5000, (200, 200)).astype("i2")
    path = tif(tmp_path / name, values, **profile)
    whole = path.read_bytes()
    identifier = "NASA/HLS/HLSS30/v002"
    add_files(tmp_path / "cat", identifier, [path])
    assert check_catalog(tmp_path / "cat") == []
    for size in (len(whole) - 100, 2000, 900):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=name):
            add_files(tmp_path / f"cat{size}", identifier, [path])
        (problem,) = check_catalog(tmp_path / "cat")
        assert name in problem
        with smgee.connect(catalog=tmp_path / "cat", store=tmp_path / "store"):
            image = ee.ImageCollection(identifier).first()
            with pytest.raises(ee.EEException, match=rf"{name} is (damaged|not a raster)") as caught:
                image.reduceRegion("mean", image.geometry(), 30).getInfo()
            assert "internal error" not in str(caught.value)


def test_damage_inside_a_block_is_an_error_of_earth_engine(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 5000, (200, 200)).astype("i2")
    path = tif(tmp_path / "soil.tif", values, compress="deflate", tiled=True, blockxsize=64, blockysize=64)
    with rasterio.open(path) as file:
        start = int(file.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
    content = bytearray(path.read_bytes())
    content[start : start + 200] = b"\xff" * 200
    path.write_bytes(content)
    add_files(tmp_path / "cat", "projects/my-project/assets/soil", [path])
    with smgee.connect(catalog=tmp_path / "cat", store=tmp_path / "store"):
        image = ee.Image("projects/my-project/assets/soil")
        with pytest.raises(ee.EEException, match=r"soil\.tif is damaged"):
            image.reduceRegion("mean", image.geometry(), 30).getInfo()


def test_connecting_to_a_damaged_catalog_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalog.json").write_text('{"format": "smgee-catalog/1", "assets": [{"id"')
    with pytest.raises(InputError, match="not a catalog of this version"):
        smgee.connect(catalog=tmp_path, store=tmp_path / "store")


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_numbers_that_are_no_ports_are_refused(tmp_path: Path, port: int) -> None:
    with pytest.raises(InputError, match=f"Port {port} is not a port number"):
        smgee.connect(sources=[], store=tmp_path, port=port, serve=True)


@pytest.mark.parametrize(
    "identifier",
    ["bad id!", "soil", "x//y", "/x/y", "projects/my-project/assets/soil moisture", "a/b.c", "ä/b"],
)
def test_ids_that_earth_engine_cannot_have_are_refused(tmp_path: Path, identifier: str) -> None:
    path = tif(tmp_path / "soil.tif", np.ones((2, 2), "u1"))
    with pytest.raises(InputError, match="is not an asset id"):
        add_files(tmp_path / "cat", identifier, [path])
    assert add_files(tmp_path / "cat", "users/me/soil-moisture_2", [path]).bands == ["b1"]


def test_tables_off_the_earth_are_refused(tmp_path: Path) -> None:
    identifier = "projects/my-project/assets/stations"
    table = tmp_path / "stations.csv"
    table.write_text("name,lon,lat\na,80.5,37.2\nb,99.6,37.3\n")
    with pytest.raises(InputError, match=r"Feature 2 .* lies at longitude 37\.3, latitude 99\.6"):
        add_files(tmp_path / "cat", identifier, [table], AddOptions(x="lat", y="lon"))
    assert not (tmp_path / "cat" / "catalog.json").exists()
    add_files(tmp_path / "cat", identifier, [table])
    table.write_text("name,x,y\na,600000,4200000\n")
    with pytest.raises(InputError, match="--crs"):
        add_files(tmp_path / "cat", identifier, [table])
    add_files(tmp_path / "cat", identifier, [table], AddOptions(crs="EPSG:32647"))
    lines = tmp_path / "lines.geojson"
    for lat, right in ((37.0, True), (99.0, False)):
        geometry = {"type": "LineString", "coordinates": [[179.0, 37.0], [181.0, lat]]}
        lines.write_text(json.dumps({"type": "Feature", "geometry": geometry, "properties": {"n": 1}}))
        if right:
            add_files(tmp_path / "cat", "x/lines", [lines])
            continue
        with pytest.raises(InputError, match="not on the Earth"):
            add_files(tmp_path / "cat", "x/lines", [lines])
    lines.write_text('{"type": "Feature", "geometry"')
    with pytest.raises(InputError, match="cannot be read"):
        add_files(tmp_path / "cat", "x/lines", [lines])
    (problem,) = check_catalog(tmp_path / "cat")
    assert problem.startswith("x/lines: its files cannot be read")
