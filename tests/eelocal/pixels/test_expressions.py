"""Expressions as text: values, precedence, names, integer division, errors."""

from __future__ import annotations

import numpy as np
import pytest

from smgee.eelocal.errors import EEError


def evaluate(lab, text, default="img", **images):
    function = lab.call("Image.parseExpression", expression=text, argName=default, vars=list(images))
    return function.named(images)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("2 ** 3 ** 2", 512),
        ("-2 ** 2", -4),
        ("10 / 20", 0),
        ("10 / 20.0", 0.5),
        ("-7 / 2", -3),
        ("7 % 4", 3),
        ("5 > 3 && 2 > 1", 1),
        ("5 > 3 && 2 < 1 || 1", 1),
        ("!0 + !5", 1),
        ("1 < 2 ? 10 : 20", 10),
        ("0 ? 1 : 0 ? 2 : 3", 3),
        ("5 ^ 0", 1),
        ("1 / 0", 0),
        ("max(2, 7) - min(3, 1)", 6),
        ("sqrt(16)", 4),
        ("abs(-3)", 3),
        ("0x10 + 1", 17),
        ("1.5e2", 150),
        ("7 & 3", 3),
        ("1 == 1.0", 1),
        ("2 != 2", 0),
        ("atan2(1, 0)", 0.0),
    ],
)
def test_constants(lab, text, expected):
    image = evaluate(lab, text)
    assert lab.values(image, lab.grid(1, 1))[0, 0] == pytest.approx(expected)


def test_bands(lab):
    rng = np.random.default_rng(0)
    nir, red, blue = (rng.random((3, 4)) for _ in range(3))
    image = lab.image(B5=nir, B4=red, B2=blue)
    expected = 2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1)
    for text in (
        "2.5 * (img.B5 - img.B4) / (img.B5 + 6 * img.B4 - 7.5 * img.B2 + 1)",
        "2.5 * (b('B5') - b(1)) / (b(0) + 6 * b(\"B4\") - 7.5 * b(2) + 1)",
        "2.5 * (img[0] - img['B4']) / (img['B5'] + 6 * img[1] - 7.5 * img[2] + 1)",
    ):
        np.testing.assert_allclose(lab.values(evaluate(lab, text, img=image)), expected, rtol=1e-12)


def test_several_bands_and_names(lab):
    image = lab.image(a=np.full((1, 1), 2.0), b=np.full((1, 1), 3.0))
    result = evaluate(lab, "img * 10", img=image)
    assert result.names == ["a", "b"]
    named = evaluate(lab, "ratio = img.a / img.b", img=image)
    assert named.names == ["ratio"]
    with pytest.raises(EEError, match="single band"):
        evaluate(lab, "x = img * 2", img=image)


def test_masks_are_those_of_all_images_used(lab):
    a = lab.image(v=(np.ones((1, 4)), np.array([[True, True, False, False]])))
    b = lab.image(v=(np.ones((1, 4)), np.array([[True, False, True, False]])))
    assert lab.values(evaluate(lab, "a + 0 * b", a=a, b=b)).tolist() == [[1.0, None, None, None]]
    assert lab.values(evaluate(lab, "a > 0 ? a : b", a=a, b=b)).tolist() == [[1.0, None, None, None]]


def test_integer_bands_divide_into_integers(lab):
    image = lab.image(b=np.array([[7, 8, -9]], "i2"))
    result = evaluate(lab, "img / 4", img=image)
    assert lab.values(result).tolist() == [[1, 2, -2]]
    assert result.bands[0].type.is_int
    np.testing.assert_allclose(lab.values(evaluate(lab, "img / 4.0", img=image)), [[1.75, 2.0, -2.25]])


@pytest.mark.parametrize("text", ["1 +", "(1", "a b", "nope + 1", "f(1)", "1 $ 2", "img.", "b(", ""])
def test_malformed_expressions_are_refused(lab, text):
    with pytest.raises(EEError, match=r"Image\.parseExpression"):
        evaluate(lab, text, img=lab.image(b=np.ones((1, 1))))


def test_variables_have_names(lab):
    with pytest.raises(EEError, match="'vars' holds a null"):
        lab.call("Image.parseExpression", expression="img + h", argName="img", vars=["img", None])
