"""geetools: its accessors on numbers, lists, dates, geometries, tables, images and collections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ee
import numpy as np
import pytest

from smgee.session import Session
from tests.clients.scenes import CLEAR, DAYS, ID, STEP, band, clear, outline, pixels, scene

pytest.importorskip("geetools")

Scenes = Mapping[str, np.ndarray]

VALUES: dict[str, tuple[Callable[[], Any], Any]] = {
    "a matrix of one number": (lambda: ee.Array.geetools.full(2, 2, 7), [[7, 7], [7, 7]]),
    "an entry of a matrix set": (lambda: ee.Array([[1, 2], [3, 4]]).geetools.set(0, 1, 9), [[1, 2], [9, 4]]),
    "a day since 1970": (lambda: ee.Date.geetools.fromEpoch(49, "year").format("YYYY-MM-dd"), "2019-01-01"),
    "a day of the year": (lambda: ee.Date.geetools.fromDOY(60, 2020).format("YYYY-MM-dd"), "2020-02-29"),
    "days since 1970": (lambda: ee.Date("1970-02-01").geetools.getUnitSinceEpoch("day"), 31),
    "a leap year": (lambda: ee.Date("2020-05-01").geetools.isLeap(), 1),
    "no leap year": (lambda: ee.Date("2100-05-01").geetools.isLeap(), 0),
    "which day of the year": (lambda: ee.Date("2020-12-31").geetools.toDOY(), 365),
    "a period split": (lambda: ee.DateRange("2020-01-01", "2020-01-31").geetools.split(1, "day").size(), 30),
    "a dictionary of pairs": (
        lambda: ee.Dictionary.geetools.fromPairs([["a", 1], ["b", 2]]),
        {"a": 1, "b": 2},
    ),
    "several keys": (lambda: ee.Dictionary({"a": 1, "b": 2}).geetools.getMany(["b", "a"]), [2, 1]),
    "a dictionary as a table": (
        lambda: ee.Dictionary({"a": 1, "b": 2}).geetools.toTable().aggregate_array("value"),
        [1, 2],
    ),
    "lists multiplied": (lambda: ee.List(["a"]).geetools.product(["x", "y"]), ["ax", "ay"]),
    "lists united": (lambda: ee.List([1, 2]).geetools.union([2, 3]), [1, 2, 3]),
    "lists crossed": (lambda: ee.List([1, 2]).geetools.intersection([2, 3]), [2]),
    "lists apart": (lambda: ee.List([1, 2]).geetools.complement([2, 3]), [1, 3]),
    "an item taken out": (lambda: ee.List([1, 2, 3]).geetools.delete(1), [1, 3]),
    "a sequence with its end": (lambda: ee.List.geetools.sequence(0, 10, 4), [0, 4, 8, 10]),
    "many replaced": (lambda: ee.List(["a", "b"]).geetools.replaceMany({"a": "x"}), ["x", "b"]),
    "lists side by side": (lambda: ee.List([[1, 2], [3, 4]]).geetools.zip(), [[1, 3], [2, 4]]),
    "a number cut": (lambda: ee.Number(3.14159).geetools.truncate(2), 3.14),
    "a text filled in": (lambda: ee.String("{a}_{b}").geetools.format({"a": "x", "b": "y"}), "x_y"),
    "features numbered": (lambda: places().geetools.addId().aggregate_array("id"), [1, 2]),
    "columns of a table": (lambda: places().geetools.columnNames().sort(), ["name", "system:index"]),
    "a table as a dictionary": (
        lambda: places().geetools.toDictionary("name").keys().sort(),
        ["left", "right"],
    ),
    "parts of one kind": (
        lambda: mixed().geetools.keepType("LineString").length(1).round(),
        111_319,
    ),
    "images of several": (lambda: scene(DAYS[0]).geetools.merge([scene(DAYS[1])]).bandNames().size(), 18),
    "bands with a suffix": (
        lambda: scene(DAYS[0]).select(["SR_B4"]).geetools.addSuffix("_x").bandNames(),
        ["SR_B4_x"],
    ),
    "bands with a prefix": (
        lambda: scene(DAYS[0]).select(["SR_B4"]).geetools.addPrefix("x_").bandNames(),
        ["x_SR_B4"],
    ),
    "bands renamed": (
        lambda: scene(DAYS[0]).select(["SR_B4"]).geetools.rename({"SR_B4": "red"}).bandNames(),
        ["red"],
    ),
    "a band taken out": (lambda: scene(DAYS[0]).geetools.remove(["QA_PIXEL"]).bandNames().size(), 8),
    "the finest pixels": (lambda: scene(DAYS[0]).geetools.minScale(), STEP),
    "a name filled in": (lambda: scene(DAYS[0]).geetools.format("{SPACECRAFT_ID}"), "LANDSAT_8"),
    "the image of a place in a list": (
        lambda: collection().geetools.iloc(1).date().format("YYYY-MM-dd"),
        DAYS[1],
    ),
    "all bands there": (
        lambda: collection().geetools.containsAllBands(["SR_B4", "SR_B9"]).size(),
        0,
    ),
    "any band there": (lambda: collection().geetools.containsAnyBands(["SR_B4", "SR_B9"]).size(), 4),
    "images by month": (lambda: collection().geetools.groupInterval("month").size(), 2),
    "the nearest in time": (
        lambda: collection().geetools.closest("2021-07-05", 5, "day").aggregate_array("system:index"),
        ["LC08_133034_20210707"],
    ),
    "properties as lists": (
        lambda: collection().geetools.aggregateArray(["CLOUD_COVER"]),
        {"CLOUD_COVER": [4] * 4},
    ),
}


def places() -> ee.FeatureCollection:
    features = [
        ee.Feature(ee.Geometry.Point([x, 37.49]), {"name": n}) for x, n in ((99.8, "left"), (99.9, "right"))
    ]
    return ee.FeatureCollection(features)


def mixed() -> ee.Geometry:
    return ee.Geometry(
        {
            "type": "GeometryCollection",
            "geometries": [
                {"type": "Point", "coordinates": [0, 0]},
                {"type": "LineString", "coordinates": [[0, 0], [1, 0]]},
            ],
        }
    )


def collection() -> ee.ImageCollection:
    return ee.ImageCollection(ID)


@pytest.mark.parametrize("name", VALUES)
def test_values(session: Session, name: str) -> None:
    build, expected = VALUES[name]
    assert build().getInfo() == (pytest.approx(expected) if isinstance(expected, float) else expected)


def test_a_date_as_a_band(session: Session) -> None:
    found = pixels(scene(DAYS[0]).geetools.addDate("YYYYMMdd").select("date"))
    assert (found["date"] == 20210605).all()


def test_values_at_a_point(session: Session, scenes: Scenes) -> None:
    middle = outline().centroid(1)
    found = scene(DAYS[0]).geetools.getValues(middle, STEP).getInfo()
    assert found["SR_B4"] in band(scenes, DAYS[0], "SR_B4")[7:9, 9:11]


def test_clouds(session: Session, scenes: Scenes) -> None:
    masked = scene(DAYS[0]).geetools.maskClouds(maskCirrus=False, maskShadows=True)
    found = pixels(masked.select("SR_B4"), masked=0)["SR_B4"]
    np.testing.assert_array_equal(found > 0, clear(scenes, DAYS[0]))


def test_an_index(session: Session, scenes: Scenes) -> None:
    # geetools knows the bands of Landsat by the names that they have at the top of the atmosphere
    named = collection().select(["SR_B3", "SR_B4", "SR_B5"], ["B3", "B4", "B5"])
    found = pixels(ee.Image(named.geetools.spectralIndices(["NDVI"]).first()).select("NDVI"))["NDVI"]
    red, near = (band(scenes, DAYS[0], b) for b in ("SR_B4", "SR_B5"))
    np.testing.assert_allclose(found, (near - red) / (near + red), rtol=1e-4)


def test_what_is_valid(session: Session, scenes: Scenes) -> None:
    masked = collection().map(lambda image: image.updateMask(image.select("QA_PIXEL").eq(CLEAR)))
    found = pixels(masked.select(["SR_B4"]).geetools.validPixel("SR_B4"))
    expected = np.sum([clear(scenes, day) for day in DAYS], axis=0)
    np.testing.assert_array_equal(found["valid"], expected)
    np.testing.assert_allclose(found["pct_valid"], 100 * expected / 4)


def test_months(session: Session, scenes: Scenes) -> None:
    found = collection().select(["SR_B4"]).geetools.reduceInterval("mean", "month")
    assert found.size().getInfo() == 2
    expected = (band(scenes, DAYS[0], "SR_B4") + band(scenes, DAYS[1], "SR_B4")) / 2
    np.testing.assert_allclose(pixels(ee.Image(found.first()))["SR_B4"], expected)


def test_regions_by_bands(session: Session, scenes: Scenes) -> None:
    region = ee.FeatureCollection([ee.Feature(outline(), {"name": "all"})])
    image = scene(DAYS[0]).select(["SR_B4", "SR_B5"])
    found = image.geetools.byRegions(region, regionId="name", reducer="mean", scale=STEP).getInfo()
    expected = {name: pytest.approx(band(scenes, DAYS[0], name).mean()) for name in ("SR_B4", "SR_B5")}
    assert found == {"all": expected}


def test_the_share_that_is_masked(session: Session, scenes: Scenes) -> None:
    masked = scene(DAYS[0]).updateMask(scene(DAYS[0]).select("QA_PIXEL").eq(CLEAR)).select("SR_B4")
    found = masked.geetools.maskCoverRegion(outline(), STEP).getInfo()
    assert found == pytest.approx(100 * (1 - clear(scenes, DAYS[0]).mean()), abs=0.2)


def test_folders(session: Session) -> None:
    home = ee.Asset(session.asset_root)
    (home / "inner").mkdir()
    assert (home / "inner").is_folder()
    assert [a.name for a in home.iterdir()] == ["inner"]
    (home / "inner").delete()
    assert not (home / "inner").exists()
