"""Static: the land of the cells, which SMAP's errors are related to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from smgee.schemas import CELLS as CELLS_SCHEMA
from smgee.study import Study
from smgee.upscale import pull_static
from smgee.validation import cell_conditions, cell_weights
from smgee.workflow.artifacts import Artifact, table
from smgee.workflow.cells import judged_cells
from smgee.workflow.preflight import catalog_of, has_static, predictor_datasets
from smgee.workflow.step import Step
from smgee.workflow.work import Work

CELLS: Artifact[pd.DataFrame] = table("cells.csv", CELLS_SCHEMA)


def run(work: Work) -> Mapping[str, Any]:
    """Pull what the cells differ in and describe each by it."""
    study = work.study
    predictors = study.predictor_set
    layers = pull_static(predictors, names=predictors.conditions)
    work.progress(0.7)
    conditions = cell_conditions(cell_weights(study.grid, judged_cells(study)), layers)
    work.write(CELLS, conditions)
    return {"layers": list(layers)}


def _needed(study: Study) -> str | None:
    return None if has_static(study) else "the study has no predictor that cells are described by"


STEP = Step(
    "static",
    "Describe cells",
    run,
    writes=(CELLS,),
    settings=("area", "predictors", "smap.min_coverage", "backend.kind"),
    inputs=catalog_of,
    datasets=predictor_datasets,
    external=True,
    needed=_needed,
)
