"""``Reducer.*``: the constructors."""

from __future__ import annotations

from typing import Any

import numpy as np

from smgee.eelocal.engine.coerce import coercion
from smgee.eelocal.engine.registry import algorithm, algorithms
from smgee.eelocal.errors import EEError
from smgee.eelocal.statistics.combine import (
    Combined,
    Disaggregated,
    Elementwise,
    Grouped,
    Renamed,
    Repeated,
    SplitWeights,
    Unweighted,
)
from smgee.eelocal.statistics.correlation import (
    Covariance,
    GeometricMedian,
    Kendall,
    Pearson,
    SensSlope,
    Spearman,
)
from smgee.eelocal.statistics.histograms import (
    AutoHistogram,
    FixedHistogram,
    FixedHistogram2D,
    FrequencyHistogram,
    Histogram,
)
from smgee.eelocal.statistics.lists import ToCollection, ToList
from smgee.eelocal.statistics.moments import (
    Bitwise,
    Circular,
    Count,
    Extreme,
    Logical,
    Mean,
    Moments,
    Product,
    Sum,
)
from smgee.eelocal.statistics.order import CountDistinct, CountRuns, End, IntervalMean, Mode, Percentile
from smgee.eelocal.statistics.regression import LinearFit, LinearRegression, RidgeRegression, RobustRegression
from smgee.eelocal.values.reducer import Reducer


@coercion("Reducer")
def _reducer(value: Any) -> Any:
    return value if isinstance(value, Reducer) else NotImplemented


def _variance(n: Any, mean: Any, m2: Any) -> Any:
    return m2 / n


def _sample_variance(n: Any, mean: Any, m2: Any) -> Any:
    return m2 / (n - 1)


# Without arguments: name → a factory of the reducer.
PLAIN: dict[str, Any] = {
    "allNonZero": lambda: Logical("allNonZero", "all"),
    "and": lambda: Logical("allNonZero", "all"),
    "anyNonZero": lambda: Logical("anyNonZero", "any"),
    "or": lambda: Logical("anyNonZero", "any"),
    "bitwiseAnd": lambda: Bitwise("bitwiseAnd", np.bitwise_and, -1),
    "bitwiseOr": lambda: Bitwise("bitwiseOr", np.bitwise_or, 0),
    "centeredCovariance": lambda: Covariance("centeredCovariance", centered=True),
    "circularMean": lambda: Circular("circularMean", "circularMean"),
    "circularStddev": lambda: Circular("circularStddev", "circularStdDev"),
    "circularVariance": lambda: Circular("circularVariance", "circularVariance"),
    "count": lambda: Count("count"),
    "countEvery": lambda: Count("countEvery", every=True),
    "countDistinct": lambda: CountDistinct("countDistinct", nulls=True),
    "countDistinctNonNull": lambda: CountDistinct("countDistinctNonNull", nulls=False),
    "countRuns": CountRuns,
    "covariance": lambda: Covariance("covariance", centered=False),
    "first": lambda: End("first", "first", last=False, skip=False),
    "firstNonNull": lambda: End("firstNonNull", "first", last=False, skip=True),
    "last": lambda: End("last", "last", last=True, skip=False),
    "lastNonNull": lambda: End("lastNonNull", "last", last=True, skip=True),
    "frequencyHistogram": FrequencyHistogram,
    "kurtosis": lambda: Moments(
        "kurtosis", "kurtosis", order=4, least=1, formula=lambda n, m, m2, m3, m4: n * m4 / m2**2 - 3.0
    ),
    "linearFit": LinearFit,
    "mean": Mean,
    "minMax": lambda: Combined([Extreme("min"), Extreme("max")], ("min", "max"), shared=True, name="minMax"),
    "pearsonsCorrelation": Pearson,
    "product": Product,
    "sampleStdDev": lambda: Moments(
        "sampleStdDev", "stdDev", order=2, least=2, formula=lambda *a: np.sqrt(_sample_variance(*a))
    ),
    "sampleVariance": lambda: Moments(
        "sampleVariance", "variance", order=2, least=2, formula=_sample_variance
    ),
    "sensSlope": SensSlope,
    "skew": lambda: Moments(
        "skew", "skew", order=3, least=1, formula=lambda n, m, m2, m3: np.sqrt(n) * m3 / m2**1.5
    ),
    "spearmansCorrelation": Spearman,
    "stdDev": lambda: Moments(
        "stdDev", "stdDev", order=2, least=1, formula=lambda *a: np.sqrt(_variance(*a))
    ),
    "sum": Sum,
    "variance": lambda: Moments("variance", "variance", order=2, least=1, formula=_variance),
}
_GUESSED = {
    "kurtosis": "in excess of 3, of the population: not documented",
    "skew": "of the population: not documented",
    "sensSlope": "the offset is the median of y - slope * x: not documented",
}
for _name, _factory in PLAIN.items():
    algorithm(f"Reducer.{_name}", approximate=_GUESSED.get(_name))(lambda _factory=_factory: _factory())


