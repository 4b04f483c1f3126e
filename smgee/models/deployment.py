"""The model that is deployed: trees for the anomaly, and the network's state that is added to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from smgee.errors import ParityError
from smgee.models.features import STATE
from smgee.models.nested import AVERAGE, NETWORK, Choice, fit_member
from smgee.models.problem import Problem
from smgee.models.state import bridge, network_mean, recent_change, station_effects
from smgee.trees import LEAF, TreeEnsemble
from smgee.trees.combine import combine

OFFSET = STATE[0]
"""Predictor that is added to what the trees give: the network's state of the step, m³ m⁻³."""

PARITY_TOLERANCE = 1e-6
"""Largest difference, m³ m⁻³, between the trees and the libraries' own predictions."""


def deploy(problem: Problem, choice: Choice, *, seed: int) -> dict[str, TreeEnsemble]:
    """Fit what was chosen and turn it into trees.

    Parameters
    ----------
    problem : Problem
        Of `smgee.models.holdout.all_rows`, or of an outer fold.
    choice : Choice
    seed : int

    Returns
    -------
    dict of str to TreeEnsemble
        The anomaly from the state (m³ m⁻³) by ``deployed``, and by every family that was tried.

    Raises
    ------
    ParityError
        If trees differ from the libraries' predictions by more than `PARITY_TOLERANCE`.
    """
    x = problem.x[problem.train]
    cache: dict[tuple[str, str], tuple[TreeEnsemble, np.ndarray]] = {}

    def trees(family: str, part: str) -> tuple[TreeEnsemble, np.ndarray]:
        if (family, part) not in cache:
            member = choice.members[family, part]
            model = fit_member(member.candidate, problem, part, member.features, seed=seed)
            own = model.predict(x[:, problem.columns(member.features)])
            cache[family, part] = (
                TreeEnsemble.from_model(model, feature_names=member.features),
                np.asarray(own, dtype="f8"),
            )
        return cache[family, part]

    def joined(name: str) -> TreeEnsemble:
        parts, weights, expected = [], [], np.zeros(len(x))
        if name != NETWORK:
            for part, weight in zip(("whole", "dynamics"), choice.weights[name], strict=True):
                families = choice.families(name, part)
                for family in families if weight > 0.0 else ():
                    ensemble, own = trees(family, part)
                    parts.append(ensemble)
                    weights.append(weight / len(families))
                    expected += weights[-1] * own
        ensemble = combine([_nothing(), *parts], [1.0, *weights]).merge() if parts else _nothing()
        found = ensemble.predict(x[:, problem.columns(ensemble.feature_names)])
        gap = float(np.abs(found - expected).max())
        if not gap <= PARITY_TOLERANCE:
            raise ParityError(
                f"The trees of {name} differ by up to {gap:.3g} m³/m³ from what the libraries predict "
                f"(allowed: {PARITY_TOLERANCE:g}); an installed version cannot be converted faithfully."
            )
        return ensemble

    names = [n for n in choice.weights if n != AVERAGE]
    return {"deployed": joined(choice.deployed)} | {name: joined(name) for name in names}


def _nothing() -> TreeEnsemble:
    """Trees that give 0 whatever the state: what is left of a model that was not believed."""
    none = np.array([LEAF])
    return TreeEnsemble(
        feature=none,
        threshold=np.zeros(1),
        left=none,
        right=none,
        value=np.zeros(1),
        missing_left=np.zeros(1, bool),
        roots=np.zeros(1, int),
        feature_names=STATE,
        comparison="le",
        metadata={"family": "network state"},
    )


def at_state(ensemble: TreeEnsemble, state: float, **constants: float) -> TreeEnsemble:
    """The model of one step: what is constant over an image is folded in, the state added.

    Parameters
    ----------
    ensemble : TreeEnsemble
        Of the anomaly from the state.
    state : float
        Network's state, m³ m⁻³.
    **constants : float
        Other predictors that are constant over the image, such as ``network_change``.

    Returns
    -------
    TreeEnsemble
        Soil moisture, m³ m⁻³, from the predictors that vary within the image.
    """
    known = {OFFSET: state} | constants
    here = {name: value for name, value in known.items() if name in ensemble.feature_names}
    trees = ensemble.specialize(here)
    return replace(trees, base_score=trees.base_score + state)


def predict_rows(ensemble: TreeEnsemble, problem: Problem, rows: np.ndarray) -> np.ndarray:
    """Soil moisture at rows of a problem, m³ m⁻³."""
    x = problem.x[np.ix_(rows, problem.columns(ensemble.feature_names))]
    return np.asarray(problem.state[rows] + ensemble.predict(x), dtype="f8")


def state_series(problem: Problem) -> dict[str, Any]:
    """The whole network's state per step, for maps: ``time``, ``network_state``, ``network_change`` and the
    number of ``stations`` that report.
    """
    table = problem.table
    grid = table.grid(table.y)
    mean = bridge(network_mean(grid, station_effects(grid)), table.days)
    return {
        "time": table.times,
        "network_state": mean,
        "network_change": recent_change(mean[None], table.days)[0],
        "stations": np.isfinite(grid).sum(axis=0),
    }
