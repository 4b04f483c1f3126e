"""What models look at where they have not learned: SHAP values at stations left out, beside a placebo.

A predictor that is constant in time can win every ranking on training rows by naming the stations. Here each
row is explained by a model that never saw its station, beside every bar stands that of the placebo (the same
choice learned from places dealt anew among the stations), and it is told how much of the truth a predictor's
part alone catches there. A large bar says that the model listens to a predictor; that it is right to do so,
only the placebo and the skill say. Predictors that go together share their credit by chance, so they are also
summed in groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smgee.errors import InputError
from smgee.explain.shapley import affordable_rows, shap_values
from smgee.models import FoldModel
from smgee.models.skill import skill_limits
from smgee.trees import TreeEnsemble

ALIKE = 0.7
"""Absolute rank correlation above which predictors are summed as one group (average linkage)."""

SEASONS = ("December to February", "March to May", "June to August", "September to November")

_DRAWS, _LEVEL = 1000, 0.95  # of the bootstrap over stations


@dataclass(frozen=True, eq=False)
class HeldOut:
    """SHAP values of rows at stations left out, and of the placebo.

    Parameters
    ----------
    values, placebo : (n, p) float64
        SHAP values by the models of the folds and by their placebos, m³ m⁻³; the placebo's are NaN where
        nothing could be dealt anew, so that it would be the model again.
    x : (n, p) float64
        Predictors as the models of the folds saw them; NaN where a fold's model has no use for one.
    station : (n,) str
    time : (n,) datetime64
    anomaly : (n,) float64
        Soil moisture minus the network's state, m³ m⁻³.
    groups : (p,) int
        Predictors with the same number go together.
    """

    predictors: tuple[str, ...]
    values: np.ndarray
    placebo: np.ndarray
    x: np.ndarray
    station: np.ndarray
    time: np.ndarray
    anomaly: np.ndarray
    groups: np.ndarray
    synthetic: bool = False

    def ranking(self, *, seed: int = 0) -> pd.DataFrame:
        """Mean |SHAP| per predictor, the largest first.

        Returns
        -------
        pandas.DataFrame
            ``predictor``, ``group``, ``mean_abs_shap`` with ``low`` and ``high`` (95 %, stations drawn anew),
            ``placebo``, ``excess_low`` (lower end for the difference to the placebo), ``above_placebo``,
            ``skill`` with ``skill_low`` and ``skill_high``, and ``n`` rows of ``stations``. The skill is that
            of the state plus this predictor's SHAP values over the state alone.
        """
        table = self._against_placebo(self.values, self.placebo, seed)
        names = self._group_names()
        table.insert(0, "group", [names[g] for g in self.groups])
        table.insert(0, "predictor", self.predictors)
        return table.sort_values("mean_abs_shap", ascending=False, kind="stable").reset_index(drop=True)

    def group_ranking(self, *, seed: int = 0) -> pd.DataFrame:
        """The same for groups: the mean of the absolute *sum* of their SHAP values."""
        numbers = np.unique(self.groups)
        member = self.groups[:, None] == numbers
        table = self._against_placebo(self.values @ member, self.placebo @ member, seed)
        names = self._group_names()
        table.insert(0, "predictors", [", ".join(np.array(self.predictors)[m]) for m in member.T])
        table.insert(0, "group", [names[g] for g in numbers])
        return table.sort_values("mean_abs_shap", ascending=False, kind="stable").reset_index(drop=True)

    def seasons(self) -> pd.DataFrame:
        """Mean |SHAP| per predictor and season of the year (by month): ``season``, ``predictor``,
        ``mean_abs_shap``, ``placebo``, ``n``.
        """
        month = pd.DatetimeIndex(self.time).month.to_numpy()
        season = month % 12 // 3
        rows = []
        for k, name in enumerate(SEASONS):
            here = season == k
            if not here.any():
                continue
            own, blind = np.abs(self.values[here]).mean(axis=0), np.abs(self.placebo[here]).mean(axis=0)
            rows += [
                {"season": name, "predictor": p, "mean_abs_shap": a, "placebo": b, "n": int(here.sum())}
                for p, a, b in zip(self.predictors, own, blind, strict=True)
            ]
        return pd.DataFrame(rows)

    def partner(self, j: int) -> int:
        """The predictor that what predictor `j` does depends on most.

        Rows are put in order of predictor `j` and cut in ten; within each part, the rank correlation of its
        SHAP values with every other predictor is taken, and its absolute value averaged.
        """
        known = np.flatnonzero(np.isfinite(self.x[:, j]))
        order = known[np.argsort(self.x[known, j], kind="stable")]
        strength = np.zeros(len(self.predictors))
        for part in np.array_split(order, 10):
            if len(part) < 5:
                continue
            of = pd.Series(self.values[part, j]).rank()
            others = pd.DataFrame(self.x[part]).rank()
            strength += others.corrwith(of).abs().fillna(0.0).to_numpy()
        strength[j] = -1.0
        return int(strength.argmax())

    def _against_placebo(self, values: np.ndarray, placebo: np.ndarray, seed: int) -> pd.DataFrame:
        own, blind = np.abs(values), np.abs(placebo)
        _, index = np.unique(self.station, return_inverse=True)
        count = np.bincount(index).astype("f8")

        def sums(columns: np.ndarray) -> np.ndarray:
            return np.stack([np.bincount(index, column) for column in columns.T], axis=1)

        totals, blind_totals = sums(own), sums(blind)
        truth = self.anomaly[:, None]
        errors, before = sums((truth - values) ** 2), sums(truth**2)
        rng = np.random.default_rng(seed)
        draws = rng.integers(0, len(count), (_DRAWS, len(count)))
        size = count[draws].sum(axis=1)[:, None]
        means, blinds = totals[draws].sum(axis=1) / size, blind_totals[draws].sum(axis=1) / size
        tail = (1 - _LEVEL) / 2
        low, high = np.quantile(means, (tail, 1 - tail), axis=0)
        excess = np.quantile(means - blinds, tail, axis=0)
        held = np.stack([np.bincount(draw, minlength=len(count)) for draw in draws]).astype("f8")
        limits = [skill_limits(own, before[:, 0], held, level=_LEVEL) for own in errors.T]
        skill_low, skill_high = np.array(limits).T
        return pd.DataFrame(
            {
                "mean_abs_shap": own.mean(axis=0),
                "low": low,
                "high": high,
                "placebo": blind.mean(axis=0),
                "excess_low": excess,
                "above_placebo": excess > 0.0,
                "skill": 1.0 - errors.sum(axis=0) / before.sum(axis=0),
                "skill_low": skill_low,
                "skill_high": skill_high,
                "n": len(own),
                "stations": len(count),
            }
        )

    def _group_names(self) -> dict[int, str]:
        """Groups by the name of their strongest predictor."""
        importance = np.abs(self.values).mean(axis=0)
        out = {}
        for g in np.unique(self.groups):
            members = np.flatnonzero(self.groups == g)
            strongest = self.predictors[members[importance[members].argmax()]]
            more = len(members) - 1
            out[int(g)] = f"{strongest} and {more} more" if more else strongest
        return out


def explain_held_out(folds: Sequence[FoldModel], *, synthetic: bool = False) -> HeldOut:
    """SHAP values of every fold's model at the stations it never saw, and of its placebo.

    Parameters
    ----------
    folds : sequence of FoldModel
        As `smgee.models.load_fold_models` gives them.

    Raises
    ------
    InputError
        If there is no fold, or the models deploy nothing but the network's state.
    """
    if not folds:
        raise InputError("No models of stations left out are there to explain; train the anomaly first.")
    names = tuple(dict.fromkeys(n for f in folds for e in (f.trees, f.blind) for n in e.feature_names))
    used = {f.trees.feature_names[j] for f in folds for j in np.unique(f.trees.feature[f.trees.feature >= 0])}
    if not used:
        raise InputError(
            "Without the stations left out the models are the mean of the others and nothing else, so there "
            "is nothing to explain."
        )
    parts = []
    for k, fold in enumerate(folds):
        rows = min(len(fold.test), affordable_rows(fold.trees), affordable_rows(fold.blind))
        kept = np.unique(np.linspace(0, len(fold.test) - 1, rows).round().astype(int))
        test, blind_test = fold.test.iloc[kept], fold.blind_test.iloc[kept]
        title = f"fold {k + 1}"
        own, x = _aligned(fold.trees, fold.train, test, names, title)
        blind, _ = _aligned(fold.blind, fold.blind_train, blind_test, names, f"the placebo of {title}")
        named = (test["station"].to_numpy(dtype=str), test["time"].to_numpy(), test["anomaly"].to_numpy("f8"))
        parts.append((own, blind, x, *named))
    values, placebo, x, station, time, anomaly = (np.concatenate(p) for p in zip(*parts, strict=True))
    if all(_undealt(fold) for fold in folds):
        placebo = np.full(placebo.shape, np.nan)
    shown = [j for j, n in enumerate(names) if n in used]
    x = x[:, shown]
    return HeldOut(
        tuple(names[j] for j in shown),
        values[:, shown],
        placebo[:, shown],
        x,
        station,
        time,
        anomaly,
        alike(x),
        synthetic,
    )


def _undealt(fold: FoldModel) -> bool:
    """Whether a fold's placebo is its model again: nothing it looks at was dealt anew."""
    names = list(fold.trees.feature_names)
    same = fold.trees.hash == fold.blind.hash and names == list(fold.blind.feature_names)
    return same and fold.test[names].equals(fold.blind_test[names])


def alike(x: np.ndarray) -> np.ndarray:
    """Number the groups of columns that go together (see `ALIKE`), shape (p,)."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if x.shape[1] < 2:
        return np.ones(x.shape[1], int)
    rho = pd.DataFrame(x).corr("spearman").abs().fillna(0.0).to_numpy()
    distance = 1.0 - np.clip((rho + rho.T) / 2, 0.0, 1.0)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), method="average")
    return np.asarray(fcluster(tree, 1.0 - ALIKE, criterion="distance"), dtype=int)


def _aligned(
    trees: TreeEnsemble, train: pd.DataFrame, test: pd.DataFrame, names: Sequence[str], title: str
) -> tuple[np.ndarray, np.ndarray]:
    """SHAP values and predictors over all names; 0 and NaN where this model has no use for one."""
    own = list(trees.feature_names)
    found, _, x = shap_values(trees, train[own].to_numpy("f4"), test[own].to_numpy("f4"), title=title)
    values, seen = np.zeros((len(test), len(names))), np.full((len(test), len(names)), np.nan)
    where = [names.index(n) for n in own]
    values[:, where], seen[:, where] = found, x
    return values, seen
