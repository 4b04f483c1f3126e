"""Trained models into `TreeEnsemble`, exactly or not at all.

One module per library. Each records how the library compares (``<`` or ``<=``), in which type, where missing
values go and how leaves add up; whatever cannot be carried over exactly is refused by name. Libraries are
imported only when a model of theirs is given.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smgee.errors import InputError, MissingDataError, SmgeeError, UnsupportedError
from smgee.trees.ensemble import TreeEnsemble
from smgee.trees.importers import catboost, lightgbm, sklearn, xgboost
from smgee.trees.importers.common import choose_names
from smgee.trees.linear import SteppedRidge

__all__ = ["convert"]

UNDERSTOOD = (
    "XGBoost (Booster, XGBRegressor, JSON or UBJ file), CatBoost (CatBoostRegressor, cbm or JSON file), "
    "LightGBM (Booster, "
    "LGBMRegressor, "
    "text file) and scikit-learn's RandomForest, ExtraTrees, GradientBoosting, HistGradientBoosting and "
    "DecisionTree regressors"
)


def convert(
    model: Any, feature_names: Sequence[str] | None = None, *, iterations: int | None = None
) -> TreeEnsemble:
    """Convert a trained model or a model file.

    Parameters
    ----------
    model : object or path
        A fitted regressor of XGBoost, CatBoost, LightGBM or scikit-learn, or a `SteppedRidge`; or the path of
        a model file: XGBoost ``.json`` or ``.ubj``, CatBoost ``.cbm`` or ``.json``, LightGBM ``.txt``, or one
        that `TreeEnsemble.save` wrote. Pickles are never opened.
    feature_names : sequence of str, optional
        Predictor names in column order; by default the model's own, or f0, f1, ... where it has none.
    iterations : int, optional
        Use the first so many boosting rounds; by default as many as the model's own ``predict`` does (the
        best iteration where the library would stop there).

    Returns
    -------
    TreeEnsemble
        Canonical: trees in order, each in pre-order.

    Raises
    ------
    UnsupportedError
        When the model cannot be converted exactly.
    InputError
        For names that do not fit, an unfitted model, or a file that is none of these.
    """
    if isinstance(model, TreeEnsemble):
        return model if feature_names is None else model.with_names(feature_names)
    if isinstance(model, SteppedRidge):
        return model.trees(choose_names(feature_names, None, len(model.slope_)))
    if isinstance(model, (str, os.PathLike)):
        return _convert_file(Path(model), feature_names, iterations)
    for cls in type(model).__mro__:
        library = cls.__module__.partition(".")[0]
        if library == "xgboost":
            return xgboost.from_model(model, feature_names, iterations=iterations)
        if library == "catboost":
            return catboost.from_model(model, feature_names, iterations=iterations)
        if library == "lightgbm":
            return lightgbm.from_model(model, feature_names, iterations=iterations)
        if library == "sklearn":
            return sklearn.from_model(model, feature_names, iterations=iterations)
    raise UnsupportedError(
        f"A model of type {type(model).__module__}.{type(model).__qualname__} cannot be converted; use "
        f"{UNDERSTOOD}."
    )


def _convert_file(path: Path, feature_names: Sequence[str] | None, iterations: int | None) -> TreeEnsemble:
    """Tell the format of a file by its name and first bytes, and convert it."""
    if not path.is_file():
        raise MissingDataError(f"The model file {path} does not exist; give the path of a saved model.")
    try:
        return _read_file(path, feature_names, iterations)
    except SmgeeError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(
            f"The model file {path} is damaged ({type(error).__name__}: {error}); save the model again."
        ) from error


def _read_file(path: Path, feature_names: Sequence[str] | None, iterations: int | None) -> TreeEnsemble:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return convert(TreeEnsemble.load(path), feature_names)
    if suffix in (".ubj", ".ubjson"):
        return xgboost.from_file(path, feature_names, iterations=iterations)
    if suffix == ".cbm":
        return catboost.from_file(path, feature_names, iterations=iterations)
    if suffix == ".json":
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(
                f"The model file {path} is not valid JSON ({error}); save the model again."
            ) from error
        if isinstance(document, dict) and "learner" in document:
            return xgboost.from_document(document, feature_names, iterations=iterations)
        if isinstance(document, dict) and "scale_and_bias" in document:
            return catboost.from_document(document, feature_names, iterations=iterations)
        raise InputError(
            f"The JSON file {path} is a model of neither XGBoost nor CatBoost; use {UNDERSTOOD}."
        )
    if suffix == ".txt":
        return lightgbm.from_text(path.read_text(encoding="utf-8"), feature_names, iterations=iterations)
    raise UnsupportedError(
        f"Files ending in {suffix or 'nothing'!r} are not opened as models (pickles run code); use "
        f"{UNDERSTOOD}."
    )
