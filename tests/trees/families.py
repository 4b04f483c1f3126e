"""Trained models of every family for the tests of `smgee.trees`, each with the library's own prediction."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

BANDS = ("VV", "VH", "angle", "B2", "B3", "B4", "B8A", "B11", "B12", "elevation", "doy")


def real_table(real_data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the paired stations and satellites: predictors (rows, 11) float32 with NaN where masked,
    soil moisture (rows,).
    """
    table = pd.read_csv(real_data / "txson" / "paired_10day.csv")
    table["doy"] = pd.to_datetime(table["StartDate"]).dt.dayofyear
    table = table[table["sm"].notna()]
    return table[list(BANDS)].to_numpy(np.float32), table["sm"].to_numpy(np.float64)


@dataclass(frozen=True)
class Family:
    """How to train one kind of model, and how the library predicts with it."""

    train: Callable[[np.ndarray, np.ndarray], Any]
    missing: bool  # whether NaN may be trained on and predicted
    infinite: bool = True  # whether the library predicts rows with infinite values
    predict: Callable[[Any, np.ndarray], np.ndarray] = lambda model, X: np.asarray(
        model.predict(X), dtype=np.float64
    )
    limit: int = 20_000  # planted rows


def _xgb(**options: Any) -> Callable[[np.ndarray, np.ndarray], Any]:
    def train(X: np.ndarray, y: np.ndarray) -> Any:
        from xgboost import XGBRegressor

        stop = "early_stopping_rounds" in options
        model = XGBRegressor(
            **{"n_estimators": 40, "max_depth": 5, "n_jobs": 1, "random_state": 1, **options}
        )
        return (
            model.fit(X[::2], y[::2], eval_set=[(X[1::2], y[1::2])], verbose=False)
            if stop
            else model.fit(X, y)
        )

    return train


def _xgb_forest(X: np.ndarray, y: np.ndarray) -> Any:
    from xgboost import XGBRFRegressor

    return XGBRFRegressor(n_estimators=15, max_depth=6, n_jobs=1, random_state=1).fit(X, y)


def _booster(**options: Any) -> Callable[[np.ndarray, np.ndarray], Any]:
    def train(X: np.ndarray, y: np.ndarray) -> Any:
        import xgboost

        return xgboost.train(
            {"max_depth": 4, "nthread": 1, **options}, xgboost.DMatrix(X, y), num_boost_round=25
        )

    return train


def _booster_predict(model: Any, X: np.ndarray) -> np.ndarray:
    return np.asarray(model.inplace_predict(X), dtype=np.float64)


def _cat(**options: Any) -> Callable[[np.ndarray, np.ndarray], Any]:
    def train(X: np.ndarray, y: np.ndarray) -> Any:
        from catboost import CatBoostRegressor

        settings = {
            "iterations": 30,
            "depth": 5,
            "verbose": 0,
            "thread_count": 1,
            "allow_writing_files": False,
            "random_seed": 1,
        }
        model = CatBoostRegressor(**{**settings, **options}).fit(X, y)
        if options.get("grow_policy") is None:
            scale, bias = model.get_scale_and_bias()
            model.set_scale_and_bias(scale * 0.75, bias + 0.125)
        return model

    return train


def _lgb(**options: Any) -> Callable[[np.ndarray, np.ndarray], Any]:
    def train(X: np.ndarray, y: np.ndarray) -> Any:
        from lightgbm import LGBMRegressor

        return LGBMRegressor(
            **{"n_estimators": 40, "num_leaves": 21, "n_jobs": 1, "verbose": -1, "random_state": 1, **options}
        ).fit(X, y)

    return train


def _lgb_predict(model: Any, X: np.ndarray) -> np.ndarray:
    with (
        warnings.catch_warnings()
    ):  # the scikit-learn interface names columns of its own and then misses them
        warnings.simplefilter("ignore", UserWarning)
        return np.asarray(model.predict(X), dtype=np.float64)


def _sk(name: str, **options: Any) -> Callable[[np.ndarray, np.ndarray], Any]:
    def train(X: np.ndarray, y: np.ndarray) -> Any:
        import sklearn.ensemble
        import sklearn.tree

        cls = getattr(sklearn.ensemble, name, None) or getattr(sklearn.tree, name)
        return cls(**{"random_state": 1, **options}).fit(X, y)

    return train


