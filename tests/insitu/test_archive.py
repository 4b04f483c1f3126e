"""ISMN archives: what is read, chosen, refused, and that nothing is left behind."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smgee import insitu
from smgee.errors import InputError, MissingDataError
from smgee.insitu.archive import whole_zip
from smgee.insitu.quality import flag_mask
from tests.insitu.stm import hourly, write_stm


def test_values_flags_and_place(tmp_path):
    times = hourly(days=1)
    values = np.linspace(0.10, 0.33, 24).round(3)
    flags = ["G"] * 24
    flags[3], flags[4], flags[5] = "D03", "D03,D10", "M"
    values[5] = -9999
    write_stm(tmp_path, "A", times, values, flags=flags, lon=100.25, lat=37.5, elevation=3333)
    ds = insitu.read_ismn(tmp_path)
    assert ds.sizes == {"time": 24, "station": 1}
    got = ds["soil_moisture"].values[:, 0]
    assert np.isnan(got[[3, 4, 5]]).all()
    keep = np.setdiff1d(np.arange(24), [3, 4, 5])
    np.testing.assert_array_equal(got[keep], values[keep])
    bits = ds["flags"].values[:, 0]
    assert bits[0] == flag_mask(["G"])
    assert bits[4] == flag_mask(["D03", "D10"])
    assert bits[5] == flag_mask(["M"])
    assert (float(ds.lon[0]), float(ds.lat[0]), float(ds.elevation[0])) == (100.25, 37.5, 3333.0)
    assert str(ds.network.values[0]) == "NET"
    assert ds["soil_moisture"].attrs["units"] == "m3 m-3"


def test_accepted_flags_need_all_parts(tmp_path):
    write_stm(tmp_path, "A", hourly(days=1)[:3], [0.1, 0.2, 0.3], flags=["G", "D03", "D03,D10"])
    got = insitu.read_ismn(tmp_path, flags=("G", "D03"))["soil_moisture"].values[:, 0]
    np.testing.assert_array_equal(got, [0.1, 0.2, np.nan])


def test_missing_marker_is_never_a_value(tmp_path):
    write_stm(tmp_path, "A", hourly(days=1)[:3], [0.1, -9999, 0.3], flags=["G", "M", "G"])
    got = insitu.read_ismn(tmp_path, flags=("G", "M"))["soil_moisture"].values[:, 0]
    np.testing.assert_array_equal(got, [0.1, np.nan, 0.3])


@pytest.mark.parametrize(
    ("sensors", "chosen"),
    [
        (
            [((0.05, 0.05), "a", 10), ((0.02, 0.02), "b", 24)],
            "a",
        ),  # point probes: the deeper, though it has fewer records
        ([((0.0, 0.05), "layer", 10), ((0.05, 0.05), "point", 24)], "layer"),  # covers the layer
        ([((0.05, 0.05), "b", 24), ((0.05, 0.05), "a", 20)], "b"),  # equal depth: more records
        ([((0.05, 0.05), "b", 24), ((0.05, 0.05), "a", 24)], "a"),  # all equal: by name
        ([((0.05, 0.05), "a", 24), ((0.10, 0.10), "deep", 24)], "a"),  # outside the layer
    ],
)
def test_depth_choice(tmp_path, sensors, chosen):
    times = hourly(days=1)
    for depth, name, good in sensors:
        write_stm(
            tmp_path,
            "A",
            times,
            [0.2] * 24,
            flags=["G"] * good + ["D06"] * (24 - good),
            depth=depth,
            sensor=name,
        )
    assert str(insitu.read_ismn(tmp_path, (0, 0.05)).sensor.values[0]) == chosen


def test_temperature_of_the_nearest_depth(tmp_path):
    times = hourly(days=1)
    write_stm(tmp_path, "A", times, [0.2] * 24)
    write_stm(tmp_path, "A", times, [5.0] * 24, variable="ts")
    write_stm(tmp_path, "A", times, [9.0] * 24, variable="ts", depth=(0.1, 0.1))
    write_stm(tmp_path, "B", times, [0.3] * 24)
    ds = insitu.read_ismn(tmp_path)
    assert (ds["soil_temperature"].sel(station="A") == 5.0).all()
    assert ds["soil_temperature"].sel(station="B").isnull().all()
    assert float(ds.temperature_depth.sel(station="A")) == 0.05


def test_union_of_times_and_order_of_stations(tmp_path):
    write_stm(tmp_path, "B", hourly("2021-05-01", 1), [0.2] * 24)
    write_stm(tmp_path, "A", hourly("2021-05-03", 1), [0.3] * 24)
    ds = insitu.read_ismn(tmp_path)
    assert list(ds.station.values) == ["A", "B"]
    assert ds.sizes["time"] == 48
    assert int(ds["soil_moisture"].sel(station="A").notnull().sum()) == 24


def test_same_station_name_in_two_networks(tmp_path):
    for network in ("N1", "N2"):
        write_stm(tmp_path, "A", hourly(days=1), [0.2] * 24, network=network)
    assert list(insitu.read_ismn(tmp_path).station.values) == ["N1/A", "N2/A"]
    assert list(insitu.read_ismn(tmp_path, networks=["N2"]).station.values) == ["A"]


@pytest.mark.parametrize("form", ["folder", "network", "station", "file", "zip"])
def test_every_form_of_an_archive_reads_alike(tmp_path, form):
    source = tmp_path / "archive"
    path = write_stm(source, "A", hourly(days=2), np.linspace(0.1, 0.3, 48).round(4))
    given = {
        "folder": source,
        "network": source / "NET",
        "station": source / "NET" / "A",
        "file": path,
        "zip": source,
    }[form]
    if form == "zip":
        given = Path(shutil.make_archive(str(tmp_path / "download"), "zip", source))
    before = sorted(p for p in tmp_path.rglob("*"))
    ds = insitu.read_ismn(given)
    np.testing.assert_array_equal(ds["soil_moisture"].values[:, 0], np.linspace(0.1, 0.3, 48).round(4))
    assert str(ds.network.values[0]) == "NET"
    assert sorted(p for p in tmp_path.rglob("*")) == before, "reading must not write beside the data"


def test_period(tmp_path):
    write_stm(tmp_path, "A", hourly(days=5), [0.2] * 120)
    ds = insitu.read_ismn(tmp_path, start="2021-05-02", end="2021-05-03")
    assert ds.sizes["time"] == 48
    assert str(ds.time.values[-1])[:13] == "2021-05-03T23"


@pytest.mark.parametrize("how", ["error", "first", "mean"])
def test_repeated_times(tmp_path, how):
    times = hourly(days=1)[[0, 1, 1, 2]]
    write_stm(tmp_path, "A", times, [0.1, 0.2, 0.4, 0.3])
    if how == "error":
        with pytest.raises(InputError, match=r"repeats 1 time stamps, the first 2021-05-01 01:00"):
            insitu.read_ismn(tmp_path)
        return
    got = insitu.read_ismn(tmp_path, duplicates=how)["soil_moisture"].values[:, 0]
    np.testing.assert_allclose(got, [0.1, 0.2 if how == "first" else 0.3, 0.3], rtol=1e-15)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"flags": "Q7"}, "quality flag 'Q7'"),
        ({"values": 23.0}, "per cent"),
        ({"lon": 37.2, "lat": 100.2}, "exchanged"),
        ({"lon": 0.0, "lat": 0.0}, "latitude 0"),
        ({"values": -0.2}, "outside 0…1"),
    ],
)
def test_refusals(tmp_path, change, words):
    value = change.pop("values", 0.2)
    write_stm(tmp_path, "A", hourly(days=1), [value] * 24, **change)
    with pytest.raises(InputError, match=words) as caught:
        insitu.read_ismn(tmp_path)
    assert "\n" not in str(caught.value)


def test_one_station_with_exchanged_coordinates_that_look_possible(tmp_path):
    for i in range(4):
        write_stm(tmp_path, f"S{i}", hourly(days=1), [0.2] * 24, lon=-5.3 + i / 10, lat=41.2 + i / 10)
    write_stm(tmp_path, "S4", hourly(days=1), [0.2] * 24, lon=41.3, lat=-5.2)
    with pytest.raises(InputError, match=r"S4 .* exchanged"):
        insitu.read_ismn(tmp_path)


def test_broken_and_foreign_files(tmp_path):
    path = write_stm(tmp_path, "A", hourly(days=1), [0.2] * 24)
    path.write_text(path.read_text().replace("0.2 G M", "wet G M", 1))
    with pytest.raises(InputError, match=r"records of NET_NET_A.*cannot be read"):
        insitu.read_ismn(tmp_path)
    path.write_text("")
    with pytest.raises(InputError, match="header"):
        insitu.read_ismn(tmp_path)
    (tmp_path / "x.stm").write_text("hello")
    with pytest.raises(InputError, match=r"x\.stm is not named as ISMN files are"):
        insitu.read_ismn(tmp_path / "x.stm")


def test_nothing_to_read(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        insitu.read_ismn(tmp_path / "nowhere")
    with pytest.raises(MissingDataError, match=r"no \.stm file"):
        insitu.read_ismn(tmp_path)
    write_stm(tmp_path, "A", hourly(days=1), [0.2] * 24, depth=(0.3, 0.3))
    with pytest.raises(MissingDataError, match=r"no soil moisture sensor between 0 and 0\.05 m"):
        insitu.read_ismn(tmp_path)
    with pytest.raises(InputError, match="no station Z"):
        insitu.read_ismn(tmp_path, stations=["Z"])
    with pytest.raises(InputError, match="flags"):
        insitu.read_ismn(tmp_path, flags=("good",))


def test_netcdf_round_trip(tmp_path):
    import xarray as xr

    write_stm(tmp_path / "in", "A", hourly(days=2), [0.2] * 47 + [-9999], flags=["G"] * 47 + ["M"])
    ds = insitu.read_ismn(tmp_path / "in")
    insitu.write_dataset(ds, tmp_path / "s.nc")
    with xr.open_dataset(tmp_path / "s.nc", engine="h5netcdf") as back:
        xr.testing.assert_equal(back.load(), ds)
        assert back["flags"].dtype == "uint16"


@pytest.mark.realdata
def test_txson(real_data):
    """Forty real stations, against the text of the files read another way."""
    folder = real_data / "txson" / "TxSON"
    ds = insitu.read_ismn(folder)
    assert ds.sizes["station"] == 40
    assert int(ds["soil_moisture"].notnull().sum()) == 947_433
    assert ds["soil_moisture"].min() == 0.049
    assert ds["soil_moisture"].max() == 0.497
    assert float(ds.lat.min()) > 30.16
    assert float(ds.lat.max()) < 30.47
    assert float(ds.elevation.min()) > 400
    file = next((folder / "CR200-6").glob("*.stm"))
    raw = pd.read_csv(file, sep=r"\s+", skiprows=1, header=None, names=["d", "t", "v", "f", "o"])
    raw.index = pd.to_datetime(raw["d"] + " " + raw["t"], format="%Y/%m/%d %H:%M")
    mine = ds["soil_moisture"].sel(station="CR200-6").to_series().reindex(raw.index)
    pd.testing.assert_series_equal(
        mine, raw["v"].where(raw["f"] == "G"), check_names=False, check_index_type=False
    )


@pytest.mark.realdata
def test_iron(real_data):
    ds = insitu.read_ismn(real_data / "iron")
    assert ds.sizes["station"] == 10
    assert set(ds.network.values) == {"iRON"}
    # Two probes at 5 cm: EC5-II holds not one good record.
    assert str(ds.sensor.sel(station="BrushCreek").values) == "EC5-I"
    assert int(ds["soil_moisture"].sel(station="BrushCreek").notnull().sum()) == 7768


@pytest.mark.realdata
def test_ten_day_means_agree_with_a_table_others_derived_from_the_same_files(real_data):
    """``paired_10day.csv`` was made from the same archive by other code: 3,815 station means."""
    records = insitu.read_ismn(real_data / "txson" / "TxSON")
    table = pd.read_csv(real_data / "txson" / "paired_10day.csv").query("Network == 'TxSON'")
    hourly_values = records["soil_moisture"].to_pandas()
    places = zip(records.lon.values, records.lat.values, strict=True)
    names = {
        (round(lon, 4), round(lat, 4)): name
        for (lon, lat), name in zip(places, records.station.values, strict=True)
    }
    mine = []
    for row in table.itertuples():
        series = hourly_values[names[round(row.lon, 4), round(row.lat, 4)]]
        mine.append(
            series[pd.Timestamp(row.StartDate) : pd.Timestamp(row.EndDate) - pd.Timedelta(seconds=1)].mean()
        )
    assert len(mine) == 3_815
    np.testing.assert_allclose(mine, table["sm"], rtol=0, atol=1e-12)


def test_members_said_to_be_encrypted_are_told_in_a_sentence(tmp_path):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.stm", "rows")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="encrypted"), whole_zip(path), zipfile.ZipFile(path) as archive:
        archive.read("a.stm")
