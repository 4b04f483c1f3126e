"""The deployed model, fitted again without some stations: what its errors and its uncertainty are told by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smgee.estimators import EstimatorSpec
from smgee.models.crossval import fit_one
from smgee.models.deployment import predict_rows, state_series
from smgee.models.features import build_features
from smgee.models.fitted import fit_choice
from smgee.models.holdout import station_folds
from smgee.models.nested import Choice
from smgee.models.network import NetworkTable
from smgee.models.outer import FINAL_ROWS
from smgee.models.problem import make_problem
from smgee.models.table import TrainingTable
from smgee.trees import TreeEnsemble


@dataclass(frozen=True, eq=False)
class LeftOut:
    """A model that has not seen some stations.

    Parameters
    ----------
    without : tuple of str
        These stations.
    trees : TreeEnsemble
        Soil moisture, or its anomaly from the state, m³ m⁻³.
    state : pandas.DataFrame or None
        The state of the other stations: ``time``, ``network_state``, ``network_change``, ``stations``; None
        for trees of soil moisture itself.
    rows : pandas.DataFrame
        Of the stations left out: ``station``, ``time``, ``observed``, ``predicted``, m³ m⁻³.
    """

    without: tuple[str, ...]
    trees: TreeEnsemble
    state: pd.DataFrame | None
    rows: pd.DataFrame


def refit_network(
    table: NetworkTable,
    choice: Choice,
    name: str,
    groups: Iterable[Sequence[str]],
    *,
    seed: int,
    trees: Sequence[TreeEnsemble] = (),
    n_jobs: int | None = None,
    report: Callable[[], object] = lambda: None,
) -> list[LeftOut]:
    """Fit a choice of state and place again without each group of stations.

    Parameters
    ----------
    choice : Choice
        What was chosen on all stations: features, settings and weights stay.
    name : str
        What of it: ``choice.deployed``, or a family.
    groups : iterable of sequence of str
        Stations to leave out, one group after the other.
    trees : sequence of TreeEnsemble
        Where the models without these groups are there already, one each.
    n_jobs : int, optional
        Fits side by side.
    report : callable, optional
        Called after each.

    Returns
    -------
    list of LeftOut
        As many as groups. The state that a model is told is that of the stations it has seen.
    """
    found: list[LeftOut] = []
    features = build_features(table)
    left_out = [np.isin(table.names, list(group)) for group in groups]
    for k, (held, fold) in enumerate(station_folds(table, left_out)):
        problem = make_problem(table, fold, features, most_rows=FINAL_ROWS)
        if trees:
            ensemble = trees[k]
        else:
            fitted = fit_choice(problem, choice, seed=seed, n_jobs=n_jobs, only=name)
            ensemble = fitted.trees(name)
        rows = pd.DataFrame(
            {
                "station": table.names[table.station[problem.test]],
                "time": table.times[table.step[problem.test]],
                "observed": table.y[problem.test],
                "predicted": predict_rows(ensemble, problem, problem.test),
            }
        )
        state = pd.DataFrame(state_series(problem))
        found.append(LeftOut(tuple(map(str, table.names[held])), ensemble, state, rows))
        report()
    return found


def refit_rows(
    table: TrainingTable,
    spec: EstimatorSpec,
    groups: Iterable[Sequence[str]],
    *,
    seed: int,
    report: Callable[[], object] = lambda: None,
) -> list[LeftOut]:
    """Fit a family of soil moisture itself again without each group of stations.

    Parameters
    ----------
    spec : EstimatorSpec
        The family, with its settings.
    groups, seed, report
        As for `refit_network`.
    """
    found: list[LeftOut] = []
    for group in groups:
        out = np.isin(table.station.astype(str), list(group))
        kept = table.station[~out]
        model = fit_one(spec, table.x[~out], table.y[~out], station=kept, seed=seed)
        ensemble = TreeEnsemble.from_model(model, feature_names=table.predictors)
        rows = pd.DataFrame(
            {
                "station": table.station[out].astype(str),
                "time": table.time[out],
                "observed": table.y[out],
                "predicted": np.maximum(ensemble.predict(table.x[out]), 0.0),
            }
        )
        found.append(LeftOut(tuple(map(str, group)), ensemble, None, rows))
        report()
    return found
