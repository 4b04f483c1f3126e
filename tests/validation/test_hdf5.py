"""SMAP files: the real level-2 half orbit, and level-3 days built from its values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smgee.datasets.smap import RETRIEVAL_BITS
from smgee.errors import InputError, MissingDataError
from smgee.grid import EASE_GRIDS, EaseCell, ease_cell_at
from smgee.validation import read_smap, validate
from smgee.validation.hdf5 import decode_bits

h5py = pytest.importorskip("h5py")


def test_bits():
    table = decode_bits(np.array([0, 1, 5, 15]), RETRIEVAL_BITS)
    assert table["not_recommended"].tolist() == [False, True, True, True]
    assert table["not_attempted"].tolist() == [False, False, False, True]
    assert table["not_successful"].tolist() == [False, False, True, True]


def level3(path: Path, grid: str = "M36", hour: dict[str, float] | None = None) -> Path:
    """Write a level-3 day with four cells near 100° E, in the layout of the product (PM variables carry a
    suffix).
    """
    shape = (EASE_GRIDS[grid].rows, EASE_GRIDS[grid].cols)
    hour = hour or {"AM": 23.3, "PM": 11.3}
    cell = ease_cell_at(100.2, 37.2, grid)
    with h5py.File(path, "w") as f:
        for orbit, suffix in (("AM", ""), ("PM", "_pm")):
            group = f.create_group(f"Soil_Moisture_Retrieval_Data_{orbit}")
            moisture, quality = np.full(shape, -9999.0, np.float32), np.full(shape, 65534, np.uint16)
            seconds, surface = np.full(shape, -9999.0), np.full(shape, 65534, np.uint16)
            for k, (value, flag) in enumerate([(0.2, 0), (0.25, 1), (-9999.0, 7), (0.3, 8)]):
                at = (cell.row, cell.col + k)
                moisture[at], quality[at], surface[at] = value, flag, 512 * (k == 1)
                seconds[at] = (
                    pd.Timestamp("2021-06-01")
                    + pd.Timedelta(hours=hour[orbit])
                    - pd.Timestamp("2000-01-01T12")
                ).total_seconds()
            for name, data, fill in (
                ("soil_moisture", moisture, -9999.0),
                ("retrieval_qual_flag", quality, 65534),
                ("tb_time_seconds", seconds, -9999.0),
                ("surface_flag", surface, 65534),
            ):
                group.create_dataset(name + suffix, data=data).attrs["_FillValue"] = fill
    return path


@pytest.mark.parametrize("grid", ["M36", "M09"])
def test_level_3(tmp_path, grid):
    table = read_smap(level3(tmp_path / "SMAP_L3_SM_P_20210601_R18290_001.h5", grid), surface=True)
    cell = ease_cell_at(100.2, 37.2, grid)
    assert len(table) == 8
    assert set(table["date"]) == {pd.Timestamp("2021-06-01")}
    am = table[table["orbit"] == "AM"].set_index("cell")
    assert am.loc[cell.name, "soil_moisture"] == np.float32(0.2)
    assert am["flag"].tolist() == [0, 1, 1, 0]
    assert np.isnan(am["soil_moisture"].iloc[2])
    assert am["mountains"].tolist() == [False, True, False, False]
    assert am["freeze_thaw_not_successful"].tolist() == [False, False, False, True]
    assert am["time"].iloc[0] == pd.Timestamp("2021-06-01 23:18")
    lon, lat = cell.center
    assert am["lon"].iloc[0] == pytest.approx(lon)
    assert am["lat"].iloc[0] == pytest.approx(lat)
    one = read_smap(tmp_path / "SMAP_L3_SM_P_20210601_R18290_001.h5", cells=[cell])
    assert len(one) == 2
    reference = pd.DataFrame(
        {"date": pd.to_datetime(["2021-06-01", "2021-06-02"]), "soil_moisture": [0.1, 0.2]}
    ).assign(cell=cell.name)
    # Solar days: the morning pass at 23:18 UTC belongs to 2 June there, the evening one to 1 June.
    solar = validate(one, insitu=reference, day="solar").set_index("orbit")
    assert solar.loc["AM", "bias"] == pytest.approx(0.0, abs=1e-7)
    assert solar.loc["PM", "bias"] == pytest.approx(0.1, abs=1e-7)


def test_files_that_contradict_themselves(tmp_path):
    with pytest.raises(InputError, match="off that local time"):
        read_smap(level3(tmp_path / "SMAP_L3_SM_P_20210601_R18290_001.h5", hour={"AM": 11.3, "PM": 23.3}))
    with pytest.raises(InputError, match="names no date"):
        read_smap(level3(tmp_path / "renamed.h5"))
    with pytest.raises(MissingDataError, match="does not hold"):
        read_smap(level3(tmp_path / "SMAP_L3_SM_P_20210601_R1_001.h5"), cells=[EaseCell("M36", 0, 0)])
    with h5py.File(tmp_path / "other.h5", "w") as f:
        f.create_group("Freeze_Thaw")
    with pytest.raises(InputError, match="no group of soil moisture"):
        read_smap(tmp_path / "other.h5")
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(InputError, match="not a readable HDF5"):
        read_smap(tmp_path / "text.h5")
    with pytest.raises(InputError, match="does not exist"):
        read_smap(tmp_path / "nowhere.h5")


@pytest.fixture
def half_orbit(real_data) -> Path:
    return next((real_data / "smap_l2").glob("*.h5"))


@pytest.mark.realdata
def test_real_half_orbit(half_orbit):
    table = read_smap(half_orbit, surface=True)
    assert len(table) == 17_251
    assert set(table["orbit"]) == {"PM"}
    assert set(table["grid"]) == {"M36"}
    with h5py.File(half_orbit) as f:
        group = f["Soil_Moisture_Retrieval_Data"]
        stamps = pd.to_datetime([t.decode()[:19] for t in group["tb_time_utc"][:]])
        moisture, quality = group["soil_moisture"][:], group["retrieval_qual_flag"][:]
        mountains = int(((group["surface_flag"][:] >> 9) & 1).sum())
    # The time written out in the file, against the one computed from its seconds.
    assert np.abs((table["time"] - stamps).dt.total_seconds()).max() <= 1.5
    assert int(table["soil_moisture"].notna().sum()) == int((moisture != -9999).sum()) == 1333
    assert int((table["flag"] == 0).sum()) == int(((quality & 0b101) == 0).sum()) == 592
    assert table.loc[table["flag"] == 0, "soil_moisture"].between(0.02, 0.6).all()
    assert int(table["mountains"].sum()) == mountains == 147
    assert set(table["date"]) == {pd.Timestamp("2015-08-11")}


@pytest.mark.realdata
def test_real_half_orbit_under_a_wrong_direction(half_orbit, tmp_path):
    import shutil

    copy = tmp_path / half_orbit.name.replace("_A_", "_D_")
    shutil.copy(half_orbit, copy)
    with pytest.raises(InputError, match="orbit direction"):
        read_smap(copy)
