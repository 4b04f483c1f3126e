"""Numbers, strings, lists, dictionaries, arrays, dates, kernels and their JSON, asked through the official
client.
"""

from __future__ import annotations

import math
from typing import Any

import ee
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.array import cast_array
from smgee.eelocal.ops.elementwise import BINARY, UNARY, digamma, trigamma
from smgee.eelocal.ops.number import cast_number, compute
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.date import advance, find_zone, floor_unit, parse_iso
from smgee.eelocal.values.datetext import format_date, parse_date
from smgee.eelocal.values.pixeltype import NAMED_TYPES

pytestmark = pytest.mark.usefixtures("embedded")


def info(value: Any) -> Any:
    return value.getInfo()


def refusal(value: Any) -> str:
    with pytest.raises(ee.EEException) as failure:
        value.getInfo()
    return str(failure.value)


# -- numbers


def test_division_and_remainder() -> None:
    assert info(ee.Number(7).divide(2)) == 3.5
    assert info(ee.Number(7).divide(0)) == 0
    assert info(ee.Number(-7).mod(3)) == -1
    assert info(ee.Number(7).mod(0)) == 0
    assert info(ee.Number(2**62).add(2**62)) == -(2**63)  # wraps at 64 bits


def test_whole_results_are_integers_in_json() -> None:
    assert isinstance(info(ee.Number(10).divide(2)), int)
    assert isinstance(info(ee.Number(10.5).floor()), int)
    assert info(ee.Number(0).log()) == "-Infinity"
    assert info(ee.Number(-1).sqrt()) == "NaN"


def test_shifts_and_bits() -> None:
    assert info(ee.Number(-16).rightShift(2)) == -4
    assert info(ee.Number(1).leftShift(65)) == 2  # six bits of the shift count, as in Java
    assert info(ee.Number(255).bitwiseNot()) == -256
    assert "integers" in refusal(ee.Number(1.5).bitwiseAnd(1))


@settings(max_examples=60, deadline=None)
@given(
    value=st.floats(-1e12, 1e12) | st.integers(-(2**62), 2**62),
    name=st.sampled_from(["int8", "uint8", "int16", "uint32", "int64"]),
)
def test_casts_stay_in_range_and_truncate(value: float, name: str) -> None:
    result = cast_number(value, NAMED_TYPES[name])
    low, high = NAMED_TYPES[name].bounds
    assert result == min(max(math.trunc(value), low), high)


def test_array_casts_round() -> None:
    values = cast_array(Array([0.5, -0.5, 2.4, 300.0]), NAMED_TYPES["uint8"]).tolist()
    assert values == [1, 0, 2, 255]


@pytest.mark.parametrize(
    ("pattern", "number", "text"),
    [
        ("%.2f", 0.125, "0.13"),
        ("%05d", -42, "-0042"),
        ("%,.1f", 1234567.25, "1,234,567.3"),
        ("%e", 0, "0.000000e+00"),
        ("%s", 2.5, "2.5"),
        ("%+d mm", 3, "+3 mm"),
        ("%x", -1, "f" * 16),
    ],
)
def test_number_format(pattern: str, number: float, text: str) -> None:
    assert info(ee.Number(number).format(pattern)) == text


def test_number_format_refuses_fractions_as_integers() -> None:
    assert "needs an integer" in refusal(ee.Number(1.5).format("%d"))


def test_expressions() -> None:
    variables = {"x": 3, "v": {"y": [4, 5]}}
    assert info(
        ee.Number.expression("-x ** 2 + v.y[1] * 2 > 0 ? max(x, 10) : 1 / x", variables)
    ) == pytest.approx(10)
    assert info(ee.Number.expression("7 % 4 == 3 && !(x < 2)", variables)) == 1
    assert "Unknown variable 'q'" in refusal(ee.Number.expression("q + 1", variables))


def test_special_functions() -> None:
    x = np.array([-2.5, 1e-6, 0.3, 7.0, 49.0, 1e5])
    np.testing.assert_allclose(digamma(x), special.digamma(x), rtol=3e-8)
    np.testing.assert_allclose(trigamma(x), special.polygamma(1, x), rtol=3e-8)
    assert digamma(np.array([-3.0]))[0] == -math.inf
    assert compute(BINARY["gammainc"], 2.0, 3.0) == pytest.approx(special.gammainc(3.0, 2.0))  # (x, a)
    assert compute(UNARY["round"], -2.5) == -2


