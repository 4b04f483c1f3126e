"""Area-weighted means of fine maps over exact EASE-Grid 2.0 cells.

How much of every pixel lies in every cell is known beforehand (`smgee.validation.weights`); each map then
costs a weighted sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from smgee.errors import InputError, MissingDataError
from smgee.grid import PixelGrid
from smgee.late import xr
from smgee.validation.weights import CellWeights, cell_areas

_X, _Y = ("x", "X", "lon", "longitude"), ("y", "Y", "lat", "latitude")


def zonal_statistics(values: np.ndarray, weights: CellWeights) -> pd.DataFrame:
    """Average one map over the cells.

    Parameters
    ----------
    values : numpy.ndarray, shape (height, width)
        One map on `weights.grid`; NaN where it has no value.
    weights : CellWeights
        From `cell_weights`.

    Returns
    -------
    pandas.DataFrame
        cell, mean, std (area-weighted, of the pixels within the cell), coverage (area with a value / area of
        the whole cell, 0…1; a part of the cell outside the map counts as without value), n_pixels (pixels
        with a value, wholly or partly inside). NaN where nothing is valid.
    """
    values = np.asarray(values)
    if values.shape != weights.grid.shape:
        raise InputError(
            f"A map of {values.shape} pixels was given for weights of {weights.grid.shape}; both must lie on "
            "the same lattice."
        )
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float64)
    mean, std, area, number = _kernel()(
        np.ascontiguousarray(values).reshape(-1), weights.starts, weights.pixels, weights.areas
    )
    return pd.DataFrame(
        {
            "cell": [c.name for c in weights.cells],
            "mean": mean,
            "std": std,
            "coverage": area / cell_areas(weights.cells),
            "n_pixels": number,
        }
    )


def zonal_means(
    maps: xr.DataArray | Mapping[Any, np.ndarray] | Iterable[tuple[Any, np.ndarray]],
    weights: CellWeights,
    *,
    min_coverage: float = 0.8,
) -> pd.DataFrame:
    """Average daily maps over the cells: the upscaled reference for SMAP.

    Parameters
    ----------
    maps : xarray.DataArray, mapping or iterable of (date, array)
        Soil moisture, m³ m⁻³, on `weights.grid`: a DataArray with dimensions ``time`` and rows, columns in
        any order (read day by day, so a zarr store never stands in memory as a whole), or {date: (height,
        width) array}.
    weights : CellWeights
        From `cell_weights`.
    min_coverage : float
        A cell's mean is NaN on days on which less than this share of its area has a value: the mean of what
        clouds left open is not the mean of the cell.

    Returns
    -------
    pandas.DataFrame
        One row per date and cell: date (datetime64, midnight), cell, soil_moisture (m³ m⁻³), std, coverage
        (0…1), n_pixels.
    """
    if not 0 <= min_coverage <= 1:
        raise InputError(f"min_coverage={min_coverage} is not a share of the cell; give 0…1.")
    tables = []
    for date, values in _days(maps, weights.grid):
        table = zonal_statistics(values, weights).rename(columns={"mean": "soil_moisture"})
        table.insert(0, "date", pd.Timestamp(date).normalize())
        tables.append(table)
    if not tables:
        raise MissingDataError("No map was given to average; make the maps first.")
    result = pd.concat(tables, ignore_index=True)
    # Coverage is a ratio of areas worked out in two projections; its last digits must not decide.
    result.loc[result["coverage"] < min_coverage - 1e-4, ["soil_moisture", "std"]] = np.nan
    return result


def _days(maps: Any, grid: PixelGrid) -> Iterable[tuple[Any, np.ndarray]]:
    if not hasattr(maps, "dims"):
        yield from maps.items() if isinstance(maps, Mapping) else maps
        return
    x = next((d for d in maps.dims if d in _X), None)
    y = next((d for d in maps.dims if d in _Y), None)
    if x is None or y is None or "time" not in maps.dims or len(maps.dims) != 3:
        raise InputError(
            f"Maps with dimensions {tuple(maps.dims)} were given; time, rows (y or lat) and columns (x or "
            "lon) are expected."
        )
    _check_lattice(maps, x, y, grid)
    maps = maps.transpose("time", y, x)
    for i, date in enumerate(maps["time"].values):
        yield date, maps.isel(time=i).values


def _check_lattice(maps: xr.DataArray, x: str, y: str, grid: PixelGrid) -> None:
    """Refuse maps that lie elsewhere than the weights: a shift of half a pixel or a south-up order would pass
    unseen
    otherwise."""
    a, _, c, _, e, f = grid.transform
    for name, first, step, size in ((x, c, a, grid.width), (y, f, e, grid.height)):
        if name not in maps.coords:
            continue
        have = maps[name].values
        want = first + step * (np.arange(size) + 0.5)
        if have.shape != want.shape or np.abs(have - want).max() > 1e-3 * abs(step):
            start = f"{have[0]:.10g}" if have.size else "nowhere"
            raise InputError(
                f"The maps' {name} runs over {have.size} pixels from {start}, that of the weights over "
                f"{size} from "
                f"{want[0]:.10g}; "
                "both must lie on the same lattice, row by row from the north."
            )


@cache
def _kernel() -> Any:
    """Compile the weighted sums (numba is imported only when they are needed)."""
    from numba import njit

    @njit(nogil=True)
    def sums(  # pragma: no cover (compiled)
        values: np.ndarray, starts: np.ndarray, pixels: np.ndarray, areas: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        n = len(starts) - 1
        mean, std, area, number = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n), np.zeros(n, np.int64)
        for k in range(n):
            total, first, second, count, shift = 0.0, 0.0, 0.0, 0, 0.0
            for m in range(starts[k], starts[k + 1]):
                value = np.float64(values[pixels[m]])
                if not np.isfinite(value):
                    continue
                if count == 0:
                    shift = value  # differences from the first value keep the variance free of cancellation
                weight = areas[m]
                if weight <= 0.0:
                    continue
                d = value - shift
                total += weight
                first += weight * d
                second += weight * d * d
                count += 1
            area[k], number[k] = total, count
            if count > 0:
                mean[k] = shift + first / total
                std[k] = np.sqrt(max(second / total - (first / total) ** 2, 0.0))
        return mean, std, area, number

    return sums
