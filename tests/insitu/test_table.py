"""Plain tables: layouts, units, clocks, places, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smgee import insitu
from smgee.errors import InputError, MissingDataError
from smgee.insitu.quality import flag_mask


@pytest.fixture
def wide() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "time": pd.date_range("2021-06-01", periods=48, freq="30min"),
            "P1": np.linspace(0.1, 0.2, 48),
            "P2": np.linspace(0.3, 0.2, 48),
        }
    )


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_wide_layout_in_every_format(tmp_path, wide, suffix):
    path = tmp_path / f"t.{suffix}"
    if suffix == "parquet":
        wide.to_parquet(path)
    else:
        wide.to_csv(path, index=False, sep="\t" if suffix == "tsv" else ",")
    ds = insitu.read_table(path, depth_m=0.05, network="PALI")
    assert list(ds.station.values) == ["P1", "P2"]
    np.testing.assert_allclose(ds["soil_moisture"].values, wide[["P1", "P2"]].values, rtol=1e-15)
    assert (ds.depth_to == 0.05).all()
    assert set(ds.network.values) == {"PALI"}


def test_long_layout_equals_wide(tmp_path, wide):
    long = wide.melt("time", var_name="site", value_name="theta").sample(frac=1, random_state=1)
    long["t"] = 5.0
    long["x"], long["y"] = np.where(long.site == "P1", 100.1, 100.2), 37.2
    long.to_csv(tmp_path / "l.csv", index=False)
    wide.to_csv(tmp_path / "w.csv", index=False)
    a = insitu.read_table(
        tmp_path / "l.csv", station="site", soil_moisture="theta", soil_temperature="t", lon="x", lat="y"
    )
    b = insitu.read_table(tmp_path / "w.csv")
    np.testing.assert_array_equal(a["soil_moisture"], b["soil_moisture"])
    np.testing.assert_array_equal(a.lon, [100.1, 100.2])
    assert (a["soil_temperature"] == 5).all()
    assert "soil_temperature" not in b


def test_temperature_of_a_second_wide_table(tmp_path, wide):
    wide.to_csv(tmp_path / "w.csv", index=False)
    wide.assign(P1=4.5, P2=np.nan).to_csv(tmp_path / "t.csv", index=False)
    ds = insitu.read_table(tmp_path / "w.csv", temperature_path=tmp_path / "t.csv")
    assert (ds["soil_temperature"].sel(station="P1") == 4.5).all()
    assert ds["soil_temperature"].sel(station="P2").isnull().all()


def test_per_cent_only_when_said(tmp_path, wide):
    wide.assign(P1=wide.P1 * 100, P2=wide.P2 * 100).to_csv(tmp_path / "w.csv", index=False)
    with pytest.raises(InputError, match="per cent"):
        insitu.read_table(tmp_path / "w.csv")
    ds = insitu.read_table(tmp_path / "w.csv", unit="%")
    np.testing.assert_allclose(ds["soil_moisture"].values, wide[["P1", "P2"]].values, rtol=1e-14)


def test_clocks(tmp_path, wide):
    wide.to_csv(tmp_path / "w.csv", index=False)
    zoned = wide.assign(time=wide.time.dt.tz_localize("Asia/Shanghai"))
    zoned.to_csv(tmp_path / "z.csv", index=False)
    a = insitu.read_table(tmp_path / "w.csv", utc_offset_hours=8)
    b = insitu.read_table(tmp_path / "z.csv")
    assert a.time.values[0] == np.datetime64("2021-05-31T16:00")
    assert (a.time.values == b.time.values).all()
    with pytest.raises(InputError, match="states its time zone"):
        insitu.read_table(tmp_path / "z.csv", utc_offset_hours=8)


@pytest.mark.parametrize("ahead", [8, -6])
def test_days_of_another_clock_stay_those_days(tmp_path, ahead):
    """A day at Beijing lies for sixteen hours in the UTC day of its date: filed by its midnight, it would be
    taken for the soil of the day before."""
    days = pd.date_range("2021-06-01", periods=4)
    table = pd.DataFrame({"time": days.strftime("%Y-%m-%d"), "A": [0.1, 0.2, 0.3, 0.4], "B": 0.2})
    table.to_csv(tmp_path / "days.csv", index=False)
    daily = insitu.daily_means(insitu.read_table(tmp_path / "days.csv", utc_offset_hours=ahead))
    assert (daily["time"].values == days.values).all()
    np.testing.assert_allclose(daily["soil_moisture"].sel(station="A").values, table["A"])


def test_missing_numbers_and_own_flags(tmp_path):
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2021-06-01", periods=4, freq="h"),
            "s": "A",
            "v": [0.2, -9999, 0.3, 0.4],
            "q": [1, 1, 0, 1],
        }
    )
    frame.to_csv(tmp_path / "l.csv", index=False)
    ds = insitu.read_table(tmp_path / "l.csv", station="s", soil_moisture="v", flag="q", good=("1",))
    np.testing.assert_array_equal(ds["soil_moisture"].values[:, 0], [0.2, np.nan, np.nan, 0.4])
    assert list(ds["flags"].values[:, 0]) == [flag_mask([f]) for f in ("G", "M", "X", "G")]
    with pytest.raises(MissingDataError, match="no record whose flag"):
        insitu.read_table(tmp_path / "l.csv", station="s", soil_moisture="v", flag="q", good=("good",))


def test_places(tmp_path, wide):
    wide.to_csv(tmp_path / "w.csv", index=False)
    places = pd.DataFrame(
        {
            "station_id": ["P2", "P1", "P9"],
            "Longitude": [100.2, 100.1, 0.5],
            "Latitude": [37.2, 37.1, 1],
            "elev": [1, 2, 3],
        }
    )
    ds = insitu.read_table(tmp_path / "w.csv", stations=places)
    np.testing.assert_array_equal(ds.lon, [100.1, 100.2])
    np.testing.assert_array_equal(ds.elevation, [2, 1])
    with pytest.raises(InputError, match="does not list P1"):
        insitu.read_table(tmp_path / "w.csv", stations=places[places.station_id != "P1"])
    with pytest.raises(InputError, match="exchanged"):
        insitu.read_table(
            tmp_path / "w.csv", stations=places.rename(columns={"Longitude": "lat", "Latitude": "lon"})
        )


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (lambda d: d.rename(columns={"time": "when"}), {}, "no column 'time'"),
        (lambda d: d.assign(time=range(48)), {}, "plain numbers"),
        (lambda d: d.assign(time="soon"), {}, "not readable as dates"),
        (lambda d: pd.concat([d, d.tail(1)]), {}, "repeats 1 time stamps"),
        (lambda d: d.assign(P1="wet"), {}, "not a number"),
        (lambda d: d, {"columns": ["P7"]}, "no column 'P7'"),
        (lambda d: d, {"unit": "mm"}, "unit 'mm'"),
        (lambda d: d, {"station": "P1"}, "needs both"),
        (lambda d: d.assign(P1=-0.2), {}, "outside 0…1"),
    ],
)
def test_refusals(tmp_path, wide, change, options, words):
    change(wide).to_csv(tmp_path / "w.csv", index=False)
    with pytest.raises(InputError, match=words) as caught:
        insitu.read_table(tmp_path / "w.csv", **options)
    assert "\n" not in str(caught.value)


def test_not_a_table(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        insitu.read_table(tmp_path / "w.csv")
    (tmp_path / "w.doc").write_text("x")
    with pytest.raises(InputError, match=r"ending '\.doc'"):
        insitu.read_table(tmp_path / "w.doc")


@pytest.mark.realdata
def test_pali_daily_means_agree_with_the_published_ones(real_data):
    """The half-hourly series averaged here, against the daily table that came with them (rounded to 1e-4)."""
    folder = real_data / "pali_naqu"
    ds = insitu.read_table(folder / "pali_sm_10cm_30min_9stations.csv", depth_m=0.10)
    mine = insitu.daily_means(ds, min_hours=24)["soil_moisture"].to_pandas()
    published = pd.read_csv(
        folder / "pali_sm_10cm_daily_9stations.csv", parse_dates=["time"], index_col="time"
    )
    # On days with single half hours missing, averaging within hours first differs on purpose.
    whole = ds["soil_moisture"].to_pandas().resample("D").count().eq(48)
    both = mine.notna() & published.reindex(mine.index).notna() & whole
    assert both.to_numpy().sum() > 900
    assert (mine - published)[both].abs().max().max() <= 0.5e-4 + 1e-12


@pytest.mark.realdata
def test_naqu_with_its_table_of_places(real_data):
    folder = real_data / "pali_naqu"
    ds = insitu.read_table(
        folder / "naqu_MS3603_5cm_30min.csv",
        columns={"MS3603": "MS3603_sm_5cm"},
        stations=folder / "Stations_information_NAQU_56.csv",
        depth_m=0.05,
    )
    assert ds.sizes == {"time": 18_624, "station": 1}
    assert float(ds.lon[0]) == pytest.approx(91.8, abs=0.01)
    with pytest.raises(InputError, match="plain numbers"):
        insitu.read_table(folder / "naqu_11stations_5cm_600steps_relative_time.csv", time="time_index")
