"""Predicting one chunk of rows: load, choose the engine, write."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smgee.trees.kernel.forest import LEAF_LANE, Forest

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

    codes, lane_of, lane_feature, missing = _load(forest, columns, len(out))
    trees = forest.words, forest.roots, forest.leaf, lane_of
    depth = DEPTH if DEPTH is not None else max(0, round(np.log2(max(1, len(out) / BLOCK_ROWS))))
    if not (
        forest.leaf.dtype == np.int32
        and len(out) > WALK_ROWS
        and chunk.predict_rows(*trees, lane_feature, forest.cut_start, forest.cut_weight, codes, depth, forest.scale, forest.offset, out)
    ):
        total = np.zeros(len(out), np.int64)
        codes = _load(forest, columns, len(out))[0]  # the other engine may have reordered them
        walk.walk(*trees, codes, total)
        out[:] = forest.offset + forest.scale * total
    if missing is not None and not keep_missing:
        out[missing] = np.nan
    return missing is not None


def _load(forest: Forest, columns: Sequence[np.ndarray], n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Return codes shaped (lanes, rows), the lane of every slot, the predictor of every lane, and which rows hold NaN (None: no row).

    A predictor has one lane, or one for each of its slots if it holds NaN here.
    """
    from smgee.trees.kernel.loading import encode_column

    number = np.dtype(np.float32 if forest.cuts.dtype == np.int32 else np.float64)
    most = forest.most_cuts
    slots = len(forest.slot_feature)
    codes = np.empty((slots, n), np.uint8 if most <= 255 else np.uint16 if most <= 65535 else np.int32)
    lane_of = np.zeros(LEAF_LANE + 1, np.int64)
    lane_feature = np.empty(slots, np.int64)
    missing = None
    lanes = slot = 0
    for f, column in enumerate(columns):
        with np.errstate(over="ignore"):
            column = column.astype(number, copy=False)
        mine = []
        while slot < slots and forest.slot_feature[slot] == f:
            mine.append(slot)
            slot += 1
        if mine:
            e = forest.encoders[f]
            gaps = encode_column(column, e.low, e.factor, e.first, e.cuts, e.span, codes[lanes])
        else:
            gaps = np.isnan(column).sum()
        if gaps:
            holes = np.isnan(column)
            missing = holes if missing is None else missing | holes
        source = codes[lanes] if mine else None
        for k, s in enumerate(mine):
            if k == 0 or gaps:
                lane, lanes = lanes, lanes + 1
                lane_feature[lane] = f
            lane_of[s] = lane
            if k and gaps:
                codes[lane] = source
        for s in mine if gaps else ():
            if not forest.slot_nan_left[s]:
                codes[lane_of[s]][holes] = forest.cut_start[f + 1] - forest.cut_start[f]
    lane_of[LEAF_LANE] = lanes
    return codes[:lanes], lane_of, lane_feature[:lanes], missing
