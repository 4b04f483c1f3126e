"""Explain: SHAP values of the deployed model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smgee.explain import explain_run
from smgee.models import TrainingTable, load_model
from smgee.workflow.artifacts import Artifact, folder
from smgee.workflow.step import Option, Step
from smgee.workflow.steps.train import MODELS
from smgee.workflow.work import Work

SHAP: Artifact[list[Path]] = folder("shap", lambda path: sorted(path.iterdir()), optional=True)


def run(work: Work) -> Mapping[str, Any]:
    """Explain the models asked for."""
    deploy = work.study.training.deploy if work.run.has_study else "best"
    model = work.option("model", deploy)
    reason = _why_not(work, model)
    if reason:
        return {"sentence": f"Nothing is explained: {reason}."}
    ranking = explain_run(
        work.run.path,
        model=model,
        max_rows=work.option("rows", None),
        seed=work.option("seed", 0),
    )
    return {"most_important": [str(v) for v in ranking["predictor"].head(5)]}


def _why_not(work: Work, model: str) -> str | None:
    """Return why a model cannot be explained on the rows of its run; None where it can."""
    names, _ = work.read(MODELS)
    folder = work.path(MODELS)
    rows = TrainingTable.read(folder / "training.parquet").predictors
    for one in (load_model(folder, name) for name in (names if model == "all" else [model])):
        if one.offset is None:
            continue
        if one.ensemble.depth == 0:
            return f"the model {one.title} is the network's state of the day alone"
        if one.predictors != rows:
            return f"the rows that are kept are those of the model that was chosen, not of {one.title}"
    return None


STEP = Step(
    "explain",
    "Explain (SHAP)",
    run,
    version=2,
    reads=(MODELS,),
    writes=(SHAP,),
    standalone=True,
    settings=("training.deploy",),
    options=(
        Option("model", str, "Model to explain: a name, 'best' or 'all'; the deployed one by default."),
        Option("rows", int, "Rows to explain; up to 2,000 by default, fewer for deep forests."),
        Option("seed", int, "Seed of the choice of rows."),
    ),
)
