"""Model files give the ensemble that the model in memory gives; old forms of them are understood."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from smgee.errors import InputError, UnsupportedError
from smgee.trees import TreeEnsemble
from smgee.trees.importers import xgboost as importer
from tests.trees.families import BANDS


@pytest.mark.parametrize("suffix", ["json", "ubj"])
@pytest.mark.parametrize(
    "name",
    ["xgboost", "xgboost-base-score", "xgboost-early-stopping", "xgboost-dart", "xgboost-parallel-trees"],
)
def test_xgboost(name: str, suffix: str, trained: Any, tmp_path: Path) -> None:
    _, model, ensemble = trained(name)
    path = tmp_path / f"model.{suffix}"
    model.save_model(path)
    assert TreeEnsemble.from_model(path, BANDS).hash == ensemble.hash


@pytest.mark.parametrize("suffix", ["json", "cbm"])
@pytest.mark.parametrize("name", ["catboost", "catboost-depthwise", "catboost-lossguide"])
def test_catboost(name: str, suffix: str, trained: Any, tmp_path: Path) -> None:
    _, model, ensemble = trained(name)
    path = tmp_path / f"model.{suffix}"
    model.save_model(str(path), format=suffix)
    assert TreeEnsemble.from_model(path, BANDS).hash == ensemble.hash


def test_lightgbm(trained: Any, tmp_path: Path) -> None:
    _, model, ensemble = trained("lightgbm")
    model.booster_.save_model(tmp_path / "model.txt")
    assert TreeEnsemble.from_model(tmp_path / "model.txt", BANDS).hash == ensemble.hash
    assert TreeEnsemble.from_model(model.booster_, BANDS).hash == ensemble.hash


def test_names_come_along(table: Any, tmp_path: Path) -> None:
    from catboost import CatBoostRegressor
    from lightgbm import LGBMRegressor
    from xgboost import XGBRegressor

    X, y = pd.DataFrame(table[0][:500], columns=BANDS), table[1][:500]
    for model, file in (
        (XGBRegressor(n_estimators=2), "m.json"),
        (CatBoostRegressor(iterations=2, verbose=0, allow_writing_files=False), "m.cbm"),
        (LGBMRegressor(n_estimators=2, verbose=-1), "m.txt"),
    ):
        model.fit(X, y)
        assert TreeEnsemble.from_model(model).feature_names == BANDS
        (model.booster_ if file == "m.txt" else model).save_model(str(tmp_path / file))
        assert TreeEnsemble.from_model(tmp_path / file).feature_names == BANDS
        with pytest.raises(InputError, match="another order"):
            TreeEnsemble.from_model(model, BANDS[::-1])


def test_iterations(trained: Any, table: Any) -> None:
    """The first rounds alone predict what the library predicts with them."""
    X = table[0][:500]
    _, model, _ = trained("xgboost-parallel-trees")
    part = TreeEnsemble.from_model(model, BANDS, iterations=3)
    assert part.n_trees == 9
    np.testing.assert_allclose(part.predict_reference(X), model.predict(X, iteration_range=(0, 3)), atol=5e-7)
    _, model, _ = trained("catboost-depthwise")
    part = TreeEnsemble.from_model(model, BANDS, iterations=7)
    np.testing.assert_allclose(part.predict_reference(X), model.predict(X, ntree_end=7), atol=1e-14)
    _, model, _ = trained("lightgbm")
    part = TreeEnsemble.from_model(model, BANDS, iterations=7)
    np.testing.assert_allclose(
        part.predict_reference(X), model.booster_.predict(X, num_iteration=7), atol=1e-14
    )
    _, model, whole = trained("hist-gradient-boosting")
    part = TreeEnsemble.from_model(model, BANDS, iterations=7)
    staged = [p for _, p in zip(range(7), model.staged_predict(X), strict=False)][-1]
    np.testing.assert_allclose(part.predict_reference(X), staged, atol=1e-14)
    for wanted in (0, whole.n_trees + 1):
        with pytest.raises(InputError, match="iterations"):
            TreeEnsemble.from_model(model, BANDS, iterations=wanted)


def test_best_iteration(trained: Any, table: Any) -> None:
    """The scikit-learn interface predicts up to the best iteration, a Booster with all rounds; so do their
    conversions.
    """
    X = table[0][:500]
    _, model, ensemble = trained("xgboost-early-stopping")
    booster = model.get_booster()
    assert ensemble.n_trees == model.best_iteration + 1 < booster.num_boosted_rounds()
    whole = TreeEnsemble.from_model(booster, BANDS)
    assert whole.n_trees == booster.num_boosted_rounds()
    np.testing.assert_allclose(whole.predict_reference(X), booster.inplace_predict(X), atol=5e-7)


@pytest.mark.parametrize("text", ["3.1E-1", "[3.1E-1]", "0.31", 0.31, [0.31]])
def test_base_score_forms(text: Any, trained: Any) -> None:
    """``"3.1E-1"`` until XGBoost 3.0, ``"[3.1E-1]"`` from 3.1 on."""
    _, model, ensemble = trained("xgboost-base-score")
    document = json.loads(bytes(model.get_booster().save_raw("json")))
    document["learner"]["learner_model_param"]["base_score"] = text
    assert (
        importer.from_document(document, BANDS).base_score == ensemble.base_score == float(np.float32(0.31))
    )


def test_documents_of_older_versions(trained: Any) -> None:
    """Before 2.0 a document has no ``iteration_indptr``, before 1.6 no ``feature_types``, before 1.5 no
    ``categories``.
    """
    _, model, ensemble = trained("xgboost-parallel-trees")
    document = json.loads(bytes(model.get_booster().save_raw("json")))
    old = copy.deepcopy(document)
    trees = old["learner"]["gradient_booster"]["model"]
    del trees["iteration_indptr"]
    trees["gbtree_model_param"]["num_parallel_tree"] = "3"
    old["learner"].pop("feature_types", None)
    for tree in trees["trees"]:
        for key in (
            "split_type",
            "categories",
            "categories_nodes",
            "categories_segments",
            "categories_sizes",
        ):
            tree.pop(key, None)
    assert importer.from_document(old, BANDS).hash == ensemble.hash
    assert importer.from_document(old, BANDS, iterations=2).n_trees == 6
    document["learner"]["gradient_booster"]["model"]["trees"][0]["split_type"][0] = 1
    with pytest.raises(UnsupportedError, match="categorical"):
        importer.from_document(document, BANDS)


def test_small_models(table: Any) -> None:
    """One predictor, a constant target (single leaves), one tree."""
    from catboost import CatBoostRegressor
    from lightgbm import LGBMRegressor
    from sklearn.ensemble import (
        ExtraTreesRegressor,
        GradientBoostingRegressor,
        HistGradientBoostingRegressor,
        RandomForestRegressor,
    )
    from sklearn.tree import DecisionTreeRegressor
    from xgboost import XGBRegressor

    X = np.nan_to_num(table[0][:400, 3:4])
    models = [
        XGBRegressor(n_estimators=2),
        LGBMRegressor(n_estimators=2, verbose=-1),
        RandomForestRegressor(2),
        ExtraTreesRegressor(2),
        GradientBoostingRegressor(n_estimators=2),
        HistGradientBoostingRegressor(max_iter=2),
        DecisionTreeRegressor(),
        CatBoostRegressor(iterations=2, verbose=0, allow_writing_files=False),
    ]
    for y in (table[1][:400], np.full(400, 0.25)):
        for model in models:
            if isinstance(model, CatBoostRegressor) and np.ptp(y) == 0:
                continue  # CatBoost itself refuses a constant target
            model.fit(X, y)
            ensemble = TreeEnsemble.from_model(model, ["B2"])
            expected = model.booster_.predict(X) if isinstance(model, LGBMRegressor) else model.predict(X)
            np.testing.assert_allclose(ensemble.predict_reference(X), expected, atol=1e-7)
            again = TreeEnsemble.from_ee_strings(ensemble.to_ee_strings(), ["B2"])
            np.testing.assert_allclose(again.predict_reference(X), expected, atol=1e-7)
            assert (ensemble.depth == 0) == (np.ptp(y) == 0)
