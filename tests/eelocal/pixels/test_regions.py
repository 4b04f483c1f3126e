"""Reducing over regions: which pixels count, with which weight, under which names."""

from __future__ import annotations

import exactextract
import numpy as np
import pytest
import rasterio.features
import shapely
from exactextract.raster import NumPyRasterSource
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry import LineString, MultiPoint, Point, Polygon, box, mapping

from smgee.eelocal.engine.registry import call
from smgee.eelocal.errors import EEError
from smgee.eelocal.pixels.zones import Window, make_zone
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.geometry import Feature, Geometry
from smgee.eelocal.values.plane import on_plane
from smgee.eelocal.values.projection import Projection
from smgee.grid import transformer

REPEATED = settings(max_examples=40, deadline=None)
LEFT, TOP = 600_000.0, 4_100_000.0
LATTICE = Projection("EPSG:32647", (30.0, 0.0, LEFT, 0.0, -30.0, TOP))


def in_meters(shape):
    """Place a shape given in pixels (x right, y down) on the lattice."""
    return affinity.affine_transform(shape, [30, 0, 0, -30, LEFT, TOP])


def located(shape):
    return Geometry(in_meters(shape), "EPSG:32647", False)


def reducer(lab, name, **options):
    return call(lab.context, f"Reducer.{name}", options)


@st.composite
def polygons(draw):
    """A star-shaped polygon, sometimes with a hole, in pixel coordinates around the middle of a 20 × 20
    grid.
    """
    count = draw(st.integers(3, 12))
    radii = [draw(st.floats(1, 9)) for _ in range(count)]
    turn = draw(st.floats(0, 1))
    angles = (np.arange(count) + turn) * 2 * np.pi / count
    shape = Polygon(np.column_stack([10 + radii * np.cos(angles), 10 + radii * np.sin(angles)]))
    if draw(st.booleans()):
        shape = shape.difference(Point(10.3, 9.7).buffer(draw(st.floats(0.2, 3))))
    return shape


@REPEATED
@given(shape=polygons())
def test_covered_fractions_are_exact(shape):
    found = make_zone(located(shape), LATTICE).fractions(Window(0, 0, 20, 20))
    rows, cols = np.mgrid[:20, :20]
    areas = shapely.area(shapely.intersection(shapely.box(cols, rows, cols + 1, rows + 1), shape))
    expected = np.where(areas >= 0.005, areas, 0)
    doubtful = np.abs(areas - 0.005) < 1e-4
    np.testing.assert_allclose(np.where(doubtful, 0, found), np.where(doubtful, 0, expected), atol=2e-5)


def test_a_weighted_mean_is_that_of_exactextract(lab):
    values = np.random.default_rng(0).random((20, 20))
    shape = Polygon([(2.3, 3.1), (16.7, 5.2), (11.0, 17.9), (6.2, 9.0)], [[(9, 8), (11, 8), (10, 10.5)]])
    source = NumPyRasterSource(values, xmin=LEFT, xmax=LEFT + 600, ymin=TOP - 600, ymax=TOP)
    features = [{"type": "Feature", "properties": {}, "geometry": mapping(in_meters(shape))}]
    expected = exactextract.exact_extract(source, features, ["mean", "sum"])[0]["properties"]
    for name in ("mean", "sum"):
        found = lab.call(
            "Image.reduceRegion",
            image=lab.image(b=values),
            reducer=reducer(lab, name),
            geometry=located(shape),
        )
        assert found["b"] == pytest.approx(expected[name], rel=1e-4)  # pixels below 0.5 % are left out


@REPEATED
@given(shape=polygons())
def test_centres_are_those_of_gdal(shape):
    found = make_zone(located(shape), LATTICE).centers(Window(0, 0, 20, 20))
    expected = rasterio.features.geometry_mask(
        [mapping(shape)], (20, 20), transform=rasterio.Affine.identity(), invert=True
    )
    border = [shape.boundary.distance(Point(c + 0.5, r + 0.5)) < 1e-6 for r in range(20) for c in range(20)]
    clear = ~np.array(border).reshape(20, 20)
    assert np.array_equal(found[clear], expected[clear])


@REPEATED
@given(shape=polygons(), row=st.integers(-3, 12), col=st.integers(-3, 12))
def test_a_window_shows_the_same_as_the_whole(shape, row, col):
    zone = make_zone(located(shape), LATTICE)
    whole, part = Window(-5, -5, 40, 40), Window(row, col, 7, 9)
    at = np.s_[row + 5 : row + 12, col + 5 : col + 14]
    np.testing.assert_allclose(zone.fractions(part), zone.fractions(whole)[at], atol=1e-6)
    assert np.array_equal(zone.centers(part), zone.centers(whole)[at])


