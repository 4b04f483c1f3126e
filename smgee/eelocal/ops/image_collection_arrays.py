"""Collections of images as images of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError
from smgee.eelocal.model.arrays import PixelLoop, packed
from smgee.eelocal.model.collection import Collection
from smgee.eelocal.model.image import Band, Image
from smgee.eelocal.model.pixels import Node, Pixels, both
from smgee.eelocal.ops import array as arrays
from smgee.eelocal.ops.image_arrays import concatenation, joint_type
from smgee.eelocal.ops.image_collections import images_of, joint_footprint, stacked_bands
from smgee.eelocal.registry import algorithm

__all__ = ["Present"]


@algorithm("ImageCollection.toArray")
def collection_to_array(collection: Collection) -> Image:
    """Return 2-D arrays: one row per image that is unmasked in all bands, one column per band."""
    images = images_of(collection)
    if not images:
        raise EEError("The collection is empty.")
    count = len(images[0].bands)
    for image in images:
        if any(b.type.dimensions for b in image.bands):
            raise EEError("Bands must have scalar values.")
        if len(image.bands) != count:
            raise EEError("All images must have the same number of bands.")
    flat = [b for i in images for b in i.bands]
    kind = joint_type(flat).array(2)
    node = Rows([b.node for b in flat], count, kind.dtype)
    return Image((Band("array", node, kind),), {}, joint_footprint(images))


@algorithm("ImageCollection.toArrayPerBand")
def to_array_per_band(collection: Collection, axis: int, dropMasked: bool) -> Image:
    """Concatenate the images into arrays, band by band."""
    images = images_of(collection)
    bands = []
    for name, members in stacked_bands(images).items():
        rank = max(max(b.type.dimensions for b in members), axis + 1)
        kind = joint_type(members).array(rank)
        single, dense = concatenation(axis, rank)
        nodes = [b.node for b in members]
        if dropMasked:
            node: Node = Present(nodes, axis, kind.dtype, rank)
        else:
            node = PixelLoop(single, nodes, kind.dtype, rank, dense=dense)
        bands.append(Band(name, node, kind))
    return Image(tuple(bands), {}, joint_footprint(images))


class Rows(PixelLoop):
    """Rows of bands, of those images that have them all; masked where there is no row."""

    __slots__ = ("count",)

    def __init__(self, nodes: Sequence[Node], count: int, dtype: Any):
        super().__init__(lambda *cells: cells, nodes, dtype, 2)
        self.count = count

    def compute(self, grid: Any, inputs: list[Any]) -> Any:
        groups = [inputs[i : i + self.count] for i in range(0, len(inputs), self.count)]
        masks = [both(*(p.mask for p in g)) for g in groups]
        valid = np.stack([m if m.dtype == bool else m > 0 for m in masks])
        block = np.stack([np.stack([p.values for p in g], -1) for g in groups], 2).astype(
            self.dtype
        )  # (h, w, images, bands)
        weight = masks[0].astype("f4")
        for other in masks[1:]:
            weight = np.maximum(weight, other)
        mask: np.ndarray = np.asarray(valid.any(0)) if all(m.dtype == bool for m in masks) else weight
        if valid.all():
            return Pixels(block, mask)
        cells = np.empty(grid.shape, object)
        some = np.asarray(valid.any(0))
        for row, col in zip(*np.nonzero(some), strict=True):
            cells[row, col] = block[row, col][valid[:, row, col]]
        return Pixels(packed(cells, some, self.dtype, 2), mask)


class Present(PixelLoop):
    """Concatenation of the unmasked inputs only."""

    __slots__ = ("axis",)

    def __init__(self, nodes: Sequence[Node], axis: int, dtype: Any, rank: int):
        super().__init__(lambda *cells: cells, nodes, dtype, rank)
        self.axis = axis

    def compute(self, grid: Any, inputs: list[Any]) -> Any:
        valid = np.stack([p.valid for p in inputs])
        mask = np.maximum.reduce([p.mask.astype("f4") for p in inputs])
        some = np.asarray(valid.any(0))
        cells = np.empty(grid.shape, object)
        for row, col in zip(*np.nonzero(some), strict=True):
            parts = [
                arrays.ranked(np.asarray(p.values[row, col]), self.rank)
                for p, ok in zip(inputs, valid[:, row, col], strict=True)
                if ok
            ]
            cells[row, col] = np.concatenate(parts, axis=self.axis).astype(self.dtype)
        return Pixels(
            packed(cells, some, self.dtype, self.rank),
            mask if any(p.mask.dtype != bool for p in inputs) else some,
        )
