"""The bootstrap of blocks of days: its definition, invariances, few pairs, and the coverage of intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from smgee.errors import InputError
from smgee.metrics import (
    HEADLINE,
    METRICS,
    MovingBlocks,
    assess,
    block_length,
    columns,
    contrast,
    effective_size,
    lag1,
    score,
)
from smgee.metrics.table import Scale
from tests.metrics.series import series

NAMES = HEADLINE
FAST = {"resamples": 200}


def test_autocorrelation_by_its_definition():
    """The usual estimator, plus what it falls short by in short series (Kendall 1954)."""
    x = series(3, n=60, rho=0.6)[0]
    d = x - x.mean()
    r = (d[1:] * d[:-1]).sum() / (d**2).sum()
    assert lag1(x) == pytest.approx(r + (1 + 3 * r) / 60)
    link = np.arange(59) % 7 != 0  # steps across gaps count neither above nor below
    kept = (d[1:] * d[:-1])[link].sum() / ((d**2).mean() * (link.sum() + 1))
    assert lag1(x, link) == pytest.approx(kept + (1 + 3 * kept) / 60)
    assert lag1(np.array([1.0, 5, 2])) != 0
    assert lag1(np.arange(400.0)) == 0.99
    assert lag1(np.array([1.0, 5])) == lag1(np.full(9, 0.3)) == lag1(x, np.zeros(59, bool)) == 0


def test_lengths_are_those_of_assess():
    x, y = series(1)
    result = assess(x, y, **FAST)
    assert effective_size(x, y) == result.n_eff
    assert block_length(x, y) == result.block


@pytest.mark.parametrize("name", METRICS)
def test_it_is_that_of_redrawn_rows(name):
    """Limits recomputed from rows drawn one by one, on the metric's scale."""
    x, y = series(2)
    n, block = 60, 4
    starts = np.random.default_rng(0).integers(0, n - block + 1, size=(200, 15))
    boot = np.array(
        [score(name, *(v[(s[:, None] + np.arange(block)).ravel()] for v in (x, y))) for s in starts]
    )
    to, back = {
        Scale.PLAIN: (float, float),
        Scale.POSITIVE: (np.log, np.exp),
        Scale.CORRELATION: (np.arctanh, np.tanh),
    }[METRICS[name].scale]
    middle = to(score(name, x, y))
    half = student.ppf(0.975, n / block - 1) * np.std([to(b) for b in boot]) * math.sqrt(n / (n - block))
    got = assess(x, y, metrics=[name], resampler=MovingBlocks(block=block), resamples=200).intervals[name]
    assert got == pytest.approx((back(middle - half), back(middle + half)), rel=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(-2, 2), st.floats(0.01, 50))
def test_shift_and_scale(seed, shift, scale):
    x, y = series(seed)
    base = assess(x, y, resampler=MovingBlocks(block=4), **FAST)
    both = assess(x * scale + shift, y * scale + shift, resampler=MovingBlocks(block=4), **FAST)
    assert both["r"] == pytest.approx(base["r"], abs=1e-9)
    for name in ("bias", "rmse", "ubrmse"):
        assert both[name] == pytest.approx(scale * base[name], rel=1e-7, abs=1e-9)
        np.testing.assert_allclose(
            both.intervals[name], scale * np.array(base.intervals[name]), rtol=1e-6, atol=1e-9
        )
    one = assess(x + shift, y, resampler=MovingBlocks(block=4), **FAST)
    assert one["ubrmse"] == pytest.approx(base["ubrmse"], abs=1e-9)
    assert one["bias"] == pytest.approx(base["bias"] + shift, abs=1e-9)
    np.testing.assert_allclose(one.intervals["r"], base.intervals["r"], atol=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 40))
def test_exchange_missing_and_identity(seed, n_missing):
    x, y = series(seed)
    a, b = assess(x, y, **FAST), assess(y, x, **FAST)
    assert (b["r"], b["rmse"], b["ubrmse"]) == pytest.approx((a["r"], a["rmse"], a["ubrmse"]))
    assert b["bias"] == pytest.approx(-a["bias"])
    assert a["rmse"] ** 2 == pytest.approx(a["bias"] ** 2 + a["ubrmse"] ** 2)
    for name in NAMES:
        low, high = a.intervals[name]
        assert low <= a[name] <= high
    gone = np.random.default_rng(seed).choice(60, n_missing, replace=False)
    holes = x.copy()
    holes[gone] = np.nan
    keep = np.setdiff1d(np.arange(60), gone)
    assert assess(holes, y, **FAST) == assess(x[keep], y[keep], **FAST)
    assert assess(np.ma.masked_invalid(holes), y, **FAST) == assess(holes, y, **FAST)


@pytest.mark.parametrize("n", range(12))
def test_few_pairs(n):
    x, y = series(3, n=12)
    result = assess(x[:n], y[:n], **FAST)
    assert result.n == n
    assert math.isnan(result["bias"]) == math.isnan(result["rmse"]) == (n == 0)
    assert math.isnan(result["ubrmse"]) == (n < 2)
    assert math.isnan(result["r"]) == (n < 3)
    assert all(math.isnan(v) == (n < 10) for limits in result.intervals.values() for v in limits)
    assert bool(result.reason) == (n < 10)
    assert 0 <= (result.n_eff if n else 0) <= n


