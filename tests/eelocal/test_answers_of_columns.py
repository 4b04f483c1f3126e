"""Reducers of more than one column, and of none at all, beside NumPy and SciPy."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("embedded")


def points() -> tuple[np.ndarray, ee.FeatureCollection]:
    values = np.random.default_rng(5).random((40, 2)) * [1, 3]
    return values, ee.FeatureCollection([ee.Feature(None, {"x": x, "y": y}) for x, y in values.tolist()])


def columns(reducer: ee.Reducer) -> Any:
    return points()[1].reduceColumns(reducer, ["x", "y"]).getInfo()


def test_the_geometric_median_has_the_least_total_distance() -> None:
    from scipy.optimize import minimize

    values, _ = points()
    found = columns(ee.Reducer.geometricMedian(2))
    best = minimize(lambda p: np.hypot(*(values - p).T).sum(), values.mean(axis=0), tol=1e-12)
    assert [found["median_0"], found["median_1"]] == pytest.approx(best.x, abs=1e-5)
    # Where most points are one, it is that one.
    same = ee.FeatureCollection(
        [ee.Feature(None, {"x": 2, "y": 5})] * 5 + [ee.Feature(None, {"x": 9, "y": 0})]
    )
    assert same.reduceColumns(ee.Reducer.geometricMedian(2), ["x", "y"]).getInfo() == {
        "median_0": pytest.approx(2),
        "median_1": pytest.approx(5),
    }


def test_a_histogram_of_two_columns_is_numpys() -> None:
    values, _ = points()
    found = columns(ee.Reducer.fixed2DHistogram(0, 0.8, 4, 0.5, 3, 5))
    inside = values[(values[:, 0] < 0.8) & (values[:, 1] < 3)]
    expected, x, y = np.histogram2d(*inside.T, bins=[4, 5], range=[[0, 0.8], [0.5, 3]])
    assert found["histogram"] == expected.tolist()
    np.testing.assert_allclose(found["xAxis"], x[:-1])
    np.testing.assert_allclose(found["yAxis"], y[:-1])


@pytest.mark.parametrize(("low", "high"), [(0, 100), (10, 90), (25, 50)])
def test_the_mean_between_two_percentiles(low: int, high: int) -> None:
    x = points()[0][:, 0]
    edges = np.percentile(x, [low, high])
    found = ee.List(x.tolist()).reduce(ee.Reducer.intervalMean(low, high)).getInfo()
    assert found == pytest.approx(x[(x >= edges[0]) & (x <= edges[1])].mean())


def test_elements_as_features() -> None:
    found = columns(ee.Reducer.toCollection(["a", "b"]))["features"]["features"]
    assert [[f["properties"]["a"], f["properties"]["b"]] for f in found] == points()[0].tolist()


def test_a_reducer_for_each_band() -> None:
    image = ee.Image([1, 5]).rename(["p", "q"])
    region = ee.Geometry.Point(0, 0)
    found = image.reduceRegion(ee.Reducer.max().forEachBand(image), region, 10)
    assert found.getInfo() == {"p": 1, "q": 5}


@pytest.mark.parametrize("name", ["wekaKMeans", "wekaCascadeKMeans"])
def test_groups_that_lie_apart_are_told_apart(name: str) -> None:
    """Of features, and of the pixels of an image."""
    rng = np.random.default_rng(4)
    places = np.concatenate([rng.normal(c, 0.1, (20, 2)) for c in ((0, 0), (5, 5), (0, 9))])
    table = ee.FeatureCollection([ee.Feature(None, {"x": x, "y": y}) for x, y in places.tolist()])
    options = {"nClusters": 3} if name == "wekaKMeans" else {"minClusters": 2, "maxClusters": 4}
    clusterer = getattr(ee.Clusterer, name)(**options).train(table, ["x", "y"])
    assert clusterer.schema().getInfo() == ["x", "y"]
    groups = np.array(table.cluster(clusterer, "group").aggregate_array("group").getInfo()).reshape(3, 20)
    assert (groups == groups[:, :1]).all()
    assert len(set(groups[:, 0])) == 3
    pixels = ee.Image([0.1, 8.9]).rename(["x", "y"]).cluster(clusterer)
    found = pixels.reduceRegion(ee.Reducer.first(), ee.Geometry.Point(0, 0), 10).getInfo()
    assert list(found.values()) == [groups[2, 0]]


def test_naive_bayes_tells_classes_apart() -> None:
    rng = np.random.default_rng(6)
    rows = [
        (k, *(rng.poisson(m, 2) + 1).tolist()) for k, m in ((0, (2, 30)), (1, (30, 2))) for _ in range(30)
    ]
    table = ee.FeatureCollection([ee.Feature(None, {"k": k, "x": x, "y": y}) for k, x, y in rows])
    classifier = ee.Classifier.smileNaiveBayes().train(table, "k", ["x", "y"])
    assert table.classify(classifier, "said").errorMatrix("k", "said").accuracy().getInfo() > 0.95
