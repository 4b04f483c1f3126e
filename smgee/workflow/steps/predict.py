"""Predict: daily maps of soil moisture by one of the two routes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from smgee.errors import InputError, MissingDataError
from smgee.models import load_model
from smgee.upscale import MapStore, map_season
from smgee.workflow.artifacts import Artifact, folder
from smgee.workflow.days import active_days
from smgee.workflow.preflight import catalog_of, predictor_datasets
from smgee.workflow.step import Option, Step
from smgee.workflow.steps.smap import SMAP
from smgee.workflow.steps.stations import PERIODS
from smgee.workflow.steps.train import MODELS
from smgee.workflow.work import Work


def _open(path: Path) -> xr.Dataset:
    ds = xr.open_zarr(path, consolidated=False, decode_coords="all")
    return ds.assign(done=ds["done"].load())


MAPS: Artifact[xr.Dataset] = folder("maps.zarr", _open)


def run(work: Work) -> Mapping[str, Any]:
    """Map every day that is wanted and not mapped yet by this very model on these predictors."""
    study = work.study
    route = work.option("route", study.upscale.route)
    if route not in ("xee", "classifier"):
        raise InputError(f"The route {route!r} is not known; choose xee or classifier.")
    work.read(MODELS)
    model = load_model(work.path(MODELS), study.training.deploy)
    days = _days(work)
    store = MapStore(
        work.path(MAPS),
        days=days,
        grid=study.grid,
        identity=work.key,
        synthetic=work.provenance.synthetic,
    )
    todo = len(store.missing)
    written = 0

    def done(_: date) -> None:
        nonlocal written
        written += 1
        work.progress(written / todo)

    map_season(study, model.ensemble, store, route=route, progress=done)
    return {
        "days": len(days),
        "mapped_now": todo,
        "route": route,
        "model": model.title,
        "model_hash": model.ensemble.hash,
    }


def _days(work: Work) -> list[date]:
    study = work.study
    days = active_days(study, work.read(PERIODS))
    if study.upscale.days != "smap":
        return days
    if not work.has(SMAP):
        raise InputError(
            "The study names no SMAP product, but upscale.days is smap, the days with a retrieval; set "
            "upscale.days to daily."
        )
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
    may_read=(SMAP,),
    writes=(MAPS,),
    settings=("start", "end", "area", "predictors", "training.deploy", "upscale", "backend.kind"),
    inputs=catalog_of,
    datasets=predictor_datasets,
    external=True,
    options=(Option("route", str, "xee: trees here on pulled tiles; classifier: trees on Earth Engine."),),
)
