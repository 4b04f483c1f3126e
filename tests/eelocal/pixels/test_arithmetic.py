"""Arithmetic, types, names and casts of bands."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.construct import constant_image
from smgee.eelocal.values.pixeltype import NAMED_TYPES, PixelType

REPEATED = settings(max_examples=60, deadline=None)
INTEGERS = st.sampled_from(["u1", "i1", "u2", "i2", "i4"])


def draw(data, dtype):
    info = np.iinfo(dtype)
    return np.array([[data.draw(st.integers(int(info.min), int(info.max))) for _ in range(4)]], dtype)


def python_divide(a, b):
    return 0.0 if b == 0 else a / b


EXACT = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "mod": lambda a, b: 0 if b == 0 else int(math.copysign(abs(a) % abs(b), a)),
    "min": min,
    "max": max,
    "bitwiseAnd": lambda a, b: a & b,
    "bitwiseOr": lambda a, b: a | b,
    "bitwiseXor": lambda a, b: a ^ b,
    "eq": lambda a, b: int(a == b),
    "lt": lambda a, b: int(a < b),
    "gte": lambda a, b: int(a >= b),
    "and": lambda a, b: int(a != 0 and b != 0),
    "firstNonZero": lambda a, b: a if a != 0 else b,
}


@REPEATED
@given(data=st.data(), name=st.sampled_from(sorted(EXACT)), left=INTEGERS, right=INTEGERS)
def test_integers_never_wrap(lab, data, name, left, right):
    a, b = draw(data, left), draw(data, right)
    result = lab.call(f"Image.{name}", image1=lab.image(b=a), image2=lab.image(b=b))
    values = lab.values(result)
    assert values.tolist()[0] == [EXACT[name](int(x), int(y)) for x, y in zip(a[0], b[0])]
    low, high = result.bands[0].type.bounds
    assert low <= values.min() <= values.max() <= high
    assert values.dtype == result.bands[0].type.dtype


@REPEATED
@given(data=st.data(), left=INTEGERS, right=INTEGERS)
def test_integers_divide_into_floats_and_by_zero_into_zero(lab, data, left, right):
    a, b = draw(data, left), draw(data, right)
    b[0, 0] = 0
    result = lab.call("Image.divide", image1=lab.image(b=a), image2=lab.image(b=b))
    assert result.bands[0].type.precision == "float"
    np.testing.assert_allclose(
        lab.values(result)[0],
        np.float32([python_divide(int(x), int(y)) for x, y in zip(a[0], b[0])]),
        rtol=1e-6,
    )


@pytest.mark.parametrize(
    ("a", "b", "name", "kind"),
    [
        (
            NAMED_TYPES["uint16"],
            PixelType("int", 10_000, 10_000),
            "divide",
            PixelType("float", 0.0, float(np.float32(6.5535))),
        ),
        (
            NAMED_TYPES["uint16"],
            PixelType("double", 0.0001, 0.0001),
            "multiply",
            PixelType("double", 0.0, 65535 * 0.0001),
        ),
        (NAMED_TYPES["uint8"], NAMED_TYPES["uint8"], "add", PixelType("int", 0, 510)),
        (NAMED_TYPES["uint8"], NAMED_TYPES["uint8"], "subtract", PixelType("int", -255, 255)),
        (NAMED_TYPES["float"], PixelType("int", 1, 1), "add", PixelType("float")),
        (NAMED_TYPES["float"], PixelType("double", 2.5, 2.5), "multiply", PixelType("double")),
        (NAMED_TYPES["int16"], NAMED_TYPES["float"], "max", PixelType("float")),
        (NAMED_TYPES["uint8"], PixelType("int", 30, 30), "bitwiseAnd", PixelType("int", 0, 255)),
        (NAMED_TYPES["uint8"], PixelType("int", 2, 2), "pow", PixelType("float")),
        (NAMED_TYPES["float"], NAMED_TYPES["double"], "lt", PixelType("int", 0, 1)),
        (PixelType("int", 1, 1), PixelType("int", 10, 10), "leftShift", PixelType("int", 0, 1024)),
    ],
)
def test_types_of_results(a, b, name, kind):
    from smgee.eelocal.ops.image_math import BINARY

    assert BINARY[name](a, b) == kind


def test_float32_stays_float32_and_is_rounded_once(lab):
    a, b = np.float32([[0.1, 1e7, 3.0]]), np.float32([[0.2, 1.0, 7.0]])
    result = lab.values(lab.call("Image.add", image1=lab.image(b=a), image2=lab.image(b=b)))
    assert result.dtype == np.float32
    assert np.array_equal(result, a + b)
    mixed = lab.values(
        lab.call(
            "Image.add", image1=lab.image(b=np.int32([[2**24 + 1]])), image2=lab.image(b=np.float32([[1.0]]))
        )
    )
    assert mixed[0, 0] == np.float32(2**24 + 2)


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        ("ab", "c", ["a", "b"]),
        ("a", "bc", ["b", "c"]),
        ("ab", "ba", ["a", "b"]),
        ("ab", "cd", ["a", "b"]),
        ("ab", "ac", ["a", "b"]),
    ],
)
def test_names_come_from_the_longer_image(lab, first, second, names):
    image1 = lab.image(**{n: np.full((2, 2), ord(n), "i2") for n in first})
    image2 = lab.image(**{n: np.full((2, 2), 10 * ord(n), "i2") for n in second})
    result = lab.call("Image.add", image1=image1, image2=image2)
    assert result.names == names
    pairs = dict(
        zip(first, sorted(second, key=first.index) if set(first) == set(second) else second * len(first))
    )
    if len(first) == 2 and len(second) == 2:
        assert lab.pixels(result)["a"][0][0, 0] == ord("a") + 10 * ord(pairs["a"])


def test_images_of_other_lengths_are_refused(lab):
    two, three = (
        lab.image(a=np.ones((2, 2)), b=np.ones((2, 2))),
        lab.image(a=np.ones((2, 2)), b=np.ones((2, 2)), c=np.ones((2, 2))),
    )
    with pytest.raises(EEError, match="same number of bands"):
        lab.call("Image.add", image1=two, image2=three)
    with pytest.raises(EEError, match=r"Image.bitwiseAnd: Bitwise operands must be integer only\."):
        lab.call("Image.bitwiseAnd", image1=two, image2=1)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("toUint8", [0, 0, 1, 2, 255, 255]),
        ("toInt8", [-128, -2, 1, 2, 127, 127]),
        ("toInt", [-1000, -2, 1, 2, 255, 70000]),
    ],
)
def test_casts_truncate_and_clamp(lab, target, expected):
    values = np.array([[-1000.0, -2.9, 1.5, 2.999, 255.4, 70000.0]])
    assert lab.values(lab.call(f"Image.{target}", value=lab.image(b=values))).tolist()[0] == expected


def test_casts_reach_the_end_of_64_bits(lab):
    values = lab.values(lab.call("Image.toLong", value=lab.image(b=np.array([[1e30, -1e30, 2.0**62]]))))
    assert values.tolist()[0] == [2**63 - 1, -(2**63), 2**62]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("abs", [2.5, 0.5, 0.0, 0.5, 2.5]),
        ("ceil", [-2, 0, 0, 1, 3]),
        ("floor", [-3, -1, 0, 0, 2]),
        ("round", [-2, 0, 0, 1, 3]),
        ("signum", [-1, -1, 0, 1, 1]),
        ("not", [0, 0, 1, 0, 0]),
    ],
)
def test_functions_of_one_band(lab, name, expected):
    image = lab.image(b=np.array([[-2.5, -0.5, 0.0, 0.5, 2.5]]))
    assert lab.values(lab.call(f"Image.{name}", value=image)).tolist()[0] == expected


def test_bits(lab):
    image = lab.image(b=np.array([[0, 1, 129, 255]], "u1"))
    assert lab.values(lab.call("Image.bitCount", value=image)).tolist()[0] == [0, 1, 2, 8]
    assert lab.values(lab.call("Image.bitwiseNot", value=image)).tolist()[0] == [-1, -2, -130, -256]
    assert lab.values(lab.call("Image.leftShift", image1=image, image2=9)).tolist()[0] == [
        0,
        512,
        129 << 9,
        255 << 9,
    ]
    assert lab.values(lab.call("Image.rightShift", image1=image, image2=4)).tolist()[0] == [0, 0, 8, 15]


def test_arithmetic_keeps_the_place_but_not_the_dates(lab):
    image = lab.source.add("dated", {"b": np.ones((4, 5), "i2")}, lab.grid(4, 5), start_ms=5, CLOUD=3)
    result = lab.call("Image.add", image1=image, image2=1)
    assert set(result.properties) == {"system:index", "system:footprint"}
    assert result.id is None
    assert result.bands[0].projection == image.bands[0].projection
    assert result.bands[0].extent == (0, 0, 5, 4)
    kept = lab.call("Image.select", input=image, bandSelectors=["b"])
    assert kept.properties["system:time_start"] == 5
    assert lab.call("Image.updateMask", image=image, mask=1).properties["CLOUD"] == 3


def test_normalized_difference(lab):
    image = lab.image(a=np.float32([[0.6, -0.1, 0.0, 0.2]]), b=np.float32([[0.2, 0.5, 0.0, 0.2]]))
    result = lab.call("Image.normalizedDifference", input=image, bandNames=["a", "b"])
    found = lab.values(result)
    np.testing.assert_allclose(found[0, [0, 2, 3]], [0.5, 0.0, 0.0], rtol=1e-6)
    assert found.mask.tolist() == [[False, True, False, False]]
    assert result.names == ["nd"]
    assert result.bands[0].type == PixelType("float", -1.0, 1.0)


def test_constants_have_types_of_one_value():
    image = constant_image([-1.2, 4])
    assert image.names == ["constant_0", "constant_1"]
    assert image.bands[0].type == PixelType("double", -1.2, -1.2)
    assert image.bands[1].type == PixelType("int", 4, 4)
