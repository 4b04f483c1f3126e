"""A GeoTIFF of a mapped Cloud Storage bucket as an image, without being an asset: `ee.Image.loadGeoTIFF`."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from smgee.eelocal.assets.geotiff import grid_of, open_dataset, read_band
from smgee.eelocal.assets.sources import Decoding, Piece, RasterSource, numbers
from smgee.source import BandInfo, ImageInfo


class GeoTiffFile:
    """One file as a `smgee.source.Source` with one image, whose id is the file's URI.

    Bands are called after the file's descriptions where they name all of them, else B0, B1, ….

    Parameters
    ----------
    path : Path
        The file.
    uri : str
        Its ``gs://`` name.
    """

    def __init__(self, path: Path, uri: str):
        self.path = path
        with open_dataset(path) as dataset:
            grid = grid_of(dataset)
            names = [d for d in dataset.descriptions if d]
            if len(set(names)) != dataset.count:
                names = [f"B{i}" for i in range(dataset.count)]
            bands = [BandInfo(name, dtype, grid) for name, dtype in zip(names, dataset.dtypes, strict=True)]
            self._nodata = dict(zip(names, dataset.nodatavals, strict=True))
            self._masked = any("per_dataset" in {f.name for f in flags} for flags in dataset.mask_flag_enums)
        self.info = ImageInfo(uri, tuple(bands))

    def version(self, asset_id: str) -> int:
        """Return the time of the file's last change, microseconds."""
        return self.path.stat().st_mtime_ns // 1000

    def get(self, asset_id: str) -> ImageInfo | None:
        """Describe the image."""
        return self.info if asset_id == self.info.id else None

    def list(self, parent: str) -> builtins.list[str]:
        """Return nothing: the file holds no assets."""
        return []

    def images(self, collection_id: str) -> builtins.list[ImageInfo]:
        """Return nothing: the file is no collection."""
        return []

    def read(
        self, image_id: str, band: str, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Read a window of native pixels."""
        index = [b.name for b in self.info.bands].index(band)
        info = self.info.bands[index]
        piece = Piece(str(self.path), info.grid.height, info.grid.width, band=index + 1)
        source = RasterSource((piece,), Decoding(numbers(self._nodata[band])), self._masked)
        return read_band(Path("/"), source, info.dtype, (row, col, height, width))

    def features(self, table_id: str) -> Iterable[Mapping[str, Any]]:
        """Return nothing: the file is no table."""
        return ()
