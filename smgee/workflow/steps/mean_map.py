"""Mean map: the mean of the daily maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from smgee.tables import write_cog
from smgee.workflow.artifacts import Artifact, raster
from smgee.workflow.step import Step
from smgee.workflow.steps.predict import MAPS
from smgee.workflow.work import Work

MEAN_MAP: Artifact[np.ndarray] = raster("maps/season_mean.tif")


def run(work: Work) -> Mapping[str, Any]:
    """Average the maps, one in memory at a time."""
    maps = work.read(MAPS)
    mean = season_mean(maps["soil_moisture"])
    tags = {
        "title": "Mean soil moisture of the mapped days, m3 m-3",
        "days": int(maps.sizes["time"]),
        "model": work.fact("predict", "model_hash") or "",
    }
    write_cog(
        mean,
        work.study.grid,
        work.path(MEAN_MAP),
        band="soil_moisture",
        units="m3 m-3",
        provenance=work.provenance,
        tags=tags,
    )
    return {"days": int(maps.sizes["time"])}


def season_mean(maps: xr.DataArray) -> np.ndarray:
    """Return the mean of daily maps (time, y, x) as float32; NaN where no day has a value."""
    total = np.zeros(maps.shape[1:])
    number = np.zeros(maps.shape[1:], np.int32)
    for k in range(maps.sizes["time"]):
        values = maps.isel(time=k).values
        valid = np.isfinite(values)
        total += np.where(valid, values, 0)
        number += valid
    with np.errstate(invalid="ignore"):
        return np.where(number > 0, total / number, np.nan).astype("float32")


STEP = Step("mean_map", "Average over time", run, reads=(MAPS,), writes=(MEAN_MAP,), settings=("area",))
