"""The model that is deployed: trees for the anomaly, and the network's state that is added to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from smgee.models.features import STATE
from smgee.models.fitted import fit_choice
from smgee.models.nested import AVERAGE, DEPLOYED, Choice
from smgee.models.problem import Problem
from smgee.models.state import bridge, network_mean, recent_change, station_effects
from smgee.trees import TreeEnsemble

OFFSET = STATE[0]
"""Predictor that is added to what the trees give: the network's state of the step, m³ m⁻³."""


def deploy(problem: Problem, choice: Choice, *, seed: int) -> dict[str, TreeEnsemble]:
    """Fit what was chosen and turn it into trees.

    Parameters
    ----------
    problem : Problem
        Of `smgee.models.holdout.all_rows`, or of an outer fold.

    Returns
    -------
    dict of str to TreeEnsemble
        The anomaly from the state (m³ m⁻³) by ``deployed``, and by every family that was tried.

    Raises
    ------
    ParityError
        If trees differ from the libraries' predictions by more than `smgee.models.fitted.PARITY_TOLERANCE`.
    """
    fitted = fit_choice(problem, choice, seed=seed)
    families = [name for name in choice.weights if name != AVERAGE]
    return {DEPLOYED: fitted.trees(choice.deployed)} | {name: fitted.trees(name) for name in families}


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
    """Soil moisture at rows of a problem, m³ m⁻³; 0 where the model is below, as maps are drawn."""
    x = problem.x[np.ix_(rows, problem.columns(ensemble.feature_names))]
    return np.maximum(np.asarray(problem.state[rows] + ensemble.predict(x), dtype="f8"), 0.0)


def state_series(problem: Problem) -> dict[str, Any]:
    """The state per step, for maps, of the stations that a problem may learn from: ``time``,
    ``network_state``, ``network_change`` and the number of ``stations`` that report.
    """
    table = problem.table
    grid = np.where(problem.fold.usable, table.grid(table.y), np.nan)
    mean = bridge(network_mean(grid, station_effects(grid)), table.days)
    return {
        "time": table.times,
        "network_state": mean,
        "network_change": recent_change(mean[None], table.days)[0],
        "stations": np.isfinite(grid).sum(axis=0),
    }
