"""Predicting one chunk of rows: load, choose the engine, write."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smgee.trees.kernel.forest import Forest
from smgee.trees.kernel.keys import key_type

__all__ = ["predict_chunk"]

WALK_ROWS = 64
BLOCK_ROWS = 8192
DEPTH = None


def predict_chunk(forest: Forest, columns: Sequence[np.ndarray], out: np.ndarray, keep_missing: bool) -> bool:
    """Predict rows given as one 1-D array per predictor.

    Parameters
    ----------
    forest : Forest
        The model.
    columns : sequence of (rows,) arrays
        Predictors, of any real type and stride.
    out : (rows,) float32, contiguous
        Where to write.
    keep_missing : bool
        Whether a row with NaN is predicted; otherwise its result is NaN.

    Returns
    -------
    bool
        Whether any predictor was NaN.
    """
    from smgee.trees.kernel import chunk, walk

    keys, lane_of, missing = _load(forest, columns, len(out))
    lane_feature = np.empty(len(keys), np.int64)
    lane_feature[lane_of] = forest.slot_feature
    total = np.zeros(len(out), forest.leaf.dtype)
    tree = forest.slot, forest.rank, forest.right, forest.roots, forest.leaf, lane_of
    depth = DEPTH if DEPTH is not None else max(0, round(np.log2(max(1, len(out) / BLOCK_ROWS))))
    done = (
        forest.leaf.dtype == np.int32
        and len(out) > WALK_ROWS
        and chunk.predict_rows(*tree, lane_feature, forest.cuts, forest.cut_start, forest.cut_weight, keys, depth, total)
    )
    if not done:
        total[:] = 0
        walk.walk(*tree, forest.cuts, forest.cut_start, forest.slot_feature, keys, total)
    out[:] = forest.offset + forest.scale * total
    if missing is not None and not keep_missing:
        out[missing] = np.nan
    return missing is not None


def _load(forest: Forest, columns: Sequence[np.ndarray], n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return keys shaped (lanes, rows), the lane of every slot, and which rows hold NaN (None if none does).

    A predictor has one lane, or one for each of its slots if it holds NaN here.
    """
    from smgee.trees.kernel import loading

    kind = key_type(np.dtype(np.float32 if forest.cuts.dtype == np.int32 else np.float64))
    number = np.dtype(np.float32 if kind == np.int32 else np.float64)
    load = loading.load32 if kind == np.int32 else loading.load64
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    keys = np.empty((len(forest.slot_feature), n), kind)
    spare = None
    lane_of = np.empty(len(forest.slot_feature), np.int64)
    missing = None
    lanes = slot = 0
    for f, column in enumerate(columns):
        with np.errstate(over="ignore"):
            bits = column.astype(number, copy=False).view(kind)
        slots = []
        while slot < len(forest.slot_feature) and forest.slot_feature[slot] == f:
            slots.append(slot)
            slot += 1
        if slots:
            target = keys[lanes]
        else:
            target = spare = np.empty(n, kind) if spare is None else spare
        gaps = load(bits, target)
        if gaps:
            missing = np.zeros(n, bool) if missing is None else missing
            loading.mark_missing(target, low, missing)
        for k, s in enumerate(slots):
            if k == 0 or gaps:
                lane, lanes = lanes, lanes + 1
            lane_of[s] = lane
            if k:
                keys[lane] = target
        for s in slots if gaps else ():
            if not forest.slot_nan_left[s]:
                part = keys[lane_of[s]]
                part[part == low] = high
    return keys[:lanes], lane_of, missing
