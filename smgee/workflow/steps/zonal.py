"""Zonal: means of the maps over the exact EASE-Grid cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from smgee.schemas import UNITS as UNITS_SCHEMA
from smgee.schemas import ZONAL as ZONAL_SCHEMA
from smgee.upscale import cell_means
from smgee.validation import cell_weights
from smgee.validation.footprint import UNITS as UNIT_GRID
from smgee.workflow.artifacts import Artifact, table
from smgee.workflow.cells import judged_cells
from smgee.workflow.step import Step
from smgee.workflow.steps.predict import MAPS
from smgee.workflow.work import Work

ZONAL: Artifact[pd.DataFrame] = table("zonal.csv", ZONAL_SCHEMA)
UNITS: Artifact[pd.DataFrame] = table("zonal_3km.parquet", UNITS_SCHEMA)


def run(work: Work) -> Mapping[str, Any]:
    """Average every map over every cell, and over the 3 km cells that a footprint is put together from."""
    study = work.study
    store = work.read(MAPS)
    cells = judged_cells(study)
    means = cell_means(store, cell_weights(study.grid, cells)).table(min_coverage=study.smap.min_coverage)
    work.write(ZONAL, means)
    work.progress(0.5)
    small = [unit for large in study.cells for unit in large.children(UNIT_GRID)]
    work.write(UNITS, cell_means(store, cell_weights(study.grid, small)).table(min_coverage=0.0))
    return {"cells": int(means["cell"].nunique()), "days": int(means["date"].nunique())}


STEP = Step(
    "zonal",
    "Average over cells",
    run,
    version=2,
    reads=(MAPS,),
    writes=(ZONAL, UNITS),
    settings=("area", "smap.min_coverage"),
)
