"""The form in which the engines hold an ensemble: integer keys for numbers, ranks for thresholds, fixed-point
leaves.

Every ensemble is brought to one test, *left when* ``key(x) <= cut``, in integers.

A row is cast to the type in which the model compares, float32 or float64, and read as an integer that sorts
like the number (`smgee.trees.kernel.keys`). The threshold becomes the largest key that still goes left: for
``x <= t`` that of the largest number of the row's type not above ``t``; for ``x < t`` the key below that of
the smallest number not below ``t``. Integers know neither negative zero nor the flushing of denormals, so
both tests are exact for every number.

NaN takes no part in the comparison. A predictor whose nodes send NaN both ways is read twice, once with NaN
below every cut and once with NaN above, and each node looks at the copy that sends NaN where the model does:
a *slot* is (predictor, NaN left).

Leaves are integers, ``rint((value − centre of the tree) / scale)``, summed as integers. Such a sum depends
neither on the order of the trees nor on the engine nor on the rows beside it, so tiles meet without seams.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from smgee.errors import UnsupportedError
from smgee.trees.ensemble import TreeEnsemble
from smgee.trees.kernel.keys import Encoder, key_of_number
from smgee.trees.layout import canonical

# Sums of leaves of this many fractional bits fit int32; where that is too coarse, int64 and the plain walk
# take over.
SHORT_BITS, LONG_BITS = 30, 52


# Bits of a node's word: slot or lane, rank, distance to the right child.
LANE_BITS, RANK_BITS, RIGHT_BITS = 12, 25, 27
LEAF_LANE = (1 << LANE_BITS) - 1


@dataclass(frozen=True, eq=False)
class Forest:
    """An ensemble ready for the engines; nodes in pre-order, so that the left child of node ``i`` is ``i +
    1``.

    Parameters
    ----------
    words : (nodes,) int64
        From the lowest bit: the slot tested, `LEAF_LANE` at a leaf; the rank of the node's cut among those of
        its predictor, at a leaf its number among the leaves; how far behind the node its right child is.
    roots : (trees,) int32
        Root of each tree.
    depth : int
        Of the deepest tree.
    leaf : (leaves,) int32 or int64
        Fixed-point leaves; the prediction is ``offset + scale * sum(leaf)``.
    scale, offset : float
        See `leaf`.
    slot_feature : (slots,) int64
        Predictor of each slot, ascending.
    slot_nan_left : (slots,) bool
        Whether NaN goes left at the nodes of the slot.
    cuts : (cuts,) int32 or int64
        Distinct cuts of all predictors, ascending within each.
    cut_start : (features + 1,) int64
        Where each predictor's cuts begin.
    cut_weight : (cuts + features,) float32
        For each predictor, sums over its first ``0, 1, …`` cuts of the number of internal nodes below the
        nodes with that cut.
    """

    words: np.ndarray
    roots: np.ndarray
    depth: int
    leaf: np.ndarray
    scale: float
    offset: float
    slot_feature: np.ndarray
    slot_nan_left: np.ndarray
    cuts: np.ndarray
    cut_start: np.ndarray
    cut_weight: np.ndarray

    @cached_property
    def symmetric(self) -> Symmetric | None:
        """The trees level by level, if all nodes of a level test the same cut in each tree, of eight
        levels at most, and codes are bytes.
        """
        return Symmetric.of_forest(self) if self.code_type == np.uint8 else None

    @property
    def row_work(self) -> int:
        """Tests that one row takes part in, with nothing pruned: how much work it is."""
        return len(self.words) if self.symmetric is None else len(self.symmetric.level)

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.roots)

    @cached_property
    def most_cuts(self) -> int:
        """The greatest number of cuts of one predictor."""
        return int(np.diff(self.cut_start).max())

    @property
    def code_type(self) -> np.dtype:
        """The narrowest type that holds the codes of every predictor."""
        return np.dtype(
            np.uint8 if self.most_cuts <= 255 else np.uint16 if self.most_cuts <= 65535 else np.int32
        )

    @property
    def row_bytes(self) -> int:
        """Bytes of the codes of one row without missing values."""
        return len(np.unique(self.slot_feature)) * self.code_type.itemsize

    @cached_property
    def encoders(self) -> list[Encoder]:
        """The encoder of each predictor."""
        return [
            Encoder.of_cuts(self.cuts[a:b])
            for a, b in zip(self.cut_start[:-1], self.cut_start[1:], strict=True)
        ]


@dataclass(frozen=True, eq=False)
class Symmetric:
    """Symmetric trees; see `smgee.trees.kernel.oblivious.predict_symmetric_block` for the arrays."""

    level: np.ndarray
    level_start: np.ndarray
    leaf_start: np.ndarray

    @classmethod
    def of_forest(cls, forest: Forest) -> Symmetric | None:
        """Return the levels, or None if some tree is not symmetric or has more than eight."""
        stop = np.append(forest.roots[1:], len(forest.words))
        sizes = stop - forest.roots + 1
        depths = np.log2(sizes).astype(np.int64) - 1
        if (1 << depths + 1 != sizes).any() or depths.max() > 8:
            return None
        levels: list[int] = []
        for root, depth in zip(forest.roots, depths, strict=True):
            nodes = np.array([root])
            for below in range(depth, 0, -1):
                words = forest.words[nodes]
                # In a complete tree, the right child comes after the left one and all that is below it.
                if (
                    (words != words[0]).any()
                    or words[0] & LEAF_LANE == LEAF_LANE
                    or words[0] >> LANE_BITS + RANK_BITS != 1 << below
                ):
                    return None
                levels.append(words[0])
                nodes = np.concatenate([nodes + 1, nodes + (1 << below)])
        leaves = np.concatenate([[0], np.cumsum(1 << depths)[:-1]])
        return cls(np.array(levels, np.int64), np.concatenate([[0], np.cumsum(depths)]), leaves)


_forests: weakref.WeakKeyDictionary[TreeEnsemble, dict[np.dtype, Forest]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def forest_of(ensemble: TreeEnsemble, dtype: np.dtype) -> Forest:
    """Return the ensemble prepared for rows of `dtype` (float32 or float64), made once and kept as long as
    the ensemble lives.
    """
    with _lock:
        known = _forests.setdefault(ensemble, {})
        if dtype not in known:
            known[dtype] = _prepare(canonical(ensemble), dtype)
        return known[dtype]


def compare_dtype(ensemble: TreeEnsemble, given: np.dtype) -> np.dtype:
    """Return the type to which rows of type `given` are cast before comparing.

    float32 where the model compares in float32, or where the rows are exact in float32 already (moving a
    threshold then changes no test); float64 otherwise.
    """
    exact = np.can_cast(given, np.float32, casting="safe")
    return np.dtype(np.float32 if exact or ensemble.threshold_dtype == "float32" else np.float64)


def _prepare(ensemble: TreeEnsemble, dtype: np.dtype) -> Forest:
    inner = ensemble.feature >= 0
    nodes = np.flatnonzero(inner)
    if 2 * ensemble.n_features >= LEAF_LANE or ensemble.n_nodes >> RANK_BITS:
        raise UnsupportedError(
            f"The model has {ensemble.n_features} predictors and {ensemble.n_nodes} nodes; the kernel takes "
            "at most "
            f"{LEAF_LANE // 2 - 1} and {(1 << RANK_BITS) - 1}."
        )
    feature = ensemble.feature[nodes]
    cut = cuts_of(ensemble.threshold[nodes], ensemble.comparison, np.dtype(ensemble.threshold_dtype), dtype)
    cuts, cut_start, rank = _ranks(feature, cut, ensemble.n_features)
    weight = _cut_weights(ensemble, nodes, feature, rank, cut_start)
    # Libraries leave arbitrary directions in models that met no missing value.
    nan_left = ensemble.missing_left[nodes] & ensemble.allows_missing
    present, slot = np.unique(2 * feature + nan_left, return_inverse=True)
    words = np.empty(ensemble.n_nodes, np.int64)
    words[nodes] = (
        slot | rank.astype(np.int64) << LANE_BITS | (ensemble.right[nodes] - nodes) << (LANE_BITS + RANK_BITS)
    )
    words[~inner] = LEAF_LANE | np.arange(ensemble.n_nodes - len(nodes)) << LANE_BITS
    leaf, scale, offset = _fixed_point(ensemble, inner)
    slots = (present // 2).astype(np.int64), present % 2 == 1
    return Forest(
        words, ensemble.roots.copy(), ensemble.depth, leaf, scale, offset, *slots, cuts, cut_start, weight
    )


def cuts_of(threshold: np.ndarray, comparison: str, compared: np.dtype, dtype: np.dtype) -> np.ndarray:
    """Return for each threshold the largest key of type `dtype` that goes left.

    Parameters
    ----------
    threshold : (n,) float64
        The trained numbers, taken in the type `compared` in which the model compares.
    comparison : {"lt", "le"}
        The model's test.
    compared, dtype : numpy.dtype
        Types in which the model compares, and of the rows: float32 or float64.
    """
    with np.errstate(over="ignore"):
        exact = threshold.astype(compared).astype(np.float64)
        near = exact.astype(dtype)
        below, above = np.nextafter(near, dtype.type(-np.inf)), np.nextafter(near, dtype.type(np.inf))
    if comparison == "le":
        return key_of_number(np.where(near > exact, below, near))
    return key_of_number(np.where(near < exact, above, near)) - 1


def _ranks(
    feature: np.ndarray, cut: np.ndarray, n_features: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distinct cuts by predictor, where each predictor's begin, and the rank of every node's
    cut.
    """
    rank = np.empty(len(cut), np.int32)
    distinct = []
    for f in range(n_features):
        of = np.flatnonzero(feature == f)
        values, rank[of] = np.unique(cut[of], return_inverse=True)
        distinct.append(values)
    start = np.concatenate([[0], np.cumsum([len(v) for v in distinct])]).astype(np.int64)
    return np.concatenate(distinct), start, rank


