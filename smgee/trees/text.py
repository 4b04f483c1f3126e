"""Earth Engine's tree text: writing.

`ee.Classifier.decisionTreeEnsemble` takes trees as R's rpart prints them: one node a line,
``<id>) <predictor><operator><threshold> <n> <deviance> <value>``, with ``*`` behind leaves, heap numbers
(children of k are 2k and 2k + 1), strictly in pre-order. The condition is that for entering the node. In
output mode REGRESSION the **mean** over trees is returned, so a model that sums gets its leaves written as
``trees * leaf + base``.

Exactness
---------
With ``digits="exact"`` every threshold and leaf parses back to exactly the number of the ensemble, as
float64. With ``digits="short"`` thresholds keep the digits that float32 pixels need (the same branch for
every float32 value, half the bytes) and leaves nine significant digits.

Pixels of type double are compared by Earth Engine as doubles, while most libraries round predictors to
float32 first. A double that lies within half a float32 step of a threshold can then take the other branch.
`TreeEnsemble.classify` therefore casts the image to float where the model compares in float32; whoever uses
the text by hand should do so too.

NaN directions have no place in the text: masked pixels stay masked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from smgee.errors import InputError
from smgee.io import atomic_path
from smgee.trees.decimals import exact, floor_float32, rounded, short_thresholds
from smgee.trees.ensemble import LEAF, Digits, TreeEnsemble
from smgee.trees.layout import canonical, heap_ids, levels
from smgee.trees.reshape import bound_depth, drop_vacuous

MAX_DEPTH = 30  # heap numbers below 2**31; nobody has published whether Earth Engine's are wider
BATCH_NODES = 1 << 16


def iter_ee_strings(
    ensemble: TreeEnsemble, *, digits: Digits = "exact", max_depth: int = MAX_DEPTH
) -> Iterator[str]:
    """Yield the text of one tree after another; memory beyond the ensemble stays at that of a few trees.

    Parameters
    ----------
    ensemble : TreeEnsemble
        Predictors whose names are no legal band names appear under `TreeEnsemble.ee_names`.
    digits : {"exact", "short"}
        See the module's text.
    max_depth : int
        Deeper trees are cut into several whose sum is the same (`bound_depth`); at most 62.

    Yields
    ------
    str
        Lines joined by newlines. The mean of all trees is the model's prediction.

    Raises
    ------
    InputError
        For `digits` or `max_depth` out of range.
    UnsupportedError
        When a tree is too deep to be cut (see `bound_depth`).
    """
    if digits not in ("exact", "short"):
        raise InputError(f"The option digits={digits!r} is not known; use 'exact' or 'short'.")
    if not 1 <= max_depth <= 62:
        raise InputError(
            f"A tree depth of at most {max_depth} was asked for; heap numbers fit 64 bits for 1 to 62."
        )
    ensemble = drop_vacuous(canonical(ensemble))
    if ensemble.depth > max_depth:
        ensemble = bound_depth(ensemble, max_depth)
    names = list(ensemble.ee_names.values())
    bounds = np.append(ensemble.roots, ensemble.n_nodes)
    first = 0
    while first < ensemble.n_trees:
        last = max(int(np.searchsorted(bounds, bounds[first] + BATCH_NODES, side="right")) - 1, first + 1)
        lines = _lines(ensemble, bounds[first : last + 1], names, digits)
        for a, b in zip(bounds[first:last], bounds[first + 1 : last + 1], strict=True):
            yield "\n".join(lines[a - bounds[first] : b - bounds[first]])
        first = last


def write_ee_strings(
    ensemble: TreeEnsemble,
    path: str | os.PathLike[str],
    *,
    digits: Digits = "exact",
    max_depth: int = MAX_DEPTH,
) -> None:
    """Write the text of all trees into one file, tree after tree, whole or not at all."""
    with atomic_path(path) as scratch, scratch.open("w", encoding="ascii") as stream:
        for text in iter_ee_strings(ensemble, digits=digits, max_depth=max_depth):
            stream.write(text)
            stream.write("\n")


def _lines(ensemble: TreeEnsemble, bounds: np.ndarray, names: list[str], digits: str) -> list[str]:
    """Return the lines of some whole trees of a canonical ensemble, node for node; `bounds` are the ends
    of the trees.
    """
    part = slice(int(bounds[0]), int(bounds[-1]))
    feature = ensemble.feature[part]
    inner, leaf = np.flatnonzero(feature != LEAF), np.flatnonzero(feature == LEAF)
    left, right = np.full(len(feature), LEAF), np.full(len(feature), LEAF)
    left[inner], right[inner] = (
        ensemble.left[part][inner] - part.start,
        ensemble.right[part][inner] - part.start,
    )
    ids = heap_ids(left, right, levels(left, right, bounds[:-1] - part.start))

    factor = ensemble.n_trees if ensemble.aggregation == "sum" else 1
    values = (factor * ensemble.value[part][leaf] + ensemble.base_score).tolist()
    tail = np.full(len(feature), " 0 0 0", dtype=object)
    tail[leaf] = [f" 0 0 {v} *" for v in (exact(values) if digits == "exact" else rounded(values))]

    enter = np.full(len(feature), "root", dtype=object)
    tested = [names[f] for f in feature[inner].tolist()]
    cuts = _thresholds(ensemble, ensemble.threshold[part][inner], digits)
    if ensemble.comparison == "le":
        enter[left[inner]] = [f"{n}<={t}" for n, t in zip(tested, cuts, strict=True)]
        enter[right[inner]] = [f"{n}>{t}" for n, t in zip(tested, cuts, strict=True)]
    else:
        # R reads "<-" as an assignment, so rpart prints a blank in "< -1"; the blank is kept before a sign.
        enter[left[inner]] = [
            f"{n}< {t}" if t[0] == "-" else f"{n}<{t}" for n, t in zip(tested, cuts, strict=True)
        ]
        enter[right[inner]] = [f"{n}>={t}" for n, t in zip(tested, cuts, strict=True)]
    return [f"{i}) {e}{t}" for i, e, t in zip(ids.tolist(), enter.tolist(), tail.tolist(), strict=True)]


def _thresholds(ensemble: TreeEnsemble, threshold: np.ndarray, digits: str) -> list[str]:
    """Return the thresholds as decimals."""
    upward = ensemble.comparison == "le"
    # After `drop_vacuous` what is infinite separates an infinity from every finite number: x <= -inf, or x <
    # +inf.
    if not np.isfinite(threshold).all():
        raise InputError(
            "A threshold separates infinite values from all finite ones, which tree text cannot say; clip "
            "the predictors first."
        )
    if digits == "exact":
        return exact(threshold.tolist())
    # x < t holds for a float32 x when it holds for the smallest float32 not below t; beyond the range of
    # float32 there is none.
    single = floor_float32(threshold) if upward else -floor_float32(-threshold)
    held = np.isfinite(single)
    texts = np.array(exact(threshold.tolist()), dtype=object)
    texts[held] = short_thresholds(single[held], upward=upward)
    return texts.tolist()
