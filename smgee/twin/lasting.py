"""Single images of what does not change: the elevation model, hydrography and soil maps."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from functools import cached_property

import numpy as np

from smgee.datasets import MERIT_HYDRO, NASADEM, SOIL, Dataset
from smgee.grid import PixelGrid
from smgee.source import BandInfo, ImageInfo
from smgee.twin.basin import Basin
from smgee.twin.hydrography import Hydrography
from smgee.twin.notice import SYNTHETIC_PROPERTIES
from smgee.twin.products import Products
from smgee.twin.titles import TITLES

LASTING: tuple[str, ...] = (NASADEM.id, MERIT_HYDRO.id, *SOIL)
"""Their ids."""


class Lasting:
    """Describes and reads them.

    Parameters
    ----------
    products : Products
        Of any year.
    """

    def __init__(self, basin: Basin, products: Products) -> None:
        self.basin = basin
        self._products = products
        self._hydrography = Hydrography(basin)
        self._lock = threading.RLock()

    @cached_property
    def infos(self) -> dict[str, ImageInfo]:
        """The images by id."""
        found = {
            NASADEM.id: _describe(NASADEM, self.basin.dem_grid),
            MERIT_HYDRO.id: _describe(MERIT_HYDRO, self._hydrography.grid),
        }
        return found | {i: _describe(d, self._products.soil_grid) for i, d in SOIL.items()}

    def read(
        self, asset_id: str, band: str, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a window of a band, and that all of it is valid."""
        with self._lock:  # made once, by one thread
            layer = self._layer(asset_id, band)
        window = layer[row : row + height, col : col + width]
        return window.copy(), np.ones(window.shape, bool)

    def _layer(self, asset_id: str, band: str) -> np.ndarray:
        if asset_id == MERIT_HYDRO.id:
            return self._hydrography.bands[band]
        if asset_id in SOIL:
            return self._products.soil[asset_id][[b.name for b in SOIL[asset_id].bands].index(band)]
        if band == "num":
            return self._swaths
        return self.basin.static["dem" if band == "elevation" else "dem_water"]

    @cached_property
    def _swaths(self) -> np.ndarray:
        """A plain count of SRTM's swaths: none over water."""
        return np.where(self.basin.static["dem_water"] > 0, 0, 4).astype(np.uint8)


def _describe(dataset: Dataset, grid: PixelGrid) -> ImageInfo:
    bands = tuple(BandInfo(b.name, b.dtype or "int16", grid, b.pyramiding) for b in dataset.bands)
    told = {"title": TITLES[dataset.id], **SYNTHETIC_PROPERTIES}
    return ImageInfo(dataset.id, bands, told, _milliseconds(dataset.start), _milliseconds(dataset.end))


def _milliseconds(day: date | None) -> int | None:
    if day is None:
        return None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
