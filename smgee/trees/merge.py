"""Smaller trees with the same predictions: what decides nothing is dropped, what is equal is joined.

Tree text has no way to share a subtree, so equal parts can be joined only where one of them becomes
superfluous: children of one node, and trees that test the same thresholds in the same places.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from smgee.trees.ensemble import LEAF, TreeEnsemble
from smgee.trees.layout import canonical, levels, subtree_sizes
from smgee.trees.reshape import redirect


def merge(ensemble: TreeEnsemble) -> TreeEnsemble:
    """Drop implied tests, join equal siblings, join trees of equal shape, and fold trees of one leaf into the
    base score.

    Predictions change by float64 rounding of the leaf sums at most.
    """
    ensemble = canonical(ensemble)
    return join_trees(join_siblings(drop_implied(ensemble)))


def _parents(ensemble: TreeEnsemble) -> np.ndarray:
    parent = np.full(ensemble.n_nodes, LEAF, dtype=np.int64)
    inner = np.flatnonzero(ensemble.feature != LEAF)
    parent[ensemble.left[inner]] = inner
    parent[ensemble.right[inner]] = inner
    return parent


def drop_implied(ensemble: TreeEnsemble) -> TreeEnsemble:
    """Drop tests whose outcome the tests above them settle, for numbers and, where the model takes it, for
    NaN.
    """
    parent = _parents(ensemble)
    nodes = np.flatnonzero(ensemble.feature != LEAF)
    with np.errstate(over="ignore"):
        cut = ensemble.threshold.astype(ensemble.threshold_dtype).astype(np.float64)
    own = ensemble.feature[nodes]
    # x <= inf and x < -inf are settled without any test above; NaN compares false.
    le = ensemble.comparison == "le"
    upper = np.full(len(nodes), np.inf if le else np.nan)
    lower = np.full(len(nodes), np.nan if le else -np.inf)
    nan_arrives = np.full(len(nodes), ensemble.allows_missing)
    below, above = nodes, parent[nodes]
    climbing = np.arange(len(nodes))
    while len(climbing):
        up = above >= 0
        climbing, below, above = climbing[up], below[up], above[up]
        same = ensemble.feature[above] == own[climbing]
        at, a = climbing[same], above[same]
        went_left = ensemble.left[a] == below[same]
        upper[at[went_left]] = np.fmin(upper[at[went_left]], cut[a[went_left]])
        lower[at[~went_left]] = np.fmax(lower[at[~went_left]], cut[a[~went_left]])
        nan_arrives[at] &= ensemble.missing_left[a] == went_left
        below, above = above, parent[above]
    to_left, to_right = cut[nodes] >= upper, cut[nodes] <= lower
    to_left &= ~nan_arrives | ensemble.missing_left[nodes]
    to_right &= ~nan_arrives | ~ensemble.missing_left[nodes]
    target = np.arange(ensemble.n_nodes)
    target[nodes[to_right]] = ensemble.right[nodes[to_right]]
    target[nodes[to_left]] = ensemble.left[nodes[to_left]]
    return redirect(ensemble, target) if (to_left | to_right).any() else ensemble


def _signatures(ensemble: TreeEnsemble, *, with_values: bool) -> np.ndarray:
    """Number subtrees so that two have the same number exactly when they are equal (leaf values counted or
    not).
    """
    tiers = levels(ensemble.left, ensemble.right, ensemble.roots)
    height = np.zeros(ensemble.n_nodes, dtype=np.int64)
    for tier in reversed(tiers):
        inner = tier[ensemble.feature[tier] != LEAF]
        height[inner] = 1 + np.maximum(height[ensemble.left[inner]], height[ensemble.right[inner]])
    number = np.zeros(ensemble.n_nodes, dtype=np.int64)
    order = np.argsort(height, kind="stable")
    ends = np.searchsorted(height[order], np.arange(height.max() + 2))
    leaf = order[: ends[1]]
    if with_values:
        number[leaf] = np.unique(ensemble.value[leaf], return_inverse=True)[1]
    following = int(number[leaf].max()) + 1
    for low, high in pairwise(ends[1:].tolist()):
        nodes = order[low:high]
        key = np.column_stack(
            [
                ensemble.feature[nodes],
                (ensemble.threshold[nodes] + 0.0).view(np.int64),  # adding zero joins -0.0 with 0.0
                ensemble.missing_left[nodes],
                number[ensemble.left[nodes]],
                number[ensemble.right[nodes]],
            ]
        )
        number[nodes] = following + np.unique(key, axis=0, return_inverse=True)[1].reshape(-1)
        following = int(number[nodes].max()) + 1
    return number


def join_siblings(ensemble: TreeEnsemble) -> TreeEnsemble:
    """Replace every node whose two children are equal subtrees by one of them, until there is none."""
    while True:
        number = _signatures(ensemble, with_values=True)
        inner = np.flatnonzero(ensemble.feature != LEAF)
        equal = inner[number[ensemble.left[inner]] == number[ensemble.right[inner]]]
        if not len(equal):
            return ensemble
        target = np.arange(ensemble.n_nodes)
        target[equal] = ensemble.left[equal]
        ensemble = redirect(ensemble, target)


def join_trees(ensemble: TreeEnsemble) -> TreeEnsemble:
    """Add up trees that are equal but for their leaf values, and fold trees of a single leaf into the base
    score.
    """
    ensemble = canonical(ensemble)
    number = _signatures(ensemble, with_values=False)[ensemble.roots]
    size = subtree_sizes(
        ensemble.left, ensemble.right, levels(ensemble.left, ensemble.right, ensemble.roots)
    )[ensemble.roots]
    share = 1.0 if ensemble.aggregation == "sum" else 1.0 / ensemble.n_trees
    base = ensemble.base_score + share * float(ensemble.value[ensemble.roots[size == 1]].sum())
    kept = []
    value = ensemble.value.copy()
    for shape in np.unique(number[size > 1]):
        first, *others = np.flatnonzero((number == shape) & (size > 1))
        kept.append(first)
        a, n = ensemble.roots[first], size[first]
        for other in others:
            b = ensemble.roots[other]
            value[a : a + n] += value[b : b + n]
    if not kept:  # all trees are single leaves; one has to stay
        zero = replace(ensemble, base_score=base, value=np.zeros(ensemble.n_nodes))
        return canonical(replace(zero, roots=ensemble.roots[:1]))
    if len(kept) == ensemble.n_trees:
        return ensemble
    kept.sort()
    if ensemble.aggregation == "mean":
        value = value * (len(kept) / ensemble.n_trees)
    return canonical(replace(ensemble, value=value, roots=ensemble.roots[kept], base_score=base))
