"""Smaller trees that predict almost the same, with the price measured.

What changes nothing goes first (`smgee.trees.merge.merge`). Then subtrees are replaced by the mean of their
leaves over given rows, by cost-complexity pruning (Breiman, Friedman, Olshen & Stone 1984, Classification and
Regression Trees, ch. 3), with bytes of text as the complexity and one exchange rate between squared error and
bytes for all trees: for any rate the pruning is the best one, found bottom-up in one pass, and the rate is
found by bisection.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from smgee.errors import InputError
from smgee.metrics import score
from smgee.trees.ensemble import LEAF, Digits, TreeEnsemble
from smgee.trees.layout import canonical, levels, rebuild
from smgee.trees.merge import merge
from smgee.trees.reference import as_matrix, leaves
from smgee.trees.text import iter_ee_strings

ATTEMPTS = 6  # corrections of the aim, in nodes, by the bytes written


@dataclass(frozen=True)
class Price:
    """What simplifying cost, measured on the rows given.

    `r` and `ubrmse` compare the simplified with the original prediction; the two pairs after them compare
    each with the target, where one was given. R is dimensionless; ubRMSE, the standard deviation of the
    difference, has the unit of the target.
    """

    bytes_before: int
    bytes_after: int
    nodes_before: int
    nodes_after: int
    rows: int
    r: float
    ubrmse: float
    r_before: float | None = None
    ubrmse_before: float | None = None
    r_after: float | None = None
    ubrmse_after: float | None = None

    def __str__(self) -> str:
        text = (
            f"{self.bytes_before:,} → {self.bytes_after:,} bytes, {self.nodes_before:,} → "
            f"{self.nodes_after:,} nodes; against "
            "the full trees "
            f"R {self.r:.6f}, ubRMSE {self.ubrmse:.3g} on {self.rows:,} rows"
        )
        if self.r_before is not None:
            text += f"; against the target R {self.r_before:.4f} → {self.r_after:.4f}"
            text += f", ubRMSE {self.ubrmse_before:.4g} → {self.ubrmse_after:.4g}"
        return text


class Simplified(NamedTuple):
    """A simplified ensemble and its price; the price is in its metadata too."""

    ensemble: TreeEnsemble
    price: Price


def text_bytes(ensemble: TreeEnsemble, *, digits: Digits = "exact") -> int:
    """Return the bytes of an ensemble's tree text as it stands in a request, where each line break takes
    two.
    """
    return sum(len(s) + s.count("\n") + 4 for s in iter_ee_strings(ensemble, digits=digits))


def simplify(
    ensemble: TreeEnsemble,
    max_bytes: int,
    *,
    X: Any,
    y: Any = None,
    test: tuple[Any, Any] | None = None,
    digits: Digits = "short",
) -> Simplified:
    """Fit the tree text into a byte budget.

    Parameters
    ----------
    max_bytes : int
        Of the text with `digits`, as it stands in a request (see `text_bytes`).
    X : (rows, features) array or table
        Rows to weigh nodes by, such as the samples the model was trained on. What none of them reaches is cut
        first.
    y : (rows,) array, optional
        Target, to measure the price against as well.
    test : tuple of array, optional
        Other rows and their target to measure the price on: on the rows of training it looks higher than it
        is, because the full trees know them by heart.
    digits : {"exact", "short"}
        How the text will be written.

    Returns
    -------
    Simplified
        (ensemble, price). Trees keep their order; predictions averaged over `X` stay what they were.

    Raises
    ------
    InputError
        When even single leaves do not fit, or `X` has no rows.
    """
    matrix = as_matrix(ensemble, X)
    if not len(matrix):
        raise InputError(
            "No rows were given to weigh the nodes by; pass the predictors of the training samples as X."
        )
    full = text_bytes(ensemble, digits=digits)
    result = merge(ensemble)
    if (full if result.n_nodes == ensemble.n_nodes else text_bytes(result, digits=digits)) > max_bytes:
        result = _prune_to(result, max_bytes, matrix, digits)
    if test is not None:
        matrix, y = as_matrix(ensemble, test[0]), test[1]
    before, after = ensemble.predict_reference(matrix), result.predict_reference(matrix)
    r, ubrmse = score("r", after, before), score("ubrmse", after, before)
    truth: dict[str, float] = {}
    if y is not None:
        for when, made in (("before", before), ("after", after)):
            truth |= {f"{name}_{when}": score(name, made, y) for name in ("r", "ubrmse")}
    price = Price(
        full,
        text_bytes(result, digits=digits),
        ensemble.n_nodes,
        result.n_nodes,
        len(matrix),
        r,
        ubrmse,
        **truth,
    )
    return Simplified(replace(result, metadata={**ensemble.metadata, "simplified": asdict(price)}), price)


def _prune_to(ensemble: TreeEnsemble, max_bytes: int, matrix: np.ndarray, digits: Digits) -> TreeEnsemble:
    """Return the largest pruning found whose text fits, by bisection on the exchange rate."""
    pruner = _Pruner(ensemble, matrix)
    best = pruner.prune(math.inf)
    if text_bytes(best, digits=digits) > max_bytes:
        raise InputError(
            f"{max_bytes:,} bytes cannot hold {ensemble.n_trees} trees even as single leaves "
            f"({text_bytes(best, digits=digits):,} bytes); allow more, "
            "or train fewer trees."
        )
    # Bytes a node vary little with pruning, so the number of nodes is aimed at and the aim corrected by what
    # was written.
    per_node = text_bytes(ensemble, digits=digits) / ensemble.n_nodes
    for _ in range(ATTEMPTS):
        trial = pruner.prune(pruner.rate_for(int(max_bytes / per_node)))
        size = text_bytes(trial, digits=digits)
        if size <= max_bytes and trial.n_nodes > best.n_nodes:
            best = trial
            if size > 0.995 * max_bytes:
                break
        per_node = size / trial.n_nodes * (1.001 if size > max_bytes else 1.0)
    return merge(best)


class _Pruner:
    """Cost-complexity pruning of all trees at one exchange rate.

    The cost of a pruned forest is the squared error that its leaves make against the leaves below them,
    summed over rows and trees, plus `rate` for every node kept.
    """

    def __init__(self, ensemble: TreeEnsemble, matrix: np.ndarray) -> None:
        self.ensemble = ensemble = canonical(ensemble)
        self.tiers = levels(ensemble.left, ensemble.right, ensemble.roots)
        n = ensemble.n_nodes
        leaf = ensemble.feature == LEAF
        count = np.zeros(n)
        for start in range(0, len(matrix), 4096):
            count += np.bincount(leaves(ensemble, matrix[start : start + 4096]).ravel(), minlength=n)
        # A trace of weight for leaves that no row reached gives their parents a value, and costs next to
        # nothing to cut.
        self.weight = np.where(leaf, count + 1e-9, 0.0)
        total = np.where(leaf, self.weight * ensemble.value, 0.0)
        square = np.where(leaf, self.weight * ensemble.value**2, 0.0)
        for tier in reversed(self.tiers):
            inner = tier[~leaf[tier]]
            for array in (self.weight, total, square):
                array[inner] = array[ensemble.left[inner]] + array[ensemble.right[inner]]
        self.mean = total / self.weight
        self.error = np.maximum(square - self.weight * self.mean**2, 0.0)
        self.error[leaf] = 0.0

    def _choose(self, rate: float) -> tuple[np.ndarray, int]:
        """Return which tests the best pruning at a rate keeps, and how many nodes it has."""
        e = self.ensemble
        if math.isinf(rate):
            return np.zeros(e.n_nodes, dtype=bool), e.n_trees
        cost = np.full(e.n_nodes, rate)
        keep = np.zeros(e.n_nodes, dtype=bool)
        size = np.ones(e.n_nodes, dtype=np.int64)
        for tier in reversed(self.tiers):
            inner = tier[e.feature[tier] != LEAF]
            left, right = e.left[inner], e.right[inner]
            split = rate + cost[left] + cost[right]
            closed = rate + self.error[inner]
            keep[inner] = split < closed
            cost[inner] = np.minimum(split, closed)
            size[inner] += np.where(keep[inner], size[left] + size[right], 0)
        return keep, int(size[e.roots].sum())

    def rate_for(self, nodes: int) -> float:
        """Return the lowest rate, to a thousandth, that leaves at most so many nodes."""
        top = float(self.error[self.ensemble.roots].max()) or 1.0
        low, high = top * 1e-18, top * 2
        while high / low > 1.001:
            middle = math.sqrt(low * high)
            low, high = (low, middle) if self._choose(middle)[1] <= nodes else (middle, high)
        return high

    def prune(self, rate: float) -> TreeEnsemble:
        """Return the best pruning at a rate, in squared error per node."""
        e = self.ensemble
        keep, _ = self._choose(rate)
        value = np.where(e.feature == LEAF, e.value, self.mean)
        return rebuild(e, np.where(keep, e.left, LEAF), np.where(keep, e.right, LEAF), e.roots, value=value)
