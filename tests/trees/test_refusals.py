"""What cannot be converted exactly is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from smgee.errors import InputError, MissingDataError, UnsupportedError
from smgee.trees import TreeEnsemble

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3)).astype(np.float32)
Y = np.abs(X[:, 0]) + RNG.random(200)
QUIET = {"iterations": 3, "verbose": 0, "allow_writing_files": False, "thread_count": 1}


def refused(model: Any, words: str, kind: type[Exception] = UnsupportedError, **options: Any) -> None:
    with pytest.raises(kind, match=words):
        TreeEnsemble.from_model(model, **options)


def test_xgboost() -> None:
    import xgboost as xgb

    refused(xgb.XGBClassifier(n_estimators=2).fit(X, Y > 1), "XGBClassifier")
    refused(xgb.XGBRegressor(n_estimators=2, missing=-9999).fit(X, Y), "missing=NaN")
    refused(xgb.XGBRegressor(n_estimators=2, booster="gblinear").fit(X, Y), "gblinear")
    for objective in ("reg:gamma", "count:poisson", "reg:tweedie", "reg:logistic", "survival:cox"):
        y = Y / (Y.max() + 1) if objective == "reg:logistic" else Y
        refused(xgb.train({"objective": objective}, xgb.DMatrix(X, y), 2), objective)
    refused(xgb.XGBRegressor(n_estimators=2).fit(X, np.column_stack([Y, Y])), "several targets")
    refused(
        xgb.XGBRegressor(n_estimators=2, multi_strategy="multi_output_tree").fit(X, np.column_stack([Y, Y])),
        "several",
    )
    quantiles = {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.9]}
    refused(xgb.train(quantiles, xgb.DMatrix(X, Y), 2), "several|base scores")
    frame = pd.DataFrame(X, columns=list("abc"))
    frame["soil"] = pd.Categorical(RNG.choice(["clay", "sand", "silt"], 200))
    refused(xgb.XGBRegressor(n_estimators=2, enable_categorical=True).fit(frame, Y), "categorical")
    refused(xgb.XGBRegressor(), "fit it first", InputError)


def test_catboost() -> None:
    import catboost as cb

    refused(cb.CatBoostClassifier(**QUIET).fit(X, Y > 1), "CatBoostClassifier")
    for loss in (
        "Poisson",
        "Tweedie:variance_power=1.5",
        "RMSEWithUncertainty",
        "MultiQuantile:alpha=0.2,0.8",
    ):
        refused(cb.CatBoostRegressor(loss_function=loss, **QUIET).fit(X, Y), "loss")
    frame = pd.DataFrame(X, columns=list("abc"))
    frame["soil"] = RNG.choice(["clay", "sand", "silt"], 200)
    refused(cb.CatBoostRegressor(cat_features=["soil"], **QUIET).fit(frame, Y), "categorical")
    refused(cb.CatBoostRegressor(), "fit it first", InputError)


@pytest.mark.parametrize("policy", ["SymmetricTree", "Depthwise"])
def test_catboost_whose_split_is_not_the_border_of_its_number(policy: str, tmp_path: Path) -> None:
    """The library goes by the number, and a reader of the border beside it would say something else."""
    import catboost as cb

    path = tmp_path / "model.json"
    model = cb.CatBoostRegressor(grow_policy=policy, **QUIET).fit(X, Y)
    model.save_model(str(path), format="json")
    document = json.loads(path.read_text())
    feature = next(f for f in document["features_info"]["float_features"] if f["borders"])
    feature["borders"] = [border + 1 for border in feature["borders"]]
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"is not the border \d+ that it calls itself"):
        TreeEnsemble.from_model(path)


def test_lightgbm() -> None:
    import lightgbm as lgb

    quiet = {"n_estimators": 3, "verbose": -1, "n_jobs": 1}
    refused(lgb.LGBMClassifier(**quiet).fit(X, Y > 1), "LGBMClassifier")
    for options, words in (
        ({"objective": "poisson"}, "poisson"),
        ({"objective": "tweedie"}, "tweedie"),
        ({"objective": "regression", "reg_sqrt": True}, "sqrt"),
        ({"linear_tree": True}, "linear"),
        ({"zero_as_missing": True}, "zero_as_missing"),
    ):
        refused(lgb.LGBMRegressor(**quiet, **options).fit(X, Y), words)
    frame = pd.DataFrame(X, columns=list("abc"))
    frame["soil"] = pd.Categorical(RNG.choice(["clay", "sand", "silt"], 200))
    refused(lgb.LGBMRegressor(**quiet).fit(frame, Y), "categorical")
    refused(lgb.LGBMRegressor(), "fit it first", InputError)


def test_scikit_learn() -> None:
    from sklearn.ensemble import (
        AdaBoostRegressor,
        GradientBoostingClassifier,
        GradientBoostingRegressor,
        HistGradientBoostingRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    for model in (
        RandomForestClassifier(2),
        GradientBoostingClassifier(n_estimators=2),
        AdaBoostRegressor(n_estimators=2),
        LinearRegression(),
        make_pipeline(StandardScaler(), RandomForestRegressor(2)),
    ):
        y = Y > 1 if "Classifier" in type(model).__name__ else Y
        refused(model.fit(X, y), type(model).__name__)
    refused(RandomForestRegressor(2).fit(X, np.column_stack([Y, Y])), "2 outputs")
    refused(
        GradientBoostingRegressor(n_estimators=2, init=LinearRegression()).fit(X, Y),
        "initial estimator LinearRegression",
    )
    for loss in ("poisson", "gamma"):
        refused(HistGradientBoostingRegressor(max_iter=3, loss=loss).fit(X, Y), loss)
    coded = np.column_stack([X, RNG.integers(0, 3, 200)])
    refused(HistGradientBoostingRegressor(max_iter=3, categorical_features=[3]).fit(coded, Y), "categorical")
    refused(RandomForestRegressor(), "fit it first", InputError)
    refused(RandomForestRegressor(2).fit(X, Y), "boosted", InputError, iterations=1)


def test_names() -> None:
    from sklearn.tree import DecisionTreeRegressor

    plain = DecisionTreeRegressor(max_depth=2).fit(X, Y)
    assert TreeEnsemble.from_model(plain).feature_names == ("f0", "f1", "f2")
    named = DecisionTreeRegressor(max_depth=2).fit(pd.DataFrame(X, columns=["a", "b", "c"]), Y)
    assert TreeEnsemble.from_model(named).feature_names == ("a", "b", "c")
    assert TreeEnsemble.from_model(named, ["x", "y", "z"]).feature_names == ("x", "y", "z")
    refused(named, "another order", InputError, feature_names=["b", "a", "c"])
    refused(plain, "2 predictor names", InputError, feature_names=["a", "b"])
    refused(plain, "share one name", InputError, feature_names=["a", "a", "b"])


def test_others_and_files(tmp_path: Any) -> None:
    refused(object(), "cannot be converted")
    refused(tmp_path / "absent.json", "does not exist", MissingDataError)
    for name, text, words in (
        ("m.json", "{", "not valid JSON"),
        ("m.json", "{}", "neither XGBoost nor CatBoost"),
        ("m.txt", "hello", "not a LightGBM model"),
        ("m.ubj", "nonsense", "cannot read"),
        ("m.cbm", "nonsense", "cannot read"),
    ):
        (tmp_path / name).write_text(text)
        refused(tmp_path / name, words, InputError)
    (tmp_path / "m.joblib").write_text("")
    refused(tmp_path / "m.joblib", "pickles run code")
