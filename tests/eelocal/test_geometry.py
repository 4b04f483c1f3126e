"""Geometries: measures against closed forms, overlays against great circles, encodings."""

from __future__ import annotations

import math
from typing import Any

import ee
import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyproj import Geod

from smgee.eelocal.errors import EEError
from smgee.eelocal.formats.values import encode_geometry
from smgee.eelocal.geo import geodesy, overlays, planes
from smgee.eelocal.geo.s2 import cell_polygon
from smgee.eelocal.values.geometry import Geometry, from_geojson
from smgee.eelocal.values.plane import in_projection
from smgee.eelocal.values.projection import Projection

pytestmark = pytest.mark.usefixtures("embedded")

GEOD = Geod(ellps="WGS84")
FLATTENING = 1 / 298.257223563
SEMI_MAJOR = 6378137.0


def info(value: Any) -> Any:
    return value.getInfo()


def zone_area(south: float, north: float, degrees: float) -> float:
    """Area of the ellipsoid between two parallels, over a range of longitude (Snyder 1987, eq. 3-12)."""
    e = math.sqrt(FLATTENING * (2 - FLATTENING))

    def q(lat: float) -> float:
        s = math.sin(math.radians(lat))
        return (1 - e * e) * (s / (1 - e * e * s * s) - math.log((1 - e * s) / (1 + e * s)) / (2 * e))

    return SEMI_MAJOR**2 * math.radians(degrees) * (q(north) - q(south)) / 2


def test_area_of_a_planar_rectangle_is_that_of_its_zone() -> None:
    rectangle = ee.Geometry.Rectangle([99, 36, 101, 38], "EPSG:4326", False)
    assert info(rectangle.area(0.01)) == pytest.approx(zone_area(36, 38, 2), rel=1e-6)
    geodesic = ee.Geometry.Rectangle([99, 36, 101, 38], "EPSG:4326", True)
    assert 1e-7 < abs(info(geodesic.area(0.01)) / info(rectangle.area(0.01)) - 1) < 1e-4


@pytest.mark.parametrize(
    ("west", "south", "east", "north"),
    [
        (-180, -90, 180, 90),
        (-180, -60, 180, 60),
        (-170, -90, 170, 90),
        (-180, -90, 180, 0),
        (-180, 80, 180, 90),
        (10, -80, 340, 85),
    ],
)
def test_area_of_rectangles_beyond_a_hemisphere(west: float, south: float, east: float, north: float) -> None:
    area = info(ee.Geometry.Rectangle([west, south, east, north], "EPSG:4326", False).area())
    assert area == pytest.approx(zone_area(south, north, east - west), rel=1e-6)


@pytest.mark.parametrize("corners", [[-180, -90, 180, 90], [-180, -60, 180, 60], [-100, 20, 100, 90]])
def test_simplifying_keeps_corners_that_meet_on_the_ground(corners: list[float]) -> None:
    rectangle = ee.Geometry.Rectangle(corners, "EPSG:4326", False)
    assert info(rectangle.simplify(100).area()) == pytest.approx(info(rectangle.area()))


def test_a_ring_of_geodesics_encloses_its_smaller_side() -> None:
    ring = [[0, 60], [90, 60], [180, 60], [-90, 60]]
    area = info(ee.Geometry.Polygon([ring]).area())
    assert 0 < area < zone_area(60, 90, 360)
    assert info(ee.Geometry.Polygon([ring[::-1]]).area()) == pytest.approx(area)
    lon, lat = np.array(ring).T
    assert area == pytest.approx(abs(GEOD.polygon_area_perimeter(lon, lat)[0]))
    with pytest.raises(ee.EEException, match="geodesic edges around a pole"):
        ee.Geometry.Polygon([ring]).contains(ee.Geometry.Point([0, 89])).getInfo()


