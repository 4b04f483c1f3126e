"""Reducing pixels over regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.image_grids import target_projection
from smgee.eelocal.pixels.zones import Window, Zone, make_zone, visit
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.geometry import Feature, Geometry
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.lazy import Pixels
from smgee.eelocal.values.projection import Projection
from smgee.eelocal.values.reducer import Column, Reducer, as_value

_ADVICE = (
    "\nEnsure that you are not aggregating at a higher resolution than you intended; that is the most "
    "frequent cause of this error. "
    "If not, then you may set the 'maxPixels' argument to a limit suitable for your computation; set "
    "'bestEffort' to true to aggregate at "
    "whatever scale results in 'maxPixels' total pixels; or both."
)


def aggregation_projection(
    image: Image, crs: Projection | None, transform: Sequence[float] | None, scale: float | None
) -> Projection:
    """Return the lattice on which an aggregation reads an image; `EEError` when that would be the 1°
    projection of composites and constants, which nobody asked for.
    """
    projection = target_projection(crs, transform, scale, image.first.projection)
    if projection.is_default and scale is None and transform is None:
        raise EEError(
            "The default WGS84 projection is invalid for aggregations. Specify a scale or crs & "
            "crs_transform."
        )
    return projection


def region_of(image: Image, geometry: Geometry | None) -> Geometry:
    """Return the region to work in: the one given, else the image's footprint; `EEError` when neither has
    bounds.
    """
    region = image.footprint if geometry is None else geometry
    if region is None or (not region.shape.is_empty and not all(np.isfinite(region.shape.bounds))):
        raise EEError("A bounded region is required: the image is unbounded, so specify a geometry.")
    return region


def zone_within(
    image: Image, region: Geometry, projection: Projection, *, max_pixels: float, best_effort: bool
) -> tuple[Zone, Projection]:
    """Return a region on a lattice that it does not exceed: coarsened by halves where best effort is asked
    for; `EEError` when the region has more pixels than allowed.
    """
    zone = make_zone(region, projection)
    while zone.size > max_pixels:
        if not best_effort:
            raise EEError(
                f"Too many pixels in the region. Found {zone.size}, but only {int(max_pixels)} allowed."
                + _ADVICE
            )
        projection = projection.scaled(2, 2)
        zone = make_zone(region, projection)
    return zone, projection


def reduce_zones(
    image: Image, zones: Sequence[Zone], projection: Projection, reducer: Reducer
) -> list[list[list[Any]]]:
    """Reduce an image over zones.

    Returns
    -------
    list of list of list
        Per zone, per application of the reducer (one per band if it has one input, else one), the outputs as
        evaluated values.
    """
    bands = image.bands
    single = reducer.inputs <= 1
    if not single and reducer.inputs != len(bands):
        raise EEError(f"Need {reducer.inputs} bands for Reducer.{reducer.name}, image has {len(bands)}.")
    weighted = any(reducer.weights) if reducer.inputs else reducer.weighted
    select = Zone.fractions if weighted else Zone.centers
    groups = [[i] for i in range(len(bands))] if single else [list(range(len(bands)))]

    every = _counts_masked(reducer)

    def work(index: int, window: Window, chosen: np.ndarray, pixels: list[Pixels]) -> list[Any]:
        inside = chosen > 0
        states: list[Any] = []
        for group in groups:
            # Masked pixels are no input; with several inputs a pixel counts where all of them are there.
            take = inside
            if not every:
                for b in group:
                    take = take & pixels[b].valid
                if not take.any():
                    states.append(None)
                    continue
            columns = []
            for b in group:
                weights = None
                if weighted or every:
                    weights = np.minimum(pixels[b].mask[take].astype("f8"), chosen[take])
                columns.append(pixel_column(pixels[b].values[take], weights))
            states.append(reducer.add(reducer.start(()), reducer.prepare(columns)))
        return states

    totals: list[list[Any]] = [[None] * len(groups) for _ in zones]
    for index, states in visit([b.node for b in bands], projection, zones, select, work):
        for g, state in enumerate(states):
            if state is not None:
                have = totals[index][g]
                totals[index][g] = state if have is None else reducer.merge(have, state)
    results = []
    for states in totals:
        finished = []
        for state in states:
            reduced = reducer.finish(reducer.start(()) if state is None else state)
            finished.append([as_value(r) for r in reduced])
        results.append(finished)
    return results


def _counts_masked(reducer: Any) -> bool:
    """Whether masked pixels are input too: `countEvery` counts them."""
    parts = [
        *getattr(reducer, "parts", ()),
        *(r for r in [getattr(reducer, "reducer", None)] if r is not None),
    ]
    return reducer.name == "countEvery" or any(_counts_masked(p) for p in parts)


def pixel_column(values: np.ndarray, weights: np.ndarray | None) -> Column:
    """Return the values of pixels, arrays among them, as one input of a reducer."""
    if values.dtype == object and len(values) and len({v.shape for v in values}) == 1:
        values = np.stack(list(values))
    if values.dtype == object:
        cells = np.empty(len(values), object)
        for i, v in enumerate(values):
            cells[i] = Array(v)
        return Column(cells, weights)
    return Column(values, weights, values.ndim - 1)


def named_outputs(
    image: Image, reducer: Reducer, results: Sequence[Sequence[Any]], *, features: bool = False
) -> dict[str, Any]:
    """Return a reduction's outputs under the names they get.

    One output per band goes by the band's name, several by ``band_output``; reducers of several inputs use
    the output names alone. Regions that are features (`features`) use the output names alone for an image of
    one band too.
    """
    outputs = reducer.outputs
    if reducer.inputs > 1:
        return dict(zip(outputs, results[0], strict=True))
    if features and len(image.bands) == 1:
        return dict(zip(outputs, results[0], strict=True))
    named: dict[str, Any] = {}
    for band, values in zip(image.bands, results, strict=True):
        if len(outputs) == 1:
            named[band.name] = values[0]
        else:
            named |= {f"{band.name}_{o}": v for o, v in zip(outputs, values, strict=True)}
    return named


_WEIGHTS = "weights are the exact parts of pixels inside, of which the service keeps 8 bits"


@algorithm(
    "Image.reduceRegion",
    approximate=f"{_WEIGHTS}; with bestEffort beyond maxPixels the scale is doubled until the region fits: "
    "which one the service takes is not documented",
)
def reduce_region(
    image: Image,
    reducer: Reducer,
    geometry: Geometry | None,
    scale: float | None,
    crs: Projection | None,
    crsTransform: Any,
    bestEffort: bool,
    maxPixels: float,
    tileScale: float,
) -> dict[str, Any]:
    """Reduce an image over one region."""
    check_tile_scale(tileScale)
    if not image.bands:
        return {}
    projection = aggregation_projection(image, crs, crsTransform, scale)
    zone, projection = zone_within(
        image, region_of(image, geometry), projection, max_pixels=maxPixels, best_effort=bestEffort
    )
    (results,) = reduce_zones(image, [zone], projection, reducer)
    return named_outputs(image, reducer, results)


@algorithm("Image.reduceRegions", approximate=_WEIGHTS)
def reduce_regions(
    image: Image,
    collection: Collection,
    reducer: Reducer,
    scale: float | None,
    crs: Projection | None,
    crsTransform: Any,
    tileScale: float,
    maxPixelsPerRegion: float | None,
) -> Collection:
    """Reduce an image over every feature, which gets the results as properties."""
    check_tile_scale(tileScale)
    projection = aggregation_projection(image, crs, crsTransform, scale)

    def features() -> list[Feature]:
        members = [as_feature(e) for e in collection]
        zones = [make_zone(f.geometry, projection) for f in members]
        if maxPixelsPerRegion is not None:
            for feature, zone in zip(members, zones, strict=True):
                if zone.size > maxPixelsPerRegion:
                    raise EEError(
                        f"Too many pixels in the region. Found {zone.size}, but only "
                        f"{int(maxPixelsPerRegion)} allowed (feature '{feature.id}')."
                    )
        results = reduce_zones(image, zones, projection, reducer)
        return [
            replace(f, properties={**f.properties, **named_outputs(image, reducer, r, features=True)})
            for f, r in zip(members, results, strict=True)
        ]

    return Collection(features, collection.properties, kind="FeatureCollection")


def as_feature(element: Any) -> Feature:
    """Return an element of a collection as a feature; an image stands for its footprint; `EEError` when it is
    neither.
    """
    if isinstance(element, Feature):
        return element
    if isinstance(element, Image):
        return Feature(element.footprint, dict(element.properties), element.properties.get("system:index"))
    if isinstance(element, Geometry):
        return Feature(element, {})
    raise EEError(f"A feature is required, got {type(element).__name__}.")


def check_tile_scale(scale: float) -> None:
    """Refuse a tileScale out of range; results do not depend on it."""
    if not 0.1 <= scale <= 16:
        raise EEError(f"tileScale must be between 0.1 and 16, got {scale}.")
