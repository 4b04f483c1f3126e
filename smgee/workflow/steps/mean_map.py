"""Mean map: the mean of the daily maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from smgee.tables import write_cog
from smgee.upscale import season_mean, season_mean_there
from smgee.workflow.artifacts import Artifact, raster
from smgee.workflow.mapping import READS, SETTINGS, mapped_days, maps_there, stays
from smgee.workflow.preflight import catalog_of
from smgee.workflow.step import Step
from smgee.workflow.steps.predict import MAPS
from smgee.workflow.steps.train import deployed_model
from smgee.workflow.work import Work

MEAN_MAP: Artifact[np.ndarray] = raster("maps/season_mean.tif")


def run(work: Work) -> Mapping[str, Any]:
    """Average the maps, a block in memory at a time, or where they stay."""
    if work.study.upscale.stays:
        days = mapped_days(work)
        mean = season_mean_there(maps_there(work), days)
    else:
        maps = work.read(MAPS)
        days, mean = maps.days, season_mean(maps)
    tags = {
        "title": "Mean soil moisture of the mapped days, m3 m-3",
        "days": len(days),
        "model": work.fact("predict", "model_hash") or deployed_model(work).hash,
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
    return {"days": len(days)}


STEP = Step(
    "mean_map",
    "Average over time",
    run,
    version=2,
    may_read=(MAPS, *READS),
    writes=(MEAN_MAP,),
    settings=("area", *SETTINGS),
    inputs=catalog_of,
    external=stays,
)
