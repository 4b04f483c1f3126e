"""Pixels as features: samples, regions, rectangles, and time series of collections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry import Point

from smgee.eelocal.engine.context import Context
from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.image_collections import images_of, stacked_bands
from smgee.eelocal.ops.image_grids import target_projection
from smgee.eelocal.ops.image_regions import aggregation_projection, as_feature, region_of
from smgee.eelocal.pixels.randomness import uniform_at
from smgee.eelocal.pixels.render import compute_pixels
from smgee.eelocal.pixels.zones import Window, Zone, make_zone, visit
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.geometry import Feature, Geometry
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.lazy import Pixels
from smgee.eelocal.values.plane import on_plane
from smgee.eelocal.values.projection import Projection
from smgee.eelocal.values.size import MOST_NUMBERS, check_size
from smgee.grid import transformer

Sampled = tuple[
    np.ndarray, np.ndarray, list[np.ndarray], list[np.ndarray]
]  # rows, cols, values per band, valid per band

_MOST_SAMPLED = 4 * MOST_NUMBERS  # half a gigabyte


def sample_zones(
    image: Image,
    zones: Sequence[Zone],
    projection: Projection,
    *,
    keep: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> list[Sampled]:
    """Return the pixels whose centres lie in zones, row by row.

    Parameters
    ----------
    image : Image
        What to sample.
    zones : sequence of Zone
        Where.
    projection : Projection
        The lattice of the zones.
    keep : callable, optional
        Takes (rows, cols) of the lattice and returns which pixels to keep.

    Returns
    -------
    list of (rows, cols, values, valid)
        Per zone; rows and cols of the lattice, and per band the values with whether they are unmasked.
    """
    parts: list[list[Sampled]] = [[] for _ in zones]

    def select(zone: Zone, window: Window) -> np.ndarray:
        inside = zone.centers(window)
        if keep is not None and inside.any():
            rows, cols = np.nonzero(inside)
            inside[rows, cols] = keep(rows + window.row, cols + window.col)
        return inside

    def work(index: int, window: Window, chosen: np.ndarray, pixels: list[Pixels]) -> Sampled:
        rows, cols = np.nonzero(chosen)
        return (
            rows + window.row,
            cols + window.col,
            [p.values[rows, cols] for p in pixels],
            [p.valid[rows, cols] for p in pixels],
        )

    count, taken = len(image.bands), 0
    if keep is None:  # about as many: masked ones are left out later
        check_size(0.9 * sum(zone.size for zone in zones) * (2 + count), _MOST_SAMPLED)
    for index, part in visit([b.node for b in image.bands], projection, zones, select, work):
        taken += len(part[0])
        check_size(taken * (2 + count), _MOST_SAMPLED)
        parts[index].append(part)
    results: list[Sampled] = []
    for pieces in parts:
        if not pieces:
            empty = np.empty(0, np.int64)
            results.append((empty, empty, [np.empty(0)] * count, [np.empty(0, bool)] * count))
            continue
        rows, cols = np.concatenate([p[0] for p in pieces]), np.concatenate([p[1] for p in pieces])
        order = np.lexsort((cols, rows))
        values = [_joined([p[2][b] for p in pieces])[order] for b in range(count)]
        valid = [np.concatenate([p[3][b] for p in pieces])[order] for b in range(count)]
        results.append((rows[order], cols[order], values, valid))
    return results


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Concatenate pixel values, arrays of different shapes included."""
    if len({p.shape[1:] for p in parts}) == 1 and all(p.dtype == parts[0].dtype for p in parts):
        return np.concatenate(parts)
    cells = [np.asarray(v) for p in parts for v in p]
    out = np.empty(len(cells), object)
    for i, cell in enumerate(cells):
        out[i] = cell
    return out


def as_number(value: Any) -> Any:
    """Return one pixel's value as a property: a number, or an Array."""
    if isinstance(value, np.ndarray) and (value.ndim or value.dtype == object):
        return Array(value)
    return value.item() if isinstance(value, (np.generic, np.ndarray)) else value


