"""How an asset is written down on disk: one JSON record, and the files it names.

A record holds ``type`` (IMAGE, IMAGE_COLLECTION, TABLE, FOLDER, CLASSIFIER), ``id`` and ``properties``; an
image adds ``start_ms``, ``end_ms``, ``footprint`` and ``bands``, each with a ``source`` that says which
driver reads which files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from smgee.eelocal.assets import arrays, geotiff
from smgee.eelocal.assets.tables import read_table
from smgee.grid import PixelGrid
from smgee.source import BandInfo, CollectionInfo, ImageInfo, TableInfo

__all__ = ["band_record", "image_record", "info_of", "read_features", "read_pixels"]

Record = Mapping[str, Any]


def band_record(band: BandInfo, source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a band; `source` names the driver and its files."""
    grid = {
        "crs": band.grid.crs,
        "transform": list(band.grid.transform),
        "width": band.grid.width,
        "height": band.grid.height,
    }
    return {
        "name": band.name,
        "dtype": band.dtype,
        "grid": grid,
        "pyramiding": band.pyramiding,
        "source": dict(source),
    }


def image_record(info: ImageInfo, sources: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the record of an image; `sources` gives each band's driver and files."""
    return {
        "type": "IMAGE",
        "id": info.id,
        "properties": dict(info.properties),
        "start_ms": info.start_ms,
        "end_ms": info.end_ms,
        "footprint": None if info.footprint is None else dict(info.footprint),
        "bands": [band_record(b, sources[b.name]) for b in info.bands],
    }


def info_of(record: Record) -> ImageInfo | CollectionInfo | TableInfo | None:
    """Return the description of a record; None for folders and classifiers, which are no data."""
    kind = record["type"]
    if kind == "IMAGE_COLLECTION":
        return CollectionInfo(record["id"], record.get("properties", {}))
    if kind == "TABLE":
        return TableInfo(record["id"], record.get("properties", {}))
    if kind != "IMAGE":
        return None
    bands = tuple(
        BandInfo(
            b["name"],
            b["dtype"],
            PixelGrid(
                b["grid"]["crs"], tuple(b["grid"]["transform"]), b["grid"]["width"], b["grid"]["height"]
            ),
            b.get("pyramiding", "MEAN"),
        )
        for b in record["bands"]
    )
    return ImageInfo(
        record["id"],
        bands,
        record.get("properties", {}),
        record.get("start_ms"),
        record.get("end_ms"),
        record.get("footprint"),
    )


_DRIVERS: dict[str, Callable[..., tuple[np.ndarray, np.ndarray]]] = {
    "geotiff": geotiff.read_band,
    "arrays": arrays.read_band,
}


def read_pixels(
    root: Path, record: Record, band: str, window: tuple[int, int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Read a window (row, col, height, width) of one band of an image record whose files lie below `root`."""
    entry = next(b for b in record["bands"] if b["name"] == band)
    reader = _DRIVERS[entry["source"]["driver"]]
    return reader(root, entry["source"], entry["dtype"], window)


def read_features(root: Path, record: Record) -> Iterator[dict[str, Any]]:
    """Yield the GeoJSON features of a table record whose files lie below `root`."""
    return read_table(root, record["source"])
