"""Rows that try a tree model where it is most likely to be wrong: on its thresholds and beside them."""

from __future__ import annotations

import numpy as np

from smgee.trees.ensemble import LEAF, TreeEnsemble


def planted_rows(
    ensemble: TreeEnsemble,
    background: np.ndarray,
    *,
    limit: int | None = None,
    dtype: str | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Plant every threshold of an ensemble, and its two float neighbours, into rows.

    Parameters
    ----------
    ensemble : TreeEnsemble
        Whose thresholds to plant.
    background : (n, features) array
        Rows to take the other predictors from; finite or NaN.
    limit : int, optional
        At most so many rows, drawn at random; by default three for every distinct (predictor, threshold).
    dtype : {"float32", "float64"}, optional
        The type whose neighbours are meant; by default that in which the model compares.
    seed : int
        For the choice of background rows and of thresholds.

    Returns
    -------
    rows : (m, features) array of `dtype`
        The same for the same input. Thresholds that `dtype` cannot hold are rounded to it; infinite ones are
        left out.
    """
    kind = np.dtype(dtype or ensemble.threshold_dtype)
    rng = np.random.default_rng(seed)
    inner = ensemble.feature != LEAF
    pairs = np.unique(np.column_stack([ensemble.feature[inner], ensemble.threshold[inner]]), axis=0)
    with np.errstate(over="ignore"):
        cut = pairs[:, 1].astype(kind)
    column = pairs[np.isfinite(cut), 0].astype(int)
    cut = cut[np.isfinite(cut)]
    up, down = kind.type(np.inf), kind.type(-np.inf)
    with np.errstate(over="ignore", under="ignore"):
        values = np.concatenate([cut, np.nextafter(cut, up), np.nextafter(cut, down)])
    columns = np.tile(column, 3)
    keep = np.isfinite(values)
    values, columns = values[keep], columns[keep]
    if limit is not None and len(values) > limit:
        chosen = rng.choice(len(values), limit, replace=False)
        values, columns = values[chosen], columns[chosen]
    rows = np.asarray(background)[rng.integers(0, len(background), len(values))].astype(kind)
    rows[np.arange(len(rows)), columns] = values
    return rows
