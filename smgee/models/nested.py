"""The whole choice of a model, made inside the training stations of a fold.

What is chosen: groups of features per part, settings per family and part, which families are averaged, and
how much of each part of the average is believed, down to nothing. Nothing of a fold's test stations enters;
the same function makes the choice inside every outer fold (so that the score of what it chooses is honest)
and once on all stations (for the model that is deployed).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from smgee.estimators import ESTIMATORS
from smgee.models.candidates import Candidate, usual
from smgee.models.features import Features
from smgee.models.holdout import Fold
from smgee.models.network import NetworkTable
from smgee.models.pools import fitting_threads
from smgee.models.problem import Problem, centred, make_problem
from smgee.models.selection import choose_groups
from smgee.models.tuning import Inner, tune
from smgee.models.weights import believed_weight, best_factor, paired_gain

AVERAGE = "average"
"""Name of the mean of all families' members."""

DEPLOYED = "deployed"
"""Name, in every table, of what was chosen inside the folds."""

MOVING = ("relative", "rain", "local")
"""Groups of features that vary within a station beyond the network's state."""

NETWORK = "network mean"
"""Name of what is left when no member is believed."""


@dataclass(frozen=True)
class Effort:
    """How hard to search.

    Parameters
    ----------
    trials : int
        Settings tried per family, over all parts; 0 takes the usual ones.
    folds : int
        Inner folds that groups and settings are chosen on.
    judging : int
        Inner folds that say how much of a member is believed: not those it was chosen on, which flatter it,
        and more of them, for what is deployed will have learned from nearly all stations.
    search : bool
        Whether groups of features are chosen, or taken as the design has them.
    absolute : bool
        Whether soil moisture itself is learned too, beside the anomaly.
    most_rows : int
        Training rows while searching.
    """

    trials: int = 40
    folds: int = 4
    judging: int = 8
    search: bool = True
    absolute: bool = True
    most_rows: int = 3000

    def share(self, part: str, parts: Sequence[str]) -> int:
        """Trials of one part among those that are learned."""
        return round(self.trials * _SHARES[part] / sum(_SHARES[p] for p in parts))


_SHARES = {"whole": 5, "dynamics": 3, "absolute": 2}


