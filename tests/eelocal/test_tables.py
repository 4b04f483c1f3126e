"""Features, collections, filters, joins and aggregates, through the official client."""

from __future__ import annotations

from typing import Any

import ee
import pytest

from smgee.doctor.coverage import FILE, approximate, count, render
from smgee.eelocal.engine.context import Context, Limits
from smgee.eelocal.errors import EEError
from smgee.eelocal.formats.values import encode_value
from smgee.eelocal.ops import implementations
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.geometry import Feature

pytestmark = pytest.mark.usefixtures("embedded")


def info(value: Any) -> Any:
    return value.getInfo()


def refusal(value: Any) -> str:
    with pytest.raises(ee.EEException) as failure:
        value.getInfo()
    return str(failure.value)


def stations() -> Any:
    rows = [
        ("A", 3.0, 0, 0),
        ("B", 1.0, 1, 86400000),
        ("C", 2.5, 2, 2 * 86400000),
        ("D", None, 3, 40 * 86400000),
    ]
    return ee.FeatureCollection(
        [
            ee.Feature(ee.Geometry.Point([x, 0]), {"name": n, "theta": v, "system:time_start": t})
            for n, v, x, t in rows
        ]
    )


def names(collection: Any) -> list[str]:
    return info(collection.aggregate_array("name"))


def test_indices_and_shape_of_a_table() -> None:
    table = info(stations().limit(2))
    assert table["type"] == "FeatureCollection"
    assert table["columns"] == {
        "name": "String",
        "system:index": "String",
        "system:time_start": "Integer",
        "theta": "Integer",
    }
    assert table["features"][1] == {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [1, 0]},
        "id": "1",
        "properties": {"name": "B", "theta": 1, "system:time_start": 86400000},
    }
    merged = stations().limit(1).merge(stations().limit(2))
    assert info(merged.aggregate_array("system:index")) == ["1_0", "2_0", "2_1"]
    assert (
        info(
            ee.FeatureCollection([stations().limit(1), stations()]).flatten().aggregate_array("system:index")
        )[-1]
        == "1_3"
    )


def test_order_and_limits() -> None:
    assert names(stations().sort("theta")) == ["B", "C", "A", "D"]
    assert names(stations().sort("theta", False)) == ["A", "C", "B", "D"]
    assert names(stations().limit(2, "theta", False)) == ["A", "C"]
    assert info(stations().toList(2, 1).map(lambda f: ee.Feature(f).get("name"))) == ["B", "C"]
    assert info(ee.FeatureCollection([]).first()) is None


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ("theta > 2", "AC"),
        ("theta >= 2.5 && name != 'A'", "C"),
        ('name == "B" || theta == 3', "AB"),
        ("!(theta > 2) && name != 'D'", "B"),
        ("2 < theta", "AC"),
    ],
)
def test_filter_expressions(text: str, passing: str) -> None:
    assert names(stations().filter(text)) == list(passing)


def test_a_comparison_with_a_missing_property_does_not_pass() -> None:
    for condition in (
        ee.Filter.gt("theta", 0),
        ee.Filter.eq("theta", 1),
        ee.Filter.rangeContains("theta", 0, 9),
        ee.Filter.And(ee.Filter.lte("theta", 9), ee.Filter.notNull(["theta"])),
        ee.Filter.And(ee.Filter.neq("theta", 9), ee.Filter.gt("theta", 0)),
    ):
        assert "D" not in names(stations().filter(condition))
    assert names(stations().filter(ee.Filter.notNull(["theta"]).Not())) == ["D"]
    assert "D" in names(stations().filter(ee.Filter.Or(ee.Filter.gt("theta", 2), ee.Filter.eq("name", "D"))))
    assert "D" in names(stations().filter(ee.Filter.Or(ee.Filter.neq("theta", 2), ee.Filter.eq("name", "D"))))


