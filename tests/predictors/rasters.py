"""Images of any bands and lattices, held in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from smgee.grid import PixelGrid
from smgee.source import BandInfo, CollectionInfo, ImageInfo


class Rasters:
    """Collections of images in memory, and single images."""

    def __init__(self) -> None:
        self.arrays: dict[tuple[str, str], np.ndarray] = {}
        self.masks: dict[tuple[str, str], np.ndarray] = {}
        self.infos: dict[str, ImageInfo] = {}
        self.collections: dict[str, list[ImageInfo]] = {}

    def add(
        self,
        asset: str,
        bands: dict[str, np.ndarray],
        grid: PixelGrid,
        *,
        at: datetime | None = None,
        valid: np.ndarray | None = None,
        **properties: Any,
    ) -> None:
        """Hold an image; one with a time goes into the collection `asset`."""
        start = None if at is None else int(at.replace(tzinfo=UTC).timestamp() * 1000)
        name = asset if at is None else f"{asset}/{at:%Y%m%dT%H%M}_{len(self.collections.get(asset, []))}"
        told = tuple(BandInfo(b, v.dtype.name, grid) for b, v in bands.items())
        info = ImageInfo(name, told, properties, start, start)
        self.infos[name] = info
        for band, values in bands.items():
            assert values.shape == grid.shape
            self.arrays[name, band] = values
            if valid is not None:
                self.masks[name, band] = valid
        if at is not None:
            self.collections.setdefault(asset, []).append(info)

    def get(self, asset_id):
        if asset_id in self.collections:
            return CollectionInfo(asset_id)
        return self.infos.get(asset_id)

    def list(self, parent):
        single = [n for n, info in self.infos.items() if info.start_ms is None]
        return [] if parent else [*single, *self.collections]

    def images(self, collection_id):
        return sorted(self.collections[collection_id], key=lambda i: i.id)

    def read(self, image_id, band, row, col, height, width):
        window = slice(row, row + height), slice(col, col + width)
        values = self.arrays[image_id, band][window]
        valid = self.masks.get((image_id, band))
        return values, np.ones(values.shape, bool) if valid is None else valid[window]

    def features(self, table_id):
        return iter(())
