"""Values at the overpass, against pandas and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smgee import insitu
from smgee.errors import InputError, MissingDataError
from tests.insitu.test_daily import dataset

HOURS = pd.date_range("2021-05-01", periods=24 * 20, freq="h")


@pytest.mark.parametrize(("lon", "clock"), [(0.0, "06:00"), (100.0, "23:20"), (-105.0, "13:00")])
def test_solar_time_of_the_pass(lon, clock):
    at = insitu.overpass_times(["2021-05-03"], "AM", lon)
    assert f"{at[0]:%Y-%m-%d %H:%M}" == f"2021-05-03 {clock}"


@pytest.mark.parametrize("orbit", ["AM", "PM"])
@pytest.mark.parametrize("lon", [-98.7, 0.0, 99.8])
def test_means_agree_with_a_plain_selection(lon, orbit):
    values = np.random.default_rng(3).uniform(0.05, 0.5, (len(HOURS), 2))
    values[50:70, 1] = np.nan
    ds = dataset(HOURS, values, lon=lon)
    out = insitu.overpass_means(ds).sel(orbit=orbit)
    frame = ds["soil_moisture"].to_pandas()
    for day in out.time.values[1:-1]:
        at = insitu.overpass_times([day], orbit, lon)[0]
        # With hourly records each hour of the window holds one.
        window = frame[(frame.index >= at - pd.Timedelta("3h")) & (frame.index <= at + pd.Timedelta("3h"))]
        if len(window) == 7:  # both ends fall on a record: the last hour holds two, which count as one
            window = pd.concat([window[:5], window[5:].mean().to_frame().T])
        want = window.mean().where(window.count() >= 3)
        np.testing.assert_allclose(out["soil_moisture"].sel(time=day), want, rtol=1e-12)


def test_the_product_s_own_time_is_taken_where_it_is_known():
    ds = dataset(HOURS, np.arange(len(HOURS)) / 1000.0, lon=np.nan)
    with pytest.raises(InputError, match="longitude"):
        insitu.overpass_means(ds)
    dates = pd.date_range("2021-05-01", periods=20, freq="D")
    own = pd.DataFrame({"date": dates, "orbit": "AM", "time": dates + pd.Timedelta("10h")})
    out = insitu.overpass_means(ds, own, hours=1, orbits=["AM"])
    # 9:00, then 10:00 and 11:00 in the last hour.
    assert float(out["soil_moisture"].sel(orbit="AM", time="2021-05-02")[0]) == pytest.approx(
        (33 + 34.5) / 2000
    )
    some = insitu.overpass_means(ds.assign_coords(lon=("station", [0.0])), own[:5], orbits=["AM"])
    hour = pd.DatetimeIndex(some["overpass"].sel(orbit="AM")[:, 0].values).hour
    assert hour.tolist() == [10] * 5 + [6] * 15


def test_half_of_the_window_must_be_covered():
    values = np.full(len(HOURS), 0.2)
    values[np.isin(HOURS.hour, (3, 4, 5, 6))] = np.nan
    ds = dataset(HOURS, values, lon=0.0)
    assert np.isnan(insitu.overpass_means(ds, min_hours=3)["soil_moisture"].sel(orbit="AM")).all()
    assert insitu.overpass_means(ds, min_hours=2)["soil_moisture"].sel(orbit="AM").notnull().all()


def test_the_morning_differs_from_the_day():
    """A daily wave has its mean in the daily mean, and its trough at the morning pass."""
    wave = 0.2 - 0.02 * np.cos(2 * np.pi * (HOURS.hour + 100 / 15 - 6) / 24)
    ds = dataset(HOURS, wave, lon=100.0)
    out = insitu.overpass_means(ds)["soil_moisture"].isel(time=slice(1, -1), station=0).mean("time")
    assert float(out.sel(orbit="AM")) == pytest.approx(0.2 - 0.02, abs=0.003)
    assert float(out.sel(orbit="PM")) == pytest.approx(0.2 + 0.02, abs=0.003)


def test_daily_tables_have_no_overpass():
    days = pd.date_range("2021-05-01", periods=20, freq="D")
    with pytest.raises(MissingDataError, match="24 h apart"):
        insitu.overpass_means(dataset(days, np.full(20, 0.2), lon=0.0))


def test_it_goes_where_daily_means_go():
    ds = dataset(HOURS, np.random.default_rng(1).uniform(0.1, 0.3, (len(HOURS), 4)), lon=0.0)
    table = insitu.network_mean(insitu.overpass_means(ds).sel(orbit="PM"))
    assert (table["n_stations"] == 4).all()
    assert len(table) == 20
