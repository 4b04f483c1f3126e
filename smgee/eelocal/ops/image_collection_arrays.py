"""Collections of images as images of arrays."""

from __future__ import annotations

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.image_arrays import concatenation
from smgee.eelocal.ops.image_collections import images_of, joint_footprint, stacked_bands
from smgee.eelocal.pixels.arrays import PixelLoop, Present, Rows
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.lazy import Node
from smgee.eelocal.values.pixeltype import joint


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
    kind = joint(b.type for b in flat).array(2)
    node = Rows([b.node for b in flat], count, kind.dtype)
    return Image((Band("array", node, kind),), {}, joint_footprint(images))


@algorithm("ImageCollection.toArrayPerBand")
def to_array_per_band(collection: Collection, axis: int, dropMasked: bool) -> Image:
    """Concatenate the images into arrays, band by band."""
    images = images_of(collection)
    bands = []
    for name, members in stacked_bands(images).items():
        rank = max(max(b.type.dimensions for b in members), axis + 1)
        kind = joint(b.type for b in members).array(rank)
        single, dense = concatenation(axis, rank)
        nodes = [b.node for b in members]
        if dropMasked:
            node: Node = Present(nodes, axis, kind.dtype, rank)
        else:
            node = PixelLoop(single, nodes, kind.dtype, rank, dense=dense)
        bands.append(Band(name, node, kind))
    return Image(tuple(bands), {}, joint_footprint(images))
