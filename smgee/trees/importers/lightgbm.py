"""LightGBM: boosted trees and its random forests, from memory or from model text.

LightGBM compares in float64 and sends a row left when ``x <= threshold`` (`Tree::NumericalDecision`,
LightGBM/include/LightGBM/tree.h). Two habits of its ``predict`` are carried over: where a split knows no
missing values NaN counts as zero, and values within ±1e-35 (``kZeroThreshold``) count as zero always, because
dense rows are handed on without their zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smgee.errors import InputError, UnsupportedError
from smgee.trees.ensemble import LEAF, TreeEnsemble
from smgee.trees.importers.common import choose_names, first_rounds
from smgee.trees.layout import assemble

# Objectives whose prediction is the sum itself (ObjectiveFunction::ConvertOutput does nothing).
IDENTITY = {"regression", "regression_l1", "huber", "fair", "quantile", "mape"}
ZERO = float(np.float32(1e-35))  # kZeroThreshold, LightGBM/include/LightGBM/meta.h
CATEGORICAL, DEFAULT_LEFT = 1, 2  # bits of decision_type; two more say how missing values are told
MISSING_NONE, MISSING_ZERO, MISSING_NAN = 0, 1, 2


def from_model(
    model: Any, feature_names: Sequence[str] | None = None, *, iterations: int | None = None
) -> TreeEnsemble:
    """Convert a `Booster` or an `LGBMRegressor`; like its ``predict``, up to the best iteration where
    there is one.
    """
    import lightgbm

    if isinstance(model, lightgbm.LGBMModel):
        if not isinstance(model, lightgbm.LGBMRegressor):
            raise UnsupportedError(
                f"LightGBM's {type(model).__name__} cannot be converted; only regressors can (LGBMRegressor "
                "or a Booster)."
            )
        try:
            model = model.booster_
        except Exception as error:
            raise InputError("The LGBMRegressor has not been trained; fit it first.") from error
    if not isinstance(model, lightgbm.Booster):
        raise UnsupportedError(
            f"LightGBM's {type(model).__name__} cannot be converted; use an LGBMRegressor or a Booster."
        )
    used = first_rounds(iterations, model.current_iteration()) if iterations is not None else None
    ensemble = from_text(model.model_to_string(num_iteration=used), feature_names)
    ensemble.metadata["library"] = f"lightgbm {lightgbm.__version__}"
    return ensemble


def from_text(
    text: str, feature_names: Sequence[str] | None = None, *, iterations: int | None = None
) -> TreeEnsemble:
    """Convert the text that ``save_model`` writes."""
    if not text.startswith("tree\n") or "end of trees" not in text:
        raise InputError(
            "The text is not a LightGBM model (it begins with 'tree' and has 'end of trees'); save the model "
            "again."
        )
    head, *blocks = text.split("end of trees")[0].split("\nTree=")
    header = _fields(head)
    objective = header.get("objective", "regression").split()
    if objective[0] not in IDENTITY or "sqrt" in objective:
        raise UnsupportedError(
            f"The LightGBM objective {' '.join(objective)!r} is not one that this converts; use one of "
            f"{', '.join(sorted(IDENTITY))}."
        )
    if int(header.get("num_tree_per_iteration", "1")) != 1:
        raise UnsupportedError(
            "The LightGBM model grows several trees a round, so it has several outputs; train one regressor "
            "for each."
        )
    tail = text.partition("pandas_categorical:")[2].strip().splitlines()
    if tail and tail[0] not in ("null", "[]"):
        raise UnsupportedError(
            "The LightGBM model has categorical predictors, which tree text cannot express; encode them as "
            "numbers first."
        )
    sizes = header.get("tree_sizes", "").split()
    if "tree_sizes" in header and len(sizes) != len(blocks):
        raise InputError(
            f"The LightGBM model is damaged: it tells of {len(sizes)} trees, and {len(blocks)} begin in it; "
            "save the model again."
        )
    rounds = first_rounds(iterations, len(blocks)) if blocks else 0
    trees = [_tree(_fields(block)) for block in blocks[:rounds]]
    own = header["feature_names"].split(" ")
    count = int(header["max_feature_idx"]) + 1
    generic = own == [f"Column_{i}" for i in range(count)]
    return assemble(
        trees,
        feature_names=choose_names(feature_names, None if generic else own, count),
        comparison="le",
        threshold_dtype="float64",
        aggregation="mean" if "average_output" in header else "sum",
        base_score=0.0,
        allows_missing=True,
        metadata={
            "family": "LightGBM",
            "library": "lightgbm",
            "objective": objective[0],
            "iterations": rounds,
        },
    )


def _fields(block: str) -> dict[str, str]:
    """Read ``key=value`` lines; a line without a value is a flag."""
    pairs = (line.partition("=") for line in block.splitlines() if line)
    return {key: value for key, _, value in pairs}


def _tree(fields: dict[str, str]) -> dict[str, np.ndarray]:
    """Return the arrays of one tree: internal nodes first, then leaves (LightGBM points to leaf i by ~i)."""
    if fields.get("is_linear", "0") != "0":
        raise UnsupportedError(
            "The LightGBM model has linear leaves (linear_tree), which tree text cannot express; train "
            "without them."
        )
    if fields.get("num_cat", "0") != "0":
        raise UnsupportedError(
            "The LightGBM model has categorical splits, which tree text cannot express; encode categories as "
            "numbers first."
        )
    count = int(fields["num_leaves"])
    value = np.array(fields["leaf_value"].split(), dtype=np.float64)
    inner = count - 1
    padding = np.full(count, LEAF)
    if not inner:
        return {"feature": padding, "threshold": value * 0, "left": padding, "right": padding, "value": value}

    def numbers(name: str, dtype: Any) -> np.ndarray:
        return np.array(fields[name].split(), dtype=dtype)

    def children(name: str) -> np.ndarray:
        child = numbers(name, np.int64)
        if (child >= inner).any() or (child < -count).any():
            raise InputError(
                f"The LightGBM model is damaged: {name} points beyond the {inner} splits and {count} leaves "
                "of its tree; save the model again."
            )
        return np.concatenate([np.where(child < 0, inner + ~child, child), padding])

    decision = numbers("decision_type", np.int64)
    missing = decision >> 2 & 3
    if (decision & CATEGORICAL).any():
        raise UnsupportedError(
            "The LightGBM model has categorical splits, which tree text cannot express; encode categories as "
            "numbers first."
        )
    if (missing == MISSING_ZERO).any():
        raise UnsupportedError(
            "The LightGBM model takes zero as missing (zero_as_missing), which trees cannot express; mark "
            "gaps with NaN."
        )
    threshold = numbers("threshold", np.float64)
    # Tiny values count as zero, so a threshold among them acts as if at the edge of their interval.
    threshold = np.where((threshold >= 0) & (threshold < ZERO), ZERO, threshold)
    threshold = np.where((threshold >= -ZERO) & (threshold < 0), np.nextafter(-ZERO, -np.inf), threshold)
    to_left = np.where(missing == MISSING_NAN, (decision & DEFAULT_LEFT) > 0, threshold >= 0)
    return {
        "feature": np.concatenate([numbers("split_feature", np.int64), padding]),
        "threshold": np.concatenate([threshold, np.zeros(count)]),
        "left": children("left_child"),
        "right": children("right_child"),
        "value": np.concatenate([np.zeros(inner), value]),
        "missing_left": np.concatenate([to_left, np.zeros(count, bool)]),
    }
