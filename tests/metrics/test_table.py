"""The table of metrics: definitions, other libraries' answers, and invariances, for every metric alike."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, r2_score

from smgee.errors import InputError
from smgee.metrics import HEADLINE, METRICS, columns, paired, score, scores
from tests.metrics.series import series

PYTESMO = {
    "r": "pearson_r",
    "rho": "spearman_r",
    "bias": "bias",
    "rmse": "rmsd",
    "ubrmse": "ubrmsd",
    "mae": "aad",
    "mse": "msd",
    "mse_bias": "mse_bias",
    "mse_corr": "mse_corr",
    "mse_var": "mse_var",
    "nrmse": "nrmsd",
    "r2": "nash_sutcliffe",
}
"""Metrics that pytesmo has too, by its name."""

SWAPPED = {"bias": -1.0} | dict.fromkeys(set(METRICS) - {"bias", "r2", "kge"}, 1.0)
"""Sign of a metric once x and y are exchanged, where that is known."""

SHIFTED = {"r", "rho", "ubrmse", "mse_corr", "mse_var"}
"""Metrics that an offset of one series leaves alone."""

ORIGIN = set(METRICS) - {"kge"}
"""Metrics that do not ask where zero is."""


@pytest.mark.parametrize("name", PYTESMO)
@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_pytesmo(name, seed):
    pytesmo = pytest.importorskip("pytesmo.metrics")
    x, y = series(seed)
    theirs = getattr(pytesmo, PYTESMO[name])
    expected = theirs(y, x) if name == "r2" else theirs(x, y)  # which there takes the reference first
    assert score(name, x, y) == pytest.approx(expected, abs=1e-10, rel=0)


def test_every_metric_of_pytesmo_that_compares_two_series_is_compared_with():
    """But those that are others under another name: a new one there is noticed here."""
    pytesmo = pytest.importorskip("pytesmo.metrics.pairwise")
    known = set(PYTESMO.values()) | {
        "RSS",  # n times the mse
        "mad",  # median absolute deviation
        "mse",  # the same and its parts
        "mse_decomposition",  # its parts at once
        "kendall_tau",
        "index_of_agreement",
        "rolling_pr_rmsd",
    }
    own = {n for n in dir(pytesmo) if getattr(getattr(pytesmo, n), "__module__", "") == pytesmo.__name__}
    assert {n for n in own if not n.startswith("_") and not n.endswith("_ci")} <= known


@pytest.mark.parametrize("seed", range(5))
def test_definitions(seed):
    x, y = series(seed)
    got = scores(METRICS, x, y)
    assert got["r"] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-12)
    assert got["r2"] == pytest.approx(r2_score(y, x), abs=1e-12)
    assert got["mae"] == pytest.approx(mean_absolute_error(y, x), abs=1e-14)
    assert got["ubrmse"] == pytest.approx(np.std(x - y), abs=1e-14)
    assert got["mse"] == pytest.approx(got["rmse"] ** 2)
    assert got["mse"] == pytest.approx(got["mse_bias"] + got["mse_corr"] + got["mse_var"])
    ratio, level = np.std(x) / np.std(y), np.mean(x) / np.mean(y)
    assert got["kge"] == pytest.approx(1 - math.hypot(got["r"] - 1, ratio - 1, level - 1))
    assert got["bias"] == pytest.approx(0.02, abs=0.03), "x - y, not y - x"


def test_headline_and_columns():
    assert set(HEADLINE) <= set(METRICS)
    assert columns(("r", "bias")) == ("r", "r_low", "r_high", "bias", "bias_low", "bias_high")
    assert [METRICS[n].unit() for n in ("r", "bias", "mse")] == ["1", "m3 m-3", "(m3 m-3)2"]
    with pytest.raises(InputError, match="choose from r, bias"):
        columns(("rmsd",))


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), shift=st.floats(-2, 2), scale=st.floats(0.01, 50))
def test_invariances(name, seed, shift, scale):
    """Swap, permutation, shift of one series and of both, scale, missing values, range."""
    metric = METRICS[name]
    x, y = series(seed)
    value = score(name, x, y)
    close = {"rel": 1e-7, "abs": 1e-10}
    assert metric.range[0] <= value <= metric.range[1]
    assert score(name, y, y) == pytest.approx(metric.best, abs=1e-9)
    if name in SWAPPED:
        assert score(name, y, x) == pytest.approx(SWAPPED[name] * value, **close)
    order = np.random.default_rng(seed).permutation(60)
    assert score(name, x[order], y[order]) == pytest.approx(value, **close)
    if name in SHIFTED:
        assert score(name, x + shift, y) == pytest.approx(value, **close)
    if name in ORIGIN:
        assert score(name, x + shift, y + shift) == pytest.approx(value, **close)
        far = score(name, x + 1e6, y + 1e6)
        assert far == pytest.approx(value, rel=1e-4, abs=1e-7), "a far origin costs no digits that matter"
    assert score(name, scale * x, scale * y) == pytest.approx(scale**metric.power * value, rel=1e-7, abs=1e-9)
    gone = np.random.default_rng(seed).choice(60, 25, replace=False)
    kept = np.setdiff1d(np.arange(60), gone)
    holes, others = x.copy(), y.copy()
    holes[gone[:15]], others[gone[10:]] = np.nan, np.nan
    assert score(name, holes, others) == score(name, x[kept], y[kept])
    assert score(name, np.ma.masked_invalid(holes), others) == score(name, holes, others)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("n", range(5))
def test_least_pairs(name, n):
    x, y = series(3)
    assert math.isnan(score(name, x[:n], y[:n])) == (n < METRICS[name].least_pairs)


def test_two_pairs_have_no_correlation():
    """Of two pairs it is +1 or -1, whatever was measured."""
    assert math.isnan(score("r", [0.1, 0.2], [0.3, 0.9]))
    assert score("r", [0.1, 0.2, 0.3], [0.3, 0.9, 1.5]) == pytest.approx(1)


@pytest.mark.parametrize("name", METRICS)
def test_constant_series(name):
    x, _ = series(4)
    undefined = {"r", "rho", "kge", "r2"}
    for constant in (0.2, 0.1 + 0.2, 0.0):
        value = score(name, x, np.full(60, constant))
        assert math.isnan(value) == (name in undefined), (name, constant)
    rounded = np.full(60, 0.3)
    rounded[::2] = 0.1 + 0.2
    assert math.isnan(score(name, x, rounded)) == (name in {"r", "kge"}) or name in {"rho", "r2"}


def test_ties_have_mean_ranks():
    x, y = [1, 1, 2, 3, 3, 3], [2, 1, 1, 4, 5, 4]
    from scipy.stats import spearmanr

    assert score("rho", x, y) == pytest.approx(spearmanr(x, y).statistic)


@pytest.mark.parametrize(("x", "y"), [([1.0, 2.0], [1.0]), ([[1.0]], [[1.0]]), ([np.inf], [1.0])])
def test_unusable_series_are_refused(x, y):
    with pytest.raises(InputError):
        paired(x, y)
