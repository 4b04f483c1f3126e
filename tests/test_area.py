"""Where a study maps: the four ways to say it, the lattice and the cells that follow."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from pyproj import Geod, Transformer

from smgee.area import Area, utm_zone
from smgee.errors import InputError
from smgee.grid import EaseCell, PixelGrid, ease_cell_at
from smgee.study import Study

QINGHAI = ease_cell_at(99.8, 37.5)
NEIGHBOURS = [EaseCell("M36", QINGHAI.row + r, QINGHAI.col + c) for r in (0, 1) for c in (0, 1)]
FIELD = {
    "type": "Polygon",
    "coordinates": [[[99.7, 37.4], [99.9, 37.4], [99.9, 37.6], [99.7, 37.6], [99.7, 37.4]]],
}


def study_with(area: dict, **changes) -> Study:
    content = Study.demo().model_dump(mode="json") | changes
    return Study.parse({**content, "area": area})


def test_the_lattice_of_a_point_is_that_of_its_cell():
    """The lattice of the first version, on which the demo's maps lie."""
    assert Study.demo().grid == PixelGrid(
        "EPSG:32647", (30.0, 0.0, 562620.0, 0.0, -30.0, 4162830.0), 1115, 1320
    )
    assert Study.demo().cells == (QINGHAI,) == Study.demo().area.cells


@pytest.mark.parametrize(
    "area",
    [
        {"lon": 99.8, "lat": 37.5, "crs": "EPSG:32647"},
        {"cells": [c.name for c in NEIGHBOURS]},
        {"box": [99.5, 37.0, 100.5, 38.0], "scale_m": 60.0},
        {"geojson": json.dumps(FIELD)},
    ],
)
def test_a_written_study_reads_back(area, tmp_path):
    study = study_with(area)
    study.to_yaml(tmp_path / "study.yml")
    again = Study.from_yaml(tmp_path / "study.yml")
    assert again == study
    assert again.grid == study.grid
    written = yaml.safe_load((tmp_path / "study.yml").read_text())["area"]
    assert set(written) == set(area) | {"crs", "scale_m"}


def test_the_utm_zone_is_found():
    """Zones by their definition: 6° each from 180° W, 32600 + n in the north, 32700 + n in the south."""
    assert Area(lon=99.8, lat=37.5).crs == "EPSG:32647"
    assert Area(lon=-98.8, lat=30.3).crs == "EPSG:32614"
    assert Area(lon=148.0, lat=-35.0).crs == "EPSG:32755"
    assert (utm_zone(-180, 1), utm_zone(180, 1), utm_zone(0, 0)) == ("EPSG:32601", "EPSG:32660", "EPSG:32631")
    # across the antimeridian the zone is one at it, not the one at Greenwich
    assert Area(box=(179.0, -1.0, -178.9, 1.0)).crs in ("EPSG:32601", "EPSG:32701")


@pytest.mark.parametrize("crs", ["EPSG:32614", "EPSG:32714"])
def test_the_far_side_of_the_globe_is_refused(crs):
    """A transverse Mercator map is true to scale there again, but upside down."""
    with pytest.raises(InputError, match=f"{crs} is made for longitudes.*EPSG:32647"):
        study_with({"lon": 99.8, "lat": 37.5, "crs": crs})


def test_the_neighbouring_zone_serves():
    """Tiles of one zone reach into the next, and stand on the northern zone south of the equator too."""
    assert study_with({"lon": 102.5, "lat": 37.5, "crs": "EPSG:32647"}).grid.crs == "EPSG:32647"
    assert Area(lon=148.0, lat=-35.0, crs="EPSG:32655").crs == "EPSG:32655"


def test_distortion_is_checked_over_the_whole_extent():
    with pytest.raises(InputError, match="a metre of EPSG:32647 is"):
        study_with({"box": [76.0, 37.0, 126.0, 38.0], "crs": "EPSG:32647"})


def test_cells_together_make_one_lattice():
    area = Area(names=tuple(c.name for c in NEIGHBOURS))
    left, bottom, right, top = area.grid.bounds
    for cell in NEIGHBOURS:
        x0, y0, x1, y1 = cell.polygon(area.crs, points_per_edge=64).bounds
        assert left <= x0 < x1 <= right
        assert bottom <= y0 < y1 <= top
    assert area.cells == area.covered(1.0) == tuple(sorted(NEIGHBOURS, key=lambda c: (c.row, c.col)))
    assert len(area.covered(1.0, "M09")) == 64
    assert area.inside(area.grid) is None
    # two by two: about twice as long and wide as the one
    assert area.grid.width == pytest.approx(2 * Study.demo().grid.width, rel=0.03)


def test_nine_kilometre_cells_may_be_given():
    nine = QINGHAI.children()[:4]
    area = Area(names=tuple(c.name for c in nine))
    assert area.covered(0.99, "M09") == tuple(nine)
    assert area.covered(0.2) == (QINGHAI,)
    assert area.covered(0.3) == ()


