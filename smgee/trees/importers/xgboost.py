"""XGBoost: gbtree and dart boosters, from memory or from JSON and UBJ files.

XGBoost converts predictors to float32 and sends a row left when ``x < split_condition``; NaN goes the way of
``default_left`` (`RegTree::GetNext`, xgboost/include/xgboost/tree_model.h). The prediction is ``base_score +
sum(leaves)``, and DART multiplies the leaves of each tree by its entry in ``weight_drop``. The model document
is specified in xgboost/doc/model.schema.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smgee.errors import InputError, UnsupportedError
from smgee.trees.ensemble import LEAF, TreeEnsemble
from smgee.trees.importers.common import choose_names, first_rounds
from smgee.trees.layout import assemble

# Objectives whose prediction is the sum itself (ObjFunction::PredTransform does nothing).
IDENTITY = {
    "reg:squarederror",
    "reg:linear",
    "reg:squaredlogerror",
    "reg:pseudohubererror",
    "reg:absoluteerror",
    "reg:quantileerror",
}


def from_model(
    model: Any, feature_names: Sequence[str] | None = None, *, iterations: int | None = None
) -> TreeEnsemble:
    """Convert a `Booster` or an `XGBRegressor` (`XGBRFRegressor` too).

    A Booster's own ``predict`` uses every round, the scikit-learn interface stops at the best iteration; so
    does this.
    """
    import xgboost

    if isinstance(model, xgboost.Booster):
        return from_document(
            json.loads(bytes(model.save_raw("json"))),
            feature_names,
            iterations=iterations,
            stop_at_best=False,
        )
    if not isinstance(model, xgboost.XGBRegressor):
        raise UnsupportedError(
            f"XGBoost's {type(model).__name__} cannot be converted; only regressors can (XGBRegressor or a "
            "Booster)."
        )
    missing = model.missing
    if missing is not None and not math.isnan(missing):
        raise UnsupportedError(
            f"The model treats {missing} as missing, which trees cannot express; train it with missing=NaN."
        )
    try:
        booster = model.get_booster()
    except Exception as error:
        raise InputError(f"The {type(model).__name__} has not been trained; fit it first.") from error
    return from_document(
        json.loads(bytes(booster.save_raw("json"))), feature_names, iterations=iterations, stop_at_best=True
    )


def from_file(
    path: Path, feature_names: Sequence[str] | None = None, *, iterations: int | None = None
) -> TreeEnsemble:
    """Convert a UBJ file; JSON files go to `from_document` without the library."""
    import xgboost

    try:
        booster = xgboost.Booster(model_file=str(path))
    except xgboost.core.XGBoostError as error:
        raise InputError(
            f"XGBoost {xgboost.__version__} cannot read {path}: {str(error).strip().splitlines()[0]}; "
            "save the model again."
        ) from error
    return from_document(json.loads(bytes(booster.save_raw("json"))), feature_names, iterations=iterations)


def from_document(
    document: dict[str, Any],
    feature_names: Sequence[str] | None = None,
    *,
    iterations: int | None = None,
    stop_at_best: bool | None = None,
) -> TreeEnsemble:
    """Convert the JSON document of a model.

    Parameters
    ----------
    document : dict
        What ``save_model("*.json")`` writes.
    feature_names, iterations
        As in `convert`.
    stop_at_best : bool, optional
        Whether to stop at the recorded best iteration; by default for models that the scikit-learn interface
        saved.
    """
    learner = document["learner"]
    booster = learner["gradient_booster"]
    weights = None
    if booster["name"] == "dart":
        weights = np.asarray(booster["weight_drop"], dtype=np.float32).astype(np.float64)
        booster = booster["gbtree"]
    elif booster["name"] != "gbtree":
        raise UnsupportedError(
            f"The XGBoost booster {booster['name']!r} has no trees to convert; train with booster='gbtree' "
            "or 'dart'."
        )
    objective = learner["objective"]["name"]
    if objective not in IDENTITY:
        raise UnsupportedError(
            f"The XGBoost objective {objective!r} transforms the sum of leaves; use one of "
            f"{', '.join(sorted(IDENTITY))}."
        )
    parameters = learner["learner_model_param"]
    if int(parameters.get("num_class", "0")) > 1 or int(parameters.get("num_target", "1")) > 1:
        raise UnsupportedError(
            "The XGBoost model predicts several targets or classes; train one regressor for each target."
        )
    if "c" in (learner.get("feature_types") or []):
        raise UnsupportedError(
            "The XGBoost model has categorical predictors, which tree text cannot express; encode them as "
            "numbers first."
        )

    model = booster["model"]
    attributes = learner.get("attributes") or {}
    if stop_at_best is None:
        stop_at_best = "scikit_learn" in attributes
    if iterations is None and stop_at_best and "best_iteration" in attributes:
        iterations = int(attributes["best_iteration"]) + 1
    ends = _round_ends(model)
    rounds = first_rounds(iterations, len(ends))
    trees = [_tree(t) for t in model["trees"][: ends[rounds - 1]]] if ends else []
    if weights is not None:
        for tree, weight in zip(trees, weights[: len(trees)], strict=True):
            tree["value"] = tree["value"] * weight
    return assemble(
        trees,
        feature_names=choose_names(
            feature_names, learner.get("feature_names"), int(parameters["num_feature"])
        ),
        comparison="lt",
        threshold_dtype="float32",
        aggregation="sum",
        base_score=_base_score(parameters["base_score"]),
        allows_missing=True,
        metadata={
            "family": "XGBoost",
            "library": "xgboost " + ".".join(map(str, document.get("version", ["?"]))),
            "booster": "dart" if weights is not None else "gbtree",
            "objective": objective,
            "iterations": rounds,
        },
    )


def _round_ends(model: dict[str, Any]) -> list[int]:
    """Return, for each boosting round, the number of trees up to its end."""
    count = len(model["trees"])
    if "iteration_indptr" in model:  # since 2.0
        ends = [int(i) for i in model["iteration_indptr"]]
        if ends != sorted(ends) or not ends or (ends[0], ends[-1]) != (0, count):
            raise InputError(
                f"The rounds of the XGBoost model state {ends[-1] if ends else 0} trees, but it holds "
                f"{count}; it is damaged, save it again."
            )
        return ends[1:]
    per_round = max(int(model["gbtree_model_param"].get("num_parallel_tree", "1") or 1), 1)
    return list(range(per_round, count + 1, per_round))


def _base_score(text: Any) -> float:
    """Read the intercept: a number, ``"5E-1"``, or since XGBoost 3.1 the vector form ``"[5E-1]"``."""
    values = json.loads(text) if isinstance(text, str) else text
    values = values if isinstance(values, list) else [values]
    if len(values) != 1:
        raise UnsupportedError(
            f"The XGBoost model has {len(values)} base scores, so several outputs; train one regressor for "
            "each target."
        )
    return float(np.float32(values[0]))


def _tree(tree: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the arrays of one tree; leaf values stand among the split conditions."""
    if int(tree["tree_param"].get("size_leaf_vector") or 0) > 1:
        raise UnsupportedError(
            "The XGBoost trees have vector leaves (multi_strategy='multi_output_tree'); train one tree per "
            "output."
        )
    if any(tree.get("split_type") or []) or tree.get("categories_nodes"):
        raise UnsupportedError(
            "The XGBoost model has categorical splits, which tree text cannot express; encode categories as "
            "numbers first."
        )
    left, right = (np.asarray(tree[f"{side}_children"], dtype=np.int64) for side in ("left", "right"))
    if ((left == LEAF) != (right == LEAF)).any():
        raise InputError("The XGBoost model is damaged: a node has one child; save it again.")
    number = np.asarray(tree["split_conditions"], dtype=np.float32).astype(np.float64)
    return {
        "feature": np.asarray(tree["split_indices"], dtype=np.int64),
        "threshold": number,
        "left": left,
        "right": right,
        "value": number,
        "missing_left": np.asarray(tree["default_left"], dtype=bool),
    }
