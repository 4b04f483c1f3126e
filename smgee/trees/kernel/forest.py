"""The form in which the kernel holds an ensemble: trees laid out in pre-order, one comparison, fixed-point leaves.

Every ensemble is brought to the single test *left when* ``x <= t``. A row is first cast to the type in which the model compares,
float32 or float64; the threshold is then moved to the largest number of the row's type for which the test says the same:

- ``x <= t`` equals ``x <= down(t)``, with ``down`` rounding towards −∞ into the row's type;
- ``x < t`` equals ``x <= pred(up(t))``, with ``up`` rounding towards +∞ and ``pred`` the number just below.

Leaves are kept as integers, ``rint((value − centre of the tree) / scale)``, and summed as integers. Such sums do not depend on
the order of the trees, on the engine or on the neighbouring rows, so that tiles meet without seams.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smgee.errors import InputError
from smgee.trees.ensemble import TreeEnsemble

# An ensemble whose shared subtrees unfold to more than this many times its nodes is taken for one that loops.
MAX_UNFOLDING = 64


@dataclass(frozen=True, eq=False)
class Forest:
    """An ensemble ready for the engines; nodes in pre-order, so that the left child of node ``i`` is ``i + 1``.

    Parameters
    ----------
    feature : (nodes,) int32
        Predictor tested, −1 at a leaf.
    threshold : (nodes,) float32 or float64
        A row goes left when ``x <= threshold``; NaN sends every number right.
    right : (nodes,) int32
        Right child.
    missing_left : (nodes,) bool
        Where NaN goes.
    leaf : (nodes,) int64
        Fixed-point leaf; the prediction is ``offset + scale * sum(leaf)``.
    roots : (trees,) int32
        Root of each tree.
    n_features : int
        Number of predictors.
    scale, offset : float
        See `leaf`.
    """

    feature: np.ndarray
    threshold: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    leaf: np.ndarray
    roots: np.ndarray
    n_features: int
    scale: float
    offset: float

    @cached_property
    def used(self) -> np.ndarray:
        """Predictors that some node tests, ascending."""
        return np.unique(self.feature[self.feature >= 0])


_forests: weakref.WeakKeyDictionary[TreeEnsemble, dict[np.dtype, Forest]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def forest_of(ensemble: TreeEnsemble, dtype: np.dtype) -> Forest:
    """Return the ensemble prepared for rows of `dtype` (float32 or float64), made once and kept as long as the ensemble lives.

    Raises
    ------
    InputError
        If the arrays are no trees (a child out of range, a loop, a threshold or leaf that is not a number).
    """
    with _lock:
        known = _forests.setdefault(ensemble, {})
        if dtype not in known:
            known[dtype] = _prepare(ensemble, dtype)
        return known[dtype]


def compare_dtype(ensemble: TreeEnsemble, given: np.dtype) -> np.dtype:
    """Return the type to which rows of type `given` are cast before comparing.

    float32 where the model compares in float32, or where the rows are exact in float32 already (moving a threshold then changes no
    test); float64 otherwise.
    """
    exact = np.can_cast(given, np.float32, casting="safe")
    return np.dtype(np.float32 if exact or ensemble.threshold_dtype == "float32" else np.float64)


def _prepare(ensemble: TreeEnsemble, dtype: np.dtype) -> Forest:
    from smgee.trees.kernel.layout import lay_out

    inner = _checked_inner(ensemble)
    weight = 1.0 / ensemble.n_trees if ensemble.aggregation == "mean" else 1.0
    limit = MAX_UNFOLDING * ensemble.n_nodes + 1
    order, right, roots = lay_out(ensemble.left, ensemble.right, inner, ensemble.roots, limit)
    if len(order) == 0:
        raise InputError("The children of the ensemble's nodes form a loop; every node must be reached from above only.")

    feature = np.where(inner[order], ensemble.feature[order], -1).astype(np.int32)
    threshold = single_test_thresholds(ensemble.threshold, ensemble.comparison, dtype)[order]
    values = np.where(feature < 0, ensemble.value[order] * weight, np.nan)
    highest, lowest = np.fmax.reduceat(values, roots), np.fmin.reduceat(values, roots)
    centre = (highest + lowest) / 2
    half = float(np.sum((highest - lowest) / 2))
    bits = _fraction_bits(half, len(roots), float(np.abs(centre).sum() + abs(ensemble.base_score)))
    scale = half / 2.0**bits if half > 0 else 1.0
    of_tree = np.repeat(centre, np.diff(np.append(roots, len(order))))
    leaf = np.where(feature < 0, np.rint((np.nan_to_num(values) - of_tree) / scale), 0).astype(np.int64)
    offset = float(ensemble.base_score + np.sum(centre))
    return Forest(feature, threshold, right, ensemble.missing_left[order], leaf, roots, ensemble.n_features, scale, offset)


def _fraction_bits(half_range: float, n_trees: int, size: float) -> int:
    """Return 30 (sums fit int32) where rounding leaves that coarsely cannot be seen in float32, else 52 (sums in int64).

    The rounding errors of `n_trees` leaves are independent and uniform over one step, so their sum has the standard deviation
    ``step * sqrt(n_trees / 12)``; six of them are allowed to reach half a unit in the last place of a float32 of the sum's size.
    """
    step = half_range / 2.0**30
    return 30 if 6.0 * step * np.sqrt(n_trees / 12.0) <= 2.0**-24 * max(size, half_range) * 4 else 52


def _checked_inner(ensemble: TreeEnsemble) -> np.ndarray:
    """Return which nodes are internal, after checking what the compiled code relies on."""
    inner = ensemble.feature >= 0
    n = ensemble.n_nodes
    for name in ("left", "right"):
        children = getattr(ensemble, name)[inner]
        if children.size and (children.min() < 0 or children.max() >= n):
            raise InputError(f"The ensemble's {name} children point outside its {n} nodes; rebuild it from the model.")
    if ensemble.roots.min() < 0 or ensemble.roots.max() >= n:
        raise InputError(f"The ensemble's roots point outside its {n} nodes; rebuild it from the model.")
    if inner.any() and ensemble.feature.max() >= ensemble.n_features:
        raise InputError(f"A node tests predictor {ensemble.feature.max()}, but the ensemble names {ensemble.n_features} predictors.")
    if np.isnan(ensemble.threshold[inner]).any():
        raise InputError("A threshold of the ensemble is NaN; every threshold must be a number.")
    if not (np.isfinite(ensemble.value[~inner]).all() and np.isfinite(ensemble.base_score)):
        raise InputError("A leaf value or the base score of the ensemble is not finite; every one must be a number.")
    return inner


def single_test_thresholds(threshold: np.ndarray, comparison: str, dtype: np.dtype) -> np.ndarray:
    """Return thresholds of type `dtype` for the one test ``x <= t``, equal in effect to `comparison` with the exact `threshold`.

    Parameters
    ----------
    threshold : (n,) float64
        The trained numbers.
    comparison : {"lt", "le"}
        The model's test.
    dtype : numpy.dtype
        Type of the rows compared, float32 or float64.
    """
    with np.errstate(over="ignore"):
        near = threshold.astype(dtype)
    infinity = dtype.type(np.inf)
    if comparison == "le":
        return np.where(near > threshold, np.nextafter(near, -infinity), near)
    up = np.where(near < threshold, np.nextafter(near, infinity), near)
    # Nothing lies below −∞: NaN fails the test for every number, −∞ included.
    return np.where(threshold == -np.inf, dtype.type(np.nan), np.nextafter(up, -infinity))
