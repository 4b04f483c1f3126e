"""Predicting one chunk of rows: load, choose the engine, write."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smgee.trees.kernel.forest import LEAF_LANE, Forest

__all__ = ["predict_chunk"]

WALK_ROWS = 64
BLOCK_ROWS = 16384
DEPTH = None
# Depths of the split tree from one pruning to the next, and how much smaller a pruned forest must be to be worth keeping.
STEP = 3
WORTH = 0.75


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
    codes, lane_of, lane_feature, missing = _load(forest, columns, len(out))
    if forest.leaf.dtype != np.int32 or len(out) <= WALK_ROWS or not _play(forest, codes, lane_of, lane_feature, out):
        from smgee.trees.kernel.walk import walk

        codes, lane_of, _, _ = _load(forest, columns, len(out))  # the other engine may have reordered them
        total = np.zeros(len(out), np.int64)
        walk(forest.words, forest.roots, forest.leaf, lane_of, codes, total)
        out[:] = forest.offset + forest.scale * total
    if missing is not None and not keep_missing:
        out[missing] = np.nan
    return missing is not None


def _play(forest: Forest, codes: np.ndarray, lane_of: np.ndarray, lane_feature: np.ndarray, out: np.ndarray) -> bool:
    """Predict by the tournament, block by block; False if a block is beyond what it can express. `codes` are reordered."""
    from smgee.trees.kernel.block import predict_block
    from smgee.trees.kernel.blocks import boxes_of, fit_splits, order_rows, prune

    lanes, n = codes.shape
    depth = DEPTH if DEPTH is not None else max(0, round(np.log2(n / BLOCK_ROWS)))
    permutation, start = None, np.array([0, n])
    if depth:
        splits = fit_splits(codes, lane_feature, forest.cut_start, forest.cut_weight, depth)
        permutation, start = order_rows(codes, *splits, depth)
    low, high = boxes_of(codes, start)

    # Pruned forests of the split nodes on the way to the current block, one behind the other. Pages that are not reached cost nothing.
    pruned = np.empty(int(len(forest.words) * (1 / (1 - WORTH) + 1)) + 1024, np.int64)
    roots = np.empty((depth + 2, forest.n_trees), np.int32)
    same = np.arange(LEAF_LANE + 1)
    same[LEAF_LANE] = lanes
    room = np.diff(forest.cut_start)[lane_feature] + 1
    mark_start = np.concatenate([[0], np.cumsum(room)])
    mark, renamed = np.zeros(mark_start[-1], np.uint8), np.empty(mark_start[-1], np.uint16)

    def visit(node: int, d: int, source: tuple[np.ndarray, np.ndarray, np.ndarray], size: int, begin: int) -> bool:
        first = (node + 1 << depth - d) - (1 << depth)
        b0, b1 = start[first], start[first + (1 << depth - d)]
        if b0 == b1:
            return True
        if (depth - d) % STEP == 0:
            words, above, names = source
            end = prune(words, above, forest.depth, names, low[node], high[node], pruned, roots[d], begin)
            if d == depth:
                total = np.empty(b1 - b0, np.int32)
                if not predict_block(
                    pruned, roots[d], begin, end, forest.leaf, low[node], high[node], mark, mark_start, renamed, codes, b0, total
                ):  # fmt: skip
                    return False
                out[slice(b0, b1) if permutation is None else permutation[b0:b1]] = forest.offset + forest.scale * total
                return True
            if end - begin < WORTH * size:
                source, size, begin = (pruned, roots[d], same), end - begin, end
        return visit(2 * node + 1, d + 1, source, size, begin) and visit(2 * node + 2, d + 1, source, size, begin)

    return visit(0, 0, (forest.words, forest.roots, lane_of), len(forest.words), 0)


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
