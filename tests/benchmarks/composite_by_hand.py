"""The composites of `tests.benchmarks.composite` without Earth Engine: rioxarray or odc-stac, and dask."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rioxarray
import xarray as xr

from smgee.datasets import ROLES, fmask_bits
from smgee.grid import PixelGrid
from tests.benchmarks.granules import granules

MASK = ("cloud", "adjacent", "shadow")


def with_rioxarray(
    files: list[Path], place: tuple[int, int, int], center: date, median: Callable[[Any], Any]
) -> np.ndarray:
    """Composite lazily with rioxarray and dask: chunks of two by two blocks, Fmask once per scene, all
    bands at once.
    """
    row, col, edge = place
    window = {"y": slice(row, row + edge), "x": slice(col, col + edge)}
    bits = fmask_bits(MASK)
    scenes = []
    with ExitStack() as stack:
        for _, layers in granules(files, center - timedelta(days=8), center + timedelta(days=8)):

            def opened(path: Path) -> xr.DataArray:
                array = stack.enter_context(
                    rioxarray.open_rasterio(path, chunks={"x": 512, "y": 512}, cache=False)
                )
                return array.isel(band=0, drop=True).isel(window)

            quality = opened(layers["Fmask"])
            clear = ((quality & bits) == 0) & (quality != 255)
            bands = []
            for role in ROLES:
                stored = opened(layers[role])
                bands.append((stored.astype("f4") * np.float32(1e-4)).where(clear & (stored != -9999)))
            scenes.append(xr.concat(bands, "band"))
        return computed(median(xr.concat(scenes, "time").chunk(time=-1)))


def computed(cube: Any) -> np.ndarray:
    """Return the values of a lazy cube; NumPy warns of pixels without any observation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return cube.compute().values


def plain_median(cube: Any) -> Any:
    """The median as everyone writes it."""
    return cube.median("time", skipna=True)


def sorted_median(cube: Any) -> Any:
    """The median as an expert may write it: NaN sort last, so that the middle is at half the count."""

    def compute(block: np.ndarray) -> np.ndarray:
        ordered = np.sort(block, axis=-1)
        count = (~np.isnan(block)).sum(-1, keepdims=True)
        low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, -1)
        high = np.take_along_axis(ordered, np.minimum(count // 2, block.shape[-1] - 1), -1)
        return ((low + high) / 2)[..., 0]

    return xr.apply_ufunc(
        compute, cube, input_core_dims=[["time"]], dask="parallelized", output_dtypes=["f4"]
    )


def with_odc(files: list[Path], grid: PixelGrid, center: date, median: Callable[[Any], Any]) -> np.ndarray:
    """Composite lazily with odc-stac and dask."""
    import odc.stac
    import pystac
    from odc.geo.geobox import GeoBox

    items = []
    for number, (_, layers) in enumerate(
        granules(files, center - timedelta(days=8), center + timedelta(days=8))
    ):
        west, south, east, north = -106, 40, -103, 42
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        moment = datetime(center.year, center.month, center.day, number, tzinfo=UTC)
        item = pystac.Item(
            str(number),
            {"type": "Polygon", "coordinates": [ring]},
            [west, south, east, north],
            moment,
            {"proj:epsg": 32613},
        )
        item.collection_id = "hls"
        item.stac_extensions.append("https://stac-extensions.github.io/projection/v1.1.0/schema.json")
        for role, path in layers.items():
            item.add_asset(
                role, pystac.Asset(str(path), media_type="image/tiff; application=geotiff", roles=["data"])
            )
        items.append(item)
    box = GeoBox(grid.shape, grid.affine, grid.crs)
    config = {
        "hls": {
            "assets": {
                "*": {"data_type": "int16", "nodata": -9999},
                "Fmask": {"data_type": "uint8", "nodata": 255},
            }
        }
    }
    cube = odc.stac.load(
        items, bands=[*ROLES, "Fmask"], geobox=box, chunks={"x": 512, "y": 512}, stac_cfg=config
    )
    clear = ((cube["Fmask"] & fmask_bits(MASK)) == 0) & (cube["Fmask"] != 255)
    bands = [(cube[r].astype("f4") * np.float32(1e-4)).where(clear & (cube[r] != -9999)) for r in ROLES]
    return computed(median(xr.concat(bands, "band").chunk(time=-1)))
