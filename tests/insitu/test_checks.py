"""Quality control beyond flags: faults put into quiet series are found, and nothing else is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smgee import insitu
from smgee.errors import InputError
from smgee.insitu.settings import CHECKS
from tests.insitu.test_daily import dataset

HOURS = pd.date_range("2021-05-01", periods=24 * 30, freq="h")


def quiet(n: int = 1, times=HOURS, seed: int = 4) -> np.ndarray:
    """Slow dry-downs with a little noise, (time, n)."""
    noise = np.random.default_rng(seed).normal(0, 0.0004, (len(times), n))
    wave = 0.2 + 0.03 * np.cos(np.arange(len(times)) / len(times) * 20)
    return wave[:, None] + noise


def found(ds, check: str, **settings) -> list[int]:
    out, _ = insitu.check_records(ds, **settings)
    bit = 1 << CHECKS.index(check)
    return np.flatnonzero((out["quality"].values[:, 0] & bit) != 0).tolist()


def test_a_sound_series_passes():
    _, counts = insitu.check_records(dataset(HOURS, quiet(5)))
    assert counts[list(CHECKS)].to_numpy(int).sum() == 0
    assert (counts["tested"] == len(HOURS)).all()
    assert (counts["dropped"] == 0).all()


@pytest.mark.parametrize(("rows", "size"), [([300], 0.1), ([300], -0.1), ([300, 301], 0.08)])
def test_spikes_of_one_and_two_hours(rows, size):
    x = quiet()
    x[rows, 0] = x[rows[0], 0] + size
    assert found(dataset(HOURS, x), "spike") == rows
    step = x.copy()
    step[300:302, 0], step[302:, 0] = step[300, 0], step[302:, 0] + size  # a new level is no spike
    assert found(dataset(HOURS, step), "spike") == []


def test_a_denser_series_is_tested_minute_by_minute():
    times = pd.date_range("2021-05-01", periods=48 * 30, freq="30min")
    x = quiet(times=times)
    x[301, 0] += 0.1  # 6:30
    ds = dataset(times, x)
    assert found(ds, "spike") == [301]
    _, counts = insitu.check_records(ds)
    assert counts.loc[0, "tested"] == len(times)


def test_breaks_are_found_at_the_record_of_the_change():
    x = quiet()
    x[400:, 0] += 0.12
    x[600:, 0] -= 0.12
    ds = dataset(HOURS, x)
    assert found(ds, "jump") == [400]
    assert found(ds, "drop") == [600]


def test_the_last_digit_of_a_coarse_series_is_no_break():
    x = np.full((len(HOURS), 1), 0.07)
    x[400:, 0] = 0.06
    x[500:, 0] = 0.07
    ds = dataset(HOURS, x)
    assert found(ds, "drop") == found(ds, "jump") == found(ds, "low_plateau") == []


def test_plateaus():
    x = quiet()
    x[400:450, 0] = 0.02  # the probe has lost contact
    assert found(dataset(HOURS, x), "low_plateau") == list(range(400, 450))
    wet = quiet()
    wet[300:303, 0] += [0.1, 0.2, 0.25]
    wet[303:330, 0] = 0.5  # the probe cannot read more
    wet[330:340, 0] = np.linspace(0.45, wet[340, 0], 10)
    plateau = found(dataset(HOURS, wet), "high_plateau")
    assert set(range(305, 329)) <= set(plateau) <= set(range(301, 332))
    assert found(dataset(HOURS, quiet()), "high_plateau") == []


def test_range_and_porosity():
    x = quiet()
    x[[10, 20], 0] = [-0.01, 0.65]
    ds = dataset(HOURS, x).assign_coords(clay_fraction=("station", [20.0]), sand_fraction=("station", [40.0]))
    assert found(ds, "range") == [10, 20]
    assert found(ds, "saturation") == [20]
    # Saxton and Rawls (2006), table 3: a loam (40 % sand, 20 % clay, 2.5 % organic matter) saturates at 46 %.
    x[30, 0] = 0.47
    assert found(ds.assign(soil_moisture=(("time", "station"), x)), "saturation") == [20, 30]
    x[30, 0] = 0.45
    assert found(ds.assign(soil_moisture=(("time", "station"), x)), "saturation") == [20]


def test_a_step_counts_only_without_company():
    x = quiet(5)
    x[300:, 0] += 0.2 * np.exp(-np.arange(len(x) - 300) / 2)  # half is gone after 1.4 hours
    ds = dataset(HOURS, x)
    assert found(ds, "step") == [300, 301]
    x[305:, 3] += 0.03 * np.exp(-np.arange(len(x) - 305) / 100)  # it rained at another, too
    assert found(dataset(HOURS, x), "step") == []
    assert found(dataset(HOURS, x[:, :3]), "step") == []  # two others are no witnesses


def test_a_day_that_the_neighbours_do_not_know():
    x = quiet(6)
    x[:, 0] = 0.1 + 1.5 * x[:, 0]  # a level and a range of its own are no fault
    x[24 * 15 : 24 * 16, 0] += 0.08
    rows = found(dataset(HOURS, x), "neighbours", neighbour_days=15)
    assert rows == list(range(24 * 15, 24 * 16))


def test_only_what_the_rules_name_is_left_out():
    x = quiet()
    x[300, 0] += 0.1
    ds = dataset(HOURS, x)
    out, counts = insitu.check_records(ds, drop=())
    assert out["soil_moisture"].equals(ds["soil_moisture"])
    assert counts.loc[0, ["spike", "dropped"]].tolist() == [1, 0]
    out, counts = insitu.check_records(ds)  # spikes are left out unless the rules say otherwise
    assert np.flatnonzero(np.isnan(out["soil_moisture"].values[:, 0])).tolist() == [300]
    assert counts.loc[0, "dropped"] == 1
    _, counts = insitu.check_records(ds, checks=("range",), drop=())
    assert pd.isna(counts.loc[0, "spike"])
    with pytest.raises(InputError, match="spike"):
        insitu.check_records(ds, checks=("range",), drop=("spike",))


def test_a_sensor_that_is_stuck():
    x = quiet()
    x[100:341, 0] = 0.18  # 240 hours from the first to the last: ten days
    ds = dataset(HOURS, x)
    assert found(ds, "constant") == list(range(100, 341))
    assert found(ds, "constant", constant_days=11) == []
    out, counts = insitu.check_records(ds)
    assert counts.loc[0, ["constant", "dropped"]].tolist() == [241, 0]  # told, not left out
    assert out["soil_moisture"].equals(ds["soil_moisture"])
    _, counts = insitu.check_records(ds, drop=("constant",))
    assert counts.loc[0, "dropped"] == 241
    gap = x.copy()
    gap[210:220, 0] = np.nan  # less than a day without records
    assert len(found(dataset(HOURS, gap), "constant")) == 231
    gap[200:230, 0] = np.nan  # more than one: nobody knows what was in between
    assert found(dataset(HOURS, gap), "constant") == []


def test_the_stuck_sensors_of_a_real_network_are_told(real_data):
    ds = insitu.read_ismn(real_data / "txson" / "TxSON")
    out, counts = insitu.check_records(ds)
    stuck = counts.set_index("station")["constant"]
    assert set(stuck.index[stuck > 0]) == {"CR200-1", "CR200-10", "CR200-11"}
    assert stuck["CR200-1"] > 24 * 600  # at 0.180 for twenty months
    assert (
        out["soil_moisture"].notnull().sum() == ds["soil_moisture"].notnull().sum() - counts["dropped"].sum()
    )


def test_gaps_and_daily_series_are_not_tested_by_the_hour():
    days = pd.date_range("2021-05-01", periods=60, freq="D")
    _, counts = insitu.check_records(dataset(days, quiet(times=days)))
    assert counts.loc[0, "tested"] == 0
    x = quiet()
    x[::2, 0] = np.nan
    _, counts = insitu.check_records(dataset(HOURS, x))
    assert counts.loc[0, "tested"] == 0


def test_the_jump_in_a_real_series_is_found(real_data):
    ds = insitu.read_table(real_data / "pali_naqu" / "pali_sm_10cm_30min_9stations.csv")
    out, counts = insitu.check_records(ds)
    steps = counts.set_index("station")["step"]
    assert steps["PL19"] == 2
    assert steps.sum() == 2
    rows = (out["quality"].sel(station="PL19").values & (1 << CHECKS.index("step"))) != 0
    assert pd.Timestamp(out["time"].values[rows][0]) == pd.Timestamp("2021-08-31 15:30")
    assert float(ds["soil_moisture"].sel(station="PL19").values[rows].max()) == pytest.approx(0.571)


def test_real_networks_lose_little(real_data):
    for path in ("txson/TxSON", "iron"):
        _, counts = insitu.check_records(
            insitu.read_ismn(real_data / path), drop=("range", "spike", "low_plateau")
        )
        # These archives have been through the same tests at their publisher: what is left passes.
        assert counts["dropped"].sum() <= 1e-4 * counts["records"].sum()
