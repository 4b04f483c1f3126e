"""The seasonal cycle and the anomalies of a series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smgee.errors import InputError
from smgee.metrics import seasonal_cycle


def by_hand(values: np.ndarray, time: pd.DatetimeIndex, window: float, least: int) -> np.ndarray:
    out = np.full(len(values), np.nan)
    for i, when in enumerate(time):
        near = np.abs((time - when) / pd.Timedelta("1D")) <= window / 2
        held = values[near & np.isfinite(values)]
        if np.isfinite(values[i]) and len(held) >= least:
            out[i] = held.mean()
    return out


def test_it_is_the_mean_of_the_window():
    rng = np.random.default_rng(0)
    time = pd.DatetimeIndex(np.sort(rng.choice(pd.date_range("2020-04-01", "2021-11-01", freq="6h"), 400)))
    values = rng.normal(0.2, 0.05, 400)
    values[rng.random(400) < 0.2] = np.nan
    for window, least in ((35.0, 5), (10.0, 3)):
        found = seasonal_cycle(values, time, window=window, least=least)
        np.testing.assert_allclose(found, by_hand(values, time, window, least), atol=1e-12)


def test_a_slow_cycle_stays_and_fast_weather_goes():
    time = pd.date_range("2021-05-01", periods=160)
    slow = 0.25 + 0.1 * np.sin(np.arange(160) / 50)
    fast = 0.03 * np.sin(np.arange(160) * 2 * np.pi / 5)
    cycle = seasonal_cycle(slow + fast, time)
    inner = slice(20, -20)
    np.testing.assert_allclose(cycle[inner], slow[inner], atol=0.004)


def test_few_values_and_wrong_times_are_no_cycle():
    time = pd.date_range("2021-05-01", periods=4)
    assert np.isnan(seasonal_cycle(np.ones(4), time)).all()
    assert np.isnan(seasonal_cycle([], [])).all()
    with pytest.raises(InputError, match="go back"):
        seasonal_cycle(np.ones(4), time[::-1])
    with pytest.raises(InputError, match="give as many"):
        seasonal_cycle(np.ones(3), time)


@pytest.mark.realdata
def test_anomalies_of_real_stations_are_those_of_pytesmo(real_data: Path):
    anomaly = pytest.importorskip("pytesmo.time_series.anomaly")
    table = pd.read_csv(real_data / "txson" / "paired_10day.csv").query("Network == 'TxSON'")
    table = table.drop_duplicates(["Station", "StartDate"]).assign(
        date=lambda t: pd.to_datetime(t["StartDate"])
    )
    compared = 0
    for _, part in table.groupby("Station"):
        series = part.set_index("date")["sm"].sort_index()
        theirs = anomaly.calc_anomaly(series, window_size=75)
        ours = series - seasonal_cycle(series.to_numpy(), series.index, window=75, least=1)
        np.testing.assert_allclose(ours, theirs, atol=1e-10)
        compared += len(series)
    assert compared > 2000
