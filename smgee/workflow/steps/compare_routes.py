"""Compare routes: both give the same map, on every pixel of one day."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from smgee.errors import InputError
from smgee.io import write_json
from smgee.tables import Provenance
from smgee.upscale import (
    compare_routes,
    compare_store,
    default_block,
    make_layers,
    make_route,
    tiling,
)
from smgee.upscale.route import RouteName
from smgee.workflow.artifacts import Artifact
from smgee.workflow.mapping import READS, SETTINGS, kept_bands, mapped_days
from smgee.workflow.network import predictors_of
from smgee.workflow.preflight import catalog_of, predictor_datasets
from smgee.workflow.step import Step
from smgee.workflow.steps.layers import LAYERS, layer_models
from smgee.workflow.steps.predict import MAPS
from smgee.workflow.steps.train import MODELS, deployed_model
from smgee.workflow.steps.uncertainty import UNCERTAINTY
from smgee.workflow.work import Work


def _write(found: dict[str, Any], path: Path, provenance: Provenance) -> None:
    write_json(path, {**found, **provenance.attributes()})


PARITY: Artifact[dict[str, Any]] = Artifact(
    "parity.json", lambda path: json.loads(path.read_text(encoding="utf-8")), _write
)

WINDOW = 32
"""Side of the window, in pixels, in which layers are compared: each is drawn by dozens of models."""

MOST_NODES = 250_000
"""Nodes of all trees behind a layer beyond which it is not compared: ten megabytes of text, ten seconds."""


def run(work: Work) -> Mapping[str, Any]:
    """Map the day in the middle by the other route too, and compare; by both where the maps stay on Earth
    Engine.
    """
    study = work.study
    predictors, model = predictors_of(work), deployed_model(work)
    if study.upscale.stays:
        days = mapped_days(work)
        xee, classifier = (make_route(name, predictors, model) for name in get_args(RouteName))
        blocks = tiling(study.grid, default_block(len(model.needs) or 1))
        touched = [b for b in blocks if study.area.touches(b.on(study.grid))]
        found = compare_routes(xee, classifier, days[len(days) // 2], touched)
    else:
        maps = work.read(MAPS)
        drawn_by = work.fact("predict", "route") or study.upscale.route
        route: RouteName = "classifier" if drawn_by == "xee" else "xee"
        other = make_route(route, predictors, model)
        found = compare_store(maps, other, maps.days[len(maps.days) // 2], area=study.area)
    content = {**found.as_dict(), "sentence": found.sentence()}
    if work.has(LAYERS) and work.has(UNCERTAINTY):
        content |= _layers(work)
        content["sentence"] += f" {content.pop('said')}"
    if work.has(MAPS):
        kept_bands(work, work.read(MAPS)).clear()  # no later step wants them
    work.write(PARITY, content)
    return {"parity": found.as_dict(), "sentence": content["sentence"]}


def _layers(work: Work) -> dict[str, Any]:
    """Draw the layers of a window by both routes, and compare; say what Earth Engine cannot draw, or only at
    great cost.
    """
    store, models = work.read(LAYERS), layer_models(work)
    chosen = tuple(name for name in models.layers if replace(models, layers=(name,)).nodes <= MOST_NODES)
    left = [name for name in models.layers if name not in chosen]
    said = f"Not compared, for the size of its trees: {', '.join(left)}." if left else ""
    known = np.isfinite(store.read(store.days[0], store.variables[0].name))
    window = max(tiling(store.grid, WINDOW), key=lambda block: int(known[block.slices].sum()))
    if not chosen or not known.any():
        return {"said": said}
    models, predictors = replace(models, layers=chosen), predictors_of(work)
    try:
        kept = kept_bands(work, work.read(MAPS))
        first, second = (make_layers(name, predictors, models, kept=kept) for name in get_args(RouteName))
    except InputError as error:
        return {"said": f"{said} {error}".strip()}
    found = compare_routes(first, second, store.days[0], [window])
    return {"layers": found.as_dict(), "said": f"Layers beside it: {found.sentence()} {said}".strip()}


STEP = Step(
    "compare_routes",
    "Compare routes",
    run,
    reads=(MODELS,),
    may_read=(MAPS, LAYERS, UNCERTAINTY, *READS),
    writes=(PARITY,),
    settings=("area", "upscale.route", "upscale.layers", *SETTINGS),
    inputs=catalog_of,
    datasets=predictor_datasets,
    external=True,
)
