"""The water balance: closure, bounds, the laws of frozen soil, and what is stored."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smgee.errors import InputError
from smgee.twin import Basin
from smgee.twin.hydrology import liquid_water, soil_temperature
from smgee.twin.land import phenology_table, saturated_water
from smgee.twin.store import RowStore, pack12, unpack12
from smgee.twin.weather import MONTHLY_RAIN, WET_DAYS, build_weather, hourly_soil_temperature


def test_water_is_conserved_every_day(basin):
    b = basin.budget()
    stores = b[["surface", "root", "snow", "pool", "groundwater"]].sum(axis=1)
    gain = (b.precipitation - b.evaporation - b.streamflow).iloc[1:]
    np.testing.assert_allclose(stores.diff().iloc[1:], gain, atol=2e-3)  # mm, single-precision stores
    assert abs(stores.iloc[-1] - stores.iloc[0] - gain.sum()) < 0.02


def test_year_looks_like_the_climate(basin):
    year = basin.budget().loc["2021"]
    assert 250 < year.precipitation.sum() < 700
    # A dry year evaporates some of what the soil held before.
    assert 0.4 < year.evaporation.sum() / year.precipitation.sum() < 1.15
    assert (year[["precipitation", "evaporation", "streamflow"]] >= 0).all().all()
    rain = [build_weather(s, 2021, 37.4).rain.mean((1, 2))[92:].sum() for s in range(30)]
    assert np.mean(rain) == pytest.approx(sum(MONTHLY_RAIN), rel=0.10)


def test_rain_at_a_place_is_that_of_the_climate():
    drawn = [build_weather(s, y, 37.4) for s in range(8) for y in (2019, 2020, 2021)]
    month = np.array([d.month - 1 for d in drawn[0].days[92:]])[:365]
    rain = np.stack([w.rain[92:457, ::4, ::4] for w in drawn])
    for k in range(4, 9):
        there = rain[:, month == k]
        assert there.mean() * 30.4 == pytest.approx(MONTHLY_RAIN[k], rel=0.25)
        assert (there > 0.1).mean() == pytest.approx(WET_DAYS[k], abs=0.12)
    year = rain.sum(axis=1)[:, 1, 1]
    assert 0.1 < year.std() / year.mean() < 0.35  # from year to year


def test_summer_storms_wet_a_part_of_the_basin_and_come_in_spells():
    drawn = [build_weather(s, 2021, 37.4) for s in range(10)]
    summer = np.stack([w.rain[w.index(date(2021, 6, 1)) : w.index(date(2021, 9, 1))] for w in drawn])
    some = summer[(summer > 0.1).any(axis=(2, 3))]
    partly = ((some > 0.1).mean(axis=(1, 2)) < 0.7).mean()
    assert partly > 0.3
    flat = summer.reshape(-1, *summer.shape[2:])
    near = np.corrcoef(flat[:, 5, 5], flat[:, 5, 6])[0, 1]
    far = np.corrcoef(flat[:, 0, 0], flat[:, 11, 11])[0, 1]
    assert near > far + 0.3
    wet = (summer.mean(axis=(2, 3)) > 1).astype(float)
    after = np.corrcoef(wet[:, :-3].ravel(), wet[:, 3:].ravel())[0, 1]
    assert after > 0.04  # three days on, a wet spell is still felt


def test_moisture_stays_between_zero_and_porosity(basin):
    porosity = np.where(basin.land(), basin.static["layers"][..., 3], np.nan)
    for day in ("2021-02-10", "2021-05-20", "2021-07-15", "2021-08-30", "2021-11-20"):
        theta = basin.truth(day)
        assert np.nanmin(theta) > 0
        assert np.nanmax(theta - porosity) < 0.002
        assert np.isnan(theta[~basin.land()]).all()
    assert np.nanmean(basin.truth("2021-01-15")) < 0.08 < 0.15 < np.nanmean(basin.truth("2021-07-15"))


def test_hollows_are_wetter_than_ridges(basin):
    theta, wetness = basin.truth("2021-07-20"), basin.static["soil"][3]
    land = basin.land()
    low, high = np.quantile(wetness[land], [0.1, 0.9])
    assert np.nanmean(theta[land & (wetness > high)]) > np.nanmean(theta[land & (wetness < low)]) + 0.02


def test_rain_wets_the_soil_and_dry_days_dry_it(basin):
    means = basin.cell_means().groupby("day").total_water.mean().loc["2021-06-01":"2021-09-20"]
    rain = pd.Series(basin.weather.rain.mean((1, 2)), index=pd.DatetimeIndex(basin.weather.days)).loc[
        means.index
    ]
    change = means.diff().dropna()
    assert change[rain[change.index] > 8].mean() > 0.005
    # The daily value is the mean over the day, so the day after rain still rises; take the second dry day on.
    dry = (rain == 0) & (rain.shift(1) == 0)
    assert change[dry[change.index]].mean() < 0


def test_hours_make_the_day(basin):
    hours = [basin.truth_hour(datetime(2021, 7, 15, h)) for h in range(24)]
    np.testing.assert_allclose(np.mean(hours, axis=0), basin.truth("2021-07-15"), atol=1e-5)
    last, first = basin.truth_hour(datetime(2021, 7, 15, 23)), basin.truth_hour(datetime(2021, 7, 16, 0))
    assert np.nanmax(np.abs(first - last)) < 0.03
    frost = [basin.truth_hour(datetime(2021, 10, 28, h)) for h in (9, 21)]  # afternoon and night there
    assert np.nanmean(frost[0]) > np.nanmean(frost[1])


def test_cell_means_equal_the_mean_of_the_map(basin):
    means = basin.cell_means()
    for day in ("2021-06-10", "2021-08-08"):
        theta = basin.truth(day)
        for k, cell in enumerate(basin.cells):
            expected = float(np.nanmean(theta[basin.cell_index == k]))
            assert means.loc[(day, cell.name), "soil_moisture"] == pytest.approx(expected, abs=2e-5)


def test_unfrozen_period_is_that_of_the_region(basin):
    frozen = basin.cell_means().groupby("day").frozen.mean()
    thawed = frozen.index[
        frozen.rolling(9, center=True, min_periods=5).mean() < 0.5
    ]  # warm spells in November do not count
    assert pd.Timestamp("2021-04-01") < thawed[0] < pd.Timestamp("2021-05-25")
    assert pd.Timestamp("2021-09-25") < thawed[-1] < pd.Timestamp("2021-11-10")
    assert frozen.loc["2021-06-15":"2021-09-01"].max() == 0
    assert frozen.loc["2021-12-01":].min() == 1


@given(st.floats(0.0, 0.6), st.floats(-30, 30), st.floats(0.03, 0.15))
def test_liquid_water_never_exceeds_the_total(total, temperature, adsorbed):
    liquid = liquid_water(np.float32(total), np.float32(temperature), np.float32(adsorbed))
    assert 0 <= liquid <= np.float32(total)
    if temperature >= 0:
        assert liquid == np.float32(total)


@given(st.floats(-30, 30), st.floats(0, 5))
def test_soil_temperature_keeps_its_sign_and_order(flat, step):
    a, b = (
        soil_temperature(np.float32(t), np.float32(0), np.float32(0), np.float32(0), np.float32(0))
        for t in (flat, flat + step)
    )
    assert b >= a
    assert np.sign(a) == np.sign(np.float32(flat)) or a == 0
    assert abs(a) <= abs(np.float32(flat))


def test_texture_orders_the_water_contents():
    sand, clay = np.array([0.1, 0.5, 0.9]), np.array([0.5, 0.2, 0.05])
    porosity, capacity, wilting = saturated_water(sand, clay, np.zeros(3))
    assert (porosity > capacity).all()
    assert (capacity > wilting).all()
    assert (np.diff(capacity) < 0).all(), "sand holds less water than clay"
    # Cosby et al. 1984: a soil of 50 % sand and 20 % clay.
    assert porosity[1] == pytest.approx(0.489 - 0.063)


def test_phenology_peaks_in_summer_and_later_higher_up():
    table = phenology_table(np.arange(1, 366))
    assert 185 < table[:, 4].argmax() + 1 < 225
    assert table[10].max() < 1e-3
    assert table[150, 0] > table[150, 30]
    assert (table[[1, 364]] < 0.01).all()


def test_hourly_temperature_keeps_the_daily_mean():
    mean = np.array([3.0, -2.0])
    hourly = hourly_soil_temperature(mean, np.array([4.0, 1.0]), 100.0)
    np.testing.assert_allclose(hourly.mean(1), mean, atol=1e-12)
    # 16 h local solar time at 100° E is 9:20 UTC.
    assert hourly[0].argmax() == 9


@given(st.lists(st.integers(0, 4095), min_size=2, max_size=40).filter(lambda v: len(v) % 2 == 0))
def test_packing_is_lossless(values):
    row = np.array(values, np.int32)
    packed = np.empty(len(values) // 2 * 3, np.uint8)
    pack12(row, packed)
    assert [unpack12(packed, i) for i in range(len(values))] == values


def test_row_store_reads_any_rows(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (3, 5, 12), np.uint8)
    frames.tofile(tmp_path / "w.bin")
    store = RowStore(tmp_path / "w.bin", 5, 8)
    np.testing.assert_array_equal(store.rows(2, 1, 3), frames[2, 1:4])


def test_same_seed_same_truth_other_seed_other_truth(basin, tmp_path):
    again = Basin(seed=0, cache=tmp_path / "a", extent="M09")
    np.testing.assert_array_equal(again.truth("2021-08-01"), basin.truth("2021-08-01"))
    np.testing.assert_array_equal(again.stations, basin.stations)
    other = Basin(seed=1, cache=tmp_path / "b", extent="M09")
    assert not np.array_equal(other.elevation(), basin.elevation())
    assert not np.array_equal(other.weather.air, basin.weather.air)


def test_bad_requests_are_refused(basin):
    with pytest.raises(InputError, match="outside the twin's year"):
        basin.truth("2020-07-01")
    with pytest.raises(InputError, match="YYYY-MM-DD"):
        basin.truth("July")
    with pytest.raises(InputError, match="M36"):
        Basin(extent="M25")
    assert basin.day(date(2021, 2, 1)) == 31
