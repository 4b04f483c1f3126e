"""Trials of networks on the synthetic basin: stored, resumed, summed up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter

from smgee.errors import InputError
from smgee.experiment import power_curve, power_table, run_trials, sentences, summarize, trials
from smgee.experiment.summary import long_run
from smgee.experiment.upscaling import Places, upscale
from smgee.grid import PixelGrid, transformer
from smgee.report.experiment_figure import experiment_figure
from smgee.twin import Basin
from smgee.validation.pairs import PLAIN, UPSCALED


def test_trials_are_named_and_refused():
    found = trials(years=[2021, 2022], seeds=2, scenarios=["one", "valley"])
    assert len(found) == 8
    assert found == sorted(found)
    with pytest.raises(InputError, match="choose from stratified"):
        trials(years=[2021], seeds=1, scenarios=["forest"])
    with pytest.raises(InputError, match="seeds=0"):
        trials(years=[2021], seeds=0)


GRID = PixelGrid("EPSG:32647", (30.0, 0.0, 390000.0, 0.0, -30.0, 4160000.0), 480, 480)


def land(slope: float, *, seed: int = 3) -> tuple[Places, np.ndarray]:
    """Return places of two predictors, and soil moisture's lasting departure, which follows the first."""
    rng = np.random.default_rng(seed)
    layers = np.stack([gaussian_filter(rng.standard_normal(GRID.shape), 8.0) for _ in range(2)])
    layers = (layers / layers.std(axis=(1, 2), keepdims=True)).astype("f4")
    return Places(("wet", "idle"), layers, GRID, np.ones(GRID.shape, bool)), slope * layers[0]


def network(departure: np.ndarray, pixels: np.ndarray, *, days: int = 100) -> tuple[xr.Dataset, np.ndarray]:
    """Return daily means of stations at some pixels (row, column), and the state of the whole land."""
    rng = np.random.default_rng(5)
    state = 0.25 + 0.05 * np.sin(np.arange(days) / 8)
    values = state[:, None] + departure[tuple(pixels.T)] + rng.normal(0, 0.01, (days, len(pixels)))
    a, _, x, _, e, y = GRID.transform
    lon, lat = transformer(GRID.crs, "EPSG:4326").transform(
        x + a * (pixels[:, 1] + 0.5), y + e * (pixels[:, 0] + 0.5)
    )
    daily = xr.Dataset(
        {"soil_moisture": (("time", "station"), values)},
        coords={
            "time": pd.date_range("2021-05-15", periods=days),
            "station": [f"s{k:02d}" for k in range(len(pixels))],
            "lon": ("station", lon),
            "lat": ("station", lat),
        },
    )
    return daily, state + departure.mean()


def test_a_network_that_stands_too_wet_is_brought_down_towards_the_cell():
    places, departure = land(0.04)
    # pixels that are wetter than most, but not all alike: the usual fault of a network in valleys
    wet = np.argwhere(departure > -0.01)
    pixels = wet[np.random.default_rng(1).choice(len(wet), 30, replace=False)]
    daily, truth = network(departure, pixels)
    up = upscale(daily, places, seed=0)
    assert up is not None
    plain = daily["soil_moisture"].mean("station").values
    means = up.means("M36_r0079_c0749")
    assert list(means.columns) == ["date", "cell", "soil_moisture"]
    assert np.abs(plain - truth).mean() > 0.02
    assert np.abs(means["soil_moisture"] - truth).mean() < 0.9 * np.abs(plain - truth).mean()
    row, col = places.lattice
    days = [d.date() for d in pd.DatetimeIndex(up.days[::20])]
    true = (truth - departure.mean())[::20, None] + departure[row, col]
    judged = up.judged(true, days)
    assert judged["map_skill"] > 0.3
    assert judged["map_spatial_r"] > 0.7


def test_a_place_that_says_nothing_changes_nothing():
    places, departure = land(0.0)
    pixels = np.random.default_rng(2).integers(0, 480, (14, 2))
    daily, _ = network(departure, pixels)
    up = upscale(daily, places, seed=0)
    assert up is not None
    np.testing.assert_allclose(up.maps.mean(axis=1), daily["soil_moisture"].mean("station"), atol=3e-3)
    assert upscale(daily.isel(station=[0, 1, 2]), places, seed=0) is None