@REPEATED
@given(cut=st.floats(2, 18), slope=st.floats(-1, 1))
def test_neighbours_share_no_pixel_and_leave_none_out(cut, slope):
    frame = box(0, 0, 20, 20)
    knife = Polygon([(-99, -99), (cut - 99 * slope, -99), (cut + 99 * slope, 99), (-99, 99)])
    parts = [frame.intersection(knife), frame.difference(knife)]
    zones = [make_zone(located(p), LATTICE) for p in parts]
    window = Window(0, 0, 20, 20)
    assert np.array_equal(zones[0].centers(window) ^ zones[1].centers(window), np.ones((20, 20), bool))


def test_a_weighted_mean_takes_parts_of_pixels_and_the_mask(lab):
    rng = np.random.default_rng(3)
    values, mask = rng.random((20, 20)), rng.choice([0.0, 0.4, 1.0], (20, 20)).astype("f4")
    image = lab.image(b=(values, mask))
    shape = Polygon([(2.3, 3.1), (16.7, 5.2), (11.0, 17.9)])
    found = lab.call("Image.reduceRegion", image=image, reducer=reducer(lab, "mean"), geometry=located(shape))
    fraction = make_zone(located(shape), LATTICE).fractions(Window(0, 0, 20, 20))
    weight = np.minimum(fraction, mask)
    assert found["b"] == pytest.approx((weight * values).sum() / weight.sum(), rel=1e-6)
    total = lab.call("Image.reduceRegion", image=image, reducer=reducer(lab, "sum"), geometry=located(shape))
    assert total["b"] == pytest.approx((weight * values).sum(), rel=1e-6)


def test_an_unweighted_reducer_takes_centres(lab):
    image = lab.image(b=np.arange(400, dtype="i2").reshape(20, 20))
    shape = box(1.4, 1.4, 3.6, 2.6)
    found = lab.call(
        "Image.reduceRegion", image=image, reducer=reducer(lab, "count"), geometry=located(shape)
    )
    assert found == {"b": 6}
    found = lab.call(
        "Image.reduceRegion", image=image, reducer=reducer(lab, "toList"), geometry=located(shape)
    )
    assert found["b"] == [21, 22, 23, 41, 42, 43]
    both = call(
        lab.context,
        "Reducer.combine",
        {"reducer1": reducer(lab, "mean"), "reducer2": reducer(lab, "count"), "sharedInputs": True},
    )
    # Beside a weighted reducer, an unweighted one sees every pixel that is touched.
    found = lab.call(
        "Image.reduceRegion", image=image, reducer=both, geometry=located(box(1.4, 1.4, 3.4, 2.4))
    )
    assert found["b_count"] == 6
    assert found["b_mean"] == pytest.approx(
        np.average(np.arange(400).reshape(20, 20)[1:3, 1:4], weights=np.outer([0.6, 0.4], [0.6, 1, 0.4]))
    )


def test_a_point_takes_the_pixel_that_holds_it(lab):
    image = lab.image(b=np.arange(400, dtype="i2").reshape(20, 20))
    for name in ("mean", "first", "max"):
        assert (
            lab.call(
                "Image.reduceRegion",
                image=image,
                reducer=reducer(lab, name),
                geometry=located(Point(3.99, 2.01)),
            )["b"]
            == 43
        )
    several = located(MultiPoint([(0.5, 0.5), (0.7, 0.2), (5.5, 1.5)]))
    assert (
        lab.call("Image.reduceRegion", image=image, reducer=reducer(lab, "sum"), geometry=several)["b"] == 25
    )
    line = located(LineString([(0.5, 0.5), (3.5, 0.5)]))
    assert lab.call("Image.reduceRegion", image=image, reducer=reducer(lab, "toList"), geometry=line)[
        "b"
    ] == [0, 1, 2, 3]


def test_no_valid_pixel_gives_null(lab):
    image = lab.image(b=(np.ones((20, 20)), np.zeros((20, 20), bool)))
    found = {
        n: lab.call(
            "Image.reduceRegion", image=image, reducer=reducer(lab, n), geometry=located(box(2, 2, 9, 9))
        )["b"]
        for n in ("mean", "max", "count")
    }
    assert found == {"mean": None, "max": None, "count": 0}


