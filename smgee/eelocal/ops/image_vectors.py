"""Vectors and images: clipping, painting, drawing, features to pixels."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import shapely

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.image_regions import as_feature, region_of
from smgee.eelocal.pixels.stack import output_types
from smgee.eelocal.pixels.vector import (
    Clipped,
    Drawing,
    Gathered,
    Painted,
    Sheet,
    Style,
    footprint_of,
    marker,
)
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.colors import parse_color
from smgee.eelocal.values.geometry import Feature, Geometry, from_geojson
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.lazy import Pick
from smgee.eelocal.values.pixeltype import NAMED_TYPES, PixelType, joint
from smgee.eelocal.values.plane import on_plane
from smgee.eelocal.values.projection import Projection, to_pixels
from smgee.eelocal.values.reducer import Reducer

# -- clipping


def clip_image(image: Image, region: Geometry) -> Image:
    """Return the image inside a region, its footprint and extent cut down to it."""
    if region.unbounded:
        return image
    bands = []
    for band in image.bands:
        extent = band.extent
        if extent is not None:
            extent = _cut(extent, band.projection, region)
        bands.append(replace(band, node=Clipped(band.node, region), extent=extent))
    footprint = region
    if image.footprint is not None:
        shape = shapely.make_valid(on_plane(region, "EPSG:4326"))
        own = shapely.make_valid(on_plane(image.footprint, "EPSG:4326"))
        footprint = Geometry(shape.intersection(own), "EPSG:4326", False)
    return image.with_bands(bands).with_footprint(footprint, clipped=True)


def _cut(
    extent: tuple[int, int, int, int], projection: Projection, region: Geometry
) -> tuple[int, int, int, int]:
    """Return the part of an extent that a region's bounds touch; of no size where they do not meet."""
    col, row, width, height = extent
    shape = on_plane(region, projection.crs)
    if shape.is_empty:
        return col, row, 0, 0
    grid = projection.grid(shape.bounds)
    left, top = projection_offset(projection, grid.transform)
    c0, r0 = max(col, left), max(row, top)
    c1, r1 = min(col + width, left + grid.width), min(row + height, top + grid.height)
    return c0, r0, max(c1 - c0, 0), max(r1 - r0, 0)


def projection_offset(projection: Projection, transform: tuple[float, ...]) -> tuple[int, int]:
    """Return the column and row at which a window of a lattice starts, from the window's transform."""
    col, row = to_pixels(projection.transform, transform[2], transform[5])
    return round(col), round(row)


def _region(value: Any) -> Geometry:
    if isinstance(value, Geometry):
        return value
    if isinstance(value, Feature):
        return value.geometry if value.geometry is not None else Geometry(shapely.Polygon())
    if isinstance(value, Collection):
        return footprint_of([as_feature(e).geometry for e in value]) or Geometry(shapely.Polygon())
    if isinstance(value, dict) and "type" in value:
        return from_geojson(value)
    if isinstance(value, Image):
        return region_of(value, None)
    raise EEError(f"A geometry, feature or collection is required, got {type(value).__name__}.")


@algorithm("Image.clip")
def clip(input: Image, geometry: Any) -> Image:
    """Clip to a geometry or feature."""
    return clip_image(input, _region(geometry))


@algorithm("Image.clipToCollection")
def clip_to_collection(input: Image, collection: Any) -> Image:
    """Clip to the features of a collection."""
    return clip_image(input, _region(collection))


@algorithm("Image.clipToBoundsAndScale")
def clip_to_bounds_and_scale(
    input: Image,
    geometry: Geometry | None,
    width: int | None,
    height: int | None,
    maxDimension: int | None,
    scale: float | None,
) -> Image:
    """Clip to a bounding box in the image's projection, and set the pixels of the result."""
    if sum(v is not None for v in (maxDimension, scale)) + (width is not None or height is not None) > 1:
        raise EEError("Only one of 'width' with 'height', 'maxDimension' and 'scale' may be specified.")
    if (width is None) != (height is None):
        raise EEError("'width' and 'height' must be specified together.")
    if not input.bands:
        return input
    base = input.first.projection
    left, bottom, right, top = on_plane(region_of(input, geometry), base.crs).bounds
    if not (right > left and top > bottom):
        raise EEError("The region has no area.")
    if width is None and maxDimension is None:
        target = base if scale is None else base.at_scale(scale)
        if (
            target.transform[4] > 0 and base.is_default
        ):  # the 1° default counts rows from the south; images do not
            a, b, c, d, e, f = target.transform
            target = target.with_transform((a, b, c, d, -e, f))
        grid = target.grid((left, bottom, right, top))
    else:
        if width is None or height is None:
            assert maxDimension is not None
            ratio = (right - left) / (top - bottom)
            width, height = (
                (maxDimension, max(1, round(maxDimension / ratio)))
                if ratio >= 1
                else (max(1, round(maxDimension * ratio)), maxDimension)
            )
        target = base.with_transform(((right - left) / width, 0.0, left, 0.0, -(top - bottom) / height, top))
        grid = target.window(0, 0, int(height), int(width))
    col, row = projection_offset(target, grid.transform)
    l2, b2, r2, t2 = grid.bounds
    frame = Geometry(shapely.box(l2, b2, r2, t2), base.crs, False)
    bands = [
        replace(b, node=Clipped(b.node, frame), projection=target, extent=(col, row, grid.width, grid.height))
        for b in input.bands
    ]
    outline = on_plane(frame, "EPSG:4326")
    return input.with_bands(bands).with_footprint(Geometry(outline, "EPSG:4326", False), clipped=True)


