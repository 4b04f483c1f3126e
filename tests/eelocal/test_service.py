"""The service through the unmodified client: values, pixels, features, maps and downloads, on small files
of known content.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import ee
import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import requests
from affine import Affine
from PIL import Image as Picture

import smgee
from smgee.eelocal.assets.catalog import AddOptions, add_files
from smgee.eelocal.engine.context import Limits
from smgee.session import Session

ROWS, COLS = 40, 50
ORIGIN = (600_000.0, 4_200_000.0)
ELEVATION = (np.arange(ROWS * COLS, dtype="i2").reshape(ROWS, COLS) + 3000).astype("i2")
ELEVATION[3, 7] = -9999
DEM = "projects/my-project/assets/dem"
TABLE = "projects/my-project/assets/stations"
GRID = {
    "dimensions": {"width": COLS, "height": ROWS},
    "affineTransform": {"scaleX": 30, "translateX": ORIGIN[0], "scaleY": -30, "translateY": ORIGIN[1]},
    "crsCode": "EPSG:32647",
}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("service")
    with rasterio.open(
        folder / "dem.tif",
        "w",
        driver="GTiff",
        dtype="int16",
        count=1,
        height=ROWS,
        width=COLS,
        crs="EPSG:32647",
        nodata=-9999,
        transform=Affine(30, 0, ORIGIN[0], 0, -30, ORIGIN[1]),
    ) as file:
        file.write(ELEVATION, 1)
        file.set_band_description(1, "elevation")
    rows = "".join(f"S{i},{99 + i / 100},{37 + i / 200},{i}\n" for i in range(25))
    (folder / "stations.csv").write_text("station,longitude,latitude,depth\n" + rows)
    add_files(folder / "cat", DEM, [folder / "dem.tif"], AddOptions(properties={"source": "made"}))
    add_files(folder / "cat", TABLE, [folder / "stations.csv"])
    with smgee.connect(
        catalog=folder / "cat", store=folder / "store", limits=Limits(elements=20, payload_bytes=100_000)
    ) as connected:
        ee.data.setMaxRetries(0)
        yield connected


def dem() -> Any:
    return ee.Image(DEM)


def pixels(image: Any, kind: str = "NUMPY_NDARRAY", **more: Any) -> Any:
    return ee.data.computePixels({"expression": image, "fileFormat": kind, **more})


def fetch(url: str) -> requests.Response:
    with requests.Session() as web:
        web.trust_env = False
        return web.get(url, timeout=120)


# -- values


def test_values(session: Session) -> None:
    assert ee.Number(1).add(2).getInfo() == 3
    info = dem().getInfo()
    assert info["id"] == DEM
    (band,) = info["bands"]
    assert band["id"] == "elevation"
    assert band["crs"] == "EPSG:32647"
    assert band["crs_transform"] == [30, 0, ORIGIN[0], 0, -30, ORIGIN[1]]
    assert band["dimensions"] == [COLS, ROWS]
    assert info["properties"]["source"] == "made"


def test_errors_carry_the_services_words(session: Session) -> None:
    with pytest.raises(ee.EEException, match="not found"):
        ee.Image("NASA/NOTHING").getInfo()
    with pytest.raises(ee.EEException, match=r"Band pattern 'x' did not match any bands"):
        dem().select("x").getInfo()
    with pytest.raises(ee.EEException, match="aborted after accumulating over 20 elements"):
        ee.FeatureCollection(TABLE).getInfo()
    with pytest.raises(ee.EEException, match="Request payload size exceeds the limit: 100000 bytes"):
        ee.String("x" * 100_000).getInfo()
    with pytest.raises(ee.EEException, match=r"Image\.cumulativeCost is not implemented"):
        dem().cumulativeCost(dem(), 100).getInfo()


# -- pixels


def test_npy_holds_the_files_own_pixels(session: Session) -> None:
    expected = np.where(ELEVATION == -9999, 0, ELEVATION)
    for got in (pixels(dem()), pixels(dem(), grid=GRID)):
        assert got.dtype == np.dtype([("elevation", "<i2")])
        np.testing.assert_array_equal(got["elevation"], expected)


def test_several_bands_keep_order_and_types(session: Session) -> None:
    image = (
        dem()
        .toFloat()
        .rename("f")
        .addBands(dem().gt(3100).rename("b"))
        .addBands(dem().toDouble().rename("d"))
    )
    got = pixels(image, bandIds=["d", "b"])
    assert got.dtype == np.dtype([("d", "<f8"), ("b", "|u1")])
    with pytest.raises(ee.EEException, match="Band pattern 'q'"):
        pixels(image, bandIds=["q"])


def test_geotiff_carries_georeference_and_names(session: Session) -> None:
    image = dem().addBands(dem().divide(2).toFloat().rename("half"))
    with rasterio.MemoryFile(pixels(image, "GEO_TIFF")) as memory, memory.open() as file:
        assert file.crs.to_epsg() == 32647
        assert tuple(file.transform)[:6] == (30, 0, ORIGIN[0], 0, -30, ORIGIN[1])
        assert file.descriptions == ("elevation", "half")
        assert file.dtypes == ("float32", "float32")
        np.testing.assert_array_equal(file.read(1), np.where(ELEVATION == -9999, 0, ELEVATION))


def test_png_and_jpeg_show_mask_and_range(session: Session) -> None:
    options = {"ranges": [{"min": 3000, "max": 3000 + ROWS * COLS - 1}]}
    picture = Picture.open(io.BytesIO(pixels(dem(), "PNG", visualizationOptions=options)))
    shown = np.asarray(picture.convert("RGBA"))
    assert shown.shape == (ROWS, COLS, 4)
    assert shown[3, 7, 3] == 0
    assert (shown[..., 3] == 255).sum() == ROWS * COLS - 1
    assert shown[0, 0, 0] == 0
    assert shown[-1, -1, 0] == 255
    assert (np.diff(shown[:, 20, 0].astype(int)) >= 0).all()
    automatic = pixels(dem(), "AUTO_JPEG_PNG", visualizationOptions=options)
    assert automatic[:4] == b"\x89PNG"
    opaque = pixels(dem().unmask(0), "AUTO_JPEG_PNG", visualizationOptions=options)
    assert opaque[:3] == b"\xff\xd8\xff"


def test_palettes_follow_their_colours(session: Session) -> None:
    options = {
        "ranges": [{"min": 3000, "max": 3000 + ROWS * COLS - 1}],
        "paletteColors": ["ff0000", "0000ff"],
    }
    shown = np.asarray(Picture.open(io.BytesIO(pixels(dem(), "PNG", visualizationOptions=options))))
    assert shown[0, 0, :3].tolist() == [255, 0, 0]
    assert shown[-1, -1, :3].tolist() == [0, 0, 255]


@pytest.mark.parametrize(
    ("grid", "match"),
    [
        (
            {**GRID, "dimensions": {"width": 5000, "height": 5000}},
            r"Total request size \(75000000 bytes\) must be less than or equal to 50331648 bytes",
        ),
        (
            {**GRID, "dimensions": {"width": 40000, "height": 1}},
            r"Pixel grid dimensions \(40000x1\) must be less than or equal to 32768",
        ),
        ({**GRID, "dimensions": {"width": 0, "height": 1}}, "must be positive"),
        ({**GRID, "crsCode": "EPSG:999999"}, "could not be parsed"),
        ({**GRID, "affineTransform": {"translateX": 5}}, "degenerate"),
        ({**GRID, "size": 5}, "Unknown name"),
    ],
)
def test_bad_grids_are_refused(session: Session, grid: dict[str, Any], match: str) -> None:
    with pytest.raises(ee.EEException, match=match):
        pixels(dem(), grid=grid)


def test_unbounded_images_need_a_grid(session: Session) -> None:
    with pytest.raises(ee.EEException, match="unbounded"):
        pixels(ee.Image(1))
    assert (pixels(ee.Image(7), grid=GRID)["constant"] == 7).all()


def test_collections_are_no_images(session: Session) -> None:
    with pytest.raises(ee.EEException, match=r"Expected type: Image\. Actual type: ImageCollection"):
        pixels(ee.ImageCollection([dem()]))


# -- features


def test_features_come_in_pages_and_frames(session: Session) -> None:
    table = ee.FeatureCollection(TABLE).filter(ee.Filter.gte("depth", 5))
    first = ee.data.computeFeatures({"expression": table, "pageSize": 12})
    assert len(first["features"]) == 12
    second = ee.data.computeFeatures(
        {"expression": table, "pageSize": 12, "pageToken": first["nextPageToken"]}
    )
    assert "nextPageToken" not in second
    stations = [f["properties"]["station"] for f in first["features"] + second["features"]]
    assert stations == [f"S{i}" for i in range(5, 25)]
    with pytest.raises(ee.EEException, match="Invalid page token"):
        ee.data.computeFeatures(
            {"expression": ee.FeatureCollection(TABLE), "pageToken": first["nextPageToken"]}
        )
    frame = ee.data.computeFeatures(
        {"expression": table, "fileFormat": "GEOPANDAS_GEODATAFRAME", "pageSize": 7}
    )
    assert isinstance(frame, geopandas.GeoDataFrame)
    assert len(frame) == 20
    np.testing.assert_allclose(frame.geometry.x, frame.longitude)


def test_geometries_are_planar_longitude_and_latitude(session: Session) -> None:
    square = ee.Geometry.Rectangle([600_000, 4_199_000, 601_000, 4_200_000], "EPSG:32647", False)
    (feature,) = ee.data.computeFeatures(
        {"expression": ee.FeatureCollection([ee.Feature(square, {"a": 1})])}
    )["features"]
    assert feature["geometry"]["type"] == "Polygon"
    assert "geodesic" not in feature["geometry"]
    lon, lat = np.array(feature["geometry"]["coordinates"][0]).T
    assert (np.abs(lon - 100.14) < 0.02).all()
    assert (np.abs(lat - 37.94) < 0.02).all()


def test_images_of_a_collection(session: Session) -> None:
    answer = ee.data.computeImages({"expression": ee.ImageCollection([dem(), dem().set("n", 5)])})
    assert [i["bands"][0]["id"] for i in answer["images"]] == ["elevation"] * 2
    assert answer["images"][1]["properties"]["n"] == 5


@pytest.mark.parametrize("kind", ["CSV", "GEO_JSON", "KML", "KMZ", "SHP"])
def test_tables_to_download(session: Session, kind: str) -> None:
    table = ee.FeatureCollection(TABLE).limit(3)
    answer = fetch(table.getDownloadURL(kind, ["station", "depth"] if kind == "CSV" else None, "points"))
    assert answer.status_code == 200
    assert "points." in answer.headers["content-disposition"]
    if kind == "CSV":
        assert answer.text.splitlines() == ["station,depth", "S0,0", "S1,1", "S2,2"]
    elif kind == "GEO_JSON":
        assert [f["properties"]["station"] for f in answer.json()["features"]] == ["S0", "S1", "S2"]
    elif kind == "KML":
        assert answer.text.count("<Placemark>") == 3
        assert "<Point><coordinates>99.01,37.005</coordinates></Point>" in answer.text
    else:
        names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
        assert ("doc.kml" in names) if kind == "KMZ" else any(n.endswith(".shp") for n in names)


def test_a_csv_without_selectors_has_index_and_geometry(session: Session) -> None:
    frame = pd.read_csv(io.StringIO(fetch(ee.FeatureCollection(TABLE).getDownloadURL("CSV")).text))
    assert list(frame.columns) == ["system:index", "depth", "latitude", "longitude", "station", ".geo"]
    assert json.loads(frame[".geo"][0]) == {"type": "Point", "coordinates": [99.0, 37.0]}


# -- maps, thumbnails, downloads


def _tile_of(lon: float, lat: float, zoom: int) -> tuple[int, int]:
    import math

    x = (lon + 180) / 360 * 2**zoom
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**zoom
    return int(x), int(y)


def test_tiles_are_drawn_over_http(session: Session) -> None:
    found = dem().getMapId({"min": 3000, "max": 5000, "palette": ["black", "white"]})
    x, y = _tile_of(100.1455, 37.935, 14)
    url = found["tile_fetcher"].format_tile_url(x, y, 14)
    assert url.startswith(session.url)
    answer = fetch(url)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["access-control-allow-origin"] == "*"
    shown = np.asarray(Picture.open(io.BytesIO(answer.content)).convert("RGBA"))
    assert shown.shape == (256, 256, 4)
    assert 0 < (shown[..., 3] > 0).sum() < 256 * 256
    assert found["tile_fetcher"].fetch_tile(x, y, 14) == answer.content
    empty = np.asarray(
        Picture.open(io.BytesIO(fetch(found["tile_fetcher"].format_tile_url(0, 0, 3)).content)).convert(
            "RGBA"
        )
    )
    assert not empty[..., 3].any()
    assert fetch(found["tile_fetcher"].format_tile_url(0, 9, 3)).status_code == 400
    assert fetch(url.replace("/maps/", "/maps/x")).status_code == 404


def test_errors_of_a_map_show_when_it_is_made(session: Session) -> None:
    with pytest.raises(ee.EEException, match="Band pattern 'x'"):
        dem().select("x").getMapId()


def test_tile_pixels_are_those_of_the_tile_grid(session: Session) -> None:
    from smgee.eelocal.rest.routes.maps import tile_grid

    x, y = _tile_of(100.1455, 37.935, 14)
    grid = tile_grid(14, x, y)
    a, _, c, _, e, f = grid.transform
    request = {
        "dimensions": {"width": 256, "height": 256},
        "affineTransform": {"scaleX": a, "translateX": c, "scaleY": e, "translateY": f},
        "crsCode": "EPSG:3857",
    }
    vis = dem().visualize(min=3000, max=5000)
    direct = np.asarray(Picture.open(io.BytesIO(pixels(vis, "PNG", grid=request))))
    tile = np.asarray(Picture.open(io.BytesIO(vis.getMapId()["tile_fetcher"].fetch_tile(x, y, 14))))
    np.testing.assert_array_equal(direct, tile)


def test_thumbnails(session: Session) -> None:
    answer = fetch(dem().getThumbURL({"dimensions": 20, "min": 3000, "max": 5000, "format": "png"}))
    assert Picture.open(io.BytesIO(answer.content)).size == (20, 16)


@pytest.mark.parametrize("kind", ["GEO_TIFF", "NPY", "ZIPPED_GEO_TIFF", "ZIPPED_GEO_TIFF_PER_BAND"])
def test_downloads(session: Session, kind: str) -> None:
    image = dem().addBands(dem().add(1).rename("more"))
    answer = fetch(
        image.getDownloadURL(
            {
                "name": "made",
                "format": kind,
                "crs": "EPSG:32647",
                "crs_transform": [30, 0, ORIGIN[0], 0, -30, ORIGIN[1]],
            }
        )
    )
    assert answer.status_code == 200
    expected = np.where(ELEVATION == -9999, 0, ELEVATION)
    if kind == "NPY":
        np.testing.assert_array_equal(np.load(io.BytesIO(answer.content))["elevation"], expected)
        return
    content = answer.content
    if kind.startswith("ZIPPED"):
        archive = zipfile.ZipFile(io.BytesIO(content))
        wanted = ["made.elevation.tif", "made.more.tif"] if kind.endswith("BAND") else ["made.tif"]
        assert archive.namelist() == wanted
        content = archive.read(wanted[0])
    with rasterio.MemoryFile(content) as memory, memory.open() as file:
        np.testing.assert_array_equal(file.read(1), expected)


def test_a_download_has_no_rim_beyond_its_region(session: Session) -> None:
    """The grid is that of the region's outline in the CRS, not of the box around it in degrees."""
    right, bottom = ORIGIN[0] + 900, ORIGIN[1] - 600
    region = ee.Geometry.Rectangle([ORIGIN[0], bottom, right, ORIGIN[1]], ee.Projection("EPSG:32647"), False)
    grid = {"crs": "EPSG:32647", "crs_transform": [60, 0, ORIGIN[0], 0, -60, ORIGIN[1]]}
    answer = fetch(dem().unmask(0).getDownloadURL({"format": "GEO_TIFF", "region": region, **grid}))
    with rasterio.MemoryFile(answer.content) as memory, memory.open() as file:
        assert file.bounds == (ORIGIN[0], bottom, right, ORIGIN[1])
        assert file.shape == (10, 15)


