"""Publish: the season's mean map, the model and the stations as assets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from smgee import publish as assets
from smgee.errors import InputError
from smgee.models import TrainedModel, load_model
from smgee.models.baselines import NETWORK_MEAN
from smgee.remote import bucket_uploader
from smgee.session import current_session
from smgee.workflow.connection import EMBEDDED_BUCKET, embedded_buckets
from smgee.workflow.days import active_days
from smgee.workflow.step import Option, Step
from smgee.workflow.steps.compare_routes import PARITY
from smgee.workflow.steps.mean_map import MEAN_MAP
from smgee.workflow.steps.stations import PERIODS, STATIONS
from smgee.workflow.steps.train import CERTIFICATE, MODELS, SCORES
from smgee.workflow.work import Work


def run(work: Work) -> Mapping[str, Any]:
    """Publish under an asset folder, and list what is there then."""
    session = current_session()
    if session is None:
        raise InputError("No session is open; connect first with smgee.workflow.connected(run).")
    study = work.study
    folder = work.option("folder", study.publish.folder) or f"{session.asset_root}/smgee/{study.name}"
    bucket = work.option("bucket", study.publish.bucket)
    model = load_model(work.path(MODELS), study.training.deploy)
    days = active_days(study, work.read(PERIODS))
    card = _card(work, model)
    start, end = pd.Timestamp(days[0]), pd.Timestamp(days[-1]) + pd.Timedelta(days=1)
    work.read(MEAN_MAP)
    with assets.together(folder) as staging:
        assets.publish_map(
            work.path(MEAN_MAP),
            f"{staging}/season_mean",
            upload=_uploader(work, bucket),
            band="soil_moisture",
            start_ms=int(start.timestamp() * 1000),
            end_ms=int(end.timestamp() * 1000),
            properties=card,
        )
        work.progress(0.4)
        assets.publish_model(
            model.ensemble,
            f"{staging}/model",
            properties=card | {"title": f"{model.title} for {_learned(model)}", "route": "classifier"},
        )
        work.progress(0.7)
        assets.publish_stations(
            work.read(STATIONS),
            f"{staging}/stations",
            properties={"synthetic": int(work.provenance.synthetic), "study": study.name},
        )
    return {"folder": folder, "assets": [a["name"] for a in assets.list_assets(folder)]}


def _card(work: Work, model: TrainedModel) -> dict[str, Any]:
    """Return the asset card: where the map comes from, and how far it can be trusted."""
    study = work.study
    card: dict[str, Any] = {
        "title": "Upscaled soil moisture, mean of the mapped days",
        "units": "m3 m-3",
        "synthetic": work.provenance.synthetic,
        "study": study.name,
        "model": model.title,
        "model_hash": model.ensemble.hash,
        "trees": model.ensemble.n_trees,
        "band_order": ",".join(model.predictors),
        **study.predictor_set.properties(),
        "route": work.fact("predict", "route") or study.upscale.route,
    }
    parity = work.read_if_there(PARITY)
    if parity:
        card |= {
            "parity_max_abs_difference": parity["max_abs_difference"],
            "parity_tolerance": parity["tolerance"],
        }
    if model.offset is not None:
        found = work.read(CERTIFICATE)
        card |= {"learned": "anomaly", "offset": model.offset}
        card |= {"verdict": found["verdict"], "words": found["words"]}
    scores = work.read(SCORES)
    metrics = [m for m in ("r", "rmse", "bias", "skill", "skill_low", "skill_high") if m in scores]
    for row in scores[scores["model"] == model.title].to_dict("records"):
        card |= {f"{m}_{row['design']}": row[m] for m in metrics if pd.notna(row[m])}
        card |= {f"n_{row['design']}": row["n"]}
    for row in scores[scores["model"] == NETWORK_MEAN].to_dict("records"):
        card |= {f"{m}_{row['design']}_network_mean": row[m] for m in ("r", "rmse") if pd.notna(row[m])}
    return card


def _learned(model: TrainedModel) -> str:
    """Say what the trees give."""
    return "soil moisture" if model.offset is None else f"soil moisture minus {model.offset}"


def _uploader(work: Work, bucket: str | None) -> Callable[[Path], str]:
    """Return the function that brings a file to where Earth Engine ingests from."""
    session = current_session()
    if session is None or session.backend == "embedded":
        return bucket_uploader(EMBEDDED_BUCKET, folder=embedded_buckets(work.run)[EMBEDDED_BUCKET])
    if bucket is None:
        raise InputError(
            "Earth Engine ingests maps from Cloud Storage only; give a bucket of yours with --bucket NAME "
            "or as publish.bucket in the study."
        )
    return bucket_uploader(bucket, project=session.project)


STEP = Step(
    "publish",
    "Publish assets",
    run,
    reads=(MEAN_MAP, MODELS, STATIONS, PERIODS, SCORES),
    may_read=(PARITY, CERTIFICATE),
    settings=("name", "training.deploy", "publish", "backend.kind", "backend.project"),
    external=True,
    options=(
        Option("folder", str, "Asset folder, projects/…/assets/…; named like the run if not given."),
        Option("bucket", str, "Cloud Storage bucket of yours for the upload (real service)."),
    ),
)