def test_names(lab):
    image = lab.image(a=np.ones((20, 20)), b=np.ones((20, 20)))
    region = located(box(2, 2, 9, 9))
    both = call(
        lab.context,
        "Reducer.combine",
        {"reducer1": reducer(lab, "mean"), "reducer2": reducer(lab, "max"), "sharedInputs": True},
    )
    assert set(lab.call("Image.reduceRegion", image=image, reducer=both, geometry=region)) == {
        "a_mean",
        "a_max",
        "b_mean",
        "b_max",
    }
    assert set(
        lab.call("Image.reduceRegion", image=image, reducer=reducer(lab, "linearFit"), geometry=region)
    ) == {
        "scale",
        "offset",
    }
    features = Collection(lambda: [Feature(region, {"name": "x"}, "7")])
    one = lab.call("Image.select", input=image, bandSelectors=["a"])
    (feature,) = lab.call("Image.reduceRegions", image=one, collection=features, reducer=reducer(lab, "mean"))
    assert feature.properties == {"name": "x", "mean": 1.0}
    (feature,) = lab.call(
        "Image.reduceRegions", image=image, collection=features, reducer=reducer(lab, "mean")
    )
    assert feature.properties == {"name": "x", "a": 1.0, "b": 1.0}
    (feature,) = lab.call("Image.reduceRegions", image=one, collection=features, reducer=both)
    assert feature.properties == {"name": "x", "mean": 1.0, "max": 1.0}
    assert feature.id == "7"


def test_too_many_pixels(lab):
    image = lab.image(b=np.ones((20, 20)))
    with pytest.raises(
        EEError,
        match=r"^Image.reduceRegion: Too many pixels in the region\. Found 10000, but only 99 allowed\.",
    ):
        lab.call(
            "Image.reduceRegion",
            image=image,
            reducer=reducer(lab, "mean"),
            geometry=located(box(0, 0, 10, 10)),
            scale=3,
            maxPixels=99,
        )
    found = lab.call(
        "Image.reduceRegion",
        image=image,
        reducer=reducer(lab, "count"),
        geometry=located(box(0, 0, 10, 10)),
        scale=3,
        maxPixels=99,
        bestEffort=True,
    )
    assert 0 < found["b"] <= 99


def test_the_default_projection_is_refused(lab):
    median = lab.call("reduce.median", collection=lab.collection(lab.image(b=np.ones((20, 20)))))
    with pytest.raises(
        EEError,
        match=r"The default WGS84 projection is invalid for aggregations\. Specify a scale or crs & "
        r"crs_transform\.",
    ):
        lab.call(
            "Image.reduceRegion",
            image=median,
            reducer=reducer(lab, "mean"),
            geometry=located(box(0, 0, 9, 9)),
        )
    assert lab.call(
        "Image.reduceRegion",
        image=median,
        reducer=reducer(lab, "mean"),
        geometry=located(box(0, 0, 9, 9)),
        scale=30,
    )["b"] == pytest.approx(1)


def test_tiles_do_not_show(lab, small_tiles):
    rng = np.random.default_rng(5)
    image = lab.image(b=(rng.random((70, 90)), rng.random((70, 90)) > 0.2))
    region = located(Polygon([(3.2, 1.1), (88.8, 30.3), (40.0, 69.5)]))
    names = ("mean", "median", "stdDev", "toList", "count", "minMax", "first")
    whole = [
        lab.call("Image.reduceRegion", image=image, reducer=reducer(lab, n), geometry=region) for n in names
    ]
    small_tiles(16)
    for name, expected in zip(names, whole):
        found = lab.call("Image.reduceRegion", image=image, reducer=reducer(lab, name), geometry=region)
        if name == "toList":
            assert sorted(found["b"]) == sorted(expected["b"])
        else:
            assert found == pytest.approx(expected, rel=1e-12), name


