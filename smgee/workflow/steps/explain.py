"""Explain: SHAP values of the deployed model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smgee.explain import explain_run
from smgee.workflow.artifacts import Artifact, folder
from smgee.workflow.step import Option, Step
from smgee.workflow.steps.train import MODELS
from smgee.workflow.work import Work

SHAP: Artifact[list[Path]] = folder("shap", lambda path: sorted(path.iterdir()))


def run(work: Work) -> Mapping[str, Any]:
    """Explain the models asked for."""
    deploy = work.study.training.deploy if work.run.has_study else "best"
    work.read(MODELS)
    ranking = explain_run(
        work.run.path,
        model=work.option("model", deploy),
        max_rows=work.option("rows", None),
        seed=work.option("seed", 0),
    )
    return {"most_important": [str(v) for v in ranking["predictor"].head(5)]}


STEP = Step(
    "explain",
    "Explain (SHAP)",
    run,
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