def _at_least_one(count: int) -> int:
    if count < 1:
        raise EEError(f"numInputs must be at least 1, got {count}.")
    return count


_DIRECT = (
    "from all the values; beyond maxRaw of them, whose default is not documented, the service reads it off a "
    "histogram"
)


@algorithm("Reducer.median", approximate=_DIRECT)
def median(maxBuckets: int | None, minBucketWidth: float | None, maxRaw: int | None) -> Reducer:
    """Return the reducer to the median, computed directly for any number of elements."""
    return Percentile("median", (50.0,), ("median",))


@algorithm("Reducer.percentile", approximate=f"interpolated between ranks, {_DIRECT}")
def percentile(
    percentiles: list[float],
    outputNames: list[str] | None,
    maxBuckets: int | None,
    minBucketWidth: float | None,
    maxRaw: int | None,
) -> Reducer:
    """Return the reducer to percentiles, computed directly for any number of elements."""
    if not percentiles:
        raise EEError("At least one percentile is needed.")
    if outputNames is not None and len(outputNames) != len(percentiles):
        raise EEError(
            f"There must be one output name per percentile, got {len(outputNames)} for {len(percentiles)}."
        )
    return Percentile("percentile", percentiles, outputNames or [f"p{_percent(p)}" for p in percentiles])


def _percent(value: float) -> str:
    return f"{value:g}".replace(".", "_")


@algorithm("Reducer.mode", approximate=_DIRECT)
def mode(maxBuckets: int | None, minBucketWidth: float | None, maxRaw: int | None) -> Reducer:
    """Return the reducer to the commonest value, computed directly for any number of elements."""
    return Mode()


@algorithm("Reducer.intervalMean", approximate=_DIRECT)
def interval_mean(
    minPercentile: float,
    maxPercentile: float,
    maxBuckets: int | None,
    minBucketWidth: float | None,
    maxRaw: int | None,
) -> Reducer:
    """Return the reducer to the mean between two percentiles."""
    return IntervalMean(minPercentile, maxPercentile)


@algorithm("Reducer.histogram", approximate="without maxBuckets: 256 buckets; the default is not documented")
def histogram(maxBuckets: int | None, minBucketWidth: float | None, maxRaw: int | None) -> Reducer:
    """Return the reducer to a histogram with buckets of a power of two."""
    return Histogram("histogram", maxBuckets, minBucketWidth)


@algorithm(
    "Reducer.autoHistogram", approximate="without maxBuckets: 256 buckets; the default is not documented"
)
def auto_histogram(
    maxBuckets: int | None, minBucketWidth: float | None, maxRaw: int | None, cumulative: bool
) -> Reducer:
    """Return the reducer to a histogram as an array."""
    return AutoHistogram(maxBuckets, minBucketWidth, cumulative)


@algorithm("Reducer.fixedHistogram")
def fixed_histogram(min: float, max: float, steps: int, cumulative: bool) -> Reducer:
    """Return the reducer to a histogram of given buckets."""
    return FixedHistogram(min, max, steps, cumulative)


@algorithm("Reducer.fixed2DHistogram")
def fixed_2d_histogram(
    xMin: float, xMax: float, xSteps: int, yMin: float, yMax: float, ySteps: int
) -> Reducer:
    """Return the reducer to a two-dimensional histogram of given buckets."""
    return FixedHistogram2D((xMin, xMax, xSteps), (yMin, yMax, ySteps))


