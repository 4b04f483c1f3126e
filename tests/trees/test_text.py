"""Tree text: what is written is legal, small, and reads back to the same numbers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smgee.errors import InputError, UnsupportedError
from smgee.trees import LEAF, TreeEnsemble
from smgee.trees.decimals import exact, rounded, short_thresholds
from smgee.trees.layout import assemble
from smgee.trees.planted import planted_rows
from smgee.trees.text import write_ee_strings
from tests.trees.families import FAMILIES
from tests.trees.random_trees import FINITE32, FINITE64, ensembles, telling_rows

LINE = re.compile(
    r"(\d+)\) (root|[A-Za-z_][A-Za-z0-9_]*(?:<=|>=|< ?|>)-?\d+(?:\.\d+)?) 0 0 -?\d+(?:\.\d+)?( \*)?"
)


def chain(depth: int, features: int = 3, **changes: Any) -> TreeEnsemble:
    """One tree that is as deep as its number of tests: x_k <= d with k in turn, thresholds falling by
    level.
    """
    n = 2 * depth + 1
    inner = np.arange(n) < depth
    order = np.arange(n)
    return assemble(
        [
            {
                "feature": order % features,
                "threshold": 100.0 - order,
                "left": np.where(inner, np.where(order == depth - 1, n - 1, order + 1), LEAF),
                "right": np.where(inner, depth + order, LEAF),
                "value": order.astype(float),
                "missing_left": order % 2 == 0,
            }
        ],
        **{
            "feature_names": [f"x{i}" for i in range(features)],
            "comparison": "le",
            "aggregation": "mean",
            **changes,
        },
    )


def walk(string: str) -> dict[str, Any]:
    """Check the order of one tree's lines; return leaf values by id and all ids."""
    waiting, ids = [1], []
    for line in string.split("\n"):
        match = LINE.fullmatch(line)
        assert match, line
        assert int(match[1]) == waiting.pop()
        ids.append(int(match[1]))
        if not match[3]:
            waiting += [2 * ids[-1] + 1, 2 * ids[-1]]
    assert not waiting
    return {"ids": ids}


@given(ensembles())
@settings(max_examples=150, deadline=None)
def test_round_trip(ensemble: TreeEnsemble) -> None:
    strings = ensemble.to_ee_strings()
    again = TreeEnsemble.from_ee_strings(strings, ensemble.feature_names)
    for string in strings:
        walk(string)
    # Thresholds are those of the ensemble to the bit, and so are the leaves as they are folded into a mean.
    inner = ensemble.feature != LEAF
    assert np.array_equal(again.threshold[inner], ensemble.threshold[inner])
    assert np.array_equal(again.feature, ensemble.feature)
    factor = ensemble.n_trees if ensemble.aggregation == "sum" else 1
    assert np.array_equal(again.value[~inner], factor * ensemble.value[~inner] + ensemble.base_score)
    X = telling_rows(ensemble)
    np.testing.assert_allclose(
        again.predict_reference(X), ensemble.predict_reference(X), rtol=1e-13, atol=1e-10
    )
    assert (
        again.to_ee_strings()
        == TreeEnsemble.from_ee_strings(again.to_ee_strings(), ensemble.feature_names).to_ee_strings()
    )


@given(ensembles())
@settings(max_examples=100, deadline=None)
def test_short_digits_take_the_same_branches(ensemble: TreeEnsemble) -> None:
    """For every float32 row the short text reaches the leaf that the exact one does."""
    with np.errstate(over="ignore"):
        X = telling_rows(ensemble).astype(np.float32)
    again = TreeEnsemble.from_ee_strings(ensemble.to_ee_strings(digits="short"), ensemble.feature_names)
    np.testing.assert_allclose(
        again.predict_reference(X), ensemble.predict_reference(X), rtol=1e-7, atol=1e-6
    )


@pytest.mark.parametrize("digits", ["exact", "short"])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family(name: str, digits: Any, trained: Any, table: Any) -> None:
    _, _, ensemble = trained(name)
    strings = ensemble.to_ee_strings(digits=digits)
    again = TreeEnsemble.from_ee_strings(strings, ensemble.feature_names)
    full = table[0][np.isfinite(table[0]).all(axis=1)]
    X = np.concatenate([full[:2000], planted_rows(ensemble, full, limit=3000, dtype="float32")])
    difference = np.abs(again.predict_reference(X) - ensemble.predict_reference(X)).max()
    assert difference <= (1e-14 if digits == "exact" else 5e-8)
    assert max(max(walk(s)["ids"]) for s in strings) < 2**31


@given(st.lists(FINITE64))
@settings(deadline=None)
def test_exact_decimals(values: list[float]) -> None:
    texts = exact(values)
    assert [float(t) for t in texts] == values
    assert all(re.fullmatch(r"-?\d+(\.\d*[1-9])?", t) for t in texts)


@given(st.lists(st.floats(-1e12, 1e12)))
@settings(deadline=None)
def test_rounded_decimals(values: list[float]) -> None:
    for text, value in zip(rounded(values), values, strict=True):
        assert re.fullmatch(r"-?\d+(\.\d*[1-9])?", text)
        assert abs(float(text) - value) <= 5e-9 * abs(value)


@given(st.lists(FINITE32, min_size=1), st.booleans())
@settings(deadline=None)
def test_short_thresholds(values: list[float], upward: bool) -> None:
    texts = short_thresholds(np.array(values), upward=upward)
    for text, value in zip(texts, values, strict=True):
        assert re.fullmatch(r"-?\d+(\.\d*[1-9])?", text)
        number = float(text)
        assert np.float32(number) == np.float32(value)
        assert number >= value if upward else number <= value


