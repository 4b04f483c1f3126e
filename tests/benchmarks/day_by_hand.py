"""The day of `tests.benchmarks.day` without Earth Engine: by rasterio and numpy, and by odc-stac and dask.

Each way reads the same files and gives the same 17 means. They are written as by somebody who wants them
fast: threads over strips that end where the blocks of the files do, files opened once per thread, medians by
sorting.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from smgee.datasets import ROLES, fmask_bits
from smgee.grid import PixelGrid
from smgee.machine import usable_cores

FILL, STRIP = -9999, 256
Scene = dict[str, Path]  # by role, and "Fmask"


@dataclass(frozen=True)
class Task:
    """What is to be computed, in words that know nothing of smgee's routes.

    Attributes
    ----------
    scenes : sequence of Scene
        Of the window.
    elevation : Path
        Heights in longitude and latitude.
    origin : (row, col)
        Of the lattice in the scenes.
    grid : PixelGrid
        The lattice of the map.
    indices : tuple of str
        Spectral indices, as Awesome Spectral Indices calls them.
    mask : tuple of str
        Classes of Fmask that are left out.
    doy : int
        Day of the year.
    outlines : sequence of shapely.Polygon
        The cells, in the lattice's CRS.
    """

    scenes: Sequence[Scene]
    elevation: Path
    origin: tuple[int, int]
    grid: PixelGrid
    indices: tuple[str, ...]
    mask: tuple[str, ...]
    doy: int
    outlines: Sequence[Any]


@cache
def formulas(names: tuple[str, ...]) -> list[tuple[Any, dict[str, float]]]:
    """Return the compiled formulas of indices and their constants."""
    import spyndex

    found = []
    for name in names:
        index = spyndex.indices[name]
        numbers = {p: spyndex.constants[p].default for p in index.bands if p in spyndex.constants}
        if name == "SAVI":
            numbers["L"] = 0.5
        found.append((compile(index.formula, name, "eval"), numbers))
    return found


def indices_into(bands: np.ndarray, names: tuple[str, ...], out: np.ndarray) -> None:
    """Write indices of (6, …) float32 reflectance into (indices, …); 0 where a denominator is."""
    known = {symbol: bands[k] for k, symbol in enumerate(ROLES.values())}
    with np.errstate(divide="ignore", invalid="ignore"):
        for k, (code, numbers) in enumerate(formulas(names)):
            out[k] = eval(code, {}, {**known, **numbers})
            out[k][np.isinf(out[k])] = 0


def median(stack: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return the median of (scenes, …) over the first axis, where absent values are infinite."""
    stack.sort(axis=0)
    at = np.maximum(count - 1, 0)[None]
    low = np.take_along_axis(stack, at // 2, 0)[0]
    high = np.take_along_axis(stack, (at + 1) // 2, 0)[0]
    middle = (low + high) / 2
    middle[count == 0] = np.nan
    return middle


def composite(task: Task, out: np.ndarray) -> None:
    """Write the composite and its indices into (bands, height, width)."""
    import rasterio
    from rasterio.windows import Window

    bits, (row, col), width = fmask_bits(task.mask), task.origin, task.grid.width
    here = threading.local()

    def read(path: Path, window: Any) -> np.ndarray:
        files = here.__dict__.setdefault("files", {})
        if path not in files:
            files[path] = rasterio.open(path)
        return files[path].read(1, window=window)

    def strip(part: tuple[int, int]) -> None:
        top, bottom = part
        window = Window(col, row + top, width, bottom - top)
        stacks = np.empty((6, len(task.scenes), bottom - top, width), np.float32)
        count = np.zeros((6, bottom - top, width), np.int64)
        for k, scene in enumerate(task.scenes):
            quality = read(scene["Fmask"], window)
            clear = ((quality & bits) == 0) & (quality != 255)
            for b, role in enumerate(ROLES):
                stored = read(scene[role], window)
                valid = clear & (stored != FILL)
                np.multiply(stored, np.float32(1e-4), out=stacks[b, k])
                stacks[b, k][~valid] = np.inf
                count[b] += valid
        for b in range(6):
            out[b, top:bottom] = median(stacks[b], count[b])
        indices_into(out[:6, top:bottom], task.indices, out[6 : 6 + len(task.indices), top:bottom])

    first = STRIP - row % STRIP
    edges = [0, *range(first, task.grid.height, STRIP), task.grid.height]
    with ThreadPoolExecutor(usable_cores()) as pool:
        list(pool.map(strip, pairwise(edges)))


def terrain_into(task: Task, out: np.ndarray) -> None:
    """Write elevation (m), slope (degrees), northness and eastness into (4, height, width)."""
    import rasterio
    from rasterio.warp import Resampling, reproject

    grid = task.grid.window(-1, -1, task.grid.height + 2, task.grid.width + 2)
    z = np.empty(grid.shape, np.float32)
    with rasterio.open(task.elevation) as file:
        reproject(
            rasterio.band(file, 1),
            z,
            dst_transform=grid.affine,
            dst_crs=grid.crs,
            resampling=Resampling.bilinear,
            num_threads=usable_cores(),
            tolerance=0,  # as Earth Engine: where PROJ says, between four neighbours
            XSCALE=1,
            YSCALE=1,
        )
    scale = abs(grid.transform[0])
    east = (z[1:-1, 2:] - z[1:-1, :-2]) / (2 * scale)
    north = (z[:-2, 1:-1] - z[2:, 1:-1]) / (2 * scale)
    steep = np.hypot(east, north)
    out[0] = z[1:-1, 1:-1]
    out[1] = np.degrees(np.arctan(steep))
    flat = steep == 0
    steep[flat] = 1
    out[2] = np.where(flat, 1, -north / steep)
    out[3] = np.where(flat, 0, -east / steep)


def predictors(task: Task) -> np.ndarray:
    """Return (predictors, height, width) float32: reflectance, indices, terrain, day of the year."""
    n = 6 + len(task.indices)
    bands = np.empty((n + 5, *task.grid.shape), np.float32)
    composite(task, bands)
    terrain_into(task, bands[n : n + 4])
    bands[n + 4] = task.doy
    return bands


def cell_means(task: Task, values: np.ndarray) -> np.ndarray:
    """Return the mean of a map over each cell, by exactextract."""
    import geopandas
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource

    left, bottom, right, top = task.grid.bounds
    source = NumPyRasterSource(
        values, xmin=left, ymin=bottom, xmax=right, ymax=top, srs_wkt=_wkt(task.grid.crs), nodata=math.nan
    )
    cells = geopandas.GeoDataFrame(geometry=list(task.outlines), crs=task.grid.crs)
    return exact_extract(source, cells, ["mean"], output="pandas")["mean"].to_numpy()


@cache
def _wkt(crs: str) -> str:
    import pyproj

    return pyproj.CRS(crs).to_wkt()


def hand_written(task: Task, model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the map and its means: rasterio, numpy, xgboost.predict, exactextract."""
    bands = predictors(task)
    rows = np.ascontiguousarray(bands.reshape(len(bands), -1).T)
    clear = np.isfinite(rows[:, :6]).all(axis=1)
    values = np.full(len(rows), np.nan, np.float32)
    values[clear] = model.predict(rows[clear])
    values = values.reshape(task.grid.shape)
    return values, cell_means(task, values)


def plain(task: Task, means: Callable[[np.ndarray], np.ndarray], trees: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the same by rasterio and numpy, and smgee's trees and sums over cells."""
    values = trees.predict_bands(list(predictors(task)), keep_missing=False)
    return values, means(values)


def with_xarray(task: Task, model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the same by odc-stac, dask, spyndex, xgboost.predict and rasterstats."""
    import odc.stac
    import spyndex
    import xarray as xr
    from odc.geo.geobox import GeoBox
    from rasterstats import zonal_stats

    box = GeoBox(task.grid.shape, task.grid.affine, task.grid.crs)
    chunks = {"x": 512, "y": 512}
    kinds = {"*": {"data_type": "int16", "nodata": FILL}, "Fmask": {"data_type": "uint8", "nodata": 255}}
    cube = odc.stac.load(
        _items(task),
        bands=[*ROLES, "Fmask"],
        geobox=box,
        chunks=chunks,
        stac_cfg={"hls": {"assets": kinds}},
    ).drop_vars("spatial_ref")
    clear = ((cube["Fmask"] & fmask_bits(task.mask)) == 0) & (cube["Fmask"] != 255)
    bands = {
        symbol: (cube[role].astype("f4") * np.float32(1e-4))
        .where(clear & (cube[role] != FILL))
        .chunk(time=-1)
        .median("time", skipna=True)
        for role, symbol in ROLES.items()
    }
    found = [
        spyndex.computeIndex(index=[name], params={**bands, **numbers})
        for name, (_, numbers) in zip(task.indices, formulas(task.indices), strict=True)
    ]
    layers = [*bands.values(), *(xr.where(np.isinf(f), 0, f) for f in found)]
    whole = xr.concat(layers, "band").astype("f4").chunk(band=-1)
    rows = whole.stack(pixel=("y", "x")).transpose("pixel", "band").values
    high = np.empty((4, *task.grid.shape), np.float32)
    terrain_into(task, high)
    doy = np.full((1, len(rows)), task.doy, np.float32)
    rows = np.concatenate([rows, high.reshape(4, -1).T, doy.T], axis=1)
    values = model.predict(rows)
    values[~np.isfinite(rows[:, :6]).all(axis=1)] = np.nan
    values = values.reshape(task.grid.shape)
    stats = zonal_stats(list(task.outlines), values, affine=task.grid.affine, nodata=np.nan, stats=["mean"])
    return values, np.array([s["mean"] for s in stats])


def _items(task: Task) -> list[Any]:
    noon = datetime(2021, 7, 7, 12, tzinfo=UTC)
    return [
        _item(str(k), "hls", noon + timedelta(days=k), scene, int(task.grid.crs.split(":")[1]))
        for k, scene in enumerate(task.scenes)
    ]


def _item(name: str, collection: str, moment: Any, files: Scene, epsg: int) -> Any:
    import pystac

    west, south, east, north = -107, 40, -103, 43
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    outline = {"type": "Polygon", "coordinates": [ring]}
    item = pystac.Item(name, outline, [west, south, east, north], moment, {"proj:epsg": epsg})
    item.collection_id = collection
    item.stac_extensions.append("https://stac-extensions.github.io/projection/v1.1.0/schema.json")
    for role, path in files.items():
        kind = "image/tiff; application=geotiff"
        item.add_asset(role, pystac.Asset(str(path), media_type=kind, roles=["data"]))
    return item
