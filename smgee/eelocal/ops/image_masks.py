"""Masks, replacement and remapping of values."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.pixels.lattice import nearest_plan
from smgee.eelocal.pixels.vector import Clipped
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.construct import constant_image, spread
from smgee.eelocal.values.geometry import Geometry
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.lazy import Pixels, both, thin
from smgee.eelocal.values.nodes import Apply, Masked, MaskOf, Pointwise, Remask, Replace, Unmask
from smgee.eelocal.values.pixeltype import PixelType
from smgee.grid import PixelGrid

__all__ = ["unmask_image", "update_mask"]


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
    bands, company = [], object()
    for band, fill in zip(image.bands, values, strict=True):
        kind = band.type.union(fill.type)
        node = Unmask(band.node, fill.node, kind.dtype, company)
        bands.append(Band(band.name, node, kind, band.projection, band.extent if same_footprint else None))
    result = image.with_bands(bands)
    if same_footprint:
        # Outside of the footprint the image has no pixels to fill.
        return _clip_to_footprint(result)
    return result.with_footprint(_union(image.footprint, value.footprint))


def _clip_to_footprint(image: Image) -> Image:
    """Mask what lies outside of the bands' own pixels, or of the footprint of an image without pixels of
    its own.
    """
    bands = []
    for band in image.bands:
        if band.extent is not None:
            bands.append(band.holding(Within(band.node, band)))
        elif image.footprint is not None:
            bands.append(band.holding(Clipped(band.node, image.footprint, whole=True)))
        else:
            bands.append(band)
    return image.with_bands(bands)


class Within(Pointwise):
    """Masked outside of a band's extent (its own pixels), by nearest neighbour."""

    __slots__ = ("band",)

    def __init__(self, node: Any, band: Band):
        super().__init__(node)
        self.band = band

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        assert self.band.extent is not None
        col, row, width, height = self.band.extent
        plan = nearest_plan(grid, self.band.projection.window(row, col, height, width), wrap=True)
        (pixels,) = inputs
        if plan is None:
            return Pixels(pixels.values, np.broadcast_to(np.False_, grid.shape))
        if plan.whole:
            return pixels
        inside = plan.apply(
            Pixels(np.ones((plan.height, plan.width), "u1"), np.ones((plan.height, plan.width), bool))
        ).mask
        return Pixels(pixels.values, both(pixels.mask, inside))


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


class Remap(Pointwise):
    """Values looked up in a list; others masked, or set to a default."""

    __slots__ = ("default", "dtype", "keys", "order", "targets")

    def __init__(self, node: Any, keys: np.ndarray, targets: np.ndarray, default: float | None, dtype: Any):
        super().__init__(node)
        self.order = np.argsort(keys, kind="stable")
        self.keys = keys[self.order]
        self.targets = targets[self.order]
        self.default = default
        self.dtype = np.dtype(dtype)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        (pixels,) = inputs
        values = thin(pixels.values).astype("f8", copy=False)
        at = np.minimum(np.searchsorted(self.keys, values), len(self.keys) - 1)
        found = self.keys[at] == values
        result = self.targets[at]
        if self.default is not None:
            result = np.where(found, result, self.default)
        out = np.broadcast_to(result.astype(self.dtype), grid.shape)
        return Pixels(
            out,
            pixels.mask
            if self.default is not None
            else both(pixels.mask, np.broadcast_to(found, grid.shape)),
        )


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
    kind = PixelType.of_value(targets[0])
    for value in targets[1:] + ([] if defaultValue is None else [defaultValue]):
        kind = kind.union(PixelType.of_value(value))
    # Among equal keys the last wins, as in a dictionary filled in order.
    table = dict(zip((float(s) for s in sources), targets, strict=True))
    node = Remap(
        band.node,
        np.array(list(table), "f8"),
        np.array(list(table.values()), kind.dtype),
        defaultValue,
        kind.dtype,
    )
    return image.computed([Band("remapped", node, kind, band.projection, band.extent)])


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
    return input.computed([Band("nd", node, PixelType("float", -1.0, 1.0), a.projection, a.extent)])


class NormalizedDifference(Pointwise):
    """(a − b) / (a + b) in float32 of a float64 quotient where the inputs are wider."""

    __slots__ = ()

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        a, b = (thin(p.values) for p in inputs)
        work = (
            np.dtype("f4")
            if all(
                v.dtype == np.dtype("f4") or (v.dtype.kind in "iu" and v.dtype.itemsize <= 2) for v in (a, b)
            )
            else np.dtype("f8")
        )
        a, b = a.astype(work, copy=False), b.astype(work, copy=False)
        with np.errstate(all="ignore"):
            total = a + b
            values = np.where(total == 0, 0, (a - b) / np.where(total == 0, 1, total)).astype(
                "f4", copy=False
            )
            allowed = (a >= 0) & (b >= 0)
        mask = both(*(p.mask for p in inputs))
        if not allowed.all():
            mask = both(mask, np.broadcast_to(allowed, grid.shape))
        return Pixels(np.broadcast_to(values, grid.shape), mask)


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


class Interpolated(Pointwise):
    """A piecewise linear function of the values."""

    __slots__ = ("behavior", "x", "y")

    def __init__(self, node: Any, x: np.ndarray, y: np.ndarray, behavior: str):
        super().__init__(node)
        self.x, self.y, self.behavior = x, y, behavior

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        (pixels,) = inputs
        v = pixels.values.astype("f8")
        result = np.interp(v, self.x, self.y)
        outside = (v < self.x[0]) | (v > self.x[-1])
        mask = pixels.mask
        if self.behavior == "mask":
            mask = both(mask, ~outside)
        elif self.behavior == "input":
            result = np.where(outside, v, result)
        elif self.behavior == "extrapolate":
            first = (self.y[1] - self.y[0]) / (self.x[1] - self.x[0])
            last = (self.y[-1] - self.y[-2]) / (self.x[-1] - self.x[-2])
            result = np.where(v < self.x[0], self.y[0] + (v - self.x[0]) * first, result)
            result = np.where(v > self.x[-1], self.y[-1] + (v - self.x[-1]) * last, result)
        return Pixels(result, mask)


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
    return image.computed([Band(band.name, node, PixelType("double"), band.projection, band.extent)])