@pytest.mark.parametrize("relation", ["neq", "lte", "gte"])
def test_the_opposite_of_a_comparison_with_a_missing_property_is_refused(relation: str) -> None:
    """The client sends these as Filter.not of eq, gt and lt; that "will match if and only if this filter does
    not" (its documentation), and yet what is missing is not at most anything.
    """
    condition = getattr(ee.Filter, relation)("theta", 9)
    for given in (condition, condition.Not(), ee.Filter.Or(condition, ee.Filter.eq("name", "A"))):
        with pytest.raises(ee.EEException, match="notNull"):
            stations().filter(given).size().getInfo()
    assert stations().filter(ee.Filter.notNull(["theta"])).filter(condition).size().getInfo() >= 0


@pytest.mark.parametrize("relation", ["eq", "neq", "lt"])
def test_comparing_with_null_is_refused(relation: str) -> None:
    """Whether `Filter.neq("mean", None)` keeps what has a mean, or everything, no public source says."""
    with pytest.raises(ee.EEException, match="notNull"):
        stations().filter(getattr(ee.Filter, relation)("theta", None)).size().getInfo()


def test_filters() -> None:
    assert names(stations().filter(ee.Filter.inList("name", ["A", "D"]))) == ["A", "D"]
    assert names(stations().filterDate("1970-01-01", "1970-01-03")) == ["A", "B"]  # the end is exclusive
    assert names(stations().filter(ee.Filter.calendarRange(2, 2, "month"))) == ["D"]
    assert names(stations().filter(ee.Filter.dayOfYear(366, 1))) == ["A"]
    assert names(stations().filter(ee.Filter.rangeContains("theta", 1, 2.5))) == ["B", "C"]
    assert names(stations().filter(ee.Filter.stringContains("name", "C"))) == ["C"]
    assert names(stations().filterBounds(ee.Geometry.Rectangle([0.5, -1, 2.5, 1], None, False))) == ["B", "C"]
    near = ee.Filter.withinDistance(120_000, ".geo", ee.Geometry.Point([0, 0]))
    assert names(stations().filter(near)) == ["A", "B"]
    assert names(stations().filter(ee.Filter.hasType("theta", "Number"))) == ["A", "B", "C"]
    assert "Invalid filter expression" in refusal(stations().filter("theta >"))


def test_maps_keep_the_index() -> None:
    doubled = stations().map(lambda f: ee.Feature(None, {"twice": f.getNumber("theta")}))
    assert info(doubled.aggregate_array("system:index")) == ["0", "1", "2", "3"]
    kept = stations().map(lambda f: ee.Algorithms.If(f.get("theta"), f, None), True)
    assert names(kept) == ["A", "B", "C"]
    assert "must return a Feature or Image" in refusal(stations().map(lambda f: ee.Algorithms.If(0, f)))


def test_iterate_and_reduce() -> None:
    longest = stations().iterate(
        lambda f, best: ee.Algorithms.If(ee.Number(f.get("theta")), f.get("name"), best), "none"
    )
    assert info(longest) == "C"
    sums = stations().reduceColumns(ee.Reducer.mean().combine(ee.Reducer.count(), "", True), ["theta"])
    assert info(sums) == {"mean": pytest.approx(6.5 / 3), "count": 3}
    lists = stations().reduceColumns(ee.Reducer.toList().repeat(2), ["name", "theta"])
    assert info(lists) == {"list": [["A", "B", "C", "D"], [3, 1, 2.5]]}
    weighted = stations().filter("theta < 3").reduceColumns(ee.Reducer.mean(), ["theta"], ["theta"])
    assert info(weighted) == {"mean": pytest.approx((1 + 6.25) / 3.5)}


def test_aggregates() -> None:
    stats = info(stations().aggregate_stats("theta"))
    assert stats["total_count"] == 4
    assert stats["valid_count"] == stats["weight_sum"] == 3
    assert stats["sum_sq"] == pytest.approx(16.25)
    assert (
        stats["sample_sd"] ** 2
        == pytest.approx(stats["sample_var"])
        == pytest.approx(stats["total_var"] * 1.5)
    )
    assert info(stations().aggregate_max("name")) == "D"
    assert info(stations().aggregate_histogram("name")) == {"A": 1, "B": 1, "C": 1, "D": 1}
    assert info(stations().aggregate_count("theta")) == 3
    assert "must be a number" in refusal(stations().aggregate_mean("name"))


