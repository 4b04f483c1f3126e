"""Files of trees for the fuzzer: how a valid one is made, and what a broken one says by another reading."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from smgee.trees import TreeEnsemble

_X = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)  # what trees are asked


def write_trees(folder: Path, name: str) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    path = folder / name
    if name.startswith("lightgbm"):
        from lightgbm import LGBMRegressor

        LGBMRegressor(n_estimators=3, verbose=-1).fit(x, x[:, 0]).booster_.save_model(path)
        return path
    if name.startswith("catboost"):
        from catboost import CatBoostRegressor

        model = CatBoostRegressor(iterations=3, depth=2, verbose=False, allow_writing_files=False)
        model.fit(x, x[:, 0]).save_model(str(path), format="json")
        return path
    from xgboost import XGBRegressor

    model = XGBRegressor(n_estimators=3, max_depth=2).fit(x, x[:, 0])
    if name.endswith("json"):
        model.save_model(path)
    elif name.endswith("npz"):
        TreeEnsemble.from_model(model).save(path)
    else:
        path.write_text("\n".join(TreeEnsemble.from_model(model).to_ee_strings()))
    return path


def _rows(ensemble: TreeEnsemble) -> np.ndarray:
    """Rows to ask it for, of three predictors or more."""
    more = np.random.default_rng(1).normal(size=(len(_X), max(ensemble.n_features - 3, 0)))
    return np.hstack([_X, more]).astype(np.float32)[:, : ensemble.n_features]


def _ask(ensemble: TreeEnsemble) -> np.ndarray:
    return ensemble.predict(_rows(ensemble))


def _alike(ensemble: TreeEnsemble, said: np.ndarray) -> None:
    """Compare sums of leaves: in float32, so that small ones are lost beside one of 1e16."""
    most = float(np.abs(ensemble.value).max(initial=0.0)) * ensemble.n_trees
    np.testing.assert_allclose(_ask(ensemble), said, rtol=1e-5, atol=1e-6 * (1 + most))


@cache
def _whole() -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        return _ask(TreeEnsemble.load(write_trees(Path(folder), "trees.npz")))


def same_as_whole(path: Path, ensemble: TreeEnsemble) -> None:
    """A file with hashes in it is read whole or not at all."""
    assert np.array_equal(_ask(ensemble), _whole())


def same_as_xgboost(path: Path, ensemble: TreeEnsemble) -> None:
    """Follow the arrays of the file by hand: the library itself crashes on some broken ones."""
    learner = json.loads(path.read_text(encoding="utf-8"))["learner"]
    start = str(learner["learner_model_param"]["base_score"]).strip("[]")
    said = np.full(len(_X), np.float32(start), np.float64)
    for tree in learner["gradient_booster"]["model"]["trees"]:
        left, right, value = tree["left_children"], tree["right_children"], tree["split_conditions"]
        for i, row in enumerate(_X.astype(np.float32)):
            at = 0
            while left[at] != -1:
                below = row[tree["split_indices"][at]] < np.float32(value[at])
                at = left[at] if below else right[at]
            said[i] += np.float32(value[at])
    _alike(ensemble, said)


def same_as_lightgbm(path: Path, ensemble: TreeEnsemble) -> None:
    """Follow the arrays of the file by hand: the library itself crashes on some broken ones."""
    trees = []
    for block in path.read_text(encoding="utf-8").split("\nTree=")[1:]:
        lines = block.split("end of trees")[0].split("\n")
        pairs = (line.split("=", 1) for line in lines if "=" in line)
        trees.append({key: value.split() for key, value in pairs})
    said = np.zeros(len(_X))
    for i, row in enumerate(_X.astype(float)):
        for tree in trees:
            at = 0 if int(tree["num_leaves"][0]) > 1 else -1
            while at >= 0:
                left = row[int(tree["split_feature"][at])] <= float(tree["threshold"][at])
                at = int(tree["left_child" if left else "right_child"][at])
            said[i] += float(tree["leaf_value"][-at - 1])
    _alike(ensemble, said)


def same_as_catboost(path: Path, ensemble: TreeEnsemble) -> None:
    from catboost import CatBoost, CatBoostError

    model = CatBoost()
    try:
        model.load_model(str(path), format="json")
    except CatBoostError:
        return  # it refuses parts of the file that no prediction needs
    _alike(ensemble, model.predict(_X))


_LINE = re.compile(r"\s*(\d+)\) (?:root|(\S+?)(<=|<|>=|>)\s*(\S+)) \S+ \S+ (\S+?)(\s*\*)?\s*")
_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def same_by_hand(path: Path, ensemble: TreeEnsemble) -> None:
    """Follow the text from line to line, each condition as it stands there."""
    forest: list[dict[int, Any]] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            if line.strip():
                return  # in a form that this does not know
            continue
        if int(match[1]) == 1:
            forest.append({})
        forest[-1][int(match[1])] = match
    names = list(ensemble.feature_names)
    said = np.zeros(len(_X))
    for i, row in enumerate(_rows(ensemble)):
        for tree in forest:
            at = 1
            while not tree[at][6]:
                for child in (2 * at, 2 * at + 1):
                    _, name, sign, threshold = tree[child][1], tree[child][2], tree[child][3], tree[child][4]
                    if _HOLDS[sign](float(row[names.index(name)]), float(threshold)):
                        at = child
                        break
                else:
                    raise AssertionError("no branch holds")
            said[i] += float(tree[at][5])
    _alike(ensemble, said if ensemble.aggregation == "sum" else said / len(forest))


def write_model(folder: Path) -> Path:
    record = {"features": ["f0", "f1", "f2"], "title": "XGBoost", "target": "sm"}
    ensemble = TreeEnsemble.load(write_trees(folder, "XGBoost.npz"))
    page = record | {"name": "XGBoost", "trees": "XGBoost.npz", "trees_hash": ensemble.hash}
    index = json.dumps({"models": ["XGBoost"], "best": "XGBoost"})
    (folder / "models.json").write_text(index, encoding="utf-8")
    path = folder / "XGBoost.json"
    path.write_text(json.dumps(page), encoding="utf-8")
    return path
