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

from smgee.estimators import ESTIMATORS, title_of
from smgee.machine import usable_cores
from smgee.models.candidates import Candidate, entrants, usual
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

_SLOW = ("ert", "rf", "gbdt")  # families that take longest to fit, by what a fit takes


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
        Training rows while searching, and rows that a fitted model is judged on; more are thinned in time.
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

    def portions(self, name: str, part: str) -> dict[str, float]:
        """Share of each of these families in the part, see `portions`."""
        return portions({f: self.members[f, part].candidate.family for f in self.families(name, part)})

    def describe(self) -> dict[str, Any]:
        """The choice as JSON-like data."""
        return {
            "deployed": self.deployed,
            "groups": {part: list(g) for part, g in self.groups.items()},
            "weights": {name: {"whole": w[0], "dynamics": w[1]} for name, w in self.weights.items()},
            "averaged": {part: list(f) for part, f in self.averaged.items()},
            "inner_skill": {name: {"value": g[0], "error": g[1]} for name, g in self.gains.items()},
            "members": {
                f"{name} {part}": {
                    "family": m.candidate.family,
                    "settings": dict(m.candidate.settings),
                    "features": list(m.features),
                    "trials": m.trials,
                }
                for (name, part), m in self.members.items()
            },
        }

    @classmethod
    def restore(cls, described: Mapping[str, Any]) -> Choice:
        """Return the choice that `describe` described, to fit it again; its members' predictions are gone."""
        members = {}
        for key, told in described["members"].items():
            name, part = key.split()
            candidate = Candidate(name, told["family"], told["settings"])
            features = tuple(told["features"])
            members[name, part] = Member(candidate, part, features, np.empty(0), np.nan, told["trials"])
        return cls(
            groups={part: tuple(g) for part, g in described["groups"].items()},
            members=members,
            weights={name: (w["whole"], w["dynamics"]) for name, w in described["weights"].items()},
            averaged={part: tuple(f) for part, f in described["averaged"].items()},
            gains={name: (g["value"], g["error"]) for name, g in described["inner_skill"].items()},
            deployed=described["deployed"],
        )


def choose(
    table: NetworkTable,
    fold: Fold,
    features: Features,
    *,
    families: Sequence[str | Candidate] = tuple(ESTIMATORS),
    effort: Effort | None = None,
    seed: int = 0,
    storage: Path | None = None,
    deadline: float | None = None,
    n_jobs: int | None = None,
    progress: Any = None,
    deployable: bool = False,
) -> Choice:
    """Choose everything inside the training stations of a fold.

    Parameters
    ----------
    table, fold, features
        See `smgee.models.problem.make_problem`.
    families : sequence of str or Candidate
        Families, whose settings are searched for, and candidates with settings of their own.
    storage : Path, optional
        Folder in which searches are kept, so that they can go on.
    deadline : float, optional
        `time.monotonic` after which no further settings are tried.
    n_jobs : int, optional
        Searches side by side; by default one per core. The result does not depend on it.
    progress : callable, optional
        Called with a text whenever a search has ended.
    deployable : bool
        Look only for what may be deployed. Members of soil moisture itself are scored, but never deployed.
    """
    effort, began, entered = effort or Effort(), time.monotonic(), entrants(families)

    def split(count: int, dealt: int) -> Inner:
        parts = fold.inside(table, folds=count, seed=dealt)
        most = effort.most_rows
        return Inner([make_problem(table, p, features, most_rows=most, most_tests=most) for p in parts])

    inner, judge = split(effort.folds, seed), split(effort.judging, seed + 101)
    # Without a column that moves, what the dynamics could be told from is in the whole already.
    moving = any(group in features.groups for group in MOVING)
    learned = ("whole", *(("dynamics",) if moving else ()), *(("absolute",) if effort.absolute else ()))
    parts = tuple(part for part in learned if not (deployable and part == "absolute"))
    threads = usable_cores() if n_jobs is None else n_jobs
    with fitting_threads(threads) as pool:
        groups = {
            part: choose_groups(inner, part, features.groups, seed=seed, search=effort.search, pool=pool)
            for part in parts
        }
        names = {part: [n for g in groups[part] for n in features.groups[g]] for part in parts}

        jobs = [(name, part) for part in parts for name in entered]
        left = len(jobs)

        def search(job: tuple[str, str]) -> Member:
            nonlocal left
            name, part = job
            now = time.monotonic()
            # what is left of the time is shared by the searches to come, as many at once as there are threads
            until = None if deadline is None else now + (deadline - now) * min(threads / left, 1.0)
            left -= 1
            member = _member(
                entered[name],
                part,
                inner,
                judge,
                names[part],
                trials=effort.share(part, learned),
                seed=seed,
                storage=storage,
                deadline=until,
            )
            if progress:
                progress(f"{title_of(name)}, {part}")
            return member

        # the slowest last: what the others leave of the time is theirs
        queue = sorted(jobs, key=lambda job: _slowness(entered[job[0]].family))
        found = dict(zip(queue, pool.map(search, queue), strict=True))
        members = {job: found[job] for job in jobs}
    return _weigh(judge, groups, members, tuple(entered), time.monotonic() - began)


def _slowness(family: str) -> int:
    return _SLOW.index(family) if family in _SLOW else -1


def _member(
    entrant: Candidate,
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

    family = entrant.family
    member = Candidate(f"{entrant.id} {part}", family, entrant.settings if entrant.fixed else usual(family))
    value, made = float("nan"), 0
    if (trials == 0 or entrant.fixed) and part == "absolute":
        return Member(member, part, tuple(names), np.empty(0), value, made)  # nothing weighs it
    predicted = judged(member)
    # what has chosen for itself while it was fitted, or came with settings, is not searched
    if trials > 0 and not (ESTIMATORS[family].grouped or entrant.fixed):
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
                shares = portions({f: members[f, part].candidate.family for f in used})
                mean[part] += sum(share * members[f, part].inner for f, share in shares.items())
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


def portions(families: Mapping[str, str]) -> dict[str, float]:
    """Share of every candidate in an average, from its family: kinds count alike, for families of trees err
    much alike and a line errs otherwise; the candidates of a kind count alike in it.
    """
    kind = {name: ESTIMATORS[family].kind for name, family in families.items()}
    count = Counter(kind.values())
    return {name: 1.0 / len(count) / count[kind[name]] for name in families}


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
