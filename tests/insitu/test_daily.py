"""Daily means, unfrozen periods and the network tables, against pandas and by hand."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from smgee import insitu
from smgee.errors import InputError, MissingDataError
from smgee.insitu.quality import flag_mask


def dataset(times, moisture, *, temperature=None, lon=100.0, lat=37.0, flags=None) -> xr.Dataset:
    moisture = np.asarray(moisture, float).reshape(len(times), -1)
    names = [f"S{i}" for i in range(moisture.shape[1])]
    variables = {"soil_moisture": (("time", "station"), moisture, {"units": "m3 m-3"})}
    variables["flags"] = (
        ("time", "station"),
        np.full(moisture.shape, 1, np.uint16) if flags is None else flags,
    )
    if temperature is not None:
        variables["soil_temperature"] = (
            ("time", "station"),
            np.asarray(temperature, float).reshape(moisture.shape),
            {"units": "degC"},
        )
    at = {"lon": ("station", np.full(len(names), lon)), "lat": ("station", np.full(len(names), lat))}
    return xr.Dataset(variables, coords={"time": times, "station": names, **at})


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["10min", "30min", "1h"]), st.integers(1, 24))
def test_means_agree_with_pandas(seed, step, min_hours):
    rng = np.random.default_rng(seed)
    times = pd.date_range("2021-05-01 03:00", periods=400, freq=step)
    values = rng.uniform(0.05, 0.5, (400, 2))
    values[rng.random((400, 2)) < 0.4] = np.nan
    out = insitu.daily_means(dataset(times, values), min_hours)["soil_moisture"].to_pandas()
    hourly = pd.DataFrame(values, index=times, columns=["S0", "S1"]).resample("h").mean()
    days = hourly.resample("D")
    want = days.mean().where(days.count() >= min_hours)
    np.testing.assert_allclose(out.to_numpy(float), want.to_numpy(float), rtol=1e-12)
    covered = insitu.daily_means(dataset(times, values), min_hours)["hours"].to_pandas()
    np.testing.assert_array_equal(covered.to_numpy(float), days.count().to_numpy(float))


def test_a_burst_of_records_does_not_outweigh_the_day():
    times = pd.date_range("2021-05-01", periods=24, freq="h").union(
        pd.date_range("2021-05-01 12:01", periods=50, freq="min")
    )
    values = np.where((times.hour == 12), 0.5, 0.1)
    mean = float(insitu.daily_means(dataset(times, values))["soil_moisture"][0, 0])
    assert mean == pytest.approx((23 * 0.1 + 0.5) / 24, rel=1e-12)


@pytest.mark.parametrize(
    ("step", "min_hours", "given"), [("3h", 18, True), ("12h", 18, True), ("24h", 24, True), ("3h", 24, True)]
)
def test_longer_steps_stand_for_their_step(step, min_hours, given):
    times = pd.date_range("2021-05-01", "2021-05-04 23:00", freq=step)
    out = insitu.daily_means(dataset(times, np.full(len(times), 0.2)), min_hours)
    assert bool(out["soil_moisture"].notnull().all()) is given
    assert out.sizes["time"] == 4


def test_solar_days():
    times = pd.date_range("2021-05-01", periods=72, freq="h")
    ds = dataset(times, np.arange(72) / 100.0, lon=105.0)  # seven hours ahead
    out = insitu.daily_means(ds, 24, day="solar")["soil_moisture"].to_pandas()["S0"].dropna()
    # The first whole solar day begins at 17:00 UTC of 1 May.
    assert list(out.index) == [pd.Timestamp("2021-05-02"), pd.Timestamp("2021-05-03")]
    assert out.iloc[0] == pytest.approx(np.arange(17, 41).mean() / 100)
    with pytest.raises(InputError, match="longitude"):
        insitu.daily_means(dataset(times, np.zeros(72), lon=np.nan), day="solar")


def test_options_are_checked():
    ds = dataset(pd.date_range("2021-05-01", periods=24, freq="h"), np.zeros(24))
    with pytest.raises(InputError, match="min_hours"):
        insitu.daily_means(ds, 25)
    with pytest.raises(InputError, match="day"):
        insitu.daily_means(ds, day="local")


LOWEST = {"statistic": "min", "hysteresis": 0, "min_run_days": 1}
"""The strictest rule: the lowest hour of every single day."""


def _year(thaw: str, freeze: str, year: int = 2021, n: int = 5) -> xr.Dataset:
    """Hourly soil temperature at n stations, frozen at night outside thaw…freeze (inclusive)."""
    times = pd.date_range(f"{year}-01-01", f"{year}-12-31 23:00", freq="h")
    warm = (times.normalize() >= f"{year}-{thaw}") & (times.normalize() <= f"{year}-{freeze}")
    temperature = np.where(warm, 8.0, 2.0) - np.where(times.hour == 5, 4.0, 0.0)
    return dataset(
        times, np.full((len(times), n), 0.2), temperature=np.repeat(temperature[:, None], n, axis=1)
    )


def test_unfrozen_period_is_found_to_the_day():
    table = insitu.unfrozen_periods(_year("05-08", "10-13"), **LOWEST)
    assert table.loc[0, ["year", "start", "end", "days", "start_observed", "end_observed"]].tolist() == [
        2021,
        dt.date(2021, 5, 8),
        dt.date(2021, 10, 13),
        159,
        True,
        True,
    ]
    # By the daily mean the soil is never frozen: the whole year, its ends not observed.
    mean = insitu.unfrozen_periods(_year("05-08", "10-13"))
    assert mean.loc[0, "days"] == 365
    assert not mean.loc[0, "start_observed"]


def test_share_of_stations_and_gaps():
    ds = _year("05-08", "10-13")
    ds["soil_temperature"][:, 0] = -1.0  # one broken probe of five
    assert insitu.unfrozen_periods(ds, share=0.8, **LOWEST).loc[0, "days"] == 159
    with pytest.raises(MissingDataError, match="No day"):
        insitu.unfrozen_periods(ds, share=1.0, **LOWEST)
    ds = _year("05-08", "10-13")
    ds["soil_temperature"].loc[{"time": slice("2021-07-01", "2021-07-03")}] = np.nan
    assert insitu.unfrozen_periods(ds, max_gap_days=3, **LOWEST).loc[0, "days"] == 159
    assert insitu.unfrozen_periods(ds, max_gap_days=2, **LOWEST).loc[0, "start"] == dt.date(2021, 7, 4)
    ds = _year("05-08", "10-13")
    ds["soil_temperature"].loc[{"time": "2021-05-20T05"}] = -0.5  # a night frost after the thaw
    assert insitu.unfrozen_periods(ds, **LOWEST).loc[0, "start"] == dt.date(2021, 5, 21)


def test_southern_year_runs_from_july():
    times = pd.date_range("2020-07-01", "2021-06-30 23:00", freq="h")
    warm = (times >= "2020-10-01") & (times < "2021-04-01")
    ds = dataset(times, np.full(len(times), 0.2), temperature=np.where(warm, 5.0, -1.0), lat=-40.0)
    table = insitu.unfrozen_periods(ds)
    assert table.loc[0, ["year", "start", "end"]].tolist() == [
        2020,
        dt.date(2020, 10, 1),
        dt.date(2021, 3, 31),
    ]


def test_without_temperature_it_says_so_and_offers_ways():
    ds = dataset(pd.date_range("2021-01-01", "2021-12-31 23:00", freq="h"), np.full(8760, 0.2))
    with pytest.raises(MissingDataError, match=r"no soil temperature.*flags.*season"):
        insitu.unfrozen_periods(ds)
    with pytest.raises(MissingDataError, match=r"no soil temperature.*season"):
        insitu.unfrozen_periods(ds, method="soil_temperature")
    with pytest.raises(MissingDataError, match="never frozen or never checked"):
        insitu.unfrozen_periods(ds, method="flags")
    table = insitu.unfrozen_periods(ds, method="calendar", season=("05-08", "10-13"))
    assert table.loc[0, "days"] == 159
    assert "calendar" in table.loc[0, "source"]
    with pytest.raises(InputError, match="season"):
        insitu.unfrozen_periods(ds, method="calendar", season=("May", "October"))
    flags = np.where(
        (ds.time.dt.month < 5) | (ds.time.dt.month > 9), flag_mask(["D03"]), flag_mask(["G"])
    ).astype(np.uint16)[:, None]
    flagged = ds.assign(flags=(("time", "station"), flags))
    table = insitu.unfrozen_periods(flagged, method="flags")
    assert table.loc[0, ["start", "end"]].tolist() == [dt.date(2021, 5, 1), dt.date(2021, 9, 30)]
    pd.testing.assert_frame_equal(insitu.unfrozen_periods(flagged), table)  # without being asked to
    # Days by the sun: 100° E is 6 h 40 min ahead, so the first unfrozen hour is 06:40 of 1 May there.
    solar = insitu.unfrozen_periods(flagged, day="solar")
    assert solar.loc[0, ["start", "end"]].tolist() == [dt.date(2021, 5, 1), dt.date(2021, 9, 30)]


def test_hours_of_the_day_count_for_temperature_too():
    ds = _year("05-08", "10-13")
    ds = ds.where(ds.time.dt.hour < 12)  # probes that measure half of the day
    with pytest.raises(MissingDataError, match="18 hours"):
        insitu.unfrozen_periods(ds)
    assert insitu.unfrozen_periods(ds, min_hours=12, **LOWEST).loc[0, "days"] == 159


def test_hysteresis_holds_a_station_that_hovers_at_zero():
    times = pd.date_range("2021-01-01", periods=200, freq="D")
    warm = np.full(200, -3.0)
    warm[50:60] = [0.1, -0.1, 0.2, -0.2, 0.1, -0.1, 0.2, 0.1, -0.1, 0.2]  # ice melts
    warm[60:150] = 5.0
    warm[150:160] = 0.1, -0.1, 0.2, -0.2, 0.1, -0.1, 0.2, 0.1, -0.1, 0.2  # and forms
    ds = dataset(times, np.full(200, 0.2), temperature=warm)
    plain = insitu.unfrozen_periods(ds, hysteresis=0, min_run_days=1).loc[0]
    held = insitu.unfrozen_periods(ds).loc[0]
    assert (plain["start"], plain["end"]) == (times[59].date(), times[150].date())
    assert (held["start"], held["end"]) == (times[60].date(), times[159].date())
    assert "hysteresis 1 degC" in held["source"]


def test_short_spells_neither_break_nor_make_a_season():
    times = pd.date_range("2021-01-01", periods=200, freq="D")
    warm = np.full(200, -3.0)
    warm[20:23] = 2.0  # three days in January
    warm[60:150] = 5.0
    warm[100:103] = -1.0  # a cold spell
    ds = dataset(times, np.full(200, 0.2), temperature=warm)
    table = insitu.unfrozen_periods(ds, min_run_days=5)
    assert table.loc[0, ["start", "end", "days"]].tolist() == [times[60].date(), times[149].date(), 90]
    assert insitu.unfrozen_periods(ds, min_run_days=1).loc[0, "days"] == 47  # the longer side of the spell
    assert insitu.unfrozen_periods(ds, min_run_days=3).loc[0, "days"] == 47
    with pytest.raises(MissingDataError, match="No day"):
        insitu.unfrozen_periods(ds.isel(time=slice(0, 50)), min_run_days=5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"share": 0}, "share"),
        ({"statistic": "lowest"}, "statistic.*'lowest'"),
        ({"method": "calendar"}, "needs a season"),
        ({"season": ("02-29", "09-01")}, "02-29"),
        ({"method": "flags", "season": ("05-01", "09-01")}, "leave out one"),
        ({"shares": 0.5}, "shares"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused(settings, words):
    with pytest.raises(InputError, match=words):
        insitu.unfrozen_periods(_year("05-08", "10-13"), **settings)


def test_kelvin_are_noticed():
    ds = _year("05-08", "10-13")
    ds["soil_temperature"] = ds["soil_temperature"] + 273.15
    with pytest.raises(InputError, match="kelvin"):
        insitu.unfrozen_periods(ds)


def test_summary_counts():
    times = pd.date_range("2021-05-01", periods=48, freq="h")
    values = np.full((48, 2), 0.2)
    values[10:20, 1] = np.nan
    flags = np.where(np.isfinite(values), flag_mask(["G"]), flag_mask(["D06"])).astype(np.uint16)
    table = insitu.summary(dataset(times, values, flags=flags)).set_index("station")
    assert table.loc["S1", "accepted"] == 38
    assert table.loc["S1", "records"] == 48
    assert table.loc["S1", "flags"] == "G:38 D06:10"
    assert table.loc["S1", "longest_gap_days"] == pytest.approx(11 / 24)
    assert table.loc["S0", "std"] == pytest.approx(0, abs=1e-15)


def test_network_mean_and_spread():
    times = pd.date_range("2021-05-01", periods=3, freq="D")
    values = [[0.1, 0.2, 0.3], [0.1, np.nan, 0.3], [np.nan, np.nan, 0.3]]
    daily = insitu.daily_means(dataset(times, values))
    table = insitu.network_mean(daily, min_stations=2)
    np.testing.assert_allclose(table["soil_moisture"], [0.2, 0.2])
    np.testing.assert_array_equal(table["n_stations"], [3, 2])
    np.testing.assert_allclose(table["std"], [0.1, np.sqrt(0.02)])
    spread = insitu.heterogeneity(daily, min_stations=3)
    # t(0.975, 2) = 4.3027 from the tables: (4.3027 * 0.1 / 0.04)² = 115.7
    assert spread.loc[0, "needed_stations"] == 116
    assert spread.loc[0, "cv"] == pytest.approx(0.5)
    with pytest.raises(InputError, match="S9"):
        insitu.network_mean(daily, stations=["S9"])


def test_representativeness_finds_the_station_that_follows_the_mean():
    rng = np.random.default_rng(2)
    times = pd.date_range("2021-05-01", periods=200, freq="D")
    common = 0.25 + 0.05 * np.sin(np.arange(200) / 15)
    values = np.column_stack([common, common + 0.05, common - 0.05, common + rng.normal(0, 0.05, 200)]).clip(
        0.01, 0.9
    )
    table = insitu.representativeness(insitu.daily_means(dataset(times, values)))
    assert table.loc[0, "station"] == "S0"
    s1 = table.set_index("station").loc["S1"]
    others = values[:, [0, 2, 3]].mean(axis=1)
    assert s1["mrd"] == pytest.approx(((values[:, 1] - others) / others).mean())
    assert s1["bias"] == pytest.approx((values[:, 1] - others).mean())
