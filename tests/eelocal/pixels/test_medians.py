"""The compiled loops over stacks and stored pixels, against NumPy."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smgee.eelocal.assets.geotiff import decode_stored
from smgee.eelocal.assets.sources import Decoding
from smgee.eelocal.pixels.loops import masked_median
from smgee.eelocal.pixels.stack import FAST
from smgee.eelocal.values.lazy import Pixels


def reference(stack: np.ndarray, valid: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(np.where(valid, stack.astype("f8"), np.nan), axis=0).astype(stack.dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("n", [*range(1, 18), 25, 31, 32, 33, 64, 65, 100])
def test_median_of_any_number_of_layers(n: int, dtype: str) -> None:
    rng = np.random.default_rng(n)
    pixels = 601  # more than two of the groups that are sorted together, and a rest
    stack = rng.integers(-40, 40, (n, pixels)).astype(dtype) / 7
    stack[rng.random(stack.shape) < 0.03] = np.nan
    valid = rng.random(stack.shape) < 0.6
    out, found = np.empty(pixels, dtype), np.empty(pixels, bool)
    masked_median(stack, valid, out, found)
    np.testing.assert_array_equal(found, (valid & ~np.isnan(stack)).any(0))
    np.testing.assert_array_equal(np.where(found, out, np.nan), reference(stack, valid))


def test_median_with_infinities() -> None:
    stack = np.array([[np.inf, np.inf, 1.0], [1.0, np.inf, -np.inf], [2.0, 5.0, -np.inf]])
    out, found = np.empty(3), np.empty(3, bool)
    masked_median(stack, np.ones(stack.shape, bool), out, found)
    np.testing.assert_array_equal(out, [2.0, np.inf, -np.inf])
    masked_median(
        stack, np.array([[True, True, True], [True, False, True], [False, False, True]]), out, found
    )
    np.testing.assert_array_equal(out, [np.inf, np.inf, -np.inf])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_median_of_a_stack_of_pixels(height: int, width: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    inputs = []
    for k in range(n):
        values = rng.integers(-1000, 1000, (height, width)).astype("i2" if k % 2 else "f4")
        mask = rng.random((height, width))
        inputs.append(Pixels(values, mask > 0.4 if k % 3 else np.where(mask > 0.4, mask, 0).astype("f4")))
    values, found = FAST["median"](inputs)
    stack = np.stack([p.values.astype("f4") for p in inputs])
    valid = np.stack([p.valid for p in inputs])
    np.testing.assert_array_equal(np.where(found, values, np.nan), reference(stack, valid))


@pytest.mark.parametrize("stored", ["u1", "i2", "u2", "i4", "f4", "f8"])
@pytest.mark.parametrize(("scale", "offset"), [(None, None), (1e-4, None), (0.1, -5.0), (None, 273.15)])
def test_stored_pixels_become_values(stored: str, scale: float | None, offset: float | None) -> None:
    rng = np.random.default_rng(1)
    raw = rng.integers(0, 200, (50, 60)).astype(stored)
    nodata: list[float] = [7, 9, 300]
    if np.dtype(stored).kind == "f":
        raw = raw + np.asarray(0.1, stored)
        raw[rng.random(raw.shape) < 0.1] = np.nan
        nodata = [float(raw[np.isfinite(raw)][0]), float("nan")]
    values, valid = decode_stored(raw, Decoding(tuple(nodata), scale, offset, 3, 180), "float32")
    expected = np.isfinite(raw.astype("f8")) & (raw >= 3) & (raw <= 180)
    for number in nodata:
        expected &= raw != number
    np.testing.assert_array_equal(valid, expected)
    computed = (raw.astype("f8") * (scale or 1.0) + (offset or 0.0)).astype("f4")
    np.testing.assert_array_equal(values[valid], computed[valid])
    assert values.dtype == np.float32
