"""Predictor images pulled to this machine through xee, window by window."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Sequence
from functools import cache, cached_property
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from smgee.grid import PixelGrid
from smgee.late import ee, xr
from smgee.remote import TooBig, call
from smgee.upscale.blocks import Block

# Of the 48 MiB that one answer may hold, each float32 sample takes 4 bytes and one for its mask.
_ANSWER_BYTES = 48 * 1024 * 1024
_SAMPLE_BYTES = 5
_INTEGER_BYTES = 3
_NO_INTEGER = -32_768
_TILE_WIDTH = 640  # of the largest blocks
KEPT_BYTES = 64 * 1024 * 1024
_KEPT_IMAGES = 16
_REFUSALS = 2  # so often a size is refused before it is not asked for any more


def open_bands(
    image: ee.Image, names: Sequence[str], *, grid: PixelGrid, integers: bool = False
) -> xr.DataArray:
    """Open an image on a pixel grid, all bands of a tile in one request.

    xee asks for one variable at a time, which would make Earth Engine compute a composite once for every band
    that depends on it. So the bands are laid along xee's image axis: one request carries all bands of a tile.
    What xee would ask of the collection first is known here, and is not asked.

    Parameters
    ----------
    image : ee.Image
        Has the bands `names`.
    names : sequence of str
        Which bands, in order.
    grid : PixelGrid
        The output lattice.
    integers : bool
        The bands are whole numbers of 16 bits, and travel as such; −32,768 is none of them.

    Returns
    -------
    xarray.DataArray
        (predictor, y, x) float32, lazy, NaN where masked; `y` and `x` are pixel centres in ``grid.crs``. One
        request at a time; run several loads at once for more.
    """
    from xarray.backends.store import StoreBackendEntrypoint

    def layer(number: int, name: str) -> ee.Image:
        band = image.select([name])
        typed = band.toInt16() if integers else band.toFloat()
        return typed.rename("value").set({"predictor": number, "system:index": str(number)})

    sample = _INTEGER_BYTES if integers else _SAMPLE_BYTES
    height = max(1, min(_TILE_WIDTH, _ANSWER_BYTES // (sample * len(names) * _TILE_WIDTH)))
    store = _known_store()(
        ee.ImageCollection([layer(k, name) for k, name in enumerate(names)]),
        n_images=len(names),
        crs=grid.crs,
        crs_transform=grid.transform,
        shape_2d=(grid.width, grid.height),
        chunks={"index": len(names), "width": _TILE_WIDTH, "height": height},
        primary_dim_name="predictor",
        primary_dim_property="predictor",
        mask_value=_NO_INTEGER if integers else None,
        executor_kwargs={"max_workers": 1},
        getitem_kwargs={"max_retries": 0},
    )
    value = StoreBackendEntrypoint().open_dataset(store)["value"]
    # xee leaves the pixel size in `scale_factor`, which would corrupt the values on writing.
    value.encoding.clear()
    return value.assign_coords(predictor=list(names))


@cache
def _known_store() -> Any:
    """Return xee's store for the collections that `open_bands` makes, of which everything is known."""
    from xee.ext import EarthEngineStore

    class KnownStore(EarthEngineStore):
        def __init__(self, collection: Any, *, n_images: int, **options: Any):
            self._count = n_images
            super().__init__(collection, **options)

        @cached_property
        def get_info(self) -> dict[str, Any]:
            band = {"id": "value", "data_type": {"type": "PixelType", "precision": "float"}}
            numbers = list(range(self._count))
            properties = [[None] * self._count, numbers]
            return {"size": self._count, "props": {}, "first": {"bands": [band]}, "properties": properties}

    return KnownStore


class Puller:
    """Pulls windows of images on one lattice, each once, and keeps the latest of them.

    Several threads may ask at once; what two of them want is pulled by one.

    Parameters
    ----------
    grid : PixelGrid
        The whole lattice.
    keep_bytes : int
        Pixels kept for later requests, at most.
    """

    def __init__(self, grid: PixelGrid, *, keep_bytes: int = KEPT_BYTES):
        self.grid = grid
        self.keep_bytes = keep_bytes
        self._images: OrderedDict[Hashable, xr.DataArray] = OrderedDict()
        self._pixels: OrderedDict[tuple[Hashable, Block], np.ndarray] = OrderedDict()
        self._refused: Counter[tuple[int, int]] = Counter()
        self._lock = threading.Lock()
        self._turns: WeakValueDictionary[Hashable, threading.Lock] = WeakValueDictionary()

    def pull(
        self,
        what: Hashable,
        block: Block,
        *,
        names: Sequence[str],
        image: Callable[[], ee.Image],
        integers: bool = False,
        keep: bool = True,
    ) -> np.ndarray:
        """Return bands of an image in a block.

        Parameters
        ----------
        what : hashable
            Names the image: equal ones have the same pixels.
        block : Block
            A window of the lattice.
        names : sequence of str
            The bands.
        image : callable
            Makes the image, when it is not there yet.
        integers : bool
            They are whole numbers of 16 bits, see `open_bands`.
        keep : bool
            Whether the same window may be asked for again.

        Returns
        -------
        (bands, height, width) float32
            NaN where masked. Not to be written to.

        Raises
        ------
        smgee.remote.TooBig
            When a smaller window might pass; at once for a size that was refused repeatedly.
        """
        with self._turn((what, block)):
            kept = self.kept(what, block)
            if kept is not None:
                return kept
            size = (len(names), block.size)
            if any(n <= size[0] and s <= size[1] and c >= _REFUSALS for (n, s), c in self._refused.items()):
                raise TooBig(f"Earth Engine refused {size[0]} bands of {size[1]} pixels before.")
            rows, cols = block.slices
            try:
                bands = self._image(what, names, image, integers)[:, rows, cols]
                pixels = call(lambda: np.ascontiguousarray(bands.values))
            except TooBig:
                with self._lock:
                    self._refused[size] += 1
                raise
            if keep:
                self.keep(what, block, pixels)
            return pixels

    def _image(
        self, what: Hashable, names: Sequence[str], image: Callable[[], ee.Image], integers: bool
    ) -> xr.DataArray:
        """Open an image once."""
        with self._turn(what):
            with self._lock:
                if what in self._images:
                    self._images.move_to_end(what)
                    return self._images[what]
            opened = call(lambda: open_bands(image(), names, grid=self.grid, integers=integers))
            with self._lock:
                self._images[what] = opened
                while len(self._images) > _KEPT_IMAGES:
                    self._images.popitem(last=False)
            return opened

    def _turn(self, what: Hashable) -> threading.Lock:
        """Return the lock under which something is pulled; it lives as long as a thread holds it."""
        with self._lock:
            return self._turns.setdefault(what, threading.Lock())

    def kept(self, what: Hashable, block: Block) -> np.ndarray | None:
        """Return pixels that are there already, be it as part of a larger window; None if they are not."""
        with self._lock:
            for (known, outer), pixels in self._pixels.items():
                if known == what and outer.contains(block):
                    self._pixels.move_to_end((known, outer))
                    rows, cols = block.within(outer)
                    return pixels[:, rows, cols]
        return None

    def keep(self, what: Hashable, block: Block, pixels: np.ndarray) -> None:
        """Keep pixels for later requests."""
        with self._lock:
            self._pixels[what, block] = pixels
            while sum(p.nbytes for p in self._pixels.values()) > self.keep_bytes:
                self._pixels.popitem(last=False)
