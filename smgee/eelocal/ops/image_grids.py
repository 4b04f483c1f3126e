"""Projections of images: asking for them, labelling, pinning, interpolating."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.pixels.warp import Pinned, Resampled, Shifted
from smgee.eelocal.values.image import Image
from smgee.eelocal.values.pixeltype import PixelType
from smgee.eelocal.values.projection import Projection


def target_projection(
    crs: Projection | None,
    transform: Sequence[float] | None,
    scale: float | None,
    default: Projection | None = None,
) -> Projection:
    """Return the projection that `crs`, `crsTransform` and `scale` ask for together; `EEError` when both a
    transform and a scale are given.
    """
    if transform is not None and scale is not None:
        raise EEError("Cannot specify both crsTransform and scale.")
    projection = crs if crs is not None else default
    assert projection is not None
    if transform is not None:
        if len(transform) != 6:
            raise EEError(f"crsTransform must have 6 elements, got {len(transform)}.")
        return projection.with_transform(transform)
    if scale is not None:
        if not scale > 0:
            raise EEError(f"Scale must be positive, got {scale}.")
        return projection.at_scale(scale)
    return projection


@algorithm("Image.projection")
def projection(image: Image) -> Projection:
    """Return the default projection, which all bands must share."""
    first = image.first.projection
    for band in image.bands[1:]:
        if band.projection != first:
            raise EEError(
                "The bands of the specified image contains different projections. Use Image.select() to pick "
                "a single band: "
                f"'{image.first.name}' and '{band.name}' differ."
            )
    return first


@algorithm("Image.setDefaultProjection")
def set_default_projection(image: Image, crs: Projection, crsTransform: Any, scale: float | None) -> Image:
    """Label the image with a projection."""
    target = target_projection(crs, crsTransform, scale)
    return image.with_bands(
        [b if b.projection == target else replace(b, projection=target, extent=None) for b in image.bands]
    )


@algorithm("Image.reproject")
def reproject(image: Image, crs: Projection, crsTransform: Any, scale: float | None) -> Image:
    """Force the computation into a projection."""
    target = target_projection(crs, crsTransform, scale)
    bands = []
    for band in image.bands:
        extent = band.extent if band.projection == target else None
        bands.append(
            replace(band, node=Pinned(band.node, target, band.type.dtype), projection=target, extent=extent)
        )
    return image.with_bands(bands)


@algorithm(
    "Image.resample",
    approximate="weights are multiplied by masks; bicubic is Keys' convolution with a = -1/2, and bilinear "
    "beside masked pixels: not documented",
)
def resample(image: Image, mode: str) -> Image:
    """Interpolate instead of taking the nearest pixel."""
    if mode not in ("bilinear", "bicubic"):
        raise EEError(f"Unknown resampling mode '{mode}': use bilinear or bicubic.")
    bands = []
    for band in image.bands:
        if band.type.dimensions:
            raise EEError("Array images can't be resampled.")
        kind = band.type
        if kind.is_int or mode == "bicubic":
            # Interpolated integers are no integers; bicubic overshoots any range.
            kind = PixelType(
                "double"
                if kind.precision == "double" or (kind.dtype.itemsize > 2 and kind.is_int)
                else "float"
            )
        if band.projection.is_default:
            # On the 1° projection of composites there is nothing to interpolate between: the call has no
            # effect.
            bands.append(band)
            continue
        bands.append(band.holding(Resampled(band.node, band.projection, mode, kind.dtype), kind))
    return image.with_bands(bands)


@algorithm("Image.changeProj")
def change_projection(input: Image, srcProj: Projection, dstProj: Projection) -> Image:
    """Move pixels from their place in one projection to the same coordinates in another."""
    bands = [
        replace(b, node=Shifted(b.node, srcProj, dstProj), projection=dstProj, extent=None)
        for b in input.bands
    ]
    return input.with_bands(bands)


@algorithm("Image.translate")
def translate(input: Image, x: float, y: float, units: str, proj: Projection | None) -> Image:
    """Move the image by metres or pixels."""
    if units not in ("meters", "pixels"):
        raise EEError(f"Unknown units '{units}': use meters or pixels.")
    if not input.bands:
        return input
    base = input.first.projection if proj is None else proj
    if units == "meters":
        dx, dy = x / base.unit_meters, y / base.unit_meters
    else:
        a, b, _, d, e, _ = base.transform
        dx, dy = a * x + b * y, d * x + e * y
    a, b, c, d, e, f = base.transform
    moved = Projection(base.crs, (a, b, c + dx, d, e, f + dy))
    return input.with_bands(
        [replace(band, node=Shifted(band.node, base, moved), extent=None) for band in input.bands]
    )


@algorithm("Image.retile")
def retile(image: Image, size: int) -> Image:
    """Change the tile size of the computation; results do not depend on it."""
    if not 1 <= size <= 32768:
        raise EEError(f"The tile size must be between 1 and 32768, got {size}.")
    return image
