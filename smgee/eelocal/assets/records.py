"""How an asset is written down on disk: one JSON record, and the files it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from smgee.eelocal.assets import arrays, geotiff
from smgee.eelocal.assets.sources import ArraySource, BandSource, TableSource, band_source
from smgee.eelocal.assets.tables import read_table
from smgee.grid import PixelGrid
from smgee.source import BandInfo, CollectionInfo, ImageInfo, TableInfo


@dataclass(frozen=True)
class BandRecord:
    """A band as it is shown, and where its pixels lie."""

    info: BandInfo
    source: BandSource

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> BandRecord:
        """Return the band that its JSON states; `KeyError`, `TypeError`, `ValueError` when it states none."""
        place = data["grid"]
        a, b, _, d, e, _ = place["transform"]
        if not (a * e != b * d and place["width"] > 0 and place["height"] > 0):
            raise ValueError("a lattice without pixels")
        if np.dtype(data["dtype"]).kind not in "iuf":
            raise ValueError("a type that no pixel has")
        grid = PixelGrid(place["crs"], tuple(place["transform"]), place["width"], place["height"])
        info = BandInfo(data["name"], data["dtype"], grid, data.get("pyramiding", "MEAN"))
        return cls(info, band_source(data["source"]))

    def as_json(self) -> dict[str, Any]:
        """Return the band as JSON."""
        grid = self.info.grid
        return {
            "name": self.info.name,
            "dtype": self.info.dtype,
            "grid": {
                "crs": grid.crs,
                "transform": list(grid.transform),
                "width": grid.width,
                "height": grid.height,
            },
            "pyramiding": self.info.pyramiding,
            "source": self.source.as_json(),
        }

    def renamed(self, name: str) -> BandRecord:
        """Return the band under another name."""
        return replace(self, info=replace(self.info, name=name))


@dataclass(frozen=True)
class AssetRecord:
    """An asset.

    Attributes
    ----------
    type : {"IMAGE", "IMAGE_COLLECTION", "TABLE", "FOLDER", "CLASSIFIER"}
        What it is.
    id : str
        Its id.
    properties : mapping
        Its own properties.
    start_ms, end_ms : int, optional
        The time of an image, UTC milliseconds.
    footprint : mapping, optional
        The outline of an image, GeoJSON; None for that of its first band.
    bands : tuple of BandRecord
        Of an image.
    source : TableSource, optional
        Of a table.
    expression : mapping, optional
        Of a classifier: what makes it.
    policy : mapping, optional
        Who may read and write it, where that was ever set.
    data : str, optional
        The folder of its data files, for an asset that owns them.
    created, updated : str, optional
        When, RFC 3339.
    """

    type: str
    id: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    start_ms: int | None = None
    end_ms: int | None = None
    footprint: Mapping[str, Any] | None = None
    bands: tuple[BandRecord, ...] = ()
    source: TableSource | None = None
    expression: Mapping[str, Any] | None = None
    policy: Mapping[str, Any] | None = None
    data: str | None = None
    created: str | None = None
    updated: str | None = None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> AssetRecord:
        """Return the asset that its JSON states; `KeyError`, `TypeError` when it states none."""
        plain = ("start_ms", "end_ms", "footprint", "expression", "policy", "data", "created", "updated")
        return cls(
            data["type"],
            data["id"],
            data.get("properties") or {},
            bands=tuple(BandRecord.read(b) for b in data.get("bands") or ()),
            source=TableSource.read(data["source"]) if data.get("source") else None,
            **{k: data[k] for k in plain if data.get(k) is not None},
        )

    def as_json(self) -> dict[str, Any]:
        """Return the asset as JSON."""
        data: dict[str, Any] = {"type": self.type, "id": self.id, "properties": dict(self.properties)}
        plain = ("start_ms", "end_ms", "footprint", "expression", "policy", "data", "created", "updated")
        data |= {k: v for k in plain if (v := getattr(self, k)) is not None}
        if self.bands:
            data["bands"] = [b.as_json() for b in self.bands]
        if self.source is not None:
            data["source"] = self.source.as_json()
        return data

    @property
    def info(self) -> ImageInfo | CollectionInfo | TableInfo | None:
        """What the asset is to those who read it; None for folders and classifiers, which are no data."""
        if self.type == "IMAGE_COLLECTION":
            return CollectionInfo(self.id, self.properties)
        if self.type == "TABLE":
            return TableInfo(self.id, self.properties)
        if self.type != "IMAGE":
            return None
        bands = tuple(b.info for b in self.bands)
        return ImageInfo(self.id, bands, self.properties, self.start_ms, self.end_ms, self.footprint)

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all its files."""
        sources = [b.source for b in self.bands] + ([] if self.source is None else [self.source])
        return tuple(f for s in sources for f in s.files)

    def relocated(self, folder: str) -> AssetRecord:
        """Return the asset with its data files in another folder."""
        if self.data is None:
            return self
        bands = tuple(replace(b, source=b.source.relocated(self.data, folder)) for b in self.bands)
        source = None if self.source is None else self.source.relocated(self.data, folder)
        return replace(self, bands=bands, source=source, data=folder)


def image_record(info: ImageInfo, sources: Mapping[str, BandSource]) -> AssetRecord:
    """Return the record of an image; `sources` gives each band's."""
    bands = tuple(BandRecord(b, sources[b.name]) for b in info.bands)
    return AssetRecord("IMAGE", info.id, info.properties, info.start_ms, info.end_ms, info.footprint, bands)


def read_pixels(
    root: Path, record: AssetRecord, band: str, window: tuple[int, int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Read a window (row, col, height, width) of one band of an image record whose files lie below `root`."""
    entry = next(b for b in record.bands if b.info.name == band)
    if isinstance(entry.source, ArraySource):
        return arrays.read_band(root, entry.source, entry.info.dtype, window)
    return geotiff.read_band(root, entry.source, entry.info.dtype, window)


def read_features(root: Path, record: AssetRecord) -> Iterator[dict[str, Any]]:
    """Yield the GeoJSON features of a table record whose files lie below `root`."""
    assert record.source is not None
    return read_table(root, record.source)
