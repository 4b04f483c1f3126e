"""Level-3 days in the layout of SPL3SMP and SPL3SMP_E, made up around some cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from smgee.grid import EASE_GRIDS, EaseCell
from smgee.insitu import overpass_times

ALGORITHMS = ("", "_option1", "_option2", "_option3")


def level3_day(
    folder: Path,
    day: date,
    cells: Sequence[EaseCell],
    value: Callable[[EaseCell, str], float],
    *,
    flag: Callable[[EaseCell, str], int] = lambda cell, orbit: 0,
    release: str = "R19240",
    algorithms: Sequence[str] = ALGORITHMS,
) -> Path:
    """Write a day with a value, a flag and a time in each of some cells; the option K lies K/100 higher."""
    grid = cells[0].grid
    short = "SPL3SMP" if grid == "M36" else "SPL3SMP_E"
    path = folder / f"SMAP_L3_SM_P{'' if grid == 'M36' else '_E'}_{day:%Y%m%d}_{release}_001.h5"
    shape = EASE_GRIDS[grid].rows, EASE_GRIDS[grid].cols
    with h5py.File(path, "w") as file:
        meta = file.create_group("Metadata/DatasetIdentification").attrs
        meta["shortName"], meta["ECSVersionID"], meta["CompositeReleaseID"] = short, "009", release
        for orbit, suffix in (("AM", ""), ("PM", "_pm")):
            group = file.create_group(f"Soil_Moisture_Retrieval_Data_{orbit}")
            layers = {
                "tb_time_seconds": np.full(shape, -9999.0),
                "surface_flag": np.full(shape, 65534, np.uint16),
                "vegetation_water_content": np.full(shape, -9999.0, np.float32),
            }
            for k, name in enumerate(algorithms):
                layers[f"soil_moisture{name}"] = np.full(shape, -9999.0, np.float32)
                layers[f"retrieval_qual_flag{name}"] = np.full(shape, 65534, np.uint16)
                for cell in cells:
                    at, theta = (cell.row, cell.col), value(cell, orbit)
                    layers[f"retrieval_qual_flag{name}"][at] = flag(cell, orbit)
                    if np.isfinite(theta):
                        layers[f"soil_moisture{name}"][at] = theta + 0.01 * k
            for cell in cells:
                at = cell.row, cell.col
                time = overpass_times([pd.Timestamp(day)], orbit, cell.center[0])[0] + pd.Timedelta("7min")
                layers["tb_time_seconds"][at] = (time - pd.Timestamp("2000-01-01T12")).total_seconds()
                layers["surface_flag"][at] = 512
                layers["vegetation_water_content"][at] = 0.4
            for name, data in layers.items():
                fill = 65534 if data.dtype == np.uint16 else -9999.0
                stored = group.create_dataset(
                    name + suffix, data=data, compression="gzip", compression_opts=1
                )
                stored.attrs["_FillValue"] = np.array(fill, data.dtype)
    return path