def _fixed_point(ensemble: TreeEnsemble, inner: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return fixed-point leaves with their scale and the prediction at zero.

    With the trees' leaves centred, no sum exceeds the sum of the trees' half ranges, which becomes ``2 **
    bits``. The rounding errors of the leaves are independent and uniform over one step, so that of their sum
    has the standard deviation ``step * sqrt(trees / 12)``; int32 will do where six of them stay below 2⁻²²
    (four float32 roundings) of the range of predictions.
    """
    leaves = np.flatnonzero(~inner)
    value = ensemble.value[leaves] / (ensemble.n_trees if ensemble.aggregation == "mean" else 1)
    first = np.searchsorted(leaves, ensemble.roots)
    low, high = np.minimum.reduceat(value, first), np.maximum.reduceat(value, first)
    centre, half = (low + high) / 2, float(np.sum(high - low) / 2)
    offset = float(ensemble.base_score + centre.sum())
    if half == 0:
        return np.zeros(len(leaves), np.int32), 1.0, offset
    error = 6.0 * half / 2.0**SHORT_BITS * np.sqrt(ensemble.n_trees / 12.0)
    spread = np.sqrt(np.sum(np.square(high - low)))
    short = error <= 2.0**-22 * max(abs(offset), spread)
    scale = half / 2.0 ** (SHORT_BITS if short else LONG_BITS)
    value -= np.repeat(centre, np.diff(np.append(first, len(leaves))))
    return np.rint(value / scale).astype(np.int32 if short else np.int64), scale, offset


def _cut_weights(
    ensemble: TreeEnsemble, nodes: np.ndarray, feature: np.ndarray, rank: np.ndarray, cut_start: np.ndarray
) -> np.ndarray:
    """Return what pruning at a cut can save, summed over cuts: see `Forest.cut_weight`."""
    end = _subtree_ends(ensemble, nodes)
    total = np.bincount(cut_start[feature] + rank, weights=(end - nodes) // 2, minlength=cut_start[-1])
    parts = [np.concatenate([[0.0], np.cumsum(total[a:b])]) for a, b in pairwise(cut_start)]
    return np.concatenate(parts).astype(np.float32)


def _subtree_ends(ensemble: TreeEnsemble, nodes: np.ndarray) -> np.ndarray:
    """Return one past the last node of the subtree of each internal node, in pre-order arrays.

    The subtree ends where the right child's ends, so following right children to a leaf finds it.
    """
    last = ensemble.right[nodes].astype(np.int64)
    while True:
        go = ensemble.feature[last] >= 0
        if not go.any():
            return last + 1
        last[go] = ensemble.right[last[go]]
