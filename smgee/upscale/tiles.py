"""Predictor images pulled to this machine through xee."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import ee
import numpy as np
import xarray as xr

from smgee.grid import PixelGrid
from smgee.session import parallel_requests

__all__ = ["pull_bands"]

# Of the 48 MiB that one answer may hold, each float32 sample takes 4 bytes and one for its mask.
_ANSWER_BYTES = 48 * 1024 * 1024
_SAMPLE_BYTES = 5
_TILE_WIDTH = 512


def pull_bands(image: ee.Image, names: Sequence[str], *, grid: PixelGrid) -> xr.DataArray:
    """Open an image on a pixel grid, all bands of a tile in one request.

    xee asks for one variable at a time, which would make Earth Engine compute a composite once for every band
    that depends on it. So the bands are laid along xee's image axis: one request carries all bands of a tile.

    Parameters
    ----------
    image : ee.Image
        Has the bands `names`.
    names : sequence of str
        Which bands, in order.
    grid : PixelGrid
        The output lattice.

    Returns
    -------
    xarray.DataArray
        (predictor, y, x) float32, lazy, NaN where masked; `y` and `x` are pixel centres in ``grid.crs``.
    """
    layers = ee.ImageCollection(
        [
            image.select([name]).toFloat().rename("value").set({"predictor": k, "system:index": str(k)})
            for k, name in enumerate(names)
        ]
    )
    height = max(1, min(_TILE_WIDTH, _ANSWER_BYTES // (_SAMPLE_BYTES * len(names) * _TILE_WIDTH)))
    with warnings.catch_warnings():
        # xarray cannot know xee's engine-specific dimension coordinates; xee warns of the indices it falls
        # back to.
        warnings.simplefilter("ignore", UserWarning)
        ds = xr.open_dataset(
            layers,
            engine="ee",
            crs=grid.crs,
            crs_transform=grid.transform,
            shape_2d=(grid.width, grid.height),
            io_chunks={"index": len(names), "width": _TILE_WIDTH, "height": height},
            primary_dim_name="predictor",
            primary_dim_property="predictor",
            executor_kwargs={"max_workers": parallel_requests()},
            getitem_kwargs={"max_retries": 0},
        )
    value = ds["value"]
    # xee leaves the pixel size in `scale_factor`, which would corrupt the values on writing.
    value.encoding.clear()
    return value.assign_coords(predictor=list(names))


def bands_of(array: xr.DataArray) -> list[np.ndarray]:
    """Return the (y, x) bands of a loaded (predictor, y, x) array."""
    return list(np.asarray(array.values))
