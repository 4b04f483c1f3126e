"""Tables of gains and verdicts, cell by cell and orbit by orbit."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smgee.errors import InputError
from smgee.metrics import gain_tests, score
from smgee.validation import cell_station_means, gain_table, map_verdicts, standard_errors, verdict_table
from smgee.validation.claims import GAIN_COLUMNS, VERDICT_COLUMNS
from tests.validation.tables import CHILDREN, DAYS, PARENT, smap_table, stations, truth, zonal_table

FAST = {"simulations": 299}


def noisy(cells: list, size: float, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    tables = [
        pd.DataFrame(
            {
                "date": DAYS,
                "cell": c.name,
                "soil_moisture": truth(c) + rng.normal(0, size, len(DAYS)),
                "n_stations": 2,
            }
        )
        for c in cells
    ]
    return pd.concat(tables, ignore_index=True)


def test_a_better_reference_is_found():
    references = {"upscaled": zonal_table([PARENT]), "insitu_mean": noisy([PARENT], 0.04)}
    table = gain_table(smap_table([PARENT]), references, **FAST)
    assert tuple(table) == GAIN_COLUMNS
    assert len(table) == 2 * 3
    assert (table["p"] < 0.05).all()
    assert (table.query("metric == 'r'")["gain"] > 0).all()
    assert (table.query("metric == 'ubrmse'")["gain"] < 0).all()
    assert table.query("metric == 'r'")[["p_williams", "p_steiger"]].lt(0.05).all().all()
    assert table.query("metric != 'r'")["p_williams"].isna().all()
    satellite = smap_table([PARENT]).query("orbit == 'AM'")["soil_moisture"].to_numpy()
    plain = references["insitu_mean"]["soil_moisture"].to_numpy()[::2]
    one = gain_tests(truth(PARENT)[::2], plain, satellite, metrics=["r"], time=DAYS[::2].to_numpy())
    row = table.query("metric == 'r' and orbit == 'AM'").iloc[0]
    assert row["gain"] == pytest.approx(one[0].value)
    assert row["p"] == pytest.approx(one[0].p, abs=0.01)


def test_a_reference_as_good_is_seldom_found_better():
    """Of two that err by as much, apart from each other, over many seasons."""
    found = []
    for seed in range(40):
        equal = {"upscaled": noisy([PARENT], 0.02, seed), "insitu_mean": noisy([PARENT], 0.02, 1000 + seed)}
        table = gain_table(smap_table([PARENT]), equal, metrics=["r", "ubrmse"], **FAST)
        found.append((table["p"] <= 0.05).mean())
    assert np.mean(found) == pytest.approx(0.05, abs=0.04)


def test_false_alarms_are_told_where_asked_for():
    references = {"upscaled": zonal_table([PARENT]), "insitu_mean": noisy([PARENT], 0.03)}
    smap = smap_table([PARENT]).query("orbit == 'AM'")
    table = gain_table(smap, references, metrics=["r"], verify=True, **FAST).query("orbit == 'AM'")
    assert 0 < table["false_alarms"].iloc[0] <= 0.1
    assert gain_table(smap, references, metrics=["r"], **FAST)["false_alarms"].isna().all()


def test_rows_are_calibrated_on_cases_of_their_own():
    """Rows that share their draws share their luck: all of a run's rates lay at 2.5 % by the seed alone."""
    one = zonal_table([PARENT])
    references = dict.fromkeys(("upscaled", "a", "b", "c"), one) | {"insitu_mean": noisy([PARENT], 0.03)}
    smap = smap_table([PARENT]).query("orbit == 'AM'")
    table = gain_table(smap, references, metrics=["r"], verify=True, **FAST).query("orbit == 'AM'")
    assert np.ptp(table["p"]) < 0.05
    assert table["false_alarms"].nunique() > 1
    assert table["false_alarms"].mean() == pytest.approx(0.05, abs=0.03)


def test_without_the_baseline_there_is_nothing_to_gain():
    assert len(gain_table(smap_table([PARENT]), {"upscaled": zonal_table([PARENT])})) == 0


def scattered(count: int) -> xr.Dataset:
    """Return stations of the 36 km cell that err by 0.03 in time and 0.05 in level."""
    rng = np.random.default_rng(1)
    daily = stations(CHILDREN[:count], per_cell=1)
    own = 0.05 * rng.standard_normal(count) + 0.03 * rng.standard_normal((len(DAYS), count))
    daily["soil_moisture"] = daily["soil_moisture"] * 0 + truth(PARENT)[:, None] + own
    return daily


def test_verdicts_of_cells_with_stations():
    smap = smap_table([PARENT, *CHILDREN], offset=-0.02, noise=0.02)
    table = verdict_table(smap, scattered(9))
    assert tuple(table) == VERDICT_COLUMNS
    assert len(table) == 2 * 10
    large = table[table["grid"] == "M36"].iloc[0]
    assert large["stations"] == 9
    assert large["error_dynamics"] == pytest.approx(0.01, rel=0.3)
    own = smap.query("cell == @PARENT.name and orbit == 'AM'")["soil_moisture"].to_numpy()
    assert large["ubrmse"] > score("ubrmse", own, truth(PARENT)[::2])
    assert large["ubrmse_corrected"] == pytest.approx(score("ubrmse", own, truth(PARENT)[::2]), abs=0.002)
    assert large["ubrmse_perfect_gain"] < 0 < large["r_perfect_gain"]
    assert large["meets"] > 0.95
    small = table[table["grid"] == "M09"]
    assert small["meets"].isna().all()
    assert small["sentence"].str.contains("stations with values: 1, needed: 3").all()
    plain = cell_station_means(scattered(9), [PARENT], anomalies=True)
    mean = plain.set_index("date").loc[DAYS[::2], "soil_moisture"]
    assert large["bias"] == pytest.approx(np.mean(own - mean), abs=1e-9)


def test_a_map_that_is_the_mean_of_its_stations_is_judged_as_they_are():
    """The model gives every pixel the network's mean: without a station, the mean of the others."""
    network, smap = scattered(9), smap_table([PARENT], offset=-0.02, noise=0.02)
    by_stations = verdict_table(smap, network)
    values = network["soil_moisture"].transpose("time", "station").to_numpy()
    maps = pd.DataFrame({"date": DAYS, "cell": PARENT.name, "soil_moisture": values.mean(axis=1)})
    left_out = pd.concat(
        [
            maps.assign(station=f"S{k}", soil_moisture=np.delete(values, k, axis=1).mean(axis=1))
            for k in range(9)
        ]
    )
    by_maps = map_verdicts(smap, maps.assign(coverage=1.0), left_out)
    assert (by_maps["reference"] == "upscaled").all()
    numbers = by_stations.select_dtypes("number").columns
    np.testing.assert_allclose(by_maps[numbers], by_stations[numbers], rtol=1e-9)
    assert by_maps["sentence"].tolist() == by_stations["sentence"].tolist()
    assert map_verdicts(smap, maps, left_out.assign(cell="M36-0-0")).empty
    errors = standard_errors(left_out)
    spread = values.std(axis=1, ddof=1) / np.sqrt(9)  # of a mean, the jackknife is the textbook's error
    np.testing.assert_allclose(errors["standard_error"], spread)
    with pytest.raises(InputError, match="two or more"):
        standard_errors(left_out[left_out["station"] == "S0"])


def test_verdicts_without_stations_in_any_cell():
    assert len(verdict_table(smap_table(CHILDREN[12:13]), scattered(3))) == 0
    assert math.isnan(verdict_table(smap_table([PARENT]).iloc[:10], scattered(5))["meets"].iloc[1])
