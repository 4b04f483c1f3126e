"""Outer folds: every row predicted by a choice that was made without its station (or its time)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from smgee.errors import InputError
from smgee.estimators import ESTIMATORS
from smgee.models.baselines import predict_baselines
from smgee.models.features import build_features
from smgee.models.holdout import Fold, find_holdout
from smgee.models.nested import AVERAGE, NETWORK, Choice, Effort, choose, predict_member
from smgee.models.network import NetworkTable
from smgee.models.placebo import PLACEBO, shuffled
from smgee.models.pools import fitting_threads
from smgee.models.problem import Problem, make_problem

Report = Callable[[str], None]
"""Called with a text whenever a piece of work has ended."""

DEPLOYED = "deployed"
"""Name, in every table, of what was chosen inside the folds."""

FINAL_ROWS = 12_000
"""Training rows of a model that was chosen; the search uses fewer."""


@dataclass(frozen=True, eq=False)
class Scored:
    """Predictions at rows held out, and the choices behind them.

    Parameters
    ----------
    predictions : pandas.DataFrame
        ``design``, ``model``, ``row``, ``station``, ``time``, ``fold``, ``observed``, ``predicted``.
    choices : mapping of (str, int) to Choice
        By design and fold.
    skipped : mapping of str to str
        Designs that were not made, and why.
    """

    predictions: pd.DataFrame
    choices: Mapping[tuple[str, int], Choice]
    skipped: Mapping[str, str] = field(default_factory=dict)


def score_designs(
    table: NetworkTable,
    *,
    designs: Sequence[str],
    families: Sequence[str] = tuple(ESTIMATORS),
    folds: int = 5,
    effort: Effort | None = None,
    seed: int = 0,
    storage: Path | None = None,
    deadline: float | None = None,
    n_jobs: int | None = None,
    report: Report | None = None,
) -> Scored:
    """Score everything under several designs.

    The design ``station`` (the first that transfers) is searched with the whole effort; the others take the
    usual settings of every family and choose only the weights, in the same way inside their own folds. No
    choice sees a row that it is scored on.

    Parameters
    ----------
    table : NetworkTable
    designs : sequence of str
        Names from `HOLDOUTS`; those that the table does not allow are skipped and told, but for ``station``.
    families : sequence of str
    folds : int
        Outer folds of every design.
    effort : Effort, optional
    seed : int
    storage : Path, optional
        Folder of the searches.
    deadline : float, optional
        `time.monotonic` after which searches end early and further designs are skipped.
    n_jobs : int, optional
    report : callable, optional

    Returns
    -------
    Scored
    """
    effort = effort or Effort()
    features = build_features(table)
    frames: list[pd.DataFrame] = []
    choices: dict[tuple[str, int], Choice] = {}
    skipped: dict[str, str] = {}
    light = replace(effort, trials=0, search=False, absolute=False, judging=5)
    for design in designs:
        searched = design == "station"
        if not searched and deadline is not None and time.monotonic() > deadline:
            skipped[design] = "the time was up"
            continue
        try:
            made = find_holdout(design).split(table, folds, seed)
        except InputError as error:
            if searched:
                raise
            skipped[design] = str(error)
            continue
        parts = []
        for k, fold in enumerate(made):
            last = None
            if deadline is not None and searched:
                # what is left is shared by the folds to come and the final choice
                last = time.monotonic() + (deadline - time.monotonic()) / (len(made) - k + 1)
            choice = choose(
                table,
                fold,
                features,
                families=families,
                effort=effort if searched else light,
                seed=seed,
                storage=storage / f"{design}{k}" if storage else None,
                deadline=last,
                n_jobs=n_jobs,
            )
            choices[design, k] = choice
            problem = make_problem(table, fold, features, most_rows=FINAL_ROWS)
            named = predict_choice(problem, choice, seed=seed, n_jobs=n_jobs)
            if fold.allowed is None:
                dealt = shuffled(table, features, seed=seed)
                blind = make_problem(table, fold, dealt, most_rows=FINAL_ROWS)
                named[PLACEBO] = predict_deployed(blind, choice, seed=seed, n_jobs=n_jobs)
            parts.append(_frame(table, fold, k, named))
            if report:
                report(f"{design}, fold {k + 1} of {len(made)}")
        frames.append(pd.concat(parts, ignore_index=True).assign(design=design))
    predictions = pd.concat(frames, ignore_index=True)
    return Scored(predictions, choices, skipped)


def predict_choice(
    problem: Problem, choice: Choice, *, seed: int, n_jobs: int | None = None
) -> dict[str, np.ndarray]:
    """Predictions of a fold's test rows: what was chosen, every family, the average, and the baselines."""
    raw = fit_predict(problem, choice, seed=seed, n_jobs=n_jobs)
    state = problem.state[problem.test]
    out: dict[str, np.ndarray] = {}
    for name in choice.weights:
        out[name] = state + combine(choice, name, raw)
    deployed = state if choice.deployed == NETWORK else out[choice.deployed]
    named = {DEPLOYED: deployed, AVERAGE: out.pop(AVERAGE)}
    named |= {ESTIMATORS[family].title: values for family, values in out.items()}
    named |= {
        f"{ESTIMATORS[family].title} (absolute)": raw[family, part]
        for family, part in raw
        if part == "absolute"
    }
    return named | predict_baselines(problem)


def predict_deployed(problem: Problem, choice: Choice, *, seed: int, n_jobs: int | None = None) -> np.ndarray:
    """Predictions of a fold's test rows by what was chosen alone."""
    state = problem.state[problem.test]
    if choice.deployed == NETWORK:
        return state
    used = [
        (family, part)
        for part, weight in zip(("whole", "dynamics"), choice.weights[choice.deployed], strict=True)
        for family in choice.families(choice.deployed, part)
        if weight > 0.0
    ]
    if not used:
        return state
    raw = fit_predict(problem, choice, seed=seed, n_jobs=n_jobs, only=used)
    return state + combine(choice, choice.deployed, raw)


def fit_predict(
    problem: Problem,
    choice: Choice,
    *,
    seed: int,
    n_jobs: int | None = None,
    only: Sequence[tuple[str, str]] | None = None,
) -> dict[tuple[str, str], np.ndarray]:
    """Predictions of every member (or of some), by family and part."""
    keys = list(choice.members if only is None else only)

    def one(key: tuple[str, str]) -> np.ndarray:
        member = choice.members[key]
        return predict_member(member.candidate, problem, member.part, member.features, seed=seed)

    with fitting_threads(n_jobs) as pool:
        return dict(zip(keys, pool.map(one, keys), strict=True))


def combine(choice: Choice, name: str, raw: Mapping[tuple[str, str], np.ndarray]) -> np.ndarray:
    """Weighted sum of the parts of a family or of the average, m³ m⁻³ from the state."""
    total = np.zeros(len(next(iter(raw.values()))))
    for part, weight in zip(("whole", "dynamics"), choice.weights[name], strict=True):
        if weight > 0.0:
            total += weight * np.mean([raw[f, part] for f in choice.families(name, part)], axis=0)
    return total


def _frame(table: NetworkTable, fold: Fold, k: int, named: Mapping[str, np.ndarray]) -> pd.DataFrame:
    rows = np.flatnonzero(fold.test)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "model": name,
                    "row": rows,
                    "station": table.names[table.station[rows]],
                    "time": table.times[table.step[rows]],
                    "fold": k,
                    "observed": table.y[rows],
                    "predicted": np.maximum(values, 0.0),
                }
            )
            for name, values in named.items()
        ],
        ignore_index=True,
    )
