"""Pixel grids of requests: the one a request states, or the image's own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.geometry import is_wgs84
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.plane import crosses_cut, on_plane
from smgee.eelocal.values.projection import Projection
from smgee.errors import InputError
from smgee.grid import PixelGrid, parse_crs, transformer

_WIDE = 30.0  # degrees; the outline of wider footprints need not lie on every map
_HAIR = 0.02  # pixels by which outlines that were taken to longitude and latitude and back overshoot


def footprint_bounds(image: Image, crs: str) -> tuple[float, float, float, float] | None:
    """Return (left, bottom, right, top) of an image's footprint in a CRS; None when it has no bounds."""
    geometry = image.footprint
    if geometry is None or geometry.shape.is_empty:
        return None
    left, bottom, right, top = geometry.shape.bounds
    if not all(math.isfinite(v) for v in (left, bottom, right, top)):
        return None
    if geometry.crs == crs:
        return left, bottom, right, top
    wide = is_wgs84(geometry.crs) and max(right - left, top - bottom) > _WIDE
    if not wide or crosses_cut(geometry, crs):
        bounds = on_plane(geometry, crs).bounds
    else:
        bounds = transformer(geometry.crs, crs).transform_bounds(left, bottom, right, top, densify_pts=21)
    return bounds if all(math.isfinite(v) for v in bounds) else None


def native_grid(image: Image, band: Band | None = None) -> PixelGrid:
    """Return the grid of a band's own pixels: its lattice over its known extent, or over the image's
    footprint; `EEError` when the image has no bounds.
    """
    if not image.bands:
        raise EEError("Image has no bands.")
    band = image.bands[0] if band is None else band
    projection = band.projection
    if band.extent is not None:
        col, row, width, height = band.extent
        return PixelGrid(projection.crs, projection.transform, 0, 0).window(row, col, height, width)
    bounds = footprint_bounds(image, projection.crs)
    if bounds is None:
        raise EEError(
            "Unable to compute the pixels of an image that is unbounded: specify a grid, or clip it to a "
            "region."
        )
    return projection.grid(bounds, slack=_HAIR)


def requested_grid(grid: Mapping[str, Any], image: Image) -> PixelGrid:
    """Return the grid of a request's ``PixelGrid`` message; what it leaves open comes from the image.

    Parameters
    ----------
    grid : mapping
        ``dimensions`` {width, height}, ``affineTransform`` {scaleX, shearX, translateX, shearY, scaleY,
        translateY}, ``crsCode`` or ``crsWkt``; all optional.
    image : Image
        Whose first band's projection and footprint fill the gaps.

    Raises
    ------
    EEError
        For an unknown CRS, or dimensions or a transform that enclose nothing.
    """
    unknown = set(grid) - {"dimensions", "affineTransform", "crsCode", "crsWkt"}
    if unknown:
        raise EEError(
            f"Invalid JSON payload received. Unknown name \"{sorted(unknown)[0]}\" at 'grid': Cannot find "
            "field."
        )
    default = image.bands[0].projection if image.bands else Projection("EPSG:4326")
    crs = str(grid.get("crsCode") or grid.get("crsWkt") or default.crs)
    try:
        parse_crs(crs)
    except InputError as error:
        raise EEError(f"The CRS of a map projection could not be parsed: {crs[:100]}.") from error
    transform = grid.get("affineTransform")
    dimensions = grid.get("dimensions")
    if transform is not None:
        names = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
        values = tuple(float(transform.get(n) or 0.0) for n in names)
        if values[0] * values[4] - values[1] * values[3] == 0:
            raise EEError(
                "The affine transform of the grid is degenerate: scaleX and scaleY must not be zero."
            )
        if dimensions is not None:
            return PixelGrid(crs, values, *_dimensions(dimensions))  # type: ignore[arg-type]
        bounds = footprint_bounds(image, crs)
        if bounds is None:
            raise EEError(
                "Unable to compute the pixels of an image that is unbounded: specify the grid's dimensions."
            )
        return Projection(crs, values).grid(bounds)  # type: ignore[arg-type]
    if dimensions is not None:
        width, height = _dimensions(dimensions)
        bounds = footprint_bounds(image, crs)
        if bounds is None:
            raise EEError(
                "Unable to compute the pixels of an image that is unbounded: specify the grid's "
                "affineTransform."
            )
        left, bottom, right, top = bounds
        return PixelGrid(
            crs, ((right - left) / width, 0.0, left, 0.0, -(top - bottom) / height, top), width, height
        )
    if crs == default.crs:
        return native_grid(image)
    bounds = footprint_bounds(image, crs)
    if bounds is None:
        raise EEError(
            "Unable to compute the pixels of an image that is unbounded: specify the grid's dimensions."
        )
    return Projection(crs).north_up(default.nominal_scale).grid(bounds)


def _dimensions(dimensions: Mapping[str, Any]) -> tuple[int, int]:
    width, height = int(dimensions.get("width") or 0), int(dimensions.get("height") or 0)
    if width <= 0 or height <= 0:
        raise EEError(f"Pixel grid dimensions ({width}x{height}) must be positive.")
    return width, height


def request_bytes(image: Image, grid: PixelGrid) -> int:
    """Return what a request counts for: bytes per sample plus one of mask, times bands, times pixels."""
    return sum(b.type.dtype.itemsize + 1 for b in image.bands) * grid.width * grid.height


def check_size(image: Image, grid: PixelGrid, *, total: int, dimension: int, bands: int) -> None:
    """Refuse what Earth Engine would refuse for its size, with its messages."""
    if len(image.bands) > bands:
        raise EEError(f"Too many bands: {len(image.bands)}. The maximum is {bands}.")
    if max(grid.width, grid.height) > dimension:
        raise EEError(
            f"Pixel grid dimensions ({grid.width}x{grid.height}) must be less than or equal to {dimension}."
        )
    size = request_bytes(image, grid)
    if size > total:
        raise EEError(f"Total request size ({size} bytes) must be less than or equal to {total} bytes.")
