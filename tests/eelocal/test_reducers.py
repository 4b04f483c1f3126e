"""Reducers: against NumPy and SciPy, on columns with gaps, and in parts."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from smgee.eelocal.errors import EEError
from smgee.eelocal.ops import reducer as ops
from smgee.eelocal.statistics.combine import Combined, Unweighted
from smgee.eelocal.statistics.moments import Extreme, Mean, Sum
from smgee.eelocal.statistics.order import Percentile
from smgee.eelocal.statistics.regression import LinearRegression, least_squares
from smgee.eelocal.values.reducer import Column, Reducer, as_column, as_value

pytestmark = pytest.mark.filterwarnings(
    "ignore:Mean of empty slice", "ignore:All-NaN", "ignore:Degrees of freedom"
)

VALUES = arrays("f8", (7, 3), elements=st.floats(-1e3, 1e3, width=32))
GAPS = arrays("f8", (7, 3), elements=st.sampled_from([0.0, 1.0]))
WEIGHTS = arrays("f8", (7, 3), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]))


def plain(name: str) -> Reducer:
    return ops.PLAIN[name]()


# Statistics of columns with gaps, by NumPy's functions that ignore NaN.
ORACLES: dict[str, Any] = {
    "mean": np.nanmean,
    "sum": np.nansum,
    "stdDev": np.nanstd,
    "variance": np.nanvar,
    "sampleVariance": lambda a, axis: np.nanvar(a, axis=axis, ddof=1),
    "count": lambda a, axis: np.isfinite(a).sum(axis=axis),
    "product": np.nanprod,
}


@pytest.mark.parametrize("name", ORACLES)
@settings(max_examples=30, deadline=None)
@given(values=VALUES, gaps=GAPS)
def test_streaming_statistics_ignore_gaps(name: str, values: np.ndarray, gaps: np.ndarray) -> None:
    (result,) = plain(name).reduce([Column(values, gaps)])
    wanted = ORACLES[name](np.where(gaps > 0, values, np.nan), axis=0)
    np.testing.assert_allclose(result.values[result.valid], wanted[result.valid], rtol=1e-9, atol=1e-6)
    least = {"sampleVariance": 2, "count": 0}.get(name, 1)
    np.testing.assert_array_equal(result.valid, gaps.sum(axis=0) >= least)


@settings(max_examples=40, deadline=None)
@given(values=VALUES, gaps=GAPS, fraction=st.integers(0, 100))
def test_percentiles_are_numpys_linear_ones(values: np.ndarray, gaps: np.ndarray, fraction: int) -> None:
    (result,) = Percentile("percentile", [fraction], ["p"]).reduce([Column(values, gaps)])
    wanted = np.nanpercentile(np.where(gaps > 0, values, np.nan), fraction, axis=0)
    np.testing.assert_allclose(result.values[result.valid], wanted[result.valid], rtol=1e-9, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(values=VALUES, weights=WEIGHTS, cut=st.integers(0, 7), again=st.integers(0, 7))
@pytest.mark.parametrize(
    "name",
    [
        "mean",
        "sum",
        "stdDev",
        "kurtosis",
        "minMax",
        "count",
        "circularMean",
        "first",
        "last",
        "mode",
        "frequencyHistogram",
    ],
)
def test_merging_parts_is_reducing_the_whole(
    name: str, values: np.ndarray, weights: np.ndarray, cut: int, again: int
) -> None:
    reducer = plain(name) if name != "mode" else ops.mode(None, None, None)
    a, b = sorted((cut, again))
    parts = [Column(values[s], weights[s]) for s in (slice(0, a), slice(a, b), slice(b, None))]
    states = [reducer.add(reducer.start((3,)), [p]) for p in parts]
    left = reducer.merge(reducer.merge(states[0], states[1]), states[2])
    right = reducer.merge(states[0], reducer.merge(states[1], states[2]))
    whole = reducer.reduce([Column(values, weights)])
    for one, two, all_ in zip(reducer.finish(left), reducer.finish(right), whole, strict=True):
        np.testing.assert_array_equal(one.valid, all_.valid)
        np.testing.assert_array_equal(two.valid, all_.valid)
        if all_.values.dtype == object:
            assert one.values.tolist() == two.values.tolist() == all_.values.tolist()
        else:
            shape = np.broadcast_to(all_.valid, all_.values.shape)
            np.testing.assert_allclose(one.values[shape], all_.values[shape], rtol=1e-7, atol=1e-6)
            np.testing.assert_allclose(two.values[shape], all_.values[shape], rtol=1e-7, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    values=arrays("f8", 12, elements=st.floats(-50, 50, width=32)),
    weights=arrays("i8", 12, elements=st.integers(0, 3)),
)
def test_integer_weights_repeat_elements(values: np.ndarray, weights: np.ndarray) -> None:
    repeated = np.repeat(values, weights)
    if repeated.size == 0:
        return
    column = Column(values, weights.astype("f8"))
    (mean,) = Mean().reduce([column])
    assert mean.values == pytest.approx(repeated.mean(), abs=1e-6)
    (total,) = Sum().reduce([column])
    assert total.values == pytest.approx(repeated.sum(), abs=1e-6)
    (mode,) = ops.mode(None, None, None).reduce([column])
    distinct, counts = np.unique(repeated, return_counts=True)
    assert mode.values == distinct[np.argmax(counts)]


def test_moments_are_the_populations() -> None:
    data = np.array([1.0, 2.0, 2.0, 9.0, 4.5])
    assert as_value(plain("skew").reduce([Column(data)])[0]) == pytest.approx(stats.skew(data))
    assert as_value(plain("kurtosis").reduce([Column(data)])[0]) == pytest.approx(stats.kurtosis(data))
    assert as_value(plain("kurtosis").reduce([Column(np.ones(4))])[0]) is None


def test_correlations_are_scipys() -> None:
    x, y = np.array([1.0, 2, 3, 4, 6, 8]), np.array([2.0, 1, 4, 3, 7, 5])
    for name, oracle in (("pearsonsCorrelation", stats.pearsonr), ("spearmansCorrelation", stats.spearmanr)):
        correlation, p_value = (as_value(r) for r in plain(name).reduce([Column(x), Column(y)]))
        assert correlation == pytest.approx(oracle(x, y).statistic)
        assert p_value == pytest.approx(oracle(x, y).pvalue)
    tau, _ = (as_value(r) for r in ops.kendall(2).reduce([Column(x), Column(y)]))
    assert tau == pytest.approx(stats.kendalltau(x, y).statistic)
    trend, _ = (as_value(r) for r in ops.kendall(1).reduce([Column(y)]))
    assert trend == pytest.approx(stats.kendalltau(np.arange(6), y).statistic)
    slope, offset = (as_value(r) for r in plain("sensSlope").reduce([Column(x), Column(y)]))
    assert slope == pytest.approx(stats.theilslopes(y, x).slope)
    assert offset == pytest.approx(np.median(y - slope * x))


def test_regression_of_many_pixels_is_that_of_each() -> None:
    rng = np.random.default_rng(1)
    x = np.stack([np.ones((9, 4)), rng.normal(size=(9, 4)) * 1e6, rng.normal(size=(9, 4))])
    y = 3 + 2e-6 * x[1] - x[2] + rng.normal(size=(9, 4))
    gaps = (rng.random((9, 4)) > 0.2).astype("f8")
    gaps[:7, 3] = 0  # two elements left for three unknowns
    coefficients, residuals = LinearRegression(3, 1).reduce([*(Column(v, gaps) for v in x), Column(y, gaps)])
    assert coefficients.valid.tolist() == [True, True, True, False]
    for p in range(3):
        keep = gaps[:, p] > 0
        beta = np.linalg.lstsq(x[:, keep, p].T, y[keep, p], rcond=None)[0]
        np.testing.assert_allclose(coefficients.values[p, :, 0], beta, rtol=1e-6)
        rms = np.sqrt(np.mean((y[keep, p] - x[:, keep, p].T @ beta) ** 2))
        assert residuals.values[p, 0] == pytest.approx(rms)


def test_rank_deficient_systems_get_the_shortest_solution() -> None:
    x = np.array([[[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]])
    y = np.array([[[1.0], [2.0], [3.0]]])
    beta = least_squares(x, y)
    np.testing.assert_allclose(x @ beta, y, atol=1e-12)


def test_robust_regression_leaves_the_outlier_out() -> None:
    x = np.arange(10.0)
    y = 1 + 2 * x
    y[4] = 100
    (coefficients, _) = ops.robust_linear_regression(2, 1, None).reduce(
        [Column(np.ones(10)), Column(x), Column(y)]
    )
    np.testing.assert_allclose(coefficients.values.ravel(), [1, 2], atol=1e-9)


def test_ridge_shrinks_the_slope_but_not_the_level() -> None:
    x, y = np.arange(6.0), 5 + 2 * np.arange(6.0)
    coefficients, _, p_value = ops.ridge_regression(1, 1, 10.0).reduce([Column(x), Column(y)])
    slope, level = coefficients.values.ravel()
    assert slope == pytest.approx(2 * 17.5 / 27.5)  # Sxx = 17.5
    assert slope * x.mean() + level == pytest.approx(y.mean())
    assert not p_value.valid


def test_extremes_carry_their_companions() -> None:
    value, companion = Extreme("max", 2).reduce(
        [Column(np.array([1, 5, 5, 2])), Column(np.array([10, 20, 30, 40]))]
    )
    assert (as_value(value), as_value(companion)) == (5, 20)
    limits = Column(np.array([np.inf, 3.0]), np.array([1.0, 0.0]))
    assert as_value(Extreme("min").reduce([limits])[0]) == np.inf


def test_unweighted_parts_of_a_combination_see_every_touched_element() -> None:
    weighted = ops.histogram(None, None, None)
    both = Combined([weighted, Unweighted(weighted)], ["a", "b"], shared=True)
    a, b = both.reduce([Column(np.zeros(4), np.array([1.0, 0.5, 0.01, 0.0]))])
    assert a.values.item()["histogram"] == [1.51]
    assert b.values.item()["histogram"] == [3]


def test_strings_where_numbers_are_needed_are_refused() -> None:
    with pytest.raises(EEError, match="takes numbers"):
        Mean().reduce([as_column(["a", 1])])


# -- through the client


def info(reducer: Any, values: list[Any]) -> Any:
    return ee.List(values).reduce(reducer).getInfo()


@pytest.mark.usefixtures("embedded")
class TestByClient:
    def test_outputs_and_nulls(self) -> None:
        reducer = ee.Reducer.mean().combine(ee.Reducer.minMax(), "x_", True)
        assert info(reducer, [1, None, 5]) == {"mean": 3, "x_min": 1, "x_max": 5}
        assert reducer.getOutputs().getInfo() == ["mean", "x_min", "x_max"]
        assert info(ee.Reducer.mean(), []) is None
        assert info(ee.Reducer.first(), [None, 2]) is None
        assert info(ee.Reducer.firstNonNull(), [None, 2]) == 2
        assert info(ee.Reducer.countEvery(), [None, 2]) == 2
        assert info(ee.Reducer.countDistinct(), [None, 2, 2]) == 2
        assert info(ee.Reducer.countDistinctNonNull(), [None, 2, 2]) == 1
        assert info(ee.Reducer.countRuns(), [1, 1, None, 1, 2, 1]) == 3

    def test_lists_and_tuples(self) -> None:
        assert info(ee.Reducer.toList(), ["a", None, True]) == ["a", True]
        assert info(ee.Reducer.toList(2, 1), [[1, None], [None, 2], [3, 4]]) == [[1, None], [3, 4]]
        assert info(ee.Reducer.toList().repeat(2), [["a", 1], ["b", None]]) == [["a", "b"], [1]]

    def test_groups(self) -> None:
        reducer = ee.Reducer.sum().group(groupField=1, groupName="class")
        assert info(reducer, [[1, 2], [10, 1], [5, 2]]) == [{"class": 1, "sum": 10}, {"class": 2, "sum": 6}]

    def test_renaming_and_splitting(self) -> None:
        assert info(ee.Reducer.minMax().setOutputs(["low", ""]), [4, 2]) == 2
        assert info(ee.Reducer.mean().splitWeights(), [[1, 3], [5, 1]]) == 2
        assert info(ee.Reducer.mean().forEach(["a", "b"]), [[1, 3], [5, 1]]) == {"a": 3, "b": 2}

    def test_disaggregation_and_elements(self) -> None:
        assert info(ee.Reducer.sum().disaggregate(), [[1, 2], 3, {"a": 4}]) == 10
        assert info(ee.Reducer.sum().forEachElement(), [[1, 2], [3, 4]]) == [4, 6]

    def test_histograms(self) -> None:
        assert info(ee.Reducer.fixedHistogram(0, 4, 2), [0, 1, 3.9, 4, -1]) == [[0, 2], [2, 1]]
        assert info(ee.Reducer.frequencyHistogram(), ["b", "a", "b"]) == {"a": 1, "b": 2}
        counts = info(ee.Reducer.histogram(4), [0, 0, 7])
        assert counts == {
            "bucketMin": 0,
            "bucketWidth": 2,
            "bucketMeans": [0, 3, 5, 7],
            "histogram": [2, 0, 0, 1],
        }

    def test_linear_regression_is_null_when_underdetermined(self) -> None:
        assert info(ee.Reducer.linearRegression(2, 1), [[1, 1, 1], [1, 2, 2]]) == {
            "coefficients": None,
            "residuals": None,
        }

    def test_what_does_not_fit_is_refused(self) -> None:
        with pytest.raises(ee.EEException, match="Need 2 input"):
            info(ee.Reducer.linearFit(), [1, 2])
        with pytest.raises(ee.EEException, match="two outputs named 'mean'"):
            info(ee.Reducer.mean().combine(ee.Reducer.mean(), "", True), [1])
