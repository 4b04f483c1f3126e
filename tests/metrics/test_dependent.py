"""Gains that share a reference: published values, false alarms, power, and a perfect reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import lfilter

from smgee.errors import InputError
from smgee.metrics import (
    alarm_rates,
    assess,
    contrast,
    dependent_correlations,
    false_alarms,
    gain_tests,
    perfect_reference,
    score,
    steiger,
    williams,
)
from smgee.metrics.dependent import GAINS


def red(rng: np.random.Generator, n: int, rho: float) -> np.ndarray:
    """Return a stationary first-order series of unit variance."""
    noise = rng.standard_normal(n + 200) * math.sqrt(1 - rho**2)
    return lfilter([1.0], [1.0, -rho], noise)[200:]


def case(
    rng: np.random.Generator, n: int, *, of_errors: float, worse: float = 0.02
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return two references and a satellite; with worse=0.02 the references are equally good."""
    truth = 0.2 + 0.05 * red(rng, n, 0.9)
    satellite = truth - 0.02 + 0.03 * red(rng, n, 0.3)
    return (
        truth + 0.02 * red(rng, n, of_errors),
        truth + worse * red(rng, n, of_errors),
        satellite,
    )


def test_williams_is_that_of_the_published_program():
    """Silver, Hittner & May 2006, Appl. Psychol. Meas. 30:152-153: r 0.3, 0.4, 0.5 and n = 100."""
    found = williams(0.3, 0.4, 0.5, 100)
    assert found.statistic == pytest.approx(-1.0767, abs=5e-5)
    assert found.p == pytest.approx(0.2843, abs=5e-5)


def test_both_tests_keep_their_level_where_times_are_independent():
    rng = np.random.default_rng(0)
    hits = np.zeros(2)
    for _ in range(1000):
        truth = rng.standard_normal(60)
        s, a, b = (truth + scale * rng.standard_normal(60) for scale in (0.8, 0.5, 0.5))
        r = score("r", a, s), score("r", b, s), score("r", a, b)
        hits += [williams(*r, 60).p < 0.05, steiger(*r, 60).p < 0.05]
    assert (hits / 1000 > 0.035).all()
    assert (hits / 1000 < 0.065).all()


def test_tests_of_no_use_say_nothing():
    assert math.isnan(williams(0.9, 0.8, 0.7, 3).p)
    assert math.isnan(steiger(0.9, 0.8, 0.7, 3).p)
    assert math.isnan(steiger(1.0, 1.0, 1.0, 30).p)
    assert math.isnan(williams(1.0, 1.0, 1.0, 30).p)


@pytest.mark.parametrize(("n", "of_errors"), [(50, 0.2), (100, 0.9), (120, 0.97)])
def test_false_alarms_are_five_in_a_hundred(n, of_errors):
    """Nominal 5 % must be 3 to 7 %, up to the noise of 600 trials (standard error 0.9 %)."""
    rng = np.random.default_rng(n)
    hits = np.zeros(len(GAINS))
    for k in range(600):
        a, b, s = case(rng, n, of_errors=of_errors)
        hits += [g.p <= 0.05 for g in gain_tests(a, b, s, simulations=299, seed=k)]
    assert (hits / 600 >= 0.02).all(), hits / 600
    assert (hits / 600 <= 0.085).all(), hits / 600


def test_false_alarms_of_a_study_are_those_of_its_kind():
    """Independent-time tests are told to alarm too often, the persistent one not."""
    a, b, s = case(np.random.default_rng(1), 150, of_errors=0.95)

    def naive(x, y, z):
        r = score("r", x, z), score("r", y, z), score("r", x, y)
        return williams(*r, len(x)).p < 0.05

    def ours(x, y, z):
        return gain_tests(x, y, z, metrics=["r"], simulations=199)[0].p <= 0.05

    assert false_alarms(a, b, s, naive, runs=200) > 0.15
    assert 0.01 <= false_alarms(a, b, s, ours, runs=200) <= 0.1


