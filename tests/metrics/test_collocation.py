"""Collocation against pytesmo, known truths, and data that break its assumptions."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from smgee.errors import InputError
from smgee.metrics import collocate

FAST = {"resamples": 200}


def red(rng: np.random.Generator, n: int, rho: float) -> np.ndarray:
    noise = rng.standard_normal(n + 100) * math.sqrt(1 - rho**2)
    return lfilter([1.0], [1.0, -rho], noise)[100:]


def sets(seed: int, n: int = 400, rho: float = 0.5) -> dict[str, np.ndarray]:
    """Return four data sets of one signal of standard deviation 0.05: the second on twice the scale."""
    rng = np.random.default_rng(seed)
    truth = 0.05 * red(rng, n, 0.9)
    return {
        "smap": truth + 0.03 * red(rng, n, rho),
        "station": 2 * truth + 0.02 * red(rng, n, rho),
        "model": 0.8 * truth + 0.04 * red(rng, n, rho),
        "ascat": 1.2 * truth + 0.05 * red(rng, n, rho),
    }


@pytest.mark.parametrize("seed", range(4))
def test_triple_collocation_is_that_of_pytesmo(seed):
    pytesmo = pytest.importorskip("pytesmo.metrics")
    three = {k: v for k, v in sets(seed).items() if k != "ascat"}
    snr, error, beta = pytesmo.tcol_metrics(*three.values())
    found = collocate(three, **FAST)
    close = {"abs": 1e-10, "rel": 1e-10}
    assert [one.snr for one in found.sets] == pytest.approx(list(snr), **close)
    assert [one.scaled_error for one in found.sets] == pytest.approx(list(error), **close)
    assert [one.beta for one in found.sets] == pytest.approx(list(beta), **close)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("correlated", [[], [("model", "ascat")]])
def test_extended_collocation_is_that_of_pytesmo(correlated):
    pytesmo = pytest.importorskip("pytesmo.metrics")
    four = sets(5) | {
        "radar": sets(6)["smap"] * 0 + sets(5)["smap"] + 0.01 * red(np.random.default_rng(1), 400, 0)
    }
    theirs = pytesmo.ecol(pd.DataFrame(four), correlated=[list(p) for p in correlated] or None, abs_est=False)
    found = collocate(four, correlated=correlated, **FAST)
    for one in found.sets:
        assert one.signal == pytest.approx(theirs[f"sig_{one.name}"], abs=1e-10)
        if theirs[f"err_{one.name}"] > 0:
            assert one.error**2 == pytest.approx(theirs[f"err_{one.name}"], abs=1e-10)
            assert one.snr == pytest.approx(theirs[f"snr_{one.name}"], abs=1e-8)
    for pair in found.correlations:
        assert pair.covariance == pytest.approx(theirs[f"err_cov_{pair.first}_{pair.second}"], abs=1e-10)
        assert pair.correlation == pytest.approx(theirs[f"err_corr_{pair.first}_{pair.second}"], abs=1e-8)


def test_the_truth_is_found_and_held():
    """Error, scale and correlation with the truth, and how often 95 % intervals hold the error."""
    errors = {"smap": 0.03, "station": 0.02, "model": 0.04}
    hits, seen = dict.fromkeys(errors, 0), []
    for seed in range(100):
        three = {k: v for k, v in sets(seed, n=300).items() if k != "ascat"}
        found = collocate(three, **FAST)
        seen.append([[found[k].error, found[k].r, found[k].beta] for k in errors])
        for k, true in errors.items():
            low, high = found[k].intervals["error"]
            hits[k] += low <= true <= high
    mean = np.nanmedian(seen, axis=0)
    np.testing.assert_allclose(mean[:, 0], list(errors.values()), rtol=0.12)
    np.testing.assert_allclose(mean[:, 1], [0.857, 0.981, 0.707], atol=0.02)
    np.testing.assert_allclose(mean[:, 2], [1, 0.5, 1.25], rtol=0.05)
    assert all(h >= 85 for h in hits.values()), hits


def together(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Return four data sets, the last two with errors that correlate by 0.9."""
    truth, shared = 0.05 * rng.standard_normal(n), 0.03 * rng.standard_normal(n)
    return {
        "a": truth + 0.02 * rng.standard_normal(n),
        "b": truth + 0.02 * rng.standard_normal(n),
        "c": truth + shared + 0.01 * rng.standard_normal(n),
        "d": truth + shared + 0.01 * rng.standard_normal(n),
    }


def test_errors_that_go_together_are_told():
    rng = np.random.default_rng(7)
    told = [
        collocate(together(rng, 1000), correlated=[("c", "d")], **FAST).correlations[0] for _ in range(40)
    ]
    assert np.mean([pair.correlation for pair in told]) == pytest.approx(0.9, abs=0.01)
    assert sum(pair.low < 0.9 < pair.high for pair in told) >= 34
    four = together(rng, 3000)
    three = {k: four[k] for k in "acd"}
    wrong = collocate(three, **FAST)["c"].error
    assert wrong < 0.02, "the shared error passes for signal where nothing else can tell"


def test_a_negative_variance_is_no_number():
    """A data set without error, and too few times: the variance comes out on either side of zero."""
    rng = np.random.default_rng(8)
    negative, from_nothing, share = 0, 0, []
    for _ in range(40):
        truth = rng.standard_normal(40)
        three = {
            "exact": truth,
            "b": truth + 0.5 * rng.standard_normal(40),
            "c": truth + 0.5 * rng.standard_normal(40),
        }
        one = collocate(three, **FAST)["exact"]
        share.append(one.negative)
        from_nothing += one.intervals["error"][0] == 0.0
        if math.isnan(one.error):
            negative += 1
            assert "negative" in one.reason
            assert math.isnan(one.snr)
            assert math.isnan(one.r)
        else:
            assert one.reason == ""
    assert 5 < negative < 35
    assert from_nothing > 30
    assert 0.3 < np.mean(share) < 0.7


def test_no_common_signal():
    """a shares one half with b and another with c, which are opposed to each other."""
    u, v = np.random.default_rng(9).standard_normal((2, 400))
    got = collocate({"a": u + v, "b": u, "c": v - 0.3 * u}, **FAST)
    assert all("do not share one signal" in one.reason for one in got.sets)
    assert all(math.isnan(one.error) for one in got.sets)


def test_a_data_set_upside_down():
    pytesmo = pytest.importorskip("pytesmo.metrics")
    three = {k: v for k, v in sets(2).items() if k != "ascat"} | {"model": -sets(2)["model"]}
    found = collocate(three, **FAST)
    assert [one.beta for one in found.sets] == pytest.approx(list(pytesmo.tcol_metrics(*three.values())[2]))
    assert found["model"].beta < 0 < found["model"].scaled_error


def test_missing_times_few_times_and_refusals():
    three = {k: v.copy() for k, v in sets(10).items() if k != "ascat"}
    three["model"][::3] = np.nan
    keep = ~np.isnan(three["model"])
    assert collocate(three, **FAST).n == keep.sum()
    assert (
        collocate(three, **FAST)["smap"] == collocate({k: v[keep] for k, v in three.items()}, **FAST)["smap"]
    )
    few = collocate({k: v[:9] for k, v in sets(1).items()})
    assert "n = 9" in few["smap"].reason
    with pytest.raises(InputError, match="three or more"):
        collocate({"a": np.zeros(20), "b": np.zeros(20)})
    with pytest.raises(InputError, match="no triplet"):
        collocate(three, correlated=[("smap", "model")])
    with pytest.raises(InputError, match="not pairs of"):
        collocate(three, correlated=[("smap", "radar")])
