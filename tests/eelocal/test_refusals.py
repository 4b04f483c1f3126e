"""Arguments that make no sense are refused in a sentence that says what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import pytest

pytestmark = pytest.mark.usefixtures("embedded")


def reduced(reducer: ee.Reducer, values: list[Any]) -> ee.ComputedObject:
    return ee.List(values).reduce(reducer)


def table() -> ee.FeatureCollection:
    return ee.FeatureCollection([ee.Feature(None, {"a": k, "b": k % 3, "c": k % 2}) for k in range(12)])


def trained(classifier: ee.Classifier) -> ee.FeatureCollection:
    return table().classify(classifier.train(table(), "c", ["a", "b"]))


def clustered(clusterer: ee.Clusterer) -> ee.FeatureCollection:
    return table().cluster(clusterer.train(table(), ["a", "b"]))


CASES: dict[str, tuple[Callable[[], Any], str]] = {
    # -- reducers
    "repeat": (lambda: reduced(ee.Reducer.max().repeat(0), [1]), "at least once, got 0"),
    "group": (
        lambda: table().reduceColumns(ee.Reducer.max().group(4), ["a", "b"]),
        "one of the inputs 0 to 1, got 4",
    ),
    "kendall": (lambda: reduced(ee.Reducer.kendallsCorrelation(3), [1]), "must be 1 or 2, got 3"),
    "geometric median": (
        lambda: table().reduceColumns(ee.Reducer.geometricMedian(0), []),
        "at least 1, got 0",
    ),
    "interval": (lambda: reduced(ee.Reducer.intervalMean(60, 20), [1]), "increasing, got 60 to 20"),
    "percentile": (lambda: reduced(ee.Reducer.percentile([101]), [1]), "101"),
    "histogram": (lambda: reduced(ee.Reducer.fixedHistogram(3, 3, 5), [1]), "min < max"),
    "histogram of two": (
        lambda: table().reduceColumns(ee.Reducer.fixed2DHistogram(0, 1, 0, 0, 1, 2), ["a", "b"]),
        "at least one step",
    ),
    "buckets": (lambda: reduced(ee.Reducer.histogram(0), [1, 2]), "maxBuckets must be at least 1, got 0"),
    "bucket width": (lambda: reduced(ee.Reducer.histogram(4, -1), [1, 2]), "must be positive, got -1"),
    "covariance": (lambda: reduced(ee.Reducer.covariance(), [ee.Array([[1]])]), "1-D arrays"),
    "covariance of lengths": (
        lambda: reduced(ee.Reducer.covariance(), [ee.Array([1]), ee.Array([1, 2])]),
        "equal length",
    ),
    # -- classifiers and clusterers
    "trees": (lambda: trained(ee.Classifier.smileRandomForest(0)), "must be positive, got 0"),
    "bag": (lambda: trained(ee.Classifier.smileRandomForest(2, bagFraction=0)), r"in \(0, 1\], got 0"),
    "nodes": (lambda: trained(ee.Classifier.smileCart(1)), "at least 2, got 1"),
    "loss": (
        lambda: trained(ee.Classifier.smileGradientTreeBoost(2, loss="Cubic")),
        "Unknown loss 'Cubic'",
    ),
    "metric": (lambda: trained(ee.Classifier.minimumDistance("taxi")), "Unknown metric 'taxi'"),
    "mahalanobis": (lambda: trained(ee.Classifier.minimumDistance("mahalanobis")), "mahalanobis"),
    "nearest": (
        lambda: trained(ee.Classifier.minimumDistance(kNearest=0)),
        "kNearest must be positive, got 0",
    ),
    "untrained": (lambda: table().classify(ee.Classifier.smileCart()), "has not been trained"),
    "untrained clusterer": (lambda: table().cluster(ee.Clusterer.wekaKMeans(2)), "has not been trained"),
    "Manhattan": (
        lambda: clustered(ee.Clusterer.wekaKMeans(2, distanceFunction="Manhattan")),
        "Manhattan distance",
    ),
    "distance of clusters": (
        lambda: clustered(ee.Clusterer.wekaKMeans(2, distanceFunction="Far")),
        "use Euclidean or Manhattan",
    ),
    "too few rows": (
        lambda: (
            table()
            .filter(ee.Filter.lt("a", 2))
            .cluster(ee.Clusterer.wekaCascadeKMeans(3, 4).train(table().filter(ee.Filter.lt("a", 2)), ["a"]))
        ),
        "too few distinct rows",
    ),
    "no rows": (
        lambda: table().cluster(
            ee.Clusterer.wekaKMeans(2).train(table().filter(ee.Filter.eq("a", -1)), ["a"])
        ),
        "No data was found",
    ),
    # -- values
    "no geometry": (lambda: ee.Feature(None).geometry().area(), "no geometry|null"),
    "order": (lambda: ee.List([ee.Image(1), ee.Image(2)]).sort(), "can't be put in order"),
    "columns": (
        lambda: ee.FeatureCollection(
            ee.ApiFunction.apply_(
                "Collection.fromColumns", {"columns": [[1], [2, 3]], "propertyNames": ["a", "b"]}
            )
        ),
        "equal length per property",
    ),
    "kernel radius": (lambda: ee.Kernel.circle(-1), "must not be negative, got -1"),
    "kernel units": (lambda: ee.Kernel.circle(1, "feet"), "must be 'pixels' or 'meters'"),
    "kernel sigma": (lambda: ee.Kernel.gaussian(2, 0), "must be positive, got 0"),
    "kernel rows": (lambda: ee.Kernel.fixed(2, 2, [[1, 2], [3]]), "same length"),
    "kernel width": (lambda: ee.Kernel.fixed(3, 1, [[1, 2]]), "width is 3, but the weights have 2"),
    "kernel focus": (lambda: ee.Kernel.fixed(2, 1, [[1, 2]], 5, 0), "outside the kernel"),
    "date": (lambda: ee.Date.parse("yyyy-MM-dd", "5 Nov"), "does not match the pattern"),
    "no such day": (lambda: ee.Date.parse("yyyy-MM-dd", "2021-02-30"), "Cannot parse '2021-02-30'"),
    "a year of twenty digits": (lambda: ee.Date.parse("YYYY-MM-dd", "9" * 20 + "-01-01"), "does not match"),
    "too few digits": (lambda: ee.Date.parse("MMdd", "12"), "does not match the pattern"),
    "another weekday": (lambda: ee.Date.parse("EEE yyyy-MM-dd", "Mon 2021-01-03"), "another day of the week"),
    # the client sends lte as the opposite of gt, which would pass everything; no source says what is right
    "a number at most a text": (
        lambda: ee.FeatureCollection([ee.Feature(None, {"t": 1.6e12})]).filter(
            ee.Filter.lte("t", "2021-01-01")
        ),
        "meets a String",
    ),
    "no conversion": (lambda: ee.Number(1).format("one"), "exactly one '%'"),
    "grouped text": (lambda: ee.Number(1).format("%,s"), "not allowed"),
    "band number": (lambda: ee.Image(1).expression("b(1e999)"), "band name or position"),
    "band number and a half": (lambda: ee.Image(1).expression("b(0.5)"), "band name or position"),
    # -- arrays and matrices
    "array of words": (lambda: ee.Array([["a"]]), "numbers"),
    "axis": (lambda: ee.Array([1, 2]).slice(3, 0, 1), "out of range for an array with 1 dim|axis"),
    "array reducer": (lambda: ee.Array([1, 2]).accum(0, ee.Reducer.minMax()), "one input and one output"),
    "no arrays": (lambda: ee.Array.cat([], 0), "At least one array"),
    "negative axis": (lambda: ee.Array.cat([[1], [2]], -1), "must not be negative"),
    "other lengths": (lambda: ee.Array.cat([[[1, 2]], [[3]]], 0), "same lengths on all axes"),
    "other dimensions": (lambda: ee.Array.cat([[1], [[2]]], 0), "same number of dimensions"),
    "positions": (lambda: ee.Array([[1, 2]]).get([0]), "one position per axis: 2, got 1"),
    "position": (lambda: ee.Array([1, 2]).get([5]), "Position 5 is out of range"),
    "dot product": (lambda: ee.Array([1, 2]).dotProduct([1, 2, 3]), "same length"),
    "identity": (lambda: ee.Array.identity(-1), "must not be negative|positive"),
    "mask of axes": (lambda: ee.Array([1, 2]).mask([[1, 0]]), "more dimensions"),
    "reduce without axes": (lambda: ee.Array([1, 2]).reduce(ee.Reducer.sum(), []), "At least one axis"),
    "field axis": (lambda: ee.Array([[1, 2]]).reduce(ee.Reducer.minMax(), [0]), "fieldAxis is required"),
    "field axis twice": (
        lambda: ee.Array([[1, 2]]).reduce(ee.Reducer.minMax(), [0], 0),
        "must not be one of the reduced",
    ),
    "copies": (lambda: ee.Array([1]).repeat(-1, 2), "must not be negative"),
    "reshape": (lambda: ee.Array([1, 2, 3]).reshape([2, -1]), "reshape|elements|shape"),
    "step": (lambda: ee.Array([1, 2]).slice(0, 0, 2, 0), "step must be positive"),
    "sort keys": (lambda: ee.Array([1, 2, 3]).sort([1, 2]), "2 keys for 3 elements"),
    "product of matrices": (
        lambda: ee.Array([[1, 2]]).matrixMultiply([[1, 2]]),
        r"\[1, 2\] and \[1, 2\] can't be multiplied",
    ),
    "inverse": (lambda: ee.Array([[1, 2], [2, 4]]).matrixInverse(), "singular"),
    "inverse of no square": (lambda: ee.Array([[1, 2]]).matrixInverse(), "must be square, got 1×2"),
    "Cholesky": (lambda: ee.Array([[1, 2], [2, 1]]).matrixCholeskyDecomposition(), "not positive definite"),
    "solve": (lambda: ee.Array([[1, 2]]).matrixSolve([[1], [2]]), "1 rows and B 2"),
    "diagonal": (lambda: ee.Array([[1, 2]]).matrixToDiag(), "one column"),
    # -- numbers, dictionaries, projections, types
    "radix": (lambda: ee.Number.parse("10", 99), "between 2 and 36, got 99"),
    "number": (lambda: ee.Number.parse("ten"), "Cannot parse 'ten'"),
    "pattern": (lambda: ee.Number(1).format("%d %d"), "exactly one '%'"),
    "conversion": (lambda: ee.Number(1).format("%q"), "format"),
    "keys and values": (lambda: ee.Dictionary(ee.List(["a", 1, "b"])), "even number of elements, got 3"),
    "keys": (lambda: ee.Dictionary(ee.List([1, 2])), "keys must be strings"),
    "as many values": (lambda: ee.Dictionary.fromLists(["a"], [1, 2]), "2 for 1"),
    "new names": (
        lambda: ee.Dictionary({"a": 1, "b": 2}).rename(["a", "b"], ["c", "c"]),
        "must be different",
    ),
    "missing key": (lambda: ee.Dictionary({"a": 1}).select(["b"]), "does not contain key: 'b'"),
    "kind of value": (lambda: ee.Dictionary({"a": "x"}).getNumber("a"), "of type"),
    "transform": (lambda: ee.Projection("EPSG:4326", [1, 2]), "6 numbers, got 2"),
    "scale": (lambda: ee.Projection("EPSG:4326").atScale(0), "must be positive, got 0"),
    "precision": (lambda: ee.PixelType("quad"), "Unknown precision|quad"),
    "range of a type": (lambda: ee.PixelType("int", 5, 1), "5 is greater than the maximum 1"),
    # -- pictures and neighbourhoods
    "palette and gamma": (
        lambda: ee.Image(1).visualize(min=0, max=1, palette=["red", "blue"], gamma=2),
        "palette and gamma",
    ),
    "gain and range": (lambda: ee.Image(1).visualize(gain=2, min=0), "gain and min or max"),
    "three bands": (lambda: ee.Image([1, 2]).rgbToHsv(), "3-band image is required, got 2"),
    "input weight": (
        lambda: ee.Image(1).reduceNeighborhood(ee.Reducer.mean(), ee.Kernel.square(1), "most"),
        "use kernel, mask or min",
    ),
    "optimization": (
        lambda: ee.Image(1).reduceNeighborhood(ee.Reducer.mean(), ee.Kernel.square(1), optimization="fast"),
        "use boxcar or window",
    ),
    "bands of a neighbourhood": (
        lambda: ee.Image(1).reduceNeighborhood(ee.Reducer.linearFit(), ee.Kernel.square(1)),
        "Need 2 bands",
    ),
    "kernel of a filter": (lambda: ee.Image(1).focalMean(1, "star"), "Unknown kernelType 'star'"),
    "iterations": (lambda: ee.Image(1).focalMax(1, iterations=0), "must be positive, got 0"),
    "kernel of a distance": (lambda: ee.Image(1).distance(ee.Kernel.circle(2)), "must be euclidean"),
    "units of a distance": (lambda: ee.Image(1).fastDistanceTransform(5, "meters"), "Only 'pixels'"),
    "metric of a distance": (lambda: ee.Image(1).fastDistanceTransform(5, "pixels", "far"), "Unknown metric"),
    "size of objects": (lambda: ee.Image(1).connectedPixelCount(0), "between 1 and 1024, got 0"),
    "connectedness": (
        lambda: ee.Image(1).connectedComponents(ee.Kernel.circle(3), 10),
        "square or plus of radius 1",
    ),
    "neighbours as bands": (
        lambda: ee.Image(1).neighborhoodToBands(ee.Kernel.square(30, "meters")),
        "one in pixels",
    ),
    "neighbours as arrays": (
        lambda: ee.Image(1).neighborhoodToArray(ee.Kernel.circle(2)),
        "Only fixed, square and rectangle",
    ),
    "entropy": (lambda: ee.Image(1.5).entropy(ee.Kernel.square(1)), "integer type"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_refusal(case: str) -> None:
    make, words = CASES[case]
    with pytest.raises(ee.EEException, match=words):
        make().getInfo()
