"""From a network's table to a deployed model with its certificate, in one call."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.errors import InputError
from smgee.estimators import ESTIMATORS, title_of
from smgee.models.candidates import Candidate, entrants
from smgee.models.certificate import certify, worth_of
from smgee.models.deployment import OFFSET, deploy, state_series
from smgee.models.features import build_features
from smgee.models.foldmodels import FoldModel
from smgee.models.holdout import HOLDOUTS, all_rows, find_holdout
from smgee.models.intervals import StationInterval, fit_interval
from smgee.models.knndm import fold_distances, map_distances, map_points, station_distances, station_xy
from smgee.models.nested import DEPLOYED, Choice, Effort, choose
from smgee.models.network import NetworkTable
from smgee.models.outer import FINAL_ROWS, Report, Scored, score_designs
from smgee.models.problem import Problem, make_problem
from smgee.models.saving import save_training
from smgee.models.scores import scores_of
from smgee.models.skill import skill_table
from smgee.models.store import TrainedModel
from smgee.models.table import TrainingTable

DESIGNS_SHARE = 0.4
"""Share of the time after which no further design beside ``station`` is begun."""

SEARCH_SHARE = 0.7
"""Share of the time after which no further settings are tried; the rest is for fitting what was chosen, for
scores and for explanations: a quarter of the time with fifty thousand daily rows on two cores.
"""


OF_MAP, OF_BOX = "map to its nearest station", "box round the stations to its nearest"
"""Whose distances `NetworkResult.distances` tells first: of the places that the map is drawn for where the
table names them, else of a box that stands for it.
"""


@dataclass(frozen=True, eq=False)
class NetworkResult:
    """What a training run of state and place gives.

    Parameters
    ----------
    models : dict of str to TrainedModel
        ``deployed``, and every family by itself; trees of the anomaly, with the predictor to add in
        ``record["offset"]``.
    scores : pandas.DataFrame
        See `smgee.models.skill.skill_table`.
    predictions : pandas.DataFrame
        Of rows held out.
    certificate : dict
        See `smgee.models.certificate.certify`.
    state : pandas.DataFrame
        The network's state per step.
    distances : pandas.DataFrame
        ``what``, ``distance_m``: from the map (or a box round the stations, where no place of a map is
        known) to its nearest station, and from stations left out to theirs.
    training : TrainingTable
        Features of the deployed model at all rows.
    folds : tuple of FoldModel
        What would have been deployed without the stations of a fold.
    notes : tuple of str
        What the reader should know.
    """

    table: NetworkTable
    models: dict[str, TrainedModel]
    scores: pd.DataFrame
    predictions: pd.DataFrame
    certificate: dict[str, Any]
    state: pd.DataFrame
    distances: pd.DataFrame
    training: TrainingTable
    interval: StationInterval | None
    folds: tuple[FoldModel, ...] = ()
    notes: tuple[str, ...] = field(default=())
    seconds: float = 0.0

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``scores.csv``, its breakdowns, ``certificate.json``, ``distances.csv`` and ``models/``."""
        save_training(
            folder,
            training=self.training,
            models=self.models,
            best=DEPLOYED,
            chosen_by="skill over the mean of the others at stations left out inside the training stations",
            scores=self.scores,
            predictions=self.predictions,
            certificate=self.certificate,
            distances=self.distances,
            folds=self.folds,
            state=self.state,
        )