# -- strings


def test_regular_expressions() -> None:
    assert info(ee.String("T21JUL_20130427").match("T(\\d+)([A-Z]+)")) == ["T21JUL", "21", "JUL"]
    assert info(ee.String("a1b22").replace("([a-z])(\\d)", "$2$1", "g")) == "1a2b2"
    assert info(ee.String("a b\tc").split("[[:space:]]")) == ["a", "b", "c"]
    assert info(ee.String("abc").match("x")) == []
    assert "invalid perl operator: (?=" in refusal(ee.String("abc").match("a(?=b)"))


def test_strings_and_json() -> None:
    assert info(ee.String("🧲a").length()) == 3  # UTF-16 units
    assert info(ee.String.encodeJSON({"b": [1, 2.5, None], "a": "ü"})) == '{"a":"ü","b":[1,2.5,null]}'
    assert info(ee.String('{"a": [1.0, true]}').decodeJSON()) == {"a": [1, True]}
    assert info(ee.String("abcdef").slice(-3, -1)) == "de"
    assert info(ee.Algorithms.String(ee.Number(5).divide(2))) == "2.5"


# -- lists and dictionaries


def test_lists() -> None:
    numbers = ee.List([3, 1, 2])
    assert info(numbers.sort()) == [1, 2, 3]
    assert info(numbers.sort(["c", "a", "b"])) == [1, 2, 3]
    assert info(numbers.rotate(1)) == [2, 3, 1]
    assert info(numbers.insert(-1, 9)) == [3, 1, 9, 2]
    assert info(ee.List([1, [2, [3]], []]).flatten()) == [1, 2, 3]
    assert info(ee.List([[1, 2], ["a", "b", "c"]]).unzip()) == [[1, "a"], [2, "b"]]
    assert info(numbers.zip(["a", "b"])) == [[3, "a"], [1, "b"]]
    assert info(ee.List([1, True, "1"]).distinct().size()) == 3
    assert info(ee.List([1, 2, 3, 4]).slice(0, -1, 2)) == [1, 3]
    assert info(ee.List([1, 2, 1, 2]).indexOfSublist([2, 1])) == 1
    assert "List index must be between 0 and 2" in refusal(numbers.get(3))


def test_shuffle_is_a_permutation_that_the_seed_fixes() -> None:
    numbers = ee.List.sequence(0, 20)
    assert info(numbers.shuffle(7)) == info(numbers.shuffle(7)) != info(numbers.shuffle(8))
    assert sorted(info(numbers.shuffle(7))) == list(range(21))


def test_map_and_iterate() -> None:
    assert info(ee.List([1, 2]).map(lambda v: ee.List([10, 20]).map(lambda w: ee.Number(w).add(v)))) == [
        [11, 21],
        [12, 22],
    ]
    assert info(ee.List([1, None, 3]).map(lambda v: v, True)) == [1, 3]
    assert "returned null" in refusal(ee.List([1, None]).map(lambda v: v))
    total = ee.List([1, 2, 3]).iterate(lambda v, sum_: ee.Number(sum_).add(v), 0)
    assert info(total) == 6


def test_dictionaries() -> None:
    table = ee.Dictionary({"b2": 2, "b1": 1})
    assert info(table.keys()) == ["b1", "b2"]
    assert info(table.values()) == [1, 2]
    assert info(table.select(["b[12]"])) == {"b1": 1, "b2": 2}
    assert info(table.rename(["b1"], ["x"])) == {"b2": 2, "x": 1}
    assert info(table.combine({"b1": None, "c": 5}, False)) == {"b1": 1, "b2": 2, "c": 5}
    assert info(table.map(lambda key, value: ee.Number(value).multiply(10))) == {"b1": 10, "b2": 20}
    assert info(table.toArray()) == [1, 2]
    assert info(table.get("z", 7)) == 7
    assert info(table.toImage().bandNames()) == ["b1", "b2"]
    ordered = table.toImage(["b2", "b1"])
    assert info(ordered.bandNames()) == ["b2", "b1"]
    point = ee.Geometry.Point([0, 0])
    assert info(ordered.reduceRegion(ee.Reducer.first(), point, 1)) == {"b1": 1, "b2": 2}
    assert "holds no value for the band 'z'" in refusal(table.toImage(["z"]))
    assert "Dictionary does not contain key: 'z'" in refusal(table.get("z"))
    assert "already has a key" in refusal(table.rename(["b1"], ["b2"]))


