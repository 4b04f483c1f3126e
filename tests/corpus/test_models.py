"""Model files and tree texts that cannot be read."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smgee.trees import TreeEnsemble
from tests.corpus.refusal import Attempt, refused

TEXT = """\
1) root 10 1.0 0.2
2) ndvi<0.5 5 0.5 0.1 *
3) ndvi>=0.5 5 0.5 0.3 *
"""


def text(old: str = "", new: str = "", **options: Any) -> Attempt:
    """Read tree text after a change."""
    assert old in TEXT
    return lambda folder: TreeEnsemble.from_ee_strings(TEXT.replace(old, new, 1) if old else new, **options)


TEXTS: dict[str, tuple[Attempt, str]] = {
    "nothing": (lambda folder: TreeEnsemble.from_ee_strings([]), "No tree text was given"),
    "an empty text": (text("", ""), "unexpected end of input"),
    "words": (text("", "a tree"), "Error parsing line 1: cannot read 'a tree'"),
    "a node left out": (text("2) ndvi<0.5 5 0.5 0.1 *\n"), "Error parsing line 2: expected 2, got 3."),
    "a node of another number": (text("3) ", "8) "), "Error parsing line 3: expected 3, got 8."),
    "a text cut short": (text("3) ndvi>=0.5 5 0.5 0.3 *\n"), "unexpected end of input. (the text is cut off"),
    "a leaf without a star": (
        text("0.3 *", "0.3"),
        "unexpected end of input. (the text is cut off, or a leaf lacks",
    ),
    "no root": (text("1) root", "1) ndvi<1"), "expected root, got"),
    "two roots in one": (text("2) ndvi<0.5", "2) root"), "expected a split, got"),
    "children that disagree": (text("ndvi>=0.5", "ndvi>=0.6"), "is not the opposite of its sibling's"),
    "children of two predictors": (text("ndvi>=0.5", "ndwi>=0.5"), "is not the opposite of its sibling's"),
    "children on one side": (text("ndvi>=0.5", "ndvi<0.5"), "is not the opposite of its sibling's"),
    "science": (text("0.3 *", "3e-1 *"), "scientific notation is not understood; print plain decimals"),
    "no number": (text("0.3 *", "nan *"), "cannot read '3) ndvi>=0.5 5 0.5 nan *'"),
    "a name with a dot": (
        text("ndvi<", "nd.vi<"),
        "name predictors with letters, digits and underscores only",
    ),
    "a predictor of others": (
        text("ndvi", "ndvi", feature_names=["ndwi"]),
        "unknown property 'ndvi'. (the predictors are ndwi",
    ),
    "numbers of another script": (text("0.5 5", "٠.٥ 5"), "cannot read"),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whole model files, which the cases break."""
    from catboost import CatBoostRegressor
    from lightgbm import LGBMRegressor
    from xgboost import XGBRegressor

    folder = tmp_path_factory.mktemp("models")
    x = np.random.default_rng(0).normal(size=(60, 3))
    model = XGBRegressor(n_estimators=2, max_depth=2).fit(x, x[:, 0])
    for name in ("a.json", "a.ubj"):
        model.save_model(folder / name)
    TreeEnsemble.from_model(model).save(folder / "a.npz")
    LGBMRegressor(n_estimators=2, verbose=-1).fit(x, x[:, 0]).booster_.save_model(folder / "a.txt")
    settings = {"iterations": 2, "depth": 2, "verbose": 0, "allow_writing_files": False}
    cat = CatBoostRegressor(**settings).fit(x, x[:, 0])
    cat.save_model(str(folder / "a.cbm"))
    cat.save_model(str(folder / "cat.json"), format="json")
    return folder


def changed(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path, Path], None]:
    """Read a model file after a change of its bytes."""

    def attempt(models: Path, folder: Path) -> None:
        (folder / name).write_bytes(change((models / name).read_bytes()))
        TreeEnsemble.from_model(folder / name)

    return attempt


def edited(name: str, *place: Any, value: Any) -> Callable[[Path, Path], None]:
    """Read a model's JSON after one value was set; None takes it out."""

    def change(content: bytes) -> bytes:
        document = json.loads(content)
        inner = document
        for part in place[:-1]:
            inner = inner[part]
        if value is None:
            del inner[place[-1]]
        else:
            inner[place[-1]] = value
        return json.dumps(document).encode()

    return changed(name, change)


def saved(**members: Any) -> Callable[[Path, Path], None]:
    """Read a saved ensemble after some members were set; None takes one out."""

    def attempt(models: Path, folder: Path) -> None:
        with np.load(models / "a.npz") as archive:
            content = dict(archive) | members
        np.savez(folder / "a.npz", **{k: v for k, v in content.items() if v is not None})
        TreeEnsemble.load(folder / "a.npz")

    return attempt


def header(**settings: Any) -> Callable[[Path, Path], None]:
    """Read a saved ensemble whose header says something else."""

    def attempt(models: Path, folder: Path) -> None:
        with np.load(models / "a.npz") as archive:
            said = json.loads(bytes(archive["header"])) | settings
        saved(header=np.frombuffer(json.dumps(said).encode(), np.uint8))(models, folder)

    return attempt


def pickled(models: Path, folder: Path) -> None:
    (folder / "a.pkl").write_bytes(pickle.dumps({"a": 1}))
    TreeEnsemble.from_model(folder / "a.pkl")


TREES = ("learner", "gradient_booster", "model", "trees")
LEARNER = ("learner", "learner_model_param")

