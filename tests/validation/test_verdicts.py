"""The error of the reference in the verdict, against satellites and areas whose errors are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import lfilter

from smgee.errors import InputError
from smgee.validation.verdicts import sampling_error, verdict


def red(rng: np.random.Generator, n: int, rho: float, count: int = 1) -> np.ndarray:
    noise = rng.standard_normal((n + 100, count)) * math.sqrt(1 - rho**2)
    return lfilter([1.0], [1.0, -rho], noise, axis=0)[100:]


def network(rng: np.random.Generator, stations: int, n: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """Return the area's true mean and stations that err by 0.05 in level and 0.03 in time."""
    truth = 0.2 + 0.05 * red(rng, n, 0.9)[:, 0]
    own = 0.05 * rng.standard_normal(stations) + 0.03 * red(rng, n, 0.7, stations)
    return truth, truth[:, None] + own


def test_the_jackknife_finds_the_error_of_the_mean():
    """0.05 / √k in level and 0.03 / √k in time, of k stations."""
    rng = np.random.default_rng(0)
    found = [sampling_error(network(rng, 9)[1]) for _ in range(200)]
    level = np.sqrt(np.mean([e.level**2 for e in found]))
    assert level == pytest.approx(0.05 / 3, rel=0.1)
    assert np.sqrt(np.mean([e.dynamics**2 for e in found])) == pytest.approx(0.01, rel=0.1)
    assert math.isnan(sampling_error(network(rng, 2)[1]).level)


def test_a_silent_station_is_no_error_of_the_dynamics():
    """A station that drops out for half the time moves a plain mean, not this one."""
    levels = np.array([0.1, 0.2, 0.3, 0.4])
    values = (0.05 * np.sin(np.arange(100) / 9))[:, None] + levels
    values[50:, 3] = np.nan
    assert sampling_error(values).dynamics == pytest.approx(0, abs=1e-9)
    assert sampling_error(values).level > 0.05


def test_intervals_hold_the_truth_and_the_plain_figure_does_not():
    rng = np.random.default_rng(1)
    hits = {"r": 0, "bias": 0, "ubrmse": 0}
    raw = []
    for k in range(150):
        truth, stations = network(rng, 6)
        satellite = truth - 0.03 + 0.03 * red(rng, 150, 0.3)[:, 0]
        got = verdict(satellite, stations, draws=2000, seed=k)
        true = {
            "r": np.corrcoef(satellite, truth)[0, 1],
            "bias": (satellite - truth).mean(),
            "ubrmse": (satellite - truth).std(),
        }
        for name, value in true.items():
            hits[name] += got.intervals[name][0] <= value <= got.intervals[name][1]
        raw.append([got.values["ubrmse"], got.corrected["ubrmse"], true["ubrmse"]])
    assert all(h / 150 > 0.88 for h in hits.values()), hits
    plain, corrected, true_size = np.mean(raw, axis=0)
    assert plain > true_size + 0.002
    assert corrected == pytest.approx(true_size, abs=0.001)


def test_the_probability_is_one():
    """Over many areas and satellites, what is given a probability of about one half happens in about half."""
    rng = np.random.default_rng(2)
    told, came = [], []
    for k in range(200):
        truth, stations = network(rng, 6)
        satellite = truth + rng.uniform(0.03, 0.05) * red(rng, 150, 0.3)[:, 0]
        told.append(verdict(satellite, stations, draws=2000, seed=k).meets)
        came.append((satellite - truth).std() <= 0.04)
    told, came = np.array(told), np.array(came)
    middle = (told > 0.3) & (told < 0.7)
    assert 0.25 < came[middle].mean() < 0.75
    assert came[told > 0.9].mean() > 0.85
    assert came[told < 0.1].mean() < 0.15


def test_few_persistent_differences_do_not_look_smaller_than_they_are():
    """40 of lag-1 correlation 0.7 have the variance of their mean, a seventh of their own, out of the plain
    ubRMSE. The block bootstrap finds most of it.
    """
    rng = np.random.default_rng(4)
    plain, corrected, told = [], [], []
    for k in range(300):
        truth = 0.2 + 0.05 * red(rng, 40, 0.9)[:, 0]
        got = verdict(truth + 0.04 * red(rng, 40, 0.7)[:, 0], np.tile(truth[:, None], 5), draws=1000, seed=k)
        plain.append(got.values["ubrmse"])
        corrected.append(got.corrected["ubrmse"])
        told.append(got.meets)
    missing = 1 - np.mean(np.square([plain, corrected]), axis=1) / 0.04**2
    assert 0.10 < missing[0] < 0.16
    assert abs(missing[1]) < missing[0] / 2
    assert 0.45 < np.mean(told) < 0.6  # the true size is the target


def test_sentences_and_refusals():
    rng = np.random.default_rng(3)
    truth, stations = network(rng, 6)
    good = verdict(truth + 0.01 * rng.standard_normal(150), stations)
    assert good.meets > 0.95
    assert "6 stations" in good.sentence()
    few = verdict(truth, stations[:, :2])
    assert math.isnan(few.meets)
    assert "with values: 2" in few.sentence()
    assert "n = 5" in verdict(truth[:5], stations[:5]).sentence()
    nothing = verdict(truth * np.nan, stations)
    assert "no pair" in nothing.sentence()
    with pytest.raises(InputError, match="one row per time"):
        verdict(truth[:3], stations)
    with pytest.raises(InputError, match="target"):
        verdict(truth, stations, target=0)
