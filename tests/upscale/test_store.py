"""The store of maps: what it keeps, what it notices, and who can read it."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta

import numpy as np
import pytest
import rasterio
import xarray as xr

from smgee.errors import InputError
from smgee.tables import Provenance
from smgee.upscale import SOIL_MOISTURE, CellMeans, MapStore, Variable, season_mean, tiling
from tests.upscale.routes import GRID, moisture, whole

DAYS = [date(2021, 6, 1) + timedelta(days=2 * k) for k in range(19)]
PROVENANCE = Provenance(synthetic=True, made_by="smgee predict", made_from={"models": "abc"})
OPTIONS = {"days": DAYS, "grid": GRID, "identity": "x", "provenance": PROVENANCE, "block": 32}


def values_of(block, days):
    return {"soil_moisture": np.stack([moisture(d, *np.mgrid[block.slices]) for d in days])}


def fill(store: MapStore) -> MapStore:
    for block in store.blocks:
        for k in range(0, len(DAYS), 3):  # never aligned with the chunks
            store.write(block, DAYS[k : k + 3], values_of(block, DAYS[k : k + 3]))
    return store


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> MapStore:
    return fill(MapStore(tmp_path_factory.mktemp("maps") / "maps.zarr", **OPTIONS))


@pytest.fixture
def store(filled, tmp_path) -> MapStore:
    shutil.copytree(filled.path, tmp_path / "maps.zarr")
    return MapStore(tmp_path / "maps.zarr", **OPTIONS)


def test_maps_come_back(filled):
    again = MapStore.open(filled.path)
    assert again.missing == []
    assert again.verify() == []
    for day in DAYS[::5]:
        np.testing.assert_array_equal(again.read(day), whole(day))
    series = again.series(17, 40)
    np.testing.assert_array_equal(series, [whole(day)[17, 40] for day in DAYS])
    block = again.blocks[-1]
    some = [DAYS[11], DAYS[2], DAYS[3]]
    np.testing.assert_array_equal(
        again.read_block(block, some)["soil_moisture"], values_of(block, some)["soil_moisture"]
    )


def test_gdal_reads_it(filled):
    """As GDAL opens it: a raster per day, with the CRS, the place, and the units."""
    with rasterio.open(f'ZARR:"{filled.path}":/soil_moisture:7') as file:
        assert file.crs.to_epsg() == 32647
        assert file.transform == GRID.affine
        np.testing.assert_array_equal(file.read(1), whole(DAYS[7]))
    with rasterio.open(f'ZARR:"{filled.path}":/soil_moisture') as file:
        assert file.count == len(DAYS)
        assert file.units[0] == "m3 m-3"
        np.testing.assert_array_equal(file.read(19), whole(DAYS[18]))


def test_xarray_reads_it_by_one_file_of_metadata(filled):
    ds = xr.open_zarr(filled.path, consolidated=True, decode_coords="all")
    maps = ds["soil_moisture"]
    assert (ds.attrs["Conventions"], ds.attrs["synthetic"]) == ("CF-1.11", 1)
    assert ds.attrs["title"] == "Daily soil moisture at 30 m (SYNTHETIC basin)"
    assert Provenance.of(ds.attrs) == PROVENANCE
    assert maps.attrs["units"] == "m3 m-3"
    assert maps.encoding["grid_mapping"] == "spatial_ref"
    assert ds["spatial_ref"].attrs["grid_mapping_name"] == "transverse_mercator"
    assert [d.astype("M8[D]").item() for d in maps["time"].values] == DAYS
    x, y = GRID.centers()
    np.testing.assert_array_equal(maps["x"], x[0])
    np.testing.assert_array_equal(maps["y"], y[:, 0])
    np.testing.assert_array_equal(maps.isel(time=4), whole(DAYS[4]))
    assert filled.dataset()["done"].values.all()


def test_it_is_written_as_netcdf_by_the_rules_of_cf(filled, tmp_path):
    """What the CF checker complained of: attributes of many values, fill values of coordinates, no axes."""
    filled.dataset().isel(time=slice(0, 3)).to_netcdf(tmp_path / "maps.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "maps.nc", engine="h5netcdf", decode_coords="all") as ds:
        np.testing.assert_array_equal(ds["soil_moisture"].isel(time=2), whole(DAYS[2]))
        assert ds.attrs["history"] == "smgee predict"
        assert {ds[name].attrs["axis"] for name in ("time", "y", "x")} == {"T", "Y", "X"}
        for name in ("y", "x", "spatial_ref"):
            assert "_FillValue" not in ds[name].encoding
        assert ds["soil_moisture"].encoding["grid_mapping"] == "spatial_ref"


def test_a_flipped_byte_is_noticed(store):
    chunk = next(p for p in sorted((store.path / "soil_moisture").iterdir()) if p.name == "1.1.1")
    content = bytearray(chunk.read_bytes())
    noticed = 0
    for at in np.linspace(16, len(content) - 1, 12).astype(int):  # behind the header, of which some is unused
        damaged = bytearray(content)
        damaged[at] ^= 0x10
        chunk.write_bytes(bytes(damaged))
        noticed += bool(MapStore.open(store.path).verify())
    assert noticed == 12
    with pytest.raises(InputError, match=r"is damaged: the pixels of 2021-.*at row 32, column 32"):
        MapStore.open(store.path).read_block(store.blocks[4])
    chunk.unlink()
    assert MapStore.open(store.path).verify()
    chunk.write_bytes(bytes(content))
    assert MapStore.open(store.path).verify() == []


@pytest.mark.parametrize("name", [".zattrs", ".zmetadata"])
def test_damaged_metadata_is_told_or_the_store_is_made_anew(store, name):
    file = store.path / name
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(InputError, match=r"maps\.zarr is damaged"):
        MapStore.open(store.path)
    assert MapStore(store.path, **OPTIONS).missing == DAYS


def test_a_day_counts_only_when_its_pixels_are_there(store, monkeypatch):
    """Killed between pixels and hash, or before either: the day is to be done again, the others stay."""
    block = store.blocks[1]

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "_hashes", killed)
    with pytest.raises(KeyboardInterrupt):
        store.write(block, DAYS[4:6], {"soil_moisture": np.ones((2, block.height, block.width), "f4")})
    again = MapStore(store.path, **OPTIONS)
    assert again.missing == DAYS[4:6]
    assert again.missing_in(block) == DAYS[4:6]
    assert again.missing_in(store.blocks[0]) == []
    again.write(block, DAYS[4:6], values_of(block, DAYS[4:6]))
    assert again.verify() == []
    np.testing.assert_array_equal(again.read(DAYS[4]), whole(DAYS[4]))


def test_leftovers_of_killed_writers_are_swept(store):
    (store.path / "soil_moisture" / "0.0.0.1234.partial").write_bytes(b"x")
    assert MapStore(store.path, **OPTIONS).missing == []
    assert not list(store.path.rglob("*.partial"))


def test_a_store_of_something_else_is_replaced(store):
    assert MapStore(store.path, **OPTIONS).missing == []
    # its own blocks are kept, whatever is asked for
    assert MapStore(store.path, **(OPTIONS | {"block": 64})).blocks == store.blocks
    two = (SOIL_MOISTURE, Variable("uncertainty", "m3 m-3", "standard error"))
    assert MapStore(store.path, **(OPTIONS | {"variables": two})).missing == DAYS
    assert MapStore(store.path, **(OPTIONS | {"identity": "y"})).missing == DAYS


def test_several_variables_are_written_together(tmp_path):
    two = (SOIL_MOISTURE, Variable("uncertainty", "m3 m-3", "standard error"))
    store = MapStore(tmp_path / "maps.zarr", **(OPTIONS | {"variables": two}))
    block = store.blocks[0]
    values = values_of(block, DAYS[:1])
    with pytest.raises(InputError, match="write all of them"):
        store.write(block, DAYS[:1], values)
    store.write(block, DAYS[:1], values | {"uncertainty": values["soil_moisture"] / 10})
    found = MapStore.open(store.path).read_block(block, DAYS[:1])
    np.testing.assert_array_equal(found["uncertainty"], values["soil_moisture"] / 10)
    assert xr.open_zarr(store.path)["uncertainty"].attrs["long_name"] == "standard error"


def test_chunks_serve_maps_and_series(filled):
    shape = json.loads((filled.path / "soil_moisture" / ".zarray").read_text())["chunks"]
    assert shape == [8, 32, 32]


def test_wrong_use_is_told(store, tmp_path):
    block = store.blocks[0]
    with pytest.raises(InputError, match="is not among its 19 days"):
        store.read(date(2021, 6, 2))
    with pytest.raises(InputError, match="do not fit"):
        store.write(block, DAYS[:2], values_of(block, DAYS[:1]))
    with pytest.raises(InputError, match="none of the store's 6 blocks"):
        store.read_block(tiling(GRID, 16)[0])
    with pytest.raises(InputError, match="holds no maps"):
        MapStore.open(tmp_path / "absent.zarr")
    with pytest.raises(InputError, match="ascending"):
        MapStore(tmp_path / "new.zarr", **(OPTIONS | {"days": DAYS[::-1]}))


def test_the_season_mean_is_that_of_whole_maps(filled):
    stack = np.stack([whole(day) for day in DAYS]).astype("f8")
    expected = np.where(np.isfinite(stack).any(axis=0), stack.sum(axis=0) / len(DAYS), np.nan)
    np.testing.assert_array_equal(season_mean(filled), expected.astype("f4"))


def test_cell_means_equal_those_of_whole_maps(filled):
    """The accumulator and the zonal means of whole maps are two implementations of one thing."""
    from smgee.grid import ease_cell_at, transformer
    from smgee.validation import cell_weights, zonal_means

    x, y = GRID.centers()
    lon, lat = transformer(GRID.crs, "EPSG:4326").transform(x[25, 37], y[25, 37])
    weights = cell_weights(GRID, [ease_cell_at(lon, lat, g) for g in ("M36", "M09")])
    expected = zonal_means([(d, whole(d)) for d in DAYS], weights, min_coverage=0.0)
    means = CellMeans(weights)
    for block in reversed(filled.blocks):
        for days, maps in filled.spans(block, days=5):
            means.add(block, days, maps["soil_moisture"])
    found = means.table(min_coverage=0.0)
    assert list(found.columns) == list(expected.columns)
    assert (found["cell"] == expected["cell"]).all()
    assert (found["n_pixels"] == expected["n_pixels"]).all()
    assert found["n_pixels"].max() > 1000
    for column in ("soil_moisture", "std", "coverage"):
        np.testing.assert_allclose(found[column], expected[column], rtol=1e-12)
    # what is too thinly covered has no mean, in both
    strict = zonal_means([(d, whole(d)) for d in DAYS], weights)["soil_moisture"]
    np.testing.assert_allclose(means.table()["soil_moisture"], strict, rtol=1e-12)


def test_cell_means_do_not_depend_on_the_order_of_blocks(filled):
    from smgee.grid import ease_cell_at, transformer
    from smgee.validation import cell_weights

    lon, lat = transformer(GRID.crs, "EPSG:4326").transform(GRID.bounds[0] + 1000, GRID.bounds[1] + 700)
    weights = cell_weights(GRID, [ease_cell_at(lon, lat, "M36")])
    tables = []
    for blocks in (filled.blocks, filled.blocks[::-1]):
        means = CellMeans(weights)
        for block in blocks:
            means.add(block, DAYS, filled.read_block(block)["soil_moisture"])
        tables.append(means.table(min_coverage=0.0))
    np.testing.assert_array_equal(tables[0]["soil_moisture"], tables[1]["soil_moisture"])