def test_distinct_remap_and_select() -> None:
    doubled = stations().merge(stations())
    assert info(doubled.distinct(["name"]).size()) == 4
    assert info(doubled.distinct(".geo").size()) == 4
    assert info(stations().remap(["A", "C"], [10, 30], "name").aggregate_array("name")) == [10, 30]
    chosen = (
        info(stations().select(["th.*"], ["value"]).first())
        if False
        else info(ee.Feature(stations().first()).select(["th.*"], ["v"]))
    )
    assert chosen["properties"] == {"v": 3}
    assert info(stations().makeArray(["theta", "system:time_start"]).aggregate_array("array")) == [
        [3, 0],
        [1, 86400000],
        [2.5, 172800000],
    ]


def test_random_columns_depend_on_seed_and_index_alone() -> None:
    one = info(stations().randomColumn("r", 1).aggregate_array("r"))
    assert one == info(stations().sort("theta").randomColumn("r", 1).sort("name").aggregate_array("r"))
    assert one != info(stations().randomColumn("r", 2).aggregate_array("r"))
    assert all(0 <= v < 1 for v in one)


def test_random_points_lie_in_their_region() -> None:
    region = ee.Geometry.Polygon([[[0, 60], [10, 60], [10, 80], [0, 80]]])
    points = ee.FeatureCollection.randomPoints(region, 200, 3)
    assert info(points.size()) == 200
    assert info(points.filterBounds(region).size()) == 200
    # Uniform on the sphere: more of them in the southern half of the latitudes.
    assert info(points.filterBounds(ee.Geometry.Rectangle([0, 60, 10, 70], None, False)).size()) > 110


# -- joins


def soils() -> Any:
    return ee.FeatureCollection(
        [ee.Feature(None, {"station": s, "clay": c}) for s, c in [("A", 10), ("B", 20), ("B", 25), ("E", 30)]]
    )


SAME = {"leftField": "name", "rightField": "station"}


def test_joins() -> None:
    same = ee.Filter.equals(**SAME)
    assert names(ee.Join.simple().apply(stations(), soils(), same)) == ["A", "B"]
    assert names(ee.Join.inverted().apply(stations(), soils(), same)) == ["C", "D"]
    inner = ee.Join.inner("left", "right").apply(stations(), soils(), same)
    pairs = inner.map(lambda f: ee.Feature(f.get("left")).copyProperties(f.get("right")))
    assert info(pairs.aggregate_array("clay")) == [10, 20, 25]
    saved = ee.Join.saveAll("soils", "clay", False).apply(stations(), soils(), same)
    counts = saved.map(lambda f: f.set("first", ee.Feature(ee.List(f.get("soils")).get(0)).get("clay")))
    assert info(counts.aggregate_array("first")) == [10, 25]
    outer = ee.Join.saveAll("soils", outer=True).apply(stations(), soils(), same)
    assert info(outer.map(lambda f: f.set("n", ee.List(f.get("soils")).size())).aggregate_array("n")) == [
        1,
        2,
        0,
        0,
    ]


def test_best_matches_need_a_measure() -> None:
    close = ee.Filter.maxDifference(2 * 86400000, "system:time_start", None, "system:time_start")
    later = stations().filter(ee.Filter.gt("system:time_start", 0))
    best = ee.Join.saveBest("match", "gap").apply(stations().limit(1), later, close)
    match = ee.Feature(ee.Feature(best.first()).get("match"))
    assert info(match.get("name")) == "B"
    assert info(match.get("gap")) == 86400000
    assert "needs a measure" in refusal(
        ee.Join.saveBest("m", "d").apply(stations(), soils(), ee.Filter.equals(**SAME))
    )


# -- properties


