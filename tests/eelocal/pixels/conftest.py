"""Small images in memory, and the algorithms called by their official names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from smgee.eelocal.assets.raster import load_image
from smgee.eelocal.engine.context import Context
from smgee.eelocal.engine.registry import call as apply
from smgee.eelocal.pixels.render import compute_pixels
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.image import Image
from smgee.grid import PixelGrid
from smgee.source import BandInfo, ImageInfo


class MemorySource:
    """A source of arrays."""

    def __init__(self) -> None:
        self.arrays: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
        self.infos: dict[str, ImageInfo] = {}
        self.reads: list[tuple[int, int, int, int]] = []

    def add(
        self,
        name: str,
        bands: Mapping[str, Any],
        grid: PixelGrid,
        *,
        pyramiding: str = "MEAN",
        start_ms: int | None = None,
        **properties: Any,
    ) -> Image:
        """Add an image of arrays, or of (array, mask) pairs."""
        infos = []
        for band, data in bands.items():
            values, mask = data if isinstance(data, tuple) else (data, np.ones(data.shape, bool))
            self.arrays[name, band] = values, mask
            infos.append(BandInfo(band, values.dtype.name, grid, pyramiding))
        self.infos[name] = ImageInfo(name, tuple(infos), properties, start_ms)
        return load_image(self.infos[name], self)

    def read(
        self, image_id: str, band: str, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        values, mask = self.arrays[image_id, band]
        assert 0 <= row <= row + height <= values.shape[0]
        assert 0 <= col <= col + width <= values.shape[1]
        self.reads.append((row, col, height, width))
        return values[row : row + height, col : col + width], mask[row : row + height, col : col + width]


class Lab:
    """What a test needs: images, algorithms, pixels."""

    def __init__(self) -> None:
        self.source = MemorySource()
        self.context = Context()
        self.number = 0

    def image(self, grid: PixelGrid | None = None, **bands: Any) -> Image:
        """Return an image of arrays on `grid` (30 m pixels in UTM zone 47 by default)."""
        self.number += 1
        first = next(iter(bands.values()))
        shape = (first[0] if isinstance(first, tuple) else first).shape
        return self.source.add(f"image{self.number}", bands, grid or self.grid(*shape))

    @staticmethod
    def grid(height: int, width: int, size: float = 30.0) -> PixelGrid:
        """Return a grid in UTM zone 47, upper left corner at (600 000, 4 100 000)."""
        return PixelGrid("EPSG:32647", (size, 0.0, 600_000.0, 0.0, -size, 4_100_000.0), width, height)

    def call(self, name: str, **arguments: Any) -> Any:
        """Apply an algorithm; ``from_`` stands for ``from``."""
        return apply(self.context, name, {k.rstrip("_"): v for k, v in arguments.items()})

    def collection(self, *images: Image) -> Collection:
        """Return a collection of images."""
        return Collection(lambda: list(images), kind="ImageCollection")

    def pixels(self, image: Image, grid: PixelGrid | None = None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return (values, mask) by band, on `grid` or on the first band's own."""
        if grid is None:
            band = image.bands[0]
            assert band.extent is not None
            col, row, width, height = band.extent
            grid = band.projection.window(row, col, height, width)
        return {b.name: (v, m) for b, v, m in compute_pixels(image, grid)}

    def values(self, image: Image, grid: PixelGrid | None = None) -> np.ma.MaskedArray:
        """Return the first band's pixels as a masked array."""
        values, mask = next(iter(self.pixels(image, grid).values()))
        return np.ma.masked_array(values, mask == 0)


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set the size of the tiles in which pixels are computed."""

    def shrink(size: int) -> None:
        monkeypatch.setattr("smgee.eelocal.pixels.render._TILE", size)
        monkeypatch.setattr("smgee.eelocal.pixels.render._LEAST_TILE", min(size, 8))

    return shrink