def test_stations_in_per_cent_are_refused_and_not_taken_for_nothing_to_learn():
    places, departure = land(0.04)
    daily, _ = network(departure, np.random.default_rng(2).integers(0, 480, (14, 2)), days=30)
    with pytest.raises(InputError, match="soil_moisture"):
        upscale(daily * 100, places, seed=0)


def test_predictors_unknown_at_all_stations_or_alike_leave_no_map():
    places, departure = land(0.04)
    daily, _ = network(departure, np.random.default_rng(2).integers(0, 480, (14, 2)), days=30)
    for nothing in (np.full_like(places.layers, np.nan), np.ones_like(places.layers)):
        assert upscale(daily, Places(places.names, nothing, GRID, places.inside), seed=0) is None


def test_pixels_of_the_maps_are_those_of_the_basin():
    basin = Basin(extent="M09")
    places, _ = land(0.0)
    row, col = places.lattice
    a, _, x, _, e, y = GRID.transform
    theirs = places.of_lattice(basin)
    b, _, left, _, f, top = basin.grid.transform
    np.testing.assert_allclose(left + b * (theirs[1] + 0.5), x + a * (col + 0.5), atol=15.1)
    np.testing.assert_allclose(top + f * (theirs[0] + 0.5), y + e * (row + 0.5), atol=15.1)


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
            for metric, true in (("r", 0.9), ("bias", -0.01), ("ubrmse", 0.03)):
                row |= {
                    f"verdict_{metric}_low": true - 0.001,
                    f"verdict_{metric}_high": true + 0.001 * (seed - 2.5),
                }
            row |= {"map_skill": 0.1 * seed, "map_spatial_r": 0.5}
            row |= {"deployed": "average" if seed > 1 else "network mean"}
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
    assert row["perfect_r"] == pytest.approx(0.2)
    assert (row["believed"], row["map_skill"]) == (0.75, pytest.approx(0.25))
    curve = power_curve(outcome())
    assert curve["trials"].tolist() == [1, 3]
    assert curve["gain"].tolist() == pytest.approx([-0.01, 0.01])
    assert curve["claimed_rmse"].tolist() == pytest.approx([1.0, 1 / 3])
    by = summary.set_index("reference")
    assert by.loc[UPSCALED, "better"] == 0.75
    assert np.isnan(by.loc[PLAIN, "better"])
    assert by.loc[PLAIN, "covered_r"] == 0.75
    assert "nearer to the truth in 75% of trials" in sentences(summary, power)[0]
    path = experiment_figure(summary, power, curve, tmp_path / "e.png")
    assert path.stat().st_size > 10_000


def test_the_long_run_holds_what_seasons_differ_by():
    """Seasons that each have a bias of their own have, together, the ubRMSE of all their passes."""
    rng = np.random.default_rng(0)
    errors = rng.normal(0, 0.03, (400, 50)) + rng.normal(0, 0.02, (400, 1))
    itself = {"scenario": "valley", "year": 2021, "seed": range(400), "orbit": "AM", "reference": "SMAP"}
    found = pd.DataFrame(itself | {"ubrmse": errors.std(axis=1), "bias": errors.mean(axis=1)})
    assert long_run(pd.concat([found, found]))["AM"] == pytest.approx(errors.std(), rel=1e-3)
    assert long_run(found[:1])["AM"] == pytest.approx(found["ubrmse"][0])


def test_a_trial_is_stored_and_not_done_again(tmp_path):
    wanted = trials(years=[2021], seeds=1, scenarios=["roadside"])
    first = run_trials(wanted, tmp_path)
    assert set(first["reference"]) >= {PLAIN, UPSCALED, "SMAP"}
    assert (first["stations"] == 5).all()
    plain = first[first["reference"] == PLAIN]
    assert plain["meets"].notna().all()
    assert (plain["verdict_ubrmse_low"] < plain["verdict_ubrmse_high"]).all()
    stored = list((tmp_path / "trials").glob("*.parquet"))
    assert len(stored) == 1
    before = stored[0].stat().st_mtime_ns
    pd.testing.assert_frame_equal(run_trials(wanted, tmp_path), first)
    assert stored[0].stat().st_mtime_ns == before