def test_only_the_chosen_branch_is_computed() -> None:
    assert info(ee.Algorithms.If(ee.List([]), ee.List([]).get(5), "empty is false")) == "empty is false"
    for value, truth in (
        (0, 0),
        ("", 0),
        ("0", 1),
        ({}, 0),
        (ee.Number(0).divide(0), 0),
        (None, 0),
        (ee.Array([0]), 1),
    ):
        assert info(ee.Algorithms.If(value, 1, 0)) == truth


def test_messages_name_function_and_argument() -> None:
    assert refusal(ee.Number(ee.List(["a"]).get(0)).add(1)) == (
        "Number.add, argument 'left': Invalid type.\nExpected type: Number.\nActual type: String.\nActual "
        "value: a"
    )
    assert "Parameter 'left' is required and may not be null" in refusal(
        ee.Number(ee.List([None]).get(0)).add(1)
    )


# -- arrays


def test_array_shapes() -> None:
    matrix = ee.Array([[1, 2, 3], [4, 5, 6]])
    assert info(matrix.length()) == [2, 3]
    assert info(matrix.transpose()) == [[1, 4], [2, 5], [3, 6]]
    assert info(matrix.reshape([3, -1])) == [[1, 2], [3, 4], [5, 6]]
    assert info(matrix.pad([3, 4], 9)) == [[1, 2, 3, 9], [4, 5, 6, 9], [9, 9, 9, 9]]
    assert info(matrix.slice(0, 0, 1).project([1])) == [1, 2, 3]
    assert info(matrix.repeat(1, 2)) == [[1, 2, 3, 1, 2, 3], [4, 5, 6, 4, 5, 6]]
    assert info(matrix.sort(ee.Array([[3, 1, 2]]))) == [[2, 3, 1], [5, 6, 4]]
    assert info(ee.Array([1, 2, 3]).multiply(ee.Array(2))) == [2, 4, 6]
    assert "same lengths" in refusal(ee.Array([1, 2]).add([1, 2, 3]))
    assert "ragged" in refusal(ee.Array([[1], [2, 3]]))


def test_array_reductions() -> None:
    matrix = ee.Array([[1, 2, 3], [4, 5, 9]])
    assert info(matrix.reduce(ee.Reducer.mean(), [1])) == [[2], [6]]
    fit = ee.Array([[1, 2], [2, 4], [3, 6]]).reduce(ee.Reducer.linearFit(), [0], 1)
    np.testing.assert_allclose(info(fit), [[2, 0]], atol=1e-12)
    assert info(matrix.accum(1, ee.Reducer.max())) == [[1, 2, 3], [4, 5, 9]]


def test_linear_algebra() -> None:
    values = [[4.0, 1.0, 2.0], [1.0, 3.0, 0.0], [2.0, 0.0, 5.0]]
    matrix, oracle = ee.Array(values), np.array(values)
    np.testing.assert_allclose(info(matrix.matrixInverse()), np.linalg.inv(oracle), atol=1e-12)
    assert info(matrix.matrixDeterminant()) == pytest.approx(np.linalg.det(oracle))
    solution = np.array(info(matrix.matrixSolve([[1], [2], [3]]))).ravel()
    np.testing.assert_allclose(solution, np.linalg.solve(oracle, [1, 2, 3]), atol=1e-12)
    rows = np.array(info(matrix.eigen()))
    assert (np.diff(rows[:, 0]) <= 0).all()
    np.testing.assert_allclose(oracle @ rows[:, 1:].T, rows[:, 1:].T * rows[:, 0], atol=1e-9)
    parts = info(matrix.matrixLUDecomposition())
    np.testing.assert_allclose(
        np.array(parts["P"]) @ oracle, np.array(parts["L"]) @ np.array(parts["U"]), atol=1e-12
    )
    parts = info(matrix.matrixSingularValueDecomposition())
    np.testing.assert_allclose(
        np.array(parts["U"]) @ np.array(parts["S"]) @ np.array(parts["V"]).T, oracle, atol=1e-12
    )
    assert "singular" in refusal(ee.Array([[1, 2], [2, 4]]).matrixInverse())
    assert "complex" in refusal(ee.Array([[0, 1], [-1, 0]]).eigen())


