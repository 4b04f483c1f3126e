"""Compare routes: both give the same map, on every pixel of one day."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smgee.io import atomic_path
from smgee.tables import Provenance
from smgee.upscale import compare_store, make_route
from smgee.upscale.route import RouteName
from smgee.workflow.artifacts import Artifact
from smgee.workflow.network import predictors_of
from smgee.workflow.preflight import catalog_of, predictor_datasets
from smgee.workflow.step import Step
from smgee.workflow.steps.predict import MAPS
from smgee.workflow.steps.stations import STATIONS
from smgee.workflow.steps.train import MODELS, deployed_model
from smgee.workflow.work import Work


def _write(found: dict[str, Any], path: Path, provenance: Provenance) -> None:
    with atomic_path(path) as scratch:
        content = {**found, **provenance.attributes()}
        scratch.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


PARITY: Artifact[dict[str, Any]] = Artifact(
    "parity.json", lambda path: json.loads(path.read_text(encoding="utf-8")), _write
)


def run(work: Work) -> Mapping[str, Any]:
    """Map the day in the middle by the other route too, and compare."""
    study = work.study
    maps = work.read(MAPS)
    drawn_by = work.fact("predict", "route") or study.upscale.route
    route: RouteName = "classifier" if drawn_by == "xee" else "xee"
    other = make_route(route, predictors_of(work), deployed_model(work))
    found = compare_store(maps, other, maps.days[len(maps.days) // 2], area=study.area)
    content = {**found.as_dict(), "sentence": found.sentence()}
    work.write(PARITY, content)
    return {"parity": found.as_dict(), "sentence": found.sentence()}


STEP = Step(
    "compare_routes",
    "Compare routes",
    run,
    reads=(MODELS, MAPS),
    may_read=(STATIONS,),
    writes=(PARITY,),
    settings=("start", "end", "area", "predictors", "training.deploy", "upscale.route", "backend.kind"),
    inputs=catalog_of,
    datasets=predictor_datasets,
    external=True,
)
