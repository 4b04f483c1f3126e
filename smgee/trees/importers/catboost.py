"""CatBoost: oblivious (SymmetricTree), Depthwise and Lossguide trees on numeric predictors.

CatBoost converts predictors to float32 and sets a split's bit when ``x > border``
(catboost/libs/model/cpu/quantization.h), so a row goes left when ``x <= border``. NaN counts as the smallest
or the largest value as ``nan_value_treatment`` says. The prediction is ``scale * sum(leaves) + bias``. The
JSON form is described in catboost/docs, "Model in JSON format".
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smgee.errors import InputError, UnsupportedError
from smgee.trees.ensemble import LEAF, TreeEnsemble
from smgee.trees.importers.common import choose_names, first_rounds
from smgee.trees.layout import assemble

# Losses of one output whose prediction is the raw formula value.
IDENTITY = {"RMSE", "MAE", "Quantile", "MAPE", "Huber", "Expectile", "LogCosh", "Lq"}

Numbered = Sequence[tuple[int, np.float32]]
"""Predictor and border of every split a model may have, in the order of their numbers."""


def from_model(
    model: Any, feature_names: Sequence[str] | None = None, *, iterations: int | None = None
) -> TreeEnsemble:
    """Convert a `CatBoostRegressor` or a `CatBoost` trained with a loss of regression."""
    import catboost

    if isinstance(model, (catboost.CatBoostClassifier, catboost.CatBoostRanker)) or not isinstance(
        model, catboost.CatBoost
    ):
        raise UnsupportedError(
            f"CatBoost's {type(model).__name__} cannot be converted; only regressors can (CatBoostRegressor)."
        )
    if not model.is_fitted():
        raise InputError(f"The {type(model).__name__} has not been trained; fit it first.")
    _refuse_categories(
        bool(model.get_cat_feature_indices()),
        bool(model.get_text_feature_indices() or model.get_embedding_feature_indices()),
    )
    # The library writes JSON to files only.
    with tempfile.TemporaryDirectory(prefix="smgee-") as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        document = json.loads(path.read_text(encoding="utf-8"))
    own = [str(n) for n in model.feature_names_]
    # Without names from the data CatBoost calls its columns 0, 1, ...
    if own == [str(i) for i in range(len(own))]:
        return from_document(document, feature_names, iterations=iterations, count=len(own))
    return from_document(document, feature_names, iterations=iterations, own=own, count=len(own))


def from_file(
    path: Path, feature_names: Sequence[str] | None = None, *, iterations: int | None = None
) -> TreeEnsemble:
    """Convert a ``.cbm`` file."""
    import catboost

    model = catboost.CatBoost()
    try:
        model.load_model(str(path))
    except catboost.CatBoostError as error:
        raise InputError(
            f"CatBoost {catboost.__version__} cannot read {path}: {str(error).strip().splitlines()[0]}; "
            "save the model again."
        ) from error
    return from_model(model, feature_names, iterations=iterations)


def from_document(
    document: dict[str, Any],
    feature_names: Sequence[str] | None = None,
    *,
    iterations: int | None = None,
    own: Sequence[str] | None = None,
    count: int | None = None,
) -> TreeEnsemble:
    """Convert what ``save_model(format="json")`` writes; `own` and `count` are the names and number of
    predictors, if known.
    """
    info = document["features_info"]
    _refuse_categories(
        bool(info.get("categorical_features")),
        bool(info.get("text_features") or info.get("embedding_features")),
    )
    loss = _loss(document)
    if loss not in IDENTITY:
        raise UnsupportedError(
            f"The CatBoost loss {loss!r} is not one that this converts; train with one of "
            f"{', '.join(sorted(IDENTITY))}."
        )
    scale, bias = document["scale_and_bias"]
    bias = bias if isinstance(bias, list) else [bias]
    if len(bias) > 1:
        raise UnsupportedError(
            f"The CatBoost model has {len(bias)} outputs; train one regressor for each target."
        )

    features = info.get("float_features") or []
    column = {f["feature_index"]: f["flat_feature_index"] for f in features}
    nan_left = {f["feature_index"]: f["nan_value_treatment"] != "AsTrue" for f in features}
    # The library goes by the number of a split among all borders, this by the border beside it.
    numbered = [(f["feature_index"], np.float32(border)) for f in features for border in f["borders"] or ()]
    if count is None:
        count = len(features)
        if sorted(column.values()) != list(range(count)):  # all are listed, those that no split asks for too
            raise InputError(
                f"The CatBoost model is damaged: its {count} predictors are not numbered from 0 to "
                f"{count - 1}; save it again."
            )
        names = {f["flat_feature_index"]: f["feature_id"] for f in features}
        own = [names[i] for i in range(count)] if all(names.get(i) for i in range(count)) else None

    symmetric = "oblivious_trees" in document
    source = document["oblivious_trees"] if symmetric else document["trees"]
    rounds = first_rounds(iterations, len(source)) if source else 0
    flatten = _symmetric if symmetric else _asymmetric
    trees = [flatten(tree, column, nan_left, numbered) for tree in source[:rounds]]
    for tree in trees:
        tree["value"] = tree["value"] * scale
    return assemble(
        trees,
        feature_names=choose_names(feature_names, own, count),
        comparison="le",
        threshold_dtype="float32",
        aggregation="sum",
        base_score=float(bias[0]) if bias else 0.0,
        allows_missing=True,
        metadata={
            "family": "CatBoost",
            "library": "catboost " + _version(document),
            "grow_policy": "SymmetricTree" if symmetric else "Depthwise or Lossguide",
            "objective": loss,
            "iterations": rounds,
        },
    )


def _refuse_categories(categorical: bool, other: bool) -> None:
    if categorical:
        raise UnsupportedError(
            "The CatBoost model has categorical predictors, which tree text cannot express; encode them as "
            "numbers first."
        )
    if other:
        raise UnsupportedError(
            "The CatBoost model has text or embedding predictors, which trees on bands cannot express; leave "
            "them out."
        )


def _loss(document: dict[str, Any]) -> str:
    """Return the name of the loss the model was trained with."""
    parameters = (document.get("model_info") or {}).get("params") or {}
    parameters = json.loads(parameters) if isinstance(parameters, str) else parameters
    return str((parameters.get("loss_function") or {}).get("type", "unknown"))


def _version(document: dict[str, Any]) -> str:
    """Return the version of the library that trained the model, from the first line of its build
    information.
    """
    text = str((document.get("model_info") or {}).get("catboost_version_info") or "?")
    return text.strip().splitlines()[0].strip()


def _symmetric(
    tree: dict[str, Any], column: dict[int, int], nan_left: dict[int, bool], numbered: Numbered
) -> dict[str, np.ndarray]:
    """Expand an oblivious tree: split ``i`` is bit ``i`` of the leaf number, so the last split is taken as
    the root's.
    """
    splits, values = tree.get("splits") or [], tree["leaf_values"]
    depth = len(splits)
    if len(values) % 2**depth:
        raise InputError(
            f"A CatBoost tree of {depth} splits has {len(values)} leaf values; the model is damaged, save it "
            "again."
        )
    if len(values) != 2**depth:
        raise UnsupportedError(
            f"A CatBoost tree of {depth} splits has {len(values)} leaf values, so several outputs; train one "
            "per target."
        )
    for split in splits:
        _check_split(split, numbered)
    inner = 2**depth - 1
    index = np.arange(2 * inner + 1)
    leaf = index >= inner
    # Breadth-first numbering: the children of k are 2k + 1 and 2k + 2, so the level of a node is that of its
    # number plus one.
    level = np.frexp(index + 1.0)[1] - 1

    def by_level(items: list[Any]) -> np.ndarray:
        return np.array(items[::-1] + [0])[np.minimum(level, depth)]

    return {
        "feature": by_level([column[s["float_feature_index"]] for s in splits]),
        "threshold": by_level([s["border"] for s in splits]).astype(np.float32).astype(np.float64),
        "left": np.where(leaf, LEAF, 2 * index + 1),
        "right": np.where(leaf, LEAF, 2 * index + 2),
        "value": np.concatenate([np.zeros(inner), np.asarray(values, dtype=np.float64)]),
        "missing_left": by_level([nan_left[s["float_feature_index"]] for s in splits]).astype(bool),
    }


def _asymmetric(
    tree: dict[str, Any], column: dict[int, int], nan_left: dict[int, bool], numbered: Numbered
) -> dict[str, np.ndarray]:
    """Flatten a nested tree in pre-order, without recursion."""
    feature: list[int] = []
    threshold: list[float] = []
    left: list[int] = []
    right: list[int] = []
    value: list[float] = []
    missing: list[bool] = []
    stack: list[tuple[dict[str, Any], int]] = [(tree, -1)]
    while stack:
        node, parent = stack.pop()
        here = len(feature)
        if parent >= 0:
            right[parent] = here
        if "split" in node:
            split = node["split"]
            _check_split(split, numbered)
            feature.append(column[split["float_feature_index"]])
            threshold.append(float(np.float32(split["border"])))
            missing.append(nan_left[split["float_feature_index"]])
            left.append(here + 1)
            right.append(LEAF)
            value.append(0.0)
            stack += [(node["right"], here), (node["left"], -1)]
        else:
            if isinstance(node["value"], list):
                raise UnsupportedError(
                    "The CatBoost trees have vector leaves, so several outputs; train one regressor for each "
                    "target."
                )
            feature.append(LEAF)
            threshold.append(0.0)
            missing.append(False)
            left.append(LEAF)
            right.append(LEAF)
            value.append(float(node["value"]))
    arrays = {
        "feature": feature,
        "threshold": threshold,
        "left": left,
        "right": right,
        "value": value,
        "missing_left": missing,
    }
    return {name: np.array(items) for name, items in arrays.items()}


def _check_split(split: dict[str, Any], numbered: Numbered) -> None:
    if split.get("split_type") != "FloatFeature":
        raise UnsupportedError(
            f"A CatBoost split of type {split.get('split_type')!r} cannot be converted; train on numeric "
            "predictors only."
        )
    number = split["split_index"]
    told = split["float_feature_index"], np.float32(split["border"])
    if not 0 <= number < len(numbered) or numbered[number] != told:
        raise InputError(
            f"The CatBoost model is damaged: a split at {split['border']} of predictor {told[0]} is not the "
            f"border {number} that it calls itself; save it again."
        )
