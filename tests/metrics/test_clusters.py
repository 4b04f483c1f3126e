"""The bootstrap of whole stations, against its definition and known coverage."""

from __future__ import annotations

import numpy as np
import pytest

from smgee.errors import InputError
from smgee.metrics import METRICS, Clusters, assess, contrast, score


def _clustered(rng, stations=30, days=40, spread=0.05):
    station = np.repeat(np.arange(stations), days)
    y = rng.normal(0.2, 0.05, stations * days)
    return y + rng.normal(0, spread, stations)[station] + rng.normal(0, 0.02, stations * days), y, station


def test_cluster_intervals_cover_the_true_bias_and_row_intervals_do_not():
    hits_cluster = hits_row = 0
    for trial in range(60):
        x, y, station = _clustered(np.random.default_rng(trial))
        options = {"metrics": ("bias",), "resamples": 300, "seed": trial}
        low, high = assess(x, y, clusters=station, **options).intervals["bias"]
        hits_cluster += low <= 0.0 <= high
        low, high = assess(x, y, clusters=np.arange(len(x)), **options).intervals["bias"]
        hits_row += low <= 0.0 <= high
    assert hits_cluster >= 52  # nominal 57 of 60; percentile intervals over 30 clusters run a little short
    assert hits_row <= 30


@pytest.mark.parametrize("name", METRICS)
def test_it_is_that_of_redrawn_rows(name):
    x, y, station = _clustered(np.random.default_rng(5), stations=8, days=5)
    drawn = np.random.default_rng(9).integers(0, 8, size=(200, 8))
    rows = [np.concatenate([np.flatnonzero(station == s) for s in row]) for row in drawn]
    direct = [score(name, x[r], y[r]) for r in rows]
    got = assess(x, y, metrics=[name], clusters=station, resamples=200, seed=9).intervals[name]
    assert got == pytest.approx(tuple(np.quantile(direct, [0.025, 0.975])), abs=1e-12)


def test_few_clusters_give_no_interval():
    rng = np.random.default_rng(3)
    x, y = rng.random((2, 40))
    few = assess(x, y, clusters=np.arange(40) % 4)
    assert np.isnan(few.intervals["rmse"]).all()
    assert "4 clusters" in few.reason
    assert np.isfinite(assess(x, y, clusters=np.arange(40) % 5).intervals["rmse"]).all()


def test_missing_pairs_take_their_cluster_label_along():
    x, y, station = _clustered(np.random.default_rng(4), stations=10, days=6)
    y[::7] = np.nan
    keep = ~np.isnan(y)
    assert assess(x, y, clusters=station) == assess(x[keep], y[keep], clusters=station[keep])


def test_effective_size_lies_between_clusters_and_pairs():
    rng = np.random.default_rng(6)
    independent = assess(*rng.random((2, 1200)), clusters=np.repeat(np.arange(30), 40)).n_eff
    assert independent > 700
    x, y, station = _clustered(rng, spread=0.5)
    assert assess(x, y, clusters=station).n_eff == pytest.approx(30, rel=0.05)


def test_contrast_cancels_what_both_share():
    """Two models with the same station offsets: the better one is told apart, which its interval is not."""
    x, y, station = _clustered(np.random.default_rng(7))
    worse = x + np.random.default_rng(8).normal(0, 0.02, len(x))
    gain = contrast(x, worse, y, metrics=("rmse",), resampler=Clusters(station))
    assert gain.intervals["rmse"][1] < 0
    one = assess(x, y, clusters=station)
    two = assess(worse, y, clusters=station)
    assert gain["rmse"] == pytest.approx(one["rmse"] - two["rmse"])
    assert one.intervals["rmse"][1] > two.intervals["rmse"][0]


def test_the_seed_decides():
    x, y, station = _clustered(np.random.default_rng(7))
    assert assess(x, y, clusters=station, seed=1) == assess(x, y, clusters=station, seed=1)
    assert assess(x, y, clusters=station, seed=1) != assess(x, y, clusters=station, seed=2)


def test_labels_that_do_not_fit_are_refused():
    x, y, station = _clustered(np.random.default_rng(8))
    with pytest.raises(InputError, match="cluster labels"):
        assess(x, y, clusters=station[1:])
    with pytest.raises(InputError, match="one of them"):
        assess(x, y, clusters=station, time=np.arange(len(x)))
