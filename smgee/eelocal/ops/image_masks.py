"""Masks, replacement and remapping of values."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import shapely

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.pixels.mapped import Interpolated, NormalizedDifference, Remap, Within
from smgee.eelocal.pixels.vector import Clipped
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.construct import constant_image, spread
from smgee.eelocal.values.geometry import Geometry
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.lazy import Node
from smgee.eelocal.values.nodes import Apply, Masked, MaskOf, Remask, Replace, Unmask
from smgee.eelocal.values.pixeltype import PixelType, joint
from smgee.eelocal.values.plane import on_plane


def update_mask(image: Image, mask: Image) -> Image:
    """Return the image with its mask multiplied by the values of another image."""
    masks = spread(mask, len(image.bands), what="mask")
    return image.with_bands(
        [b.holding(Masked(b.node, m.node)) for b, m in zip(image.bands, masks, strict=True)]
    )


@algorithm("Image.updateMask")
def update_mask_of(image: Image, mask: Image) -> Image:
    """Narrow the mask."""
    return update_mask(image, mask)


@algorithm("Image.selfMask")
def self_mask(image: Image) -> Image:
    """Mask where the value is 0."""
    return image.with_bands([b.holding(Masked(b.node, b.node)) for b in image.bands])


@algorithm("Image.mask")
def mask_of(image: Image, mask: Image | None) -> Image:
    """Return the mask as an image, or set it."""
    if mask is None:
        kind = PixelType("float", 0.0, 1.0)
        return image.with_bands([b.holding(MaskOf(b.node), kind) for b in image.bands])
    masks = spread(mask, len(image.bands), what="mask")
    return image.with_bands(
        [b.holding(Remask(b.node, m.node, b.type)) for b, m in zip(image.bands, masks, strict=True)]
    )


def unmask_image(image: Image, value: Image, *, same_footprint: bool = True) -> Image:
    """Return the image with another's values and mask where it is masked."""
    values = spread(value, len(image.bands), what="value")
    inside = _inside(image) if same_footprint else lambda band, fill: fill
    bands, company = [], object()
    for band, fill in zip(image.bands, values, strict=True):
        kind = band.type.union(fill.type)
        node = Unmask(band.node, inside(band, fill.node), kind.dtype, company)
        bands.append(Band(band.name, node, kind, band.projection, band.extent if same_footprint else None))
    result = image.with_bands(bands)
    if same_footprint:
        return result
    clipped = image.clipped or value.clipped
    return result.with_footprint(_union(image.footprint, value.footprint), clipped=clipped)


def _inside(image: Image) -> Callable[[Band, Node], Node]:
    """Return how to mask what lies outside of a band's own pixels and of the image's footprint.

    An asset's footprint that is no more than the outline of those pixels says nothing that they do not.
    """
    outlines: dict[tuple[Any, Any], bool] = {}

    def inside(band: Band, node: Node) -> Node:
        if band.extent is not None:
            node = Within(node, band)
            key = band.projection, band.extent
            if key not in outlines:
                outlines[key] = image.footprint is None or (
                    not image.clipped and _frames(image.footprint, band)
                )
            if outlines[key]:
                return node
        return node if image.footprint is None else Clipped(node, image.footprint, whole=True)

    return inside


def _frames(footprint: Geometry, band: Band) -> bool:
    """Whether a footprint holds all of a band's pixels, but for some of the outermost: outlines of a few
    vertices in longitude and latitude follow the edges of a map nearly.
    """
    assert band.extent is not None
    col, row, width, height = band.extent
    edge = max(1, max(width, height) // 100)
    if min(width, height) <= 2 * edge:
        return False
    inner = band.projection.window(row + edge, col + edge, height - 2 * edge, width - 2 * edge)
    return bool(shapely.covers(on_plane(footprint, inner.crs), shapely.box(*inner.bounds)))


def _union(first: Geometry | None, second: Geometry | None) -> Geometry | None:
    """Return the joint footprint; None (everywhere) where one is unbounded."""
    if first is None or second is None:
        return None
    if first.crs == second.crs:
        return Geometry(first.shape.union(second.shape), first.crs, first.geodesic)
    return None


@algorithm("Image.unmask")
def unmask(input: Image, value: Image | None, sameFootprint: bool) -> Image:
    """Fill masked pixels."""
    return unmask_image(input, constant_image(0) if value is None else value, same_footprint=sameFootprint)


@algorithm("Image.where")
def where(input: Image, test: Image, value: Image) -> Image:
    """Replace pixels where a test is not 0."""
    count = len(input.bands)
    tests, values = spread(test, count, what="test"), spread(value, count, what="value")
    bands = []
    for band, t, v in zip(input.bands, tests, values, strict=True):
        if t.type.dimensions:
            raise EEError("Image.where: the test may not be an array image.")
        kind = band.type.union(v.type)
        bands.append(band.holding(Replace(band.node, t.node, v.node, kind.dtype), kind))
    return input.with_bands(bands)


def _flat(values: Any, name: str) -> list[Any]:
    if isinstance(values, Array):
        values = values.values.ravel().tolist()
    flat: list[Any] = []
    for value in values:
        flat += _flat(value, name) if isinstance(value, (list, Array)) else [value]
    if any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in flat):
        raise EEError(f"Image.remap: '{name}' must hold numbers.")
    return flat


