"""Predict: daily maps of soil moisture by one of the two routes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date
from typing import Any

from smgee.errors import InputError
from smgee.planning import ASSUMED, Plan, plan_routes
from smgee.predictors import PredictorSet
from smgee.remote import LEDGER
from smgee.study import Study
from smgee.upscale import DailyModel, MapStore, default_block, make_route, map_season, open_workers
from smgee.upscale.route import RouteName
from smgee.workflow.artifacts import Artifact, folder
from smgee.workflow.mapping import kept_bands, mapped_days
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
    model, predictors = deployed_model(work), predictors_of(work)
    days = mapped_days(work)
    asked = work.option("route", study.upscale.route)
    chosen = choice(asked, study, predictors, model, days)
    store = MapStore(
        work.path(MAPS),
        days=days,
        grid=study.grid,
        identity=work.key,
        provenance=work.provenance,
        block=default_block(len(model.needs) or 1),
    )
    route = make_route(chosen, predictors, model, kept=kept_bands(work, store))
    todo = store.missing
    planned = _plan(study, predictors, model, todo, (chosen,)) if todo else None
    began = time.perf_counter()
    with LEDGER.measure() as meter, open_workers(_workers(work)) as workers:
        map_season(
            store, route, area=study.area, executor=workers, events=lambda _, share: work.progress(share)
        )
    seconds = time.perf_counter() - began
    return {
        "days": len(days),
        "mapped_now": len(todo),
        "route": route.name,
        "model": model.title,
        "model_hash": model.hash,
        **({} if planned is None else planned.beside(chosen, meter.spent, seconds)),
    }


def choice(
    asked: str, study: Study, predictors: PredictorSet, model: DailyModel, days: list[date]
) -> RouteName:
    """Return the route, by the plan where that is left to it; all days count, so that a run that goes on
    keeps its route.
    """
    if asked == "xee" or asked == "classifier":
        return asked  # type: ignore[return-value]
    if asked != "auto":
        raise InputError(f"The route {asked!r} is not known; choose xee, classifier or auto.")
    return _plan(study, predictors, model, days, ("xee", "classifier")).choice


def _plan(
    study: Study,
    predictors: PredictorSet,
    model: DailyModel,
    days: list[date],
    routes: tuple[RouteName, ...],
) -> Plan:
    backend = study.backend.kind
    return plan_routes(
        predictors,
        days,
        backend=backend,
        rates=ASSUMED[backend],
        model=model,
        area=study.area,
        routes=routes,
    )


def _left_out(study: Study) -> str | None:
    return "the maps stay on Earth Engine (upscale.maps)" if study.upscale.stays else None


def _workers(work: Work) -> str:
    dask = work.option("dask", "")
    return f"dask:{dask}" if dask else work.option("workers", work.study.upscale.workers)


STEP = Step(
    "predict",
    "Map at 30 m",
    run,
    version=2,
    reads=(PERIODS, MODELS),
    may_read=(SMAP, STATIONS),
    writes=(MAPS,),
    settings=("start", "end", "area", "predictors", "training.deploy", "upscale", "backend.kind"),
    inputs=catalog_of,
    datasets=predictor_datasets,
    ignores=("upscale.workers", "upscale.layers", "upscale.layer_days", "upscale.level"),
    external=True,
    needed=_left_out,
    options=(
        Option(
            "route",
            str,
            "xee: trees here on pulled tiles; classifier: trees on Earth Engine; auto: as the plan says.",
        ),
        Option("workers", str, "Where blocks are mapped: threads, threads:4, processes:2.", matters=False),
        Option("dask", str, "On a dask cluster: local:2, or tcp://HOST:PORT.", matters=False),
    ),
)
