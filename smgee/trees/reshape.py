"""Other trees with the same predictions: predictors fixed, vacuous tests dropped, deep trees cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from smgee.errors import InputError
from smgee.trees.cutting import Cutter
from smgee.trees.ensemble import LEAF, TreeEnsemble
from smgee.trees.layout import canonical, rebuild


def redirect(ensemble: TreeEnsemble, target: np.ndarray) -> TreeEnsemble:
    """Replace nodes by one of their descendants.

    Parameters
    ----------
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
        raise InputError(
            f"The ensemble has no predictor {', '.join(map(repr, unknown))}; it has "
            f"{', '.join(ensemble.feature_names)}."
        )
    if not values:
        return ensemble
    kind = np.dtype(ensemble.threshold_dtype)
    fixed = np.zeros(ensemble.n_features + 1, dtype=bool)  # the last entry stands for leaves, feature -1
    constant = np.zeros(ensemble.n_features + 1, dtype=kind)
    with np.errstate(over="ignore"):
        for name, value in values.items():
            if np.isnan(value) and not ensemble.allows_missing:
                raise InputError(
                    f"The predictor {name!r} was fixed at NaN, which this model refuses; give a number."
                )
            column = ensemble.feature_names.index(name)
            fixed[column], constant[column] = True, value
        threshold = ensemble.threshold.astype(kind)
    x = constant[ensemble.feature]
    goes_left = x < threshold if ensemble.comparison == "lt" else x <= threshold
    goes_left = np.where(np.isnan(x), ensemble.missing_left, goes_left)
    target = np.where(
        fixed[ensemble.feature],
        np.where(goes_left, ensemble.left, ensemble.right),
        np.arange(ensemble.n_nodes),
    )
    pruned = redirect(ensemble, target)
    keep = np.flatnonzero(~fixed[:-1])
    number = np.full(ensemble.n_features + 1, LEAF)
    number[keep] = np.arange(len(keep))
    record = {
        **ensemble.metadata,
        "specialized": {
            **ensemble.metadata.get("specialized", {}),
            **{n: float(v) for n, v in values.items()},
        },
    }
    names = tuple(ensemble.feature_names[i] for i in keep)
    return replace(pruned, feature=number[pruned.feature], feature_names=names, metadata=record)


def drop_vacuous(ensemble: TreeEnsemble) -> TreeEnsemble:
    """Drop the tests that no number can fail: ``x <= inf`` and ``x < -inf``.

    Libraries write them to tell missing values from numbers, so NaN may now go the other way; meant for Earth
    Engine, where there is none.
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

    A subtree with nodes too deep moves into a tree of its own: a chain of the bounds that lead to it (at most
    two for each predictor, whatever the depth), then the subtree; everywhere else it is zero, as the first
    tree now is there. Of the ancestors of a node that is too deep, the one moves whose chain saves the most
    levels.

    Parameters
    ----------
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
    return Cutter(ensemble, max_depth).run()
