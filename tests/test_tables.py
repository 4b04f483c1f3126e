"""Tables carry their units and where they come from, and are known from damaged ones."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr

from smgee import schemas
from smgee.errors import InputError
from smgee.grid import PixelGrid
from smgee.tables import (
    Column,
    Provenance,
    Schema,
    read_table,
    sidecar_of,
    table_provenance,
    write_cog,
    write_dataset,
    write_table,
)

ZONAL = pd.DataFrame(
    {
        "date": pd.to_datetime(["2021-07-01", "2021-07-02"]),
        "cell": "M36_r0079_c0749",
        "soil_moisture": [0.2, np.nan],
        "std": [0.01, np.nan],
        "coverage": [1.0, 0.0],
        "n_pixels": [100, 0],
    }
)
MADE = Provenance(synthetic=True, made_by="smgee zonal", made_from={"maps.zarr": "abc"})


def test_a_csv_is_described_beside_it(tmp_path):
    path = write_table(ZONAL, tmp_path / "zonal.csv", schema=schemas.ZONAL, provenance=MADE)
    described = json.loads(sidecar_of(path).read_text())
    columns = {c["name"]: c for c in described["tableSchema"]["columns"]}
    assert columns["soil_moisture"]["schema:unitText"] == "m3 m-3"
    assert described["tableSchema"]["primaryKey"] == ["date", "cell"]
    assert "SYNTHETIC" in described["dc:title"]
    assert table_provenance(path) == MADE
    back = read_table(path, schema=schemas.ZONAL)
    pd.testing.assert_frame_equal(back.drop(columns="synthetic"), ZONAL, check_dtype=False)
    assert (back["synthetic"] == 1).all()


@pytest.mark.parametrize("hurt", [lambda b: b[:-5], lambda b: b.replace(b"0.2", b"0.3"), lambda b: b""])
def test_a_csv_that_is_not_what_was_written(tmp_path, hurt):
    path = write_table(ZONAL, tmp_path / "zonal.csv", schema=schemas.ZONAL)
    path.write_bytes(hurt(path.read_bytes()))
    with pytest.raises(InputError, match="damaged or was edited"):
        read_table(path)


def test_names_made_of_digits_stay_names(tmp_path):
    rows = pd.DataFrame(
        {
            "date": pd.to_datetime(["2021-07-01", "2021-07-02"]),
            "orbit": "AM",
            "cell": "M09_r0316_c2996",
            "soil_moisture": [0.2, np.nan],
            "flag": [0, 1],
            "collection": "NASA/SMAP/SPL3SMP_E/005",
            "version": ["005", None],
        }
    )
    write_table(rows, tmp_path / "smap.csv", schema=schemas.SMAP, provenance=Provenance(synthetic=False))
    found = read_table(tmp_path / "smap.csv", schema=schemas.SMAP)
    assert found["version"].iloc[0] == "005"
    assert pd.isna(found["version"].iloc[1])
    assert found["flag"].tolist() == [0, 1]


def test_a_parquet_carries_it_inside(tmp_path):
    path = write_table(
        ZONAL, tmp_path / "zonal.parquet", schema=schemas.ZONAL, provenance=MADE, roles={"target": "x"}
    )
    assert table_provenance(path) == MADE
    assert (read_table(path)["synthetic"] == 1).all()
    raw = bytearray(path.read_bytes())
    raw[8] ^= 1  # in the first page
    path.write_bytes(raw)
    with pytest.raises(OSError, match=r"CRC|checksum|corrupt|decompress|ZSTD|TProtocol|thrift"):
        read_table(path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: t.drop(columns="coverage"), "lacks the column 'coverage'"),
        (lambda t: t.assign(n_pixels=[0.5, 1]), "'n_pixels' .*0.5, which is no count"),
        (lambda t: t.assign(cell=[1, 2]), "'cell' .*no text"),
        (lambda t: t.assign(date=["x", "y"]), "'date' .*no date"),
        (lambda t: t.assign(coverage=[-0.5, 1]), "'coverage' .*holds -0.5, beyond 0"),
        (lambda t: pd.concat([t, t]), "more than once"),
    ],
)
def test_a_table_of_another_shape_is_not_written(tmp_path, change, why):
    with pytest.raises(InputError, match=why):
        write_table(change(ZONAL), tmp_path / "zonal.csv", schema=schemas.ZONAL)
    assert not list(tmp_path.iterdir())


def test_columns_nobody_knows_are_refused_unless_allowed(tmp_path):
    strict = Schema("t", "T", (Column("a"),))
    with pytest.raises(InputError, match="column 'b', which its schema does not know"):
        write_table(pd.DataFrame({"a": [1.0], "b": [2.0]}), tmp_path / "t.csv", schema=strict)
    with pytest.raises(InputError, match=r"end in \.csv or \.parquet"):
        write_table(pd.DataFrame({"a": [1.0]}), tmp_path / "t.txt", schema=strict)


def test_the_same_content_gives_the_same_file(tmp_path):
    for name in ("a", "b"):
        write_table(ZONAL, tmp_path / name / "t.csv", schema=schemas.ZONAL, provenance=MADE)
        ds = xr.Dataset({"x": ("t", np.arange(3.0))})
        write_dataset(ds, tmp_path / name / "d.nc", provenance=MADE)
    for file in ("t.csv", "d.nc"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_a_data_set_says_that_it_is_synthetic(tmp_path):
    ds = xr.Dataset({"x": ("t", np.arange(3.0))}, attrs={"title": "stations"})
    write_dataset(ds, tmp_path / "d.nc", provenance=MADE)
    with xr.open_dataset(tmp_path / "d.nc", engine="h5netcdf") as back:
        assert back.attrs["title"] == "stations (SYNTHETIC basin)"
        assert Provenance.of(back.attrs) == MADE
    assert ds.attrs == {"title": "stations"}


def test_a_map_carries_units_and_provenance(tmp_path):
    grid = PixelGrid.from_bounds("EPSG:32647", (0, 0, 3000, 3000), 30)
    write_cog(
        np.full(grid.shape, 0.2), grid, tmp_path / "m.tif", band="soil_moisture", units="m3 m-3",
        provenance=MADE,
    )  # fmt: skip
    with rasterio.open(tmp_path / "m.tif") as file:
        assert Provenance.of(file.tags()) == MADE
        assert file.tags(1)["units"] == "m3 m-3"


def test_every_metric_has_columns_with_a_unit():
    names = {c.name: c.units for c in schemas.metric_columns()}
    assert names["r"] == "1"
    assert names["rmse_low"] == "m3 m-3"
