"""Other forms of the same trees predict the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smgee.errors import InputError, UnsupportedError
from smgee.trees import TreeEnsemble
from smgee.trees.ensemble import LEAF
from smgee.trees.layout import assemble, canonical, heap_ids, is_canonical, levels
from smgee.trees.merge import drop_implied, join_siblings, join_trees
from smgee.trees.reshape import bound_depth
from tests.trees.families import FAMILIES
from tests.trees.random_trees import NARROW, ensembles, telling_rows


def same(a: np.ndarray, b: np.ndarray) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-9)


@given(ensembles(), st.integers(0, 100))
@settings(max_examples=100, deadline=None)
def test_canonical_form_of_any_order(ensemble: TreeEnsemble, seed: int) -> None:
    """Nodes shuffled, and some unused ones among them, come back in pre-order with the same predictions."""
    order = np.random.default_rng(seed).permutation(ensemble.n_nodes)
    place = np.argsort(order)

    def moved(children: np.ndarray) -> np.ndarray:
        return np.where(children < 0, -1, place[children])[order]

    arrays = {n: getattr(ensemble, n)[order] for n in ("feature", "threshold", "value", "missing_left")}
    shuffled = replace(
        ensemble,
        left=moved(ensemble.left),
        right=moved(ensemble.right),
        roots=place[ensemble.roots],
        **arrays,
    )
    back = canonical(shuffled)
    assert is_canonical(back)
    assert back.hash == ensemble.hash
    X = telling_rows(ensemble, missing=True)
    assert np.array_equal(shuffled.predict_reference(X), ensemble.predict_reference(X))


@given(ensembles(), st.data())
@settings(max_examples=150, deadline=None)
def test_specialize(ensemble: TreeEnsemble, data: Any) -> None:
    names = data.draw(st.sets(st.sampled_from(ensemble.feature_names)))
    number = st.one_of(NARROW, st.floats(width=32, allow_nan=ensemble.allows_missing))
    values = {n: data.draw(number) for n in sorted(names)}
    X = telling_rows(ensemble, missing=True).astype(ensemble.threshold_dtype)
    keep = [i for i, n in enumerate(ensemble.feature_names) if n not in names]
    for i, n in enumerate(ensemble.feature_names):
        if n in names:
            X[:, i] = values[n]
    special = ensemble.specialize(values)
    assert special.feature_names == tuple(ensemble.feature_names[i] for i in keep)
    assert is_canonical(special)
    assert np.array_equal(special.predict_reference(X[:, keep]), ensemble.predict_reference(X))


def test_specialize_real_models(trained: Any, table: Any) -> None:
    for name in ("xgboost", "catboost", "extra-trees", "hist-gradient-boosting", "lightgbm"):
        ensemble = trained(name)[2]
        special = ensemble.specialize(doy=153)
        X = table[0].copy()
        X[:, -1] = 153
        assert np.array_equal(special.predict_reference(X[:, :-1]), ensemble.predict_reference(X))
        assert special.n_nodes < 0.9 * ensemble.n_nodes
        assert special.metadata["specialized"] == {"doy": 153.0}
    with pytest.raises(InputError, match="no predictor 'day'"):
        ensemble.specialize(day=1)
    with pytest.raises(InputError, match="NaN"):
        trained("gradient-boosting")[2].specialize(doy=np.nan)


@pytest.mark.parametrize("step", [TreeEnsemble.merge, drop_implied, join_siblings, join_trees])
@given(ensembles())
@settings(max_examples=100, deadline=None)
def test_merge_steps(step: Any, ensemble: TreeEnsemble) -> None:
    merged = step(ensemble)
    assert merged.n_nodes <= ensemble.n_nodes
    assert merged.n_trees <= ensemble.n_trees
    X = telling_rows(ensemble, missing=True)
    same(merged.predict_reference(X), ensemble.predict_reference(X))


def test_merge_leaves_nothing_to_merge(trained: Any) -> None:
    for name in ("catboost", "xgboost-dart", "random-forest"):
        merged = trained(name)[2].merge()
        assert merged.merge().n_nodes == merged.n_nodes
    plain, merged = trained("catboost")[2], trained("catboost")[2].merge()
    assert merged.n_nodes < 0.9 * plain.n_nodes  # oblivious trees repeat tests along a path


@pytest.mark.parametrize("gaps", [False, True])
def test_a_test_that_those_above_settle_is_dropped(gaps: bool) -> None:
    """x < 1 below x < 0.5 is always true, unless a gap may come by that goes the other way."""
    arrays = {
        "feature": [0, 0, -1, -1, -1],
        "threshold": [0.5, 1.0, 0, 0, 0],
        "left": [1, 3, -1, -1, -1],
        "right": [2, 4, -1, -1, -1],
        "value": [0, 0, 1.0, 2.0, 3.0],
        "missing_left": [True, False, False, False, False],
    }
    tree = {k: np.array(v) for k, v in arrays.items()}
    ensemble = assemble([tree], feature_names=("a",), comparison="lt", allows_missing=gaps)
    assert drop_implied(ensemble).n_nodes == (5 if gaps else 3)


@pytest.mark.parametrize("depth", [62, 63])
def test_depths_that_64_bits_can_number(depth: int) -> None:
    """A tree that goes on to the right only: node k of 62 levels has the number 2^(k+1) − 1."""
    inner = np.arange(depth)
    left = np.concatenate([inner + depth, np.full(depth + 1, LEAF)])
    right = np.concatenate([inner + 1, np.full(depth + 1, LEAF)])
    right[depth - 1] = 2 * depth
    tiers = levels(left, right, np.array([0]))
    if depth == 63:
        with pytest.raises(InputError, match="63 levels has heap numbers beyond 64 bits"):
            heap_ids(left, right, tiers)
        return
    numbers = heap_ids(left, right, tiers)
    assert numbers[:62].tolist() == [2 ** (k + 1) - 1 for k in range(62)]
    assert numbers[right[61]] == 2**63 - 1


def test_join_trees_adds_equal_shapes() -> None:
    arrays = {
        "feature": [0, -1, -1],
        "threshold": [0.5, 0, 0],
        "left": [1, -1, -1],
        "right": [2, -1, -1],
        "value": [0, 1.0, 2.0],
    }
    stump = {k: np.array(v) for k, v in arrays.items()}
    leaf = {k: np.array(v[-1:]) for k, v in arrays.items()}
    for aggregation, expected in (("sum", [14.0, 16.0]), ("mean", [10 + 4 / 3, 12.0])):
        ensemble = assemble(
            [stump, leaf, stump],
            feature_names=("a",),
            comparison="lt",
            aggregation=aggregation,
            base_score=10.0,
        )
        merged = ensemble.merge()
        assert (merged.n_trees, merged.n_nodes) == (1, 3)
        same(merged.predict_reference([[0.0], [0.5]]), expected)


@given(ensembles(), st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_bound_depth(ensemble: TreeEnsemble, limit: int) -> None:
    try:
        cut = bound_depth(ensemble, limit)
    except UnsupportedError:
        assume(False)
    assert cut.depth <= limit
    X = telling_rows(ensemble, missing=True)
    same(cut.predict_reference(X), ensemble.predict_reference(X))


@pytest.mark.parametrize("name", ["random-forest", "extra-trees", "decision-tree"])
def test_bound_depth_of_real_models(name: str, trained: Any, table: Any) -> None:
    ensemble = trained(name)[2]
    cut = bound_depth(ensemble, ensemble.depth - 3)
    assert cut.depth <= ensemble.depth - 3
    same(cut.predict_reference(table[0]), ensemble.predict_reference(table[0]))


def test_simplify(trained: Any, table: Any) -> None:
    X, y = table
    ensemble = trained("random-forest")[2]
    from smgee.trees.simplify import text_bytes

    full = text_bytes(ensemble, digits="short")
    previous = None
    for share in (0.9, 0.5, 0.1):
        small, price = ensemble.simplify(int(full * share), X[:3000], y=y[:3000])
        assert price.bytes_after == text_bytes(small, digits="short") <= full * share
        assert price.bytes_after > 0.9 * full * share  # the budget is used
        before, after = ensemble.predict_reference(X[:3000]), small.predict_reference(X[:3000])
        assert price.r == pytest.approx(np.corrcoef(before, after)[0, 1])
        assert price.ubrmse == pytest.approx(np.std(after - before))
        assert price.ubrmse_after == pytest.approx(np.std(after - y[:3000]))
        assert after.mean() == pytest.approx(before.mean(), abs=1e-9)
        assert previous is None or price.ubrmse > previous
        previous = price.ubrmse
        assert small.metadata["simplified"]["nodes_after"] == small.n_nodes
    assert price.r > 0.9
    tested = ensemble.simplify(int(full * 0.5), X[:3000], test=(X[3000:5000], y[3000:5000])).price
    assert tested.rows == 2000
    untouched = ensemble.simplify(10 * full, X[:3000])
    assert untouched.price.ubrmse < 1e-12
    with pytest.raises(InputError, match="even as single leaves"):
        ensemble.simplify(100, X[:3000])


def test_families_are_complete() -> None:
    """Every family of the importers is among those tested."""
    assert {n.partition("-")[0] for n in FAMILIES} >= {
        "xgboost",
        "catboost",
        "lightgbm",
        "decision",
        "random",
        "extra",
        "gradient",
        "hist",
    }
