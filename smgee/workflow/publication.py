"""The publishing step: the season's mean map, the model and the stations as assets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from smgee.errors import InputError
from smgee.study import Study
from smgee.workflow.folder import RunFolder
from smgee.workflow.steps import active_days, is_synthetic, mapped_by, read_periods, read_stations

__all__ = ["embedded_buckets", "publish"]

EMBEDDED_BUCKET = "smgee-embedded"


def publish(
    run: RunFolder, progress: Callable[[float], Any], *, folder: str | None = None, bucket: str | None = None
) -> dict[str, Any]:
    """Publish the run's results under an asset folder, and list them again.

    Parameters
    ----------
    run : RunFolder
        A run with maps.
    progress : callable
        Receives the share done.
    folder : str, optional
        ``projects/…/assets/…``; by default a folder named like the run in the connected project.
    bucket : str, optional
        Cloud Storage bucket for the upload of the map, needed on the real service.
    """
    from smgee import publish as assets
    from smgee.session import current_session

    session = current_session()
    if session is None:
        raise InputError(
            "No session is open; connect first with smgee.connect(buckets=embedded_buckets(run))."
        )
    study = run.study
    folder = folder or f"projects/{session.project}/assets/smgee/{study.name}"
    model = mapped_by(run)
    days = active_days(study, read_periods(run))
    card = _card(run, model, study)
    assets.ensure_folder(folder)
    start, end = pd.Timestamp(days[0]), pd.Timestamp(days[-1]) + pd.Timedelta(days=1)
    assets.publish_map(
        run.need("maps/season_mean.tif", "predict"),
        f"{folder}/season_mean",
        upload=_uploader(session, run, bucket),
        band="soil_moisture",
        start_ms=int(start.timestamp() * 1000),
        end_ms=int(end.timestamp() * 1000),
        properties=card,
    )
    progress(0.4)
    assets.publish_model(
        model.ensemble,
        f"{folder}/model",
        properties=card | {"title": f"{model.title} for soil moisture", "route": "classifier"},
    )
    progress(0.7)
    assets.publish_stations(
        read_stations(run),
        f"{folder}/stations",
        properties={"synthetic": int(is_synthetic(study)), "study": study.name},
    )
    listed = [a["name"] for a in assets.list_assets(folder)]
    progress(1.0)
    return {"folder": folder, "assets": listed}


def _card(run: RunFolder, model: Any, study: Study) -> dict[str, Any]:
    """Return the asset card: where the map comes from, and how far it can be trusted."""
    scores = run.read_table("scores.csv", "train")
    card: dict[str, Any] = {
        "title": "Upscaled soil moisture, mean of the mapped days",
        "units": "m3 m-3",
        "synthetic": is_synthetic(study),
        "study": study.name,
        "model": model.title,
        "model_hash": model.ensemble.hash,
        "trees": model.ensemble.n_trees,
        "band_order": ",".join(model.predictors),
        **study.predictor_set.properties(),
        "route": run.fact("predict", "route") or study.upscale.route,
    }
    parity = run.fact("predict", "parity")
    if parity:
        card |= {
            "parity_max_abs_difference": parity["max_abs_difference"],
            "parity_tolerance": parity["tolerance"],
        }
    for row in scores[scores["model"] == model.title].to_dict("records"):
        card |= {f"{metric}_{row['design']}": row[metric] for metric in ("r", "rmse", "bias")} | {
            f"n_{row['design']}": row["n"]
        }
    return card


def embedded_buckets(run: RunFolder) -> dict[str, Path]:
    """Return the folder that stands for Cloud Storage when a run is published on the embedded backend; for
    `smgee.connect`.
    """
    return {EMBEDDED_BUCKET: run / "bucket"}


def _uploader(session: Any, run: RunFolder, bucket: str | None) -> Callable[[Path], str]:
    """Return the function that brings a file to where Earth Engine ingests from."""
    from smgee.trees.transports import bucket_uploader

    if session.backend == "embedded":
        return bucket_uploader(EMBEDDED_BUCKET, folder=embedded_buckets(run)[EMBEDDED_BUCKET])
    if bucket is None:
        raise InputError(
            "Earth Engine ingests maps from Cloud Storage only; give a bucket of yours with --bucket NAME."
        )
    return bucket_uploader(bucket, project=session.project)
