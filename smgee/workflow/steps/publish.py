"""Publish: the season's mean map, the model, the stations and the cells as assets; daily maps if wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from smgee import publish as assets
from smgee.errors import InputError
from smgee.models import TrainedModel, load_model
from smgee.models.baselines import BASELINES, NETWORK_MEAN
from smgee.models.nested import DEPLOYED
from smgee.models.placebo import PLACEBO
from smgee.models.scores import station_design
from smgee.remote import bucket_uploader
from smgee.session import current_session
from smgee.workflow.cells import judged_cells
from smgee.workflow.connection import EMBEDDED_BUCKET, embedded_buckets
from smgee.workflow.days import active_days
from smgee.workflow.step import Option, Step
from smgee.workflow.steps.compare_routes import PARITY
from smgee.workflow.steps.mean_map import MEAN_MAP
from smgee.workflow.steps.predict import MAPS
from smgee.workflow.steps.smap import SMAP
from smgee.workflow.steps.static import CELLS
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
    upload, origin = _uploader(work, bucket), {"synthetic": work.provenance.synthetic, "study": study.name}
    work.read(MEAN_MAP)
    with assets.together(folder) as staging:
        assets.publish_map(
            work.path(MEAN_MAP),
            f"{staging}/season_mean",
            upload=upload,
            band="soil_moisture",
            start_ms=int(start.timestamp() * 1000),
            end_ms=int(end.timestamp() * 1000),
            properties=card,
        )
        work.progress(0.2)
        assets.publish_model(
            model.ensemble,
            f"{staging}/model",
            properties=card
            | {"title": f"{model.title} for {_learned(model)}", "route": "classifier", "maps": _drawn(model)},
        )
        work.progress(0.4)
        period = {"first_day": days[0], "last_day": days[-1]}
        assets.publish_stations(
            work.read(STATIONS), f"{staging}/stations", properties={"title": "Stations", **origin, **period}
        )
        assets.publish_cells(
            judged_cells(study),
            f"{staging}/cells",
            conditions=work.read_if_there(CELLS),
            properties={"title": "EASE-Grid 2.0 cells that are judged", **origin, **_smap(work)},
        )
    work.progress(0.5)
    if study.publish.maps:
        _publish_maps(work, f"{folder}/{assets.DAILY_MAPS}", upload, card)
    listed = [str(a["name"]) for a in assets.list_assets(folder)]
    if study.publish.readers is not None:
        for asset in (folder, *listed):
            assets.share(asset, study.publish.readers)
    return {"folder": folder, "assets": listed}


def _publish_maps(
    work: Work, collection: str, upload: Callable[[Path], str], card: Mapping[str, Any]
) -> None:
    """Publish every daily map; those that are there already with the same card are left alone."""
    store, done = work.read(MAPS), 0

    def told(_: date) -> None:
        nonlocal done
        done += 1
        work.progress(0.5 + 0.5 * done / len(store.days))

    assets.publish_maps(
        ((day, store.read(day)) for day in store.days),
        store.grid,
        collection,
        upload=upload,
        properties={**card, "title": "Upscaled soil moisture of a day"},
        overwrite=work.study.publish.overwrite,
        progress=told,
    )


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
        card |= {"learned": "anomaly", "offset": model.offset}
    found = work.read_if_there(CERTIFICATE) or {}
    if found.get("model", DEPLOYED) == model.title:
        card |= {key: found[key] for key in ("verdict", "words") if key in found}
    return card | scores_on_card(work.read(SCORES), model.title) | _smap(work)


def scores_on_card(scores: pd.DataFrame, title: str) -> dict[str, Any]:
    """Return the figures of a model by design, and beside them those of the baselines."""
    card: dict[str, Any] = {}
    metrics = [m for m in ("r", "rmse", "bias", "skill", "skill_low", "skill_high") if m in scores]
    for row in scores[scores["model"] == title].to_dict("records"):
        card |= {f"{m}_{row['design']}": row[m] for m in metrics if pd.notna(row[m])}
        card |= {f"n_{row['design']}": row["n"]}
    judged = station_design(scores)
    for row in scores[scores["model"].isin([*BASELINES, PLACEBO])].to_dict("records"):
        # of the mean of the others and the placebo under every design, of the rest where models are judged
        if row["model"] in (NETWORK_MEAN, PLACEBO) or row["design"] == judged:
            name = f"{row['design']}_{row['model'].replace(' ', '_')}"
            card |= {f"{m}_{name}": row[m] for m in ("r", "rmse", "skill") if pd.notna(row.get(m))}
    return card


def _smap(work: Work) -> dict[str, str]:
    """Return which versions of SMAP the cells were judged with, by grid."""
    table = work.read_if_there(SMAP)
    if table is None or "version" not in table:
        return {}
    grids = table["cell"].str[:3]
    versions = table["version"].dropna().astype(str)
    return {
        f"smap_version_{grid}": ",".join(sorted(set(own)))
        for grid, own in versions.groupby(grids[versions.index])
    }


def _learned(model: TrainedModel) -> str:
    """Say what the trees give."""
    return "soil moisture" if model.offset is None else f"soil moisture minus {model.offset}"


def _drawn(model: TrainedModel) -> str:
    """Say what maps make of what the trees give."""
    return f"max({'trees' if model.offset is None else f'{model.offset} + trees'}, 0)"


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
    version=3,
    reads=(MEAN_MAP, MODELS, STATIONS, PERIODS, SCORES),
    may_read=(PARITY, CERTIFICATE, CELLS, SMAP, MAPS),
    settings=("name", "area", "training.deploy", "publish", "backend.kind", "backend.project"),
    external=True,
    options=(
        Option("folder", str, "Asset folder, projects/…/assets/…; named like the run if not given."),
        Option("bucket", str, "Cloud Storage bucket of yours for the upload (real service)."),
    ),
)
