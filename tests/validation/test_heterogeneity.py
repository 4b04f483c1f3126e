"""Errors against terrain."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from smgee.errors import InputError
from smgee.grid import PixelGrid
from smgee.validation import cell_conditions, cell_weights, further_conditions, relate_errors
from smgee.validation.heterogeneity import roughness
from tests.validation.tables import CHILDREN, PARENT


def table(seed: int = 0, n: int = 16) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    names = [c.name for c in CHILDREN[:n]]
    rough = rng.uniform(20, 300, n)
    conditions = pd.DataFrame(
        {"cell": names, "elevation_std": rough, "elevation_mean": rng.uniform(3000, 4000, n)}
    )
    rows = []
    for name, size in zip(names, rough, strict=True):
        errors = {"r": 0.9 - size / 1000, "bias": -0.0001 * size, "rmse": 0.05}
        for orbit in ("AM", "PM"):
            rows.append(
                {
                    "grid": "M09",
                    "cell": name,
                    "orbit": orbit,
                    "reference": "upscaled",
                    **errors,
                    "ubrmse": rng.random(),
                }
            )
    return pd.DataFrame(rows), conditions


def test_known_relations():
    validation, conditions = table()
    out = relate_errors(validation, conditions).set_index(["orbit", "metric", "condition"])
    assert len(out) == 2 * 4 * 2
    rough = out.loc[("AM", "r", "elevation_std")]
    assert rough["spearman"] == pytest.approx(-1)
    assert rough["n"] == 16
    assert out.loc[("AM", "abs_bias", "elevation_std"), "spearman"] == pytest.approx(1)
    assert math.isnan(out.loc[("PM", "rmse", "elevation_std"), "spearman"])
    assert "same in all cells" in out.loc[("PM", "rmse", "elevation_std"), "reason"]
    noise = out.loc[("AM", "ubrmse", "elevation_mean")]
    part = validation[validation["orbit"] == "AM"]
    assert noise["spearman"] == pytest.approx(
        spearmanr(part["ubrmse"], conditions["elevation_mean"]).statistic
    )
    assert noise["low"] < noise["spearman"] < noise["high"]


def test_interval_covers():
    """Of a bivariate normal population with a known rank correlation, (6/π) asin(ρ/2), over 16 cells."""
    rng = np.random.default_rng(5)
    rho = 0.6
    truth = 6 / math.pi * math.asin(rho / 2)
    names = [c.name for c in CHILDREN]
    hits = 0
    for _ in range(300):
        a = rng.standard_normal(16)
        b = rho * a + math.sqrt(1 - rho**2) * rng.standard_normal(16)
        validation = pd.DataFrame(
            {"grid": "M09", "cell": names, "orbit": "AM", "reference": "upscaled", "r": b}
        )
        row = relate_errors(validation, pd.DataFrame({"cell": names, "slope_mean": a}), metrics=["r"]).iloc[0]
        hits += row["low"] <= truth <= row["high"]
    assert 0.91 <= hits / 300 <= 0.99


def test_few_cells_and_bad_tables():
    validation, conditions = table(n=4)
    out = relate_errors(validation, conditions, metrics=["r"])
    assert out["low"].isna().all()
    assert "needs 5 cells" in out["reason"].iloc[0]
    with pytest.raises(InputError, match="slope"):
        relate_errors(validation, conditions, columns=["slope"])
    with pytest.raises(InputError, match="lack the column 'orbit'"):
        relate_errors(validation.drop(columns="orbit"), conditions)


def test_conditions_of_cells():
    left, bottom, right, top = PARENT.bounds
    grid = PixelGrid("EPSG:6933", ((right - left) / 16, 0, left, 0, (bottom - top) / 16, top), 16, 16)
    weights = cell_weights(grid, CHILDREN)
    elevation = np.repeat(np.repeat(np.arange(16.0).reshape(4, 4), 4, axis=0), 4, axis=1) * 100
    out = cell_conditions(weights, {"elevation": elevation, "rough": elevation + np.tile([0.0, 2.0], 8)})
    np.testing.assert_allclose(out["elevation_mean"], np.arange(16) * 100, atol=1e-6)
    np.testing.assert_allclose(out["elevation_std"], 0, atol=1e-3)
    np.testing.assert_allclose(out["rough_std"], 1, atol=1e-6)
    with pytest.raises(InputError, match="No layer"):
        cell_conditions(weights, {})


def test_what_follows_from_level_and_variability_is_taken_out():
    """R is low where soil moisture varies little: that goes with the terrain, and is no effect of it."""
    names = [c.name for c in CHILDREN]
    own = {"grid": "M09", "cell": names, "orbit": "AM", "reference": "upscaled", "level": 0.2}
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        varies = rng.uniform(0.02, 0.08, 16)
        terrain = pd.DataFrame({"cell": names, "slope_mean": varies + rng.normal(0, 0.01, 16)})
        r = 1 / np.sqrt(1 + (0.03 / varies) ** 2) + rng.normal(0, 0.02, 16)
        plain = pd.DataFrame(own | {"r": r})
        for table in (plain, plain.assign(variability=varies)):
            found.append(relate_errors(table, terrain, metrics=["r"], count=199)[["partial", "p"]].iloc[0])
    plain, told = pd.DataFrame(found[::2]), pd.DataFrame(found[1::2])
    assert plain["partial"].mean() > 0.7
    assert (plain["p"] <= 0.05).mean() > 0.8
    assert told["partial"].mean() < plain["partial"].mean() - 0.4
    assert (told["p"] <= 0.05).mean() <= 0.25


def test_further_conditions():
    zonal = pd.DataFrame({"cell": ["a", "a", "b"], "std": [0.03, 0.04, 0.1]})
    cells = pd.DataFrame({"cell": ["a", "b"], "northness_mean": [0.6, 0.0], "eastness_mean": [-0.8, 0.0]})
    table = further_conditions(cells, zonal).set_index("cell")
    assert table.loc["a", "moisture_std"] == pytest.approx(np.sqrt((0.03**2 + 0.04**2) / 2))
    assert table.loc["a", "aspect_diversity"] == pytest.approx(0.0)
    assert table.loc["b", "aspect_diversity"] == 1.0
    assert "aspect_diversity" not in further_conditions(cells.drop(columns="northness_mean"), zonal)


def test_roughness_is_the_spread_of_the_square_around_a_pixel():
    rng = np.random.default_rng(4)
    z = 3000 + rng.normal(0, 20, (30, 40)).cumsum(axis=0)
    z[3, 5] = np.nan
    found = roughness(z, 100.0, width_m=500.0)
    assert np.isnan(found[3, 5])
    for row, col in ((15, 20), (4, 6), (0, 0), (29, 39)):
        square = z[max(row - 2, 0) : row + 3, max(col - 2, 0) : col + 3]
        assert found[row, col] == pytest.approx(np.nanstd(square), rel=1e-6)
    np.testing.assert_allclose(roughness(np.full((9, 9), 3000.0), 30.0), 0.0, atol=1e-6)
