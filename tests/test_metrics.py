"""Elementary metrics and bootstraps, against definitions, invariances and known coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smgee import metrics
from smgee.errors import InputError
from smgee.metrics import agreement, cluster_bootstrap

series = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=40).map(
    lambda p: np.array(p).T
)


@given(series)
def test_figures_follow_their_definitions(pair):
    x, y = pair
    got = agreement(x, y)
    assert got["n"] == len(x)
    assert got["bias"] == pytest.approx(np.mean(x) - np.mean(y), abs=1e-12)
    assert got["rmse"] == pytest.approx(np.sqrt(np.mean((x - y) ** 2)), abs=1e-12)
    assert got["ubrmse"] == pytest.approx(np.std(x - y), abs=1e-7)
    if np.std(x) > 1e-6 and np.std(y) > 1e-6:
        assert got["r"] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-6)


@pytest.mark.parametrize("name", ["bias", "rmse", "ubrmse"])
def test_each_figure_alone_is_that_of_agreement(name):
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 50))
    assert getattr(metrics, name)(x, y) == agreement(x, y)[name]


def test_swapping_the_series_flips_only_the_bias():
    rng = np.random.default_rng(1)
    x, y = rng.random((2, 60))
    a, b = agreement(x, y), agreement(y, x)
    assert a["bias"] == pytest.approx(-b["bias"])
    assert [a[m] for m in ("r", "rmse", "ubrmse")] == pytest.approx([b[m] for m in ("r", "rmse", "ubrmse")])


def test_an_offset_and_a_far_origin_do_not_disturb_correlation():
    rng = np.random.default_rng(2)
    x, y = rng.random((2, 80))
    far = agreement(x + 1e6, y + 1e6)
    assert far["r"] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-8)
    assert far["ubrmse"] == pytest.approx(np.std(x - y), abs=1e-8)


def test_pairs_with_a_missing_value_are_left_out():
    x, y = np.array([1.0, np.nan, 3.0, 4.0]), np.array([1.0, 2.0, np.nan, 5.0])
    assert agreement(x, y) == pytest.approx(
        {"r": 1.0, "bias": -0.5, "rmse": np.sqrt(0.5), "ubrmse": 0.5, "n": 2}
    )


def test_what_cannot_be_told_is_nan():
    assert np.isnan(agreement([np.nan], [1.0])["rmse"])
    assert np.isnan(agreement([0.1, 0.1, 0.1], [0.2, 0.3, 0.1])["r"])
    assert np.isnan(agreement([0.2], [0.1])["r"])


@pytest.mark.parametrize(("x", "y"), [([1.0, 2.0], [1.0]), ([[1.0]], [[1.0]]), ([np.inf], [1.0])])
def test_unusable_series_are_refused(x, y):
    with pytest.raises(InputError):
        agreement(x, y)


def _clustered(rng, stations=30, days=40, spread=0.05):
    station = np.repeat(np.arange(stations), days)
    y = rng.normal(0.2, 0.05, stations * days)
    return y + rng.normal(0, spread, stations)[station] + rng.normal(0, 0.02, stations * days), y, station


def test_cluster_intervals_cover_the_true_bias_and_row_intervals_do_not():
    hits_cluster = hits_row = 0
    for trial in range(60):
        x, y, station = _clustered(np.random.default_rng(trial))
        low, high = cluster_bootstrap(x, y, clusters=station, resamples=300, seed=trial)["bias"]
        hits_cluster += low <= 0.0 <= high
        low, high = cluster_bootstrap(x, y, clusters=np.arange(len(x)), resamples=300, seed=trial)["bias"]
        hits_row += low <= 0.0 <= high
    assert hits_cluster >= 52  # nominal 57 of 60; percentile intervals over 30 clusters run a little short
    assert hits_row <= 30


def test_cluster_bootstrap_is_that_of_redrawn_rows():
    x, y, station = _clustered(np.random.default_rng(5), stations=8, days=5)
    rng = np.random.default_rng(9)
    drawn = rng.integers(0, 8, size=(200, 8))
    direct = [np.mean(np.concatenate([(x - y)[station == s] for s in row])) for row in drawn]
    got = cluster_bootstrap(x, y, clusters=station, resamples=200, seed=9)["bias"]
    assert got == pytest.approx(tuple(np.quantile(direct, [0.025, 0.975])), abs=1e-12)


def test_few_clusters_give_no_interval():
    rng = np.random.default_rng(3)
    x, y = rng.random((2, 40))
    assert np.isnan(cluster_bootstrap(x, y, clusters=np.arange(40) % 4)["rmse"]).all()
    assert np.isfinite(cluster_bootstrap(x, y, clusters=np.arange(40) % 5)["rmse"]).all()


def test_missing_pairs_take_their_cluster_label_along():
    x, y, station = _clustered(np.random.default_rng(4), stations=10, days=6)
    y[::7] = np.nan
    keep = ~np.isnan(y)
    assert cluster_bootstrap(x, y, clusters=station) == cluster_bootstrap(
        x[keep], y[keep], clusters=station[keep]
    )


def test_the_seed_decides():
    x, y, station = _clustered(np.random.default_rng(7))
    assert cluster_bootstrap(x, y, clusters=station, seed=1) == cluster_bootstrap(
        x, y, clusters=station, seed=1
    )
    assert cluster_bootstrap(x, y, clusters=station, seed=1) != cluster_bootstrap(
        x, y, clusters=station, seed=2
    )


@pytest.mark.parametrize("options", [{"level": 1.0}, {"resamples": 0}])
def test_senseless_options_are_refused(options):
    x, y, station = _clustered(np.random.default_rng(8))
    with pytest.raises(InputError):
        cluster_bootstrap(x, y, clusters=station, **options)