def test_constant_and_identical_series():
    x, _ = series(4)
    result = assess(x, np.full(60, 0.2), **FAST)
    assert math.isnan(result["r"])
    assert "constant" in result.reason
    assert result["rmse"] > 0
    same = assess(x, x, **FAST)
    assert same["r"] == pytest.approx(1)
    assert same.intervals["r"] == (same["r"], same["r"])
    assert same["rmse"] == 0
    assert same.intervals["rmse"] == (0.0, 0.0)
    shifted = assess(x + 0.1, x, **FAST)
    assert shifted["bias"] == pytest.approx(0.1)
    assert shifted.intervals["bias"] == pytest.approx((0.1, 0.1))


def test_seeded_and_ordered_by_time():
    x, y = series(5)
    days = np.datetime64("2021-05-01") + np.arange(60)
    first = assess(x, y, time=days, **FAST)
    order = np.random.default_rng(0).permutation(60)
    assert assess(x[order], y[order], time=days[order], **FAST) == first
    assert assess(x, y, seed=1, **FAST).intervals != first.intervals


def test_gap_between_seasons_is_no_neighbour():
    """The last day of one season and the first of the next stand side by side in the table, but are no
    neighbours.
    """
    x, y = (v.copy() for v in series(6, rho=0.0))
    days = np.concatenate(
        [np.datetime64("2021-05-01") + np.arange(30), np.datetime64("2022-05-01") + np.arange(30)]
    )
    x[29:31] += 2.0
    y[29:31] += 2.0
    assert effective_size(x, y) < 45
    assert effective_size(x, y, time=days) == pytest.approx(60, abs=1)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_effective_size_of_a_known_process(rho):
    """Against n (1 − ρ²) / (1 + ρ²) for two independent series of the same autocorrelation, averaged over
    many.
    """
    sizes = [effective_size(*(series(2 * s + k, n=400, rho=rho)[1] for k in range(2))) for s in range(30)]
    assert np.mean(sizes) == pytest.approx(400 * (1 - rho**2) / (1 + rho**2), rel=0.15)


def test_block_grows_with_memory():
    lengths = [
        np.mean([block_length(*series(s, n=200, rho=rho)) for s in range(20)]) for rho in (0.0, 0.5, 0.9)
    ]
    assert lengths[0] < lengths[1] < lengths[2] <= 50
    # ρ = 0.5, n = 200 by hand: (3/2)^⅓ (2·0.5 / 0.75)^⅔ 200^⅓ = 1.1447 · 1.2114 · 5.8480 = 8.11
    assert lengths[1] == pytest.approx(8.11, rel=0.25)


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_intervals_cover_the_truth(rho):
    """Bias and ubRMSE of a process whose truth is known; independent-sample intervals fail this at ρ =
    0.7.
    """
    hits, naive = np.zeros(4), 0
    runs = 200
    for seed in range(runs):
        x, y = series(1000 + seed, n=80, rho=rho)
        result = assess(x, y, resamples=300)
        truth = {
            "r": 0.05 / math.hypot(0.05, 0.03),
            "bias": 0.02,
            "rmse": math.hypot(0.02, 0.03),
            "ubrmse": 0.03,
        }
        hits += [result.intervals[k][0] <= truth[k] <= result.intervals[k][1] for k in NAMES]
        naive += abs(result["bias"] - 0.02) <= 1.96 * result["ubrmse"] / math.sqrt(80)
    assert (hits / runs > 0.88).all(), hits / runs
    if rho:
        assert naive / runs < 0.75


def test_contrast_is_sharper_than_two_intervals():
    rng = np.random.default_rng(7)
    satellite, good = series(8, n=120)
    poor = good + rng.normal(0, 0.06, 120)
    gain = contrast(good, poor, satellite)
    one, two = assess(satellite, good), assess(satellite, poor)
    assert gain["r"] == pytest.approx(one["r"] - two["r"])
    assert gain["ubrmse"] == pytest.approx(one["ubrmse"] - two["ubrmse"])
    assert gain.intervals["r"][0] > 0, "the better reference is told apart"
    assert (
        gain.intervals["r"][1] - gain.intervals["r"][0]
        < one.intervals["r"][1] - one.intervals["r"][0] + two.intervals["r"][1] - two.intervals["r"][0]
    )
    nothing = contrast(good, good, satellite)
    assert nothing["r"] == 0
    assert nothing.intervals["r"] == (0.0, 0.0)
    holes = np.where(np.arange(120) % 2, np.nan, poor)
    assert contrast(good, holes, satellite).n == 60
    few = contrast(good[:5], poor[:5], satellite[:5])
    assert math.isnan(few["r"])
    assert "need 10 pairs" in few.reason


@pytest.mark.parametrize(
    ("args", "options"),
    [
        (([0.1, 0.2], [0.1]), {}),
        (([[0.1]], [[0.1]]), {}),
        (([0.1, np.inf], [0.1, 0.2]), {}),
        (([0.1], [0.1]), {"level": 95}),
        (([0.1], [0.1]), {"resamples": 5}),
        (([0.1], [0.1]), {"time": [1, 2]}),
    ],
)
def test_refusals(args, options):
    with pytest.raises(InputError):
        assess(*args, **options)


def test_block_of_no_length_is_refused():
    with pytest.raises(InputError, match="block=0"):
        MovingBlocks(block=0)


def test_row_is_flat():
    row = assess(*series(9), **FAST).as_row("gain_")
    assert list(row) == [f"gain_{name}" for name in columns(HEADLINE)]
    assert all(np.isscalar(v) for v in row.values())