def test_area_counts_holes_overlaps_and_crossings() -> None:
    square = [[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]
    hole = [[0.5, 0.5], [1, 0.5], [1, 1], [0.5, 1], [0.5, 0.5]]
    plain, holed = (
        geodesy.area_of(from_geojson({"type": "Polygon", "coordinates": c}))
        for c in ([square], [square, hole])
    )
    inner = geodesy.area_of(from_geojson({"type": "Polygon", "coordinates": [hole]}))
    assert holed == pytest.approx(plain - inner, rel=1e-9)
    twice = Geometry(shapely.MultiPolygon([shapely.Polygon(square), shapely.Polygon(square)]))
    assert geodesy.area_of(twice) == pytest.approx(2 * plain)
    assert twice.sound.area == pytest.approx(4)
    bow = Geometry(shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)]))
    assert bow.sound.area == pytest.approx(2)


def test_lengths_are_geodesic_or_of_the_projection() -> None:
    line = ee.Geometry.LineString([[99, 37], [101, 38]])
    assert info(line.length()) == pytest.approx(GEOD.inv(99, 37, 101, 38)[2])
    assert info(line.length(None, "EPSG:4326")) == pytest.approx(math.hypot(2, 1), rel=1e-3)
    assert info(line.perimeter()) == 0
    square = ee.Geometry.Polygon([[[0, 0], [1, 0], [1, 1], [0, 1]]])
    assert info(square.length()) == 0
    assert info(square.perimeter()) == pytest.approx(
        2 * GEOD.inv(0, 0, 0, 1)[2] + GEOD.inv(0, 0, 1, 0)[2] + GEOD.inv(0, 1, 1, 1)[2]
    )


def test_distances() -> None:
    a, b = ee.Geometry.Point([99, 37]), ee.Geometry.Point([101, 38])
    assert info(a.distance(b)) == pytest.approx(GEOD.inv(99, 37, 101, 38)[2])
    spherical = info(a.distance(b, spherical=True))
    assert spherical == pytest.approx(info(a.distance(b)), rel=5e-3)
    assert spherical != pytest.approx(info(a.distance(b)), rel=1e-6)
    square = ee.Geometry.Rectangle([0, 0, 1, 1], None, False)
    assert info(ee.Geometry.Point([0.5, 0.5]).distance(square)) == 0
    assert info(ee.Geometry.Point([2, 0.5]).distance(square, 0.01)) == pytest.approx(
        GEOD.inv(1, 0.5, 2, 0.5)[2], rel=1e-6
    )
    nearest = info(ee.Geometry.Point([2, 0.5]).closestPoint(square, 0.01))
    foot = math.degrees(
        math.atan(math.tan(math.radians(0.5)) / math.cos(math.radians(1)))
    )  # of the perpendicular great circle
    np.testing.assert_allclose(nearest["coordinates"], [1, foot], atol=1e-5)


@pytest.mark.parametrize(
    "box", [(37, 99, 38, 100), (99, -1e5, 100, 38), (99, 37, 1e6, 38), (99, 37, 1e308, 38)]
)
def test_buffers_beyond_the_earth_are_refused(box: tuple[float, ...]) -> None:
    """As of swapped axes; no distance is known between such points."""
    with pytest.raises(EEError, match="beyond the Earth; give longitude first, then latitude"):
        planes.buffer_of(Geometry(shapely.box(*box)), 1000)


def test_buffers_around_a_pole_are_refused() -> None:
    with pytest.raises(EEError, match="pole"):
        planes.buffer_of(Geometry(shapely.Point(20, 89.9)), 50_000)


@settings(max_examples=25, deadline=None)
@given(lon=st.floats(-180, 180), lat=st.floats(-80, 80), radius=st.floats(10, 500_000))
@example(lon=179.0, lat=0.0, radius=111_000)
@example(lon=-180.0, lat=45.0, radius=5_000)
def test_buffers_of_points_are_circles(lon: float, lat: float, radius: float) -> None:
    ring = planes.buffer_of(Geometry(shapely.Point(lon, lat)), radius)
    x, y = np.array(ring.shape.exterior.coords).T
    distance = GEOD.inv(np.full(x.size, lon), np.full(x.size, lat), x, y)[2]
    np.testing.assert_allclose(distance, radius, rtol=1e-6)
    assert geodesy.area_of(ring) == pytest.approx(math.pi * radius**2, rel=0.04)  # 24 corners


