"""Mean map: the mean of the daily maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from smgee.tables import write_cog
from smgee.upscale import season_mean
from smgee.workflow.artifacts import Artifact, raster
from smgee.workflow.step import Step
from smgee.workflow.steps.predict import MAPS
from smgee.workflow.work import Work

MEAN_MAP: Artifact[np.ndarray] = raster("maps/season_mean.tif")


def run(work: Work) -> Mapping[str, Any]:
    """Average the maps, a block in memory at a time."""
    maps = work.read(MAPS)
    mean = season_mean(maps)
    tags = {
        "title": "Mean soil moisture of the mapped days, m3 m-3",
        "days": len(maps.days),
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
    return {"days": len(maps.days)}


STEP = Step("mean_map", "Average over time", run, reads=(MAPS,), writes=(MEAN_MAP,), settings=("area",))
