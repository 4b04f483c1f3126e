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
from smgee.models.candidates import Candidate
from smgee.models.features import build_features
from smgee.models.fitted import fit_choice, predict_all, shares_of
from smgee.models.foldmodels import FoldModel
from smgee.models.holdout import Fold, find_holdout
from smgee.models.nested import Choice, Effort, choose
from smgee.models.network import NetworkTable
from smgee.models.placebo import PLACEBO, dealt_names, shuffled
from smgee.models.problem import make_problem

Report = Callable[[str], None]
"""Called with a text whenever a piece of work has ended."""

FINAL_ROWS = 12_000
"""Training rows of a model that was chosen; the search uses fewer."""

LIGHT_ROWS = 4_000
"""Training rows in the folds of designs that are not searched."""


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
    folds : tuple of FoldModel
        What was deployed in every fold of the design ``station``.
    unshuffled : frozenset of str
        Designs without a placebo, because no fold deployed anything that could be dealt anew.
    """

    predictions: pd.DataFrame
    choices: Mapping[tuple[str, int], Choice]
    skipped: Mapping[str, str] = field(default_factory=dict)
    folds: tuple[FoldModel, ...] = ()
    unshuffled: frozenset[str] = frozenset()


def score_designs(
    table: NetworkTable,
    *,
    designs: Sequence[str],
    families: Sequence[str | Candidate] = tuple(ESTIMATORS),
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
    designs : sequence of str
        Names from `HOLDOUTS`; those that the table does not allow are skipped and told, but for ``station``.
    folds : int
        Outer folds of every design.
    storage : Path, optional
        Folder of the searches.
    deadline : float, optional
        `time.monotonic` after which searches end early; a further design that would probably end later, by
        what those before it took, is skipped.
    """
    effort = effort or Effort()
    features = build_features(table)
    frames: list[pd.DataFrame] = []
    kept: list[FoldModel] = []
    choices: dict[tuple[str, int], Choice] = {}
    skipped: dict[str, str] = {}
    unshuffled: set[str] = set()
    light = replace(effort, trials=0, search=False, absolute=False, judging=5)
    took: list[float] = []
    for design in designs:
        searched, began = design == "station", time.monotonic()
        if not searched and deadline is not None and began + float(np.mean(took or [0.0])) > deadline:
            skipped[design] = "the time was up"
            continue
        try:
            made = find_holdout(design).split(table, folds, seed)
        except InputError as error:
            if searched:
                raise
            skipped[design] = str(error)
            continue
        if table.reaching and any(fold.allowed is not None for fold in made):
            some = ", ".join(table.reaching[:3]) + (", …" if len(table.reaching) > 3 else "")
            skipped[design] = (
                f"{some} were told from the days that it would hold out (give `place` a period of its own "
                "before them)"
            )
            continue
        parts, dealt, rows = [], False, FINAL_ROWS if searched else LIGHT_ROWS
        tail = 0.0  # what a fold took after its search had to end
        for k, fold in enumerate(made):
            last = None
            if deadline is not None and searched:
                # what is left is shared by the folds to come and the final choice
                now = time.monotonic()
                last = now + max((deadline - now) / (len(made) - k + 1) - tail, 0.0)
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
            problem = make_problem(table, fold, features, most_rows=rows)
            fitted = fit_choice(problem, choice, seed=seed, n_jobs=n_jobs)
            named = predict_all(fitted)
            if fold.allowed is None:
                dealt |= bool(_used(choice) & dealt_names(features))
                blind = fit_choice(
                    make_problem(table, fold, shuffled(table, features, seed=seed), most_rows=rows),
                    choice,
                    seed=seed,
                    n_jobs=n_jobs,
                    only=choice.deployed,
                )
                test = blind.problem.test
                named[PLACEBO] = blind.problem.state[test] + blind.anomaly(choice.deployed, test)
                if searched:
                    kept.append(FoldModel.of(fitted, blind))
            parts.append(_frame(table, fold, k, named))
            tail = 0.0 if last is None else max(time.monotonic() - last, 0.0)
            if report:
                report(f"{design}, fold {k + 1} of {len(made)}")
        took.append(time.monotonic() - began)
        told = pd.concat(parts, ignore_index=True).assign(design=design)
        if not dealt and PLACEBO in set(told["model"]):
            unshuffled.add(design)
            told = told[told["model"] != PLACEBO]
        frames.append(told)
    predictions = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=_COLUMNS)
    return Scored(predictions, choices, skipped, tuple(kept), frozenset(unshuffled))


_COLUMNS = ["model", "row", "station", "time", "fold", "observed", "predicted", "design"]


def _used(choice: Choice) -> frozenset[str]:
    """Features of the members behind what a choice deploys."""
    return frozenset(n for key in shares_of(choice, choice.deployed) for n in choice.members[key].features)


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
                    "predicted": np.maximum(values, 0.0),  # as maps are drawn
                }
            )
            for name, values in named.items()
        ],
        ignore_index=True,
    )
