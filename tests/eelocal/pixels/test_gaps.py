"""What fills gaps is computed where there are gaps, once for all bands; the result is that of filling
everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smgee.eelocal.values.lazy import Node, Pixels, pull
from smgee.eelocal.values.nodes import Unmask, gap_windows
from smgee.grid import PixelGrid

GRID = PixelGrid("EPSG:32647", (30.0, 0.0, 500_000.0, 0.0, -30.0, 4_000_000.0), 700, 600)


class Field(Node):
    """Values and mask of a fixed lattice; counts the pixels that were asked for."""

    def __init__(self, values: np.ndarray, mask: np.ndarray):
        self.values, self.mask = values, mask
        self.pixels = 0
        self.calls = 0

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        col = round((grid.transform[2] - GRID.transform[2]) / 30)
        row = round((GRID.transform[5] - grid.transform[5]) / 30)
        part = np.s_[row : row + grid.height, col : col + grid.width]
        self.pixels += grid.width * grid.height
        self.calls += 1
        return Pixels(self.values[part], self.mask[part])


class Doubled(Node):
    """Twice another node."""

    def __init__(self, node: Node):
        self.node = node

    def needs(self, grid: PixelGrid) -> Any:
        return ((self.node, grid),)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        return Pixels(2 * inputs[0].values, inputs[0].mask)


def field(seed: int, mask: np.ndarray | None = None) -> Field:
    values = np.random.default_rng(seed).random(GRID.shape).astype("f4")
    return Field(values, np.ones(GRID.shape, bool) if mask is None else mask)


def spotted(*spots: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.ones(GRID.shape, bool)
    for row, col, height, width in spots:
        mask[row : row + height, col : col + width] = False
    return mask


def test_nothing_is_filled_where_nothing_is_missing() -> None:
    image, fill = field(1), field(2)
    (pixels,) = pull([(Unmask(image, fill, "f4"), GRID)])
    np.testing.assert_array_equal(pixels.values, image.values)
    assert fill.calls == 0


def test_only_the_surroundings_of_gaps_are_filled() -> None:
    mask = spotted((10, 10, 5, 5), (400, 650, 20, 20))
    image, fill = field(1, mask), field(2)
    (pixels,) = pull([(Unmask(image, fill, "f4"), GRID)])
    np.testing.assert_array_equal(pixels.values, np.where(mask, image.values, fill.values))
    assert pixels.mask.all()
    assert fill.pixels < 8 * 32 * 32


@pytest.mark.parametrize("fractional", [False, True])
def test_masks_of_image_and_fill(fractional: bool) -> None:
    rng = np.random.default_rng(5)
    holes = rng.random(GRID.shape) < 0.01
    mask = np.where(holes, 0, rng.random(GRID.shape) * 0.9 + 0.1).astype("f4") if fractional else ~holes
    below = rng.random(GRID.shape) < 0.5
    image, fill = field(1, mask), field(2, below)
    (pixels,) = pull([(Unmask(image, fill, "f4"), GRID)])
    np.testing.assert_array_equal(pixels.mask, np.where(holes, below, mask).astype(mask.dtype))
    shown = ~holes | below
    np.testing.assert_array_equal(pixels.values[shown], np.where(holes, fill.values, image.values)[shown])


def test_bands_with_the_same_gaps_share_what_fills_them() -> None:
    mask = spotted((100, 100, 40, 40))
    shared = field(9)
    company = object()
    bands = [Unmask(field(k, mask), Doubled(shared), "f4", company) for k in range(6)]
    results = pull([(b, GRID) for b in bands])
    for k, pixels in enumerate(results):
        np.testing.assert_array_equal(pixels.values, np.where(mask, field(k).values, 2 * shared.values))
    assert shared.calls == 1


def test_a_result_that_was_freed_is_computed_again_when_a_later_need_asks_for_it() -> None:
    mask = np.zeros(GRID.shape, bool)
    common = field(3)
    # `common` on the whole grid is used by the doubled node first and freed; the fill asks for it afterwards.
    first = Doubled(common)
    gapped = Unmask(Unmask(first, field(4, mask), "f4"), common, "f4")
    holes = Field(common.values, mask)
    chain = Unmask(holes, Doubled(Doubled(common)), "f4")
    direct, nested, filled = pull([(first, GRID), (gapped, GRID), (chain, GRID)])
    np.testing.assert_array_equal(direct.values, 2 * common.values)
    np.testing.assert_array_equal(nested.values, 2 * common.values)
    np.testing.assert_array_equal(filled.values, 4 * common.values)


def test_gaps_within_gaps() -> None:
    outer, inner = spotted((0, 0, 300, 300)), spotted((0, 0, 64, 64))
    top, middle, bottom = field(1, outer), field(2, inner), field(3)
    (pixels,) = pull([(Unmask(top, Unmask(middle, bottom, "f4"), "f4"), GRID)])
    expected = np.where(outer, top.values, np.where(inner, middle.values, bottom.values))
    np.testing.assert_array_equal(pixels.values, expected)
    assert bottom.pixels <= 64 * 64


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 700),
    st.integers(1, 700),
    st.lists(
        st.tuples(st.integers(0, 699), st.integers(0, 699), st.integers(1, 60), st.integers(1, 60)),
        max_size=5,
    ),
)
def test_windows_hold_every_gap_once(height: int, width: int, spots: list[tuple[int, int, int, int]]) -> None:
    valid = np.ones((height, width), bool)
    for row, col, h, w in spots:
        valid[row : row + h, col : col + w] = False
    covered = np.zeros(valid.shape, int)
    for row, col, h, w in gap_windows(valid):
        assert 0 <= row < row + h <= height
        assert 0 <= col < col + w <= width
        covered[row : row + h, col : col + w] += 1
    assert covered.max(initial=0) <= 1
    assert (covered[~valid] == 1).all()
