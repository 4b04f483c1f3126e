"""Which predictors drive a model, by SHAP values of the trees that are deployed.

The values are those of path-dependent TreeSHAP (Lundberg et al. 2020, Nat. Mach. Intell. 2, 56-67), computed
by the ``shap`` package on the `TreeEnsemble` itself, so that what is explained is what draws the maps,
whichever library it came from. How often each branch is taken, which the method needs, is counted on the
training rows.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from smgee.errors import InputError, ParityError
from smgee.trees import LEAF, TreeEnsemble
from smgee.trees.layout import levels
from smgee.trees.reference import as_matrix, leaves

ADDITIVITY_TOLERANCE = 1e-6
"""Largest allowed difference, in m³ m⁻³, between expected value plus SHAP values and the model's
prediction.
"""

WORK = 1.5e10
"""Leaves × depth² × rows that one explanation may cost, about 10 s on one core; more rows than that are
thinned out.
"""

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
    matrix = as_matrix(ensemble, x)
    if not len(matrix):
        raise InputError("There are no rows to explain; give the rows that the model was trained on.")
    if max_rows is not None and max_rows < 1:
        raise InputError(f"{max_rows} rows to explain were asked for; it takes at least 1.")
    count = min(max_rows or affordable_rows(ensemble), len(matrix))
    rows = np.sort(np.random.default_rng(seed).choice(len(matrix), size=count, replace=False))
    values, expected, chosen = shap_values(ensemble, matrix, matrix[rows], title=title)
    return Explanation(title, values, expected, chosen, ensemble.feature_names, rows, synthetic=synthetic)


def affordable_rows(ensemble: TreeEnsemble) -> int:
    """Rows that `WORK` allows, between 50 and 2,000."""
    return int(np.clip(WORK / (ensemble.n_leaves * max(ensemble.depth, 1) ** 2), 50, 2000))


def shap_values(
    ensemble: TreeEnsemble, counted: np.ndarray, explained: np.ndarray, *, title: str = "model"
) -> tuple[np.ndarray, float, np.ndarray]:
    """SHAP values of some rows, branches being counted on others.

    Parameters
    ----------
    counted : (m, p) array
        Rows that tell how often every branch is taken: those of the training.
    explained : (n, p) array
    title : str
        For the error.

    Returns
    -------
    values : (n, p) float64
        In the unit of the target.
    expected : float
        Mean prediction over `counted`.
    x : (n, p) float64
        The rows explained, rounded as the model compares them.

    Raises
    ------
    ParityError
        If the values do not add up to the model's predictions.
    """
    explainer, x = _explainer(ensemble, counted, explained)
    values = np.asarray(explainer.shap_values(x, check_additivity=False), dtype="f8").reshape(
        len(x), ensemble.n_features
    )
    expected = float(np.ravel(explainer.expected_value)[0])
    _check(expected + values.sum(axis=1) - ensemble.predict(explained), "SHAP values", title)
    return values, expected, x


def shap_interactions(
    ensemble: TreeEnsemble, counted: np.ndarray, explained: np.ndarray, *, title: str = "model"
) -> np.ndarray:
    """SHAP interaction values of some rows, branches being counted on others.

    Parameters
    ----------
    ensemble, counted, explained, title
        As for `shap_values`.

    Returns
    -------
    (n, p, p) float64
        What a predictor does by itself on the diagonal, and half of what two do together beside it, in the
        unit of the target; symmetric, and summed over either axis the SHAP values.

    Raises
    ------
    ParityError
        If they do not add up to the model's predictions.
    """
    explainer, x = _explainer(ensemble, counted, explained)
    size = ensemble.n_features
    values = np.asarray(explainer.shap_interaction_values(x), dtype="f8").reshape(len(x), size, size)
    expected = float(np.ravel(explainer.expected_value)[0])
    gap = expected + values.sum(axis=(1, 2)) - ensemble.predict(explained)
    _check(gap, "SHAP interaction values", title)
    return values


def _explainer(ensemble: TreeEnsemble, counted: np.ndarray, explained: np.ndarray) -> tuple[Any, np.ndarray]:
    """What explains, and the rows to explain as it compares them.

    The model compares in its own type; rounding the rows to it first makes shap's float64 comparison the same
    one.
    """
    import shap

    trees = as_shap_model(ensemble, counted)
    explainer = shap.TreeExplainer(trees, feature_perturbation="tree_path_dependent")
    return explainer, explained.astype(ensemble.threshold_dtype).astype("f8")


def _check(gap: np.ndarray, what: str, title: str) -> None:
    most = float(np.abs(gap).max(initial=0.0))
    if not most <= ADDITIVITY_TOLERANCE:
        raise ParityError(
            f"The {what} of {title} miss its predictions by up to {most:.3g} (allowed: "
            f"{ADDITIVITY_TOLERANCE:g}); please report this model."
        )


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
