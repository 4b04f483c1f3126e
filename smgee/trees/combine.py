"""Several ensembles as one: the weighted sum of their predictions, as trees over the union of predictors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smgee.errors import InputError
from smgee.trees.ensemble import LEAF, TreeEnsemble


def combine(
    ensembles: Sequence[TreeEnsemble], weights: Sequence[float], *, base: float = 0.0
) -> TreeEnsemble:
    """Weighted sum of ensembles.

    Parameters
    ----------
    ensembles : sequence of TreeEnsemble
        That compare in float32. Families may differ: ``x < t`` becomes ``x <= t'`` with t' the next smaller
        float32, which sends the same float32 numbers left.
    weights : sequence of float
        One per ensemble.
    base : float
        Added to the sum.

    Returns
    -------
    TreeEnsemble
        Over the union of predictors in the order of their first appearance. Missing values are allowed where
        every ensemble allows them. Predictions equal the weighted sum up to float64 rounding.

    Raises
    ------
    InputError
        If nothing is given, numbers do not match, or an ensemble compares in float64.
    """
    if not ensembles or len(ensembles) != len(weights):
        raise InputError(
            f"{len(ensembles)} ensembles and {len(weights)} weights were given; give one weight for each."
        )
    if any(e.threshold_dtype != "float32" for e in ensembles):
        raise InputError(
            "An ensemble compares in float64; only those that compare in float32 can be joined to one."
        )
    names = tuple(dict.fromkeys(n for e in ensembles for n in e.feature_names))
    place = {name: j for j, name in enumerate(names)}
    parts: dict[str, list[np.ndarray]] = {
        key: [] for key in ("feature", "threshold", "left", "right", "value", "missing_left", "roots")
    }
    offset, total = 0, float(base)
    for ensemble, weight in zip(ensembles, weights, strict=True):
        share = weight if ensemble.aggregation == "sum" else weight / ensemble.n_trees
        column = np.array([*(place[n] for n in ensemble.feature_names), LEAF])
        parts["feature"].append(column[ensemble.feature])
        parts["threshold"].append(_inclusive(ensemble))
        for side in ("left", "right"):
            child = getattr(ensemble, side)
            parts[side].append(np.where(child == LEAF, LEAF, child + offset))
        parts["value"].append(ensemble.value * share)
        parts["missing_left"].append(ensemble.missing_left)
        parts["roots"].append(ensemble.roots + offset)
        offset += ensemble.n_nodes
        total += weight * ensemble.base_score
    joined = {key: np.concatenate(arrays) for key, arrays in parts.items()}
    return TreeEnsemble(
        **joined,
        feature_names=names,
        comparison="le",
        threshold_dtype="float32",
        aggregation="sum",
        base_score=total,
        allows_missing=all(e.allows_missing for e in ensembles),
        metadata={"family": "sum of " + ", ".join(str(e.metadata.get("family", "trees")) for e in ensembles)},
    )


def _inclusive(ensemble: TreeEnsemble) -> np.ndarray:
    """Thresholds for ``x <= t`` that send the same float32 numbers left."""
    if ensemble.comparison == "le":
        return ensemble.threshold
    with np.errstate(over="ignore"):
        cut = ensemble.threshold.astype("f4")
    below = np.nextafter(cut, np.float32(-np.inf)).astype("f8")
    return np.where(ensemble.feature == LEAF, ensemble.threshold, below)
