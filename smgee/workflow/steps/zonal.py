"""Zonal: means of the maps over the exact EASE-Grid cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from smgee import schemas
from smgee.upscale import cell_means, cell_means_there
from smgee.upscale.cells import without_covered_little
from smgee.validation import cell_weights, cross_fitted, standard_errors
from smgee.validation.footprint import UNITS as UNIT_GRID
from smgee.workflow.artifacts import Artifact, table
from smgee.workflow.cells import judged_cells
from smgee.workflow.mapping import READS, SETTINGS, mapped_days, maps_there, stays
from smgee.workflow.preflight import catalog_of
from smgee.workflow.step import Step
from smgee.workflow.steps.layers import CROSS, LEFT_OUT
from smgee.workflow.steps.predict import MAPS
from smgee.workflow.work import Work

ZONAL: Artifact[pd.DataFrame] = table("zonal.csv", schemas.ZONAL)
UNITS: Artifact[pd.DataFrame] = table("zonal_3km.parquet", schemas.UNITS)


def run(work: Work) -> Mapping[str, Any]:
    """Average every map over every cell, and over the 3 km cells that a footprint is put together from."""
    study = work.study
    cells = judged_cells(study)
    small = [unit for large in study.cells for unit in large.children(UNIT_GRID)]
    least = study.smap.min_coverage
    if study.upscale.stays:
        maps, days = maps_there(work), mapped_days(work)
        every = cell_means_there(maps, [*cells, *small], days, min_coverage=0.0, progress=work.progress)
        means = every[every["cell"].isin([c.name for c in cells])].reset_index(drop=True)
        means = without_covered_little(means, least)
        units = every[every["cell"].isin([c.name for c in small])].reset_index(drop=True)
    else:
        store = work.read(MAPS)
        means = cell_means(store, cell_weights(study.grid, cells)).table(min_coverage=least)
        work.progress(0.5)
        units = cell_means(store, cell_weights(study.grid, small)).table(min_coverage=0.0)
    left_out = work.read_if_there(LEFT_OUT)
    if left_out is not None:
        means = means.merge(standard_errors(left_out), on=["date", "cell"], how="left")
        fitted = work.read_if_there(CROSS)
        if fitted is not None:
            means = means.merge(cross_fitted(means, left_out, fitted), on=["date", "cell"], how="left")
    work.write(ZONAL, means)
    work.write(UNITS, units)
    return {"cells": int(means["cell"].nunique()), "days": int(means["date"].nunique())}


STEP = Step(
    "zonal",
    "Average over cells",
    run,
    version=5,
    may_read=(MAPS, LEFT_OUT, CROSS, *READS),
    writes=(ZONAL, UNITS),
    settings=("area", "smap.min_coverage", *SETTINGS),
    inputs=catalog_of,
    external=stays,
)
