"""Train: score the models at stations and rows left out, and fit each on all rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from smgee.models import list_models, train_models
from smgee.schemas import SCORES as SCORES_SCHEMA
from smgee.workflow.artifacts import Artifact, folder, table
from smgee.workflow.step import Step
from smgee.workflow.steps.sample import SAMPLES
from smgee.workflow.work import Work

MODELS: Artifact[tuple[list[str], str]] = folder("models", list_models)
SCORES: Artifact[pd.DataFrame] = table("scores.csv", SCORES_SCHEMA)


def run(work: Work) -> Mapping[str, Any]:
    """Train the models of the study."""
    t = work.study.training
    rows = work.read(SAMPLES)

    def told(_: str, done: int, total: int) -> None:
        work.progress(done / max(total, 1))

    result = train_models(rows, models=t.models, folds=t.folds, seed=t.seed, progress=told)
    result.save(Path(work.run.path))
    return {"rows": len(rows), "best": result.best, "dropped": dict(rows.dropped)}


STEP = Step(
    "train",
    "Train and score",
    run,
    reads=(SAMPLES,),
    writes=(SCORES, MODELS),
    settings=("training",),
    ignores=("training.deploy",),
)