def test_single_leaves_and_one_predictor() -> None:
    leaf = {"feature": [LEAF], "threshold": [0.0], "left": [LEAF], "right": [LEAF], "value": [0.25]}
    leaf = {k: np.array(v) for k, v in leaf.items()}
    single = assemble([leaf, leaf], feature_names=("a",), comparison="lt", base_score=1.0)
    assert single.to_ee_strings() == ["1) root 0 0 1.5 *"] * 2
    assert TreeEnsemble.from_ee_strings(single.to_ee_strings(), ["a"]).predict_reference([[3.0]]) == 1.5


def test_text_of_a_stump_is_this() -> None:
    """The exact text, so that a change of it is seen; a bare ``<`` keeps a blank before a minus."""
    stump = {
        "feature": [0, -1, -1],
        "threshold": [-0.5, 0, 0],
        "left": [1, -1, -1],
        "right": [2, -1, -1],
        "value": [0, 1, 2.5],
    }
    arrays = {k: np.array(v) for k, v in stump.items()}
    less = assemble([arrays], feature_names=("soil wetness",), comparison="lt")
    assert less.ee_names == {"soil wetness": "soil_wetness"}
    assert less.to_ee_strings() == [
        "1) root 0 0 0\n2) soil_wetness< -0.5 0 0 1 *\n3) soil_wetness>=-0.5 0 0 2.5 *"
    ]
    equal = assemble([arrays], feature_names=("a",), comparison="le")
    assert equal.to_ee_strings() == ["1) root 0 0 0\n2) a<=-0.5 0 0 1 *\n3) a>-0.5 0 0 2.5 *"]


def test_names_are_mapped_without_collision() -> None:
    names = ("B.1", "B_1", "1st", "root", "é", "", "B 1")
    ensemble = chain(7, features=7, feature_names=names)
    mapped = list(ensemble.ee_names.values())
    assert mapped[1] == "B_1"
    assert len(set(mapped)) == 7
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", n) and n != "root" for n in mapped)
    again = TreeEnsemble.from_ee_strings(ensemble.to_ee_strings(), mapped)
    X = telling_rows(ensemble)
    assert np.array_equal(again.predict_reference(X), ensemble.predict_reference(X))


@pytest.mark.parametrize("depth", [30, 31, 62, 63, 400])
def test_deep_trees_keep_small_ids(depth: int) -> None:
    ensemble = chain(depth)
    strings = ensemble.to_ee_strings()
    assert max(max(walk(s)["ids"]) for s in strings) < 2**31
    assert (len(strings) == 1) == (depth <= 30)
    again = TreeEnsemble.from_ee_strings(strings, ensemble.feature_names)
    X = telling_rows(ensemble)
    np.testing.assert_allclose(
        again.predict_reference(X), ensemble.predict_reference(X), rtol=1e-12, atol=1e-12
    )


def test_too_deep_is_refused_with_advice() -> None:
    wide = chain(40, features=40)  # forty separate bounds lead to the last leaf
    with pytest.raises(UnsupportedError, match=r"train with max_depth=30"):
        wide.to_ee_strings()
    assert len(wide.to_ee_strings(max_depth=62)) == 1
    with pytest.raises(InputError, match="64 bits"):
        wide.to_ee_strings(max_depth=63)


def test_missing_value_splits_are_dropped() -> None:
    """Histogram trees test ``x <= inf`` to tell NaN from numbers; Earth Engine has no NaN, and no way to
    write infinity.
    """
    arrays = {
        "feature": [0, -1, -1],
        "threshold": [np.inf, 0, 0],
        "left": [1, -1, -1],
        "right": [2, -1, -1],
        "value": [0, 1, 2],
    }
    ensemble = assemble(
        [{k: np.array(v) for k, v in arrays.items()}],
        feature_names=("a",),
        comparison="le",
        threshold_dtype="float64",
    )
    assert ensemble.to_ee_strings() == ["1) root 0 0 1 *"]
    arrays["threshold"] = [-np.inf, 0, 0]
    ensemble = assemble(
        [{k: np.array(v) for k, v in arrays.items()}],
        feature_names=("a",),
        comparison="le",
        threshold_dtype="float64",
    )
    with pytest.raises(InputError, match="infinite"):
        ensemble.to_ee_strings()


def test_no_larger_per_node_than_geemap() -> None:
    from geemap.ml import rf_to_strings
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 4)).astype(np.float32), rng.normal(size=300)
    forest = RandomForestRegressor(3, min_samples_leaf=3, random_state=0).fit(X, y)
    names = ["B2", "B3", "B4", "doy"]
    theirs = rf_to_strings(forest, names, processes=1, output_mode="REGRESSION")
    ensemble = TreeEnsemble.from_model(forest, names)
    assert sum(map(len, ensemble.to_ee_strings())) < 0.85 * sum(map(len, theirs))
    assert sum(map(len, ensemble.to_ee_strings(digits="short"))) < 0.65 * sum(map(len, theirs))


@settings(max_examples=5, deadline=None)
@given(ensembles())
def test_write_file(tmp_path: Any, ensemble: TreeEnsemble) -> None:
    write_ee_strings(ensemble, tmp_path / "trees.txt")
    text = (tmp_path / "trees.txt").read_text()
    assert text == "\n".join(ensemble.to_ee_strings()) + "\n"
    assert TreeEnsemble.from_ee_strings(text, ensemble.feature_names).n_trees == ensemble.n_trees


def test_batches_do_not_show(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ensemble = trained("random-forest")[2]
    whole = ensemble.to_ee_strings()
    monkeypatch.setattr("smgee.trees.text.BATCH_NODES", 100)
    assert ensemble.to_ee_strings() == whole
