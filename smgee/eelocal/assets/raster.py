"""Reading a band of an asset onto any pixel grid, through its pyramid."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Hashable
from functools import lru_cache
from typing import Any

import numpy as np
from shapely.geometry import Polygon, shape

from smgee.cache import KEPT
from smgee.eelocal.assets.pyramid import Pyramid
from smgee.eelocal.pixels.lattice import coarsening, nearest_plan
from smgee.eelocal.values.geometry import Geometry
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.lazy import Node, Pixels
from smgee.eelocal.values.pixeltype import PixelType
from smgee.eelocal.values.projection import Projection, moved
from smgee.grid import PixelGrid, transformer
from smgee.source import BandInfo, ImageInfo, Source

_BAND_BYTES = 2048  # about what the objects of one band take
_known: dict[int, tuple[weakref.ref[Source], int]] = {}
_counted = itertools.count()
_lock = threading.Lock()


def _number(source: Source) -> int:
    """Return a number that belongs to this source alone, for cache keys; unlike its `id` it does not come
    again once the source is gone.
    """
    key = id(source)

    def forget(_: object) -> None:
        _known.pop(key, None)  # while the source is destroyed, by any thread: without waiting for the lock

    with _lock:
        found = _known.get(key)
        if found is None or found[0]() is not source:
            found = _known[key] = weakref.ref(source, forget), next(_counted)
        return found[1]


class _Key:
    """A tuple that is hashed once: nodes are looked up often."""

    __slots__ = ("_hash", "_parts")

    def __init__(self, parts: tuple[Hashable, ...]):
        self._parts = parts
        self._hash = hash(parts)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, _Key) and self._hash == other._hash and self._parts == other._parts
        )


class AssetBand(Node):
    """The pixels of one band of an asset: nearest neighbour, from the pyramid level that the request's
    scale asks for.
    """

    __slots__ = ("_key", "band", "kept_bytes", "pyramid")

    def __init__(self, source: Source, image_id: str, band: BandInfo, version: Hashable = None):
        self.band = band
        self.kept_bytes = getattr(source, "kept_bytes", 0)
        self._key = _Key(("asset", _number(source), image_id, band, version))
        self.pyramid = Pyramid(source, image_id, band, self._key)

    def key(self) -> Hashable:
        return self._key

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        level = min(coarsening(grid, Projection.of_grid(self.band.grid)), self.pyramid.top)
        plan = nearest_plan(grid, self.pyramid.grid(level), wrap=True)
        if plan is None:
            return Pixels(
                np.broadcast_to(np.zeros((), self.band.dtype), grid.shape),
                np.broadcast_to(np.False_, grid.shape),
            )
        return plan.apply(self.pyramid.read(level, plan.row, plan.col, plan.height, plan.width))


def image_footprint(info: ImageInfo) -> Geometry | None:
    """Return an image's footprint: as described, else the outline of its first band; longitude and
    latitude.
    """
    if info.footprint is not None:
        return Geometry(shape(info.footprint), "EPSG:4326", True)
    return _outline(info.bands[0].grid) if info.bands else None


@lru_cache(maxsize=4096)
def _outline(grid: PixelGrid) -> Geometry | None:
    """Return the outline of a grid in longitude and latitude, None where a part of it has none; the scenes
    of a tile share theirs.
    """
    steps = np.linspace(0, 1, 9)[:-1]
    zero, one = np.zeros(8), np.ones(8)
    cols = np.concatenate([steps, one, 1 - steps, zero]) * grid.width
    rows = np.concatenate([zero, steps, one, 1 - steps]) * grid.height
    x, y = moved(grid.transform, cols, rows)
    lon, lat = transformer(grid.crs, "EPSG:4326").transform(x, y)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return None
    return Geometry(Polygon(np.column_stack([lon, lat])), "EPSG:4326", False)


def load_image(info: ImageInfo, source: Source, *, version: int | None = None) -> Image:
    """Return an asset as an image.

    Parameters
    ----------
    info : ImageInfo
        The asset's description.
    source : Source
        Where its pixels come from.
    version : int, optional
        Microseconds of its last change, shown by `getInfo`.
    """
    # Requests for tiles evaluate one expression over and over. The description is kept beside the image, so
    # that its `id` stays its own.
    return KEPT.get(
        ("image", _number(source), id(info), version),
        lambda: (info, _make_image(info, source, version)),
        lambda _: _BAND_BYTES * (1 + len(info.bands)),
    )[1]


def _make_image(info: ImageInfo, source: Source, version: int | None) -> Image:
    properties: dict[str, Any] = dict(info.properties)
    properties.setdefault("system:index", info.id.rsplit("/", 1)[-1])
    if info.start_ms is not None:
        properties.setdefault("system:time_start", info.start_ms)
    if info.end_ms is not None:
        properties.setdefault("system:time_end", info.end_ms)
    footprint = image_footprint(info)
    if footprint is not None:
        properties["system:footprint"] = footprint
    bands = []
    for band in info.bands:
        node = AssetBand(source, info.id, band, version)
        bands.append(
            Band(
                band.name,
                node,
                PixelType.of_dtype(band.dtype),
                Projection.of_grid(band.grid),
                (0, 0, band.grid.width, band.grid.height),
            )
        )
    return Image(tuple(bands), properties, footprint, info.id, version)
