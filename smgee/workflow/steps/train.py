"""Train: score the models at stations and rows left out, and fit each on all rows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from smgee import schemas
from smgee.models import (
    Effort,
    NetworkTable,
    list_models,
    train_models,
    train_run,
)
from smgee.models.candidates import parse_candidate
from smgee.models.features import MAPPED
from smgee.models.reading import read_frame
from smgee.predictors import Cadence
from smgee.predictors.place import Place
from smgee.study import Study
from smgee.tables import read_table, sidecar_of
from smgee.upscale import DailyModel
from smgee.workflow.artifacts import Artifact, folder, table
from smgee.workflow.step import Step
from smgee.workflow.steps.sample import SAMPLES
from smgee.workflow.work import Work

_SEARCHES = ".tuning"
"""Folder of the run that keeps searches for settings while training is under way, by what decides them."""

MODELS: Artifact[tuple[list[str], str]] = folder("models", list_models, companions=(_SEARCHES,))
SCORES: Artifact[pd.DataFrame] = Artifact(
    "scores.csv",
    lambda path: read_table(path, schema=schemas.SCORES),
    companions=(sidecar_of("scores.csv").as_posix(),),
)
CERTIFICATE: Artifact[dict[str, Any]] = Artifact(
    "certificate.json", lambda path: json.loads(path.read_text(encoding="utf-8")), optional=True
)
DISTANCES: Artifact[pd.DataFrame] = table("distances.csv", schemas.DISTANCES, optional=True)
SCORES_BY: dict[str, Artifact[pd.DataFrame]] = {
    by: table(f"scores_{by}.csv", schema) for by, schema in schemas.SCORES_BY.items()
}


def run(work: Work) -> Mapping[str, Any]:
    """Train the models of the study."""
    facts = _anomaly(work) if work.study.training.target == "anomaly" else _absolute(work)
    shutil.rmtree(work.run / _SEARCHES, ignore_errors=True)
    return facts


def _absolute(work: Work) -> Mapping[str, Any]:
    t = work.study.training
    rows = work.read(SAMPLES)

    def told(_: str, done: int, total: int) -> None:
        work.progress(done / max(total, 1))

    result = train_models(rows, models=t.models, folds=t.folds, seed=t.seed, progress=told)
    result.save(Path(work.run.path))
    return {
        "rows": len(rows),
        "best": result.best,
        "dropped": dict(rows.dropped),
        "verdict": result.certificate["verdict"],
        "sentence": result.certificate["words"],
    }


def _anomaly(work: Work) -> Mapping[str, Any]:
    t = work.study.training
    table, done = sampled_network(work), 0

    def told(_: str) -> None:
        nonlocal done
        done += 1
        work.progress(min(done / (t.folds * len({"station", *t.designs}) + 1), 1.0))

    result = train_run(
        table,
        families=(*t.models, *map(parse_candidate, t.candidates)),
        designs=t.designs,
        folds=t.folds,
        effort=Effort(trials=t.trials),
        seed=t.seed,
        minutes=t.minutes,
        storage=_searches(work),
        report=told,
    )
    result.save(work.run.path)
    return {
        "rows": int(table.scored.sum()),
        "best": "deployed",
        "dropped": dict(table.dropped),
        "verdict": result.certificate["verdict"],
        "notes": list(result.notes),
        "sentence": result.certificate["words"],
    }


def _searches(work: Work) -> Path:
    """Return where the searches of this training are kept; those of other settings or samples are dropped."""
    kept = work.run / _SEARCHES / work.key[:20]
    for other in kept.parent.glob("*"):
        if other != kept:
            shutil.rmtree(other)
    return kept


def sampled_network(work: Work) -> NetworkTable:
    """Return the samples as a network's table, with those features only that every pixel of a map has, and
    with places of the map.

    Rows without a predictor stay: they tell the state of the network.
    """
    predictors = work.study.predictor_set.predictors
    frame, described = read_frame(work.path(SAMPLES))
    named = {
        "predictors": [p.name for p in predictors if p.cadence is not Cadence.STATIC],
        "static": [p.name for p in predictors if p.cadence is Cadence.STATIC],
        "source": SAMPLES.path,
        "groups": MAPPED,
    }
    return replace(
        NetworkTable.from_frame(frame, **(described | named)),
        places=work.study.area.places(),
        reaching=reaching_places(work.study),
    )


def reaching_places(study: Study) -> tuple[str, ...]:
    """Return the predictors of places that are told from days of the study."""
    return tuple(
        predictor.name
        for family in study.predictors.root
        if isinstance(family, Place)
        and (family.end is None or family.end > study.start)
        and (family.start is None or family.start <= study.end)
        for predictor in family.predictors()
    )


def deployed_model(work: Work) -> DailyModel:
    """Return what maps a day: the deployed model of a run and, where it needs it, the network's state."""
    work.read(MODELS)
    return DailyModel.open(work.path(MODELS), work.study.training.deploy)


STEP = Step(
    "train",
    "Train and score",
    run,
    version=3,
    reads=(SAMPLES,),
    writes=(SCORES, MODELS, CERTIFICATE, DISTANCES, *SCORES_BY.values()),
    settings=("training", "area"),
    ignores=("training.deploy",),
)
