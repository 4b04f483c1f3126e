"""Which groups of features a part learns from: chosen step by step inside the training stations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

import numpy as np

from smgee.models.candidates import STAGES, Candidate, usual
from smgee.models.problem import centred
from smgee.models.tuning import Inner, fit_stages, loss
from smgee.models.weights import best_factor, paired_gain

START: Mapping[str, tuple[str, ...]] = {
    "whole": ("state", "place", "static"),
    "dynamics": ("state", "place", "static", "relative", "rain"),
    "absolute": ("state", "place", "static", "rain", "local", "calendar"),
}
"""Groups a part begins with: the design of state and place. Others must earn their place."""

_SURE = 2.0  # standard errors


def choose_groups(
    inner: Inner,
    part: str,
    groups: Mapping[str, Sequence[str]],
    *,
    seed: int,
    search: bool = True,
    pool: Executor | None = None,
) -> tuple[str, ...]:
    """Groups of features for a part.

    Beginning with `START`, the one change (a group added, or a group dropped) that lowers the error at inner
    stations most is made, as long as it lowers it by more than two standard errors over stations: among a
    dozen changes, one by one standard error is found on any network. Judged by XGBoost with its usual
    settings.

    Parameters
    ----------
    groups : mapping of str to names
        As `smgee.models.features.Features.groups`.
    search : bool
        False to take what `START` says.
    pool : Executor, optional
        Runs the fits side by side.

    Returns
    -------
    tuple of str
        In the order of `groups`.
    """
    chosen = [g for g in groups if g in START[part]]
    if not any(g != "state" for g in chosen):
        chosen = list(groups)
    if not search or part == "absolute":
        return tuple(chosen)
    truth, station = inner.truth(part), inner.station
    known: dict[frozenset[str], np.ndarray] = {}

    def judge(sets: Sequence[frozenset[str]]) -> None:
        new = [s for s in sets if s and s not in known]
        run = pool.map if pool else map
        for names, values in zip(
            new, run(lambda s: _predict(inner, part, groups, s, seed), new), strict=True
        ):
            known[names] = values

    current = frozenset(chosen)
    judge([current])
    for _ in range(3):
        fewer = [current - {g} for g in current if len(current) > 1]
        more = [current | {g} for g in groups if g not in current]
        judge([*fewer, *more])
        best, best_gain = None, 0.0
        for option in [*fewer, *more]:
            gain, error = paired_gain(truth, known[current], known[option], station)
            gain -= _SURE * error
            if gain > best_gain:
                best, best_gain = option, gain
        if best is None:
            break
        current = best
    return tuple(g for g in groups if g in current)


def _predict(
    inner: Inner, part: str, groups: Mapping[str, Sequence[str]], chosen: frozenset[str], seed: int
) -> np.ndarray:
    """Shrunk predictions at the inner stations left out."""
    names = [n for g in groups if g in chosen for n in groups[g]]
    candidate = Candidate("usual", "xgboost", usual("xgboost"))
    predicted = np.concatenate(
        [fit_stages(candidate, p, part, names, seed=seed) for p in inner.problems], axis=1
    )
    truth = inner.truth(part)
    best = predicted[int(loss(part, truth, predicted)[: len(STAGES)].argmin())]
    if part == "dynamics":
        best = centred(best, inner.station)
    return best * best_factor(truth, best)
