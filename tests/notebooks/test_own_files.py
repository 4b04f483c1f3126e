"""The notebook on the user's own files: what it prints, and its map against the files themselves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from pyproj import Transformer

from tests.notebooks.kernel import Run
from tests.notebooks.tiles import Mosaic, palette_colour

# Pixels (row, column) in the middle of what the second date's files hold.
CLEAR, CLOUDED, OUTSIDE = (
    ((20, 20), (140, 60), (165, 180)),
    ((60, 70), (50, 80), (75, 60)),
    ((20, 215), (150, 230)),
)


@pytest.fixture(scope="module")
def layers(own_files: Run) -> dict[str, Any]:
    return {layer["name"]: layer for layer in own_files.map()["layers"]}


def test_files_are_seen_as_in_the_real_catalog(own_files: Run) -> None:
    assert "12 files such as HLSS30.020_B04_doy2021166" in own_files.text("files")
    assert "NASA/HLS/HLSS30/v002 IMAGE_COLLECTION ['B4', 'B8A', 'B11', 'Fmask']" in own_files.text("catalog")
    assert "projects/my-project/assets/hills IMAGE ['elevation']" in own_files.text("catalog")
    assert "['2021-06-15', '2021-07-05', '2021-07-25']" in own_files.text("connect")
    assert "EPSG:32647 at 30 m" in own_files.text("connect")


def test_xee_and_rasterio_agree(own_files: Run) -> None:
    lines = re.findall(r"(\S+): (\d+) pixels, largest difference (\S+)", own_files.text("ndmi"))
    assert [(day, int(n)) for day, n, _ in lines] == [
        ("2021-06-15", 43200),
        ("2021-07-05", 36180),
        ("2021-07-25", 43200),
    ]
    assert all(float(d) < 1e-6 for *_, d in lines)


def test_the_map_shows_the_files(own_files: Run, layers: dict[str, Any]) -> None:
    assert list(layers) == [
        "hillshade of my own DEM",
        "NDMI, median of clear pixels",
        "NDMI, 5 July, clear pixels",
    ]
    vis = own_files.evaluate("drier")
    folder = Path(own_files.evaluate("str(downloads)"))
    ndmi = []
    for day in ("2021166", "2021186", "2021206"):
        bands = []
        for name in ("B8A", "B11"):
            with rasterio.open(folder / f"HLSS30.020_{name}_doy{day}_aid0001_47N.tif") as file:
                bands.append(file.read(1, masked=True).astype(float).filled(np.nan))
                place = file.transform
        ndmi.append((bands[0] - bands[1]) / (bands[0] + bands[1]))
    to_degrees = Transformer.from_crs("EPSG:32647", "EPSG:4326", always_xy=True)

    def place_of(pixel: tuple[int, int]) -> tuple[float, float]:
        row, col = pixel
        return place.c + place.a * (col + 0.5), place.f + place.e * (row + 0.5)

    where = {p: to_degrees.transform(*place_of(p)) for p in (*CLEAR, *CLOUDED, *OUTSIDE)}
    lons, lats = zip(*where.values(), strict=True)
    box = (min(lons), min(lats), max(lons), max(lats))
    single, drawn, hills = (
        Mosaic(layers[name], box, 14)
        for name in ("NDMI, 5 July, clear pixels", "NDMI, median of clear pixels", "hillshade of my own DEM")
    )
    median = Mosaic(own_files.exact_layer("scenes.map(clear).map(moisture_index).median()", vis), box, 14)
    assert np.abs(drawn.rgba.astype(int) - median.rgba).mean() < 6

    def colour(value: float) -> np.ndarray:
        return palette_colour(value, vis["min"], vis["max"], vis["palette"])

    for p in CLEAR:
        assert single.at(*where[p])[3] == 255
        assert np.abs(single.at(*where[p])[:3] - colour(ndmi[1][p])).max() <= 2
        assert np.abs(median.at(*where[p])[:3] - colour(float(np.median([n[p] for n in ndmi])))).max() <= 2
    for p in (*CLOUDED, *OUTSIDE):
        assert single.at(*where[p])[3] == 0, "cloud and what lies beyond the swath are masked"
        assert median.at(*where[p])[3] == 255
        # Of two values the median is their mean.
        assert np.abs(median.at(*where[p])[:3] - colour((ndmi[0][p] + ndmi[2][p]) / 2)).max() <= 2
    shade = hills.rgba[hills.rgba[..., 3] == 255][:, :3].astype(int)
    assert (np.ptp(shade, axis=1) <= 6).mean() > 0.99, "a hillshade is grey"
    assert shade.std() > 5
