"""Four small scenes under the official id of Landsat 8, whose every pixel is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ee
import numpy as np
import rasterio
from affine import Affine

from smgee.eelocal.assets.catalog import AddOptions, add_files

ID = "LANDSAT/LC08/C02/T1_L2"
DAYS = ("2021-06-05", "2021-06-21", "2021-07-07", "2021-07-23")
BANDS = ("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7", "ST_B10", "QA_PIXEL")
CRS, STEP, LEFT, TOP = "EPSG:32647", 30, 570_000, 4_150_020
ROWS, COLS = 16, 20
CLEAR, CLOUD = 21_824, 22_280  # values of QA_PIXEL
TRANSFORM = (STEP, 0, LEFT, 0, -STEP, TOP)


def make_scenes() -> dict[str, np.ndarray]:
    """Return the stored values of each day, (bands, rows, columns); every day has a cloud elsewhere."""
    rng = np.random.default_rng(8)
    found = {}
    for k, day in enumerate(DAYS):
        values = rng.integers(8_000, 20_000, (len(BANDS), ROWS, COLS)).astype("u2")
        values[-1] = CLEAR
        values[-1, 3 * k : 3 * k + 3, 4 * k : 4 * k + 4] = CLOUD
        found[day] = values
    return found


def add_scenes(folder: Path, scenes: Mapping[str, np.ndarray]) -> Path:
    """Register the scenes; return the catalog."""
    files = []
    for day, values in scenes.items():
        path = folder / f"LC08_133034_{day.replace('-', '')}.tif"
        profile = {"driver": "GTiff", "width": COLS, "height": ROWS, "count": len(BANDS), "dtype": "uint16"}
        with rasterio.open(path, "w", **profile, crs=CRS, transform=Affine(*TRANSFORM)) as out:
            out.write(values)
        files.append(path)
    options = AddOptions(
        kind="collection", bands=BANDS, properties={"CLOUD_COVER": 4, "SPACECRAFT_ID": "LANDSAT_8"}
    )
    add_files(folder / "catalog", ID, files, options)
    return folder / "catalog"


def band(scenes: Mapping[str, np.ndarray], day: str, name: str) -> np.ndarray:
    """Return the stored values of a band, float64."""
    return scenes[day][BANDS.index(name)].astype("f8")


def reflectance(scenes: Mapping[str, np.ndarray], day: str, name: str) -> np.ndarray:
    """Return a band as Landsat's collection 2 is scaled."""
    return band(scenes, day, name) * 2.75e-5 - 0.2


def clear(scenes: Mapping[str, np.ndarray], day: str) -> np.ndarray:
    """Return where a day has no cloud."""
    return scenes[day][-1] == CLEAR


def pixels(image: ee.Image, *, masked: float | None = None) -> dict[str, np.ndarray]:
    """Return an image's bands on the scenes' lattice, by computePixels; `masked` for what is masked."""
    shown = image if masked is None else image.unmask(masked)
    grid = {
        "dimensions": {"width": COLS, "height": ROWS},
        "affineTransform": {"scaleX": STEP, "scaleY": -STEP, "translateX": LEFT, "translateY": TOP},
        "crsCode": CRS,
    }
    answer: Any = ee.data.computePixels({"expression": shown, "fileFormat": "NUMPY_NDARRAY", "grid": grid})
    return {name: answer[name].astype("f8") for name in answer.dtype.names}


def outline() -> ee.Geometry:
    """Return the rectangle of the scenes."""
    corners = [LEFT, TOP - ROWS * STEP, LEFT + COLS * STEP, TOP]
    return ee.Geometry.Rectangle(corners, CRS, False)


def scene(day: str) -> ee.Image:
    """Return the image of a day."""
    return ee.Image(f"{ID}/LC08_133034_{day.replace('-', '')}")
