"""Terrain and routing: drainage without sinks, conservation of area, and known answers on simple slopes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smgee.twin.routing import fill_depressions, hillslopes, multiple_flow_area, receivers, single_flow_area
from smgee.twin.terrain import build_terrain, topography


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(4, 25), st.integers(4, 25))
def test_every_cell_drains_to_the_last_row(seed, height, width):
    z = fill_depressions(np.random.default_rng(seed).random((height, width)), 1e-6)
    to, _ = receivers(z)
    at = np.arange(z.size)
    for _ in range(z.size):
        at = to[at]
    assert (at // width == height - 1).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_filling_only_raises_and_is_idempotent(seed):
    z = np.random.default_rng(seed).random((15, 12))
    filled = fill_depressions(z, 1e-7)
    assert (filled >= z).all()
    np.testing.assert_allclose(fill_depressions(filled, 1e-7), filled, rtol=0, atol=1e-12)


def test_area_is_conserved_at_the_outlets():
    z = fill_depressions(np.random.default_rng(3).random((30, 40)), 1e-6)
    to, _ = receivers(z)
    order = np.argsort(z, axis=None)
    single = single_flow_area(to, order).reshape(z.shape)
    assert single[-1].sum() == pytest.approx(z.size)
    # Divided flow may also run along the outlet row; there is no other way out, so what ends anywhere is all
    # that fell.
    divided = multiple_flow_area(z, order, 1.1)
    ends = np.array([(z[-1, max(x - 1, 0) : x + 2] >= z[-1, x]).all() for x in range(z.shape[1])])
    up = np.array([z[-2, max(x - 1, 0) : x + 2].min() >= z[-1, x] for x in range(z.shape[1])])
    assert divided[-1][ends & up].sum() == pytest.approx(z.size, rel=1e-5)


def test_area_grows_by_one_per_row_on_a_plane():
    z = np.arange(20, 0, -1.0)[:, None] * np.ones(7)
    to, _ = receivers(z)
    area = single_flow_area(to, np.argsort(z, axis=None)).reshape(z.shape)
    np.testing.assert_array_equal(area, np.arange(1, 21)[:, None] * np.ones(7))


def test_hillslopes_follow_their_receiver():
    z = fill_depressions(np.random.default_rng(5).random((40, 40)), 1e-6)
    to, _ = receivers(z)
    order = np.argsort(z, axis=None)
    area = single_flow_area(to, order)
    label, count = hillslopes(to, order, area, 20.0)
    slope = area < 20
    assert (label[slope] == label[to[slope]])[to[slope] != np.flatnonzero(slope)].all()
    assert set(np.unique(label)) <= set(range(count))


def test_terrain_is_repeatable_and_has_its_relief():
    a, b = build_terrain(1, (120, 100), relief=300.0), build_terrain(1, (120, 100), relief=300.0)
    np.testing.assert_array_equal(a, b)
    assert np.ptp(a) == pytest.approx(300.0, abs=0.1)
    assert not np.array_equal(a, build_terrain(2, (120, 100), relief=300.0))


def test_slope_and_sun_of_a_tilted_plane():
    rows = np.arange(50)[:, None]
    z = (3500 - 3.0 * rows + np.zeros(40)).astype(np.float32)  # falls 3 m per 30 m to the south
    t = topography(z, 37.4)
    np.testing.assert_allclose(t.slope_north, 0.1, atol=1e-4)
    np.testing.assert_allclose(t.slope_east, 0.0, atol=1e-4)
    assert (t.insolation > 1.03).all(), "a southern slope gets more sun than flat ground"
    flipped = topography(z[::-1] * 1.0, 37.4)
    assert (flipped.insolation < 0.97).all()