def train_run(
    table: NetworkTable,
    *,
    families: Sequence[str | Candidate] = tuple(ESTIMATORS),
    designs: Sequence[str] = tuple(HOLDOUTS),
    folds: int = 5,
    effort: Effort | None = None,
    seed: int = 0,
    minutes: float | None = None,
    storage: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    report: Report | None = None,
) -> NetworkResult:
    """Choose, score, certify and deploy a model of state and place.

    Parameters
    ----------
    families : sequence of str or Candidate
        Names or titles of `ESTIMATORS`, whose settings are searched for, and candidates of one's own, with
        the settings they have; several of one family may stand side by side.
    designs : sequence of str
        Of `HOLDOUTS`; ``station`` is always scored. A design that the table does not allow is skipped, and
        said.
    folds : int
        Outer folds.
    effort : Effort, optional
        How hard to search.
    seed : int
        The same seed and table give the same result, as long as the time does not run out.
    minutes : float, optional
        Time to keep to: searches end early, and designs that would take more than `DESIGNS_SHARE` of it are
        skipped.
    storage : path-like, optional
        Folder in which searches are kept, so that a run that was stopped goes on.
    n_jobs : int, optional
        Fits side by side; by default one per core.
    report : callable, optional
        Told whenever a piece of work has ended.

    Raises
    ------
    InputError
        For unknown names, or too few stations.
    """
    from threadpoolctl import threadpool_limits

    chosen = tuple(c if c.fixed else name for name, c in entrants(families).items())
    order = ["station", *(d for d in dict.fromkeys(designs) if d != "station")]
    for name in order:
        find_holdout(name)
    if minutes is not None and not minutes > 0:
        raise InputError(f"{minutes} minutes were given; give a time above 0.")
    began, effort = time.monotonic(), effort or Effort()
    folder = Path(storage) if storage else None
    options: dict[str, Any] = {
        "families": chosen,
        "effort": effort,
        "seed": seed,
        "n_jobs": n_jobs,
    }

    def until(share: float) -> float | None:
        return began + 60.0 * minutes * share if minutes else None

    with warnings.catch_warnings(), threadpool_limits(1):
        # forests inside our own threads: nothing of scikit-learn's settings is to be handed on
        warnings.filterwarnings("ignore", message=".*sklearn.utils.parallel.delayed.*")
        # first what is not searched and takes what it takes; the searches get the time that is left
        more = score_designs(
            table,
            designs=order[1:],
            folds=folds,
            deadline=until(DESIGNS_SHARE),
            report=report,
            **options,
        )
        first = score_designs(
            table,
            designs=["station"],
            folds=folds,
            storage=folder,
            deadline=until(SEARCH_SHARE),
            report=report,
            **options,
        )
        features = build_features(table)
        everything = all_rows(table)
        final = choose(
            table,
            everything,
            features,
            storage=folder / "final" if folder else None,
            deadline=until(SEARCH_SHARE),
            deployable=True,
            **options,
        )
        if report:
            report("the choice on all stations")
        problem = make_problem(table, everything, features, most_rows=FINAL_ROWS)
        trees = deploy(problem, final, seed=seed)
        if report:
            report("the deployed model")
    told = [p for p in (first.predictions, more.predictions) if len(p)]
    predictions = pd.concat(told, ignore_index=True)
    scored = Scored(
        predictions,
        {**first.choices, **more.choices},
        more.skipped,
        unshuffled=first.unshuffled | more.unshuffled,
    )
    scores = skill_table(predictions, seed=seed)
    own = first.predictions[first.predictions["model"] == DEPLOYED]
    interval = fit_interval(
        own["predicted"].to_numpy("f8"),
        own["observed"].to_numpy("f8"),
        own["station"].to_numpy(),
        own["fold"].to_numpy(),
    )
    certificate = certify(table, scores, scored, final, interval)
    seconds = time.monotonic() - began
    certificate["seconds"] = round(seconds, 1)
    training = training_table(problem, trees[DEPLOYED].feature_names)
    base = _record(table, training, seed, final, interval)
    models = {
        name: TrainedModel(
            name,
            ensemble,
            base
            | {
                "title": "deployed" if name == DEPLOYED else title_of(name),
                "predictors": list(ensemble.feature_names),
                "trees_count": ensemble.n_trees,
                "scores": scores_of(scores, DEPLOYED if name == DEPLOYED else title_of(name)),
            },
        )
        for name, ensemble in trees.items()
    }
    return NetworkResult(
        table=table,
        models=models,
        scores=scores,
        predictions=predictions,
        certificate=certificate,
        state=pd.DataFrame(state_series(problem)),
        distances=_distances(table, [d for d in order if d in set(predictions["design"])], folds, seed),
        training=training,
        interval=interval,
        folds=first.folds,
        notes=(*table.notes, *(f"Design {d} skipped: {why}" for d, why in scored.skipped.items())),
        seconds=seconds,
    )


def training_table(problem: Problem, names: Sequence[str]) -> TrainingTable:
    """Features of the deployed model at the scored rows, with soil moisture minus the state as target."""
    table = problem.table
    rows = np.flatnonzero(table.scored)
    return TrainingTable(
        x=np.ascontiguousarray(problem.x[np.ix_(rows, problem.columns(names))]),
        y=problem.anomaly[rows],
        station=table.names[table.station[rows]],
        time=table.times[table.step[rows]],
        predictors=tuple(names),
        target=f"{table.target}_anomaly",
        lon=None if table.lon is None else table.lon[table.station[rows]],
        lat=None if table.lat is None else table.lat[table.station[rows]],
        dropped=dict(table.dropped),
        synthetic=table.synthetic,
        source=table.source,
        anomaly=True,
    )


def _record(
    table: NetworkTable, training: TrainingTable, seed: int, final: Choice, interval: StationInterval
) -> dict[str, Any]:
    libraries = {
        "smgee",
        "numpy",
        "optuna",
        *(ESTIMATORS[m.candidate.family].library for m in final.members.values()),
    }
    return {
        "learned": "anomaly",
        "offset": OFFSET,
        "reference": "network state plus trees of place and local dynamics",
        "chosen": final.describe(),
        "seed": seed,
        "versions": {name: version(name) for name in sorted(libraries)},
        "target": table.target,
        "units": {table.target: "m3 m-3"},
        "synthetic": table.synthetic,
        "interval": worth_of(interval),
        "table": {
            "source": table.source,
            "hash": training.hash,
            "rows": int(table.scored.sum()),
            "stations": [str(name) for name in table.names],
            "first_day": str(table.times.min())[:10],
            "last_day": str(table.times.max())[:10],
            "dropped": dict(table.dropped),
        },
    }


def _distances(table: NetworkTable, designs: Sequence[str], folds: int, seed: int) -> pd.DataFrame:
    """Distances that the map needs and that those of the designs test that leave stations out; empty without
    coordinates.
    """
    if table.lon is None:
        return pd.DataFrame(columns=["what", "distance_m"])
    xy, distance = station_xy(table), station_distances(table)
    placed = table.places is not None and len(table.places) > 0
    found = {
        OF_MAP if placed else OF_BOX: map_distances(xy, map_points(table)),
        "station to its nearest": fold_distances(distance, np.arange(len(xy))),
    }
    for name in designs:
        if not HOLDOUTS[name].transfers:
            continue
        nearest: list[float] = []
        for fold in HOLDOUTS[name].split(table, folds, seed):
            test, train = np.unique(table.station[fold.test]), np.unique(table.station[fold.train])
            nearest.extend(distance[np.ix_(test, train)].min(axis=1).tolist())
        found[f"{name}: left out to the nearest kept"] = np.sort(nearest)
    return pd.concat(
        [pd.DataFrame({"what": what, "distance_m": values}) for what, values in found.items()],
        ignore_index=True,
    )
