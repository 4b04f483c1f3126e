"""geemap on the embedded Earth Engine: maps with layers that are really drawn, tables, statistics,
downloads.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pandas as pd
import pytest
import rasterio
import requests
from affine import Affine
from PIL import Image as Picture

import smgee
from smgee.eelocal.assets.catalog import AddOptions, add_files
from smgee.session import Session

geemap = pytest.importorskip("geemap")

DEM, STATIONS, SCENES = (f"projects/my-project/assets/{n}" for n in ("dem", "stations", "scenes"))
ROWS, COLS = 200, 220
LEFT, TOP, STEP = 99.5, 37.5, 1 / 3600
ELEVATION = (3000 + 2 * np.arange(ROWS)[:, None] + np.arange(COLS)[None, :]).astype("i2")
POINTS = [(99.5101, 37.4902), (99.5303, 37.4701), (99.5502, 37.4554)]


def at(lon: float, lat: float) -> int:
    return int(ELEVATION[int((TOP - lat) / STEP), int((lon - LEFT) / STEP)])


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("geemap")
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": ROWS,
        "width": COLS,
        "crs": "EPSG:4326",
        "transform": Affine(STEP, 0, LEFT, 0, -STEP, TOP),
    }
    with rasterio.open(folder / "dem.tif", "w", dtype="int16", count=1, **profile) as file:
        file.write(ELEVATION, 1)
        file.set_band_description(1, "elevation")
    rng = np.random.default_rng(2)
    for day in (1, 2):
        with rasterio.open(folder / f"s_2021070{day}.tif", "w", dtype="float32", count=3, **profile) as file:
            file.write(rng.random((3, ROWS, COLS)).astype("f4"))
    pd.DataFrame([{"name": f"S{i}", "lon": x, "lat": y} for i, (x, y) in enumerate(POINTS)]).to_csv(
        folder / "stations.csv", index=False
    )
    add_files(folder / "cat", DEM, [folder / "dem.tif"])
    add_files(folder / "cat", STATIONS, [folder / "stations.csv"])
    add_files(folder / "cat", SCENES, sorted(folder.glob("s_*.tif")), AddOptions(kind="collection"))
    with smgee.connect(catalog=folder / "cat", store=folder / "store") as connected:
        yield connected


def tile(layer: Any, lon: float, lat: float, zoom: int) -> np.ndarray:
    x = int((lon + 180) / 360 * 2**zoom)
    y = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**zoom)
    with requests.Session() as web:
        web.trust_env = False
        answer = web.get(layer.url.format(x=x, y=y, z=zoom), timeout=120)
    assert answer.status_code == 200, answer.text
    picture = Picture.open(io.BytesIO(answer.content))
    assert picture.size == (256, 256)
    return np.asarray(picture.convert("RGBA"))


def test_layers_are_drawn(session: Session) -> None:
    shown = geemap.Map(center=[37.47, 99.53], zoom=12)
    shown.add_layer(ee.Image(DEM), {"min": 3000, "max": 3700, "palette": ["0000ff", "ff0000"]}, "elevation")
    shown.add_layer(ee.ImageCollection(SCENES), {"min": 0, "max": 1}, "scenes")
    shown.add_layer(ee.FeatureCollection(STATIONS), {"color": "ff00ff"}, "stations")
    shown.add_layer(ee.Geometry.Point(POINTS[1]).buffer(500), {}, "circle")
    layers = {layer.name: layer for layer in shown.layers}
    # The tile lies inside the raster; blue rises towards the north-west, where the ground is low.
    drawn = tile(layers["elevation"], 99.53, 37.47, 14)
    assert (drawn[..., 3] == 255).all()
    assert drawn[10, 10, 2] > drawn[-10, -10, 2]
    assert drawn[10, 10, 0] < drawn[-10, -10, 0]
    assert np.ptp(tile(layers["scenes"], 99.53, 37.47, 14)[..., :3]) > 100
    stations = tile(layers["stations"], *POINTS[1], 14)
    inked = stations[..., 3] > 200
    assert 0 < inked.sum() < 2000
    assert np.median(stations[inked][:, :3], axis=0) == pytest.approx([255, 0, 255], abs=5)
    assert 0.05 < (tile(layers["circle"], *POINTS[1], 14)[..., 3] > 0).mean() < 0.8


def test_the_map_finds_its_centre(session: Session) -> None:
    shown = geemap.Map()
    shown.center_object(ee.FeatureCollection(STATIONS), 11)
    assert shown.center == pytest.approx([37.4725, 99.53], abs=0.01)


def test_inspector_requests(session: Session) -> None:
    (lon, lat) = POINTS[0]
    value = (
        ee.Image(DEM)
        .reduceRegion(
            ee.Reducer.first(), ee.Geometry.Point([lon, lat]), ee.Image(DEM).projection().nominalScale()
        )
        .getInfo()
    )
    assert value == {"elevation": at(lon, lat)}


def test_tables(session: Session, tmp_path: Path) -> None:
    frame = geemap.ee_to_gdf(ee.FeatureCollection(STATIONS))
    assert frame["name"].tolist() == ["S0", "S1", "S2"]
    np.testing.assert_allclose(frame.geometry.x, [p[0] for p in POINTS])
    geemap.extract_values_to_points(
        ee.FeatureCollection(STATIONS),
        ee.Image(DEM),
        str(tmp_path / "points.csv"),
        scale=111319.49079327358 * STEP,
    )
    assert pd.read_csv(tmp_path / "points.csv")["first"].tolist() == [at(*p) for p in POINTS]


def test_zonal_statistics(session: Session, tmp_path: Path) -> None:
    # A rectangle along pixel edges: its mean is that of whole pixels.
    left, right, bottom, top = LEFT + 20 * STEP, LEFT + 60 * STEP, TOP - 90 * STEP, TOP - 50 * STEP
    zones = ee.FeatureCollection(
        [ee.Feature(ee.Geometry.Rectangle([left, bottom, right, top], None, False), {"zone": 1})]
    )
    geemap.zonal_stats(
        ee.Image(DEM),
        zones,
        str(tmp_path / "zones.csv"),
        statistics_type="MEAN",
        crs="EPSG:4326",
        scale=ee.Image(DEM).projection().nominalScale().getInfo(),
    )
    assert pd.read_csv(tmp_path / "zones.csv")["mean"][0] == pytest.approx(
        ELEVATION[50:90, 20:60].mean(), abs=0.01
    )


def test_arrays_and_files(session: Session, tmp_path: Path) -> None:
    region = ee.Geometry.Rectangle(
        [LEFT + 20 * STEP, TOP - 60 * STEP, LEFT + 50 * STEP, TOP - 40 * STEP], None, False
    )
    array = geemap.ee_to_numpy(ee.Image(DEM), region=region)
    inner = ELEVATION[40:60, 20:50]
    assert abs(array.shape[0] - 20) <= 1
    assert abs(array.shape[1] - 30) <= 1
    assert set(np.unique(inner[1:-1, 1:-1])) <= set(np.unique(array))
    geemap.ee_export_image(
        ee.Image(DEM),
        str(tmp_path / "dem.tif"),
        crs="EPSG:4326",
        crs_transform=[STEP, 0, LEFT, 0, -STEP, TOP],
        region=region,
    )
    with rasterio.open(tmp_path / "dem.tif") as file:
        row, col = round((TOP - file.bounds.top) / STEP), round((file.bounds.left - LEFT) / STEP)
        np.testing.assert_array_equal(
            file.read(1), ELEVATION[row : row + file.height, col : col + file.width]
        )
        assert (file.height, file.width) == (20, 30)
    geemap.ee_export_vector(ee.FeatureCollection(STATIONS), str(tmp_path / "stations.geojson"))
    assert (tmp_path / "stations.geojson").read_text().count('"Point"') == 3
