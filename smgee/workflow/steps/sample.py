"""Sample: every predictor at every station on the unfrozen days, server-side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from smgee.models import TrainingTable
from smgee.sampling import lost_rows, tell_lost, write_samples
from smgee.sampling import sample as sample_stations
from smgee.workflow.artifacts import Artifact
from smgee.workflow.days import active_days
from smgee.workflow.preflight import catalog_of, predictor_datasets
from smgee.workflow.step import Step
from smgee.workflow.steps.stations import PERIODS, STATIONS
from smgee.workflow.work import Work

SAMPLES: Artifact[TrainingTable] = Artifact("samples.parquet", TrainingTable.read)


def run(work: Work) -> Mapping[str, Any]:
    """Sample the predictors of the study."""
    study = work.study
    days = active_days(study, work.read(PERIODS))
    daily = work.read(STATIONS)
    daily = daily.sel(time=daily["time"].isin(pd.DatetimeIndex(days).values))
    predictors = study.predictor_set
    rows = sample_stations(study, daily, progress=work.progress)
    write_samples(rows, work.path(SAMPLES), predictors=predictors.predictors, provenance=work.provenance)
    lost, count = lost_rows(rows, predictors), len(predictors.names)
    return {
        "rows": len(rows),
        "complete_rows": len(rows) - sum(lost.values()),
        "predictors": count,
        "lost": lost,
        "sentence": tell_lost(len(rows), lost, predictors=count),
    }


STEP = Step(
    "sample",
    "Sample predictors",
    run,
    reads=(STATIONS, PERIODS),
    writes=(SAMPLES,),
    settings=("start", "end", "area", "predictors", "backend.kind"),
    inputs=catalog_of,
    datasets=predictor_datasets,
    external=True,
)