def test_eigenvectors_of_equal_eigenvalues_are_the_documented_ones() -> None:
    """The API reference states this basis of the plane of zeros, of the infinitely many."""
    rows = np.array(info(ee.Array([[1, 1, 1], [1, 1, 1], [1, 1, 1]]).eigen()))
    documented = np.array(
        [[3, 3**-0.5, 3**-0.5, 3**-0.5], [0, 0, 2**-0.5, -(2**-0.5)], [0, 1.5**-0.5, -(6**-0.5), -(6**-0.5)]]
    )
    assert rows[:, 0] == pytest.approx(documented[:, 0], abs=1e-12)
    assert np.abs((rows[:, 1:] * documented[:, 1:]).sum(1)) == pytest.approx(1)  # equal up to sign
    assert info(ee.Array([[1, 0], [0, 1]]).eigen()) == [[1, 1, 0], [1, 0, 1]]
    block = np.array(
        info(ee.Array([[2, 1, 0], [1, 2, 0], [0, 0, 3]]).eigen())
    )  # two blocks that share the eigenvalue 3
    assert block[:, 0] == pytest.approx([3, 3, 1])
    assert block[:, 1:] @ block[:, 1:].T == pytest.approx(np.eye(3), abs=1e-12)


# -- dates

MOMENTS = st.datetimes().filter(lambda t: 1900 < t.year < 2100)


@settings(max_examples=60, deadline=None)
@given(moment=MOMENTS, zone=st.sampled_from([None, "Asia/Shanghai", "America/Los_Angeles", "+05:30"]))
def test_text_round_trip(moment: Any, zone: str | None) -> None:
    ms = parse_iso(moment.strftime("%Y-%m-%dT%H:%M:%S"), find_zone(None))
    pattern = "yyyy-MM-dd HH:mm:ss Z"
    assert parse_date(format_date(ms, pattern, zone), pattern, None) == ms


@settings(max_examples=60, deadline=None)
@given(moment=MOMENTS, unit=st.sampled_from(["year", "month", "week", "day", "hour", "minute", "second"]))
def test_every_instant_lies_in_its_unit(moment: Any, unit: str) -> None:
    zone = find_zone("America/Los_Angeles")
    ms = parse_iso(moment.strftime("%Y-%m-%dT%H:%M:%S"), find_zone(None))
    start = floor_unit(ms, unit, zone)
    assert start <= ms < advance(start, 1, unit, zone)
    assert floor_unit(start, unit, zone) == start


def test_calendar() -> None:
    date = ee.Date("2021-04-30T07:15:31.24")
    assert info(date.get("week")) == 17
    assert info(date.getRelative("day", "year")) == 119
    assert info(date.getFraction("day")) == pytest.approx((7 * 3600 + 15 * 60 + 31.24) / 86400)
    assert info(ee.Date("2020-01-31").advance(1, "month").format("YYYY-MM-dd")) == "2020-02-29"
    assert info(ee.Date("2020-02-29").advance(-1, "year").format("YYYY-MM-dd")) == "2019-02-28"
    assert info(ee.Date("2020-01-15").difference("2020-01-01", "week")) == 2
    assert info(ee.Date("1996-001").format("D")) == "1"
    assert (
        info(
            ee.Date("2021-03-14T01:30", "America/Los_Angeles")
            .advance(1, "day", "America/Los_Angeles")
            .format("HH", "America/Los_Angeles")
        )
        == "01"
    )
    assert info(ee.Date(0).update(2020, 2, 29)) == {"type": "Date", "value": 1582934400000}
    assert "Invalid date string" in refusal(ee.Date("2021-02-30"))
    assert "Unrecognized time unit" in refusal(ee.Date(0).get("fortnight"))
    assert "Unrecognized time zone" in refusal(ee.Date("2020-01-01", "Mars/Olympus"))


