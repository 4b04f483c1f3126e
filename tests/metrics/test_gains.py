"""Gains that share a reference: false alarms, power, and what they are compared with."""

from __future__ import annotations

import math

import numpy as np
import pytest

from smgee.errors import InputError
from smgee.metrics import false_alarms, gain_tests, score, williams
from smgee.metrics.alike import Alike
from smgee.metrics.gains import GAINS, p_values
from smgee.metrics.persistence import lag1, links
from tests.metrics.series import judged, red

CASES = 3000
"""Their share of false alarms has a standard error of 0.4 %."""


def rates(satellite: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return how often each metric finds a gain at 5 %, for series of shape (cases, n)."""
    cases, link = np.stack([satellite, a, b], axis=1), np.ones(a.shape[1] - 1, bool)
    found = [p_values(name, cases, link, np.random.default_rng(1)) for name in GAINS]
    return np.array([(p <= 0.05).mean() for p in found])


@pytest.mark.parametrize(("n", "of_errors", "most"), [(50, 0.2, 0.07), (100, 0.9, 0.07), (120, 0.97, 0.11)])
def test_false_alarms_are_five_in_a_hundred(n, of_errors, most):
    """But where what tells the references apart lasts nearly as long as the series."""
    rng = np.random.default_rng(n)
    truth = 0.2 + 0.05 * red(rng, n, 0.9, count=CASES)
    a, b = (truth + 0.02 * red(rng, n, of_errors, count=CASES) for _ in range(2))
    found = rates(truth - 0.02 + 0.03 * red(rng, n, 0.3, count=CASES), a, b)
    assert (found >= 0.03).all(), found
    assert (found <= most).all(), found


@pytest.mark.parametrize(("level", "bias"), [(0.002, 0.0), (0.0, -0.03), (0.0, 0.0)])
def test_levels_that_last_make_no_gain(level, bias):
    """References apart for good, and a satellite whose mean error is none but is known to 0.01 only.

    Or they are apart in nothing but their dynamics, and the satellite is biased. A test that takes the level
    for one that changes as the rest does finds a gain in RMSE in 15 % of the first.
    """
    rng = np.random.default_rng(8)
    middle = 0.2 + 0.024 * red(rng, 55, 0.87, count=CASES)
    half = level / 2 + 0.00095 * red(rng, 55, 0.5, count=CASES)
    found = rates(middle + bias + 0.033 * red(rng, 55, 0.7, count=CASES), middle + half, middle - half)
    assert (found >= 0.03).all(), found
    assert (found <= 0.07).all(), found
    # the test by itself, of some of the cases
    rng = np.random.default_rng(9)
    hits = 0
    for k in range(100):
        middle = 0.2 + 0.024 * red(rng, 55, 0.87)
        half = level / 2 + 0.00095 * red(rng, 55, 0.5)
        s = middle + bias + 0.033 * red(rng, 55, 0.7)
        one = gain_tests(middle + half, middle - half, s, metrics=["rmse"], simulations=199, seed=k)[0]
        hits += one.p <= 0.05
    assert hits <= 10


def test_few_passes_of_a_persistent_land_make_no_gain_in_r():
    """28 passes under slow drying: what R leaves of the references' difference persists less than they do."""
    rng = np.random.default_rng(9)
    middle = 0.2 + 0.024 * red(rng, 28, 0.9, count=CASES)
    half = 0.004 * red(rng, 28, 0.8, count=CASES)
    found = rates(middle + 0.033 * red(rng, 28, 0.8, count=CASES), middle + half, middle - half)
    assert 0.03 <= found[GAINS.index("r")] <= 0.07


def test_false_alarms_of_a_study_are_those_of_its_kind():
    """Independent-time tests are told to alarm too often, the persistent one not."""
    a, b, s = judged(np.random.default_rng(1), 150, of_errors=0.95)

    def naive(x, y, z):
        r = score("r", x, z), score("r", y, z), score("r", x, y)
        return williams(*r, len(x)).p < 0.05

    assert false_alarms(a, b, s, naive, runs=200) > 0.15
    assert 0.03 <= gain_tests(a, b, s, metrics=["r"], verify=True)[0].false_alarms <= 0.07


def test_a_gain_is_found_and_its_size_told():
    rng = np.random.default_rng(3)
    found, told = 0, []
    for k in range(60):
        a, b, s = judged(rng, 150, of_errors=0.3, worse=0.04)
        r, ubrmse, _ = gain_tests(a, b, s, simulations=299, seed=k)
        assert r.value == pytest.approx(score("r", a, s) - score("r", b, s))
        assert ubrmse.value == pytest.approx(score("ubrmse", a, s) - score("ubrmse", b, s))
        found += r.p <= 0.05
        told.append(r.power)
    assert found >= 40
    assert np.mean(told) == pytest.approx(found / 60, abs=0.15)


def test_detectable_is_found_four_times_in_five():
    rng = np.random.default_rng(4)
    a, b, s = judged(rng, 150, of_errors=0.5)
    one = gain_tests(a, b, s, metrics=["ubrmse"])[0]
    assert one.low < 0 < one.high
    assert one.detectable > one.high
    same = gain_tests(a, a, s)
    assert [g.value for g in same] == [0, 0, 0]
    assert all(g.p == 1 for g in same)


def test_small_p_values_have_their_size_too():
    """As a gain grows its p-value falls through the thousandths: it does not leap to the least there is."""
    a, b, s = judged(np.random.default_rng(14), 60, of_errors=0.5)
    error = s - (a + b) / 2
    p = [
        gain_tests(a + k * error, b - k * error, s, metrics=["ubrmse"], simulations=999)[0].p
        for k in np.linspace(0, 0.5, 60)
    ]
    assert sum(0.002 < one < 0.009 for one in p) >= 2
    assert min(p) == pytest.approx(0.001)


def test_few_times_and_metrics_unknown():
    a, b, s = judged(np.random.default_rng(5), 200, of_errors=0.9)
    few = gain_tests(a[:9], b[:9], s[:9], verify=True)
    assert all(math.isnan(g.p) and math.isnan(g.false_alarms) and g.n == 9 for g in few)
    assert all(math.isnan(g.p) for g in gain_tests(a, b, s * 0, metrics=["r"], simulations=99))
    with pytest.raises(InputError, match="'kge' cannot be tested"):
        gain_tests(a, b, s, metrics=["kge"])


def test_false_alarms_told_are_those_counted_one_by_one():
    """Few passes, so that the estimates of persistence are poor in every case."""
    a, b, s = judged(np.random.default_rng(12), 40, of_errors=0.8)
    told = gain_tests(a, b, s, metrics=["ubrmse"], verify=True)[0].false_alarms

    def test(x, y, z):
        return gain_tests(x, y, z, metrics=["ubrmse"], simulations=299)[0].p <= 0.05

    assert false_alarms(a, b, s, test, runs=250) == pytest.approx(told, abs=0.04)
    assert 0.03 <= told <= 0.07
    assert math.isnan(gain_tests(a, b, s, metrics=["r"], simulations=199)[0].false_alarms)


def test_simulated_cases_are_like_those_given():
    """Spread, persistence and levels over many cases; the seam of two seasons is no step."""
    a, b, s = judged(np.random.default_rng(13), 400, of_errors=0.6, worse=0.03)
    days = np.arange(400.0) + np.where(np.arange(400) < 200, 0, 150)
    link = links(days, 400)
    assert (~link).sum() == 1
    found = np.stack([s, a + 0.01, b])[None]
    cases = Alike.like(found, link).draw(np.random.default_rng(0), 300)
    assert cases.shape == (300, 3, 400)
    apart, middle = cases[:, 1] - cases[:, 2], (cases[:, 1] + cases[:, 2]) / 2
    wanted = a + 0.01 - b
    assert apart.std(axis=1).mean() == pytest.approx(wanted.std(), rel=0.03)
    assert np.mean([lag1(x) for x in apart]) == pytest.approx(lag1(wanted, link), abs=0.03)
    assert np.corrcoef(apart.ravel(), cases[:, 0].ravel())[0, 1] == pytest.approx(0, abs=0.03)
    of_satellite = np.corrcoef(middle.ravel(), cases[:, 0].ravel())[0, 1]
    assert of_satellite == pytest.approx(np.corrcoef(s, (a + 0.01 + b) / 2)[0, 1], abs=0.03)
    # the satellite's bias of 0.025 and the level of 0.01: the surer of the two is left
    bias, level = (cases[:, 0] - middle).mean(), apart.mean()
    assert sorted([abs(bias) > 0.005, abs(level) > 0.005]) == [False, True]
    again = Alike.like(cases, link).draw(np.random.default_rng(1))
    assert again.shape == cases.shape
    assert again.std() == pytest.approx(cases.std(), rel=0.05)
