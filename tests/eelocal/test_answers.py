"""Small answers of many algorithms, each with what its documentation says or NumPy and SciPy compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest
import scipy.linalg

pytestmark = pytest.mark.usefixtures("embedded")

SQUARE = [[4.0, 2.0, 1.0], [2.0, 5.0, 3.0], [1.0, 3.0, 6.0]]
TALL = [[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]


def table() -> ee.FeatureCollection:
    values = [(3, "b"), (1, "a"), (1, "c"), (4, "a")]
    return ee.FeatureCollection(
        [ee.Feature(ee.Geometry.Point([k, k]), {"v": v, "name": n}) for k, (v, n) in enumerate(values)]
    )


def names(filter: ee.Filter) -> ee.List:
    return table().filter(filter).aggregate_array("name")


def counts(x: Any) -> ee.ConfusionMatrix:
    return ee.ConfusionMatrix(ee.Array(x), [10, 20, 30])


def box(west: float, south: float, east: float, north: float) -> ee.Geometry:
    return ee.Geometry.Rectangle([west, south, east, north], None, False)


def called(name: str, **arguments: Any) -> ee.ComputedObject:
    return ee.ApiFunction.apply_(name, arguments)


def millis(text: str) -> int:
    return int(np.datetime64(text, "ms").astype(int))


L = [1, 2, 3, 2, 1]
CASES: dict[str, tuple[Callable[[], Any], Any]] = {
    # -- collections
    "aggregate_min": (lambda: table().aggregate_min("v"), 1),
    "aggregate_sum": (lambda: table().aggregate_sum("v"), 9),
    "aggregate_product": (lambda: table().aggregate_product("v"), 12),
    "aggregate_count_distinct": (lambda: table().aggregate_count_distinct("v"), 3),
    "Collection.bounds": (
        lambda: table().geometry().bounds().coordinates().flatten().reduce(ee.Reducer.minMax()),
        {"min": 0, "max": 3},
    ),
    "Collection.union id": (lambda: table().union(1).first().get("system:index"), "union_result"),
    "Collection.union parts": (lambda: table().union(1).geometry().coordinates().length(), 4),
    # -- filters
    "Filter.always": (lambda: names(ee.Filter.And()), ["b", "a", "c", "a"]),
    "Filter.and": (lambda: names(ee.Filter.And(ee.Filter.eq("v", 1), ee.Filter.neq("name", "a"))), ["c"]),
    "Filter.hasGeometry": (
        lambda: (
            ee.FeatureCollection([ee.Feature(None, {"n": 1}), ee.Feature(ee.Geometry.Point(0, 0))])
            .filter(called("Filter.hasGeometry"))
            .size()
        ),
        1,
    ),
    "Filter.expression": (lambda: names(ee.Filter.expression("v < 3 && name != 'c'")), ["a"]),
    "Filter.area": (
        lambda: (
            ee.FeatureCollection([ee.Feature(box(0, 0, k, 1), {"name": k}) for k in (1, 2, 3)])
            .filter(ee.Filter.area(2e10, 3e10))
            .aggregate_array("name")
        ),
        [2],
    ),
    # -- arrays
    "Array.bitsToArray": (lambda: called("Array.bitsToArray", input=6), [0, 1, 1]),
    "Array.cat": (lambda: ee.Array.cat([[[1], [2]], [[3], [4]]], 1), [[1, 3], [2, 4]]),
    "Array.dotProduct": (lambda: ee.Array([1, 2, 3]).dotProduct([4, 5, 6]), 32),
    "Array.mask": (lambda: ee.Array([[1, 2], [3, 4], [5, 6]]).mask([[1], [0], [2]]), [[1, 2], [5, 6]]),
    "Array.matrixFnorm": (lambda: ee.Array(TALL).matrixFnorm(), np.linalg.norm(TALL)),
    "Array.matrixTrace": (lambda: ee.Array(SQUARE).matrixTrace(), 15),
    "Array.matrixDiagonal": (lambda: ee.Array(SQUARE).matrixDiagonal(), [[4], [5], [6]]),
    "Array.matrixToDiag": (lambda: ee.Array([[4], [5]]).matrixToDiag(), [[4, 0], [0, 5]]),
    "Array.matrixPseudoInverse": (lambda: ee.Array(TALL).matrixPseudoInverse(), np.linalg.pinv(TALL)),
    "Array.matrixCholeskyDecomposition": (
        lambda: ee.Array(SQUARE).matrixCholeskyDecomposition(),
        {"L": np.linalg.cholesky(SQUARE)},
    ),
    "Array.matrixQRDecomposition": (
        lambda: (lambda d: ee.Array(d.get("Q")).matrixMultiply(ee.Array(d.get("R"))))(
            ee.Array(SQUARE).matrixQRDecomposition()
        ),
        SQUARE,
    ),
    "Array.matrixLUDecomposition": (
        lambda: (lambda d: ee.Array(d.get("L")).matrixMultiply(ee.Array(d.get("U"))))(
            ee.Array(SQUARE).matrixLUDecomposition()
        ),
        scipy.linalg.lu(SQUARE, permute_l=False)[0].T @ np.array(SQUARE),
    ),
    "Array.matrixSingularValueDecomposition": (
        lambda: (
            ee.Array(ee.Array(TALL).matrixSingularValueDecomposition().get("S")).matrixDiagonal().project([0])
        ),
        np.linalg.svd(TALL)[1],
    ),
    # -- confusion matrices: rows are what is, columns what was said
    "ConfusionMatrix.array": (
        lambda: counts([[5, 1, 0], [2, 7, 1], [0, 0, 4]]).array(),
        [[5, 1, 0], [2, 7, 1], [0, 0, 4]],
    ),
    "ConfusionMatrix.order": (lambda: counts([[5, 1, 0], [2, 7, 1], [0, 0, 4]]).order(), [10, 20, 30]),
    "ConfusionMatrix.fscore": (
        lambda: counts([[5, 1, 0], [2, 7, 1], [0, 0, 4]]).fscore(2),
        [5 * p * r / (4 * p + r) for p, r in ((5 / 7, 5 / 6), (7 / 8, 7 / 10), (4 / 5, 1))],
    ),
    # -- dates
    "Date.fromYMD": (lambda: ee.Date.fromYMD(2020, 2, 29).millis(), millis("2020-02-29")),
    "Date.fromYMD zone": (
        lambda: ee.Date.fromYMD(2020, 1, 1, "Asia/Shanghai").millis(),
        millis("2019-12-31T16:00"),
    ),
    "Date.getRange": (
        lambda: ee.List(
            [
                ee.Date("2013-3-15").getRange("year").start().millis(),
                ee.Date("2013-3-15").getRange("year").end().millis(),
            ]
        ),
        [millis("2013-01-01"), millis("2014-01-01")],
    ),
    "Date.parse": (
        lambda: ee.Date.parse("dd/MM/yyyy HH:mm", "05/11/2021 06:30").millis(),
        millis("2021-11-05T06:30"),
    ),
    # https://www.joda.org/joda-time/apidocs/org/joda/time/format/DateTimeFormat.html and its source: a year
    # before another number takes the pattern's digits alone, and no field gives back what it took
    "Date.parse without separators": (
        lambda: ee.List(
            [
                ee.Date.parse(p, t).millis()
                for p, t in (
                    ("yyyyMMdd", "20210305"),
                    ("yyyyDDD", "2020366"),
                    ("yyyyMMdd'T'HHmmss", "20210305T101112"),
                    ("yyMMddHHmm", "2103051011"),
                )
            ]
        ),
        [
            millis("2021-03-05"),
            millis("2020-12-31"),
            millis("2021-03-05T10:11:12"),
            millis("2021-03-05T10:11"),
        ],
    ),
    "Date.parse months": (
        lambda: ee.List(
            [
                ee.Date.parse(p, t).millis()
                for p, t in (
                    ("d MMM yyyy", "5 Nov 2021"),
                    ("d MMMM yyyy", "5 November 2021"),
                    ("EEE, d MMM yy hh:mm a", "Fri, 5 Nov 21 06:30 PM"),
                    ("yyyy-MM-dd'T'HH:mm:ssZ", "2021-11-05T06:30:00+08:00"),
                    ("yyyy-DDD", "2021-309"),
                    ("yyyy-MM-dd HH:mm:ss.SSS", "2021-11-05 00:00:00.250"),
                )
            ]
        ),
        [
            millis("2021-11-05"),
            millis("2021-11-05"),
            millis("2021-11-05T18:30"),
            millis("2021-11-04T22:30"),
            millis("2021-11-05"),
            millis("2021-11-05T00:00:00.250"),
        ],
    ),
    "DateRange.intersection": (
        lambda: (
            ee.DateRange("2020-01-01", "2020-03-01")
            .intersection(ee.DateRange("2020-02-01", "2020-05-01"))
            .start()
            .millis()
        ),
        millis("2020-02-01"),
    ),
    "DateRange.union": (
        lambda: (
            ee.DateRange("2020-01-01", "2020-03-01")
            .union(ee.DateRange("2020-02-01", "2020-05-01"))
            .end()
            .millis()
        ),
        millis("2020-05-01"),
    ),
    "DateRange.intersection none": (
        lambda: (
            ee.DateRange("2020-01-01", "2020-02-01")
            .intersection(ee.DateRange("2020-03-01", "2020-05-01"))
            .isEmpty()
        ),
        True,
    ),
    "Projection.wkt": (lambda: ee.Projection("EPSG:32647").wkt().match("UTM zone 47N").length(), 1),
    "Filter.never": (lambda: names(called("Filter.never")), []),
    "Collection.fromColumns": (
        lambda: (
            ee.FeatureCollection(
                called("Collection.fromColumns", columns=[[1, 2], ["a", "b"]], propertyNames=["n", "w"])
            )
            .filter(ee.Filter.eq("w", "b"))
            .aggregate_array("n")
        ),
        [2],
    ),
    "Join.saveFirst": (
        lambda: (
            ee.Join.saveFirst("match", "v", False)
            .apply(table(), table(), ee.Filter.equals(leftField="name", rightField="name"))
            .map(lambda f: f.set("most", ee.Feature(f.get("match")).get("v")))
            .aggregate_array("most")
        ),
        [3, 4, 1, 4],
    ),
    "Dictionary of a list": (lambda: ee.Dictionary(ee.List(["a", 1, "b", [2]])), {"a": 1, "b": [2]}),
    "Dictionary of a feature": (lambda: ee.Dictionary(ee.Feature(None, {"a": 1}).toDictionary()), {"a": 1}),
    "Number.parse": (
        lambda: ee.List([ee.Number.parse(t) for t in ("1.5e3", "-.5", "+7")] + [ee.Number.parse("ff", 16)]),
        [1500, -0.5, 7, 255],
    ),
    "Number.format": (
        lambda: ee.List(
            [ee.Number(v).format(p) for v, p in ((3.14159, "%.2f"), (7, "%05d"), (-2, "%(d"), (1e6, "%,d"))]
        ),
        ["3.14", "00007", "(2)", "1,000,000"],
    ),
    # Java's Double.toString, to which the documentation's Formatter resorts for %s
    "Number.format text": (
        lambda: ee.List(
            [ee.Number(v).format() for v in (0.0001, -0.00123456, 0.001, 0.25, 12345678.5, 1e-7, 1e300)]
        ),
        ["1.0E-4", "-0.00123456", "0.001", "0.25", "1.23456785E7", "1.0E-7", "1.0E300"],
    ),
    "frequencyHistogram keys": (  # as ee.String writes the values
        lambda: ee.List([0.0001, 0.5, 0.5, 12345678.5]).reduce(ee.Reducer.frequencyHistogram()),
        {"1.0E-4": 1, "0.5": 2, "1.23456785E7": 1},
    ),
    "Number.format hexadecimal": (
        lambda: ee.List([ee.Number(v).format(p) for v, p in ((255, "%#x"), (255, "%#06X"), (8, "<%o>"))]),
        ["0xff", "0X00FF", "<10>"],
    ),
    # String.split of Java: trailing empty parts are dropped, even all of them; without a match all stays
    "String.split of separators": (
        lambda: ee.List(
            [ee.String(",,").split(","), ee.String("").split(","), ee.String("a,,b,").split(",")]
        ),
        [[], [""], ["a", "", "b"]],
    ),
    "Number.format general": (
        lambda: ee.List([ee.Number(v).format("%.3g") for v in (0.0001234, 123456.0, 1.5)]),
        ["0.000123", "1.23e+05", "1.50"],
    ),
    # The client sends a Polygon of points as GeoJSON of one ring, but as it is with `geodesic` beside it.
    "Polygon of points": (
        lambda: ee.Geometry.Polygon([[0, 0], [1, 0], [0, 1]], None, False).coordinates(),
        [[[0, 0], [1, 0], [0, 1], [0, 0]]],
    ),
    "BBox across the antimeridian": (
        lambda: (
            ee.Geometry.BBox(170, 0, -170, 10)
            .area(1)
            .divide(ee.Geometry.BBox(0, 0, 20, 10).area(1))
            .multiply(1e6)
            .round()
        ),
        1e6,
    ),
    "BBox to the poles": (
        lambda: (
            ee.Geometry.BBox(0, float("-inf"), 10, 90)
            .bounds()
            .coordinates()
            .flatten()
            .reduce(ee.Reducer.minMax())
        ),
        {"min": -90, "max": 90},
    ),
    "centroid on a map": (
        lambda: (
            ee.Geometry.Rectangle([0, 0, 4, 2], "EPSG:3857", False).centroid(1, "EPSG:3857").coordinates()
        ),
        [2.0, 1.0],
    ),
    "distance on a map": (
        lambda: ee.Geometry.Point([0, 0], "EPSG:3857").distance(
            ee.Geometry.Point([30, 40], "EPSG:3857"), 1, "EPSG:3857"
        ),
        50.0,
    ),
    "buffer on a map": (
        lambda: (
            ee.Geometry.Rectangle([0, 0, 100, 100], "EPSG:3857", False)
            .buffer(-10, 1, "EPSG:3857")
            .area(1, "EPSG:3857")
        ),
        6400.0,
    ),
    "hull on a map": (
        lambda: (
            ee.Geometry.MultiPoint([[0, 0], [10, 0], [10, 10], [5, 4]], "EPSG:3857")
            .convexHull(1, "EPSG:3857")
            .area(1, "EPSG:3857")
        ),
        50.0,
    ),
    "forEachElement": (
        lambda: ee.List([ee.Array([1, 5]), ee.Array([3, 2])]).reduce(ee.Reducer.max().forEachElement()),
        [3, 5],
    ),
    # -- dictionaries
    "Dictionary.contains": (lambda: ee.Dictionary({"a": 1}).contains("a"), True),
    "Dictionary.contains not": (lambda: ee.Dictionary({"a": 1}).contains("b"), False),
    "Dictionary.fromLists": (lambda: ee.Dictionary.fromLists(["x", "y"], [1, [2]]), {"x": 1, "y": [2]}),
    "Dictionary.size": (lambda: ee.Dictionary({"a": 1, "b": 2}).size(), 2),
    "Dictionary.set": (lambda: ee.Dictionary({"a": 1}).set("b", "c"), {"a": 1, "b": "c"}),
    "Dictionary.remove": (lambda: ee.Dictionary({"ab": 1, "ac": 2, "b": 3}).remove(["a.*"]), {"b": 3}),
    "Dictionary.remove missing": (lambda: ee.Dictionary({"a": 1}).remove(["x"], True), {"a": 1}),
    "Dictionary.getArray": (lambda: ee.Dictionary({"a": [1, 2]}).getArray("a").length(), [2]),
    "Dictionary.getString": (lambda: ee.Dictionary({"a": "word"}).getString("a").length(), 4),
    "Dictionary.getGeometry": (
        lambda: ee.Dictionary({"g": ee.Geometry.Point(3, 4)}).getGeometry("g").coordinates(),
        [3, 4],
    ),
    # -- elements
    "Element.setMulti": (
        lambda: ee.Feature(None, {"a": 1, "b": 2}).set(ee.Dictionary({"b": 3, "c": 4})).toDictionary(),
        {"a": 1, "b": 3, "c": 4},
    ),
    "Element.getArray": (
        lambda: ee.Feature(None, {"a": [1, 2, 3]}).getArray("a").reduce("sum", [0]).get([0]),
        6,
    ),
    "Element.getString": (lambda: ee.Feature(None, {"a": "word"}).getString("a").cat("s"), "words"),
    "Feature.toArray": (lambda: ee.Feature(None, {"a": 1, "b": 2.5}).toArray(["b", "a"]), [2.5, 1]),
    "Feature.setGeometry": (
        lambda: ee.Feature(None, {"a": 1}).setGeometry(ee.Geometry.Point(1, 2)).geometry().coordinates(),
        [1, 2],
    ),
    # -- lists
    "List.containsAll": (lambda: ee.List(L).containsAll([3, 1]), True),
    "List.containsAll not": (lambda: ee.List(L).containsAll([3, 9]), False),
    "List.equals": (lambda: ee.List(L).equals(list(L)), True),
    "List.equals not": (lambda: ee.List(L).equals(L[::-1][1:]), False),
    "List.filter": (lambda: ee.List(L).filter(ee.Filter.gt("item", 1)), [2, 3, 2]),
    "List.frequency": (lambda: ee.List(L).frequency(2), 2),
    "List.indexOf": (lambda: ee.List(L).indexOf(2), 1),
    "List.indexOf none": (lambda: ee.List(L).indexOf(9), -1),
    "List.lastIndexOfSubList": (lambda: ee.List([1, 2, 1, 2, 3]).lastIndexOfSubList([1, 2]), 2),
    "List.remove": (lambda: ee.List(L).remove(2), [1, 3, 2, 1]),
    "List.replace": (lambda: ee.List(L).replace(2, 9), [1, 9, 3, 2, 1]),
    "List.replaceAll": (lambda: ee.List(L).replaceAll(2, 9), [1, 9, 3, 9, 1]),
    "List.reverse": (lambda: ee.List([1, 2, 3]).reverse(), [3, 2, 1]),
    "List.set": (lambda: ee.List([1, 2, 3]).set(-1, 7), [1, 2, 7]),
    "List.splice": (lambda: ee.List([0, 1, 2, 3, 4]).splice(1, 2, ["a"]), [0, "a", 3, 4]),
    "List.swap": (lambda: ee.List([0, 1, 2]).swap(0, 2), [2, 1, 0]),
    "List.getNumber": (lambda: ee.List([1, 5]).getNumber(1).add(1), 6),
    "List.getString": (lambda: ee.List(["a", "b"]).getString(1).cat("c"), "bc"),
    "List.getArray": (lambda: ee.List([[1, 2]]).getArray(0).length(), [2]),
    "List.getGeometry": (lambda: ee.List([ee.Geometry.Point(5, 6)]).getGeometry(0).coordinates(), [5, 6]),
    "IsEqual": (lambda: ee.Algorithms.IsEqual([1, 2], [1, 2]), True),
    "IsEqual not": (lambda: ee.Algorithms.IsEqual([1, 2], [1, 3]), False),
    # -- strings
    "String.compareTo": (
        lambda: ee.List(
            [ee.String("a").compareTo("b"), ee.String("b").compareTo("a"), ee.String("a").compareTo("a")]
        ),
        [-1, 1, 0],
    ),
    "String.equals": (lambda: ee.String("a").equals("A"), False),
    "String.toLowerCase": (lambda: ee.String("QlB").toLowerCase(), "qlb"),
    "String.toUpperCase": (lambda: ee.String("QlB").toUpperCase(), "QLB"),
    "String.trim": (lambda: ee.String("  a b ").trim(), "a b"),
    # -- geometries
    "Geometry.withinDistance": (
        lambda: ee.List(
            [
                ee.Geometry.Point(0, 0).withinDistance(ee.Geometry.Point(1, 0), d, 1)
                for d in (111_000, 112_000)
            ]
        ),
        [False, True],
    ),
    "Geometry.isUnbounded": (
        lambda: ee.List([box(0, 0, 1, 1).isUnbounded(), ee.Image(1).geometry().isUnbounded()]),
        [False, True],
    ),
    "Geometry.geodesic": (
        lambda: ee.List(
            [box(0, 0, 1, 1).geodesic(), ee.Geometry.Polygon([[[0, 0], [1, 0], [1, 1]]]).geodesic()]
        ),
        [False, True],
    ),
    "Geometry.dissolve": (
        lambda: (
            ee.Geometry.MultiPolygon(
                [[[[0, 0], [2, 0], [2, 1], [0, 1], [0, 0]]], [[[1, 0], [3, 0], [3, 1], [1, 1], [1, 0]]]],
                None,
                False,
            )
            .dissolve(1)
            .area(1)
            .divide(box(0, 0, 3, 1).area(1))
            .multiply(1e6)
            .round()
        ),
        1e6,
    ),
    "GeometryConstructors.BBox": (
        lambda: ee.Geometry.BBox(0, 1, 2, 3).bounds().coordinates(),
        [[[0, 1], [2, 1], [2, 3], [0, 3], [0, 1]]],
    ),
    "GeometryConstructors.LinearRing": (
        lambda: ee.Geometry.LinearRing([[0, 0], [1, 0], [1, 1]]).type(),
        "LinearRing",
    ),
    "GeometryConstructors.MultiGeometry": (
        lambda: called(
            "GeometryConstructors.MultiGeometry", geometries=[ee.Geometry.Point(0, 0), box(0, 0, 1, 1)]
        ),
        "GeometryCollection",
    ),
    # -- projections and types
    "Projection.scale": (lambda: ee.Projection("EPSG:32647").scale(30, 30).nominalScale(), 30),
    "PixelType.dimensions": (lambda: ee.PixelType("int8", None, None, 2).dimensions(), 2),
    "PixelType.maxValue": (lambda: ee.PixelType.int8().maxValue(), 127),
}


def same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, np.ndarray):
        wanted = wanted.tolist()
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(same(found[k], wanted[k]) for k in wanted)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, float):
        return bool(found == pytest.approx(wanted, rel=1e-9, abs=1e-12))
    return bool(found == wanted and isinstance(found, bool) == isinstance(wanted, bool))


@pytest.mark.parametrize("case", CASES)
def test_an_answer(case: str) -> None:
    make, wanted = CASES[case]
    found = make().getInfo()
    if isinstance(found, dict) and "geometries" in found:
        found = found["type"]
    assert same(found, wanted)


def test_properties_are_replaced_by_those_of_another() -> None:
    one, other = ee.Feature(ee.Geometry.Point(1, 2), {"a": 1}), ee.Feature(None, {"b": 2})
    found = ee.Feature(called("Element.replaceProperties", destination=one, source=other)).getInfo()
    assert found["properties"] == {"b": 2}
    assert found["geometry"]["coordinates"] == [1, 2]


def test_nearest_points_of_two_geometries() -> None:
    """Of a point and a rectangle straight east of it on the equator."""
    found = called("Geometry.closestPoints", left=ee.Geometry.Point(0, 0), right=box(2, -1, 3, 1)).getInfo()
    np.testing.assert_allclose(found["left"]["coordinates"], [0, 0], atol=1e-3)
    np.testing.assert_allclose(found["right"]["coordinates"], [2, 0], atol=1e-3)


@pytest.mark.parametrize(
    ("unit", "delta", "starts"), [("day", 10, ["01-01", "01-11", "01-21"]), ("month", 1, ["01-01"])]
)
def test_ranges_of_dates_to_map_over(unit: str, delta: int, starts: list[str]) -> None:
    ranges = ee.FeatureCollection(
        called(
            "BetterDateRangeCollection",
            start=ee.Date("2021-01-01"),
            end=ee.Date("2021-01-25"),
            delta=delta,
            unit=unit,
        )
    )
    first = ranges.map(lambda f: f.set("start", ee.DateRange(f.get("date_range")).start().format("MM-dd")))
    assert first.aggregate_array("start").getInfo() == starts
