"""Answers of the real service that others have recorded, in test suites and on Google's pages.

Each test names where its answer stands. Asset ids are replaced by those of a small folder of files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ee
import numpy as np
import pytest

import smgee
from smgee.grid import PixelGrid
from smgee.session import Session
from smgee.source import BandInfo, CollectionInfo, ImageInfo

BEGIN = 1_580_428_800_000  # 2020-01-31, from geetools' tests
DAY = 86_400_000
SERIES = "TEST/SERIES"


class Series:
    """A source of three daily images of one band."""

    def __init__(self) -> None:
        grid = PixelGrid("EPSG:32647", (30.0, 0.0, 6e5, 0.0, -30.0, 4.2e6), 4, 4)
        self.known = [
            ImageInfo(
                f"{SERIES}/day{n}",
                (BandInfo("B1", "int16", grid),),
                {"CLOUD": 10 * n},
                BEGIN + n * DAY,
                BEGIN + (n + 1) * DAY,
            )
            for n in range(3)
        ]

    def get(self, asset_id: str) -> Any:
        if asset_id == SERIES:
            return CollectionInfo(SERIES, {"title": "three days"})
        return next((i for i in self.known if i.id == asset_id), None)

    def list(self, parent: str) -> list[str]:
        return {"": [SERIES], SERIES: [i.id for i in self.known]}.get(parent, [])

    def images(self, collection_id: str) -> list[ImageInfo]:
        return self.known if collection_id == SERIES else []

    def read(self, image_id: str, band: str, row: int, col: int, height: int, width: int) -> Any:
        return np.full((height, width), 7, "i2"), np.ones((height, width), bool)

    def features(self, table_id: str) -> Any:
        return ()


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with smgee.connect(sources=[Series()]) as session:
        ee.data.setMaxRetries(0)
        yield session


pytestmark = pytest.mark.usefixtures("session")


def info(value: Any) -> Any:
    return value.getInfo()


# -- images


@pytest.mark.parametrize("cast", ["toFloat", "float", "toInt", "int16", "uint8", "toByte", "double", "long"])
def test_casts_keep_properties(cast: str) -> None:
    """wxee's `fill_gaps` and OpenET's ptjpl (`image.mask`) filter by date after a cast."""
    series = ee.ImageCollection(SERIES).map(lambda image: getattr(image, cast)())
    assert info(series.aggregate_array("CLOUD")) == [0, 10, 20]
    begin = ee.Date(BEGIN + DAY)
    assert info(series.filterDate(begin, begin.advance(5, "day")).size()) == 2
    kept = info(getattr(ee.Image(f"{SERIES}/day1"), cast)())
    assert kept["properties"]["system:index"] == "day1"
    assert kept["properties"]["CLOUD"] == 10


def test_arithmetic_drops_properties() -> None:
    """The guide on image overview: copyProperties brings them back."""
    assert "CLOUD" not in info(ee.Image(f"{SERIES}/day1").add(1)).get("properties", {})


def test_the_id_of_an_image_can_be_set() -> None:
    """wxee, OpenET and eerepr set ``system:id`` and read it again; it is shown as the image's id."""
    image = ee.Image(f"{SERIES}/day1").multiply(2).set("system:id", "PLACE/name", "more", 1)
    assert info(image.get("system:id")) == "PLACE/name"
    shown = info(image)
    assert shown["id"] == "PLACE/name"
    assert "system:id" not in shown["properties"]
    assert shown["properties"]["more"] == 1
    copied = ee.Image(5).copyProperties(ee.Image(f"{SERIES}/day2"), ["system:id"])
    assert info(ee.Image(copied).get("system:id")) == f"{SERIES}/day2"


def test_an_integer_array_is_typed_by_its_values() -> None:
    """The page of Image.arrayMask and the guide on arrays show 0…255 for such a constant."""
    (band,) = info(ee.Image(ee.Array([0, 0, 255])))["bands"]
    expected = {"type": "PixelType", "precision": "int", "min": 0, "max": 255, "dimensions": 1}
    assert band["data_type"] == expected


def test_bounds_of_64_bits_are_doubles() -> None:
    """geetools' recordings show -9223372036854776000."""
    shown = info(ee.PixelType("int64"))
    assert shown["min"] == -9.223372036854775808e18
    assert isinstance(shown["min"], float)


@pytest.mark.parametrize(
    ("text", "value"), [("float(7) / 2", 3.5), ("int(b('B1') / 2.0)", 3), ("byte(300)", 255)]
)
def test_casts_in_expressions(text: str, value: float) -> None:
    """OpenET's lai writes ``float(b('…'))``."""
    image = ee.Image(f"{SERIES}/day1").expression(text)
    mean = image.reduceRegion(ee.Reducer.mean(), ee.Image(f"{SERIES}/day1").geometry(), 30)
    assert list(info(mean).values()) == [pytest.approx(value)]


# -- collections


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.filter(ee.Filter.gt("CLOUD", 5)),
        lambda c: c.limit(2),
        lambda c: c.sort("CLOUD", False),
        lambda c: c.select("B1"),
        lambda c: c.map(lambda i: i.add(1)),
        lambda c: c.filterDate("2020-01-01", "2021-01-01"),
        lambda c: c.set("more", 1),
    ],
)
def test_collections_keep_their_id(change: Any) -> None:
    """geetools' recordings and ee_extra's tests of ``system:id``."""
    changed = change(ee.ImageCollection(SERIES))
    assert info(changed.get("system:id")) == SERIES
    assert info(changed)["id"] == SERIES
    assert info(changed)["properties"]["title"] == "three days"