@dataclass(frozen=True, eq=False)
class Member:
    """One tuned candidate, with its features and its predictions at inner stations left out."""

    candidate: Candidate
    part: str
    features: tuple[str, ...]
    inner: np.ndarray
    loss: float
    trials: int


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen inside a fold.

    Parameters
    ----------
    groups : mapping of str to tuple of str
        Groups of features by part.
    members : mapping of (str, str) to Member
        By family and part.
    weights : mapping of str to (float, float)
        Of the parts ``whole`` and ``dynamics``, for each family and for the average.
    averaged : mapping of str to tuple of str
        Families averaged, by part.
    gains : mapping of str to (float, float)
        Skill over the network mean at inner stations, and its standard error.
    deployed : str
        `AVERAGE` or `NETWORK`.
    seconds : float
    """

    groups: Mapping[str, tuple[str, ...]]
    members: Mapping[tuple[str, str], Member]
    weights: Mapping[str, tuple[float, float]]
    averaged: Mapping[str, tuple[str, ...]]
    gains: Mapping[str, tuple[float, float]]
    deployed: str
    seconds: float = field(default=0.0)

    def families(self, name: str, part: str) -> tuple[str, ...]:
        """Families behind a name in `weights`, for one part."""
        return self.averaged[part] if name == AVERAGE else (name,)

    def describe(self) -> dict[str, Any]:
        """The choice as JSON-like data."""
        return {
            "deployed": self.deployed,
            "groups": {part: list(g) for part, g in self.groups.items()},
            "weights": {name: {"whole": w[0], "dynamics": w[1]} for name, w in self.weights.items()},
            "averaged": {part: list(f) for part, f in self.averaged.items()},
            "inner_skill": {name: {"value": g[0], "error": g[1]} for name, g in self.gains.items()},
            "members": {
                f"{family} {part}": {"settings": dict(m.candidate.settings), "trials": m.trials}
                for (family, part), m in self.members.items()
            },
        }


def choose(
    table: NetworkTable,
    fold: Fold,
    features: Features,
    *,
    families: Sequence[str] = tuple(ESTIMATORS),
    effort: Effort | None = None,
    seed: int = 0,
    storage: Path | None = None,
    deadline: float | None = None,
    n_jobs: int | None = None,
    progress: Any = None,
) -> Choice:
    """Choose everything inside the training stations of a fold.

    Parameters
    ----------
    table, fold, features
        See `smgee.models.problem.make_problem`.
    families : sequence of str
        Keys of `ESTIMATORS`.
    effort : Effort, optional
    seed : int
    storage : Path, optional
        Folder in which searches are kept, so that they can go on.
    deadline : float, optional
        `time.monotonic` after which no further settings are tried.
    n_jobs : int, optional
        Searches side by side; by default one per core. The result does not depend on it.
    progress : callable, optional
        Called with a text whenever a search has ended.

    Returns
    -------
    Choice
    """
    effort, began = effort or Effort(), time.monotonic()

    def split(count: int, dealt: int) -> Inner:
        parts = fold.inside(table, folds=count, seed=dealt)
        return Inner([make_problem(table, part, features, most_rows=effort.most_rows) for part in parts])

    inner, judge = split(effort.folds, seed), split(effort.judging, seed + 101)
    # Without a column that moves, what the dynamics could be told from is in the whole already.
    moving = any(group in features.groups for group in MOVING)
    parts = ("whole", *(("dynamics",) if moving else ()), *(("absolute",) if effort.absolute else ()))
    with fitting_threads(n_jobs) as pool:
        groups = {
            part: choose_groups(inner, part, features.groups, seed=seed, search=effort.search, pool=pool)
            for part in parts
        }
        names = {part: [n for g in groups[part] for n in features.groups[g]] for part in parts}

        def search(job: tuple[str, str]) -> Member:
            family, part = job
            member = _member(
                family,
                part,
                inner,
                judge,
                names[part],
                trials=effort.share(part, parts),
                seed=seed,
                storage=storage,
                deadline=deadline,
            )
            if progress:
                progress(f"{ESTIMATORS[family].title}, {part}")
            return member

        jobs = [(family, part) for part in parts for family in families]
        members = dict(zip(jobs, pool.map(search, jobs), strict=True))
    return _weigh(judge, groups, members, families, time.monotonic() - began)


def _member(
    family: str,
    part: str,
    inner: Inner,
    judge: Inner,
    names: Sequence[str],
    *,
    trials: int,
    seed: int,
    storage: Path | None,
    deadline: float | None,
) -> Member:
    def judged(candidate: Candidate) -> np.ndarray:
        return np.concatenate([predict_member(candidate, p, part, names, seed=seed) for p in judge.problems])

    member = Candidate(f"{family} {part}", family, usual(family))
    value, made = float("nan"), 0
    if trials == 0 and part == "absolute":
        return Member(member, part, tuple(names), np.empty(0), value, made)  # nothing weighs it
    predicted = judged(member)
    if trials > 0 and not ESTIMATORS[family].grouped:  # else it has chosen for itself, while it was fitted
        tuned = tune(
            family,
            inner,
            part,
            names,
            trials=trials,
            seed=seed,
            storage=storage,
            deadline=deadline,
        )
        value, made = tuned.value, tuned.trials
        found = judged(tuned.candidate)
        if _better(judge.truth(part), predicted, found, judge.station, part):
            member, predicted = tuned.candidate, found
    return Member(member, part, tuple(names), predicted, value, made)


def _better(truth: np.ndarray, usual_: np.ndarray, tuned: np.ndarray, station: np.ndarray, part: str) -> bool:
    """Whether tuned settings beat the usual ones by more than a standard error on folds they were not tuned
    on, each with its best factor.
    """
    scaled = []
    for values in (usual_, tuned):
        f = centred(values, station) if part == "dynamics" else values
        scaled.append(f if part == "absolute" else best_factor(truth, f) * f)
    gain, error = paired_gain(truth, scaled[0], scaled[1], station)
    return gain > error


def predict_member(
    candidate: Candidate, problem: Problem, part: str, names: Sequence[str], *, seed: int
) -> np.ndarray:
    """Fit a candidate on a problem and predict its test rows."""
    return fit_member(candidate, problem, part, names, seed=seed).predict(
        problem.x[np.ix_(problem.test, problem.columns(names))]
    )


def fit_member(candidate: Candidate, problem: Problem, part: str, names: Sequence[str], *, seed: int) -> Any:
    """A fitted regressor of the library."""
    model = candidate.estimator(station_rows=problem.station_rows, seed=seed)
    columns = problem.columns(names)
    rows = problem.train
    told = ESTIMATORS[candidate.family].fit_options(problem.table.station[rows])
    return model.fit(problem.x[np.ix_(rows, columns)], problem.target(part, rows), **told)


def _weigh(
    inner: Inner,
    groups: Mapping[str, tuple[str, ...]],
    members: Mapping[tuple[str, str], Member],
    families: Sequence[str],
    seconds: float,
) -> Choice:
    anomaly, station = inner.anomaly, inner.station
    averaged = {
        part: _alike({f: members[f, part].inner for f in families}, inner.truth(part), station, part)
        if part in groups
        else ()
        for part in ("whole", "dynamics")
    }
    weights, combined = {}, {NETWORK: np.zeros(len(anomaly))}
    for name in (*families, AVERAGE):
        mean = {}
        for part in ("whole", "dynamics"):
            used = averaged[part] if name == AVERAGE else (name,)
            mean[part] = np.zeros(len(anomaly))
            if part in groups:
                mean[part] += sum(share * members[f, part].inner for f, share in portions(used).items())
        weights[name] = weigh_parts(anomaly, mean["whole"], mean["dynamics"], station)
        combined[name] = weights[name][0] * mean["whole"] + weights[name][1] * mean["dynamics"]
    scale = float((anomaly**2).mean())
    gains = {}
    for name, values in combined.items():
        gain, error = paired_gain(anomaly, combined[NETWORK], values, station)
        gains[name] = (gain / scale, error / scale)
    # Never the family that came out first: on real networks the best of five at inner stations was the worst
    # outside, while their average held.
    deployed = AVERAGE if gains[AVERAGE][0] > 0.0 else NETWORK
    return Choice(groups, members, weights, averaged, gains, deployed, seconds)


def portions(families: Sequence[str]) -> dict[str, float]:
    """Share of every family in an average: kinds count alike, for families of trees err much alike and a line
    errs otherwise; the families of a kind count alike in it.
    """
    kinds = Counter(ESTIMATORS[family].kind for family in families)
    return {family: 1.0 / len(kinds) / kinds[ESTIMATORS[family].kind] for family in families}


def weigh_parts(
    anomaly: np.ndarray, whole: np.ndarray, dynamics: np.ndarray, station: np.ndarray
) -> tuple[float, float]:
    """Shrunk weights of both parts: first of the whole, then of the dynamics in what it leaves."""
    first = believed_weight(anomaly, whole, station)
    left = centred(anomaly - first * whole, station)
    return first, believed_weight(left, centred(dynamics, station), station)


def _alike(
    predicted: Mapping[str, np.ndarray], truth: np.ndarray, station: np.ndarray, part: str
) -> tuple[str, ...]:
    """Families that are not worse than the best by more than two standard errors.

    One that is not believed itself is none of them, for it would only thin out the others; but where none is
    believed all are taken, since what each of them tells may add up to something.
    """
    alone = {f: centred(v, station) if part == "dynamics" else v for f, v in predicted.items()}
    believed = {f: v for f, v in alone.items() if believed_weight(truth, v, station) > 0.0} or alone
    shrunk = {family: best_factor(truth, f) * f for family, f in believed.items()}
    best = min(shrunk, key=lambda k: float(((truth - shrunk[k]) ** 2).mean()))
    kept = []
    for family, values in shrunk.items():
        gain, error = paired_gain(truth, values, shrunk[best], station)
        if family == best or gain <= 2.0 * error:
            kept.append(family)
    return tuple(kept)