def test_a_year_beyond_all_calendars_is_no_date() -> None:
    with pytest.raises(EEError, match="Invalid date string"):
        parse_iso("2021" + "9" * 40 + "-05-01")


def test_date_ranges() -> None:
    year, spring = ee.DateRange("2020-01-01", "2021-01-01"), ee.DateRange("2020-03-01", "2020-06-01")
    assert info(year.contains(spring)) is True
    assert info(year.contains(ee.Date("2021-01-01"))) is False  # the end is exclusive
    assert info(spring.intersects(ee.DateRange("2020-06-01", "2020-07-01"))) is False
    assert info(ee.DateRange("2020-01-01").end()) == {"type": "Date", "value": 1577836800001}
    assert info(ee.DateRange.unbounded().isUnbounded()) is True
    assert info(ee.DateRange("2020-02-01", "2020-01-01").isEmpty()) is True


# -- kernels, types, projections


def test_kernels_in_meters_depend_on_the_scale() -> None:
    from smgee.eelocal.ops.kernel import SHAPES, fixed

    assert set(SHAPES) >= {"circle", "octagon"}
    kernel = ee.Kernel.circle(60, "meters")
    assert info(kernel) == {"type": "Kernel.circle", "units": "meters"}
    from smgee.eelocal.ops import implementations

    circle = implementations()["Kernel.circle"].function(
        radius=60.0, units="meters", normalize=True, magnitude=1.0
    )
    assert circle.weights(30.0).values.shape == (5, 5)
    assert circle.weights(30.0).values.sum() == pytest.approx(1)
    assert circle.weights(60.0).values.shape == (3, 3)
    moved = fixed(-1, -1, [[1, 2, 3]], 0, 0, False)
    assert (moved.weights().x, moved.weights().y) == (0, 0)


def test_a_gaussian_of_one_pixel_is_refused_rather_than_no_filter_at_all() -> None:
    """Its page shows 5×5 for a radius of 3, so pixels nearer than the radius; a newer recording shows 7×7."""
    assert np.shape(info(ee.Kernel.gaussian(3))["weights"]) == (5, 5)
    assert np.shape(info(ee.Kernel.gaussian(2, 0.5))["weights"]) == (3, 3)
    assert "3x3" in refusal(ee.Kernel.gaussian(1))
    smooth = ee.Image.pixelLonLat().convolve(ee.Kernel.gaussian(30, 30, "meters"))
    assert "3x3" in refusal(smooth.reduceRegion(ee.Reducer.first(), ee.Geometry.Point([0, 0]), 30))


def test_rotation_moves_the_focus() -> None:
    kernel = ee.Kernel.fixed(-1, -1, [[1, 2, 3]], 0, 0).rotate(1)
    assert info(kernel)["weights"] == [[1], [2], [3]]
    assert info(kernel)["center"] == [0, 0]
    assert info(kernel.rotate(1))["center"] == [2, 0]


def test_projections() -> None:
    assert info(ee.Projection("EPSG:4326").nominalScale()) == pytest.approx(111319.49079327358)
    assert info(ee.Projection("EPSG:32647").atScale(30).transform()).count("30") == 2
    assert info(ee.Projection("EPSG:4326").crs()) == "EPSG:4326"
    assert "could not be parsed" in refusal(ee.Projection("EPSG:0"))
    assert info(ee.PixelType("int", -20, -10).minValue()) == -20
    assert info(ee.PixelType.float().precision()) == "float"


def test_confusion_matrix() -> None:
    matrix = ee.FeatureCollection(
        [ee.Feature(None, {"a": a, "p": p}) for a, p in [(0, 0), (0, 1), (1, 1), (1, 1), (2, 1)]]
    ).errorMatrix("a", "p")
    assert info(matrix) == [[1, 1, 0], [0, 2, 0], [0, 1, 0]]
    assert info(matrix.accuracy()) == 0.6
    assert info(matrix.consumersAccuracy()) == [[1, 0.5, 0]]
    assert info(matrix.producersAccuracy()) == [[0.5], [1], [0]]
    chance = (1 * 2 + 4 * 2 + 0 * 1) / 25
    assert info(matrix.kappa()) == pytest.approx((0.6 - chance) / (1 - chance))