def test_an_empty_collection_has_features() -> None:
    """OpenET's packages read ``getInfo()['features']`` of what may be empty."""
    assert info(ee.ImageCollection([]))["features"] == []


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (lambda: ee.Filter.eq("foo", "bar"), {"type": "Filter.eq", "leftField": "foo", "rightValue": "bar"}),
        (lambda: ee.Reducer.max(numInputs=5), {"type": "Reducer.max", "numInputs": 5}),
        (ee.Classifier.smileKNN, {"type": "Classifier.smileKNN"}),
        (lambda: ee.Clusterer.wekaKMeans(2), {"type": "Clusterer.wekaKMeans", "nClusters": 2}),
    ],
)
def test_constructed_objects_are_shown_as_their_calls(make: Any, shown: dict[str, Any]) -> None:
    """eerepr's recordings: the constructor, and the arguments that were given."""
    assert info(make()) == shown


# -- numbers, geometries, features


def test_numbers_stay_doubles() -> None:
    """geetools' `DateRange.split` divides milliseconds after `toFloat`: 30 intervals, not 31."""
    assert info(ee.Number(BEGIN).toFloat()) == BEGIN
    assert info(ee.Number(0.1).float()) == 0.1


def test_the_index_is_the_first_property() -> None:
    """geetools' recordings of `propertyNames`."""
    feature = ee.Feature(None, {"b": 1, "a": 2}).set("system:index", "x")
    assert info(feature.propertyNames())[0] == "system:index"


def test_geometries_are_the_parts() -> None:
    """The page of Geometry.geometries, and geetools."""
    points = ee.Geometry.MultiPoint([[0, 1], [2, 3]])
    assert [g["coordinates"] for g in info(points.geometries())] == [[0, 1], [2, 3]]
    areas = ee.Geometry.MultiPolygon([[[[0, 0], [1, 0], [1, 1]]], [[[5, 5], [6, 5], [6, 6]]]])
    assert [g["type"] for g in info(areas.geometries())] == ["Polygon", "Polygon"]
    assert len(info(ee.Geometry.Point(1, 2).geometries())) == 1


def test_the_inside_of_a_clockwise_ring_is_outside_of_it() -> None:
    """The guide on features and geometries: with evenOdd false, the inside is on the left."""
    ring = [[-35, -10], [-35, 10], [35, 10], [35, -10], [-35, -10]]
    hole = ee.Geometry.Polygon([ring], None, None, None, False)
    square = ee.Geometry.Polygon([ring], None, None, None, True)
    inside, outside = ee.Geometry.Point([1.5, 1.5]), ee.Geometry.Point([60, 30])
    assert info(hole.contains(inside, 1)) is False
    assert info(square.contains(inside, 1)) is True
    assert info(hole.contains(outside, 1)) is True
    earth = 510_065_621_724_088  # m²; geodesics of the ellipsoid here are great circles of the sphere there
    assert info(hole.area(1)) + info(square.area(1)) == pytest.approx(earth, rel=1e-4)
    other_way = ee.Geometry.Polygon([ring[::-1]], None, None, None, False)
    assert info(other_way.contains(inside, 1)) is True


def test_polygons_of_no_area_and_of_geometries() -> None:
    """eerepr's and OpenET's calls: a collinear ring is answered; parts may be computed geometries."""
    flat = ee.Geometry.MultiPolygon([[[[0, 0], [1, 1], [2, 2], [0, 0]]], [[[5, 5], [6, 5], [6, 6]]]])
    assert info(flat.area(1)) == pytest.approx(info(ee.Geometry.Polygon([[[5, 5], [6, 5], [6, 6]]]).area(1)))
    holes = ee.Geometry.MultiPolygon([[[[0, 0], [1, 1], [2, 2], [0, 0]], [[0, 0], [1, 0], [1, 1]]]])
    assert info(holes.type()) == "MultiPolygon"
    square = ee.Geometry.Rectangle([0, 0, 1, 1])
    parts = ee.Geometry.MultiPolygon([ee.Geometry(square.buffer(1000).bounds()), square])
    assert info(parts.geometries().length()) == 2
    line = ee.Geometry.LineString([[0, 0], [1, 1]])
    lines = ee.Geometry.MultiLineString([line, ee.Geometry(line.simplify(1))])
    assert info(lines.geometries().length()) == 2


def test_pixels_of_a_region_are_counted_down() -> None:
    """The message of the guide on reduceRegion names the whole pixels of a region's area."""
    grid = ee.Projection("EPSG:32647", [1, 0, 0, 0, -1, 0])
    region = ee.Geometry.Rectangle([600_000, 4_000_000, 600_010, 4_000_011.75], "EPSG:32647", False)
    with pytest.raises(ee.EEException, match="Found 117, but only 100"):
        info(ee.Image(1).reduceRegion(ee.Reducer.sum(), region, None, grid, maxPixels=100))
