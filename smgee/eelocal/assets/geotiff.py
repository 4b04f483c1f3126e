"""Pixels of GeoTIFF files, Cloud Optimized ones included, and of everything else that GDAL opens as a
raster.
"""

from __future__ import annotations

import os
import resource
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from smgee.eelocal.assets.decode import decode
from smgee.eelocal.assets.sources import Decoding, Piece, RasterSource
from smgee.errors import InputError
from smgee.grid import PixelGrid
from smgee.machine import usable_cores

# Handles kept open between reads: GDAL keeps the blocks it decoded as long as the file is open (as many as
# `smgee.machine.bound_block_cache` says), and the scenes of two months, seven files each, are read again for
# every composite.
_IDLE = min(512, max(64, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2))
# Handles of one file at once. Each decodes for itself what the others may have decoded: windows side by side
# share blocks only where they share the handle, for which threads wait.
_HANDLES = max(1, usable_cores() // 4)
_pool: OrderedDict[tuple[str, int, int], list[Any]] = OrderedDict()
_lent: Counter[tuple[str, int, int]] = Counter()
_lock = threading.Condition()


def _key(path: Path) -> tuple[str, int, int]:
    try:
        stat = path.stat()
    except FileNotFoundError as error:
        raise InputError(
            f"The file {path} is gone; restore it, or remove its asset with `smgee catalog remove`."
        ) from error
    return str(path), stat.st_mtime_ns, stat.st_ino


@contextmanager
def open_dataset(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Lend an open `rasterio.DatasetReader`, for one thread at a time; handles are reused between calls;
    `InputError` when the file is gone or no raster, or when pixels that are read from it are damaged.
    """
    import rasterio

    path = Path(path)
    key = _key(path)
    with _lock:
        _lock.wait_for(lambda: _lent[key] < _HANDLES)
        _lent[key] += 1
        free = _pool.get(key)
        dataset = free.pop() if free else None
        if free is not None and not free:
            del _pool[key]
    try:
        if dataset is None:
            try:
                dataset = rasterio.open(path)
            except rasterio.errors.RasterioIOError as error:
                raise InputError(f"The file {path} is not a raster that GDAL can open ({error}).") from error
        try:
            yield dataset
        except rasterio.errors.RasterioIOError as error:
            raise _damaged(path, "some of its pixels cannot be read") from error
    finally:
        surplus = []
        with _lock:
            _lent[key] -= 1
            if not _lent[key]:
                del _lent[key]
            if dataset is not None:
                _pool.setdefault(key, []).append(dataset)
                _pool.move_to_end(key)
            while sum(map(len, _pool.values())) > _IDLE:
                _, datasets = _pool.popitem(last=False)
                surplus += datasets
            _lock.notify_all()
        for old in surplus:
            old.close()


def _damaged(path: Path, how: str) -> InputError:
    return InputError(
        f"The file {path.name} is damaged or cut short: {how}; download or copy it again to where it was "
        "registered from."
    )


# Of a file with more blocks, as many evenly spread ones are looked at, its last one always among them: half a
# second at most.
_BLOCKS_LOOKED_AT = 4096

# As many as an image of the service may be stacked to; a damaged head may state 60,000 of a few bytes.
_MOST_BANDS = 5000


def check_intact(path: Path) -> None:
    """Look whether a raster file is whole, without reading it.

    The places of its blocks, which the head of a TIFF states, must lie inside the file (a download that
    stopped midway is shorter), and one pixel of every band must be readable. Damage inside a block is found
    when the block is read.

    Raises
    ------
    InputError
        When the file is cut short or damaged.
    """
    with open_dataset(path) as dataset:
        if dataset.count > _MOST_BANDS:
            raise _damaged(path, f"it states {dataset.count} bands, of which {_MOST_BANDS} are read at most")
        if dataset.driver in ("GTiff", "COG"):
            size = path.stat().st_size
            blocks = []
            for band, (height, width) in enumerate(dataset.block_shapes, start=1):
                across = -(-dataset.width // width)
                blocks.append((band, across, across * -(-dataset.height // height)))
            step = -(-sum(count for _, _, count in blocks) // _BLOCKS_LOOKED_AT)
            for band, across, count in blocks:
                for number in range(count - 1, -1, -step):
                    row, col = divmod(number, across)
                    offset, length = (
                        dataset.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=band)
                        for what in ("OFFSET", "SIZE")
                    )
                    if (
                        offset and length and int(offset) + int(length) > size
                    ):  # blocks that were never written have none
                        raise _damaged(
                            path,
                            f"it has {size} bytes, but states pixels up to byte {int(offset) + int(length)}",
                        )
        row, col = dataset.height // 2, dataset.width // 2
        dataset.read(window=((row, row + 1), (col, col + 1)))


def close_datasets() -> None:
    """Close every idle handle."""
    with _lock:
        datasets = [d for free in _pool.values() for d in free]
        _pool.clear()
    for dataset in datasets:
        dataset.close()


def crs_name(crs: Any) -> str:
    """Return ``EPSG:n`` for a CRS that has a code, else WKT."""
    if not crs:
        raise InputError(
            "The file has no coordinate reference system; assign one first, for example with gdal_edit "
            "-a_srs."
        )
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else crs.to_wkt()


def grid_of(dataset: Any) -> PixelGrid:
    """Return the pixel grid of an open dataset."""
    return PixelGrid(crs_name(dataset.crs), tuple(dataset.transform)[:6], dataset.width, dataset.height)


def read_band(
    root: Path, source: RasterSource, dtype: str, window: tuple[int, int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Read a window of a band that lies in one or several files of one lattice.

    Parameters
    ----------
    root : Path
        Relative file names start here.
    source : RasterSource
        The files.
    dtype : str
        Type of the values returned.
    window : (row, col, height, width)
        Inside the band's grid.

    Returns
    -------
    values : (height, width) array
    mask : (height, width) bool array, or float32 in 0…1 where a stored mask is fractional
    """
    _, _, height, width = window
    values: np.ndarray | None = None
    mask: np.ndarray | None = None
    for piece in source.pieces:
        overlap = _overlap(piece, window)
        if overlap is None:
            continue
        inner, target = overlap
        with open_dataset(root / piece.file) as dataset:
            stored = dataset.read(piece.band, window=inner)
            shown = dataset.read_masks(piece.band, window=inner) > 0 if source.masked else None
        part, valid = decode_stored(stored, source.decoding, dtype)
        if shown is not None:
            valid &= shown
        if mask is None and valid.shape == (height, width):
            values, mask = part, valid  # the usual case: one file holds the whole window
            continue
        if values is None or mask is None:
            values, mask = np.zeros((height, width), dtype), np.zeros((height, width), bool)
        fresh = valid & ~mask[target]
        np.copyto(values[target], part, where=fresh)
        mask[target] |= fresh
    if values is None or mask is None:
        values, mask = np.zeros((height, width), dtype), np.zeros((height, width), bool)
    if source.mask:
        weights = np.zeros((height, width), np.uint8)
        for piece in source.mask:
            overlap = _overlap(piece, window)
            if overlap is not None:
                with open_dataset(root / piece.file) as dataset:
                    weights[overlap[1]] = dataset.read(piece.band, window=overlap[0])
        if ((weights == 0) | (weights == 255)).all():
            return values, mask & (weights > 0)
        return values, np.where(mask, weights / np.float32(255), np.float32(0)).astype("f4")
    return values, mask


def _overlap(piece: Piece, window: tuple[int, int, int, int]) -> tuple[Any, tuple[slice, slice]] | None:
    row, col, height, width = window
    top, left = piece.row, piece.col
    r0, r1 = max(row, top), min(row + height, top + piece.height)
    c0, c1 = max(col, left), min(col + width, left + piece.width)
    if r0 >= r1 or c0 >= c1:
        return None
    inner = ((r0 - top, r1 - top), (c0 - left, c1 - left))
    return inner, (slice(r0 - row, r1 - row), slice(c0 - col, c1 - col))


def decode_stored(stored: np.ndarray, how: Decoding, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return values in `dtype` and the bool mask of (height, width) stored pixels."""
    numbers: list[float] = list(how.nodata)
    scale, offset, least, greatest = how.scale, how.offset, how.least, how.greatest
    if (scale is None and offset is None) or stored.dtype.itemsize > 4 or stored.dtype.kind not in "iuf":
        valid = np.ones(stored.shape, bool) if stored.dtype.kind != "f" else ~np.isnan(stored)
        for number in numbers:
            valid &= stored != number
        if least is not None:
            valid &= stored >= least
        if greatest is not None:
            valid &= stored <= greatest
        with np.errstate(invalid="ignore", over="ignore"):  # under the mask
            if scale is None and offset is None:
                return stored.astype(dtype, copy=False), valid
            return (stored.astype("f8") * (1.0 if scale is None else scale) + (offset or 0.0)).astype(
                dtype
            ), valid
    if stored.dtype.kind == "f":  # compared as stored, in single precision
        with np.errstate(over="ignore"):
            numbers = [float(stored.dtype.type(n)) for n in numbers]
    values, valid = np.empty(stored.shape, dtype), np.empty(stored.shape, bool)
    least, greatest = (
        -np.inf if least is None else float(least),
        np.inf if greatest is None else float(greatest),
    )
    decode(
        stored,
        np.array(numbers, "f8"),
        least,
        greatest,
        1.0 if scale is None else float(scale),
        float(offset or 0.0),
        values,
        valid,
    )
    return values, valid
