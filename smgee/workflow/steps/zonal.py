"""Zonal: means of the maps over the exact EASE-Grid cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from smgee.schemas import ZONAL as ZONAL_SCHEMA
from smgee.upscale import cell_means
from smgee.validation import cell_weights
from smgee.workflow.artifacts import Artifact, table
from smgee.workflow.cells import judged_cells
from smgee.workflow.step import Step
from smgee.workflow.steps.predict import MAPS
from smgee.workflow.work import Work

ZONAL: Artifact[pd.DataFrame] = table("zonal.csv", ZONAL_SCHEMA)


def run(work: Work) -> Mapping[str, Any]:
    """Average every map over every cell."""
    study = work.study
    weights = cell_weights(study.grid, judged_cells(study))
    means = cell_means(work.read(MAPS), weights).table(min_coverage=study.smap.min_coverage)
    work.write(ZONAL, means)
    return {"cells": int(means["cell"].nunique()), "days": int(means["date"].nunique())}


STEP = Step(
    "zonal",
    "Average over cells",
    run,
    reads=(MAPS,),
    writes=(ZONAL,),
    settings=("area", "smap.min_coverage"),
)
