"""Pixels to polygons."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from affine import Affine

from smgee.eelocal.engine.context import Context
from smgee.eelocal.engine.registry import algorithm, call
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.image_regions import (
    aggregation_projection,
    check_tile_scale,
    pixel_column,
    region_of,
    zone_within,
)
from smgee.eelocal.pixels.labels import connected_labels
from smgee.eelocal.pixels.render import compute_pixels
from smgee.eelocal.pixels.zones import Window
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.geometry import Feature, Geometry
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.plane import on_plane
from smgee.eelocal.values.projection import Projection, moved
from smgee.eelocal.values.reducer import Reducer, as_value


@algorithm("Image.reduceToVectors", "Image.reduceToVectorsStreaming")
def reduce_to_vectors(
    context: Context,
    image: Image,
    reducer: Reducer | None,
    geometry: Geometry | None,
    scale: float | None,
    geometryType: str,
    eightConnected: bool,
    labelProperty: str | None,
    crs: Projection | None,
    crsTransform: Any,
    bestEffort: bool,
    maxPixels: float,
    tileScale: float,
    geometryInNativeProjection: bool,
) -> Collection:
    """Turn objects of equal values into features, other bands reduced over each."""
    check_tile_scale(tileScale)
    if geometryType not in ("polygon", "bb", "centroid"):
        raise EEError(f"Unknown geometryType '{geometryType}': use polygon, bb or centroid.")
    label = image.first
    if not label.type.is_int:
        raise EEError(f"The first band '{label.name}' must be of an integer type.")
    counting = reducer is None
    reducer = call(context, "Reducer.countEvery", {}) if reducer is None else reducer
    others = list(image.bands[1:])
    if not counting and reducer.inputs != len(others) and reducer.inputs > 1:
        raise EEError(
            f"Need {reducer.inputs} bands besides the label for Reducer.{reducer.name}, image has "
            f"{len(others)}."
        )
    lattice = aggregation_projection(image, crs, crsTransform, scale)
    region = region_of(image, geometry)

    def features() -> list[Feature]:
        zone, projection = zone_within(image, region, lattice, max_pixels=maxPixels, best_effort=bestEffort)
        window = zone.window
        if window is None:
            return []
        layers = compute_pixels(image, window.grid(projection))
        values, mask = layers[0][1], layers[0][2]
        valid = (mask > 0) & zone.centers(window)
        return _features(values, valid, layers[1:], window, projection)

    def _features(
        values: np.ndarray, valid: np.ndarray, layers: Any, window: Window, projection: Projection
    ) -> list[Feature]:
        labels = connected_labels(values, valid, eightConnected)
        affine = Affine(*projection.transform) * Affine.translation(window.col, window.row)
        shapes = _polygons(labels, affine, eightConnected) if geometryType == "polygon" else {}
        flat = labels.ravel()
        order = np.argsort(flat, kind="stable")
        ids, starts = np.unique(flat[order], return_index=True)
        ends = np.append(starts[1:], len(order))
        result: list[Feature] = []
        for identifier, start, end in zip(ids, starts, ends, strict=True):
            if identifier < 0:
                continue
            at = order[start:end]
            rows, cols = at // labels.shape[1], at % labels.shape[1]
            properties: dict[str, Any] = {}
            if labelProperty is not None:
                properties[labelProperty] = values[rows[0], cols[0]].item()
            properties |= _reduced(rows, cols, layers)
            place = (
                shapes.get(int(identifier))
                if geometryType == "polygon"
                else _simple(rows, cols, affine, geometryType)
            )
            located = Geometry(place, projection.crs, False)
            if not geometryInNativeProjection:
                located = Geometry(on_plane(located, "EPSG:4326"), "EPSG:4326", False)
            result.append(Feature(located, properties, str(len(result))))
        return result

    def _reduced(rows: np.ndarray, cols: np.ndarray, layers: Any) -> dict[str, Any]:
        assert reducer is not None
        if counting or not layers:
            (outcome,) = reducer.reduce([pixel_column(np.ones(len(rows)), None)])
            return {reducer.outputs[0]: as_value(outcome)}
        columns = []
        for _, values, mask in layers:
            columns.append(pixel_column(values[rows, cols], mask[rows, cols].astype("f8")))
        if reducer.inputs > 1:
            return {o: as_value(r) for o, r in zip(reducer.outputs, reducer.reduce(columns), strict=True)}
        found = {}
        for (band, _, _), column in zip(layers, columns, strict=True):
            for output, outcome in zip(reducer.outputs, reducer.reduce([column]), strict=True):
                if len(layers) == 1:
                    name = output
                else:
                    name = band.name if len(reducer.outputs) == 1 else f"{band.name}_{output}"
                found[name] = as_value(outcome)
        return found

    return Collection(features, kind="FeatureCollection")


def _polygons(labels: np.ndarray, affine: Affine, eight: bool) -> dict[int, Any]:
    """Return the outline of every object along pixel edges, a multipolygon where parts only touch at
    corners.
    """
    from rasterio.features import shapes

    ids, compact = np.unique(labels, return_inverse=True)
    compact = compact.reshape(labels.shape).astype(np.int32)
    parts: dict[int, list[Any]] = {}
    for outline, value in shapes(compact, mask=labels >= 0, connectivity=4, transform=affine):
        parts.setdefault(int(ids[int(value)]), []).append(shapely.geometry.shape(outline))
    return {k: v[0] if len(v) == 1 else shapely.MultiPolygon(v) for k, v in parts.items()}


def _simple(rows: np.ndarray, cols: np.ndarray, affine: Affine, kind: str) -> Any:
    if kind == "centroid":
        return shapely.Point(moved(affine, float(cols.mean()) + 0.5, float(rows.mean()) + 0.5))
    corners = [
        (cols.min(), rows.min()),
        (cols.max() + 1, rows.min()),
        (cols.max() + 1, rows.max() + 1),
        (cols.min(), rows.max() + 1),
    ]
    return shapely.Polygon([moved(affine, float(c), float(r)) for c, r in corners])
