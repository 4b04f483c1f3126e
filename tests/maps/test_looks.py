"""Colours are those that Earth Engine documents for a palette; ends are readable numbers."""

from __future__ import annotations

import numpy as np
import pytest

from smgee.maps.looks import DIFFERENCE, ERROR, MOISTURE, SHARE, VIRIDIS, Look, limits, symmetric
from tests.notebooks.tiles import palette_colour


@pytest.mark.parametrize("palette", [MOISTURE, DIFFERENCE, ERROR, SHARE, VIRIDIS])
def test_colours_are_those_of_the_palette(palette):
    look = Look(-0.2, 0.6, palette)
    values = np.array([-1.0, -0.2, 0.0, 0.123, 0.3999, 0.6, 2.0])
    found = look.colours(values)
    for value, colour in zip(values, found):
        assert np.abs(colour[:3] - palette_colour(value, -0.2, 0.6, palette)).max() <= 0.5
        assert colour[3] == 255
    assert look.vis() == {"min": -0.2, "max": 0.6, "palette": list(palette)}


def test_what_is_not_known_is_transparent():
    assert (Look(0, 1).colours(np.array([[np.nan, 0.5]]))[0, :, 3] == [0, 255]).all()


def test_ends_hold_nearly_all_and_are_short():
    values = np.random.default_rng(0).normal(0.2345, 0.0321, 5000)
    low, high = limits(values)
    assert low <= np.percentile(values, 2) <= np.percentile(values, 98) <= high
    assert len(f"{low}") <= 5
    assert len(f"{high}") <= 5
    assert limits(np.array([np.nan])) == (0.0, 1.0)
    low, high = limits(np.array([3.0, 3.0]))
    assert low < 3.0 < high
    low, high = symmetric(np.array([-0.07, 0.02, np.nan]))
    assert low == -high
    assert high >= 0.068
