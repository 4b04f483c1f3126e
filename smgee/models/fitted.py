"""What was chosen, fitted on one fold: predictions of rows held out, and the same as trees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from smgee.errors import ParityError
from smgee.estimators import title_of
from smgee.models.baselines import predict_baselines
from smgee.models.features import STATE
from smgee.models.nested import AVERAGE, DEPLOYED, NETWORK, Choice, fit_member
from smgee.models.pools import fitting_threads
from smgee.models.problem import Problem
from smgee.trees import LEAF, TreeEnsemble
from smgee.trees.combine import combine

PARITY_TOLERANCE = 1e-6
"""Largest difference, m³ m⁻³, between the trees and the libraries' own predictions: float32 rounding of
sums.
"""

_PARTS = ("whole", "dynamics")

Key = tuple[str, str]
"""A member: family and part."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A choice with its members fitted on a problem's training rows.

    Parameters
    ----------
    models : mapping of (str, str) to regressor
        By family and part; those that were fitted.
    """

    problem: Problem
    choice: Choice
    models: Mapping[Key, Any]

    def predict(self, keys: Iterable[Key], rows: np.ndarray) -> dict[Key, np.ndarray]:
        """Predictions of members at rows of the table, m³ m⁻³."""
        out = {}
        for key in keys:
            columns = self.problem.columns(self.choice.members[key].features)
            out[key] = np.asarray(self.models[key].predict(self.problem.x[np.ix_(rows, columns)]), dtype="f8")
        return out

    def anomaly(self, name: str, rows: np.ndarray) -> np.ndarray:
        """What a family, the average or the network mean adds to the state at rows of the table, m³ m⁻³."""
        shares = shares_of(self.choice, name)
        return _weighted(shares, self.predict(shares, rows), len(rows))

    def trees(self, name: str) -> TreeEnsemble:
        """The same sum as trees.

        Raises
        ------
        ParityError
            If they differ from the libraries' predictions on the training rows by more than
            `PARITY_TOLERANCE`.
        """
        shares = shares_of(self.choice, name)
        parts = [
            TreeEnsemble.from_model(self.models[key], feature_names=self.choice.members[key].features)
            for key in shares
        ]
        if not parts:
            return _nothing()
        ensemble = combine([_nothing(), *parts], [1.0, *shares.values()]).merge()
        rows = self.problem.train
        found = ensemble.predict(self.problem.x[np.ix_(rows, self.problem.columns(ensemble.feature_names))])
        gap = float(np.abs(found - self.anomaly(name, rows)).max())
        if not gap <= PARITY_TOLERANCE:
            raise ParityError(
                f"The trees of {name} differ by up to {gap:.3g} m³/m³ from what the libraries predict "
                f"(allowed: {PARITY_TOLERANCE:g}); an installed version cannot be converted faithfully."
            )
        return ensemble


def fit_choice(
    problem: Problem, choice: Choice, *, seed: int, n_jobs: int | None = None, only: str | None = None
) -> Fitted:
    """Fit the members of a choice on a problem's training rows, or only those behind one of its names."""
    keys = list(choice.members if only is None else shares_of(choice, only))

    def one(key: Key) -> Any:
        member = choice.members[key]
        return fit_member(member.candidate, problem, member.part, member.features, seed=seed)

    with fitting_threads(n_jobs) as pool:
        return Fitted(problem, choice, dict(zip(keys, pool.map(one, keys), strict=True)))


def shares_of(choice: Choice, name: str) -> dict[Key, float]:
    """Weights of the members behind a family, the average or the network mean; those of 0 left out."""
    if name == NETWORK:
        return {}
    out: dict[Key, float] = {}
    for part, weight in zip(_PARTS, choice.weights[name], strict=True):
        for family, share in choice.portions(name, part).items() if weight > 0.0 else ():
            out[family, part] = weight * share
    return out


def predict_all(fitted: Fitted) -> dict[str, np.ndarray]:
    """Soil moisture at a fold's test rows, m³ m⁻³: what is deployed, the average, every family, the baselines
    and, where they were learned, the families of soil moisture itself.
    """
    problem, choice = fitted.problem, fitted.choice
    rows, state = problem.test, problem.state[problem.test]
    raw = fitted.predict(fitted.models, rows)

    def soil_moisture(name: str) -> np.ndarray:
        return state + _weighted(shares_of(choice, name), raw, len(rows))

    out = {DEPLOYED: soil_moisture(choice.deployed), AVERAGE: soil_moisture(AVERAGE)}
    out |= {title_of(name): soil_moisture(name) for name in choice.weights if name != AVERAGE}
    out |= {
        f"{title_of(name)} (absolute)": values for (name, part), values in raw.items() if part == "absolute"
    }
    return out | predict_baselines(problem)


def _weighted(shares: Mapping[Key, float], raw: Mapping[Key, np.ndarray], count: int) -> np.ndarray:
    total = np.zeros(count)
    for key, weight in shares.items():
        total += weight * raw[key]
    return total


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
