"""Other trees with the same predictions: predictors fixed, vacuous tests dropped, deep trees cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from smgee.errors import InputError, UnsupportedError
from smgee.trees.ensemble import LEAF, TreeEnsemble
from smgee.trees.layout import canonical, rebuild

__all__ = ["bound_depth", "drop_vacuous", "redirect", "specialize"]


def redirect(ensemble: TreeEnsemble, target: np.ndarray) -> TreeEnsemble:
    """Replace nodes by one of their descendants.

    Parameters
    ----------
    ensemble : TreeEnsemble
    target : (nodes,) int
        Which node stands for each; itself where nothing changes. Chains are followed to their end.
    """
    target = np.asarray(target, dtype=np.int64)
    while True:
        further = target[target]
        if np.array_equal(further, target):
            break
        target = further
    inner = ensemble.feature != LEAF
    left = np.where(inner, target[ensemble.left], LEAF)
    right = np.where(inner, target[ensemble.right], LEAF)
    return rebuild(ensemble, left, right, target[ensemble.roots])


def specialize(ensemble: TreeEnsemble, values: Mapping[str, float]) -> TreeEnsemble:
    """Fix predictors that are constant over an image, such as the day of the year.

    Parameters
    ----------
    ensemble : TreeEnsemble
    values : mapping of str to float
        Predictor name to its constant, in the unit of the predictor. NaN is allowed where the model takes it.

    Returns
    -------
    TreeEnsemble
        Without these predictors; it predicts exactly what the original does where they have these values.

    Raises
    ------
    InputError
        For an unknown name, or NaN in a model that refuses it.
    """
    unknown = [n for n in values if n not in ensemble.feature_names]
    if unknown:
        raise InputError(f"The ensemble has no predictor {', '.join(map(repr, unknown))}; it has {', '.join(ensemble.feature_names)}.")
    if not values:
        return ensemble
    kind = np.dtype(ensemble.threshold_dtype)
    fixed = np.zeros(ensemble.n_features + 1, dtype=bool)  # the last entry stands for leaves, feature -1
    constant = np.zeros(ensemble.n_features + 1, dtype=kind)
    with np.errstate(over="ignore"):
        for name, value in values.items():
            if np.isnan(value) and not ensemble.allows_missing:
                raise InputError(f"The predictor {name!r} was fixed at NaN, which this model refuses; give a number.")
            column = ensemble.feature_names.index(name)
            fixed[column], constant[column] = True, value
        threshold = ensemble.threshold.astype(kind)
    x = constant[ensemble.feature]
    goes_left = x < threshold if ensemble.comparison == "lt" else x <= threshold
    goes_left = np.where(np.isnan(x), ensemble.missing_left, goes_left)
    target = np.where(fixed[ensemble.feature], np.where(goes_left, ensemble.left, ensemble.right), np.arange(ensemble.n_nodes))
    pruned = redirect(ensemble, target)
    keep = np.flatnonzero(~fixed[:-1])
    number = np.full(ensemble.n_features + 1, LEAF)
    number[keep] = np.arange(len(keep))
    record = {**ensemble.metadata, "specialized": {**ensemble.metadata.get("specialized", {}), **{n: float(v) for n, v in values.items()}}}
    return replace(
        pruned, feature=number[pruned.feature], feature_names=[ensemble.feature_names[i] for i in keep], metadata=record
    )


def drop_vacuous(ensemble: TreeEnsemble) -> TreeEnsemble:
    """Drop the tests that no number can fail: ``x <= inf`` and ``x < -inf``.

    Libraries write them to tell missing values from numbers, so NaN may now go the other way; meant for Earth Engine, where there is none.
    """
    inner = ensemble.feature != LEAF
    with np.errstate(over="ignore"):
        threshold = ensemble.threshold.astype(ensemble.threshold_dtype)
    vacuous = inner & (np.isposinf(threshold) if ensemble.comparison == "le" else np.isneginf(threshold))
    if not vacuous.any():
        return ensemble
    side = ensemble.left if ensemble.comparison == "le" else ensemble.right
    return redirect(ensemble, np.where(vacuous, side, np.arange(ensemble.n_nodes)))


def bound_depth(ensemble: TreeEnsemble, max_depth: int) -> TreeEnsemble:
    """Cut trees deeper than `max_depth` into several, so that their node numbers stay small.

    A subtree that begins too deep moves into a tree of its own: a chain of the bounds that lead to it (at most two for each
    predictor, whatever the depth), then the subtree; everywhere else it is zero, as the first tree now is there.

    Parameters
    ----------
    ensemble : TreeEnsemble
    max_depth : int
        Edges from a root to the deepest leaf, at least 1.

    Returns
    -------
    TreeEnsemble
        With more trees and the same predictions, NaN included.

    Raises
    ------
    UnsupportedError
        When the bounds alone need `max_depth` levels.
    """
    if max_depth < 1:
        raise InputError(f"A depth of at most {max_depth} cannot hold a test; give 1 or more.")
    if ensemble.depth <= max_depth:
        return ensemble
    ensemble = canonical(ensemble)
    return _Cutter(ensemble, max_depth).run()


class _Cutter:
    """The work of `bound_depth`: pieces of trees, each written behind a chain of bounds."""

    def __init__(self, ensemble: TreeEnsemble, max_depth: int) -> None:
        self.source = ensemble
        self.max_depth = max_depth
        self.parent = np.full(ensemble.n_nodes, LEAF)
        inner = np.flatnonzero(ensemble.feature != LEAF)
        self.parent[ensemble.left[inner]] = inner
        self.parent[ensemble.right[inner]] = inner
        self.columns: dict[str, list[np.ndarray]] = {
            n: [] for n in ("feature", "threshold", "left", "right", "value", "missing_left")
        }
        self.roots: list[int] = []
        self.size = 0

    def run(self) -> TreeEnsemble:
        waiting = self.source.roots.tolist()
        while waiting:
            waiting += self._piece(waiting.pop())
        arrays = {name: np.concatenate(parts) for name, parts in self.columns.items()}
        if self.source.aggregation == "mean":
            arrays["value"] = arrays["value"] * (len(self.roots) / self.source.n_trees)
        return canonical(replace(self.source, roots=np.array(self.roots), **arrays))

    def _piece(self, node: int) -> list[int]:
        """Write the tree of the subtree at `node`; return the nodes below it that need a tree of their own."""
        bounds = self._bounds(node)
        room = self.max_depth - len(bounds)
        if room < 1:
            raise UnsupportedError(
                f"A tree is {self.source.depth} levels deep and its parts are bounded by {len(bounds)} tests, so it cannot be cut to {self.max_depth} "
                "levels; train with a smaller max_depth, or allow more levels."
            )
        e, cut = self.source, []
        order, front = [], np.array([node])
        for level in range(room + 1):
            order.append(front)
            inner = front[e.feature[front] != LEAF]
            if level == room:
                cut = inner.tolist()
            front = np.concatenate([e.left[inner], e.right[inner]])
        nodes = np.concatenate(order)
        leaf = (e.feature[nodes] == LEAF) | np.isin(nodes, cut)
        chain = len(bounds)
        place = np.full(e.n_nodes, LEAF) if e.n_nodes < 4 * len(nodes) else None
        # New indices: chain tests, then their zero leaves, then the subtree.
        start = self.size + 2 * chain
        if place is None:
            rank = np.argsort(nodes)

            def moved(children: np.ndarray) -> np.ndarray:
                return start + rank[np.searchsorted(nodes[rank], children)]
        else:
            place[nodes] = start + np.arange(len(nodes))

            def moved(children: np.ndarray) -> np.ndarray:
                return place[children]

        left, right = np.full(len(nodes), LEAF), np.full(len(nodes), LEAF)
        left[~leaf], right[~leaf] = moved(e.left[nodes[~leaf]]), moved(e.right[nodes[~leaf]])
        following = [self.size + i + 1 for i in range(chain - 1)] + [start] if chain else []
        zero = [self.size + chain + i for i in range(chain)]
        none = [LEAF] * chain
        self._append("feature", [b[0] for b in bounds] + none, np.where(leaf, LEAF, e.feature[nodes]))
        self._append("threshold", [b[1] for b in bounds] + [0.0] * chain, np.where(leaf, 0.0, e.threshold[nodes]))
        self._append("left", [f if b[2] else z for b, f, z in zip(bounds, following, zero, strict=True)] + none, left)
        self._append("right", [z if b[2] else f for b, f, z in zip(bounds, following, zero, strict=True)] + none, right)
        self._append("value", [0.0] * (2 * chain), np.where(leaf, e.value[nodes], 0.0))
        self._append("missing_left", [b[3] for b in bounds] + [False] * chain, e.missing_left[nodes] & ~leaf)
        self.roots.append(self.size)
        self.size += 2 * chain + len(nodes)
        return cut

    def _append(self, name: str, chain: list, subtree: np.ndarray) -> None:
        self.columns[name].append(np.concatenate([np.asarray(chain, dtype=subtree.dtype), subtree]))

    def _bounds(self, node: int) -> list[tuple[int, float, bool, bool]]:
        """Return the tightest tests on the way to a node: (feature, threshold, whether left leads on, where NaN goes)."""
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
        return [(f, t, went_left, went_left == nan_passes[f]) for (f, went_left), t in sorted(tightest.items())]