@pytest.mark.parametrize(
    ("distance", "error", "said"),
    [
        (math.inf, None, "has to be finite"),
        (math.nan, None, "has to be finite"),
        (1000.0, 1e-12, "allow a larger error"),
        (1000.0, 1e-300, "allow a larger error"),
        (1000.0, -1.0, "allow a larger error"),
        (1000.0, math.nan, "allow a larger error"),
    ],
)
def test_buffers_that_cannot_be_drawn_are_refused(distance: float, error: float | None, said: str) -> None:
    with pytest.raises(EEError, match=said):
        planes.buffer_of(Geometry(shapely.Point(100, 38)), distance, error=error)


def test_buffers_of_polygons_grow_and_shrink() -> None:
    square = from_geojson({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]})
    area, around = geodesy.area_of(square), geodesy.perimeter_of(square)
    grown, shrunk = planes.buffer_of(square, 1000, error=1), planes.buffer_of(square, -1000, error=1)
    assert geodesy.area_of(grown) == pytest.approx(area + around * 1000 + math.pi * 1e6, rel=1e-4)
    assert geodesy.area_of(shrunk) == pytest.approx(area - around * 1000 + 4e6, rel=1e-4)
    wide = from_geojson(
        {"type": "Polygon", "coordinates": [[[0, 40], [20, 40], [20, 60], [0, 60], [0, 40]]]}
    )  # in pieces
    grown = planes.buffer_of(wide, 10_000)
    assert geodesy.area_of(grown) == pytest.approx(
        geodesy.area_of(wide) + geodesy.perimeter_of(wide) * 10_000, rel=2e-3
    )


def test_edges_are_great_circles_or_straight_in_the_projection() -> None:
    geodesic = ee.Geometry.LineString([[0, 45], [40, 45]], None, True)
    planar = ee.Geometry.LineString([[0, 45], [40, 45]], None, False)
    top = math.degrees(
        math.atan(math.tan(math.radians(45)) / math.cos(math.radians(20)))
    )  # the vertex of that great circle
    bounds = info(geodesic.bounds(1))["coordinates"][0]
    assert max(y for _, y in bounds) == pytest.approx(top, abs=1e-4)
    assert max(y for _, y in info(planar.bounds(1))["coordinates"][0]) == 45
    meridian = ee.Geometry.LineString([[20, 40], [20, 50]])
    np.testing.assert_allclose(info(geodesic.intersection(meridian))["coordinates"], [20, top], atol=1e-9)
    np.testing.assert_allclose(info(planar.intersection(meridian, 1))["coordinates"], [20, 45], atol=1e-3)


def test_overlays_keep_their_vertices_and_areas() -> None:
    a = ee.Geometry.Polygon([[[0, 0], [2, 0], [2, 2], [0, 2]]])
    b = ee.Geometry.Polygon([[[1, 1], [3, 1], [3, 3], [1, 3]]])
    both, either, left, odd = (
        info(getattr(a, n)(b).area()) for n in ("intersection", "union", "difference", "symmetricDifference")
    )
    assert either == pytest.approx(left + both + info(b.difference(a).area()), rel=1e-9)
    assert odd == pytest.approx(either - both, rel=1e-9)
    assert [2, 2] in info(a.intersection(b))["coordinates"][0]
    assert info(a.intersection(ee.Geometry.Point([9, 9])).coordinates()) == []


@pytest.mark.parametrize(
    ("relation", "answer"),
    [("intersects", True), ("disjoint", False), ("contains", True), ("containedIn", False)],
)
def test_relations(relation: str, answer: bool) -> None:
    square = ee.Geometry.Polygon([[[0, 0], [2, 0], [2, 2], [0, 2]]])
    assert info(getattr(square, relation)(ee.Geometry.Point([1, 1]))) is answer
    assert info(getattr(ee.Feature(square), relation)(ee.Feature(ee.Geometry.Point([1, 1])))) is answer


