"""Files in the format of HLS and of elevation models, made up and of any size, for tests that need pixels to
read and not a landscape.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from smgee.datasets import HLS
from smgee.grid import PixelGrid

ROLES = ("blue", "green", "red", "nir", "swir1", "swir2")
CLOUD = 1 << 1  # of Fmask


def write_scenes(
    folder: Path, *, sensor: str, days: Sequence[date], grid: PixelGrid, distinct: int = 3
) -> list[Path]:
    """Write scenes of six bands and Fmask: tiled, compressed int16, as LP DAAC delivers them.

    Parameters
    ----------
    folder : Path
        Where.
    sensor : {"L30", "S30"}
        Which of the two products.
    days : sequence of date
        One scene on each.
    grid : PixelGrid
        Of all of them.
    distinct : int
        So many scenes differ; the others are further names of the same files.
    """
    bands = {b.role: b for b in HLS[sensor].bands}
    paths: list[Path] = []
    first: list[list[Path]] = []
    for number, day in enumerate(days):
        stem = f"HLS.{sensor}.T47SPB.{day:%Y%j}T040551.v2.0"
        names = [f"{stem}.{bands[role].layers[0]}.tif" for role in ROLES] + [f"{stem}.Fmask.tif"]
        files = [folder / name for name in names]
        if number < distinct:
            rng = np.random.default_rng(number)
            for k, (role, file) in enumerate(zip(ROLES, files)):
                _write(file, grid, _reflectance(rng, grid, 600 + 400 * k), band=role)
            _write(files[-1], grid, _clouds(rng, grid), band="Fmask")
            first.append(files)
        else:
            for known, file in zip(first[number % distinct], files):
                os.link(known, file)
        paths += files
    return paths


def write_elevation(path: Path, *, west: float, south: float, east: float, north: float) -> Path:
    """Write heights, m, of one arc-second around a place."""
    step = 1 / 3600
    width, height = round((east - west) / step), round((north - south) / step)
    rows, cols = np.arange(height)[:, None] / 90, np.arange(width)[None, :] / 70
    heights = (3500 + 300 * np.sin(rows) * np.cos(cols)).astype("i2")
    grid = PixelGrid("EPSG:4326", tuple(from_origin(west, north, step, step))[:6], width, height)
    return _write(path, grid, heights, band="elevation")


def _reflectance(rng: np.random.Generator, grid: PixelGrid, level: int) -> np.ndarray:
    """Return waves with noise, stored as integers; some pixels are fill."""
    rows, cols = np.arange(grid.height)[:, None], np.arange(grid.width)[None, :]
    waves = level * (1 + 0.3 * np.sin(rows / 160 + rng.uniform(0, 6)) * np.cos(cols / 210))
    noise = rng.integers(-40, 40, (256, 256), dtype="i2")
    tiles = np.tile(noise, (grid.height // 256 + 1, grid.width // 256 + 1))
    return (waves + tiles[: grid.height, : grid.width]).astype("i2")


def _clouds(rng: np.random.Generator, grid: PixelGrid) -> np.ndarray:
    """Return Fmask with clouds over an eighth of the scene, in squares of 64 pixels."""
    cells = rng.random((grid.height // 64 + 1, grid.width // 64 + 1)) < 0.125
    whole = np.kron(cells, np.ones((64, 64), bool))[: grid.height, : grid.width]
    return np.where(whole, CLOUD, 0).astype("u1")


def _write(path: Path, grid: PixelGrid, values: np.ndarray, *, band: str) -> Path:
    profile = {
        "driver": "GTiff",
        "count": 1,
        "width": grid.width,
        "height": grid.height,
        "dtype": values.dtype,
        "crs": grid.crs,
        "transform": grid.affine,
        "nodata": 255 if values.dtype == np.uint8 else -9999,
        "compress": "deflate",
        "zlevel": 1,
        "predictor": 2,
    }
    if min(grid.width, grid.height) >= 256:
        profile |= {"tiled": True, "blockxsize": 256, "blockysize": 256}
    with rasterio.open(path, "w", **profile) as file:
        file.write(values, 1)
        file.set_band_description(1, band)
    return path
