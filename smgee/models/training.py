"""From a table to trained, scored and saved models."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from smgee.errors import ParityError
from smgee.estimators import ESTIMATORS, EstimatorSpec, find
from smgee.models.certificate import certify_absolute, worth_of
from smgee.models.crossval import Progress, check_missing, cross_validate, fit_one, run_all
from smgee.models.fitted import PARITY_TOLERANCE
from smgee.models.intervals import StationInterval, fit_interval
from smgee.models.saving import save_training
from smgee.models.scores import AT_STATIONS, best_model, scores_of
from smgee.models.skill import skill_table
from smgee.models.store import TrainedModel
from smgee.models.table import TrainingTable
from smgee.trees import TreeEnsemble


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What a training run gives.

    Parameters
    ----------
    table : TrainingTable
        What was trained on.
    models : dict of str to TrainedModel
        By name.
    best : str
        Name of the model with the smallest RMSE at stations left out.
    scores : pandas.DataFrame
        See `smgee.models.skill_table`; baselines stand beside the models.
    predictions : pandas.DataFrame
        Out-of-fold predictions, see `cross_validate`.
    certificate : dict
        See `smgee.models.certificate.certify_scores`.
    """

    table: TrainingTable
    models: dict[str, TrainedModel]
    best: str
    scores: pd.DataFrame
    predictions: pd.DataFrame
    certificate: dict[str, Any]

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``scores.csv``, its breakdowns, ``certificate.json`` and ``models/``."""
        save_training(
            folder,
            training=self.table,
            models=self.models,
            best=self.best,
            chosen_by="smallest RMSE at stations left out",
            scores=self.scores,
            predictions=self.predictions,
            certificate=self.certificate,
        )


def fit_models(
    table: TrainingTable,
    *,
    models: Sequence[str] = tuple(ESTIMATORS),
    seed: int = 0,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> dict[str, TrainedModel]:
    """Fit models on all rows and convert them to trees, checked against the library's own prediction.

    Parameters
    ----------
    table, models, seed, n_jobs, progress
        As for `cross_validate`.

    Returns
    -------
    dict of str to TrainedModel
        Without scores in their records.

    Raises
    ------
    ParityError
        If the trees differ from the library's prediction by more than `PARITY_TOLERANCE` on any training row.
    """
    specs = list(dict.fromkeys(find(name) for name in models))
    check_missing(table, specs)
    jobs = [(f"{spec.title}, all rows", partial(_fit, table, spec, seed)) for spec in specs]
    return dict(
        zip([spec.name for spec in specs], run_all(jobs, n_jobs=n_jobs, progress=progress), strict=True)
    )


def train_models(
    table: TrainingTable,
    *,
    models: Sequence[str] = tuple(ESTIMATORS),
    designs: Sequence[str] = ("random", "station"),
    folds: int = 10,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> TrainingResult:
    """Score models by cross-validation, then fit each on all rows.

    Parameters
    ----------
    table, models, designs, folds, seed, n_jobs, progress
        As for `cross_validate`.

    Returns
    -------
    TrainingResult
        Ready to `save`.
    """
    last, fits = len({find(name) for name in models}), 0

    def count(what: str, done: int, total: int) -> None:
        nonlocal fits
        fits = total
        if progress:  # one count over both parts, so that a bar runs once from left to right
            progress(what, done, total + last)

    def count_last(what: str, done: int, total: int) -> None:
        if progress:
            progress(what, fits + done, fits + total)

    predictions = cross_validate(
        table, models=models, designs=designs, folds=folds, seed=seed, n_jobs=n_jobs, progress=count
    )
    scores = skill_table(predictions, seed=seed)
    fitted = fit_models(table, models=models, seed=seed, n_jobs=n_jobs, progress=count_last)
    scored = {
        name: TrainedModel(
            name,
            model.ensemble,
            dict(model.record)
            | {
                "scores": scores_of(scores, model.title),
                "interval": worth_of(_interval_of(predictions, model.title)),
                "folds": folds,
            },
        )
        for name, model in fitted.items()
    }
    best = best_model(scores)
    certificate = certify_absolute(scores, best, table, _interval_of(predictions, best))
    return TrainingResult(table, scored, find(best).name, scores, predictions, certificate)


def _fit(table: TrainingTable, spec: EstimatorSpec, seed: int) -> TrainedModel:
    model = fit_one(spec, table.x, table.y, station=table.station, seed=seed)
    ensemble = TreeEnsemble.from_model(model, feature_names=table.predictors)
    gap = float(np.abs(ensemble.predict(table.x) - model.predict(table.x)).max())
    if not gap <= PARITY_TOLERANCE:
        raise ParityError(
            f"The trees of {spec.title} differ by up to {gap:.3g} m³/m³ from what {spec.library} predicts on "
            "the training rows "
            f"(allowed: {PARITY_TOLERANCE:g}); this version of {spec.library} cannot be converted faithfully."
        )
    return TrainedModel(
        spec.name, ensemble, _record(table, spec, seed) | {"parity_gap": gap, "trees_count": ensemble.n_trees}
    )


def _record(table: TrainingTable, spec: EstimatorSpec, seed: int) -> dict[str, Any]:
    days = table.time.astype("datetime64[D]")
    low, high = np.nanmin(table.x, axis=0).astype(float), np.nanmax(table.x, axis=0).astype(float)
    return {
        "title": spec.title,
        "library": spec.library,
        "class": f"{spec.package}.{spec.class_name}",
        "reference": spec.reference,
        "settings": dict(sorted(spec.settings.items())),
        "seed": seed,
        "versions": {name: version(name) for name in sorted({"smgee", "numpy", spec.library})},
        "predictors": list(table.predictors),
        "predictor_range": {
            name: [a, b] for name, a, b in zip(table.predictors, low.tolist(), high.tolist(), strict=True)
        },
        "target": table.target,
        "units": dict(table.units),
        "synthetic": table.synthetic,
        "table": {
            "source": table.source,
            "hash": table.hash,
            "rows": len(table),
            "stations": table.stations,
            "first_day": str(days.min()),
            "last_day": str(days.max()),
            "dropped": dict(table.dropped),
        },
    }


def _interval_of(predictions: pd.DataFrame, title: str) -> StationInterval:
    """The interval of a model by its errors at stations left out."""
    own = predictions[(predictions["model"] == title) & predictions["design"].isin(AT_STATIONS)]
    own = own[own["design"] == own["design"].iloc[0]]
    return fit_interval(*(own[name].to_numpy() for name in ("predicted", "observed", "station", "fold")))
