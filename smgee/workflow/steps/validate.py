"""Validate: SMAP on the exact EASE-Grid cells against the maps and the plain mean of the stations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import xarray as xr

from smgee.errors import MissingDataError
from smgee.schemas import HETEROGENEITY as HETEROGENEITY_SCHEMA
from smgee.schemas import validation_schema
from smgee.study import Study
from smgee.validation import cell_station_means, relate_errors
from smgee.validation import validate as validate_smap
from smgee.workflow.artifacts import Artifact, table
from smgee.workflow.cells import judged_cells
from smgee.workflow.step import Step
from smgee.workflow.steps.smap import SMAP, without_smap
from smgee.workflow.steps.static import CELLS
from smgee.workflow.steps.stations import PERIODS, STATIONS
from smgee.workflow.steps.zonal import ZONAL
from smgee.workflow.work import Work

LARGE: Artifact[pd.DataFrame] = table("validation_36km.csv", validation_schema("36 km"), optional=True)
SMALL: Artifact[pd.DataFrame] = table("validation_9km.csv", validation_schema("9 km"), optional=True)
HETEROGENEITY: Artifact[pd.DataFrame] = table("heterogeneity.csv", HETEROGENEITY_SCHEMA, optional=True)


def run(work: Work) -> Mapping[str, Any]:
    """Validate each product of the study, and relate its errors to the terrain."""
    study = work.study
    daily = work.read(STATIONS)
    result = validate_smap(
        work.read(SMAP),
        work.read(ZONAL),
        plain_means(study, daily),
        periods=work.read(PERIODS),
        training_stations=_trained(daily),
        smap_is_predictor=bool(study.predictors.of_smap),
        seed=study.training.seed,
    )
    for grid, artifact in (("M36", LARGE), ("M09", SMALL)):
        rows = result[result["grid"] == grid]
        if len(rows):
            work.write(artifact, rows)
        else:
            work.drop(artifact)
    related = _related(work, result)
    if related is None:
        work.drop(HETEROGENEITY)
    else:
        work.write(HETEROGENEITY, related)
    pairs = result.groupby("grid")["n"].max()
    return {"cells": int(result["cell"].nunique()), "pairs": {str(k): int(v) for k, v in pairs.items()}}


def plain_means(study: Study, daily: xr.Dataset) -> pd.DataFrame | None:
    """Return the plain mean of the stations in each cell, day by day; None where no cell holds one."""
    try:
        return cell_station_means(daily, judged_cells(study))
    except MissingDataError:
        return None


def _trained(daily: xr.Dataset) -> pd.DataFrame:
    names = daily["station"].values.astype(str)
    return pd.DataFrame({"station": names, "lon": daily["lon"].values, "lat": daily["lat"].values})


def _related(work: Work, result: pd.DataFrame) -> pd.DataFrame | None:
    conditions = work.read_if_there(CELLS)
    if conditions is None or not (result["grid"] == "M09").any():
        return None
    return relate_errors(result, conditions.drop(columns="synthetic", errors="ignore"))


STEP = Step(
    "validate",
    "Validate SMAP",
    run,
    reads=(SMAP, ZONAL, STATIONS, PERIODS),
    may_read=(CELLS,),
    writes=(LARGE, SMALL, HETEROGENEITY),
    settings=("area", "training.seed", "smap", "predictors"),
    needed=without_smap,
)
