"""Hypothesis strategies for ensembles of any shape."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from smgee.trees import TreeEnsemble
from smgee.trees.layout import assemble

FINITE32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
FINITE64 = st.floats(allow_nan=False, allow_infinity=False)
# Values that differ by little, so that rows often meet a threshold or its neighbour.
NARROW = st.integers(-8, 8).map(
    lambda k: float(np.float32(0.1) + np.float32(k) * np.spacing(np.float32(0.1)))
)


@st.composite
def shapes(draw: Any, max_leaves: int = 9) -> list[tuple[int, int]]:
    """Children of every node, in an order of storage of its own: (left, right), or (-1, -1) at a leaf; the
    root is node 0.
    """
    children = [(-1, -1)]
    open_leaves = [0]
    for _ in range(draw(st.integers(0, max_leaves - 1))):
        node = open_leaves.pop(draw(st.integers(0, len(open_leaves) - 1)))
        a, b = len(children), len(children) + 1
        children += [(-1, -1), (-1, -1)]
        children[node] = (a, b) if draw(st.booleans()) else (b, a)
        open_leaves += [a, b]
    return children


@st.composite
def ensembles(draw: Any, *, names: tuple[str, ...] = ("a", "B2", "c_3"), max_trees: int = 4) -> TreeEnsemble:
    """An ensemble of a few small trees with any settings."""
    kind = draw(st.sampled_from(["float32", "float64"]))
    numbers = st.one_of(NARROW, FINITE32) if kind == "float32" else st.one_of(NARROW, FINITE64)
    leaf_values = st.one_of(st.sampled_from([0.0, 0.25, -1.0]), st.floats(-1e3, 1e3))
    trees = []
    for children in draw(st.lists(shapes(), min_size=1, max_size=max_trees)):
        n = len(children)
        trees.append(
            {
                "feature": np.array([draw(st.integers(0, len(names) - 1)) for _ in range(n)]),
                "threshold": np.array([draw(numbers) for _ in range(n)]),
                "left": np.array([c[0] for c in children]),
                "right": np.array([c[1] for c in children]),
                "value": np.array([draw(leaf_values) for _ in range(n)]),
                "missing_left": np.array([draw(st.booleans()) for _ in range(n)]),
            }
        )
    return assemble(
        trees,
        feature_names=names,
        comparison=draw(st.sampled_from(["lt", "le"])),
        threshold_dtype=kind,
        aggregation=draw(st.sampled_from(["sum", "mean"])),
        base_score=draw(st.floats(-100, 100)),
        allows_missing=draw(st.booleans()),
    )


def telling_rows(ensemble: TreeEnsemble, *, missing: bool = False, seed: int = 0) -> np.ndarray:
    """Rows of thresholds, their neighbours and other numbers, in any combination. Shape (300, features)."""
    kind = np.dtype(ensemble.threshold_dtype)
    rng = np.random.default_rng(seed)
    cuts = ensemble.threshold[ensemble.feature >= 0].astype(kind)
    with np.errstate(over="ignore", under="ignore"):
        values = [cuts, np.nextafter(cuts, kind.type(np.inf)), np.nextafter(cuts, kind.type(-np.inf))]
    pool = np.concatenate([*values, np.array([0.0, -0.0, 1.0, -1e30, 1e30, np.inf, -np.inf], dtype=kind)])
    if missing and ensemble.allows_missing:
        pool = np.append(pool, [np.nan] * (len(pool) // 4 + 1)).astype(kind)
    return rng.choice(pool, size=(300, ensemble.n_features))