def test_properties() -> None:
    feature = ee.Feature(None, {"a": 1, "system:index": "x"})
    assert info(feature.id()) == "x"
    assert info(feature.set({"b": 2}).toDictionary()) == {"a": 1, "b": 2}
    assert info(feature.get("missing")) is None
    other = ee.Feature(None, {"a": 9, "c": 3, "system:time_start": 5})
    assert info(feature.copyProperties(other))["properties"] == {"a": 9, "c": 3}
    assert info(feature.copyProperties(other, ["system:time_start"]))["properties"] == {
        "a": 1,
        "system:time_start": 5,
    }
    assert info(feature.copyProperties(other, None, ["a"]))["properties"] == {"a": 1, "c": 3}
    assert "not Number" in refusal(ee.Feature(None, {"a": "text"}).getNumber("a"))


# -- limits and coverage


def test_long_collections_are_not_sent() -> None:
    context = Context(limits=Limits(elements=3))
    short, long = (Collection(lambda n=n: [Feature(None)] * n) for n in (3, 4))
    assert len(encode_value(short, context.limits.elements)["features"]) == 3
    with pytest.raises(EEError, match="Collection query aborted after accumulating over 3 elements"):
        encode_value(long, context.limits.elements)


def test_collections_may_be_nested_deeply() -> None:
    table = ee.FeatureCollection([ee.Feature(None, {"n": 0})])
    for _ in range(120):
        table = table.map(lambda f: f.set("n", f.getNumber("n").add(1)))
    assert info(table.aggregate_first("n")) == 120


def test_a_mapped_function_must_return_an_element() -> None:
    table = ee.FeatureCollection([ee.Feature(None, {"n": 0})])
    wanted = "Collection.map: A mapped algorithm must return a Feature or Image."
    assert refusal(table.map(lambda f: f.get("n"))) == wanted
    assert (
        refusal(table.map(lambda f: f.get("n")).size()) == wanted
    )  # the algorithm that failed, not the one that asked


def test_errors_in_a_map_name_the_element() -> None:
    table = ee.FeatureCollection([ee.Feature(None, {"n": 1}), ee.Feature(None, {})])
    message = refusal(table.map(lambda f: f.set("half", f.getNumber("n").divide(2))))
    assert message.startswith("Error in map(ID=1):\nNumber.divide: Parameter 'left' is required")
    nested = table.map(
        lambda f: f.set("inner", table.map(lambda g: g.set("half", g.getNumber("n").divide(2))).size())
    )
    assert refusal(nested).startswith("Error in map(ID=0):\nError in map(ID=1):\nNumber.divide:")


def test_errors_of_late_elements_name_the_algorithm() -> None:
    assert (
        refusal(stations().flatten().size())
        == "Collection.flatten: The elements of the collection must be collections."
    )


def test_reducers_of_columns_state_how_many_they_need() -> None:
    message = refusal(stations().reduceColumns(ee.Reducer.sum(), ["theta", "system:time_start"]))
    assert message == "Collection.reduceColumns: Need 1 inputs for <Reducer>, got 2."


def test_coverage_page_is_up_to_date() -> None:
    assert FILE.read_text(encoding="utf-8") == render(), "run `python -m smgee.doctor.coverage`"
    done, total = count()
    assert done / total >= 0.75


def test_stand_ins_are_listed_as_approximate() -> None:
    listed = approximate()
    trained = {n for n in implementations() if n.startswith(("Classifier.smile", "Clusterer.weka"))}
    assert trained
    assert trained <= set(listed)
    assert {"Image.random", "Collection.randomColumn", "List.shuffle"} <= set(listed)
    page = FILE.read_text(encoding="utf-8")
    assert all(f"| {name} | {why} |" in page for name, why in listed.items())
    readme = (FILE.parent / "README.md").read_text(encoding="utf-8")
    assert "never a guess" not in readme + page


def test_refusals_name_the_algorithm() -> None:
    assert "FMask.fillMinima" not in implementations()
    with pytest.raises(ee.EEException, match=r"FMask\.fillMinima is not implemented.*COVERAGE\.md"):
        ee.ApiFunction.call_("FMask.fillMinima", ee.Image(1)).getInfo()
