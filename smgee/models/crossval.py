"""Cross-validation: every row predicted by a model that has not seen it, and by the baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from smgee.errors import InputError
from smgee.estimators import ESTIMATORS, EstimatorSpec, find, make
from smgee.models.baselines import predict_baselines
from smgee.models.designs import find_design, require_station_design
from smgee.models.features import build_features
from smgee.models.holdout import rows_fold
from smgee.models.network import NetworkTable
from smgee.models.pools import fitting_threads
from smgee.models.problem import make_problem
from smgee.models.table import TrainingTable

Progress = Callable[[str, int, int], None]
"""Called as ``progress(what, done, total)`` whenever a fit has finished."""

# slowest first, so that no worker is left alone with a long fit at the end; measured on 7,000 rows, 17
# predictors
_COST = {"rf": 1.2, "ert": 1.1, "gbdt": 1.0, "catboost": 0.6, "xgboost": 0.6, "linear": 0.1}


@dataclass(frozen=True)
class _Task:
    spec: EstimatorSpec
    design: str
    fold: int
    train: np.ndarray
    test: np.ndarray


def cross_validate(
    table: TrainingTable,
    *,
    models: Sequence[str] = tuple(ESTIMATORS),
    designs: Sequence[str] = ("random", "station"),
    folds: int = 10,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Out-of-fold predictions of every model, and of every baseline, under every design.

    Folds run side by side in threads, one thread per fit, so that the result does not depend on `n_jobs`. All
    models and baselines see the same folds.

    Parameters
    ----------
    table : TrainingTable
        The rows.
    models : sequence of str
        Names from `ESTIMATORS`.
    designs : sequence of str
        Names from `DESIGNS`. ``random`` is refused without ``station`` or ``loso``.
    folds : int
        Folds per design (one per group when there are fewer groups).
    seed : int
        Seed of models and folds.
    n_jobs : int, optional
        Fits at a time; by default one per usable core.
    progress : callable, optional
        See `Progress`.

    Returns
    -------
    pandas.DataFrame
        One row per design, model and table row: ``design``, ``model`` (title, or name of the baseline),
        ``row`` (position in the table), ``station``, ``time``, ``fold``, ``observed`` and ``predicted``
        (m³ m⁻³).

    Raises
    ------
    InputError
        For unknown models or designs, random folds alone, or too few groups.
    """
    specs = list(dict.fromkeys(find(name) for name in models))
    if not specs:
        raise InputError(f"No model was named; choose from {', '.join(ESTIMATORS)}.")
    chosen = list(dict.fromkeys(designs))
    require_station_design(chosen)
    check_missing(table, specs)
    splits = {name: find_design(name).split(table, folds=folds, seed=seed) for name in chosen}
    tasks = [
        _Task(spec, name, fold, train, test)
        for name in chosen
        for fold, (train, test) in enumerate(splits[name])
        for spec in specs
    ]
    tasks.sort(key=lambda task: -_COST.get(task.spec.name, 1.0) * len(task.train))
    predicted = {(d, s.title): np.full(len(table), np.nan) for d in chosen for s in specs}
    fold_of = {d: np.full(len(table), -1) for d in chosen}

    def fit(task: _Task) -> np.ndarray:
        x, y, station = table.x[task.train], table.y[task.train], table.station[task.train]
        model = fit_one(task.spec, x, y, station=station, seed=seed)
        return np.maximum(model.predict(table.x[task.test]), 0.0)  # as maps are drawn

    jobs = [(f"{task.spec.title}, {find_design(task.design).title}", partial(fit, task)) for task in tasks]
    for task, values in zip(tasks, run_all(jobs, n_jobs=n_jobs, progress=progress), strict=True):
        predicted[task.design, task.spec.title][task.test] = values
        fold_of[task.design][task.test] = task.fold
    predicted |= _baselines(table, splits)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "design": design,
                    "model": model,
                    "row": np.arange(len(table)),
                    "station": table.station,
                    "time": table.time,
                    "fold": fold_of[design],
                    "observed": table.y,
                    "predicted": values,
                }
            )
            for (design, model), values in sorted(
                predicted.items(), key=lambda item: chosen.index(item[0][0])
            )
        ],
        ignore_index=True,
    )


def _baselines(
    table: TrainingTable, splits: Mapping[str, Sequence[tuple[np.ndarray, np.ndarray]]]
) -> dict[tuple[str, str], np.ndarray]:
    """Predictions of every baseline, by design and name, shape (rows,)."""
    network = as_network(table)
    features = build_features(network)
    out: dict[tuple[str, str], np.ndarray] = {}
    for design, folds in splits.items():
        for train, test in folds:
            fold = rows_fold(network, train, test, transfers=find_design(design).transfers)
            problem = make_problem(network, fold, features, most_rows=len(table))
            for name, values in predict_baselines(problem).items():
                column = out.setdefault((design, name), np.full(len(table), np.nan))
                column[problem.test] = values
    return out


def as_network(table: TrainingTable) -> NetworkTable:
    """The rows of a table as a network, in the same order and before those that lack a predictor: what
    baselines are told from.
    """
    # with blanks, which the columns of a table of predictors hardly have
    station, time, lon, lat = "station of the row", "time of the row", "lon of the row", "lat of the row"
    frame = pd.DataFrame(table.x, columns=list(table.predictors)).astype("f8")
    frame[table.target], frame[station], frame[time] = table.y, table.station, table.time
    for name, values in ((lon, table.lon), (lat, table.lat)):
        if values is not None:
            frame[name] = values
    if table.others is not None:
        given = {"station": station, "time": time, "y": table.target, "lon": lon, "lat": lat}
        more = table.others.rename(columns=given)
        frame = pd.concat([frame, more[[c for c in more if c in frame]]], ignore_index=True)
    return NetworkTable.from_frame(
        frame,
        target=table.target,
        predictors=table.predictors,
        synthetic=table.synthetic,
        source=table.source,
        station=station,
        time=time,
        lon=None if table.lon is None else lon,
        lat=None if table.lat is None else lat,
        company=False,
    )


def fit_one(spec: EstimatorSpec, x: np.ndarray, y: np.ndarray, *, station: np.ndarray, seed: int) -> Any:
    """Fit one model in one thread, on rows of stations; `InputError` if the target does not vary, so that
    there is nothing to learn (CatBoost refuses such data, others return a constant).
    """
    if np.ptp(y) == 0:
        raise InputError(
            f"The target is {y[0]:g} in all {len(y)} training rows of a fold; there is nothing to learn from "
            "a constant."
        )
    return make(spec.name, seed=seed, n_jobs=1).fit(x, y, **spec.fit_options(station))


def check_missing(table: TrainingTable, specs: Sequence[EstimatorSpec]) -> None:
    """Refuse rows with missing predictors for models that cannot take them, by name."""
    missing = int(np.isnan(table.x).any(axis=1).sum())
    strict = [spec.title for spec in specs if not spec.accepts_missing]
    if missing and strict:
        raise InputError(
            f"{missing} rows have missing predictors, which {', '.join(strict)} cannot take; "
            "leave those rows or those models out."
        )


def run_all(
    jobs: Sequence[tuple[str, Callable[[], Any]]],
    *,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> list[Any]:
    """Run labelled jobs in threads and return their results in order; the first error stops what has not
    started.
    """
    results: list[Any] = [None] * len(jobs)
    with fitting_threads(n_jobs) as pool:
        futures = {pool.submit(job): index for index, (_, job) in enumerate(jobs)}
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                results[futures[future]] = future.result()
                if progress:
                    progress(jobs[futures[future]][0], done, len(jobs))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return results
