"""Candidates: a family of models with settings, and where the search for settings may go.

The spaces are all strongly shrinking. Rows of one station are near copies of each other, so what a library
takes for a thousand rows is worth a few dozen stations: trees are shallow, a leaf holds as many rows as one
station or more, few columns are offered to a tree, and steps are small. Measured on real networks, deeper
trees and smaller leaves learn the stations by heart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from smgee.errors import InputError
from smgee.estimators import ESTIMATORS, find, make

STAGES = (20, 40, 80, 120, 160, 200)
"""Numbers of trees among which the stations left out stop a boosted model."""

BOOSTED = ("gbdt", "xgboost", "catboost")

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_TAKEN = ("average", "deployed", "placebo", "best", "all", "state", "training", "models")


@dataclass(frozen=True)
class Candidate:
    """One model to be tried.

    Parameters
    ----------
    id : str
        Its own name in tables and files; several of one family may stand side by side.
    family : str
        Key of `smgee.models.ESTIMATORS`.
    settings : mapping
        ``depth``, ``leaf`` (rows per leaf, in rows of a usual station), ``columns`` and ``rows`` (shares
        offered to a tree), and for boosted families ``rate``, ``penalty`` and ``trees``. A line has none:
        it chooses its penalty by itself, at stations left out of its own training rows.
    """

    id: str
    family: str
    settings: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def fixed(self) -> bool:
        """Whether its settings are its own, instead of being searched for."""
        return self.id != self.family

    def estimator(self, *, station_rows: float, seed: int, trees: int | None = None) -> Any:
        """An unfitted regressor of the library.

        Parameters
        ----------
        station_rows : float
            Rows of a usual station in the training rows.
        trees : int, optional
            Instead of the setting.
        """
        chosen = dict(self.settings)
        if self.family == "linear":
            return make("linear")
        leaf = max(5, round(chosen["leaf"] * station_rows))
        depth, columns, rows = int(chosen["depth"]), float(chosen["columns"]), float(chosen["rows"])
        count = int(trees or chosen.get("trees", 100))
        if self.family in ("rf", "ert"):
            shared = {"n_estimators": count, "max_depth": depth, "min_samples_leaf": leaf}
            return make(
                self.family, seed=seed, **shared, max_features=columns, bootstrap=True, max_samples=rows
            )
        rate, penalty = float(chosen["rate"]), float(chosen["penalty"])
        if self.family == "gbdt":
            # The library has no penalty on leaves, which shrinks a leaf of n rows by n / (n + penalty).
            return make(
                "gbdt",
                seed=seed,
                n_estimators=count,
                max_depth=depth,
                learning_rate=rate * leaf / (leaf + penalty),
                min_samples_leaf=leaf,
                max_features=columns,
                subsample=rows,
            )
        if self.family == "xgboost":
            return make(
                "xgboost",
                seed=seed,
                n_estimators=count,
                max_depth=depth,
                learning_rate=rate,
                min_child_weight=leaf,
                reg_lambda=penalty,
                colsample_bytree=columns,
                subsample=rows,
                max_bin=64,
            )
        if self.family == "catboost":
            return make(
                "catboost",
                seed=seed,
                iterations=count,
                depth=depth,
                learning_rate=rate,
                l2_leaf_reg=penalty,
                rsm=columns,
                bootstrap_type="Bernoulli",
                subsample=rows,
                border_count=32,
            )
        raise InputError(f"There is no family named {self.family!r}; choose from {', '.join(ESTIMATORS)}.")


def entrants(models: Sequence[str | Candidate]) -> dict[str, Candidate]:
    """The candidates of a choice by their names.

    Parameters
    ----------
    models : sequence of str or Candidate
        Families by name or title, whose settings are searched for, and candidates with settings of their
        own, which are taken as they are; those that are left out are the usual ones.

    Returns
    -------
    dict of str to Candidate
        Families without settings.

    Raises
    ------
    InputError
        For unknown families or settings, names that are taken or cannot be file names, or no model at all.
    """
    out: dict[str, Candidate] = {}
    for model in dict.fromkeys(find(m).name if isinstance(m, str) else m for m in models):
        if isinstance(model, str):
            out[model] = Candidate(model, model, {})
            continue
        family = find(model.family).name
        known, own = usual(family), dict(model.settings)
        strange = sorted(set(own) - set(known))
        if strange:
            raise InputError(
                f"The candidate {model.id!r} sets {', '.join(strange)}; a candidate of {family} may set "
                f"{', '.join(known) or 'nothing'}."
            )
        if not _NAME.fullmatch(model.id) or model.id in (*ESTIMATORS, *_TAKEN, *out):
            raise InputError(
                f"A candidate cannot be named {model.id!r}; give it a name of its own, of lower-case "
                "letters, digits, - and _."
            )
        out[model.id] = Candidate(model.id, family, known | own)
    if not out:
        raise InputError(f"No model was named; choose from {', '.join(ESTIMATORS)}.")
    return out


def parse_candidate(text: str) -> Candidate:
    """A candidate written as ``NAME=FAMILY`` or ``NAME=FAMILY:setting=number,setting=number``; `InputError`
    if the text is not of that form.
    """
    name, equals, rest = text.partition("=")
    family, _, settings = rest.partition(":")
    try:
        pairs = [pair.split("=") for pair in settings.split(",") if pair.strip()]
        chosen = {key.strip(): float(value) for key, value in pairs}
    except ValueError:
        equals = ""
    if not (equals and name.strip() and family.strip()):
        raise InputError(
            f"The candidate {text!r} is not understood; write NAME=FAMILY:setting=number,…, such as "
            "'shallow=xgboost:depth=2,penalty=300'."
        )
    return Candidate(name.strip(), family.strip(), chosen)


def usual(family: str) -> dict[str, float]:
    """Settings that are tried first, and used where nothing is tuned."""
    if ESTIMATORS[family].grouped:
        return {}
    shared = {"depth": 3, "leaf": 1.0, "columns": 0.3, "rows": 0.7}
    if family in BOOSTED:
        return shared | {"rate": 0.05, "penalty": 100.0, "trees": 160}
    return shared | {"depth": 5, "rows": 0.5, "trees": 100}


def suggest(trial: Any, family: str) -> dict[str, float]:
    """Settings from an Optuna trial."""
    chosen = {
        "depth": trial.suggest_int("depth", 2, 4 if family in BOOSTED else 6),
        "leaf": trial.suggest_float("leaf", 0.8, 5.0, log=True),
        "columns": trial.suggest_float("columns", 0.15, 0.5),
        "rows": trial.suggest_float("rows", 0.3, 0.8),
    }
    if family in BOOSTED:
        chosen["rate"] = trial.suggest_float("rate", 0.02, 0.08, log=True)
        chosen["penalty"] = trial.suggest_float("penalty", 30.0, 500.0, log=True)
    return chosen


def staged(family: str, model: Any, x: np.ndarray, stages: tuple[int, ...]) -> np.ndarray:
    """Predictions after so many trees, shape (stages, rows); forests and lines have one stage."""
    if family == "gbdt":
        found = {i + 1: p for i, p in enumerate(model.staged_predict(x)) if i + 1 in stages}
        return np.stack([found[s] for s in stages])
    if family == "xgboost":
        return np.stack([model.predict(x, iteration_range=(0, s)) for s in stages])
    if family == "catboost":
        return np.stack([model.predict(x, ntree_end=s) for s in stages])
    return model.predict(x)[None]
