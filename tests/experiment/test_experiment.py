"""Trials of networks on the synthetic basin: stored, resumed, summed up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smgee.errors import InputError
from smgee.experiment import power_table, run_trials, sentences, summarize, trials
from smgee.experiment.upscaling import upscaled_means
from smgee.report.experiment_figure import experiment_figure
from smgee.validation.pairs import PLAIN, UPSCALED


def test_trials_are_named_and_refused():
    found = trials(years=[2021, 2022], seeds=2, scenarios=["one", "valley"])
    assert len(found) == 8
    assert found == sorted(found)
    with pytest.raises(InputError, match="choose from stratified"):
        trials(years=[2021], seeds=1, scenarios=["forest"])
    with pytest.raises(InputError, match="seeds=0"):
        trials(years=[2021], seeds=0)


def stations(count: int, slope: float) -> tuple:
    """Return stations at the overpass whose level rises with their place, in a cell whose place is 0."""
    import xarray as xr

    rng = np.random.default_rng(3)
    place = rng.normal(1.0, 1.0, (count, 2))
    state = 0.25 + 0.05 * np.sin(np.arange(120) / 8)
    values = state[:, None] + slope * place[:, 0] + rng.normal(0, 0.003, (120, count))
    at = xr.Dataset(
        {"soil_moisture": (("orbit", "time", "station"), values[None])},
        coords={
            "orbit": ["AM"],
            "time": pd.date_range("2021-05-15", periods=120),
            "station": np.arange(count),
        },
    )
    return at, place, state


def test_a_network_that_stands_too_high_is_brought_down_to_the_cell():
    at, place, state = stations(14, 0.03)
    mean, spread = np.zeros(2), np.ones(2)
    up = upscaled_means(at, place, mean, spread, cell="M36_r0079_c0749")
    plain = at["soil_moisture"].mean("station").values[0]
    assert abs(np.mean(plain - state)) > 0.02
    assert abs(np.mean(up["soil_moisture"] - state)) < 0.006


def test_a_place_that_says_nothing_changes_nothing():
    at, place, _ = stations(14, 0.0)
    up = upscaled_means(at, place, np.zeros(2), np.ones(2), cell="c")
    np.testing.assert_allclose(up["soil_moisture"], at["soil_moisture"].mean("station").values[0], atol=2e-3)
    assert upscaled_means(at.isel(station=[0, 1]), place[:2], np.zeros(2), np.ones(2), cell="c") is None


def outcome() -> pd.DataFrame:
    """Return made-up trials: upscaling helps in three of four, and the test says so in two, once wrongly."""
    rows = []
    for seed, (up, p) in enumerate([(0.01, 0.01), (0.01, 0.4), (0.01, 0.2), (0.03, 0.02)], start=1):
        place = {"scenario": "valley", "year": 2021, "seed": seed, "orbit": "AM", "n": 50, "stations": 10}
        for reference, rmse in ((PLAIN, 0.02), (UPSCALED, up), ("SMAP", 0.05)):
            row = place | {"reference": reference, "r": 0.9, "bias": -0.01, "rmse": rmse, "ubrmse": 0.03}
            row |= {f"smap_{m}{end}": 0.7 for m in ("r", "bias", "ubrmse") for end in ("", "_true")}
            row |= {f"smap_{m}_held": float(seed > 1) for m in ("r", "bias", "ubrmse")}
            row |= {"gain_r": 0.01, "p_r": 0.5, "power_r": 0.1, "gain_rmse": -0.001, "p_rmse": p}
            row |= {f"verdict_{m}_held": float(seed > 2) for m in ("r", "bias", "ubrmse")}
            rows.append(row | {"meets": 0.8 if reference == PLAIN else np.nan})
    return pd.DataFrame(rows)


def test_shares_are_counted(tmp_path):
    summary, power = summarize(outcome()), power_table(outcome())
    row = power.iloc[0]
    assert (row["helps"], row["claimed_rmse"], row["claimed_r"], row["claimed_rightly"]) == (
        0.75,
        0.5,
        0.0,
        0.5,
    )
    assert (row["met"], row["meets"]) == (1.0, 0.8)
    assert row["held_bias"] == 0.5
    assert row["brier"] == pytest.approx(0.04)
    assert row["perfect_r"] == pytest.approx(0.2)
    by = summary.set_index("reference")
    assert by.loc[UPSCALED, "better"] == 0.75
    assert np.isnan(by.loc[PLAIN, "better"])
    assert by.loc[PLAIN, "covered_r"] == 0.75
    assert "nearer to the truth in 75% of trials" in sentences(summary, power)[0]
    path = experiment_figure(summary, power, tmp_path / "e.png")
    assert path.stat().st_size > 10_000


def test_a_trial_is_stored_and_not_done_again(tmp_path):
    wanted = trials(years=[2021], seeds=1, scenarios=["roadside"])
    first = run_trials(wanted, tmp_path)
    assert set(first["reference"]) >= {PLAIN, UPSCALED, "SMAP"}
    assert (first["stations"] == 5).all()
    plain = first[first["reference"] == PLAIN]
    assert plain["meets"].notna().all()
    assert set(plain["verdict_bias_held"]) <= {0.0, 1.0}
    stored = list((tmp_path / "trials").glob("*.parquet"))
    assert len(stored) == 1
    before = stored[0].stat().st_mtime_ns
    pd.testing.assert_frame_equal(run_trials(wanted, tmp_path), first)
    assert stored[0].stat().st_mtime_ns == before