# -- painting


def _number(feature: Feature, value: Any, what: str) -> Any:
    """Return a number given as such, or as the name of a property."""
    if isinstance(value, str):
        found = feature.properties.get(value)
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            raise EEError(
                f"The property '{value}' of feature '{feature.id}' is "
                f"{'missing' if found is None else 'not a number'}; {what} must be numeric."
            )
        return found
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise EEError(f"{what} must be a number or the name of a property, got {type(value).__name__}.")
    return value


@algorithm("Image.paint")
def paint(image: Image, featureCollection: Collection, color: Any, width: Any) -> Image:
    """Paint features onto every band."""
    features = [as_feature(e) for e in featureCollection]
    values = [_number(f, 0 if color is None else color, "color") for f in features]
    widths = [None if width is None else float(_number(f, width, "width")) for f in features]
    sheet = Sheet([f.geometry for f in features])
    bands = []
    for band in image.bands:
        kinds = (PixelType.of_value(int(v) if float(v).is_integer() else v) for v in set(values))
        kind = joint((band.type, *kinds))
        bands.append(band.holding(Painted(band.node, sheet, values, widths, kind.dtype), kind))
    return image.with_bands(bands)


# -- drawing

_CHANNELS = ("vis-red", "vis-green", "vis-blue")


def _drawn(features: list[Feature], styles: list[Style]) -> Image:
    geometries = [f.geometry for f in features]
    node = Drawing(Sheet(geometries), styles)
    bands = [Band(n, Pick(node, i), NAMED_TYPES["uint8"]) for i, n in enumerate(_CHANNELS)]
    return Image(tuple(bands), {}, None)


@algorithm("Collection.draw")
def draw(collection: Collection, color: str, pointRadius: int, strokeWidth: int) -> Image:
    """Draw features in one colour."""
    features = [as_feature(e) for e in collection]
    paint_color = parse_color(color)
    style = Style(
        paint_color,
        (*paint_color[:3], paint_color[3] * 0.66),
        float(pointRadius),
        "circle",
        float(strokeWidth),
    )
    return _drawn(features, [style] * len(features))


@algorithm("Collection.style")
def style(
    collection: Collection,
    color: str,
    pointSize: int,
    pointShape: str,
    width: float,
    fillColor: str | None,
    styleProperty: str | None,
    neighborhood: int,
    lineType: str,
) -> Image:
    """Draw features, each by its own style where `styleProperty` names one."""
    base = {
        "color": color,
        "pointSize": pointSize,
        "pointShape": pointShape,
        "width": width,
        "fillColor": fillColor,
        "lineType": lineType,
    }
    features = [as_feature(e) for e in collection]
    styles = []
    for feature in features:
        own = feature.properties.get(styleProperty) if styleProperty is not None else None
        if own is not None and not isinstance(own, dict):
            raise EEError(
                f"The style property '{styleProperty}' must hold a dictionary, got {type(own).__name__}."
            )
        styles.append(_style({**base, **(own or {})}))
    return _drawn(features, styles)


def _style(options: dict[str, Any]) -> Style:
    line = options["lineType"]
    if line not in ("solid", "dotted", "dashed"):
        raise EEError(f"Unknown lineType '{line}': use solid, dotted or dashed.")
    stroke = parse_color(options["color"])
    fill = (
        (*stroke[:3], stroke[3] * 0.66)
        if options.get("fillColor") is None
        else parse_color(options["fillColor"])
    )
    marker(options["pointShape"], 1.0)  # refuses unknown shapes now rather than in a tile
    return Style(
        stroke, fill, float(options["pointSize"]), options["pointShape"], float(options["width"]), line
    )


# -- features to pixels


@algorithm("Collection.reduceToImage")
def reduce_to_image(collection: Collection, properties: list[str], reducer: Reducer) -> Image:
    """Reduce properties of the features that hold each pixel."""
    if reducer.inputs and len(properties) != reducer.inputs:
        raise EEError(f"Need {reducer.inputs} properties for Reducer.{reducer.name}, got {len(properties)}.")
    features = [as_feature(e) for e in collection]
    usable = [f for f in features if all(_is_number(f.properties.get(p)) for p in properties)]
    columns = []
    for name in properties:
        values = [f.properties[name] for f in usable]
        whole = all(isinstance(v, int) for v in values)
        columns.append(np.array(values, "i8" if whole and values else "f8"))
    types = [_range(c) for c in columns]
    kinds = output_types(reducer, types, len(usable))
    node = Gathered(Sheet([f.geometry for f in usable]), columns, reducer, kinds)
    bands = [Band(o, Pick(node, i), kinds[i]) for i, o in enumerate(reducer.outputs)]
    return Image(tuple(bands), {}, footprint_of([f.geometry for f in usable]))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _range(column: np.ndarray) -> PixelType:
    if column.dtype.kind == "i" and len(column):
        return PixelType("int", int(column.min()), int(column.max()))
    return PixelType("double")