FILES: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "nothing there": (
        lambda models, folder: TreeEnsemble.from_model(folder / "a.json"),
        "does not exist; give the path",
    ),
    "a pickle": (pickled, "are not opened as models (pickles run code)"),
    "an object": (
        lambda models, folder: TreeEnsemble.from_model(object()),
        "builtins.object cannot be converted",
    ),
    # -- XGBoost
    "XGBoost, no JSON": (changed("a.json", lambda b: b[:-40]), "is not valid JSON"),
    "XGBoost, another JSON": (
        changed("a.json", lambda b: b"{}"),
        "is a model of neither XGBoost nor CatBoost",
    ),
    "XGBoost, bytes cut": (changed("a.ubj", lambda b: b[: len(b) // 2]), "cannot read"),
    "XGBoost, no trees": (edited("a.json", *TREES, value=None), "is damaged"),
    "XGBoost, a child nowhere": (
        edited("a.json", *TREES, 0, "left_children", 0, value=99),
        "a child that does not exist",
    ),
    "XGBoost, a child below nowhere": (
        edited("a.json", *TREES, 0, "left_children", 0, value=-15),
        "a child that does not exist",
    ),
    "XGBoost, one child": (edited("a.json", *TREES, 0, "left_children", 0, value=-1), "has one child"),
    "XGBoost, a loop": (edited("a.json", *TREES, 0, "left_children", 0, value=0), "has two parents"),
    "XGBoost, a predictor nowhere": (
        edited("a.json", *TREES, 0, "split_indices", 0, value=7),
        "predictor number 7",
    ),
    "XGBoost, a leaf of words": (edited("a.json", *TREES, 0, "split_conditions", 0, value="x"), "is damaged"),
    "XGBoost, another objective": (
        edited("a.json", "learner", "objective", "name", value="reg:gamma"),
        "reg:gamma",
    ),
    "XGBoost, an infinite base": (
        edited("a.json", *LEARNER, "base_score", value="[1E999]"),
        "is not a finite number",
    ),
    "XGBoost, rounds of others": (
        edited("a.json", "learner", "gradient_booster", "model", "iteration_indptr", value=[0, 9]),
        "state 9 trees, but it holds 2; it is damaged",
    ),
    # -- CatBoost
    "CatBoost, bytes cut": (changed("a.cbm", lambda b: b[:60]), "cannot read"),
    "CatBoost, no scale": (edited("cat.json", "scale_and_bias", value=[]), "is damaged"),
    "CatBoost, leaves of others": (
        edited("cat.json", "oblivious_trees", 0, "leaf_values", value=[1.0]),
        "damaged",
    ),
    "CatBoost, a predictor beyond the last": (
        edited("cat.json", "features_info", "float_features", 2, "flat_feature_index", value=22),
        "its 3 predictors are not numbered from 0 to 2",
    ),
    # -- LightGBM
    "LightGBM, cut short": (
        changed("a.txt", lambda b: b[: b.index(b"end of trees")]),
        "is not a LightGBM model",
    ),
    "LightGBM, no text": (changed("a.txt", lambda b: b"\xff\xfe" + b), "is damaged"),
    "LightGBM, a leaf of words": (
        changed("a.txt", lambda b: b.replace(b"leaf_value=", b"leaf_value=x ")),
        "is damaged",
    ),
    "LightGBM, a leaf beyond float32": (
        changed("a.txt", lambda b: re.sub(rb"leaf_value=\S+", b"leaf_value=-1e40", b, count=1)),
        "so large that predictions are not",
    ),
    "LightGBM, a tree that does not begin": (
        changed("a.txt", lambda b: b.replace(b"\nTree=1", b"\nTrree=1")),
        "begin in it",
    ),
    "LightGBM, no leaves": (changed("a.txt", lambda b: b.replace(b"num_leaves=", b"leaves=")), "is damaged"),
    "LightGBM, a split beyond the last": (
        changed("a.txt", lambda b: b.replace(b"right_child=-2", b"right_child=2")),
        "right_child points beyond the 1 splits and 2 leaves",
    ),
    # -- saved by smgee
    "saved, cut short": (changed("a.npz", lambda b: b[: len(b) // 2]), "is not a whole ensemble of smgee"),
    "saved, words": (
        changed("a.npz", lambda b: b"trees"),
        "is not a whole ensemble of smgee (it is no npz archive)",
    ),
    "saved, a member gone": (saved(left=None), "is not a whole ensemble of smgee"),
    "saved, another type": (saved(left=np.zeros(3)), "The member left of"),
    "saved, of another length": (saved(left=np.zeros(1, "<i4")), "do not describe an ensemble"),
    "saved, something else": (header(format="cake"), "is not an ensemble of smgee"),
    "saved, of a later smgee": (header(version=9), "has version 9 of the format; this smgee reads version 1"),
    "saved, a value changed": (header(base_score=(0.25).hex()), "does not match its hash"),
    "saved, names changed": (header(feature_names=["a", "a", "b"]), "share one name"),
    "saved, an object": (saved(value=np.array([{}], dtype=object)), "is not a whole ensemble of smgee"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_tree_text_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    attempt, said = TEXTS[name]
    refused(attempt, said, tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_model_is_refused_in_a_sentence(name: str, models: Path, tmp_path: Path) -> None:
    attempt, said = FILES[name]
    refused(lambda folder: attempt(models, folder), said, tmp_path)


def test_what_they_are_made_from_can_be_read(models: Path) -> None:
    for path in models.iterdir():
        assert TreeEnsemble.from_model(path).n_trees == 2
    assert TreeEnsemble.from_ee_strings(TEXT).n_leaves == 2
