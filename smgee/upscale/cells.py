"""Means of maps over EASE-Grid 2.0 cells, block by block: no map has to stand in memory as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Protocol

import numpy as np
import pandas as pd

from smgee.errors import InputError, MissingDataError
from smgee.grid import EASE_GRIDS, EaseCell, PixelGrid
from smgee.upscale.blocks import Block


class Weights(Protocol):
    """The share of every pixel in every cell, as `smgee.validation.cell_weights` returns it."""

    @property
    def grid(self) -> PixelGrid:
        """The lattice of the maps."""

    @property
    def cells(self) -> tuple[EaseCell, ...]:
        """One row each."""

    def window(
        self, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the cells that a window touches, and sparse rows: starts, flat pixel numbers within the
        window (int32), and the true area of each pixel's part inside the cell, m².
        """


@dataclass(frozen=True, eq=False)
class _Part:
    """What a block adds to the cells it touches, on some days: arrays (days, cells)."""

    days: tuple[date, ...]
    cells: np.ndarray
    area: np.ndarray
    mean: np.ndarray
    spread: np.ndarray  # sum of weight times squared distance from the mean
    number: np.ndarray


class CellMeans:
    """Gathers area-weighted means of daily maps over cells, from blocks in any order.

    The result does not depend on that order, and equals that of whole maps but for the last digits.

    Parameters
    ----------
    weights : Weights
        Of the whole lattice.
    """

    def __init__(self, weights: Weights):
        self.weights = weights
        self._parts: dict[Block, list[_Part]] = {}

    def add(self, block: Block, days: Sequence[date], values: np.ndarray) -> None:
        """Take in days of a block.

        Parameters
        ----------
        block : Block
            A window of the lattice; blocks must not overlap.
        days : sequence of date
            One per map, each given once for a block.
        values : (days, height, width) float
            NaN where there is no value.
        """
        if values.shape != (len(days), block.height, block.width):
            raise InputError(
                f"Maps of shape {values.shape} do not fit {len(days)} days of a block of {block.height} by "
                f"{block.width} pixels."
            )
        cells, starts, pixels, areas = self.weights.window(block.row, block.col, block.height, block.width)
        if not cells.size:
            return
        flat = np.ascontiguousarray(values).reshape(len(days), -1)
        sums = _kernel()(flat, starts, pixels, areas)
        self._parts.setdefault(block, []).append(_Part(tuple(days), cells, *sums))

    def table(self, *, min_coverage: float = 0.8, value: str = "soil_moisture") -> pd.DataFrame:
        """Return the means of all cells on all days that were added.

        Parameters
        ----------
        min_coverage : float
            A cell's mean is NaN on days on which less than this share of its area has a value.
        value : str
            Name of the column of means.

        Returns
        -------
        pandas.DataFrame
            One row per date and cell: date (datetime64, midnight), cell, `value`, std, coverage (0…1),
            n_pixels; as `smgee.validation.zonal_means` has them.
        """
        days = sorted({day for parts in self._parts.values() for part in parts for day in part.days})
        if not days:
            raise MissingDataError("No map was given to average; make the maps first.")
        shape = (len(days), len(self.weights.cells))
        area, mean, spread = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        number = np.zeros(shape, np.int64)
        position = {day: k for k, day in enumerate(days)}
        for block in sorted(self._parts):
            for part in self._parts[block]:
                at = np.ix_(np.array([position[day] for day in part.days]), part.cells)
                # Chan, Golub and LeVeque 1979: moments of two samples from those of each
                total = area[at] + part.area
                share = np.divide(part.area, total, out=np.zeros_like(total), where=total > 0)
                step = part.mean - mean[at]
                mean[at] += step * share
                spread[at] += part.spread + step**2 * area[at] * share
                area[at] = total
                number[at] += part.number
        return means_table(
            days,
            self.weights.cells,
            area=area,
            mean=mean,
            spread=spread,
            number=number,
            min_coverage=min_coverage,
            value=value,
        )


def means_table(
    days: Sequence[date],
    cells: Sequence[EaseCell],
    *,
    area: np.ndarray,
    mean: np.ndarray,
    spread: np.ndarray,
    number: np.ndarray,
    min_coverage: float,
    value: str = "soil_moisture",
) -> pd.DataFrame:
    """Return the table of means from sums over cells, as `CellMeans.table` describes it.

    Parameters
    ----------
    days : sequence of date
        Ascending.
    cells : sequence of EaseCell
        One column of the arrays each.
    area, mean, spread, number : (days, cells) array
        Area with a value (m²), mean, sum of area times squared distance from the mean, number of pixels.
    min_coverage, value
        As in `CellMeans.table`.
    """
    whole = np.array([EASE_GRIDS[c.grid].cell_size ** 2 for c in cells])
    std = np.sqrt(np.divide(spread, area, out=np.zeros_like(spread), where=area > 0))
    table = pd.DataFrame(
        {
            "date": np.repeat(pd.DatetimeIndex(list(days)), len(cells)),
            "cell": [c.name for c in cells] * len(days),
            value: mean.ravel(),
            "std": std.ravel(),
            "coverage": (area / whole).ravel(),
            "n_pixels": number.ravel(),
        }
    )
    return without_covered_little(table, min_coverage, value=value)


def without_covered_little(
    table: pd.DataFrame, min_coverage: float, *, value: str = "soil_moisture"
) -> pd.DataFrame:
    """Return a table of means without those of cells of which less than a share has a value."""
    # Coverage is a ratio of areas worked out in two projections; its last digits must not decide.
    known = (table["n_pixels"] > 0) & (table["coverage"] >= min_coverage - 1e-4)
    return table.assign(**{name: table[name].where(known) for name in (value, "std")})


@cache
def _kernel() -> Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Compile the weighted sums (numba is imported only when they are needed)."""
    from numba import njit

    return njit(nogil=True)(_sums)


def _sums(values: Any, starts: Any, pixels: Any, areas: Any) -> Any:  # pragma: no cover (compiled)
    days, n = len(values), len(starts) - 1
    area, mean = np.zeros((days, n)), np.zeros((days, n))
    spread, number = np.zeros((days, n)), np.zeros((days, n), np.int64)
    for d in range(days):
        for k in range(n):
            total, first, second, count, shift = 0.0, 0.0, 0.0, 0, 0.0
            for m in range(starts[k], starts[k + 1]):
                value = np.float64(values[d, pixels[m]])
                if not np.isfinite(value) or areas[m] <= 0.0:
                    continue
                if count == 0:
                    shift = value  # differences from the first value keep the spread free of cancellation
                off = value - shift
                total += areas[m]
                first += areas[m] * off
                second += areas[m] * off * off
                count += 1
            area[d, k], number[d, k] = total, count
            if count > 0:
                mean[d, k] = shift + first / total
                spread[d, k] = max(second - first * first / total, 0.0)
    return area, mean, spread, number
