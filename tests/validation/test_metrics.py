"""Metrics against pytesmo, their invariances, their behaviour for few pairs, and the coverage of their
intervals.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smgee.errors import InputError
from smgee.validation import metrics

NAMES = ("r", "bias", "rmse", "ubrmse")
FAST = {"resamples": 200}


def series(seed: int, n: int = 60, rho: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """Return an autoregressive reference and a satellite that differs from it by offset and noise."""
    rng = np.random.default_rng(seed)
    e = rng.standard_normal((2, n))
    for i in range(1, n):
        e[:, i] = rho * e[:, i - 1] + math.sqrt(1 - rho**2) * e[:, i]
    reference = 0.22 + 0.05 * e[0]
    return reference + 0.02 + 0.03 * e[1], reference


@pytest.mark.parametrize("seed", range(5))
def test_agree_with_pytesmo(seed):
    pytesmo = pytest.importorskip("pytesmo.metrics")
    x, y = series(seed)
    result = metrics.compare(x, y, **FAST)
    assert result.r == pytest.approx(pytesmo.pearson_r(x, y), abs=1e-12)
    assert result.bias == pytest.approx(pytesmo.bias(x, y), abs=1e-14)
    assert result.rmse == pytest.approx(pytesmo.rmsd(x, y), abs=1e-14)
    assert result.ubrmse == pytest.approx(pytesmo.ubrmsd(x, y), abs=1e-14)
    assert result.spearman == pytest.approx(pytesmo.spearman_r(x, y), abs=1e-12)


def test_single_functions_are_those_of_compare():
    x, y = series(1)
    result = metrics.compare(x, y, **FAST)
    for name in NAMES:
        assert getattr(metrics, {"r": "pearson_r"}.get(name, name))(x, y) == pytest.approx(
            getattr(result, name), rel=1e-12
        )
    assert metrics.spearman_r(x, y) == result.spearman
    assert metrics.effective_size(x, y) == result.n_eff
    assert metrics.block_length(x, y) == result.block


def test_bias_is_satellite_minus_reference():
    assert metrics.bias([0.3, 0.4], [0.1, 0.2]) == pytest.approx(0.2)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(-2, 2), st.floats(0.01, 50))
def test_shift_and_scale(seed, shift, scale):
    x, y = series(seed)
    base = metrics.compare(x, y, block=4, **FAST)
    both = metrics.compare(x * scale + shift, y * scale + shift, block=4, **FAST)
    assert both.r == pytest.approx(base.r, abs=1e-9)
    assert both.spearman == pytest.approx(base.spearman)
    for name in ("bias", "rmse", "ubrmse"):
        assert getattr(both, name) == pytest.approx(scale * getattr(base, name), rel=1e-7, abs=1e-9)
        np.testing.assert_allclose(
            both.intervals[name], scale * np.array(base.intervals[name]), rtol=1e-6, atol=1e-9
        )
    one = metrics.compare(x + shift, y, block=4, **FAST)
    assert one.ubrmse == pytest.approx(base.ubrmse, abs=1e-9)
    assert one.bias == pytest.approx(base.bias + shift, abs=1e-9)
    np.testing.assert_allclose(one.intervals["r"], base.intervals["r"], atol=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 40))
def test_exchange_missing_and_identity(seed, n_missing):
    x, y = series(seed)
    a, b = metrics.compare(x, y, **FAST), metrics.compare(y, x, **FAST)
    assert (b.r, b.rmse, b.ubrmse) == pytest.approx((a.r, a.rmse, a.ubrmse))
    assert b.bias == pytest.approx(-a.bias)
    assert a.rmse**2 == pytest.approx(a.bias**2 + a.ubrmse**2)
    for name in NAMES:
        low, high = a.intervals[name]
        assert low <= getattr(a, name) <= high
    gone = np.random.default_rng(seed).choice(60, n_missing, replace=False)
    holes = x.copy()
    holes[gone] = np.nan
    keep = np.setdiff1d(np.arange(60), gone)
    assert metrics.compare(holes, y, **FAST) == metrics.compare(x[keep], y[keep], **FAST)
    assert metrics.compare(np.ma.masked_invalid(holes), y, **FAST) == metrics.compare(holes, y, **FAST)


@pytest.mark.parametrize("n", range(12))
def test_few_pairs(n):
    x, y = series(3, n=12)
    result = metrics.compare(x[:n], y[:n], **FAST)
    assert result.n == n
    assert math.isnan(result.bias) == math.isnan(result.rmse) == (n == 0)
    assert math.isnan(result.ubrmse) == (n < 2)
    assert math.isnan(result.r) == (n < 3)
    assert all(math.isnan(v) == (n < 10) for limits in result.intervals.values() for v in limits)
    assert bool(result.reason) == (n < 10)
    assert 0 <= (result.n_eff if n else 0) <= n


def test_constant_and_identical_series():
    x, _ = series(4)
    result = metrics.compare(x, np.full(60, 0.2), **FAST)
    assert math.isnan(result.r)
    assert math.isnan(result.spearman)
    assert "constant" in result.reason
    assert result.rmse > 0
    same = metrics.compare(x, x, **FAST)
    assert same.r == pytest.approx(1)
    assert same.intervals["r"] == (same.r, same.r)
    assert same.rmse == 0
    assert same.intervals["rmse"] == (0.0, 0.0)
    shifted = metrics.compare(x + 0.1, x, **FAST)
    assert shifted.bias == pytest.approx(0.1)
    assert shifted.intervals["bias"] == pytest.approx((0.1, 0.1))


def test_seeded_and_ordered_by_time():
    x, y = series(5)
    days = np.datetime64("2021-05-01") + np.arange(60)
    first = metrics.compare(x, y, time=days, **FAST)
    order = np.random.default_rng(0).permutation(60)
    assert metrics.compare(x[order], y[order], time=days[order], **FAST) == first
    assert metrics.compare(x, y, seed=1, **FAST).intervals != first.intervals


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
    assert metrics.effective_size(x, y) < 45
    assert metrics.effective_size(x, y, time=days) == pytest.approx(60, abs=1)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_effective_size_of_a_known_process(rho):
    """Against n (1 − ρ²) / (1 + ρ²) for two independent series of the same autocorrelation, averaged over
    many.
    """
    sizes = [
        metrics.effective_size(*(series(2 * s + k, n=400, rho=rho)[1] for k in range(2))) for s in range(30)
    ]
    assert np.mean(sizes) == pytest.approx(400 * (1 - rho**2) / (1 + rho**2), rel=0.15)


def test_block_grows_with_memory():
    lengths = [
        np.mean([metrics.block_length(*series(s, n=200, rho=rho)) for s in range(20)])
        for rho in (0.0, 0.5, 0.9)
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
        result = metrics.compare(x, y, resamples=300)
        truth = {
            "r": 0.05 / math.hypot(0.05, 0.03),
            "bias": 0.02,
            "rmse": math.hypot(0.02, 0.03),
            "ubrmse": 0.03,
        }
        hits += [result.intervals[k][0] <= truth[k] <= result.intervals[k][1] for k in NAMES]
        naive += abs(result.bias - 0.02) <= 1.96 * result.ubrmse / math.sqrt(80)
    assert (hits / runs > 0.88).all(), hits / runs
    if rho:
        assert naive / runs < 0.75


def test_contrast_is_sharper_than_two_intervals():
    rng = np.random.default_rng(7)
    satellite, good = series(8, n=120)
    poor = good + rng.normal(0, 0.06, 120)
    gain = metrics.contrast(satellite, good, poor)
    one, two = metrics.compare(satellite, good), metrics.compare(satellite, poor)
    assert gain.r == pytest.approx(one.r - two.r)
    assert gain.ubrmse == pytest.approx(one.ubrmse - two.ubrmse)
    assert gain.intervals["r"][0] > 0, "the better reference is told apart"
    assert (
        gain.intervals["r"][1] - gain.intervals["r"][0]
        < one.intervals["r"][1] - one.intervals["r"][0] + two.intervals["r"][1] - two.intervals["r"][0]
    )
    nothing = metrics.contrast(satellite, good, good)
    assert nothing.r == 0
    assert nothing.intervals["r"] == (0.0, 0.0)
    holes = np.where(np.arange(120) % 2, np.nan, poor)
    assert metrics.contrast(satellite, good, holes).n == 60
    few = metrics.contrast(satellite[:5], good[:5], poor[:5])
    assert math.isnan(few.r)
    assert "10 common pairs" in few.reason


@pytest.mark.parametrize(
    ("args", "options"),
    [
        (([0.1, 0.2], [0.1]), {}),
        (([[0.1]], [[0.1]]), {}),
        (([0.1, np.inf], [0.1, 0.2]), {}),
        (([0.1], [0.1]), {"confidence": 95}),
        (([0.1], [0.1]), {"block": 0}),
        (([0.1], [0.1]), {"resamples": 5}),
        (([0.1], [0.1]), {"time": [1, 2]}),
    ],
)
def test_refusals(args, options):
    with pytest.raises(InputError):
        metrics.compare(*args, **options)


def test_row_is_flat():
    row = metrics.compare(*series(9), **FAST).as_row()
    assert {"n", "n_eff", "r", "r_low", "r_high", "ubrmse_high", "block", "reason"} <= set(row)
    assert all(np.isscalar(v) for v in row.values())
