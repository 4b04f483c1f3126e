"""Tables of a small made-up validation whose answers are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from smgee.grid import EaseCell, ease_cell_at

PARENT = ease_cell_at(100.2, 37.2)
CHILDREN = PARENT.children()
DAYS = pd.date_range("2021-05-10", "2021-09-30")


def truth(cell: EaseCell, seed: int = 0) -> np.ndarray:
    """Return a daily series of a cell, m³ m⁻³."""
    rng = np.random.default_rng([seed, cell.row, cell.col])
    return 0.22 + 0.05 * np.sin(np.arange(len(DAYS)) / 20) + rng.normal(0, 0.02, len(DAYS))


def zonal_table(cells: list[EaseCell]) -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame({"date": DAYS, "cell": c.name, "soil_moisture": truth(c), "coverage": 0.95})
            for c in cells
        ],
        ignore_index=True,
    )


def smap_table(
    cells: list[EaseCell], *, offset: float = -0.03, every: int = 2, noise: float = 0.01
) -> pd.DataFrame:
    """Return both overpasses on every second day; the evening ones lie 0.02 higher."""
    tables = []
    for cell in cells:
        for orbit, more in (("AM", 0.0), ("PM", 0.02)):
            rng = np.random.default_rng([cell.row, cell.col, len(orbit), int(more * 100)])
            values = truth(cell)[::every] + offset + more + rng.normal(0, noise, len(DAYS[::every]))
            tables.append(
                pd.DataFrame(
                    {
                        "date": DAYS[::every],
                        "orbit": orbit,
                        "cell": cell.name,
                        "soil_moisture": values,
                        "flag": 0,
                    }
                )
            )
    return pd.concat(tables, ignore_index=True)


def stations(cells: list[EaseCell], per_cell: int = 2) -> xr.Dataset:
    """Return daily stations at the centres of cells, too wet by 0.05."""
    names, lons, lats, values = [], [], [], []
    for cell in cells:
        for k in range(per_cell):
            names.append(f"{cell.name}-{k}")
            lon, lat = cell.center
            lons.append(lon + 0.001 * k)
            lats.append(lat)
            values.append(truth(cell) + 0.05)
    return xr.Dataset(
        {"soil_moisture": (("time", "station"), np.array(values).T)},
        coords={"time": DAYS, "station": names, "lon": ("station", lons), "lat": ("station", lats)},
    )
