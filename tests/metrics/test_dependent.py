"""Correlations that share a series: published values, levels, and a perfect reference."""

from __future__ import annotations

import math

import numpy as np
import pytest

from smgee.errors import InputError
from smgee.metrics import (
    assess,
    contrast,
    dependent_correlations,
    perfect_reference,
    score,
    steiger,
    williams,
)
from tests.metrics.series import judged, red


def test_williams_is_that_of_the_published_program():
    """Silver, Hittner & May 2006, Appl. Psychol. Meas. 30:152-153: r 0.3, 0.4, 0.5 and n = 100."""
    found = williams(0.3, 0.4, 0.5, 100)
    assert found.statistic == pytest.approx(-1.0767, abs=5e-5)
    assert found.p == pytest.approx(0.2843, abs=5e-5)


@pytest.mark.parametrize(
    ("r_a", "r_b", "r_ab", "n"), [(0.82, 0.74, 0.9, 45.0), (0.3, 0.4, 0.5, 100.0), (-0.2, 0.1, 0.3, 30.5)]
)
def test_steiger_by_the_equations_of_its_paper(r_a, r_b, r_ab, n):
    """Steiger 1980, Psychol. Bull. 87:245-251: equation 3 with both correlations at their mean, over the
    variances of equation 2, and equation 14.
    """
    r = (r_a + r_b) / 2
    psi = r_ab * (1 - r * r - r * r) - 0.5 * r * r * (1 - r * r - r * r - r_ab * r_ab)
    covariance = psi / ((1 - r * r) * (1 - r * r))
    z = np.log((1 + r_a) / (1 - r_a)) / 2 - np.log((1 + r_b) / (1 - r_b)) / 2
    found = steiger(r_a, r_b, r_ab, n)
    assert found.statistic == pytest.approx(np.sqrt(n - 3) * z / np.sqrt(2 - 2 * covariance))
    assert found.p == pytest.approx(math.erfc(abs(found.statistic) / math.sqrt(2)))


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


def test_effective_times():
    rng = np.random.default_rng(5)
    a, b, s = judged(rng, 200, of_errors=0.9)
    tests = dependent_correlations(a, b, s)
    r = score("r", a, s), score("r", b, s), score("r", a, b)
    assert tests["williams"].p > williams(*r, 200).p


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
