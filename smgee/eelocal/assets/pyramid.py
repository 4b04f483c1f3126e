"""Image pyramids, computed where they are asked for and kept in a bounded cache.

Level 0 is native; each level halves the one below, from its 2×2 blocks, by the band's policy. MEAN is
weighted by the mask, whose own level is the mean of the masks; MODE is the most frequent value by mask
weight, MIN, MAX and MEDIAN are those of the unmasked pixels; SAMPLE takes the upper left pixel with its mask.
Integers are rounded to the nearest.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

import numpy as np

from smgee.cache import KEPT
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.lazy import Pixels
from smgee.eelocal.values.projection import Projection
from smgee.grid import PixelGrid
from smgee.source import BandInfo, Source

SMALL = 64  # pixels
TILE = 256


class Pyramid:
    """The levels of one band.

    Parameters
    ----------
    source : Source
        Reads native pixels.
    image_id : str
        Which image.
    band : BandInfo
        Which band, its grid and policy.
    key : hashable
        Identifies the band in the cache.
    """

    __slots__ = ("band", "image_id", "key", "source")

    def __init__(self, source: Source, image_id: str, band: BandInfo, key: Hashable):
        self.source = source
        self.image_id = image_id
        self.band = band
        self.key = key

    @property
    def top(self) -> int:
        """The level whose longer side is at most 256 pixels; there is none above."""
        longest = max(self.band.grid.width, self.band.grid.height)
        return max(0, math.ceil(math.log2(longest / TILE)))

    def grid(self, level: int) -> PixelGrid:
        """Return the grid of a level."""
        native = self.band.grid
        if level == 0:
            return native
        factor = 2**level
        transform = Projection(native.crs, native.transform).scaled(factor, factor).transform
        return PixelGrid(native.crs, transform, -(-native.width // factor), -(-native.height // factor))

    def read(self, level: int, row: int, col: int, height: int, width: int) -> Pixels:
        """Return a window inside a level."""
        if level == 0 and not SMALL < height * width <= TILE * TILE // 4:
            return self._native(
                row, col, height, width
            )  # a few pixels, or most of a tile and more: a cached tile would cost more than it saves
        values = np.empty((height, width), self.band.dtype)
        mask: np.ndarray | None = None
        for r in range(row // TILE, (row + height - 1) // TILE + 1):
            for c in range(col // TILE, (col + width - 1) // TILE + 1):
                tile = self._tile(level, r, c)
                top, left = r * TILE, c * TILE
                r0, r1 = max(row, top), min(row + height, top + tile.values.shape[0])
                c0, c1 = max(col, left), min(col + width, left + tile.values.shape[1])
                inner, outer = (
                    np.s_[r0 - top : r1 - top, c0 - left : c1 - left],
                    np.s_[r0 - row : r1 - row, c0 - col : c1 - col],
                )
                values[outer] = tile.values[inner]
                if mask is None:
                    mask = np.zeros((height, width), tile.mask.dtype)
                elif mask.dtype != tile.mask.dtype:
                    mask = mask.astype("f4")
                mask[outer] = tile.mask[inner]
        assert mask is not None
        return Pixels(values, mask)

    def _native(self, row: int, col: int, height: int, width: int) -> Pixels:
        values, valid = self.source.read(self.image_id, self.band.name, row, col, height, width)
        if values.shape != (height, width) or valid.shape != (height, width):
            raise EEError(
                f"The source of {self.image_id} answered {values.shape} for a window of {(height, width)}.",
                code=500,
                status="INTERNAL",
            )
        if valid.dtype != bool:
            valid = valid.astype("f4", copy=False)
        return Pixels(values.astype(self.band.dtype, copy=False), valid)

    def _tile(self, level: int, r: int, c: int) -> Pixels:
        return KEPT.get(
            ("tile", self.key, level, r, c),
            lambda: self._make(level, r, c),
            lambda p: p.values.nbytes + p.mask.nbytes + 256,
        )

    def _make(self, level: int, r: int, c: int) -> Pixels:
        grid = self.grid(level)
        height, width = min(TILE, grid.height - r * TILE), min(TILE, grid.width - c * TILE)
        if level == 0:
            return self._native(r * TILE, c * TILE, height, width)
        below = self.grid(level - 1)
        row, col = 2 * r * TILE, 2 * c * TILE
        source = self.read(
            level - 1, row, col, min(2 * height, below.height - row), min(2 * width, below.width - col)
        )
        return halve(source, self.band.pyramiding)


def halve(pixels: Pixels, policy: str) -> Pixels:
    """Return 2×2 blocks as one pixel each by a pyramiding policy; the last row and column may be of half
    blocks.
    """
    height, width = -(-pixels.values.shape[0] // 2), -(-pixels.values.shape[1] // 2)
    if policy == "SAMPLE":
        return Pixels(
            np.ascontiguousarray(pixels.values[::2, ::2]), np.ascontiguousarray(pixels.mask[::2, ::2])
        )
    odd = ((0, 2 * height - pixels.values.shape[0]), (0, 2 * width - pixels.values.shape[1]))
    padded = any(high for _, high in odd)
    values = np.pad(pixels.values, odd) if padded else pixels.values
    mask = np.pad(pixels.mask, odd) if padded else pixels.mask
    present = np.pad(np.ones(pixels.mask.shape, "f4"), odd) if padded else None

    def blocks(array: np.ndarray) -> np.ndarray:
        return array.reshape(height, 2, width, 2).swapaxes(1, 2).reshape(height, width, 4)

    weight = blocks(mask).astype("f4")
    total = weight.sum(-1)
    coverage = total / (blocks(present).sum(-1) if present is not None else np.float32(4))
    cells = blocks(values)
    valid = total > 0
    if policy == "MEAN":
        result = np.divide(
            (cells.astype("f8") * weight).sum(-1), total, out=np.zeros((height, width)), where=valid
        )
        if values.dtype.kind in "iu":
            result = np.rint(result)
    elif policy == "MODE":
        support = ((cells[..., :, None] == cells[..., None, :]) * weight[..., None, :]).sum(-1) * (weight > 0)
        # The smallest of equally frequent values, so that the answer does not depend on the order.
        best = np.where(support == support.max(-1, keepdims=True), cells.astype("f8"), np.inf)
        result = np.where(valid, best.min(-1), 0)
    elif policy in ("MIN", "MAX"):
        fill = np.inf if policy == "MIN" else -np.inf
        shown = np.where(weight > 0, cells.astype("f8"), fill)
        result = np.where(valid, shown.min(-1) if policy == "MIN" else shown.max(-1), 0)
    elif policy == "MEDIAN":
        shown = np.sort(np.where(weight > 0, cells.astype("f8"), np.inf), -1)
        count = (weight > 0).sum(-1)
        low, high = np.maximum(count - 1, 0) // 2, count // 2
        pick = [np.take_along_axis(shown, k[..., None], -1)[..., 0] for k in (low, np.minimum(high, 3))]
        with np.errstate(invalid="ignore"):
            result = np.where(valid, (pick[0] + pick[1]) / 2, 0)
        if values.dtype.kind in "iu":
            result = np.rint(result)
    else:
        raise EEError(
            f"The pyramiding policy {policy!r} is not known; use MEAN, SAMPLE, MODE, MIN, MAX or MEDIAN."
        )
    full = (coverage == 0) | (coverage == 1)
    return Pixels(result.astype(values.dtype), coverage == 1 if full.all() else coverage.astype("f4"))