@algorithm(
    "Reducer.kendallsCorrelation",
    approximate="the p-value is that of the normal approximation: not documented",
)
def kendall(numInputs: int) -> Reducer:
    """Return the reducer to Kendall's rank correlation."""
    return Kendall(numInputs)


@algorithm("Reducer.geometricMedian")
def geometric_median(numX: int, eta: float, initialStepSize: float) -> Reducer:
    """Return the reducer to the geometric median, found to convergence whatever `eta` and the step are."""
    return GeometricMedian(numX, eta)


@algorithm(
    "Reducer.robustLinearRegression",
    approximate="without beta: outliers are beyond 2.795 robust standard deviations of the first fit's "
    "residuals; the default is not documented",
)
def robust_linear_regression(numX: int, numY: int, beta: float | None) -> Reducer:
    """Return the reducer to a least-squares fit without outliers."""
    return RobustRegression(numX, numY, beta)


@algorithm(
    "Reducer.ridgeRegression",
    approximate="lambda times the squared slopes of the variables as given, the intercept free, the p-value "
    "null: none of it is documented",
)
def ridge_regression(numX: int, numY: int, lambda_: float) -> Reducer:
    """Return the reducer to a penalised fit."""
    return RidgeRegression(numX, numY, lambda_)


@algorithm("Reducer.combine")
def combine(reducer1: Reducer, reducer2: Reducer, outputPrefix: str, sharedInputs: bool) -> Reducer:
    """Run two reducers in parallel."""
    if sharedInputs and reducer1.inputs != reducer2.inputs:
        raise EEError(
            f"Reducers that share inputs must have the same number of them; Reducer.{reducer1.name} has "
            f"{reducer1.inputs}, "
            f"Reducer.{reducer2.name} has {reducer2.inputs}."
        )
    return Combined(
        [reducer1, reducer2],
        [*reducer1.outputs, *(outputPrefix + o for o in reducer2.outputs)],
        shared=sharedInputs,
    )


@algorithm("Reducer.forEach")
def for_each(reducer: Reducer, outputNames: list[str]) -> Reducer:
    """Combine one copy of a reducer per name."""
    if not outputNames:
        raise EEError("At least one output name is needed.")
    single = len(reducer.outputs) == 1
    outputs = [n if single else f"{n}_{o}" for n in outputNames for o in reducer.outputs]
    return Combined([reducer] * len(outputNames), outputs, shared=False, name="forEach")


@algorithm("Reducer.splitWeights")
def split_weights(reducer: Reducer) -> Reducer:
    """Take weights from inputs."""
    if not any(reducer.weights):
        raise EEError(f"Reducer.{reducer.name} has no weighted input.")
    return SplitWeights(reducer)


algorithms(
    {
        "Reducer.min": lambda numInputs: Extreme("min", _at_least_one(numInputs)),
        "Reducer.max": lambda numInputs: Extreme("max", _at_least_one(numInputs)),
        "Reducer.linearRegression": lambda numX, numY: LinearRegression(numX, numY),
        "Reducer.toList": lambda tupleSize, numOptional: ToList(tupleSize, numOptional),
        "Reducer.toCollection": lambda propertyNames, numOptional: ToCollection(propertyNames, numOptional),
        "Reducer.repeat": lambda reducer, count: Repeated(reducer, count),
        "Reducer.forEachBand": lambda reducer, image: for_each(reducer, list(image.names)),
        "Reducer.forEachElement": lambda reducer: Elementwise(reducer),
        "Reducer.disaggregate": lambda reducer, axis: Disaggregated(reducer, axis),
        "Reducer.group": lambda reducer, groupField, groupName: Grouped(reducer, groupField, groupName),
        "Reducer.setOutputs": lambda reducer, outputs: Renamed(reducer, outputs),
        "Reducer.getOutputs": lambda reducer: list(reducer.outputs),
        "Reducer.unweighted": lambda reducer: Unweighted(reducer),
    }
)
