"""Reducing across bands, and to coarser resolutions."""

from __future__ import annotations

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.image_collections import plain
from smgee.eelocal.pixels.resolution import Coarsened
from smgee.eelocal.pixels.stack import ReducedStack, SimpleStack, output_names, output_types, simple_type
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.pixeltype import joint
from smgee.eelocal.values.reducer import Reducer


@algorithm("Image.reduce")
def reduce(image: Image, reducer: Reducer) -> Image:
    """Reduce the bands of each pixel."""
    place = image.first
    if reducer.inputs > 1:
        raise EEError(f"The reducer must have a single input, Reducer.{reducer.name} has {reducer.inputs}.")
    nodes = [b.node for b in image.bands]
    if plain(reducer):
        kind = simple_type(reducer.name, [b.type for b in image.bands])
        stack = SimpleStack(reducer.name, nodes, kind, reducer)
        return image.computed([place.holding(stack, kind, name=reducer.name)])
    kinds = output_types(reducer, [joint(b.type for b in image.bands)], len(nodes))
    node = ReducedStack(reducer, [nodes], kinds)
    return image.computed(place.holding_parts(node, reducer.outputs, kinds))


@algorithm("Image.reduceResolution")
def reduce_resolution(image: Image, reducer: Reducer, bestEffort: bool, maxPixels: int) -> Image:
    """Reduce all the pixels of the image's own lattice under each pixel asked for."""
    bands: list[Band] = []
    for band in image.bands:
        if band.projection.is_default:
            raise EEError(
                "The image has no fixed projection to reduce from; use setDefaultProjection or reproject "
                "first."
            )
        if band.type.dimensions:
            raise EEError(f"Band '{band.name}' has array pixels; scalars are required.")
    groups = [[b] for b in image.bands] if reducer.inputs <= 1 else [list(image.bands)]
    if reducer.inputs > 1 and len(image.bands) != reducer.inputs:
        raise EEError(
            f"Need {reducer.inputs} bands for Reducer.{reducer.name}, image has {len(image.bands)}."
        )
    for group in groups:
        kinds = output_types(reducer, [b.type for b in group])
        place = group[0]
        if any(b.projection != place.projection for b in group):
            raise EEError("The bands must share one projection.")
        node = Coarsened(
            [b.node for b in group],
            place.projection,
            reducer,
            kinds,
            most=int(maxPixels),
            best_effort=bestEffort,
        )
        names = reducer.outputs if reducer.inputs > 1 else output_names(place, reducer)
        bands += place.holding_parts(node, names, kinds)
    return image.computed(bands)
