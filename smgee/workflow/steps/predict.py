"""Predict: daily maps of soil moisture by one of the two routes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from smgee.errors import MissingDataError
from smgee.upscale import MapStore, default_block, make_route, map_season
from smgee.workflow.artifacts import Artifact, folder
from smgee.workflow.days import active_days
from smgee.workflow.network import predictors_of
from smgee.workflow.preflight import catalog_of, predictor_datasets
from smgee.workflow.step import Option, Step
from smgee.workflow.steps.smap import SMAP
from smgee.workflow.steps.stations import PERIODS, STATIONS
from smgee.workflow.steps.train import MODELS, deployed_model
from smgee.workflow.work import Work

MAPS: Artifact[MapStore] = folder("maps.zarr", MapStore.open)


def run(work: Work) -> Mapping[str, Any]:
    """Map every day that is wanted and not mapped yet by this very model on these predictors."""
    study = work.study
    model = deployed_model(work)
    route = make_route(work.option("route", study.upscale.route), predictors_of(work), model)
    days = _days(work)
    store = MapStore(
        work.path(MAPS),
        days=days,
        grid=study.grid,
        identity=work.key,
        provenance=work.provenance,
        block=default_block(len(model.needs) or 1),
    )
    todo = len(store.missing)
    map_season(store, route, area=study.area, events=lambda _, share: work.progress(share))
    return {
        "days": len(days),
        "mapped_now": todo,
        "route": route.name,
        "model": model.title,
        "model_hash": model.hash,
    }


def _days(work: Work) -> list[date]:
    study = work.study
    days = active_days(study, work.read(PERIODS))
    if study.upscale.days != "smap":
        return days
    smap = work.read(SMAP)
    seen = set(pd.to_datetime(smap.loc[smap["soil_moisture"].notna(), "date"]).dt.date)
    days = [d for d in days if d in seen]
    if not days:
        raise MissingDataError(
            "SMAP has no retrieval on any unfrozen day of the period; set upscale.days to daily, or move "
            "the period."
        )
    return days


STEP = Step(
    "predict",
    "Map at 30 m",
    run,
    reads=(PERIODS, MODELS),
    may_read=(SMAP, STATIONS),
    writes=(MAPS,),
    settings=("start", "end", "area", "predictors", "training.deploy", "upscale", "backend.kind"),
    inputs=catalog_of,
    datasets=predictor_datasets,
    external=True,
    options=(Option("route", str, "xee: trees here on pulled tiles; classifier: trees on Earth Engine."),),
)
