"""Static: the land of the cells, which SMAP's errors are related to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from smgee import schemas
from smgee.study import Study
from smgee.upscale import pull_static
from smgee.validation import cell_conditions, cell_weights, land_cover_entropy
from smgee.validation.heterogeneity import roughness
from smgee.workflow.artifacts import Artifact, table
from smgee.workflow.cells import judged_cells
from smgee.workflow.preflight import catalog_of, has_static, predictor_datasets
from smgee.workflow.step import Step
from smgee.workflow.work import Work

CELLS: Artifact[pd.DataFrame] = table("cells.csv", schemas.CELLS)


def run(work: Work) -> Mapping[str, Any]:
    """Pull what the cells differ in and describe each by it."""
    study = work.study
    predictors = study.predictor_set
    layers = pull_static(predictors, names=predictors.conditions)
    work.progress(0.7)
    cells = judged_cells(study)
    conditions = pd.DataFrame({"cell": [c.name for c in cells]})
    if "elevation" in layers:
        layers["roughness"] = roughness(layers["elevation"], study.area.scale_m)
    if layers:
        conditions = cell_conditions(cell_weights(study.grid, cells), layers)
    land_cover = study.smap.land_cover
    if land_cover is not None:
        conditions = conditions.merge(land_cover_entropy(land_cover, cells), on="cell", how="left")
    work.write(CELLS, conditions)
    return {"layers": list(layers), "land_cover": land_cover}


def _datasets(study: Study) -> Sequence[str]:
    land_cover = study.smap.land_cover
    return [*predictor_datasets(study), *([land_cover] if land_cover is not None else [])]


def _needed(study: Study) -> str | None:
    if has_static(study) or study.smap.land_cover is not None:
        return None
    return "the study has no predictor that cells are described by"


STEP = Step(
    "static",
    "Describe cells",
    run,
    version=2,
    writes=(CELLS,),
    settings=("area", "predictors", "smap.min_coverage", "smap.land_cover", "backend.kind"),
    inputs=catalog_of,
    datasets=_datasets,
    external=True,
    needed=_needed,
)
