"""The search for settings, inside the training stations of a fold."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smgee.models.candidates import BOOSTED, STAGES, Candidate, staged, suggest, usual
from smgee.models.problem import Problem, centred


@dataclass(frozen=True, eq=False)
class Inner:
    """The training stations of a fold, split once more: all choices are made on these.

    Parameters
    ----------
    problems : sequence of Problem
        One per inner fold.
    """

    problems: Sequence[Problem]

    @property
    def rows(self) -> np.ndarray:
        """All inner test rows, in the order of the folds, shape (k,)."""
        return np.concatenate([p.test for p in self.problems])

    @property
    def station(self) -> np.ndarray:
        """Station of every row of `rows`."""
        return self.problems[0].table.station[self.rows]

    @property
    def anomaly(self) -> np.ndarray:
        """Soil moisture minus the state of the inner fold, in the order of `rows`."""
        return np.concatenate([p.anomaly[p.test] for p in self.problems])

    @property
    def state(self) -> np.ndarray:
        """State of the inner fold, in the order of `rows`."""
        return np.concatenate([p.state[p.test] for p in self.problems])

    def truth(self, part: str) -> np.ndarray:
        """What members of that part are judged against, in the order of `rows`."""
        if part == "absolute":
            return self.anomaly + self.state
        return centred(self.anomaly, self.station) if part == "dynamics" else self.anomaly


def fit_stages(
    candidate: Candidate, problem: Problem, part: str, names: Sequence[str], *, seed: int
) -> np.ndarray:
    """Fit on a problem and predict its test rows after each number of trees, shape (stages, rows)."""
    boosted = candidate.family in BOOSTED
    columns = problem.columns(names)
    model = candidate.estimator(
        station_rows=problem.station_rows, seed=seed, trees=STAGES[-1] if boosted else None
    )
    model.fit(problem.x[np.ix_(problem.train, columns)], problem.target(part, problem.train))
    return staged(candidate.family, model, problem.x[np.ix_(problem.test, columns)], STAGES)


def loss(part: str, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Mean square error by stage relative to predicting nothing, with the best factor between 0 and 1.

    A member is shrunk later anyway (`smgee.models.weights`), so what counts is how far it points the right
    way.

    Parameters
    ----------
    truth : (n,) array
    predicted : (k, n) array

    Returns
    -------
    (k,) float64
    """
    if part == "absolute":
        return ((truth - predicted) ** 2).mean(axis=1) / truth.var()
    size = (predicted**2).sum(axis=1)
    factor = np.clip((predicted @ truth) / np.maximum(size, 1e-30), 0.0, 1.0)
    return ((truth - factor[:, None] * predicted) ** 2).mean(axis=1) / (truth**2).mean()


@dataclass(frozen=True)
class Tuned:
    """The best candidate of a search.

    Parameters
    ----------
    value : float
        Its `loss`.
    trials : int
        Trials that were made, pruned ones included.
    """

    candidate: Candidate
    value: float
    trials: int


def tune(
    family: str,
    inner: Inner,
    part: str,
    names: Sequence[str],
    *,
    trials: int,
    seed: int,
    storage: Path | None = None,
    deadline: float | None = None,
) -> Tuned:
    """Search settings of one family; the first trial is the usual settings.

    Parameters
    ----------
    part : str
        Of `smgee.models.problem.PARTS`.
    names : sequence of str
        Features to learn from.
    trials : int
        Settings to try; with 0 or 1 the usual ones are taken.
    storage : Path, optional
        Folder of journals: a search that was interrupted goes on where it stopped, and finds what it would
        have found.
    deadline : float, optional
        `time.monotonic` after which no further trial begins; the first one always runs.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    truths = _split(inner, inner.truth(part))

    def objective(trial: Any) -> float:
        settings = suggest(trial, family)
        candidate = Candidate(family, family, settings)
        predicted: list[np.ndarray] = []
        values = np.array([np.inf])
        for step, problem in enumerate(inner.problems):
            predicted.append(fit_stages(candidate, problem, part, names, seed=seed))
            truth = np.concatenate(truths[: step + 1])
            values = loss(part, truth, np.concatenate(predicted, axis=1))
            trial.report(float(values.min()), step)
            if step + 1 < len(inner.problems) and trial.should_prune():
                raise optuna.TrialPruned
        trial.set_user_attr("stage", int(values.argmin()))
        return float(values.min())

    study = optuna.create_study(
        study_name="search",
        storage=_journal(storage, inner, part, family, names, seed),
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=0),
    )
    done = sum(t.state.is_finished() for t in study.trials)
    if not done:
        first = {k: v for k, v in usual(family).items() if k != "trees"}
        study.enqueue_trial(first)
    left = max(max(trials, 1) - done, 0)
    for _ in range(left):
        if done and deadline is not None and time.monotonic() > deadline:
            break
        # a draw hangs on the seed and what was tried, so a search that goes on is the one that never stopped
        study.sampler = optuna.samplers.TPESampler(seed=1000 * seed + done, n_startup_trials=8)
        study.optimize(objective, n_trials=1)
        done += 1
    best = study.best_trial
    chosen = dict(best.params)
    if family in BOOSTED:
        chosen["trees"] = STAGES[best.user_attrs["stage"]]
    candidate = Candidate(f"{family} {part}", family, chosen)
    return Tuned(candidate, float(best.value or 0.0), done)


def _split(inner: Inner, values: np.ndarray) -> list[np.ndarray]:
    ends = np.cumsum([len(p.test) for p in inner.problems])[:-1]
    return np.split(values, ends)


def _journal(
    folder: Path | None,
    inner: Inner,
    part: str,
    family: str,
    names: Sequence[str],
    seed: int,
) -> Any:
    """Storage of a search, named by everything that decides it; None keeps it in memory."""
    if folder is None:
        return None
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    digest = hashlib.sha256(repr((part, family, tuple(names), seed)).encode())
    for problem in inner.problems:
        digest.update(problem.train.tobytes() + problem.test.tobytes())
        digest.update(problem.x[problem.train].tobytes() + problem.table.y[problem.train].tobytes())
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{digest.hexdigest()[:20]}.log"
    if file.exists():
        # a writer that was killed, or a full disk, may leave half a line, which optuna cannot read
        whole = file.read_bytes().rfind(b"\n") + 1
        if whole < file.stat().st_size:
            os.truncate(file, whole)
    return JournalStorage(JournalFileBackend(str(file)))
