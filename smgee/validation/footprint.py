"""Means of the maps as SMAP's antenna sees the ground: weighted by its footprint, beyond the cell's edges.

A 9 km cell of SPL3SMP_E is interpolated from antenna samples that each see some 33 km, so it is told by its
neighbours as much as by itself; the mean over the cell alone is a reference for something that SMAP cannot
see.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from smgee.errors import InputError
from smgee.grid import EASE_GRIDS, EaseCell

UNITS = "M03"
"""Grid of the means that a footprint is put together from: 3 km, over which its weight hardly changes."""

FOOTPRINTS: Mapping[str, float] = MappingProxyType({"M36": 39.0, "M09": 33.0})
"""Half-power width of what a retrieval sees, km, by the grid of its product: the antenna's footprint of
SPL3SMP, and the contributing domain of SPL3SMP_E (Chan et al. 2018, Remote Sens. Environ. 204:931-941).
"""

_TRUE_LATITUDE = math.radians(30.0)  # at which a metre of EASE-Grid 2.0 is a metre on the ground


def footprint_weights(cell: EaseCell, units: Sequence[EaseCell], *, width_km: float) -> np.ndarray:
    """Return the share of a Gaussian footprint, centred on a cell, that falls on each unit.

    Parameters
    ----------
    cell : EaseCell
        Its centre is the footprint's.
    units : sequence of EaseCell
        Disjoint cells of a finer grid.
    width_km : float
        Full width at half of the maximum, on the ground.

    Returns
    -------
    numpy.ndarray, shape (units,)
        Exact over each unit; the sum is less than 1 by what falls beside them.

    Notes
    -----
    The footprint is round on the ground. The grid's plane keeps areas and stretches east against north away
    from 30° of latitude, so there it is an ellipse.
    """
    from scipy.special import ndtr

    if not width_km > 0:
        raise InputError(f"width_km={width_km} is no width of a footprint; give kilometres, such as 33.")
    sigma = 1000.0 * width_km / math.sqrt(8 * math.log(2))
    left, bottom, right, top = cell.bounds
    stretch = math.cos(_TRUE_LATITUDE) / math.cos(math.radians(cell.center[1]))
    edges = np.array([unit.bounds for unit in units]).reshape(-1, 4)
    x, y = (left + right) / 2, (bottom + top) / 2
    across, along = sigma * stretch, sigma / stretch
    share = (ndtr((edges[:, 2] - x) / across) - ndtr((edges[:, 0] - x) / across)) * (
        ndtr((edges[:, 3] - y) / along) - ndtr((edges[:, 1] - y) / along)
    )
    return np.asarray(share)


def footprint_means(
    units: pd.DataFrame,
    cells: Iterable[EaseCell],
    *,
    widths: Mapping[str, float] = FOOTPRINTS,
    min_coverage: float = 0.8,
) -> pd.DataFrame:
    """Average maps under SMAP's footprint over each cell, from the means of small cells.

    Parameters
    ----------
    units : pandas.DataFrame
        Means over the cells of a fine grid, such as `UNITS`, as `smgee.validation.zonal_means` gives them
        with ``min_coverage=0``: date, cell, soil_moisture, coverage. They lie where the maps are; what of a
        footprint falls beside them is left out.
    cells : iterable of EaseCell
        The cells of SMAP.
    widths : mapping of str to float
        Full width at half maximum by grid, km.
    min_coverage : float
        Least share, of what the units hold of the footprint, that has a value on a day.

    Returns
    -------
    pandas.DataFrame
        date, cell, soil_moisture (m³ m⁻³), std (weighted, between the units), coverage (share of the whole
        footprint with a value: about half for a 36 km cell whose maps end at its edges).
    """
    cells = list(cells)
    named = [EaseCell.from_name(name) for name in units["cell"].unique()]
    wide = units.pivot(index="date", columns="cell", values="soil_moisture")[[u.name for u in named]]
    there = units.pivot(index="date", columns="cell", values="coverage")[[u.name for u in named]]
    values = wide.to_numpy(float)
    seen = np.where(np.isfinite(values), there.fillna(0.0).to_numpy(float), 0.0)
    filled = np.where(np.isfinite(values), values, 0.0)
    tables = []
    for cell in cells:
        if EASE_GRIDS[named[0].grid].cell_size >= EASE_GRIDS[cell.grid].cell_size:
            raise InputError(
                f"Means over cells of {named[0].grid} are too coarse for a footprint over {cell.name}; give "
                f"those of {UNITS}."
            )
        share = footprint_weights(cell, named, width_km=widths[cell.grid])
        weight = seen @ share
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = (filled * seen) @ share / weight
            spread = np.sqrt(np.maximum((filled**2 * seen) @ share / weight - mean**2, 0.0))
        known = weight >= (min_coverage - 1e-4) * share.sum()
        tables.append(
            pd.DataFrame(
                {
                    "date": wide.index,
                    "cell": cell.name,
                    "soil_moisture": np.where(known, mean, np.nan),
                    "std": np.where(known, spread, np.nan),
                    "coverage": weight,
                }
            )
        )
    return pd.concat(tables, ignore_index=True)