def test_blocks_heed_what_tells_the_references_apart():
    """Two good references whose small difference lasts for weeks, under a noisy satellite."""
    rng = np.random.default_rng(2)
    truth = rng.standard_normal(300)
    s = truth + 0.5 * rng.standard_normal(300)
    apart = 0.2 * red(rng, 300, 0.97)
    a, b = truth + apart, truth - apart
    long = contrast(a, b, s).block
    assert long >= 20
    assert max(assess(a, s).block, assess(b, s).block) < long / 2


def test_a_gain_is_found_and_its_size_told():
    rng = np.random.default_rng(3)
    found, told = 0, []
    for k in range(60):
        a, b, s = case(rng, 150, of_errors=0.3, worse=0.04)
        r, ubrmse, _ = gain_tests(a, b, s, simulations=299, seed=k)
        assert r.value == pytest.approx(score("r", a, s) - score("r", b, s))
        assert ubrmse.value == pytest.approx(score("ubrmse", a, s) - score("ubrmse", b, s))
        found += r.p <= 0.05
        told.append(r.power)
    assert found >= 40
    assert np.mean(told) == pytest.approx(found / 60, abs=0.15)


def test_detectable_is_found_four_times_in_five():
    rng = np.random.default_rng(4)
    a, b, s = case(rng, 150, of_errors=0.5)
    one = gain_tests(a, b, s, metrics=["ubrmse"])[0]
    assert one.low < 0 < one.high
    assert one.detectable > one.high
    same = gain_tests(a, a, s)
    assert [g.value for g in same] == [0, 0, 0]
    assert all(g.p == 1 for g in same)


def test_effective_times_and_few_times():
    rng = np.random.default_rng(5)
    a, b, s = case(rng, 200, of_errors=0.9)
    tests = dependent_correlations(a, b, s)
    r = score("r", a, s), score("r", b, s), score("r", a, b)
    assert tests["williams"].p > williams(*r, 200).p
    few = gain_tests(a[:9], b[:9], s[:9])
    assert all(math.isnan(g.p) and g.n == 9 for g in few)
    with pytest.raises(InputError, match="'kge' cannot be tested"):
        gain_tests(a, b, s, metrics=["kge"])


def test_what_a_perfect_reference_would_gain():
    rng = np.random.default_rng(6)
    truth = 0.2 + 0.05 * rng.standard_normal(20000)
    s = truth + 0.03 * rng.standard_normal(20000)
    reference = truth + 0.02 * rng.standard_normal(20000)
    got = perfect_reference(s, reference, error=0.02)
    assert got["r"] == pytest.approx(score("r", s, truth), abs=0.005)
    assert got["ubrmse"] == pytest.approx(score("ubrmse", s, truth), abs=5e-4)
    assert got["gain_r"] > 0 > got["gain_ubrmse"]
    assert math.isnan(perfect_reference(s, reference, error=0.2)["r"])
    with pytest.raises(InputError, match="negative"):
        perfect_reference(s, reference, error=-1)


def test_many_cases_at_once_give_the_rates_of_one_after_another():
    """The same cases, tested by `gain_tests` one by one and all together."""
    rng = np.random.default_rng(12)
    n = 70
    common = 0.2 + 0.04 * np.cumsum(rng.normal(0, 0.3, n)) / 3
    a, b = (common + rng.normal(0, size, n) for size in (0.010, 0.015))
    s = common + rng.normal(0, 0.03, n)
    rates = alarm_rates(a, b, s, runs=300, simulations=199)
    for metric, rate in rates.items():

        def test(x, y, z, metric=metric):
            return gain_tests(x, y, z, metrics=[metric], simulations=199)[0].p <= 0.05 + 1e-9

        single = false_alarms(a, b, s, test, runs=300)
        assert abs(rate - single) <= 0.02, metric  # the same cases; only the surrogates differ
    assert alarm_rates(a[:8], b[:8], s[:8], runs=20) == pytest.approx(
        dict.fromkeys(rates, np.nan), nan_ok=True
    )
