"""Uncertainty: the deployed model again without the stations of each fold, and without each station."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from smgee.models import Uncertainty, leave_out, load_model
from smgee.study import Study
from smgee.workflow.artifacts import Artifact, folder
from smgee.workflow.step import Step
from smgee.workflow.steps.sample import SAMPLES
from smgee.workflow.steps.train import MODELS, sampled_network
from smgee.workflow.work import Work

UNCERTAINTY: Artifact[Uncertainty] = folder("uncertainty", Uncertainty.load)


def run(work: Work) -> Mapping[str, Any]:
    """Fit the model that draws the maps again, and keep what its layers are drawn from."""
    study = work.study
    work.read(MODELS)
    model = load_model(work.path(MODELS), study.training.deploy)
    predictors = study.predictor_set
    constant = predictors.constants(study.start)
    layers = study.upscale.layers
    found = leave_out(
        work.read(SAMPLES) if model.offset is None else sampled_network(work),
        model,
        work.path(MODELS),
        varied=[name for name in predictors.names if name not in constant],
        level=study.upscale.level,
        jackknife="standard_error" in layers,
        leaves=bool({"leaf_interval", "leaf_stations"} & set(layers)),
        progress=work.progress,
    )
    found.save(work.path(UNCERTAINTY))
    return {
        "fits": len(found.folds) + len(found.stations),
        "coverage": found.interval.coverage if isfinite(found.interval.coverage) else None,
        "notes": list(found.notes),
        "sentence": found.words(),
    }


def without_layers(study: Study) -> str | None:
    """Say why a study needs no layers of uncertainty; None where it does."""
    if study.upscale.stays:
        return "the maps stay on Earth Engine (upscale.maps)"
    return None if study.upscale.layers else "the study draws no layers beside the maps (upscale.layers)"


STEP = Step(
    "uncertainty",
    "Leave stations out",
    run,
    version=2,
    reads=(SAMPLES, MODELS),
    writes=(UNCERTAINTY,),
    settings=("training", "predictors", "upscale.layers", "upscale.level"),
    needed=without_layers,
)
