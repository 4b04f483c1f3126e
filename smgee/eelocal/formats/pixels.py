"""Pixels as the bytes of a file: NPY, GeoTIFF, PNG, JPEG, zipped GeoTIFF."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image as Picture

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.image import Band
from smgee.grid import PixelGrid

Layers = Sequence[tuple[Band, np.ndarray, np.ndarray]]

CONTENT_TYPES = {
    "NPY": "application/octet-stream",
    "GEO_TIFF": "image/tiff",
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "GIF": "image/gif",
    "ZIPPED_GEO_TIFF": "application/zip",
    "ZIPPED_GEO_TIFF_PER_BAND": "application/zip",
}


_NPY_BYTES = 2**18  # of a structured array, filled together


def _flat(layers: Layers) -> None:
    for band, values, _ in layers:
        if values.ndim != 2:
            raise EEError(
                f"Band '{band.name}' has array pixels, which this format cannot hold; flatten them first."
            )


def _filled(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the values with 0, as Earth Engine writes, under a zero mask."""
    valid = mask if mask.dtype == bool else mask > 0
    return values if valid.all() else np.where(valid, values, np.zeros((), values.dtype))


def to_npy(layers: Layers) -> bytes:
    """Return a structured NPY array (height, width) with one field per band, in band order; masked pixels
    are 0.
    """
    _flat(layers)
    height, width = layers[0][1].shape
    dtype = np.dtype([(band.name, band.type.dtype) for band, _, _ in layers])
    pixels = np.empty((height, width), dtype)
    rows = max(1, _NPY_BYTES // max(1, width * dtype.itemsize))
    for top in range(
        0, height, rows
    ):  # the bands lie interleaved: a few rows of all of them fit the processor's cache
        part = np.s_[top : top + rows]
        for band, values, mask in layers:
            pixels[band.name][part] = _filled(values[part], mask[part])
    buffer = io.BytesIO()
    np.save(buffer, pixels, allow_pickle=False)
    return buffer.getvalue()


def to_geotiff(layers: Layers, grid: PixelGrid) -> bytes:
    """Return a GeoTIFF whose bands share the type that holds them all; masked pixels are 0.

    Parameters
    ----------
    layers : sequence of (Band, values, mask)
        2-D bands on `grid`.
    grid : PixelGrid
        Georeference.
    """
    from rasterio.io import MemoryFile

    _flat(layers)
    dtype = np.result_type(*(band.type.dtype for band, _, _ in layers))
    if dtype == np.dtype("i8") and any(b.type.dtype.kind == "f" for b, _, _ in layers):
        dtype = np.dtype("f8")
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "dtype": dtype.name,
        "count": len(layers),
        "height": grid.height,
        "width": grid.width,
        "crs": grid.crs,
        "transform": grid.affine,
        "compress": "lzw",
        "BIGTIFF": "IF_SAFER",
    }
    if grid.width >= 256 and grid.height >= 256:
        profile |= {"tiled": True, "blockxsize": 256, "blockysize": 256}
    with MemoryFile() as memory:
        with memory.open(**profile) as file:
            for index, (band, values, mask) in enumerate(layers, start=1):
                file.write(_filled(values.astype(dtype), mask), index)
                file.set_band_description(index, band.name)
        return memory.read()


def _rgba(layers: Layers) -> tuple[np.ndarray, np.ndarray]:
    """Return (height, width, 3) colours and (height, width) opacity, both uint8, of one, three or four
    byte bands.
    """
    _flat(layers)
    if len(layers) not in (1, 3):
        raise EEError(f"Expected 1 or 3 bands for display, got {len(layers)}.")
    channels = [values.astype("u1") for _, values, _ in layers]
    alpha = np.ones(channels[0].shape, "f4")
    for _, _, mask in layers:
        alpha = np.minimum(alpha, mask.astype("f4"))
    return np.stack(channels * (3 if len(channels) == 1 else 1), axis=-1), np.rint(alpha * 255).astype("u1")


def to_png(layers: Layers) -> bytes:
    """Return a PNG; the mask becomes the alpha channel."""
    colours, alpha = _rgba(layers)
    buffer = io.BytesIO()
    Picture.fromarray(np.dstack([colours, alpha]), "RGBA").save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def to_jpeg(layers: Layers) -> bytes:
    """Return a JPEG; masked pixels are black."""
    colours, alpha = _rgba(layers)
    flattened = (colours.astype("u2") * alpha[..., None] // 255).astype("u1")
    buffer = io.BytesIO()
    Picture.fromarray(flattened, "RGB").save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def to_zip(files: Mapping[str, bytes]) -> bytes:
    """Return a ZIP archive of named files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
