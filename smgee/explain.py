"""Which predictors drive a model, by SHAP values of the trees that are deployed.

The values are those of path-dependent TreeSHAP (Lundberg et al. 2020, Nat. Mach. Intell. 2, 56-67), computed
by the ``shap`` package on the `TreeEnsemble` itself, so that what is explained is what draws the maps,
whichever library it came from. How often each branch is taken, which the method needs, is counted on the
training rows.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from smgee.errors import InputError, ParityError
from smgee.io import atomic_path
from smgee.metrics import score
from smgee.models import ESTIMATORS, TrainedModel, TrainingTable, list_models, load_model
from smgee.schemas import RANKING, SHAP_VALUES
from smgee.tables import Provenance, sidecar_of, write_table
from smgee.trees import LEAF, TreeEnsemble
from smgee.trees.layout import levels
from smgee.trees.reference import as_matrix, leaves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ADDITIVITY_TOLERANCE = 1e-6
"""Largest allowed difference, in m³ m⁻³, between expected value plus SHAP values and the model's
prediction.
"""

WORK = 1.5e10
"""Leaves × depth² × rows that one explanation may cost, about 10 s on one core; more rows than that are
thinned out.
"""

SYNTHETIC_NOTE = "synthetic data: the demo basin, not measurements"

_EMPTY = 1e-6  # weight of a branch that no training row takes: TreeSHAP divides by it, so it must not be zero


@dataclass(frozen=True, eq=False)
class Explanation:
    """SHAP values of one model.

    Parameters
    ----------
    title : str
        The model's name for tables and figures.
    values : (n, p) float64
        Contribution of each predictor to each prediction, in the unit of the target.
    expected : float
        What the model says on average over the training rows; ``expected + values.sum(axis=1)`` is the
        prediction.
    x : (n, p) float64
        The rows explained.
    predictors : tuple of str
        Names of the columns.
    rows : (n,) int
        Positions of the rows in the table that was given.
    units : str
        Unit of the values.
    synthetic : bool
        Whether the rows come from the synthetic basin.
    """

    title: str
    values: np.ndarray
    expected: float
    x: np.ndarray
    predictors: tuple[str, ...]
    rows: np.ndarray
    units: str = "m³ m⁻³"
    synthetic: bool = False

    @property
    def importance(self) -> np.ndarray:
        """Mean |SHAP| of each predictor, shape (p,), in the unit of the target."""
        return np.abs(self.values).mean(axis=0)


def explain(
    ensemble: TreeEnsemble,
    x: Any,
    *,
    max_rows: int | None = None,
    seed: int = 0,
    title: str = "model",
    synthetic: bool = False,
) -> Explanation:
    """SHAP values of a tree ensemble on its training rows.

    Parameters
    ----------
    ensemble : TreeEnsemble
        The model.
    x : (n, p) array or table
        Its training rows. All of them count how often branches are taken; at most `max_rows` of them are
        explained.
    max_rows : int, optional
        Rows to explain, drawn at random. By default as many as `WORK` allows, and no more than 2,000.
    seed : int
        Seed of the draw.
    title, synthetic
        Recorded as they are.

    Returns
    -------
    Explanation
        Rows in the order of the table.

    Raises
    ------
    InputError
        If the rows do not fit the model, or there are none.
    ParityError
        If the values do not add up to the model's predictions.
    """
    import shap

    matrix = as_matrix(ensemble, x)
    if not len(matrix):
        raise InputError("There are no rows to explain; give the rows that the model was trained on.")
    if max_rows is not None and max_rows < 1:
        raise InputError(f"{max_rows} rows to explain were asked for; it takes at least 1.")
    limit = max_rows or int(np.clip(WORK / (ensemble.n_leaves * max(ensemble.depth, 1) ** 2), 50, 2000))
    count = min(limit, len(matrix))
    rows = np.sort(np.random.default_rng(seed).choice(len(matrix), size=count, replace=False))
    trees = as_shap_model(ensemble, matrix)
    # the model compares in its own type; rounding the rows to it first makes shap's float64 comparison the
    # same one
    chosen = matrix[rows].astype(ensemble.threshold_dtype).astype("f8")
    explainer = shap.TreeExplainer(trees, feature_perturbation="tree_path_dependent")
    values = np.asarray(explainer.shap_values(chosen, check_additivity=False), dtype="f8").reshape(
        count, ensemble.n_features
    )
    expected = float(np.ravel(explainer.expected_value)[0])
    gap = float(np.abs(expected + values.sum(axis=1) - ensemble.predict(matrix[rows])).max())
    if not gap <= ADDITIVITY_TOLERANCE:
        raise ParityError(
            f"The SHAP values of {title} miss its predictions by up to {gap:.3g} (allowed: "
            f"{ADDITIVITY_TOLERANCE:g}); "
            "please report this model."
        )
    return Explanation(title, values, expected, chosen, ensemble.feature_names, rows, synthetic=synthetic)


def as_shap_model(ensemble: TreeEnsemble, x: np.ndarray) -> dict[str, Any]:
    """The ensemble as the dictionary that `shap.TreeExplainer` takes.

    Parameters
    ----------
    ensemble : TreeEnsemble
        The model.
    x : (n, p) array
        Rows that count how often each branch is taken.

    Returns
    -------
    dict
        ``trees`` and ``base_offset``.
    """
    reached = np.bincount(leaves(ensemble, x).ravel(), minlength=ensemble.n_nodes).astype("f8")
    is_leaf = ensemble.feature == LEAF
    cover = np.where(is_leaf, np.maximum(reached, _EMPTY), 0.0)
    mean = np.where(is_leaf, ensemble.value, 0.0)
    tree_of = np.zeros(ensemble.n_nodes, dtype=np.int64)
    tree_of[ensemble.roots] = np.arange(ensemble.n_trees)
    tiers = levels(ensemble.left, ensemble.right, ensemble.roots)
    for tier in tiers:
        inner = tier[~is_leaf[tier]]
        tree_of[ensemble.left[inner]] = tree_of[ensemble.right[inner]] = tree_of[inner]
    for tier in reversed(tiers):
        inner = tier[~is_leaf[tier]]
        left, right = ensemble.left[inner], ensemble.right[inner]
        cover[inner] = cover[left] + cover[right]
        mean[inner] = (cover[left] * mean[left] + cover[right] * mean[right]) / cover[inner]

    # shap tests x <= threshold; "lt" becomes that with the next smaller number of the model's own type
    threshold = ensemble.threshold.astype(ensemble.threshold_dtype)
    if ensemble.comparison == "lt":
        threshold = np.nextafter(threshold, np.array(-np.inf, dtype=threshold.dtype))
    threshold = np.where(is_leaf, 0.0, threshold.astype("f8"))
    scale = 1.0 / ensemble.n_trees if ensemble.aggregation == "mean" else 1.0
    default = np.where(ensemble.missing_left, ensemble.left, ensemble.right)

    # breadth-first within each tree, roots first, numbered from 0 in each
    order = np.concatenate(tiers)
    order = order[np.argsort(tree_of[order], kind="stable")]
    starts = np.searchsorted(tree_of[order], np.arange(ensemble.n_trees + 1))
    place = np.empty(ensemble.n_nodes, dtype=np.int64)
    place[order] = np.arange(len(order)) - starts[tree_of[order]]

    def child(of: np.ndarray, nodes: np.ndarray) -> np.ndarray:
        return np.where(is_leaf[nodes], -1, place[np.where(is_leaf[nodes], 0, of[nodes])])

    trees = []
    for begin, end in itertools.pairwise(starts):
        nodes = order[begin:end]
        trees.append(
            {
                "children_left": child(ensemble.left, nodes),
                "children_right": child(ensemble.right, nodes),
                "children_default": child(default, nodes),
                "feature": np.where(is_leaf[nodes], -1, ensemble.feature[nodes]),
                "threshold": threshold[nodes],
                "value": (mean[nodes] * scale).reshape(-1, 1),
                "node_sample_weight": cover[nodes],
            }
        )
    return {
        "trees": trees,
        "base_offset": ensemble.base_score,
        "tree_output": "raw_value",
        "objective": "squared_error",
    }


def ranking(explanation: Explanation) -> pd.DataFrame:
    """Predictors by mean |SHAP|, the largest first.

    Returns
    -------
    pandas.DataFrame
        ``rank``, ``predictor``, ``mean_abs_shap`` (unit of the target), ``share`` of the sum over predictors,
        and ``direction``: Spearman's correlation of the predictor with its SHAP value, positive where more of
        it means wetter; NaN for a predictor that does not vary.
    """
    importance = explanation.importance
    total = float(importance.sum())
    rows = []
    for position, j in enumerate(np.argsort(-importance, kind="stable"), start=1):
        rows.append(
            {
                "rank": position,
                "predictor": explanation.predictors[j],
                "mean_abs_shap": float(importance[j]),
                "share": float(importance[j] / total) if total > 0 else 0.0,
                "direction": score("rho", explanation.x[:, j], explanation.values[:, j]),
            }
        )
    return pd.DataFrame(rows)


def plot_summary(explanation: Explanation, *, max_display: int = 20) -> Figure:
    """The beeswarm figure: one dot per row and predictor, placed by SHAP value, coloured by the predictor's
    value.

    Parameters
    ----------
    explanation : Explanation
        What to draw.
    max_display : int
        Predictors to show; the rest are summed up in one line.

    Returns
    -------
    matplotlib.figure.Figure
        Not registered with pyplot; save it or show it. Carries a note where the data is synthetic.
    """
    import shap
    from matplotlib.figure import Figure

    shown = min(max_display, len(explanation.predictors))
    figure = Figure(figsize=(7.2, 1.6 + 0.34 * shown), dpi=150, layout="constrained")
    ax = figure.add_subplot()
    content = shap.Explanation(
        values=explanation.values,
        base_values=np.full(len(explanation.values), explanation.expected),
        data=explanation.x,
        feature_names=list(explanation.predictors),
    )
    # dots are shuffled through NumPy's global generator: keep the figure reproducible and the caller's
    # generator untouched
    state = np.random.get_state()
    np.random.seed(0)
    try:
        shap.plots.beeswarm(
            content,
            max_display=shown,
            ax=ax,
            show=False,
            plot_size=None,
            s=9,
            color_bar_label="value of the predictor",
        )
    finally:
        np.random.set_state(state)
    ax.tick_params("y", labelsize=9, length=0)
    ax.set_yticks(ax.get_yticks(), [label.get_text() for label in ax.get_yticklabels()], fontsize=9)
    ax.tick_params("x", labelsize=9)
    ax.set_xlabel(f"SHAP value: change of predicted soil moisture ({explanation.units})", fontsize=9)
    ax.set_title(
        f"{explanation.title}: what drives predicted soil moisture ({len(explanation.values):,} rows)",
        fontsize=10,
        loc="left",
    )
    for other in figure.axes:
        if other is not ax:
            other.tick_params(labelsize=8)
            other.yaxis.label.set_fontsize(9)
    if explanation.synthetic:
        figure.supxlabel(SYNTHETIC_NOTE, fontsize=8, color="#b00020", x=0.99, ha="right")
    return figure


def save_explanation(
    explanation: Explanation, folder: str | os.PathLike[str], *, name: str, table: TrainingTable | None = None
) -> None:
    """Write ``NAME_ranking.csv``, ``NAME_values.parquet`` and ``NAME_summary.png`` into a folder.

    Parameters
    ----------
    explanation : Explanation
        What to write.
    folder : path-like
        Usually ``shap`` in a run folder.
    name : str
        Start of the file names.
    table : TrainingTable, optional
        The table explained; adds the columns station and time to the values.
    """
    folder = Path(folder)
    made = Provenance(synthetic=explanation.synthetic, made_by="smgee explain")
    write_table(ranking(explanation), folder / f"{name}_ranking.csv", schema=RANKING, provenance=made)
    values = pd.DataFrame(explanation.values, columns=[f"shap_{p}" for p in explanation.predictors])
    values.insert(0, "expected", explanation.expected)
    values = pd.concat([values, pd.DataFrame(explanation.x, columns=list(explanation.predictors))], axis=1)
    values.insert(0, "row", explanation.rows)
    if table is not None:
        values.insert(1, "station", table.station[explanation.rows])
        values.insert(2, "time", table.time[explanation.rows])
    write_table(values, folder / f"{name}_values.parquet", schema=SHAP_VALUES, provenance=made)
    with atomic_path(folder / f"{name}_summary.png") as scratch:
        plot_summary(explanation).savefig(scratch)


def explain_models(
    models: Mapping[str, TrainedModel],
    table: TrainingTable,
    folder: str | os.PathLike[str],
    *,
    max_rows: int | None = None,
    seed: int = 0,
) -> dict[str, Explanation]:
    """Explain trained models on their table, and write everything into a folder.

    Beside the files of `save_explanation`, ``ranking.csv`` holds the mean |SHAP| of every predictor, one
    column per model.

    Parameters
    ----------
    models : mapping of str to TrainedModel
        By name.
    table : TrainingTable
        What they were trained on.
    folder : path-like
        Usually ``shap`` in a run folder. Files of models that are not among `models` are removed from it.
    max_rows, seed
        As for `explain`.

    Returns
    -------
    dict of str to Explanation
        By name.

    Raises
    ------
    InputError
        If a model was trained on another table, since its branches must be counted on its own rows.
    """
    result = {}
    for name, model in models.items():
        trained_on = model.record.get("table", {}).get("hash")
        if trained_on != table.hash:
            raise InputError(
                f"The model {model.title} was trained on another table than the one given; give its own, or "
                "train it again."
            )
        result[name] = explain(
            model.ensemble,
            table.x,
            max_rows=max_rows,
            seed=seed,
            title=model.title,
            synthetic=table.synthetic,
        )
        save_explanation(result[name], folder, name=name, table=table)
    forget(folder, keep=result)
    if result:
        together = pd.DataFrame(
            {e.title: e.importance for e in result.values()},
            index=pd.Index(table.predictors, name="predictor"),
        )
        together = together.loc[together.mean(axis=1).sort_values(ascending=False, kind="stable").index]
        made = Provenance(synthetic=table.synthetic, made_by="smgee explain")
        write_table(together.reset_index(), Path(folder) / "ranking.csv", schema=RANKING, provenance=made)
    return result


def explain_run(
    run: str | os.PathLike[str], *, model: str = "best", max_rows: int | None = None, seed: int = 0
) -> pd.DataFrame:
    """Explain a trained model of a run folder on the rows it was trained on, and write ``shap/``.

    Parameters
    ----------
    run : path-like
        Run folder with ``models/``.
    model : str
        Name or title, ``best``, or ``all``.
    max_rows, seed
        As for `explain`.

    Returns
    -------
    pandas.DataFrame
        The `ranking`; for ``all``, that of the best model.

    Raises
    ------
    MissingDataError
        If nothing was trained there.
    """
    folder = Path(run) / "models"
    names, best = list_models(folder)
    loaded = [load_model(folder, name) for name in (names if model == "all" else [model])]
    table = TrainingTable.read(folder / "training.parquet")
    explained = explain_models(
        {m.name: m for m in loaded}, table, Path(run) / "shap", max_rows=max_rows, seed=seed
    )
    return ranking(explained[best if model == "all" else loaded[0].name])


def forget(folder: str | os.PathLike[str], *, keep: Iterable[str] = ()) -> None:
    """Remove the files of earlier explanations from a folder, but for the models to `keep`: they describe
    models of the past.
    """
    for name in set(ESTIMATORS) - set(keep):
        for ending in ("ranking.csv", "values.parquet", "summary.png"):
            _remove(Path(folder) / f"{name}_{ending}")
    _remove(Path(folder) / "ranking.csv")


def _remove(path: Path) -> None:
    for file in (path, sidecar_of(path)):
        file.unlink(missing_ok=True)
