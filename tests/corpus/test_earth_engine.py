"""Asset ids, geometries and dates that Earth Engine cannot take: an error of the client's, in its words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ee
import pytest

import smgee
from smgee.session import Session
from tests.corpus.refusal import refused

ROOT = "projects/smgee-embedded/assets"
NAN, INF = float("nan"), float("inf")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with smgee.connect(store=tmp_path_factory.mktemp("store")) as connected:
        ee.data.setMaxRetries(0)
        yield connected


def create(name: str) -> Callable[[], Any]:
    return lambda: ee.data.createAsset({"type": "FOLDER"}, name)


def get(value: Any) -> Callable[[], Any]:
    return lambda: value().getInfo()


def raw(**geometry: Any) -> Callable[[], Any]:
    """Ask for a geometry that the client's constructors would not send."""
    return lambda: ee.Geometry(geometry, opt_proj=None).area(1).getInfo()


CASES: dict[str, tuple[Callable[[], Any], str]] = {
    # -- ids
    "an image that is not there": (get(lambda: ee.Image("NASA/NOTHING/001")), "NASA/NOTHING/001"),
    "an image of no name": (get(lambda: ee.Image("")), "not found"),
    "an image that climbs": (get(lambda: ee.Image("projects/../../etc/passwd")), "passwd"),
    "a collection taken for an image": (
        get(lambda: ee.Image("NASA/HLS/HLSS30/v002")),
        "NASA/HLS/HLSS30/v002",
    ),
    "an image taken for a collection": (
        get(lambda: ee.ImageCollection("NASA/NASADEM_HGT/001").size()),
        "NASA/NASADEM_HGT/001",
    ),
    "a table that is an image": (get(lambda: ee.FeatureCollection("NASA/NASADEM_HGT/001").size()), "NASADEM"),
    "a folder with a blank": (create(f"{ROOT}/my folder"), "letters, digits, hyphens and underscores"),
    "a folder with a colon": (create(f"{ROOT}/a:b"), "letters, digits, hyphens and underscores"),
    "a folder that climbs": (create(f"{ROOT}/../../etc"), "letters, digits, hyphens and underscores"),
    "a folder of 200 letters": (create(f"{ROOT}/{'a' * 200}"), "at most 100 letters"),
    "a folder of another's": (create("users/somebody/folder"), "belong below projects/<project>/assets/"),
    "a folder in the public catalog": (create("NASA/mine"), "belong below projects/<project>/assets/"),
    "a folder in no folder": (create(f"{ROOT}/absent/inner"), "absent"),
    "an asset that is not there": (lambda: ee.data.getAsset(f"{ROOT}/absent"), "absent"),
    "an asset with a null in its name": (lambda: ee.data.getAsset(f"{ROOT}/a\x00b"), "not found"),
    "an asset of 300 letters": (lambda: ee.data.getAsset(f"{ROOT}/{'a' * 300}"), "not found"),
    "taking out what is not there": (lambda: ee.data.deleteAsset(f"{ROOT}/absent"), "absent"),
    # -- geometries
    "a place that is no number": (
        get(lambda: ee.Geometry.Point([NAN, 37.5]).buffer(10)),
        "Invalid coordinates: [nan, 37.5]",
    ),
    "a place at infinity": (
        get(lambda: ee.Geometry.Point([INF, 37.5]).buffer(10)),
        "Invalid coordinates: [inf, 37.5]",
    ),
    "a place of words": (lambda: ee.Geometry.Point(["east", "north"]).getInfo(), "Invalid geometry"),
    "a place of one number": (
        lambda: ee.Geometry.Point([99.8]).getInfo(),
        "Invalid number of coordinates: 1",
    ),
    "a latitude beyond the pole": (
        get(lambda: ee.Geometry.Point([99.8, 137]).buffer(10).area(1)),
        "from latitude 137 to 137, beyond the Earth; give longitude first",
    ),
    "a ring of two corners": (get(lambda: ee.Geometry.Polygon([[[0, 0], [1, 1]]]).area(1)), "ring"),
    "a kind that is none": (raw(type="Sphere", coordinates=[0, 0]), "Invalid GeoJSON geometry"),
    "no coordinates": (raw(type="Point"), "Invalid GeoJSON geometry"),
    "a CRS that is none": (
        get(lambda: ee.Geometry.Point([0, 0]).transform("EPSG:99999", 1)),
        "EPSG:99999",
    ),
    # -- images
    "a mask of arrays": (
        get(
            lambda: (
                ee.Image(1)
                .updateMask(ee.Image(ee.Array([[1, 2], [3, 4]])))
                .reduceRegion(ee.Reducer.first(), ee.Geometry.Point([99.8, 37.5]), 30)
            )
        ),
        "A mask must hold a number for each pixel, not an array",
    ),
    # -- dates
    "a day no calendar has": (get(lambda: ee.Date("2021-02-30")), "2021-02-30"),
    "a day in words": (get(lambda: ee.Date("midsummer")), "midsummer"),
    "a day in another order": (get(lambda: ee.Date("31/05/2021")), "31/05/2021"),
    "a zone that is none": (get(lambda: ee.Date("2021-05-31", "Mars/Olympus")), "Mars/Olympus"),
    "a unit that is none": (get(lambda: ee.Date("2021-05-31").advance(1, "moon")), "moon"),
    "a period upside down": (
        get(lambda: ee.DateRange("2021-06-01", "2021-05-01").start().advance(1, "x")),
        "x",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_in_a_sentence(session: Session, name: str, tmp_path: Path) -> None:
    attempt, said = CASES[name]
    refused(lambda folder: attempt(), said, tmp_path, error=ee.EEException)
