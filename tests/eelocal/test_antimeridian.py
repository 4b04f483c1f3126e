"""Regions across the antimeridian: the same on every plane on which they are worked with.

The oracle is the area of a zone of the ellipsoid between two parallels (Snyder 1987, equation 3-12), or
PROJ's area of a polygon with geodesic edges.
"""

from __future__ import annotations

import math
from typing import Any

import ee
import numpy as np
import pytest
from pyproj import Geod

pytestmark = pytest.mark.usefixtures("embedded")

# Longitude and latitude; Mercator; EASE-Grid 2.0; UTM on either side; Mercator cut at 30° W; polar maps.
PLANES = [
    "EPSG:4326",
    "EPSG:3857",
    "EPSG:6933",
    "EPSG:32660",
    "EPSG:32601",
    "EPSG:3832",
    "EPSG:3413",
    "EPSG:3031",
]
SCALE = 2_000


def info(value: Any) -> Any:
    return value.getInfo()


def zone_km2(south: float, north: float, degrees: float) -> float:
    """Area of the ellipsoid WGS 84 between two parallels, over a range of longitude, km²."""
    flattening = 1 / 298.257223563
    e = math.sqrt(flattening * (2 - flattening))

    def q(lat: float) -> float:
        s = math.sin(math.radians(lat))
        return (1 - e * e) * (s / (1 - e * e * s * s) - math.log((1 - e * s) / (1 + e * s)) / (2 * e))

    return 6378.137**2 * math.radians(degrees) * (q(north) - q(south)) / 2


def area_km2(region: ee.Geometry, plane: str) -> float:
    total = ee.Image.pixelArea().reduceRegion(ee.Reducer.sum(), region, SCALE, plane, maxPixels=1e9)
    return info(total.getNumber("area")) / 1e6


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("west", [179.0, -181.0])
def test_a_straight_rectangle(plane: str, west: float) -> None:
    region = ee.Geometry.Rectangle([west, -0.5, west + 2, 0.5], None, False)
    assert area_km2(region, plane) == pytest.approx(zone_km2(-0.5, 0.5, 2), rel=5e-6)


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("east", [181.0, -179.0])
def test_a_polygon_of_great_circles(plane: str, east: float) -> None:
    """The short way round is meant, whether longitudes go on or leap."""
    ring = [[179, 49], [east, 49], [east, 51], [179, 51], [179, 49]]
    expected = abs(Geod(ellps="WGS84").polygon_area_perimeter(*np.transpose(ring))[0]) / 1e6
    # The edges are great circles of the sphere here, geodesics of the ellipsoid there.
    assert area_km2(ee.Geometry.Polygon([ring]), plane) == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize("plane", PLANES)
def test_a_hole_across_it_is_left_out(plane: str) -> None:
    outer = [[178, -1], [182, -1], [182, 1], [178, 1], [178, -1]]
    hole = [[-180.5, -0.5], [-180.5, 0.5], [-179.5, 0.5], [-179.5, -0.5], [-180.5, -0.5]]
    shifted = [[x + 360, y] for x, y in hole]
    region = ee.Geometry.Polygon([outer, shifted], None, False)
    expected = zone_km2(-1, 1, 4) - zone_km2(-0.5, 0.5, 1)
    assert area_km2(region, plane) == pytest.approx(expected, rel=5e-6)


@pytest.mark.parametrize("plane", ["EPSG:4326", "EPSG:3857", "EPSG:6933", "EPSG:32660"])
def test_several_regions_at_once(plane: str) -> None:
    boxes = [[179, 10, 181, 11], [-180, 10, -179, 11], [179, 10, 180, 11], [30, 10, 31, 11]]
    regions = ee.FeatureCollection([ee.Feature(ee.Geometry.Rectangle(b, None, False)) for b in boxes])
    if plane == "EPSG:32660":
        regions = regions.limit(3)  # the last one is not on that map
    sums = ee.Image.pixelArea().reduceRegions(regions, ee.Reducer.sum(), SCALE, plane)
    found = np.array(info(sums.aggregate_array("sum"))) / 1e6
    one = zone_km2(10, 11, 1)
    np.testing.assert_allclose(found, [2 * one, one, one, one][: len(found)], rtol=2e-5)


@pytest.mark.parametrize("plane", ["EPSG:4326", "EPSG:3857", "EPSG:6933", "EPSG:32660"])
def test_clipped_and_painted_images(plane: str) -> None:
    region = ee.Geometry.Rectangle([179, -0.5, 181, 0.5], None, False)
    around = ee.Geometry.Rectangle([178, -1.5, 182, 1.5], None, False)
    clipped = ee.Image.pixelArea().clip(region)
    painted = ee.Image(0).float().paint(ee.FeatureCollection([ee.Feature(region)]), 1)
    sums = clipped.addBands(painted.multiply(ee.Image.pixelArea()).rename("painted")).reduceRegion(
        ee.Reducer.sum(), around, SCALE, plane, maxPixels=1e9
    )
    found = info(sums)
    assert found["area"] / 1e6 == pytest.approx(zone_km2(-0.5, 0.5, 2), rel=1e-3)
    assert found["painted"] / 1e6 == pytest.approx(zone_km2(-0.5, 0.5, 2), rel=0.02)  # by pixel centres


@pytest.mark.parametrize("plane", ["EPSG:3857", "EPSG:6933", "EPSG:32660"])
def test_samples_lie_inside(plane: str) -> None:
    region = ee.Geometry.Rectangle([179.5, -0.5, 180.5, 0.5], None, False)
    samples = ee.Image.pixelLonLat().sample(region, 5_000, plane)
    longitudes = np.array(info(samples.aggregate_array("longitude")))
    assert len(longitudes) == pytest.approx(zone_km2(-0.5, 0.5, 1) / 25, rel=0.1)
    assert (np.abs(longitudes) >= 179.5).all()
    assert (longitudes > 0).any()
    assert (longitudes < 0).any()


@pytest.mark.parametrize("plane", ["EPSG:4326", "EPSG:3857", "EPSG:6933"])
def test_a_polygon_around_a_pole_is_refused_where_the_plane_has_no_inside_for_it(plane: str) -> None:
    around = ee.Geometry.Polygon([[[0, 80], [90, 80], [180, 80], [-90, 80], [0, 80]]])
    with pytest.raises(ee.EEException, match="around a pole is not worked with"):
        area_km2(around, plane)


def test_a_polygon_around_a_pole_on_a_map_of_the_pole() -> None:
    square = ee.Geometry.Rectangle([-5e5, -5e5, 5e5, 5e5], "EPSG:3413", False)
    # That map is true at 70° N and 3 % smaller at the pole (Snyder 1987, equation 21-34).
    assert area_km2(square, "EPSG:3413") == pytest.approx(1e6 / 0.9702**2, rel=0.01)
    ring = [[lon, 85] for lon in range(-180, 181, 5)]
    expected = abs(Geod(ellps="WGS84").polygon_area_perimeter(*np.transpose(ring))[0]) / 1e6
    assert area_km2(ee.Geometry.Polygon([ring]), "EPSG:3413") == pytest.approx(expected, rel=1e-3)
