"""Maps of a store as NetCDF and GeoTIFF: the same numbers, read by others than smgee."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
import rasterio
import xarray as xr
from typer.testing import CliRunner

from smgee.errors import InputError, MissingDataError
from smgee.grid import PixelGrid
from smgee.tables import Provenance
from smgee.upscale import MapStore, write_daily_cogs, write_netcdf
from smgee_cli.app import app

DAYS = [date(2021, 7, 1) + timedelta(d) for d in range(4)]
GRID = PixelGrid("EPSG:32647", (30.0, 0.0, 562_000.0, 0.0, -30.0, 4_163_000.0), 300, 280)


@pytest.fixture
def maps(tmp_path):
    """The first three of four days, with pixels that nothing is known of."""
    store = MapStore(
        tmp_path / "run" / "maps.zarr",
        days=DAYS,
        grid=GRID,
        identity="x",
        provenance=Provenance(True, "test"),
    )
    values = np.random.default_rng(1).uniform(0.1, 0.4, (3, GRID.height, GRID.width)).astype("float32")
    values[:, :5, :7] = np.nan
    for block in store.blocks:
        store.write(block, DAYS[:3], {"soil_moisture": values[:, *block.slices]})
    return MapStore.open(store.path), values


def test_netcdf_has_the_maps_and_says_where_they_lie(maps, tmp_path):
    store, values = maps
    path = write_netcdf(store, tmp_path / "season.nc")
    with xr.open_dataset(path, decode_coords="all") as ds:
        np.testing.assert_array_equal(ds["soil_moisture"].values, values)
        assert [str(t)[:10] for t in ds["time"].values] == [str(d) for d in DAYS[:3]]
        assert ds["soil_moisture"].attrs["units"] == "m3 m-3"
        assert (ds.attrs["Conventions"], ds.attrs["synthetic"]) == ("CF-1.11", 1)
        assert "block" not in ds.dims
        assert all("_FillValue" not in ds[name].encoding for name in "xy")
    with rasterio.open(f"netcdf:{path}:soil_moisture") as file:
        assert file.crs.to_epsg() == 32647
        assert tuple(file.transform)[:6] == GRID.transform
        np.testing.assert_array_equal(file.read(2), values[1])


def test_a_geotiff_for_each_day_asked_for(maps, tmp_path):
    store, values = maps
    seen = []
    written = write_daily_cogs(
        store, tmp_path / "days", days=[DAYS[2], DAYS[0]], progress=lambda *done: seen.append(done)
    )
    assert [p.name for p in written] == [f"soil_moisture_{DAYS[0]}.tif", f"soil_moisture_{DAYS[2]}.tif"]
    assert seen == [(1, 2), (2, 2)]
    with rasterio.open(written[1]) as file:
        np.testing.assert_array_equal(file.read(1), values[2])
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (file.tags()["synthetic"], file.tags()["day"]) == ("1", str(DAYS[2]))
        assert file.units == ("m3 m-3",)


def test_a_day_without_a_map_is_refused(maps, tmp_path):
    with pytest.raises(
        MissingDataError, match=r"no map of 2021-07-04; its days are 2021-07-01 to 2021-07-03"
    ):
        write_netcdf(maps[0], tmp_path / "x.nc", days=[DAYS[3]])
    assert not (tmp_path / "x.nc").exists()


def test_the_command(maps, tmp_path):
    run = str(tmp_path / "run")
    with pytest.raises(InputError, match="give --netcdf FILE, --cogs FOLDER, or both"):
        CliRunner().invoke(app, ["files", "--run", run], catch_exceptions=False)
    asked = ["files", "--run", run, "--netcdf", str(tmp_path / "a.nc"), "--cogs", str(tmp_path / "c")]
    result = CliRunner().invoke(app, [*asked, "--day", "2021-07-02"], catch_exceptions=False)
    assert result.exit_code == 0
    assert [p.name for p in (tmp_path / "c").iterdir()] == ["soil_moisture_2021-07-02.tif"]
