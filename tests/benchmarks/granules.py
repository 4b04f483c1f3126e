"""HLS-like granules of any size for the benchmarks of composites: ten in every 16 days, of both sensors."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from scipy.ndimage import zoom

from smgee.datasets import HLS, ROLES
from smgee.eelocal.assets.catalog import add_files

CRS = "EPSG:32613"
ORIGIN = (499_980.0, 4_600_020.0)  # upper left corner of the MGRS tile 13TEF, metres
CENTER = date(2021, 7, 15)
TILE = "T13TEF"
# Files spell the bands with two digits.
LAYERS = {
    sensor: {role: spec.bands[[b.role for b in spec.bands].index(role)].layers[0] for role in ROLES}
    for sensor, spec in HLS.items()
}


def smooth(rng: np.random.Generator, size: int, cell: int) -> np.ndarray:
    """Return a (size, size) float32 field of about unit variance that varies over `cell` pixels."""
    coarse = rng.standard_normal((size // cell + 4,) * 2).astype("f4")
    field = zoom(coarse, cell, order=1)[:size, :size]
    return field / field.std()


def write_scenes(folder: Path, *, size: int, days: int = 40) -> list[Path]:
    """Write granules of `days` days around the centre, alternately L30 and S30, ten in every 16 days, and
    return their files.
    """
    rng = np.random.default_rng(0)
    ground = {role: 900.0 + 450.0 * k + 250.0 * smooth(rng, size, 61 + 7 * k) for k, role in enumerate(ROLES)}
    profile: dict[str, Any] = {
        "driver": "COG",
        "width": size,
        "height": size,
        "count": 1,
        "crs": CRS,
        "transform": Affine(30, 0, ORIGIN[0], 0, -30, ORIGIN[1]),
        "compress": "DEFLATE",
        "predictor": "YES",
        "blocksize": 256,
        "overviews": "AUTO",
        "resampling": "NEAREST",
    }
    files = []
    for number in range(round(days * 10 / 16)):
        day = CENTER - timedelta(days=days // 2) + timedelta(days=number * 1.6)
        sensor = ("L30", "S30")[number % 2]
        stem = f"HLS.{sensor}.{TILE}.{day:%Y%j}T1742{number:02d}.v2.0"
        if all((folder / f"{stem}.{layer}.tif").exists() for layer in (*LAYERS[sensor].values(), "Fmask")):
            files += [folder / f"{stem}.{layer}.tif" for layer in (*LAYERS[sensor].values(), "Fmask")]
            continue
        cloud, haze = smooth(rng, size, 97), rng.normal(1.0, 0.03)
        fmask = np.full((size, size), 64, "u1")  # low aerosol
        fmask[cloud > 0.7] = 64 | 2
        fmask[(cloud > 0.5) & (cloud <= 0.7)] = 64 | 4
        fmask[(cloud < -1.6)] = 64 | 8
        outside = np.zeros((size, size), bool)
        if sensor == "L30":  # the edge of a swath crosses the tile
            row, col = np.ogrid[:size, :size]
            outside = col < 0.15 * size * (number % 3) - 0.2 * row
        fmask[outside] = 255
        layers = {}
        for role, layer in LAYERS[sensor].items():
            texture = rng.standard_normal((size, size), dtype=np.float32)
            values = ground[role] * np.float32(haze) + 25.0 * texture + 4000.0 * np.clip(cloud - 0.5, 0, 1)
            values = np.clip(values, -200, 16000)
            values[outside] = -9999
            layers[layer] = np.rint(values).astype("i2")
        layers["Fmask"] = fmask
        for layer, stored in layers.items():
            path = folder / f"{stem}.{layer}.tif"
            with rasterio.open(
                path, "w", **profile, dtype=stored.dtype.name, nodata=255 if layer == "Fmask" else -9999
            ) as file:
                file.write(stored, 1)
                if layer != "Fmask":
                    file.scales = (0.0001,)
            files.append(path)
    return files


def register(folder: Path, files: list[Path]) -> Path:
    """Register the granules in a catalog folder under the official ids."""
    catalog = folder / "catalog"
    for sensor, spec in HLS.items():
        add_files(catalog, spec.id, [f for f in files if f".{sensor}." in f.name])
    return catalog


def granules(files: list[Path], start: date, end: date) -> list[tuple[str, dict[str, Path]]]:
    """Return (sensor, {role or "Fmask": file}) of each granule of [start, end), in time order."""
    found: dict[tuple[str, str], dict[str, Path]] = {}
    for path in files:
        _, sensor, _, when, _, _, layer, _ = path.name.split(".")
        if f"{start:%Y%j}" <= when[:7] < f"{end:%Y%j}":
            role = next((r for r, name in LAYERS[sensor].items() if name == layer), layer)
            found.setdefault((when, sensor), {})[role] = path
    return [(sensor, layers) for (_, sensor), layers in sorted(found.items())]