def _points(projection: Projection, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Return the (n, 2) longitudes and latitudes of pixel centres."""
    a, b, c, d, e, f = projection.transform
    x, y = a * (cols + 0.5) + b * (rows + 0.5) + c, d * (cols + 0.5) + e * (rows + 0.5) + f
    if projection.crs != "EPSG:4326":
        x, y = transformer(projection.crs, "EPSG:4326").transform(x, y)
    return np.column_stack([x, y])


def _properties(
    names: Sequence[str], values: Sequence[np.ndarray], valid: Sequence[np.ndarray], at: int
) -> dict[str, Any]:
    return {n: as_number(v[at]) if ok[at] else None for n, v, ok in zip(names, values, valid, strict=True)}


def _complete(valid: Sequence[np.ndarray]) -> np.ndarray:
    return np.logical_and.reduce(valid)


@algorithm(
    "Image.sample",
    approximate="with numPixels or factor: drawn from other random numbers, reproducible by the seed",
)
def sample(
    image: Image,
    region: Geometry | None,
    scale: float | None,
    projection: Projection | None,
    factor: float | None,
    numPixels: int | None,
    seed: int,
    dropNulls: bool,
    tileScale: float,
    geometries: bool,
) -> Collection:
    """Sample the pixels of a region, all or a random part of them."""
    if factor is not None and numPixels is not None:
        raise EEError("Only one of 'factor' and 'numPixels' may be specified.")
    if factor is not None and not 0 < factor <= 1:
        raise EEError(f"factor must be in (0, 1], got {factor}.")
    lattice = aggregation_projection(image, projection, None, scale)

    def features() -> list[Feature]:
        zone = make_zone(region_of(image, region), lattice)
        share = 1.0
        if factor is not None:
            share = factor
        elif numPixels is not None:
            share = min(1.0, numPixels / max(zone.size, 1))
        keep = None if share >= 1 else lambda rows, cols: uniform_at(rows, cols, seed) < share
        ((rows, cols, values, valid),) = sample_zones(image, [zone], lattice, keep=keep)
        return _features(image, lattice, rows, cols, values, valid, drop=dropNulls, geometries=geometries)

    return Collection(features, {"band_order": image.names}, kind="FeatureCollection")


def _check_number(features: int, columns: int) -> None:
    """Refuse to make more features than a request can hold: each weighs as some eight items, and columns."""
    check_size(features * (8 + columns))


def _features(
    image: Image,
    lattice: Projection,
    rows: np.ndarray,
    cols: np.ndarray,
    values: Sequence[np.ndarray],
    valid: Sequence[np.ndarray],
    *,
    drop: bool,
    geometries: bool,
) -> list[Feature]:
    points = _points(lattice, rows, cols) if geometries else None
    complete = _complete(valid) if drop else np.ones(len(rows), bool)
    _check_number(int(complete.sum()), len(image.names))
    features: list[Feature] = []
    for number in np.flatnonzero(complete).tolist():
        place = None if points is None else Geometry(Point(points[number]), "EPSG:4326")
        features.append(Feature(place, _properties(image.names, values, valid, number), str(len(features))))
    return features


@algorithm("Image.sampleRegions")
def sample_regions(
    image: Image,
    collection: Collection,
    properties: list[str] | None,
    scale: float | None,
    projection: Projection | None,
    tileScale: float,
    geometries: bool,
) -> Collection:
    """Turn every pixel of every region into a feature; pixels with a masked band are left out."""
    lattice = aggregation_projection(image, projection, None, scale)

    def features() -> list[Feature]:
        members = [as_feature(e) for e in collection]
        zones = [make_zone(f.geometry, lattice) for f in members]
        results: list[Feature] = []
        for feature, (rows, cols, values, valid) in zip(
            members, sample_zones(image, zones, lattice), strict=True
        ):
            names = (
                [n for n in feature.properties if not n.startswith("system:")]
                if properties is None
                else properties
            )
            carried = {n: feature.properties.get(n) for n in names}
            points = _points(lattice, rows, cols) if geometries else None
            taken = np.flatnonzero(_complete(valid)).tolist()
            _check_number(len(results) + len(taken), len(names) + len(image.names))
            for number, at in enumerate(taken):
                place = None if points is None else Geometry(Point(points[at]), "EPSG:4326")
                identifier = f"{feature.id}_{number}" if feature.id is not None else str(len(results))
                results.append(
                    Feature(place, {**carried, **_properties(image.names, values, valid, at)}, identifier)
                )
        return results

    return Collection(features, {"band_order": image.names}, kind="FeatureCollection")


@algorithm("Image.stratifiedSample", approximate="drawn from other random numbers, reproducible by the seed")
def stratified_sample(
    image: Image,
    numPoints: int,
    classBand: str | None,
    region: Geometry | None,
    scale: float | None,
    projection: Projection | None,
    seed: int,
    classValues: list[int] | None,
    classPoints: list[int] | None,
    dropNulls: bool,
    tileScale: float,
    geometries: bool,
) -> Collection:
    """Sample a number of pixels of every class."""
    label = image.first if classBand is None else image.band(classBand)
    if not label.type.is_int:
        raise EEError(f"The class band '{label.name}' must be of an integer type.")
    if (classValues is None) != (classPoints is None) or len(classValues or ()) != len(classPoints or ()):
        raise EEError("classValues and classPoints must be given together and have the same size.")
    wanted = dict(zip(classValues or (), classPoints or (), strict=True))
    lattice = aggregation_projection(image, projection, None, scale)

    def features() -> list[Feature]:
        zone = make_zone(region_of(image, region), lattice)
        ((rows, cols, values, valid),) = sample_zones(image, [zone], lattice)
        which = image.names.index(label.name)
        usable = _complete(valid) if dropNulls else valid[which]
        order = np.argsort(uniform_at(rows, cols, seed), kind="stable")
        chosen = []
        for value in np.unique(values[which][usable]):
            members = order[(usable & (values[which] == value))[order]]
            chosen.append(np.sort(members[: wanted.get(int(value), numPoints)]))
        keep = np.concatenate(chosen) if chosen else np.empty(0, np.int64)
        taken = [v[keep] for v in values], [v[keep] for v in valid]
        return _features(
            image, lattice, rows[keep], cols[keep], *taken, drop=dropNulls, geometries=geometries
        )

    return Collection(features, {"band_order": image.names}, kind="FeatureCollection")


@algorithm("Image.sampleRectangle")
def sample_rectangle(
    context: Context,
    image: Image,
    region: Geometry | None,
    properties: list[str] | None,
    defaultValue: float | None,
    defaultArrayValue: Array | None,
) -> Feature:
    """Return a rectangle of pixels as one array per band, each on the band's own lattice."""
    area = region_of(image, region)
    names = [n for n in image.properties if not n.startswith("system:")] if properties is None else properties
    found: dict[str, Any] = {n: image.properties.get(n) for n in names}
    for band in image.bands:
        lattice = band.projection
        grid = lattice.grid(on_plane(area, lattice.crs).bounds)
        if grid.width * grid.height > context.limits.region_values // 4:
            raise EEError(
                f"Too many pixels in sample; must be <= {context.limits.region_values // 4}. Got "
                f"{grid.width * grid.height}."
            )
        ((_, values, mask),) = compute_pixels(image.with_bands([band]), grid)
        valid = mask if mask.dtype == bool else mask > 0
        if band.type.dimensions and not valid.any() and defaultArrayValue is not None:
            found[band.name] = Array(
                np.broadcast_to(
                    defaultArrayValue.values, (*grid.shape, *defaultArrayValue.values.shape)
                ).copy()
            )
            continue
        if not valid.all():
            if band.type.dimensions:
                if defaultArrayValue is None or defaultArrayValue.values.shape != values.shape[2:]:
                    raise EEError(
                        f"Fully or partially masked band '{band.name}': set a matching defaultArrayValue."
                    )
                values = np.where(
                    valid.reshape(*grid.shape, *(1,) * (values.ndim - 2)), values, defaultArrayValue.values
                )
            else:
                if defaultValue is None:
                    raise EEError(
                        f"The band '{band.name}' is masked or out of footprint in part of the region. Set "
                        "'defaultValue' to fill it."
                    )
                filled = band.type.union(
                    band.type.of_value(
                        defaultValue if not float(defaultValue).is_integer() else int(defaultValue)
                    )
                )
                values = np.where(valid, values.astype(filled.dtype), defaultValue).astype(filled.dtype)
        found[band.name] = Array(values)
    return Feature(area, found, image.properties.get("system:index"))


@algorithm("ImageCollection.getRegion")
def get_region(
    context: Context,
    collection: Collection,
    geometry: Geometry,
    scale: float | None,
    crs: Projection | None,
    crsTransform: Any,
) -> list[list[Any]]:
    """Return a table: a header, then id, longitude, latitude, time and bands of every image at every
    pixel.
    """
    lattice = target_projection(crs, crsTransform, scale, Projection("EPSG:4326"))
    if lattice.is_default and scale is None and crsTransform is None:
        raise EEError(
            "The default WGS84 projection is invalid for aggregations. Specify a scale or crs & "
            "crs_transform."
        )
    images = images_of(collection)
    names = list(stacked_bands(images))
    header = ["id", "longitude", "latitude", "time", *names]
    zone = make_zone(geometry, lattice)
    if zone.window is None or not images:
        return [header]
    count = zone.size * len(names) * len(images)
    if count > context.limits.region_values:
        raise EEError(
            f"Too many values: {zone.size} points x {len(names)} bands x {len(images)} images > "
            f"{context.limits.region_values}."
        )
    flat = [b for image in images for b in image.bands]
    everything = Image(tuple(flat))
    ((rows, cols, values, valid),) = sample_zones(everything, [zone], lattice)
    points = _points(lattice, rows, cols)
    reach = [_covers(image, points) for image in images]
    table: list[list[Any]] = [header]
    starts = np.cumsum([0, *(len(i.bands) for i in images)])
    for at in range(len(rows)):
        for number, image in enumerate(images):
            if not reach[number][at]:
                continue
            cells = {
                b.name: as_number(values[starts[number] + k][at]) if valid[starts[number] + k][at] else None
                for k, b in enumerate(image.bands)
            }
            time = image.properties.get("system:time_start")
            table.append(
                [
                    image.properties.get("system:index"),
                    float(points[at, 0]),
                    float(points[at, 1]),
                    getattr(time, "ms", time),
                    *(cells.get(n) for n in names),
                ]
            )
    return table


def _covers(image: Image, points: np.ndarray) -> np.ndarray:
    """Return which longitudes and latitudes lie in an image's footprint."""
    footprint = image.footprint
    if footprint is None:
        return np.ones(len(points), bool)
    shape = footprint.shape
    if footprint.crs != "EPSG:4326":
        shape = on_plane(footprint, "EPSG:4326")
    if not all(np.isfinite(shape.bounds)):
        return np.ones(len(points), bool)
    shapely.prepare(shape)
    return shapely.intersects_xy(shape, points[:, 0], points[:, 1])
