"""Images: named lazy bands with metadata that is known before any pixel is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from smgee.eelocal.model.pixels import Node
from smgee.eelocal.model.pixeltype import PixelType
from smgee.eelocal.model.projection import WGS84_DEFAULT, Projection

__all__ = ["Band", "Image"]


@dataclass(frozen=True)
class Band:
    """One band: what it is called, what its pixels are, on which lattice they lie by default, and the node that makes them.

    `extent` is (column, row, width, height) of the known pixels in the lattice of `projection`, None when unbounded or unknown.
    """

    name: str
    node: Node
    type: PixelType
    projection: Projection = WGS84_DEFAULT
    extent: tuple[int, int, int, int] | None = None

    def renamed(self, name: str) -> Band:
        """Return the band under another name."""
        return replace(self, name=name)


@dataclass(frozen=True)
class Image:
    """An image: bands in order, properties, and a footprint.

    `footprint` is a `smgee.eelocal.model.geometry.Geometry`, None when unbounded. `id` is the asset's id, None for a computed image; the
    ``system:index`` and times live in `properties`.
    """

    bands: tuple[Band, ...]
    properties: Mapping[str, Any] = field(default_factory=dict)
    footprint: Any = None
    id: str | None = None
    version: int | None = None

    @property
    def names(self) -> list[str]:
        """Band names, in order."""
        return [b.name for b in self.bands]

    def with_bands(self, bands: Sequence[Band]) -> Image:
        """Return the image with other bands, metadata kept; it no longer is the asset."""
        return replace(self, bands=tuple(bands), id=None, version=None)

    def with_properties(self, properties: Mapping[str, Any]) -> Image:
        """Return the image with these properties instead of its own."""
        return replace(self, properties=dict(properties))
