"""scikit-learn: DecisionTree, RandomForest, ExtraTrees, GradientBoosting and HistGradientBoosting regressors.

The Cython trees convert predictors to float32 and send a row left when ``x <= threshold`` with a float64
threshold (sklearn/tree/_tree.pyx, `Tree._apply_dense`); the histogram trees do the same in float64
(sklearn/ensemble/_hist_gradient_boosting/_predictor.pyx). NaN follows ``missing_go_to_left`` in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smgee.errors import InputError, UnsupportedError
from smgee.trees.decimals import floor_float32
from smgee.trees.ensemble import LEAF, TreeEnsemble
from smgee.trees.importers.common import choose_names, first_rounds
from smgee.trees.layout import assemble

SUPPORTED = (
    "DecisionTreeRegressor, ExtraTreeRegressor, RandomForestRegressor, ExtraTreesRegressor, "
    "GradientBoostingRegressor and "
    "HistGradientBoostingRegressor"
)
HIST_LOSSES = {"squared_error", "absolute_error", "quantile"}
GRADIENT_LOSSES = {"squared_error", "absolute_error", "huber", "quantile"}


def from_model(
    model: Any, feature_names: Sequence[str] | None = None, *, iterations: int | None = None
) -> TreeEnsemble:
    """Convert a fitted regressor; `iterations` limits boosting rounds and is refused for forests."""
    import sklearn
    from sklearn.ensemble import (
        ExtraTreesRegressor,
        GradientBoostingRegressor,
        HistGradientBoostingRegressor,
        RandomForestRegressor,
    )
    from sklearn.tree import DecisionTreeRegressor

    settings: dict[str, Any] = {"comparison": "le"}
    if isinstance(model, (RandomForestRegressor, ExtraTreesRegressor)):
        _check_fitted(model, "estimators_")
        trees = [_tree(e.tree_) for e in model.estimators_]
        settings |= {
            "threshold_dtype": "float32",
            "aggregation": "mean",
            "allows_missing": _allows_missing(model.estimators_[0]),
        }
    elif isinstance(model, DecisionTreeRegressor):
        _check_fitted(model, "tree_")
        trees = [_tree(model.tree_)]
        settings |= {
            "threshold_dtype": "float32",
            "aggregation": "mean",
            "allows_missing": _allows_missing(model),
        }
    elif isinstance(model, GradientBoostingRegressor):
        _check_fitted(model, "estimators_")
        if model.loss not in GRADIENT_LOSSES:
            raise UnsupportedError(
                f"The loss {model.loss!r} of {type(model).__name__} is not one that this converts; use "
                f"{_any(GRADIENT_LOSSES)}."
            )
        rounds = first_rounds(iterations, len(model.estimators_))
        trees = [_tree(e.tree_, factor=model.learning_rate) for e in model.estimators_[:rounds, 0]]
        settings |= {
            "threshold_dtype": "float32",
            "aggregation": "sum",
            "base_score": _constant_start(model),
            "allows_missing": False,
        }
    elif isinstance(model, HistGradientBoostingRegressor):
        _check_fitted(model, "_predictors")
        if model.loss not in HIST_LOSSES:
            raise UnsupportedError(
                f"The loss {model.loss!r} of {type(model).__name__} has a link function; use "
                f"{_any(HIST_LOSSES)}."
            )
        if model.is_categorical_ is not None and np.any(model.is_categorical_):
            raise UnsupportedError(
                "The HistGradientBoosting model has categorical predictors, which tree text cannot express; "
                "encode them first."
            )
        rounds = first_rounds(iterations, len(model._predictors))
        trees = [_hist_tree(p[0].nodes) for p in model._predictors[:rounds]]
        base = float(np.asarray(model._baseline_prediction).reshape(-1)[0])
        settings |= {
            "threshold_dtype": "float64",
            "aggregation": "sum",
            "base_score": base,
            "allows_missing": True,
        }
    else:
        raise UnsupportedError(f"scikit-learn's {type(model).__name__} cannot be converted; use {SUPPORTED}.")
    if iterations is not None and settings["aggregation"] == "mean":
        raise InputError(
            "The option iterations belongs to boosted models; train a forest with fewer trees instead."
        )

    names = getattr(model, "feature_names_in_", None)
    return assemble(
        trees,
        feature_names=choose_names(
            feature_names, None if names is None else [str(n) for n in names], int(model.n_features_in_)
        ),
        metadata={
            "family": type(model).__name__,
            "library": f"scikit-learn {sklearn.__version__}",
            "objective": getattr(model, "loss", None) or getattr(model, "criterion", None),
            "iterations": len(trees),
        },
        **settings,
    )


def _check_fitted(model: Any, attribute: str) -> None:
    if not hasattr(model, attribute):
        raise InputError(f"The {type(model).__name__} has not been trained; fit it first.")


def _any(names: set[str]) -> str:
    return "one of " + ", ".join(sorted(names))


def _allows_missing(tree: Any) -> bool:
    """Whether the estimator's own ``predict`` takes NaN (`BaseDecisionTree._support_missing_values`)."""
    from sklearn.utils import get_tags

    return bool(get_tags(tree).input_tags.allow_nan) and tree.monotonic_cst is None


def _tree(tree: Any, *, factor: float = 1.0) -> dict[str, np.ndarray]:
    """Return the arrays of a Cython tree, with leaf values times `factor`."""
    if tree.n_outputs != 1 or tree.value.shape[2] != 1:
        raise UnsupportedError(
            f"The model has {tree.n_outputs} outputs; train one regressor for each target."
        )
    leaf = tree.children_left == tree.children_right
    return {
        "feature": tree.feature,
        # Predictors are float32 there, so the float64 threshold may be lowered to the float32 grid without
        # changing a branch.
        "threshold": floor_float32(np.where(leaf, 0.0, tree.threshold)),
        "left": np.where(leaf, LEAF, tree.children_left),
        "right": np.where(leaf, LEAF, tree.children_right),
        "value": tree.value[:, 0, 0] * factor,
        "missing_left": np.asarray(tree.missing_go_to_left, dtype=bool),
    }


def _hist_tree(nodes: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays of a histogram tree (`PREDICTOR_RECORD_DTYPE`); leaves hold the learning rate
    already.
    """
    leaf = nodes["is_leaf"].astype(bool)
    if nodes["is_categorical"][~leaf].any():
        raise UnsupportedError(
            "The HistGradientBoosting model has categorical splits, which tree text cannot express; encode "
            "them first."
        )
    return {
        "feature": nodes["feature_idx"].astype(np.int64),
        "threshold": np.where(leaf, 0.0, nodes["num_threshold"]),
        "left": np.where(leaf, LEAF, nodes["left"].astype(np.int64)),
        "right": np.where(leaf, LEAF, nodes["right"].astype(np.int64)),
        "value": nodes["value"],
        "missing_left": nodes["missing_go_to_left"].astype(bool),
    }


def _constant_start(model: Any) -> float:
    """Return the constant that the initial estimator of a GradientBoostingRegressor predicts."""
    from sklearn.dummy import DummyRegressor

    if isinstance(model.init_, str) and model.init_ == "zero":
        return 0.0
    if isinstance(model.init_, DummyRegressor):
        return float(np.asarray(model.init_.constant_).reshape(-1)[0])
    raise UnsupportedError(
        f"The initial estimator {type(model.init_).__name__} of GradientBoosting is no constant; train with "
        "init=None, 'zero' or "
        "a DummyRegressor."
    )
