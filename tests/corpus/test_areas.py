"""Places that cannot be mapped, and outlines that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smgee.study import Study
from tests.corpus.refusal import refused

SQUARE = [[99.7, 37.4], [99.9, 37.4], [99.9, 37.6], [99.7, 37.6], [99.7, 37.4]]


def polygon(*rings: list[Any]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def study(area: Any, folder: Path) -> Study:
    content = {"name": "mine", "start": "2021-05-01", "end": "2021-10-01", "area": area}
    return Study.parse(content, origin="study.yml", folder=folder)


AREAS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "an area is given by lon and lat, by cells, by box, or by geojson; got nothing"),
    "half a point": ({"lon": 99.8}, "got lon"),
    "two ways at once": ({"lon": 99.8, "lat": 37.5, "box": [99, 37, 100, 38]}, "got lon, lat, box"),
    "a longitude beyond the Earth": (
        {"lon": 199.8, "lat": 37.5},
        "area.lon has to be at most 180 (got 199.8)",
    ),
    "exchanged coordinates": ({"lon": 37.5, "lat": 99.8}, "area.lat has to be at most 84 (got 99.8)"),
    "a latitude that is no number": ({"lon": 99.8, "lat": float("nan")}, "area.lat has to be"),
    "a cell that is none": ({"cells": ["M36_r9999_c0000"]}, "M36_r9999_c0000"),
    "a cell of words": ({"cells": ["Qinghai"]}, "Qinghai"),
    "no cells": ({"cells": []}, "area.cells is empty"),
    "a cell twice": ({"cells": ["M36_r0080_c0750"] * 2}, "name each once"),
    "cells of two grids": ({"cells": ["M36_r0080_c0750", "M09_r0320_c3000"]}, "all M36 or all M09"),
    "a box without width": (
        {"box": [99, 37, 99, 38]},
        "west and east within -180 to 180 degrees that differ",
    ),
    "a box upside down": ({"box": [99, 38, 100, 37]}, "box needs south < north"),
    "a box in metres": (
        {"box": [500000, 4100000, 536000, 4136000]},
        "box needs west and east within -180 to 180",
    ),
    "a box of three": ({"box": [99, 37, 100]}, "area.box lacks its value number 4 (got [99, 37, 100])"),
    "a box that is no number": (
        {"box": [99, 37, 100, float("nan")]},
        "area.box has to be a finite number (got nan)",
    ),
    "half the Earth": ({"box": [-170, -60, 170, 60]}, "would be wrong; give a smaller area"),
    "a CRS that is none": ({"lon": 99.8, "lat": 37.5, "crs": "EPSG:99999"}, "is not known to PROJ"),
    "a CRS in degrees": ({"lon": 99.8, "lat": 37.5, "crs": "EPSG:4326"}, "is not a projected CRS"),
    "a CRS of elsewhere": (
        {"lon": 99.8, "lat": 37.5, "crs": "EPSG:32614"},
        "give EPSG:32647, or leave crs out",
    ),
    "a CRS that stretches": (
        {"lon": 99.8, "lat": 37.5, "crs": "EPSG:3857"},
        "so slopes and pixels would be wrong",
    ),
    "pixels of nothing": (
        {"lon": 99.8, "lat": 37.5, "scale_m": 0},
        "scale_m has to be greater than 0 (got 0)",
    ),
    "pixels that are no number": ({"lon": 99.8, "lat": 37.5, "scale_m": float("nan")}, "scale_m has to be"),
}

OUTLINES: dict[str, tuple[Any, str]] = {
    "words": ("here", "is not GeoJSON"),
    "a number": ("3", "is not GeoJSON"),
    "no type": ({"coordinates": [SQUARE]}, "are not where they belong"),
    "a type that is none": ({"type": "Sphere", "coordinates": [SQUARE]}, "is not GeoJSON"),
    "a line": ({"type": "LineString", "coordinates": SQUARE}, "only polygons count"),
    "a point beside a polygon": (
        {
            "type": "GeometryCollection",
            "geometries": [polygon(SQUARE), {"type": "Point", "coordinates": [99.8, 37.5]}],
        },
        "holds 1 polygons among 2 shapes; only polygons count",
    ),
    "no features": ({"type": "FeatureCollection", "features": []}, "holds 0 polygons among 0 shapes"),
    "features that are none": ({"type": "FeatureCollection", "features": None}, "is not GeoJSON"),
    "a feature of nothing": ({"type": "Feature", "geometry": None, "properties": {}}, "only polygons count"),
    "two corners": (polygon(SQUARE[:2]), "is not GeoJSON"),
    "corners of words": (polygon([["a", "b"]] * 4), "is not GeoJSON"),
    "corners of one number": (polygon([[99.7]] * 4), "is not GeoJSON"),
    "corners nowhere": (polygon([*SQUARE[:2], [float("nan"), 37.6], SQUARE[0]]), "is not a finite number"),
    "corners at infinity": (polygon([*SQUARE[:2], [1e999, 37.6], SQUARE[0]]), "is not a finite number"),
    "a sliver of nothing": (
        polygon([[99.7, 37.4], [99.8, 37.4], [99.9, 37.4], [99.7, 37.4]]),
        "encloses nothing",
    ),
    "exchanged coordinates": (polygon([[lat, lon] for lon, lat in SQUARE]), "longitude first"),
    "metres": (
        polygon([[5e5, 4.1e6], [5.3e5, 4.1e6], [5.3e5, 4.13e6], [5e5, 4.1e6]]),
        "GeoJSON is in degrees",
    ),
    "the pole": (polygon([[0, 80], [120, 85], [240, 80], [0, 80]]), "cut at the antimeridian"),
}


@pytest.mark.parametrize("name", AREAS)
def test_an_area_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    area, said = AREAS[name]
    refused(lambda folder: study(area, folder), said, tmp_path)


@pytest.mark.parametrize("name", OUTLINES)
def test_an_outline_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    content, said = OUTLINES[name]
    (tmp_path / "outline.geojson").write_text(content if isinstance(content, str) else json.dumps(content))
    refused(lambda folder: study({"geojson": "outline.geojson"}, folder), said, tmp_path)


def test_outlines_that_cannot_be_read(tmp_path: Path) -> None:
    refused(
        lambda folder: study({"geojson": "absent.geojson"}, folder), "absent.geojson cannot be read", tmp_path
    )
    (tmp_path / "picture.geojson").write_bytes(b"\x89PNG\xff")
    refused(lambda folder: study({"geojson": "picture.geojson"}, folder), "cannot be read", tmp_path)


def test_what_they_are_made_from_is_an_area(tmp_path: Path) -> None:
    (tmp_path / "outline.geojson").write_text(json.dumps(polygon(SQUARE)))
    assert study({"geojson": "outline.geojson"}, tmp_path).grid.width > 100