def test_samples_of_regions_leave_masked_pixels_out(lab):
    values = np.arange(400, dtype="i2").reshape(20, 20)
    image = lab.image(a=values, b=(values * 10, values % 2 == 0))
    features = Collection(
        lambda: [
            Feature(located(Point(0.5, 0.5)), {"station": "s0", "system:x": 1}, "s0"),
            Feature(located(box(4, 4, 6, 6)), {"station": "s1"}, "s1"),
            Feature(located(Point(1.5, 0.5)), {"station": "odd"}, "s2"),
        ]
    )
    found = lab.call("Image.sampleRegions", image=image, collection=features, geometries=True)
    rows = [(f.properties["station"], f.properties["a"], f.properties["b"]) for f in found]
    assert rows == [("s0", 0, 0), ("s1", 84, 840), ("s1", 104, 1040)]
    assert all("system:x" not in f.properties for f in found)
    lon, lat = transformer("EPSG:32647", "EPSG:4326").transform(LEFT + 15, TOP - 15)
    assert found.elements[0].geometry.shape.coords[0] == pytest.approx((lon, lat))
    only = lab.call("Image.sampleRegions", image=image, collection=features, properties=[])
    assert set(only.elements[0].properties) == {"a", "b"}
    assert only.elements[0].geometry is None


def test_samples(lab):
    values = np.arange(400, dtype="i2").reshape(20, 20)
    image = lab.image(a=values, b=(values, values % 4 != 0))
    region = located(box(0, 0, 20, 20))
    everything = lab.call("Image.sample", image=image, region=region)
    assert len(everything) == 300
    assert everything.properties["band_order"] == ["a", "b"]
    assert len(lab.call("Image.sample", image=image, region=region, dropNulls=False)) == 400
    some = lab.call("Image.sample", image=image, region=region, numPixels=100, seed=4, dropNulls=False)
    assert 60 < len(some) < 140
    again = lab.call("Image.sample", image=image, region=region, numPixels=100, seed=4, dropNulls=False)
    assert [f.properties for f in some] == [f.properties for f in again]
    other = lab.call("Image.sample", image=image, region=region, numPixels=100, seed=5, dropNulls=False)
    assert [f.properties for f in some] != [f.properties for f in other]


def test_a_stratified_sample_has_a_number_of_each_class(lab):
    classes = np.repeat(np.array([[1], [2], [3], [3]], "u1"), 10, 1)
    image = lab.image(c=classes, v=np.arange(40.0).reshape(4, 10))
    found = lab.call(
        "Image.stratifiedSample",
        image=image,
        numPoints=5,
        classBand="c",
        classValues=[2, 3],
        classPoints=[0, 30],
    )
    counts = np.bincount([f.properties["c"] for f in found], minlength=4)
    assert counts.tolist() == [0, 5, 0, 20]


def test_a_rectangle_of_pixels(lab):
    values = np.arange(400, dtype="i2").reshape(20, 20)
    image = lab.image(a=(values, values != 42))
    region = located(box(1, 1, 4, 3))
    with pytest.raises(EEError, match="defaultValue"):
        lab.call("Image.sampleRectangle", image=image, region=region)
    found = lab.call("Image.sampleRectangle", image=image, region=region, defaultValue=-7)
    assert found.properties["a"].tolist() == [[21, 22, 23], [41, -7, 43]]


def test_a_table_of_a_collection(lab):
    images = [
        lab.source.add(
            f"time{k}",
            {"b": (np.full((4, 4), float(k)), np.full((4, 4), k != 1))},
            lab.grid(4, 4),
            start_ms=1000 * k,
        )
        for k in range(3)
    ]
    table = lab.call(
        "ImageCollection.getRegion",
        collection=lab.collection(*images),
        geometry=located(Point(1.5, 1.5)),
        scale=30,
    )
    assert table[0] == ["id", "longitude", "latitude", "time", "b"]
    assert [(r[0], r[3], r[4]) for r in table[1:]] == [
        ("time0", 0, 0.0),
        ("time1", 1000, None),
        ("time2", 2000, 2.0),
    ]
    with pytest.raises(EEError, match=r"Too many values: 1440000 points x 1 bands x 3 images > 1048576"):
        lab.call(
            "ImageCollection.getRegion",
            collection=lab.collection(*images),
            geometry=located(box(0, 0, 4, 4)),
            crs=Projection("EPSG:32647"),
            scale=0.1,
        )


def test_geodesic_edges_follow_great_circles():
    edge = Geometry(Polygon([(0, 60), (40, 60), (40, 50), (0, 50)]), "EPSG:4326", True)
    shape = on_plane(edge, "EPSG:4326")
    # The great circle between two points on the 60th parallel, 40° apart, culminates at atan(tan 60° / cos
    # 20°).
    assert shape.bounds[3] == pytest.approx(
        np.degrees(np.arctan(np.tan(np.radians(60)) / np.cos(np.radians(20)))), abs=1e-4
    )
    straight = on_plane(Geometry(edge.shape, "EPSG:4326", False), "EPSG:4326")
    assert straight.bounds[3] == 60
