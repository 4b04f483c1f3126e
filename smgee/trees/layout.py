"""Order and shape of trees stored as flat arrays: levels, heap ids, pre-order.

Everything here works level by level on whole arrays, for all trees at once, so its cost is linear in nodes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from smgee.errors import InputError
from smgee.trees.ensemble import LEAF, TreeEnsemble


def levels(left: np.ndarray, right: np.ndarray, roots: np.ndarray) -> list[np.ndarray]:
    """Return the node indices of every depth, roots first; raises `InputError` where children run in a
    circle.
    """
    result: list[np.ndarray] = []
    front, seen = np.asarray(roots), 0
    while len(front):
        result.append(front)
        seen += len(front)
        if seen > len(left):
            raise InputError(
                "The children of a node lead back to it, so the arrays are no trees; the model is damaged."
            )
        inner = front[left[front] != LEAF]
        front = np.concatenate([left[inner], right[inner]])
    return result


def subtree_sizes(left: np.ndarray, right: np.ndarray, tiers: list[np.ndarray]) -> np.ndarray:
    """Return the number of nodes at and below every node; `tiers` are the `levels`. Shape (nodes,) int64."""
    size = np.ones(len(left), dtype=np.int64)
    for tier in reversed(tiers):
        inner = tier[left[tier] != LEAF]
        size[inner] += size[left[inner]] + size[right[inner]]
    return size


def heap_ids(left: np.ndarray, right: np.ndarray, tiers: list[np.ndarray]) -> np.ndarray:
    """Return the heap number of every node: 1 at a root, 2k and 2k+1 at the children of k. Shape (nodes,)
    int64.

    Raises
    ------
    InputError
        For trees deeper than 62 levels, whose numbers do not fit 64 bits.
    """
    if len(tiers) - 1 > 62:
        raise InputError(
            f"A tree of {len(tiers) - 1} levels has heap numbers beyond 64 bits; at most 62 levels can be "
            "numbered."
        )
    ids = np.ones(len(left), dtype=np.int64)
    for tier in tiers:
        inner = tier[left[tier] != LEAF]
        ids[left[inner]] = 2 * ids[inner]
        ids[right[inner]] = 2 * ids[inner] + 1
    return ids


def is_canonical(ensemble: TreeEnsemble) -> bool:
    """Whether trees stand one after another, each in pre-order, with no node unused."""
    inner = np.flatnonzero(ensemble.feature != LEAF)
    if (
        not np.array_equal(ensemble.left[inner], inner + 1)
        or ensemble.roots[0] != 0
        or (np.diff(ensemble.roots) <= 0).any()
    ):
        return False
    # With every left child right behind its parent, pre-order and contiguity hold if right children do too;
    # sizes tell.
    tiers = levels(ensemble.left, ensemble.right, ensemble.roots)
    if sum(map(len, tiers)) != ensemble.n_nodes:
        return False
    size = subtree_sizes(ensemble.left, ensemble.right, tiers)
    starts = np.concatenate([[0], np.cumsum(size[ensemble.roots])[:-1]])
    return np.array_equal(ensemble.right[inner], inner + 1 + size[ensemble.left[inner]]) and np.array_equal(
        ensemble.roots, starts
    )


def rebuild(
    ensemble: TreeEnsemble, left: np.ndarray, right: np.ndarray, roots: np.ndarray, **changes: Any
) -> TreeEnsemble:
    """Return the canonical ensemble of the nodes that `roots`, `left` and `right` reach.

    Parameters
    ----------
    ensemble : TreeEnsemble
        Where all else comes from.
    left, right : (nodes,) int
        Children, `LEAF` at a leaf. Nodes that nothing points to any more are dropped; a leaf is where
        ``left`` says so.
    roots : (trees,) int
        Roots.
    **changes
        Other fields to set; arrays among them have the old node order.
    """
    tiers = levels(left, right, roots)
    size = subtree_sizes(left, right, tiers)
    position = np.full(len(left), LEAF, dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(size[roots])[:-1]])
    position[roots] = starts
    for tier in tiers:
        inner = tier[left[tier] != LEAF]
        position[left[inner]] = position[inner] + 1
        position[right[inner]] = position[inner] + 1 + size[left[inner]]
    used = position != LEAF
    order = np.empty(np.count_nonzero(used), dtype=np.int64)
    order[position[used]] = np.flatnonzero(used)
    leaf = left[order] == LEAF

    def moved(name: str) -> np.ndarray:
        return np.asarray(changes.pop(name, getattr(ensemble, name)))[order]

    return replace(
        ensemble,
        feature=np.where(leaf, LEAF, moved("feature")),
        threshold=np.where(leaf, 0.0, moved("threshold")),
        left=np.where(leaf, LEAF, position[left[order]]),
        right=np.where(leaf, LEAF, position[right[order]]),
        value=np.where(leaf, moved("value"), 0.0),
        missing_left=moved("missing_left") & ~leaf,
        roots=starts,
        **changes,
    )


def canonical(ensemble: TreeEnsemble) -> TreeEnsemble:
    """Return the same trees one after another, each in pre-order (node, left subtree, right subtree),
    without unused nodes.
    """
    return (
        ensemble
        if is_canonical(ensemble)
        else rebuild(ensemble, ensemble.left, ensemble.right, ensemble.roots)
    )


def assemble(trees: list[dict[str, np.ndarray]], **settings: Any) -> TreeEnsemble:
    """Join trees, each with node indices of its own and its root at `root` (0 by default), into a canonical
    ensemble.

    Parameters
    ----------
    trees : list of dict
        Arrays ``feature``, ``threshold``, ``left``, ``right``, ``value`` and, optionally, ``missing_left``;
        in each a leaf has ``left == LEAF``.
    **settings
        The other fields of `TreeEnsemble`.
    """
    if not trees:
        raise InputError("The model has no trees; train it for at least one round.")
    sizes = [len(t["left"]) for t in trees]
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])

    def joined(name: str) -> np.ndarray:
        return np.concatenate([np.asarray(t[name]) for t in trees])

    shift = np.repeat(offsets, sizes)
    left, right = joined("left").astype(np.int64), joined("right").astype(np.int64)
    leaf = left == LEAF
    missing = np.concatenate(
        [
            np.asarray(t.get("missing_left", np.zeros(n, bool)), dtype=bool)
            for t, n in zip(trees, sizes, strict=True)
        ]
    )
    return canonical(
        TreeEnsemble(
            feature=np.where(leaf, LEAF, joined("feature")),
            threshold=np.where(leaf, 0.0, joined("threshold").astype(np.float64)),
            left=np.where(leaf, LEAF, left + shift),
            right=np.where(leaf, LEAF, right + shift),
            value=np.where(leaf, joined("value").astype(np.float64), 0.0),
            missing_left=missing & ~leaf,
            roots=offsets + np.array([int(t.get("root", 0)) for t in trees]),
            **settings,
        )
    )
