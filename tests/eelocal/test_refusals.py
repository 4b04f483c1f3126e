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
}


@pytest.mark.parametrize("case", CASES)
def test_a_refusal(case: str) -> None:
    make, words = CASES[case]
    with pytest.raises(ee.EEException, match=words):
        make().getInfo()