FAMILIES: dict[str, Family] = {
    "xgboost": Family(_xgb(), missing=True),
    "xgboost-base-score": Family(_xgb(base_score=0.31), missing=True),
    "xgboost-early-stopping": Family(
        _xgb(early_stopping_rounds=3, n_estimators=200, learning_rate=0.5), missing=True
    ),
    "xgboost-dart": Family(_xgb(booster="dart", rate_drop=0.3, n_estimators=20), missing=True),
    "xgboost-lossguide": Family(
        _xgb(tree_method="hist", grow_policy="lossguide", max_leaves=20, max_depth=0), missing=True
    ),
    "xgboost-parallel-trees": Family(_xgb(num_parallel_tree=3, n_estimators=8, subsample=0.6), missing=True),
    "xgboost-exact": Family(_xgb(tree_method="exact", n_estimators=20), missing=True),
    "xgboost-pruned": Family(_xgb(tree_method="exact", gamma=0.02, n_estimators=20), missing=True),
    "xgboost-forest": Family(_xgb_forest, missing=True),
    "xgboost-booster": Family(_booster(), missing=True, predict=_booster_predict),
    "xgboost-quantile": Family(
        _booster(objective="reg:quantileerror", quantile_alpha=0.8), missing=True, predict=_booster_predict
    ),
    "catboost": Family(_cat(), missing=True),
    "catboost-nan-max": Family(_cat(nan_mode="Max"), missing=True),
    "catboost-depthwise": Family(_cat(grow_policy="Depthwise"), missing=True),
    "catboost-lossguide": Family(_cat(grow_policy="Lossguide", max_leaves=20, nan_mode="Max"), missing=True),
    "lightgbm": Family(_lgb(), missing=True, predict=_lgb_predict),
    "lightgbm-no-missing": Family(_lgb(use_missing=False), missing=True, predict=_lgb_predict),
    "lightgbm-dart": Family(_lgb(boosting_type="dart", n_estimators=20), missing=True, predict=_lgb_predict),
    "lightgbm-forest": Family(
        _lgb(boosting_type="rf", bagging_freq=1, bagging_fraction=0.6, n_estimators=15),
        missing=True,
        predict=_lgb_predict,
    ),
    "decision-tree": Family(_sk("DecisionTreeRegressor", min_samples_leaf=2), missing=True, infinite=False),
    "decision-tree-best-first": Family(
        _sk("DecisionTreeRegressor", max_leaf_nodes=40), missing=True, infinite=False
    ),
    "random-forest": Family(
        _sk("RandomForestRegressor", n_estimators=15, min_samples_leaf=3), missing=True, infinite=False
    ),
    "random-forest-best-first": Family(
        _sk("RandomForestRegressor", n_estimators=15, max_leaf_nodes=40), missing=True, infinite=False
    ),
    "extra-trees": Family(
        _sk("ExtraTreesRegressor", n_estimators=15, min_samples_leaf=3), missing=True, infinite=False
    ),
    "extra-trees-bootstrap": Family(
        _sk("ExtraTreesRegressor", n_estimators=10, max_leaf_nodes=60, bootstrap=True),
        missing=True,
        infinite=False,
    ),
    "gradient-boosting": Family(
        _sk("GradientBoostingRegressor", n_estimators=40, max_depth=4), missing=False, infinite=False
    ),
    "gradient-boosting-huber": Family(
        _sk("GradientBoostingRegressor", n_estimators=30, loss="huber", init="zero", learning_rate=0.3),
        missing=False,
        infinite=False,
    ),
    "gradient-boosting-best-first": Family(
        _sk("GradientBoostingRegressor", n_estimators=30, max_leaf_nodes=12, loss="absolute_error"),
        missing=False,
        infinite=False,
    ),
    "hist-gradient-boosting": Family(_sk("HistGradientBoostingRegressor", max_iter=40), missing=True),
    "hist-gradient-boosting-quantile": Family(
        _sk("HistGradientBoostingRegressor", max_iter=20, loss="quantile", quantile=0.7, early_stopping=True),
        missing=True,
    ),
}