def test_a_box_is_masked_outside_and_has_its_true_size():
    area = Area(box=(99.5, 37.0, 100.5, 38.0), scale_m=100.0)
    inside = area.inside(area.grid)
    lon, lat = Transformer.from_crs(area.crs, 4326, always_xy=True).transform(*area.grid.centers())
    np.testing.assert_array_equal(inside, (lon > 99.5) & (lon < 100.5) & (lat > 37) & (lat < 38))
    # Geod follows geodesics, not parallels; densify them
    ring = [(x, 37.0) for x in np.linspace(99.5, 100.5, 200)] + [
        (x, 38.0) for x in np.linspace(100.5, 99.5, 200)
    ]
    true = Geod(ellps="WGS84").polygon_area_perimeter(*zip(*ring))[0]
    # a pixel's true area differs from its nominal one by the scale of the UTM zone, below 0.1 %
    assert inside.sum() * 100.0**2 == pytest.approx(true, rel=2e-3)


def test_windows_of_a_mask_are_parts_of_it():
    area = Area(box=(99.5, 37.0, 100.0, 37.4), scale_m=100.0)
    whole = area.inside(area.grid)
    seen = np.zeros(whole.shape, bool)
    for row, col, tile in area.grid.tiles(97):
        part = area.inside(tile)
        seen[row : row + tile.height, col : col + tile.width] = True if part is None else part
        if not area.touches(tile):
            assert part is not None
            assert not part.any()
    np.testing.assert_array_equal(seen, whole)


def test_cells_of_a_box_are_those_it_fills():
    lon0, lat0, lon1, lat1 = QINGHAI.polygon("EPSG:4326").bounds
    middle = (lon0 + lon1) / 2
    area = Area(box=(middle, lat0 + 1e-6, lon1 + (lon1 - lon0), lat1 - 1e-6))
    assert set(area.cells) == {QINGHAI, EaseCell("M36", QINGHAI.row, QINGHAI.col + 1)}
    assert area.covered(0.8) == (EaseCell("M36", QINGHAI.row, QINGHAI.col + 1),)
    assert QINGHAI in area.covered(0.499)
    with pytest.raises(InputError, match="fills 0 cells of 36 km"):
        study_with({"geojson": json.dumps(FIELD)}).cell  # noqa: B018


def test_across_the_antimeridian():
    area = Area(box=(179.8, 10.0, -179.9, 10.2), scale_m=100.0)
    assert area.grid.width * 100 == pytest.approx(0.3 * 111_320 * np.cos(np.radians(10.1)), rel=0.02)
    assert {c.col for c in area.cells} == {0, 963}
    assert area.inside(area.grid).mean() > 0.9


def test_an_outline_file_is_relative_to_the_study_and_travels_with_it(tmp_path):
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    there.mkdir()
    elsewhere.mkdir()
    feature = {"type": "Feature", "properties": {"name": "x"}, "geometry": FIELD}
    (there / "field.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    content = Study.demo().model_dump(mode="json") | {"area": {"geojson": "field.geojson"}}
    (there / "study.yml").write_text(yaml.safe_dump(content))
    study = Study.from_yaml(there / "study.yml")
    study.to_yaml(elsewhere / "study.yml")
    (there / "field.geojson").unlink()
    again = Study.from_yaml(elsewhere / "study.yml")
    assert again == study
    assert again.area.polygon.bounds == (99.7, 37.4, 99.9, 37.6)
    assert again.grid == study.grid


@pytest.mark.parametrize(
    ("area", "said"),
    [
        ({}, "got nothing"),
        ({"lon": 99.8}, "got lon"),
        ({"lon": 99.8, "lat": 37.5, "box": [99, 37, 100, 38]}, "got lon, lat, box"),
        ({"cells": []}, "area.cells"),
        ({"cells": ["M36_80_750"]}, "M36_r0080_c0750"),
        ({"cells": [QINGHAI.name, QINGHAI.name]}, "repeat"),
        ({"cells": [QINGHAI.name, QINGHAI.children()[0].name]}, "several grids"),
        ({"box": [99, 38, 100, 37]}, "south < north"),
        ({"box": [37, 99, 38, 100]}, "within ±84"),
        ({"box": [99, 37, 99, 38]}, "that differ"),
        ({"geojson": "absent.geojson"}, "absent.geojson cannot be read"),
        ({"geojson": "{}"}, "is not GeoJSON"),
        ({"geojson": '{"type": "Point", "coordinates": [99.8, 37.5]}'}, "only polygons"),
        (
            {
                "geojson": json.dumps(
                    {
                        **FIELD,
                        "coordinates": [
                            [[550000, 4100000], [550100, 4100000], [550100, 4100100], [550000, 4100000]]
                        ],
                    }
                )
            },
            "is in degrees",
        ),
        ({"lon": 99.8, "lat": 37.5, "crs": "EPSG:4326"}, "not a projected CRS"),
    ],
)
def test_wrong_areas_are_told_in_one_sentence(area, said):
    with pytest.raises(InputError, match=said) as caught:
        study_with(area)
    assert "\n" not in str(caught.value)
