"""Heterogeneity of a network: against fields of known structure, and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smgee import insitu
from smgee.errors import MissingDataError
from tests.insitu.test_daily import dataset

DAYS = pd.date_range("2021-05-01", periods=80, freq="D")


def network(n=60, *, length_km=10.0, level_sd=0.05, move_sd=0.02, seed=0, size_deg=0.3):
    """Stations with white levels and exponentially correlated dynamics (practical range `length_km`)."""
    rng = np.random.default_rng(seed)
    lon, lat = 100 + rng.random(n) * size_deg, 37 + rng.random(n) * size_deg
    x, y = lon * 111.195 * np.cos(np.radians(37.15)), lat * 111.195
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    root = np.linalg.cholesky(np.exp(-3 * distance / length_km) + 1e-9 * np.eye(n))
    dynamics = move_sd * rng.standard_normal((len(DAYS), n)) @ root.T
    values = 0.3 + level_sd * rng.standard_normal(n) + dynamics
    ds = dataset(DAYS, values)
    return ds.assign_coords(lon=("station", lon), lat=("station", lat)), distance, values


def test_variogram_finds_sill_and_range():
    ds, _, _ = network()
    points, fits = insitu.variogram(ds)
    fit = fits.set_index(["part", "quantity"])
    total = fit.loc[("dynamics", "nugget"), "value"] + fit.loc[("dynamics", "sill"), "value"]
    assert total == pytest.approx(0.02**2, rel=0.25)
    low, high = fit.loc[("dynamics", "range"), ["low", "high"]]
    assert low < 10.0 < high
    assert 4 < fit.loc[("dynamics", "range"), "value"] < 25
    level = points[points.part == "level"]
    assert level.gamma.mean() == pytest.approx(0.05**2, rel=0.4)
    assert (level.low < level.gamma).all()
    assert (level.gamma < level.high).all()


def test_semivariances_by_hand():
    values = np.array([[0.1, 0.2, 0.4, 0.3, 0.25], [0.1, 0.2, 0.4, 0.3, 0.25]])
    ds = dataset(DAYS[:2], values).assign_coords(
        lon=("station", [100.0, 100.01, 100.02, 100.5, 100.51]), lat=("station", [0.0] * 5)
    )
    points, _ = insitu.variogram(ds, bins=2)
    level = points[points.part == "level"]
    assert level.pairs.sum() == 10
    assert (level.gamma * level.pairs).sum() == pytest.approx(
        sum((a - b) ** 2 / 2 for i, a in enumerate(values[0]) for b in values[0][:i])
    )


def test_moran_tells_structure_from_none():
    ds, distance, values = network()
    table = insitu.moran(ds, permutations=199).set_index("part")
    assert table.loc["dynamics", "p"] <= 0.01
    assert table.loc["dynamics", "moran_i"] > table.loc["dynamics", "expected"] + 0.05
    assert table.loc["level", "p"] > 0.02  # white
    # I of the levels, from its definition
    np.fill_diagonal(distance, np.inf)
    w = 1 / np.maximum(distance, np.median(distance.min(axis=1)))
    z = values.mean(axis=0) - values.mean()
    want = len(z) / w.sum() * (w * np.outer(z, z)).sum() / (z**2).sum()
    assert table.loc["level", "moran_i"] == pytest.approx(want, rel=5e-3)


def test_permutation_p_is_calibrated():
    p = []
    for seed in range(40):
        ds, _, _ = network(20, length_km=0.01, seed=seed)
        p.append(insitu.moran(ds.isel(time=slice(0, 3)), permutations=39, seed=seed)["p"].iloc[0])
    assert 0.3 < np.mean(p) < 0.7
    assert np.mean(np.array(p) <= 0.1) < 0.3


def test_missing_days_do_not_shift_levels():
    """A station that measured only the wet half has its own level, not that of the wet half."""
    ds, _, values = network(12, move_sd=0.0, level_sd=0.0)
    values = np.full_like(values, 0.2) + np.linspace(-0.1, 0.1, len(DAYS))[:, None]
    values[:40, 0] = np.nan
    table = insitu.study_heterogeneity(ds.assign(soil_moisture=(("time", "station"), values))).table
    at = table.set_index(["quantity", "part"])["value"]
    assert at["spread between stations", "level"] < 1e-5
    assert at["spread between stations", "dynamics"] < 1e-5


def test_spread_falls_with_wetness_as_made():
    rng = np.random.default_rng(1)
    mean = np.linspace(0.1, 0.4, len(DAYS))
    z = rng.standard_normal(400)
    z = (z - z.mean()) / z.std(ddof=1)
    values = mean[:, None] * (1 + 0.6 * np.exp(-3.0 * mean)[:, None] * z)
    fit = insitu.mean_cv(dataset(DAYS, values)).iloc[0]
    assert fit["k1"] == pytest.approx(0.6, rel=1e-3)
    assert fit["k2"] == pytest.approx(3.0, rel=1e-3)
    assert fit["wettest_spread"] == pytest.approx(1 / 3, rel=1e-3)
    assert fit["spearman"] == pytest.approx(-1)
    with pytest.raises(MissingDataError, match="at least 10 days"):
        insitu.mean_cv(dataset(DAYS[:4], values[:4]))


def test_dynamics_need_fewer_stations():
    ds, _, _ = network(30)
    table = insitu.stations_needed(ds).set_index(["error", "part"])
    # t(0.975, 29) = 2.045: (2.045 · 0.054 / 0.03)² = 13.6, with the levels' spread as drawn.
    assert 8 <= table.loc[(0.03, "values"), "median"] <= 20
    assert table.loc[(0.03, "dynamics"), "median"] <= 3
    assert table.loc[(0.04, "values"), "median"] < table.loc[(0.03, "values"), "median"]
    assert table.loc[(0.03, "values"), "enough"] == 1


def test_without_places_the_rest_is_told():
    ds, _, _ = network(10)
    table = insitu.study_heterogeneity(ds.assign_coords(lon=("station", np.full(10, np.nan)))).table
    assert "Moran's I" not in set(table["quantity"])
    assert "stations needed for 0.04 m3 m-3, median day" in set(table["quantity"])


def test_real_levels_are_local_and_dynamics_regional(real_data):
    daily = insitu.daily_means(insitu.read_ismn(real_data / "txson" / "TxSON"))
    table = insitu.moran(daily, permutations=199).set_index("part")
    assert table.loc["dynamics", "p"] < 0.05 < table.loc["level", "p"]