@algorithm("Image.remap")
def remap(image: Image, from_: Any, to: Any, defaultValue: Any, bandName: str | None) -> Image:
    """Look values up in a list."""
    sources, targets = _flat(from_, "from"), _flat(to, "to")
    if len(sources) != len(targets) or not sources:
        raise EEError(
            f"Lists 'from' and 'to' must have the same size, and not be empty; got {len(sources)} and "
            f"{len(targets)}."
        )
    band = image.first if bandName is None else image.band(bandName)
    kind = joint(map(PixelType.of_value, targets + ([] if defaultValue is None else [defaultValue])))
    # Among equal keys the last wins, as in a dictionary filled in order.
    table = dict(zip((float(s) for s in sources), targets, strict=True))
    node = Remap(
        band.node,
        np.array(list(table), "f8"),
        np.array(list(table.values()), kind.dtype),
        defaultValue,
        kind.dtype,
    )
    return image.computed([band.holding(node, kind, name="remapped")])


@algorithm("Image.normalizedDifference")
def normalized_difference(input: Image, bandNames: list[str] | None) -> Image:
    """Compute (a − b) / (a + b); masked where a or b is negative, 0 where both are 0."""
    if bandNames is None:
        if len(input.bands) < 2:
            raise EEError(f"Two bands are required, got {len(input.bands)}.")
        a, b = input.bands[:2]
    else:
        if len(bandNames) != 2:
            raise EEError(f"Exactly two band names are required, got {len(bandNames)}.")
        a, b = (input.band(n) for n in bandNames)
    node = NormalizedDifference(a.node, b.node)
    return input.computed([a.holding(node, PixelType("float", -1.0, 1.0), name="nd")])


@algorithm("Image.clamp")
def clamp(input: Image, low: float, high: float) -> Image:
    """Limit values to a range; types stay."""
    bands = []
    for band in input.bands:
        kind = band.type
        least, most = (int(np.ceil(low)), int(np.floor(high))) if kind.is_int else (low, high)
        if kind.is_int:
            lowest, highest = kind.bounds
            target = kind.ranging(min(max(lowest, least), most), max(min(highest, most), least))
        else:
            target = kind.ranging(low, high)
        dtype = np.result_type(kind.dtype, target.dtype)
        bands.append(
            band.holding(
                Apply(
                    lambda v, a=least, b=most, t=dtype: np.clip(v.astype(t), a, b), (band.node,), target.dtype
                ),
                target,
            )
        )
    return input.computed(bands)


@algorithm("Image.unitScale")
def unit_scale(input: Image, low: float, high: float) -> Image:
    """Scale [low, high] to [0, 1]; not clamped, always floating point."""
    if low == high:
        raise EEError(f"low and high must differ, got {low} for both.")
    bands = []
    for band in input.bands:
        kind = PixelType("double" if band.type.precision == "double" else "float")
        bands.append(
            band.holding(
                Apply(lambda v: (v.astype("f8") - low) / (high - low), (band.node,), kind.dtype), kind
            )
        )
    return input.computed(bands)


@algorithm("Image.polynomial")
def polynomial(image: Image, coefficients: list[float]) -> Image:
    """Evaluate a polynomial, coefficients in increasing order of degree."""
    terms = np.asarray(coefficients or [0.0])

    def value(v: np.ndarray) -> np.ndarray:
        return np.polynomial.polynomial.polyval(v.astype("f8"), terms)

    bands = []
    for band in image.bands:
        kind = band.type.real()
        bands.append(band.holding(Apply(value, (band.node,), kind.dtype), kind))
    return image.computed(bands)


@algorithm("Image.interpolate")
def interpolate(image: Image, x: list[float], y: list[float], behavior: str) -> Image:
    """Map the first band through a piecewise linear function."""
    if behavior not in ("extrapolate", "clamp", "input", "mask"):
        raise EEError(f"Unknown behavior '{behavior}': use extrapolate, clamp, mask or input.")
    if len(x) != len(y) or len(x) < 2:
        raise EEError(f"x and y must have the same length, at least 2; got {len(x)} and {len(y)}.")
    if any(b <= a for a, b in itertools.pairwise(x)):
        raise EEError("The x values must be strictly increasing.")
    band = image.first
    node = Interpolated(band.node, np.array(x, "f8"), np.array(y, "f8"), behavior)
    return image.computed([band.holding(node, PixelType("double"))])