def test_downloads_that_are_too_large_are_refused(session: Session) -> None:
    with pytest.raises(ee.EEException, match=r"must be less than or equal to 33554432 bytes"):
        dem().getDownloadURL({"scale": 0.25, "format": "GEO_TIFF"})
    with pytest.raises(
        ee.EEException, match=r"Pixel grid dimensions \(\d+x\d+\) must be less than or equal to 10000"
    ):
        dem().getDownloadURL({"scale": 0.1, "format": "GEO_TIFF"})


def test_animations(session: Session) -> None:
    frames = ee.ImageCollection([dem().add(i * 300).visualize(min=3000, max=5000) for i in range(3)])
    gif = Picture.open(
        io.BytesIO(fetch(frames.getVideoThumbURL({"dimensions": 25, "framesPerSecond": 4})).content)
    )
    assert gif.format == "GIF"
    assert gif.n_frames == 3
    strip = Picture.open(io.BytesIO(fetch(frames.getFilmstripThumbURL({"dimensions": 25})).content))
    assert strip.size == (25, 60)


def test_workload_tags_are_accepted_everywhere(session: Session) -> None:
    with ee.data.workloadTagContext("a-tag"):
        assert ee.Number(1).getInfo() == 1
        dem().getMapId({"min": 0, "max": 1})
        dem().getThumbURL({"dimensions": 5, "min": 0, "max": 5000})
        ee.FeatureCollection(TABLE).getDownloadURL("CSV")
