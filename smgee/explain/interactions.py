"""What pairs of predictors do together at stations left out: SHAP interaction values.

What a predictor does is divided into what it does by itself and what it does with each other one, which add
up to its SHAP value (Lundberg et al. 2020, Nat. Mach. Intell. 2, 56-67). Each row is explained by a model
that never saw its station.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from smgee.explain.heldout import SEASONS
from smgee.explain.shapley import shap_interactions
from smgee.models import FoldModel
from smgee.trees import TreeEnsemble

WHOLE = "all seasons"
"""Season of the rows of the table that hold all seasons."""

_ROWS = 200  # explained, over all folds; a matrix is some ten times the work of a row of SHAP values
_WORK = 1e8  # leaves × depth² × predictors of a usual tree × rows that a fold may cost, about 2 s on a core


def interactions_held_out(folds: Sequence[FoldModel]) -> pd.DataFrame:
    """Return how much pairs of predictors do together, by season of the year.

    Parameters
    ----------
    folds : sequence of FoldModel
        As `smgee.models.load_fold_models` gives them.

    Returns
    -------
    pandas.DataFrame
        ``season`` (`WHOLE` first), ``predictor``, ``partner`` (the same: what it does by itself),
        ``mean_abs_interaction`` (m³ m⁻³; either predictor's half of what the two do together) and ``n`` rows,
        the largest first; pairs that no model puts together are left out.
    """
    names = tuple(dict.fromkeys(n for fold in folds for n in fold.trees.feature_names))
    parts, times = [], []
    for k, fold in enumerate(folds):
        rows = min(len(fold.test), _ROWS // len(folds), _affordable(fold.trees))
        kept = np.unique(np.linspace(0, len(fold.test) - 1, rows).round().astype(int))
        own = list(fold.trees.feature_names)
        counted, test = fold.train[own].to_numpy("f4"), fold.test.iloc[kept]
        found = shap_interactions(fold.trees, counted, test[own].to_numpy("f4"), title=f"fold {k + 1}")
        at = np.array([names.index(n) for n in own])
        part = np.zeros((len(test), len(names), len(names)))
        part[np.ix_(np.arange(len(test)), at, at)] = found
        parts.append(part)
        times.append(test["time"].to_numpy())
    values = np.abs(np.concatenate(parts))
    season = pd.DatetimeIndex(np.concatenate(times)).month.to_numpy() % 12 // 3
    chosen = {WHOLE: np.ones(len(season), bool)} | {n: season == k for k, n in enumerate(SEASONS)}
    i, j = np.triu_indices(len(names))
    tables = []
    for title, here in chosen.items():
        if not here.any():
            continue
        mean = values[here].mean(axis=0)
        table = pd.DataFrame(
            {
                "season": title,
                "predictor": np.array(names)[i],
                "partner": np.array(names)[j],
                "mean_abs_interaction": mean[i, j],
                "n": int(here.sum()),
            }
        )
        table = table[table["mean_abs_interaction"] > 0.0]
        tables.append(table.sort_values("mean_abs_interaction", ascending=False, kind="stable"))
    return pd.concat(tables, ignore_index=True)


def _affordable(trees: TreeEnsemble) -> int:
    """Rows that `_WORK` allows, 4 at least; a tree costs twice its SHAP values for each predictor in it."""
    tree = np.zeros(trees.n_nodes, int)
    tree[np.sort(trees.roots)] = 1
    inner = trees.feature >= 0
    pairs = np.unique(np.stack([np.cumsum(tree)[inner], trees.feature[inner]]), axis=1).shape[1]
    each = trees.n_leaves * max(trees.depth, 1) ** 2 * max(pairs / trees.n_trees, 1.0)
    return max(4, int(_WORK / each))
