"""The work behind `smgee.trees.reshape.bound_depth`: deep trees written as several shallow ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from smgee.errors import UnsupportedError
from smgee.trees.ensemble import LEAF, TreeEnsemble
from smgee.trees.layout import canonical

Bound = tuple[int, float, bool, bool]  # feature, threshold, whether left leads on, where NaN goes


class Cutter:
    """Pieces of trees, each behind a chain of the bounds that lead to it.

    Parameters
    ----------
    ensemble : TreeEnsemble
        Canonical.
    max_depth : int
        Edges from a root to the deepest leaf.
    """

    def __init__(self, ensemble: TreeEnsemble, max_depth: int) -> None:
        self.source = ensemble
        self.max_depth = max_depth
        self.parent = np.full(ensemble.n_nodes, LEAF)
        inner = np.flatnonzero(ensemble.feature != LEAF)
        self.parent[ensemble.left[inner]] = inner
        self.parent[ensemble.right[inner]] = inner
        self.place = np.full(ensemble.n_nodes, LEAF)  # new index of a node, within the piece being written
        self.columns: dict[str, list[np.ndarray]] = {
            n: [] for n in ("feature", "threshold", "left", "right", "value", "missing_left")
        }
        self.roots: list[int] = []
        self.size = 0

    def run(self) -> TreeEnsemble:
        """Return the ensemble of all pieces."""
        waiting = self.source.roots.tolist()
        while waiting:
            waiting += self._piece(waiting.pop())
        arrays: dict[str, Any] = {name: np.concatenate(parts) for name, parts in self.columns.items()}
        if self.source.aggregation == "mean":
            arrays["value"] = arrays["value"] * (len(self.roots) / self.source.n_trees)
        return canonical(replace(self.source, roots=np.array(self.roots), **arrays))

    def _piece(self, node: int) -> list[int]:
        """Write the subtree at `node` as a tree; return the nodes below it that need a tree of their own."""
        bounds = self._bounds(node)
        room = self.max_depth - len(bounds)
        if room < 1:
            raise UnsupportedError(
                f"A tree is {self.source.depth} levels deep, and {len(bounds)} separate bounds lead to one "
                "of its parts, so it "
                "cannot be cut to "
                f"{self.max_depth} levels; train with max_depth={self.max_depth} or a larger "
                "min_samples_leaf, or allow up to 62 "
                "levels."
            )
        e = self.source
        too_deep = self._walk(node, room, set())[1]
        cuts = {self._best_ancestor(deep, node) for deep in too_deep}
        nodes, _ = self._walk(node, room, cuts)
        reached = set(nodes[np.isin(nodes, list(cuts))].tolist())  # a cut below another cut moves with it
        leaf = (e.feature[nodes] == LEAF) | np.isin(nodes, list(reached))
        # New indices: chain tests, then their zero leaves, then the subtree.
        chain = len(bounds)
        start = self.size + 2 * chain
        self.place[nodes] = start + np.arange(len(nodes))
        left, right = np.full(len(nodes), LEAF), np.full(len(nodes), LEAF)
        left[~leaf], right[~leaf] = self.place[e.left[nodes[~leaf]]], self.place[e.right[nodes[~leaf]]]
        onward = [self.size + i + 1 for i in range(chain - 1)] + [start] * (chain > 0)
        zero = [self.size + chain + i for i in range(chain)]
        none = [LEAF] * chain
        self._append("feature", [b[0] for b in bounds] + none, np.where(leaf, LEAF, e.feature[nodes]))
        self._append(
            "threshold", [b[1] for b in bounds] + [0.0] * chain, np.where(leaf, 0.0, e.threshold[nodes])
        )
        self._append(
            "left", [o if b[2] else z for b, o, z in zip(bounds, onward, zero, strict=True)] + none, left
        )
        self._append(
            "right", [z if b[2] else o for b, o, z in zip(bounds, onward, zero, strict=True)] + none, right
        )
        self._append(
            "value", [0.0] * (2 * chain), np.where(leaf & (e.feature[nodes] == LEAF), e.value[nodes], 0.0)
        )
        self._append("missing_left", [b[3] for b in bounds] + [False] * chain, e.missing_left[nodes] & ~leaf)
        self.roots.append(self.size)
        self.size += 2 * chain + len(nodes)
        return sorted(reached)

    def _append(self, name: str, chain: list, subtree: np.ndarray) -> None:
        self.columns[name].append(np.concatenate([np.asarray(chain, dtype=subtree.dtype), subtree]))

    def _walk(self, node: int, room: int, cuts: set[int]) -> tuple[np.ndarray, list[int]]:
        """Return the nodes of the subtree down to the cuts, and the tests that stand `room` levels below
        its top.
        """
        e, found, front = self.source, [], np.array([node])
        stop = np.array(sorted(cuts), dtype=np.int64)
        for _ in range(room):
            found.append(front)
            inner = front[(e.feature[front] != LEAF) & ~np.isin(front, stop)]
            front = np.concatenate([e.left[inner], e.right[inner]])
        found.append(front)
        return np.concatenate(found), front[e.feature[front] != LEAF].tolist()

    def _best_ancestor(self, node: int, top: int) -> int:
        """Return `node` or the ancestor of it below `top` that a chain lifts the most, the lowest of
        equals.
        """
        path = [node]
        while (above := int(self.parent[path[-1]])) != LEAF:
            path.append(above)
        path.reverse()
        seen: set[tuple[int, bool]] = set()
        best, lift, below_top = node, -1, path[0] == top
        for depth, (above, here) in enumerate(pairwise(path), start=1):
            seen.add((int(self.source.feature[above]), int(self.source.left[above]) == here))
            if below_top and depth - len(seen) >= lift:
                best, lift = here, depth - len(seen)
            below_top = below_top or here == top
        return best

    def _bounds(self, node: int) -> list[Bound]:
        """Return the tightest tests on the way to a node."""
        e = self.source
        tightest: dict[tuple[int, bool], float] = {}
        nan_passes: dict[int, bool] = {}
        while (above := int(self.parent[node])) != LEAF:
            went_left = int(e.left[above]) == node
            f, t = int(e.feature[above]), float(e.threshold[above])
            known = tightest.get((f, went_left))
            tightest[f, went_left] = t if known is None else (min(known, t) if went_left else max(known, t))
            nan_passes[f] = nan_passes.get(f, True) and bool(e.missing_left[above]) == went_left
            node = above
        return [
            (f, t, went_left, went_left == nan_passes[f]) for (f, went_left), t in sorted(tightest.items())
        ]
