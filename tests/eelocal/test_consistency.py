"""Different algorithms that say the same: areas, sums over regions, clips and masks, tiles, files and pages.

The regions are of every kind that is drawn: with holes, of several parts, slivers, across the antimeridian,
around a pole, with great circles for edges; the planes those that people work on. What two algorithms say is
compared with each other and with what knows neither: PROJ's geodesics, exactextract, rasterio, NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import ee
import exactextract
import numpy as np
import pytest
import rasterio
import shapely
from exactextract.raster import NumPyRasterSource
from pyproj import Geod, Transformer

import smgee
from smgee.remote import wait_for_task
from smgee.session import Session

ELLIPSOID = Geod(ellps="WGS84")
BOX = [[100.0, 37.0], [100.3, 37.0], [100.3, 37.2], [100.0, 37.2], [100.0, 37.0]]
HOLE = [[100.1, 37.05], [100.1, 37.15], [100.2, 37.12], [100.1, 37.05]]


def moved(ring: list[list[float]], dx: float, dy: float) -> list[list[float]]:
    return [[x + dx, y + dy] for x, y in ring]


SHAPES: Mapping[str, Any] = {
    "box": [[BOX]],
    "hole": [[BOX, HOLE]],
    "concave": [[[[100, 37], [100.3, 37.05], [100.1, 37.1], [100.25, 37.2], [100, 37.2], [100, 37]]]],
    "sliver": [[[[100, 37], [100.3, 37.2], [100.3, 37.203], [100, 37]]]],
    "parts": [[BOX, HOLE], [moved(BOX, 0.5, -0.1)], [moved(BOX, 0.1, 0.4)]],
    "antimeridian": [[moved(BOX, 79.85, -30.0)]],
    "antimeridian hole": [[moved(BOX, 79.85, 20.0), moved(HOLE, 79.85, 20.0)]],
    "south": [[moved(BOX, -170.0, -75.0)]],
}
"""Rings of the parts of each region, longitude and latitude."""
PLANES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(SHAPES, ("EPSG:4326", "EPSG:3857", "EPSG:6933", "EPSG:32647")),
    "antimeridian": ("EPSG:4326", "EPSG:3857", "EPSG:6933", "EPSG:32660", "EPSG:32601"),
    "antimeridian hole": ("EPSG:4326", "EPSG:3857", "EPSG:6933", "EPSG:3413"),
    "south": ("EPSG:4326", "EPSG:3857", "EPSG:6933", "EPSG:32708", "EPSG:3031"),
}
CASES = [(shape, plane) for shape in SHAPES for plane in PLANES[shape]]
IN_ONE_PIECE = [
    (shape, plane)
    for shape, plane in CASES
    if "antimeridian" not in shape or plane not in ("EPSG:4326", "EPSG:3857", "EPSG:6933")
]
"""Without regions that lie at both ends of a map: no lattice of one piece holds them."""
STEP = {"EPSG:4326": 0.005}  # of a lattice; 500 m elsewhere


@pytest.fixture(scope="module", autouse=True)
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with smgee.connect(sources=[], store=tmp_path_factory.mktemp("store")) as connected:
        ee.data.setMaxRetries(0)
        yield connected


def drawn(shape: str, *, geodesic: bool = False) -> ee.Geometry:
    return ee.Geometry.MultiPolygon(SHAPES[shape], None, geodesic)


def field() -> ee.Image:
    """Return an image that differs from place to place, defined everywhere: metres and degrees alike."""
    place = ee.Image.pixelLonLat()
    turn = place.select("longitude").multiply(math.pi / 45).sin()
    return turn.add(place.select("latitude").multiply(0.3).cos()).add(3).rename("v")


def step_of(plane: str) -> float:
    return STEP.get(plane, 500.0)


def lattice(shape: str, plane: str) -> dict[str, Any]:
    """Return the grid of pixels on a plane that holds a region whole, one pixel around it: as
    `computePixels` takes it.
    """
    step = step_of(plane)
    outline = on_plane(shape, plane)
    left, bottom, right, top = outline.bounds
    west, north = math.floor(left / step) - 1, math.ceil(top / step) + 1
    cols, rows = math.ceil(right / step) + 1 - west, north - math.floor(bottom / step) + 1
    transform = {"scaleX": step, "scaleY": -step, "translateX": west * step, "translateY": north * step}
    return {
        "dimensions": {"width": cols, "height": rows},
        "affineTransform": transform | {"shearX": 0, "shearY": 0},
        "crsCode": plane,
    }


def transform_of(plane: str) -> list[float]:
    return [step_of(plane), 0, 0, 0, -step_of(plane), 0]


def on_plane(shape: str, plane: str) -> Any:
    """Return a region on a plane by PROJ, its straight edges in longitude and latitude followed."""
    polygons = []
    turn = Transformer.from_crs("EPSG:4326", plane, always_xy=True)
    for outer, *holes in SHAPES[shape]:
        dense = shapely.segmentize(shapely.Polygon(outer, holes), 0.002)
        polygons.append(shapely.transform(dense, lambda c: np.column_stack(turn.transform(*c.T))))
    return shapely.MultiPolygon(polygons)


def pixels(image: ee.Image, grid: Mapping[str, Any]) -> dict[str, np.ndarray]:
    answer: Any = ee.data.computePixels(
        {"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": dict(grid)}
    )
    return {name: answer[name].astype("f8") for name in answer.dtype.names}


def fetched(*values: Any) -> list[Any]:
    return ee.List(list(values)).getInfo()


# -- areas


@pytest.mark.parametrize("geodesic", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_area_is_that_of_the_geodesics(shape: str, geodesic: bool) -> None:
    """Straight edges in longitude and latitude are followed by short geodesics."""
    expected = 0.0
    for part in SHAPES[shape]:
        rings = [shapely.segmentize(shapely.LinearRing(r), 9 if geodesic else 0.001) for r in part]
        areas = [abs(ELLIPSOID.polygon_area_perimeter(*np.array(r.coords).T)[0]) for r in rings]
        expected += areas[0] - sum(areas[1:])
    assert drawn(shape, geodesic=geodesic).area(0.001).getInfo() == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize(("shape", "plane"), CASES)
def test_an_area_is_the_sum_of_pixel_areas(shape: str, plane: str) -> None:
    region = drawn(shape)
    total = ee.Image.pixelArea().reduceRegion(
        ee.Reducer.sum(), region, None, plane, transform_of(plane), maxPixels=1e8
    )
    found, area = fetched(total.getNumber("area"), region.area(1))
    # Pixels of which less than half a per cent lies inside do not count: much of a sliver's edge.
    assert found == pytest.approx(area, rel=2e-3 if shape == "sliver" else 2e-4)


@pytest.mark.parametrize("shape", [s for s in SHAPES if "antimeridian" not in s])
def test_an_area_on_a_plane_is_shapelys(shape: str) -> None:
    plane = PLANES[shape][-1]
    assert drawn(shape).area(0.001, ee.Projection(plane)).getInfo() == pytest.approx(
        on_plane(shape, plane).area, rel=1e-6
    )


# -- sums over regions


@pytest.mark.parametrize(("shape", "plane"), CASES)
def test_sums_over_a_region_agree(shape: str, plane: str) -> None:
    """`reduceRegion` and `reduceRegions`, where pixels count by the part that lies inside; and where they
    count by their centres `reduceRegion` unweighted, and a sample.
    """
    image, region = field(), drawn(shape)
    where = {"crs": plane, "crsTransform": transform_of(plane)}
    by_parts = ee.Reducer.sum().combine(ee.Reducer.mean(), None, True)
    by_centres = ee.Reducer.sum().unweighted().combine(ee.Reducer.count(), None, True)
    regions = ee.FeatureCollection([ee.Feature(region)])
    sample = image.sample(region=region, projection=ee.Projection(plane, transform_of(plane)))
    one, many, centres, size, total = fetched(
        image.reduceRegion(by_parts, region, **where, maxPixels=1e8),
        image.reduceRegions(regions, by_parts, **where).first().toDictionary(["sum", "mean"]),
        image.reduceRegion(by_centres, region, **where, maxPixels=1e8),
        sample.size(),
        sample.aggregate_sum("v"),
    )
    assert one["v_sum"] == pytest.approx(many["sum"], rel=1e-9)
    assert one["v_mean"] == pytest.approx(many["mean"], rel=1e-9)
    assert size == centres["v_count"]
    assert total == pytest.approx(centres["v_sum"], rel=1e-9)
    # They are one region: what its edges cut makes the difference.
    assert one["v_sum"] == pytest.approx(centres["v_sum"], rel=0.2 if shape == "sliver" else 0.02)


@pytest.mark.parametrize(("shape", "plane"), IN_ONE_PIECE)
def test_sums_over_a_region_are_those_of_exactextract(shape: str, plane: str) -> None:
    outline, grid = on_plane(shape, plane), lattice(shape, plane)
    values = pixels(field(), grid)["v"]
    (left, top), step = (grid["affineTransform"][k] for k in ("translateX", "translateY")), step_of(plane)
    source = NumPyRasterSource(
        values,
        xmin=left,
        xmax=left + step * values.shape[1],
        ymin=top - step * values.shape[0],
        ymax=top,
    )
    place = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(outline)}
    expected = exactextract.exact_extract(source, [place], ["sum", "mean"])[0]["properties"]
    found = field().reduceRegion(
        ee.Reducer.sum().combine(ee.Reducer.mean(), None, True),
        drawn(shape),
        crs=plane,
        crsTransform=transform_of(plane),
    )
    found = found.getInfo()
    # Pixels of which less than half a per cent lies inside do not count here.
    assert found["v_sum"] == pytest.approx(expected["sum"], rel=2e-3 if shape == "sliver" else 2e-4)
    assert found["v_mean"] == pytest.approx(expected["mean"], rel=1e-5)


# -- clips, masks, mosaics


@pytest.mark.parametrize(("shape", "plane"), IN_ONE_PIECE)
def test_what_is_clipped_masked_and_put_together_again(shape: str, plane: str) -> None:
    image, region, grid = field(), drawn(shape), lattice(shape, plane)
    inside = ee.Image(1).clip(region).mask()
    cut = image.clip(region)
    layers = ee.Image.cat(
        image.rename("whole"),
        inside.rename("share"),
        # A pixel at the edge is masked by the part outside; unmask(0) shows what of it counts.
        cut.unmask(-9, False).rename("cut"),
        image.updateMask(inside).unmask(-9, False).rename("masked"),
        cut.clip(region).unmask(-9, False).rename("twice"),
        ee.ImageCollection([image.multiply(2), cut]).mosaic().rename("over"),
        cut.unmask(image.multiply(2), False).rename("filled"),
        image.multiply(2).where(inside, image).rename("where"),
        ee.ImageCollection([cut, image.updateMask(inside.eq(0))]).mosaic().unmask(-9, False).rename("both"),
    )
    found = pixels(layers.unmask(-99), grid)
    whole, share = found["whole"], found["share"]
    assert (share == 1).any() or shape == "sliver"
    assert (share == 0).any()
    shown = share > 0
    np.testing.assert_array_equal(found["cut"], found["masked"])
    np.testing.assert_array_equal(found["cut"], found["twice"])
    np.testing.assert_array_equal(found["over"], found["filled"])
    np.testing.assert_array_equal(found["over"][~shown], 2 * whole[~shown])
    np.testing.assert_array_equal(found["over"][share == 1], whole[share == 1])
    np.testing.assert_array_equal(found["where"][share == 1], whole[share == 1])
    np.testing.assert_array_equal(found["where"][~shown], 2 * whole[~shown])
    np.testing.assert_array_equal(found["both"], whole)
    # The parts of pixels that lie inside, by shapely.
    a, c, f = step_of(plane), *(grid["affineTransform"][k] for k in ("translateX", "translateY"))
    rows, cols = np.indices(share.shape)
    boxes = shapely.box(c + a * cols, f - a * (rows + 1), c + a * (cols + 1), f - a * rows)
    expected = shapely.area(shapely.intersection(boxes, on_plane(shape, plane))) / a**2
    np.testing.assert_allclose(share, expected, atol=0.006)


# -- tiles, files, pages


@pytest.mark.parametrize("zoom", [3, 9, 13, 18])
@pytest.mark.parametrize(("lon", "lat"), [(100.2, 37.1), (179.99, 7.1), (-70.1, -38.02)])
def test_a_tile_is_the_pixels_of_its_square(lon: float, lat: float, zoom: int) -> None:
    """The square by the definition of the tiled web map."""
    x = int((lon + 180) / 360 * 2**zoom)
    y = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**zoom)
    edge = math.pi * 6_378_137
    step = 2 * edge / 2**zoom / 256
    grid = {
        "dimensions": {"width": 256, "height": 256},
        "affineTransform": {
            "scaleX": step,
            "scaleY": -step,
            "translateX": x * 256 * step - edge,
            "translateY": edge - y * 256 * step,
        },
        "crsCode": "EPSG:3857",
    }
    shown = field().visualize(min=1, max=5)
    direct = pixels(shown, grid)
    tile = shown.getMapId({"format": "png"})["tile_fetcher"].fetch_tile(x, y, zoom)
    with rasterio.MemoryFile(tile) as file, file.open() as picture:
        shown_there = picture.read()
    (gray,) = direct.values()
    np.testing.assert_array_equal(shown_there[:3], [gray] * 3)
    assert (shown_there[3:] == 255).all()
    assert np.ptp(gray) > 0 or zoom > 9


@pytest.mark.parametrize(("shape", "plane"), [c for c in CASES if c[0] in ("hole", "parts", "south")])
def test_an_export_holds_the_pixels(shape: str, plane: str, session: Session) -> None:
    image, grid = field().clip(drawn(shape)).addBands(ee.Image.pixelArea()).unmask(-9), lattice(shape, plane)
    name = f"projects/{session.project}/assets/{shape}_{plane.replace(':', '')}"
    place = grid["affineTransform"]
    task = ee.batch.Export.image.toAsset(
        image,
        "made",
        name,
        dimensions="{width}x{height}".format(**grid["dimensions"]),
        crs=plane,
        crsTransform=[place[k] for k in ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")],
    )
    task.start()
    wait_for_task(task)
    direct, stored = pixels(image, grid), pixels(ee.Image(name), grid)
    assert set(direct) == set(stored) == {"v", "area"}
    for band, values in direct.items():
        np.testing.assert_array_equal(stored[band], values)


@pytest.mark.parametrize("size", [1, 7, 40])
def test_pages_are_the_whole(size: int) -> None:
    """Of features that are computed, in an order of their own, and of those that are left of a filter."""
    table = field().sample(drawn("hole"), 5_000, "EPSG:32647", geometries=True).sort("v")
    table = table.filter(ee.Filter.gt("v", 3.1))
    whole = table.getInfo()["features"]
    assert len(whole) > 7
    paged, token = [], None
    while True:
        request = {"expression": table, "pageSize": size} | ({"pageToken": token} if token else {})
        page = ee.data.computeFeatures(request)
        assert len(page["features"]) <= size
        paged += page["features"]
        token = page.get("nextPageToken")
        if not token:
            break
    assert [f["properties"] for f in paged] == [f["properties"] for f in whole]
    for one, other in zip(paged, whole):
        assert one["geometry"]["coordinates"] == pytest.approx(other["geometry"]["coordinates"])


def test_what_a_grid_leaves_open_comes_from_the_image() -> None:
    """A rectangle of 40 × 20 pixels of 30 m: its grid by the dimensions, by the transform, by nothing."""
    corners = [600_000, 4_099_400, 601_200, 4_100_000]
    image = field().setDefaultProjection("EPSG:32647", [30, 0, 600_000, 0, -30, 4_100_000])
    image = image.clip(ee.Geometry.Rectangle(corners, "EPSG:32647", False))
    affine = {"scaleX": 30, "scaleY": -30, "translateX": 600_000, "translateY": 4_100_000}
    dimensions = {"width": 40, "height": 20}
    whole = {"crsCode": "EPSG:32647", "affineTransform": affine, "dimensions": dimensions}
    expected = pixels(image, whole)["v"]
    assert expected.shape == (20, 40)
    for part in ({}, {"crsCode": "EPSG:32647"}, {"dimensions": dimensions}, {"affineTransform": affine}):
        np.testing.assert_allclose(pixels(image, part)["v"], expected, rtol=1e-12)
    half = pixels(image, {"dimensions": {"width": 20, "height": 10}})["v"]
    assert half.shape == (10, 20)
    # On another map: by pixels of the same nominal size.
    other = pixels(image, {"crsCode": "EPSG:6933"})["v"]
    # That is equal-area, so there are as many of them; those that the edge cuts are more.
    assert 800 < (other > 0).sum() < 800 + 2 * 60
    for part in ({"affineTransform": affine}, {"dimensions": dimensions}, {"crsCode": "EPSG:32647"}):
        with pytest.raises(ee.EEException, match="unbounded"):
            pixels(field(), part)
