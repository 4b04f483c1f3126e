"""Rank correlations over neighbouring cells: partial, honest in space, adjusted for their number."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, rankdata, spearmanr, t

from smgee.validation import relate_errors
from smgee.validation.heterogeneity import HYPOTHESES, NAMED_SHARE, Hypothesis
from smgee.validation.spatial import (
    benjamini_hochberg,
    moran_basis,
    partial_rank_correlation,
    spatial_p,
    surrogates,
)
from tests.validation.tables import CHILDREN

ROW, COL = np.array([c.row for c in CHILDREN]), np.array([c.col for c in CHILDREN])
DISTANCE = np.hypot(ROW[:, None] - ROW, COL[:, None] - COL)


def maps(rng: np.random.Generator, count: int, reach: float) -> np.ndarray:
    """Return maps over the sixteen cells whose likeness falls to 1/e over `reach` cells."""
    root = np.linalg.cholesky(np.exp(-DISTANCE / reach) + 1e-9 * np.eye(16))
    return (root @ rng.standard_normal((16, count))).T


def moran(values: np.ndarray) -> float:
    weight = np.exp(-DISTANCE / 1.5) * (DISTANCE > 0)
    d = values - values.mean()
    return float(d @ weight @ d / (d @ d))


def test_surrogates_keep_mean_variance_and_likeness():
    rng = np.random.default_rng(0)
    value = maps(rng, 1, 2.0)[0] + 3
    drawn = surrogates(value, moran_basis(tuple(CHILDREN)), count=50, rng=rng)
    np.testing.assert_allclose(drawn.mean(axis=1), value.mean(), atol=1e-12)
    np.testing.assert_allclose(drawn.std(axis=1), value.std(), rtol=1e-9)
    np.testing.assert_allclose([moran(d) for d in drawn], moran(value), atol=1e-9)
    assert np.abs(np.corrcoef(drawn)[0, 1:]).max() < 0.99
    basis = moran_basis(tuple(CHILDREN))
    np.testing.assert_allclose(basis.T @ basis, np.eye(15), atol=1e-12)


def test_partial_correlation_is_that_of_residuals():
    x, y, z = np.random.default_rng(1).standard_normal((3, 16))
    rxy, rxz, ryz = (spearmanr(*p).statistic for p in ((x, y), (x, z), (y, z)))
    expected = (rxy - rxz * ryz) / math.sqrt((1 - rxz**2) * (1 - ryz**2))
    assert partial_rank_correlation(x, y, z) == pytest.approx(expected)
    assert partial_rank_correlation(x, y) == pytest.approx(rxy)
    assert partial_rank_correlation(x, y, np.zeros(16)) == pytest.approx(rxy)
    assert math.isnan(partial_rank_correlation(x, np.ones(16), z))
    assert math.isnan(partial_rank_correlation(rankdata(z), y, z)), "nothing is left of the level itself"


@pytest.mark.parametrize("reach", [0.01, 3.0])
def test_false_findings(reach):
    """Two maps that share nothing but the level. Cells taken for independent alarm twice as often as told."""
    rng = np.random.default_rng(2)
    honest, naive, of_level, runs = 0, 0, 0, 400
    for k in range(runs):
        x, y, z = maps(rng, 3, reach)
        x, y = x + 0.7 * z, y - 1.5 * z
        honest += spatial_p(x, y, z, CHILDREN, count=199, seed=k) <= 0.05
        of_level += spatial_p(x, y, None, CHILDREN, count=199, seed=k) <= 0.05
        r = partial_rank_correlation(x, y, z)
        naive += 2 * t.sf(abs(r) * math.sqrt(13 / (1 - r * r)), 13) <= 0.05
    assert 0.02 <= honest / runs <= 0.095
    assert of_level / runs > 0.2
    if reach > 1:
        assert naive / runs > 0.1


def test_false_discovery_is_that_of_scipy():
    p = np.random.default_rng(3).random(40) ** 2
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p))
    holes = np.array([0.01, np.nan, 0.04])
    np.testing.assert_allclose(benjamini_hochberg(holes), [0.02, np.nan, 0.04])
    assert len(benjamini_hochberg(np.array([]))) == 0


def tables(rng: np.random.Generator, effect: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a validation whose bias follows the level, as under one footprint, and conditions."""
    names = [c.name for c in CHILDREN]
    relief, slope, level, other = maps(rng, 4, 2.0)
    conditions = pd.DataFrame({"cell": names, "elevation_std": relief, "slope_mean": slope, "x_mean": other})
    rows = []
    for orbit in ("AM", "PM"):
        for reference in ("upscaled", "insitu_mean"):
            noise = maps(rng, 3, 2.0)
            errors = {
                "r": 0.8 + 0.02 * noise[0],
                "bias": -0.05 * (level + 0.2 * noise[1]),
                "rmse": 0.06 + 0.01 * np.abs(level),
                "ubrmse": 0.04 + 0.004 * (noise[2] + effect * relief),
            }
            part = {"grid": "M09", "cell": names, "orbit": orbit, "reference": reference, "level": level}
            rows.append(pd.DataFrame(part | errors))
    return pd.concat(rows, ignore_index=True), conditions


def test_no_effect_is_no_finding_and_a_planted_one_is_found():
    wrong, found, runs = 0, 0, 40
    for seed in range(runs):
        empty = relate_errors(*tables(np.random.default_rng(seed), 0.0), count=399)
        assert len(empty) == 2 * 2 * 4 * 3, "both orbits, all references, nothing cut"
        wrong += (empty["q"] <= 0.05).any()
        planted = relate_errors(*tables(np.random.default_rng(seed), 4.0), count=399)
        named = planted[(planted["metric"] == "ubrmse") & (planted["condition"] == "elevation_std")]
        assert (named["expected"] == "+").all()
        found += bool(((named["q"] <= 0.05) & (named["partial"] > 0)).all())
    assert wrong / runs <= 0.125, "5 % and the noise of 40 runs"
    assert found / runs >= 0.8


def test_families_of_their_own():
    validation, conditions = tables(np.random.default_rng(1), 4.0)
    out = relate_errors(validation, conditions, count=199)
    named = out["expected"] != ""
    assert named.sum() == 4 * sum(h.condition in conditions for h in HYPOTHESES)
    for family, share in ((named, NAMED_SHARE), (~named, 1 - NAMED_SHARE)):
        p = out.loc[family, "p"].to_numpy()
        np.testing.assert_allclose(out.loc[family, "q"], np.minimum(1, benjamini_hochberg(p) / share))
    one = relate_errors(
        validation, conditions, hypotheses=[Hypothesis("rmse", "x_mean", "-", "a guess")], count=199
    )
    assert one.loc[one["expected"] == "-", "metric"].unique().tolist() == ["rmse"]


def test_the_bias_of_one_footprint_is_not_the_terrain_s():
    """A condition that follows the level looks related to the bias, until the level is taken out."""
    validation, conditions = tables(np.random.default_rng(4), 0.0)
    level = validation["level"].to_numpy()[:16]
    conditions["slope_mean"] = np.abs(level) + 0.3 * np.random.default_rng(5).standard_normal(16)
    validation["bias"] = -0.05 * np.abs(validation["level"])
    validation["level"] = np.abs(validation["level"])
    out = relate_errors(validation, conditions, count=199).query("metric == 'abs_bias'")
    row = out[out["condition"] == "slope_mean"].iloc[0]
    assert row["spearman"] > 0.6
    assert row["low"] > 0
    assert math.isnan(row["partial"])
    assert not row["q"] <= 0.05
