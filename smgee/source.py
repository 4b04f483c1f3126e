"""What a data source must offer so that the embedded Earth Engine can serve it.

The embedded Earth Engine, the twin and the user's own files meet here: a `Source` describes assets and reads
windows of their native pixels. Projection, pyramids, masks in coarser grids and everything else that Earth
Engine does are the embedded Earth Engine's work.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from smgee.grid import PixelGrid


@dataclass(frozen=True)
class BandInfo:
    """One band of an image asset as Earth Engine shows it.

    `dtype` is a NumPy name (``"int16"``, ``"uint8"``, ``"float32"``, ``"float64"``); `pyramiding` one of
    MEAN, SAMPLE, MODE, MIN, MAX, MEDIAN.
    """

    name: str
    dtype: str
    grid: PixelGrid
    pyramiding: str = "MEAN"


@dataclass(frozen=True)
class ImageInfo:
    """An image asset: its full id, bands, properties (strings and numbers) and footprint.

    `start_ms` and `end_ms` are UTC milliseconds (``system:time_start``, ``system:time_end``); `footprint` is
    a GeoJSON geometry in longitude and latitude, or None for the outline of the first band.
    """

    id: str
    bands: tuple[BandInfo, ...]
    properties: Mapping[str, Any] = field(default_factory=dict)
    start_ms: int | None = None
    end_ms: int | None = None
    footprint: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class CollectionInfo:
    """An image collection asset; its images come from `Source.images`."""

    id: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TableInfo:
    """A feature collection asset; its features come from `Source.features`."""

    id: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Source(Protocol):
    """A provider of assets. Thread-safe: several tiles are read at once. It can be referred to weakly, as
    what has no ``__slots__`` can: what is kept of it goes with it.
    """

    def get(self, asset_id: str) -> ImageInfo | CollectionInfo | TableInfo | None:
        """Describe an asset, an image inside a collection included; None when it is not here."""

    def list(self, parent: str) -> list[str]:
        """Return the ids of the assets directly under a parent id; ``""`` lists the roots of this source
        (its top-level assets).
        """

    def images(self, collection_id: str) -> builtins.list[ImageInfo]:
        """Return the images of a collection, ordered by id as Earth Engine lists them."""

    def read(
        self, image_id: str, band: str, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Read a window of native pixels.

        Parameters
        ----------
        image_id, band : str
            Which band of which image.
        row, col, height, width : int
            A window that lies inside the band's grid.

        Returns
        -------
        values : (height, width) array of the band's dtype
        valid : (height, width) bool array, False where the pixel is masked
        """

    def features(self, table_id: str) -> Iterable[Mapping[str, Any]]:
        """Yield the GeoJSON features of a table (longitude and latitude), each with an ``id``."""
