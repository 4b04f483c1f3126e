"""Layers: the uncertainty and the applicability of the maps of some days, and the errors of cells' means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from smgee import schemas
from smgee.errors import InputError
from smgee.upscale import (
    CROSS_FITTED,
    LayerModels,
    MapStore,
    SampledRoute,
    XeeLayers,
    default_block,
    make_layers,
    map_season,
    nearest_place,
    sampled_grid,
    sampled_means,
    sampling_step,
)
from smgee.upscale.route import RouteName
from smgee.validation import cell_weights
from smgee.workflow.artifacts import Artifact, folder, table
from smgee.workflow.cells import judged_cells
from smgee.workflow.mapping import kept_bands
from smgee.workflow.network import predictors_of
from smgee.workflow.preflight import catalog_of, predictor_datasets
from smgee.workflow.step import Step
from smgee.workflow.steps.predict import MAPS
from smgee.workflow.steps.stations import STATIONS
from smgee.workflow.steps.train import MODELS, deployed_model
from smgee.workflow.steps.uncertainty import UNCERTAINTY, without_layers
from smgee.workflow.work import Work

LAYERS: Artifact[MapStore] = folder("layers.zarr", MapStore.open, optional=True)
LEFT_OUT: Artifact[pd.DataFrame] = table("zonal_left_out.parquet", schemas.LEFT_OUT, optional=True)
CROSS: Artifact[pd.DataFrame] = table("zonal_cross_fitted.csv", schemas.CROSS_FITTED, optional=True)

_TITLE = "Uncertainty and applicability of daily soil moisture"


def run(work: Work) -> Mapping[str, Any]:
    """Draw the layers of some days; average every left-out model's maps of all days over the cells."""
    study, maps = work.study, work.read(MAPS)
    every, kept = maps.days, kept_bands(work, maps)
    route: RouteName = "classifier" if work.fact("predict", "route") == "classifier" else "xee"
    models = layer_models(work)
    predictors = predictors_of(work)
    notes = list(models.told.notes)
    days = chosen_days(every, study.upscale.layer_days)
    block = default_block(len(models.needs) or 1)
    try:
        drawn = make_layers(route, predictors, models, kept=kept)
    except InputError as error:  # more training conditions than Earth Engine may be asked for
        notes.append(str(error))
        rest = tuple(name for name in models.layers if name not in ("applicability", "density"))
        models = replace(models, layers=rest)
        drawn = make_layers(route, predictors, models, kept=kept)
    if models.variables:
        store = MapStore(
            work.path(LAYERS),
            days=days,
            grid=study.grid,
            identity=work.key,
            provenance=work.provenance,
            variables=models.variables,
            block=block,
            title=_TITLE,
        )
        map_season(store, drawn, area=study.area, events=lambda _, share: work.progress(0.5 * share))
    else:
        work.drop(LAYERS)
    cells = judged_cells(study)
    step = sampling_step(cells, study.area.scale_m) if cells else None
    if models.stations and isinstance(drawn, XeeLayers) and step is not None:
        squares = sampled_grid(study.grid, step)
        names = [s.without[0] for s in models.told.stations]
        places = work.read(STATIONS).sel(station=names)
        nearest = nearest_place(squares, places["lon"].values, places["lat"].values)
        means = sampled_means(
            SampledRoute(predictors, models.stations, step, source=drawn.source, nearest=nearest),
            cell_weights(squares, cells),
            every,
            names=names,
            block=block,
            area=study.area,
            min_coverage=study.smap.min_coverage,
            progress=lambda share: work.progress(0.5 + 0.5 * share),
        )
        fitted = means["name"] == CROSS_FITTED
        work.write(LEFT_OUT, means[~fitted].rename(columns={"name": "station"}))
        work.write(CROSS, means[fitted].drop(columns="name"))
    else:
        work.drop(LEFT_OUT)
        work.drop(CROSS)
        if models.stations and cells:
            notes.append(
                "The standard error of the cells' means needs pulled predictors: draw the maps by route xee."
            )
    return {
        "days": [str(day) for day in days],
        "layers": list(models.layers),
        "sampled_every": step,
        "notes": notes,
    }


def layer_models(work: Work) -> LayerModels:
    """Return the models behind the layers of a run."""
    return LayerModels.of(deployed_model(work), work.read(UNCERTAINTY), work.study.upscale.layers)


def chosen_days(days: Sequence[date], count: int | None) -> list[date]:
    """Return so many days in the middle of as many equal parts of the days that are mapped; None: all."""
    if count is None or count >= len(days):
        return list(days)
    return [days[int(k)] for k in np.unique(((np.arange(count) + 0.5) * len(days) / count).astype(int))]


STEP = Step(
    "layers",
    "Draw uncertainty and applicability",
    run,
    version=3,
    reads=(MAPS, MODELS, UNCERTAINTY, STATIONS),
    writes=(LAYERS, LEFT_OUT, CROSS),
    settings=(
        *("start", "end", "area", "predictors", "training.deploy", "upscale", "smap.min_coverage"),
        "backend.kind",
    ),
    ignores=("upscale.days", "upscale.workers"),
    inputs=catalog_of,
    datasets=predictor_datasets,
    external=True,
    needed=without_layers,
)
