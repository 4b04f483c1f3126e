"""The ensemble itself: what it refuses, how it takes rows, what it says of itself."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from smgee.errors import InputError
from smgee.trees import TreeEnsemble
from smgee.trees.planted import planted_rows

STUMP: dict[str, Any] = {
    "feature": [0, -1, -1],
    "threshold": [0.5, 0, 0],
    "left": [1, -1, -1],
    "right": [2, -1, -1],
    "value": [0, 1, 2],
    "missing_left": [True, False, False],
    "roots": [0],
    "feature_names": ("a", "b"),
    "comparison": "lt",
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"left": [0, -1, -1]}, "two parents"),
        ({"left": [2, -1, -1]}, "two parents"),
        ({"left": [3, -1, -1]}, "does not exist"),
        ({"left": [-1, -1, -1]}, "does not exist"),
        ({"roots": [3]}, "does not exist"),
        ({"roots": [0, 1]}, "two parents"),
        ({"roots": []}, "do not describe"),
        ({"value": [0, 1]}, "do not describe"),
        ({"value": [0, 1, np.nan]}, "finite"),
        ({"base_score": np.inf}, "finite"),
        ({"threshold": [np.nan, 0, 0]}, "NaN"),
        ({"feature": [2, -1, -1]}, "predictor number 2"),
        ({"feature": [-2, -1, -1]}, "predictor number -2"),
        ({"feature_names": ("a", "a")}, "share one name"),
        ({"comparison": "gt"}, "comparison 'gt'"),
        ({"aggregation": "max"}, "aggregation 'max'"),
        ({"threshold_dtype": "float16"}, "threshold_dtype 'float16'"),
    ],
)
def test_damaged_arrays_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        TreeEnsemble(**{**STUMP, **changes})


def test_the_definition() -> None:
    """Every clause of the class docstring, by hand."""
    x = np.array(
        [[np.nextafter(np.float32(0.5), np.float32(0))], [0.5], [np.nan], [-np.inf], [np.inf], [-0.0]],
        dtype=np.float32,
    )
    X = np.column_stack([x, x])
    less = TreeEnsemble(**STUMP, base_score=10.0)
    assert less.predict_reference(X).tolist() == [11, 12, 11, 11, 12, 11]
    assert replace(less, comparison="le").predict_reference(X).tolist() == [11, 11, 11, 11, 12, 11]
    assert replace(less, missing_left=[False] * 3).predict_reference(X).tolist() == [11, 12, 12, 11, 12, 11]
    # Float64 values are rounded to the type in which the model compares.
    close = np.array([[0.5 - 1e-12, 0]])
    assert less.predict_reference(close) == 12
    assert replace(less, threshold_dtype="float64").predict_reference(close) == 11
    two = {k: STUMP[k] * 2 for k in ("feature", "threshold", "value", "missing_left")}
    pair = TreeEnsemble(
        **{**STUMP, **two, "left": [1, -1, -1, 4, -1, -1], "right": [2, -1, -1, 5, -1, -1], "roots": [0, 3]}
    )
    assert pair.predict_reference(X[:1]) == 2
    assert replace(pair, aggregation="mean", base_score=10.0).predict_reference(X[:1]) == 11


def test_it_does_not_change() -> None:
    ensemble = TreeEnsemble(**STUMP)
    with pytest.raises(FrozenInstanceError):
        ensemble.base_score = 1.0  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        ensemble.value[0] = 1.0


def test_what_it_says() -> None:
    ensemble = TreeEnsemble(**STUMP, metadata={"family": "by hand"})
    assert (ensemble.n_trees, ensemble.n_nodes, ensemble.n_leaves, ensemble.n_features, ensemble.depth) == (
        1,
        3,
        2,
        2,
        1,
    )
    assert (
        repr(ensemble)
        == "TreeEnsemble(by hand: 1 trees, 3 nodes, depth 1, 2 predictors, sum of leaves, base 0)"
    )
    assert ensemble.with_names(["x", "y"]).feature_names == ("x", "y")
    with pytest.raises(InputError, match="1 names"):
        ensemble.with_names(["x"])


def test_rows() -> None:
    ensemble = TreeEnsemble(**STUMP, allows_missing=False)
    table = pd.DataFrame({"b": [0.0, 0.0], "other": [9, 9], "a": [0.0, 1.0]})
    assert ensemble.predict_reference(table).tolist() == [1, 2]
    assert ensemble.predict(table).tolist() == [1, 2]
    for predict in (ensemble.predict_reference, ensemble.predict):
        with pytest.raises(InputError, match="lacks"):
            predict(table[["a"]])
        with pytest.raises(InputError, match="shape"):
            predict(np.zeros((2, 3)))
        with pytest.raises(InputError, match="NaN"):
            predict(np.array([[np.nan, 0.0]]))


def test_planted_rows_hold_every_threshold_and_its_neighbours(trained: Any, table: Any) -> None:
    ensemble = trained("xgboost")[2]
    rows = planted_rows(ensemble, table[0])
    assert rows.dtype == np.float32
    for f in range(ensemble.n_features):
        cuts = np.unique(ensemble.threshold[ensemble.feature == f]).astype(np.float32)
        expected = np.concatenate(
            [cuts, np.nextafter(cuts, np.float32(np.inf)), np.nextafter(cuts, np.float32(-np.inf))]
        )
        assert np.isin(expected, rows[:, f]).all()
    assert np.array_equal(rows, planted_rows(ensemble, table[0]), equal_nan=True)
    assert len(planted_rows(ensemble, table[0], limit=10)) == 10
