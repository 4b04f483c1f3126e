"""Slope, aspect and hillshade of planes of known tilt, in projected and geographic grids."""

from __future__ import annotations

import numpy as np
import pytest

from smgee.eelocal.pixels.spacing import ground_scale
from smgee.grid import PixelGrid, transformer


def plane(lab, east, north, size=30.0, shape=(30, 40)):
    """An image that rises by `east` and `north` metres per metre."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    return lab.image(lab.grid(*shape, size), elevation=1000 + east * size * cols - north * size * rows)


@pytest.mark.parametrize(
    ("east", "north", "aspect"),
    [(0, 0.5, 180), (0, -0.5, 0), (0.3, 0, 270), (-0.3, 0, 90), (0.2, 0.2, 225), (-0.1, 0.1, 135)],
)
def test_planes_in_metres(lab, east, north, aspect):
    image = plane(lab, east, north)
    inside = lab.grid(30, 40).window(1, 1, 28, 38)
    np.testing.assert_allclose(
        lab.values(lab.call("Terrain.slope", input=image), inside),
        np.degrees(np.arctan(np.hypot(east, north))),
        rtol=1e-5,
    )
    np.testing.assert_allclose(lab.values(lab.call("Terrain.aspect", input=image), inside), aspect, atol=1e-3)


def test_flat_ground(lab):
    image = plane(lab, 0, 0)
    assert lab.values(lab.call("Terrain.aspect", input=image))[5, 5] == 0
    assert lab.values(lab.call("Terrain.slope", input=image))[5, 5] == 0
    assert lab.values(lab.call("Terrain.hillshade", input=image))[5, 5] == int(255 * np.cos(np.radians(45)))


def test_hillshade_is_brightest_facing_the_light(lab):
    facing, averted = plane(lab, 1, 0), plane(lab, -1, 0)  # 45° towards the west, and towards the east
    assert lab.values(lab.call("Terrain.hillshade", input=facing, azimuth=270, elevation=45))[5, 5] in (
        254,
        255,
    )
    assert lab.values(lab.call("Terrain.hillshade", input=averted, azimuth=270, elevation=45))[5, 5] == 0


def test_edges_and_neighbours_of_gaps_have_no_value(lab):
    mask = np.ones((9, 9), bool)
    mask[4, 4] = False
    found = lab.values(lab.call("Terrain.slope", input=lab.image(elevation=(np.ones((9, 9)), mask))))
    expected = np.zeros((9, 9), bool)
    expected[[0, -1]] = expected[:, [0, -1]] = True
    for row, col in ((4, 4), (3, 4), (5, 4), (4, 3), (4, 5)):
        expected[row, col] = True
    assert np.array_equal(found.mask, expected)


@pytest.mark.parametrize(
    ("crs", "scale"), [("EPSG:4326", 30 / 111_319.5), ("EPSG:3857", 37.0), ("EPSG:6933", 30.0)]
)
def test_slopes_are_those_on_the_ground_in_any_projection(lab, crs, scale):
    image = lab.call("Image.resample", image=plane(lab, 0.3, 0.2, shape=(200, 200)), mode="bilinear")
    x, y = transformer("EPSG:32647", crs).transform(603_000, 4_097_000)
    grid = PixelGrid(crs, (scale, 0.0, x, 0.0, -scale, y), 12, 10)
    expected = np.degrees(np.arctan(np.hypot(0.3, 0.2)))
    np.testing.assert_allclose(lab.values(lab.call("Terrain.slope", input=image), grid), expected, rtol=6e-3)
    # Grid north differs by the convergence of meridians, under 1° here.
    np.testing.assert_allclose(
        lab.values(lab.call("Terrain.aspect", input=image), grid),
        np.degrees(np.arctan2(-0.3, -0.2)) % 360,
        atol=1.2,
    )


def test_a_mercator_metre_is_shorter_on_the_ground():
    x, y = transformer("EPSG:4326", "EPSG:3857").transform(100.0, 60.0)
    along_x, along_y = ground_scale(PixelGrid("EPSG:3857", (10.0, 0.0, x, 0.0, -10.0, y), 3, 3))
    assert float(along_x.ravel()[0]) == pytest.approx(0.5, rel=5e-3)
    assert float(along_y.ravel()[0]) == pytest.approx(0.5, rel=5e-3)


def test_products_are_added_to_the_image(lab):
    image = lab.call("Terrain.products", input=plane(lab, 0.1, 0))
    assert image.names == ["elevation", "slope", "aspect", "hillshade"]
    assert image.bands[3].type.dtype == np.uint8