def test_centroids_and_hulls() -> None:
    triangle = from_geojson({"type": "Polygon", "coordinates": [[[99, 36], [101, 36], [100, 38], [99, 36]]]})
    center = planes.centroid_of(triangle)
    utm = in_projection(triangle, Projection("EPSG:32647")).centroid
    there = in_projection(center, Projection("EPSG:32647"))
    assert there.distance(utm) < 200  # m, of a triangle of 200 km
    points = ee.Geometry.MultiPoint([[0, 0], [2, 0], [2, 2], [0, 2], [1, 1]])
    assert len(info(points.convexHull())["coordinates"][0]) == 5
    mixed = ee.Geometry.MultiPoint([[0, 0], [2, 0]]).centroid()
    np.testing.assert_allclose(info(mixed.coordinates()), [1, 0], atol=1e-9)


def test_projections_of_geometries() -> None:
    square = ee.Geometry.Rectangle([500000, 4000000, 501000, 4001000], "EPSG:32647", False)
    assert info(square)["crs"] == {"type": "name", "properties": {"name": "EPSG:32647"}}
    assert info(square.area(1, "EPSG:32647")) == pytest.approx(1e6)
    assert info(square.area(1)) == pytest.approx(
        1e6 / 0.9996**2, rel=1e-4
    )  # UTM's scale at its central meridian
    back = info(square.transform("EPSG:4326", 0.01).transform("EPSG:32647", 0.01).bounds(1, "EPSG:32647"))
    np.testing.assert_allclose(back["coordinates"][0][0], [500000, 4000000], atol=0.01)


def test_encoding() -> None:
    assert info(ee.Geometry.Point([1.5, 2])) == {"type": "Point", "coordinates": [1.5, 2]}
    bbox = info(ee.Geometry.BBox(170, -10, -170, 10))
    assert bbox["geodesic"] is False
    assert max(x for x, _ in bbox["coordinates"][0]) == 190
    assert encode_geometry(Geometry(shapely.LinearRing([(0, 0), (1, 0), (1, 1)])))["type"] == "LinearRing"
    assert info(ee.Geometry.Polygon([[[0, 0], [1, 0], [1, 1]]]).coordinates())[0][0] == [0, 0]
    with pytest.raises(EEError, match="Invalid GeoJSON"):
        from_geojson({"type": "Polygon", "coordinates": 3})


def test_simplify_and_cut() -> None:
    line = ee.Geometry.LineString([[0, 0], [0.5, 0.00001], [1, 0]])
    assert info(line.simplify(10).coordinates()) == [[0, 0], [1, 0]]
    pieces = info(ee.Geometry.LineString([[0, 0], [1, 0]]).cutLines([10_000, 50_000]))["coordinates"]
    lengths = [GEOD.line_length(*np.array(p).T) for p in pieces]
    assert lengths[:2] == pytest.approx([10_000, 40_000])


