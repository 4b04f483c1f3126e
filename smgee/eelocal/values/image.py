"""Images: named lazy bands with metadata that is known before any pixel is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.geometry import Geometry
from smgee.eelocal.values.lazy import Node, Pick
from smgee.eelocal.values.pixeltype import PixelType
from smgee.eelocal.values.projection import WGS84_DEFAULT, Projection

# What arithmetic leaves of an image's properties: enough to join it and to see where it is, but no dates
# (copyProperties brings those).
_KEPT = ("system:index", "system:footprint")


@dataclass(frozen=True)
class Band:
    """One band: what it is called, what its pixels are, on which lattice they lie by default, and the node
    that makes them.

    `extent` is (column, row, width, height) of the known pixels in the lattice of `projection`, None when
    unbounded or unknown.
    """

    name: str
    node: Node
    type: PixelType
    projection: Projection = WGS84_DEFAULT
    extent: tuple[int, int, int, int] | None = None

    def renamed(self, name: str) -> Band:
        """Return the band under another name."""
        return replace(self, name=name)

    def holding(self, node: Node, pixel_type: PixelType | None = None, *, name: str | None = None) -> Band:
        """Return the band with other pixels on the same lattice."""
        return replace(
            self,
            name=self.name if name is None else name,
            node=node,
            type=self.type if pixel_type is None else pixel_type,
        )

    def holding_parts(self, node: Node, names: Iterable[str], types: Sequence[PixelType]) -> list[Band]:
        """Return a band for each of a node's several results, on the same lattice."""
        return [self.holding(Pick(node, i), types[i], name=name) for i, name in enumerate(names)]

    def describe(self) -> dict[str, Any]:
        """Return the `getInfo` form."""
        info: dict[str, Any] = {"id": self.name, "data_type": self.type.describe()}
        if self.extent is not None:
            col, row, width, height = self.extent
            info["dimensions"] = [width, height]
            if (col, row) != (0, 0):
                info["origin"] = [col, row]
        projection = self.projection.describe()
        return info | {
            "crs" if "crs" in projection else "crs_wkt": self.projection.crs,
            "crs_transform": list(self.projection.transform),
        }


@dataclass(frozen=True)
class Image:
    """An image: bands in order, properties, and a footprint.

    `footprint` is a `smgee.eelocal.values.geometry.Geometry`, None when unbounded, and `clipped` whether it
    was cut to a region rather than being the outline of an asset. `id` is the asset's id, None for a computed
    image; the ``system:index`` and times live in `properties`.
    """

    bands: tuple[Band, ...]
    properties: Mapping[str, Any] = field(default_factory=dict)
    footprint: Geometry | None = None
    id: str | None = None
    version: int | None = None
    clipped: bool = False

    @property
    def names(self) -> list[str]:
        """Band names, in order."""
        return [b.name for b in self.bands]

    def band(self, name: str) -> Band:
        """Return a band by name; `EEError` when there is none."""
        for band in self.bands:
            if band.name == name:
                return band
        raise EEError(f"Band '{name}' does not exist. Available bands: [{', '.join(self.names)}].")

    @property
    def first(self) -> Band:
        """The first band; `EEError` when there is none."""
        if not self.bands:
            raise EEError("Image has no bands.")
        return self.bands[0]

    @property
    def only(self) -> Band:
        """The one band; `EEError` when there are more, or none."""
        if len(self.bands) != 1:
            raise EEError(f"A single-band image is required, got {len(self.bands)} bands.")
        return self.bands[0]

    def with_bands(self, bands: Sequence[Band]) -> Image:
        """Return the image with other bands; its metadata, the id included, stays."""
        return replace(self, bands=tuple(bands))

    def with_properties(self, properties: Mapping[str, Any]) -> Image:
        """Return the image with these properties instead of its own."""
        return replace(self, properties=dict(properties))

    def with_footprint(self, footprint: Geometry | None, *, clipped: bool) -> Image:
        """Return the image with another footprint, and whether that is a region it was cut to."""
        properties = {k: v for k, v in self.properties.items() if k != "system:footprint"}
        if footprint is not None:
            properties["system:footprint"] = footprint
        return replace(self, footprint=footprint, properties=properties, clipped=clipped)

    def computed(self, bands: Sequence[Band]) -> Image:
        """Return what a computation makes of the image: new bands; of the properties only the index and
        the footprint remain.
        """
        kept = {k: self.properties[k] for k in _KEPT if k in self.properties}
        return Image(tuple(bands), kept, self.footprint, clipped=self.clipped)