def test_covering_grid() -> None:
    cells = ee.Geometry.Rectangle([0.5, 0.5, 2.5, 1.5], None, False).coveringGrid(ee.Projection("EPSG:4326"))
    assert info(cells.size()) == 6
    assert info(cells.geometry().bounds().area()) == pytest.approx(zone_area(0, 2, 3), rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(face=st.integers(0, 5), path=st.lists(st.integers(0, 3), min_size=0, max_size=12))
def test_s2_children_tile_their_parent(face: int, path: list[int]) -> None:
    def cell(steps: list[int]) -> int:
        bits = face
        for step in steps:
            bits = bits << 2 | step
        return (bits << 1 | 1) << (60 - 2 * len(steps))

    parent = Geometry(cell_polygon(cell(path)))
    if abs(parent.shape.bounds[1]) > 80 or parent.shape.bounds[2] - parent.shape.bounds[0] > 90:
        return  # around a pole longitudes do not bound a cell
    parts = sum(geodesy.area_of(Geometry(cell_polygon(cell([*path, k])))) for k in range(4))
    assert parts == pytest.approx(geodesy.area_of(parent), rel=1e-3)


def test_s2_cell_of_a_known_place() -> None:
    manhattan = ee.Geometry.fromS2CellToken("89c2590000000000")
    assert info(manhattan.contains(ee.Geometry.Point([-73.98, 40.75]))) is True


LON, LAT = st.floats(-179, 179), st.floats(-79, 79)


@settings(max_examples=150, deadline=None)
@given(a=st.tuples(LON, LAT, LON, LAT), b=st.tuples(LON, LAT, LON, LAT))
def test_extents_never_deny_what_a_closer_look_finds(a: Any, b: Any) -> None:
    lines = [Geometry(shapely.LineString([(w, s), (w + (e - w) / 5, n)])) for w, s, e, n in (a, b)]
    if overlays.far_apart(*lines):
        assert not overlays.predicate(*lines, shapely.intersects)


@settings(max_examples=100, deadline=None)
@given(
    crs=st.sampled_from(["EPSG:6933", "EPSG:32647", "EPSG:3857", "EPSG:4087"]),
    lon=st.floats(93, 105),
    lat=st.floats(-60, 80),
)
def test_projecting_forth_and_back_is_nothing(crs: str, lon: float, lat: float) -> None:
    # PROJ's series for the authalic latitude of EPSG:6933 is good to about 1 mm.
    point = ee.Geometry.Point([lon, lat]).transform(crs, 0.001)
    assert info(point.transform("EPSG:4326", 0.001).coordinates()) == pytest.approx([lon, lat], abs=2e-8)
    again = ee.Geometry.Point(info(point.coordinates()), crs).transform("EPSG:4326", 0.001)
    assert info(again.coordinates()) == pytest.approx([lon, lat], abs=2e-8)


@pytest.mark.parametrize("box", [[-180, -85, 180, 85], [-170, -85, 170, 85], [-20, -30, 40, 50]])
@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:6933"])
def test_the_area_of_a_map_wide_box_does_not_depend_on_the_map(box: list[float], crs: str) -> None:
    expected = zone_area(box[1], box[3], box[2] - box[0])
    assert info(ee.Geometry.BBox(*box).transform(crs, 1).area(1)) == pytest.approx(expected, rel=1e-4)


def test_the_area_around_a_pole_is_that_of_its_side() -> None:
    square = ee.Geometry.Rectangle([-3e6, -3e6, 3e6, 3e6], "EPSG:3995", False)
    # A stereographic map true at 71° N shrinks what lies inside, and stretches what lies outside.
    assert info(square.area(100)) == pytest.approx(3.6e13, rel=0.05)


def test_what_lies_across_the_cut_of_a_map_lies_at_both_its_ends() -> None:
    across = ee.Geometry.Rectangle([170, -10, 190, 10], None, False)
    expected = zone_area(-10, 10, 20)
    assert info(across.area(1)) == pytest.approx(expected, rel=1e-6)
    cut = across.transform("EPSG:6933", 1)  # an equal-area map
    assert info(cut)["type"] == "MultiPolygon"
    assert info(cut.area(1, "EPSG:6933")) == pytest.approx(expected, rel=1e-6)
    utm = info(across.transform("EPSG:32660", 1).area(1))  # a map centred at 177° E
    assert utm == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    "use",
    [
        lambda flat: ee.Image(1).reproject(flat).reduceRegion("first", ee.Geometry.Point(1, 1), 100),
        lambda flat: ee.Image(1).changeProj(ee.Projection("EPSG:4326"), flat),
        lambda flat: ee.Image.pixelCoordinates(flat).reduceRegion("first", ee.Geometry.Point(1, 1), 100),
        lambda flat: ee.Image(1).translate(1, 1, "meters", flat),
        lambda flat: ee.Geometry.Point(1, 1).buffer(10).area(1, flat),
        lambda flat: ee.Geometry.Point(1, 1).buffer(10).coveringGrid(flat),
    ],
)
@pytest.mark.parametrize("transform", [[0, 0, 0, 0, 0, 0], [1, 2, 0, 2, 4, 0]])
def test_projections_whose_pixels_have_no_area_are_refused(use: Any, transform: list[float]) -> None:
    with pytest.raises(ee.EEException, match="has no inverse: its pixels have no area"):
        info(use(ee.Projection("EPSG:4326", transform)))
