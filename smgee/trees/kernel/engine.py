"""Predicting one chunk of rows: load it, order it into blocks, play the blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from smgee.trees.kernel.block import predict_block
from smgee.trees.kernel.blocks import (
    assign_rows,
    box_of,
    finish,
    fit_splits,
    flat_splits,
    order_rows,
    prune,
    reorder,
)
from smgee.trees.kernel.forest import LEAF_LANE, Forest
from smgee.trees.kernel.loading import encode_column
from smgee.trees.kernel.oblivious import predict_symmetric_block, read_symmetric
from smgee.trees.kernel.walk import walk

# So few rows are walked, and so many for each node of an average tree, or
# twice as many where codes are wider than bytes and have to be renumbered for the programs. Measured (random
# forest, extra trees, GBDT, XGBoost, LightGBM; 59 to 10,400 nodes a tree; neighbouring and random rows
# alike), both engines take as long at 3.5 rows a node with bytes, at 7 to 8 with wider codes.
WALK_ROWS = 64
WALK_ROWS_PER_NODE = 3
# So few rows of symmetric trees are read as they are. Measured (CatBoost, 500 trees of depth 8): blocks win
# from about 3,000 rows on.
READ_ROWS = 2048
# Rows of a block: fewer are tighter and see less of the trees, but each block has its own programs to write.
BLOCK_ROWS = 8192
# Depths of the split tree between the forest that is kept for a group of blocks and those of the blocks.
GROUP_DEPTH = 3
# Rows of strided predictors that are read at a time, so that lines of memory shared by predictors stay in the
# cache.
TILE_ROWS = 8192

Mapper = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


def predict_chunk(
    forest: Forest,
    columns: Sequence[np.ndarray],
    out: np.ndarray,
    keep_missing: bool,
    threads: int,
    each: Mapper,
) -> bool:
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
    threads : int
        How many threads `each` uses.
    each : callable
        ``map``, of a pool of threads if there are several.

    Returns
    -------
    bool
        Whether any predictor was NaN.
    """
    codes, lane_of, lane_feature, missing = _load(forest, columns, len(out), each)
    per_node = WALK_ROWS_PER_NODE * min(2, forest.code_type.itemsize)
    if (trees := forest.symmetric) is not None and len(out) <= READ_ROWS and codes.dtype == np.uint8:
        total = np.zeros(len(out), np.int64)
        table = trees.level, trees.level_start, forest.leaf, trees.leaf_start, lane_of
        read_symmetric(*table, codes, np.empty(len(out), np.uint8), total)
        out[:] = forest.offset + forest.scale * total
        if missing is not None and not keep_missing:
            out[missing] = np.nan
        return missing is not None
    few = len(out) <= WALK_ROWS or len(out) * forest.n_trees < per_node * len(forest.words)
    if forest.leaf.dtype != np.int32 or few or not len(codes):
        _walk(forest, codes, lane_of, out, threads, each)
    elif not _play(forest, codes, lane_of, lane_feature, out, threads, each):
        _walk(forest, *_load(forest, columns, len(out), each)[:2], out, threads, each)
    if missing is not None and not keep_missing:
        out[missing] = np.nan
    return missing is not None


def _walk(
    forest: Forest, codes: np.ndarray, lane_of: np.ndarray, out: np.ndarray, threads: int, each: Mapper
) -> None:
    """Predict by the plain walk."""
    n = len(out)
    total = np.zeros(n, np.int64)
    lane_at = np.where(lane_of < len(codes), lane_of, 0).astype(np.uint64) * np.uint64(n)
    edges = [np.uint64(n * k // threads) for k in range(threads + 1)]

    def part(k: int) -> None:
        walk(
            forest.words.view(np.uint64),
            forest.roots,
            forest.leaf,
            lane_at,
            codes.reshape(-1),
            edges[k],
            edges[k + 1],
            total,
        )

    list(each(part, range(threads)))
    out[:] = forest.offset + forest.scale * total


def _play(
    forest: Forest,
    codes: np.ndarray,
    lane_of: np.ndarray,
    lane_feature: np.ndarray,
    out: np.ndarray,
    threads: int,
    each: Mapper,
) -> bool:
    """Predict by the tournament, block by block; False if a block is beyond what it can express. `codes`
    are reordered.
    """
    lanes, n = codes.shape
    depth = max((threads - 1).bit_length(), round(np.log2(n / BLOCK_ROWS)))
    permutation, start = np.arange(n, dtype=np.int32), np.array([0, n])
    if depth:
        splits = flat_splits(n, *fit_splits(codes, lane_feature, forest.cut_start, forest.cut_weight, depth))
        leaf = np.empty(n, np.int32)
        list(
            each(
                lambda k: assign_rows(
                    codes.reshape(-1), n * k // threads, n * (k + 1) // threads, *splits, leaf
                ),
                range(threads),
            )
        )
        permutation, start = order_rows(leaf, 1 << depth)
        list(each(lambda lane: reorder(lane, lane.copy(), permutation), codes))

    width = np.diff(forest.cut_start)[lane_feature] + 1
    mark_start = np.concatenate([[0], np.cumsum(width)])
    same = np.arange(LEAF_LANE + 1)
    same[LEAF_LANE] = lanes
    if (trees := forest.symmetric) is not None:

        def play_symmetric(b: int) -> bool:
            b0, b1 = start[b], start[b + 1]
            if b0 < b1:
                total = np.empty(b1 - b0, np.int32)
                box = box_of(codes[:, b0:b1])
                predict_symmetric_block(
                    trees.level,
                    trees.level_start,
                    forest.leaf,
                    trees.leaf_start,
                    lane_of,
                    *box,
                    codes,
                    b0,
                    total,
                )
                finish(total, forest.scale, forest.offset, permutation[b0:b1], out)
            return True

        return all(each(play_symmetric, range(1 << depth)))

    group = 1 << min(GROUP_DEPTH, max(0, depth - (2 * threads - 1).bit_length()))

    def play(first: int) -> bool:
        trees, size = (forest.words, forest.roots, forest.depth, lane_of), len(forest.words)
        if group > 1 and start[first] < start[first + group]:
            words, roots = np.empty(size, np.int64), np.empty(forest.n_trees, np.int32)
            size = prune(*trees, *box_of(codes[:, start[first] : start[first + group]]), words, roots)
            trees = words, roots, forest.depth, same
        pruned, roots = np.empty(size, np.int64), np.empty(forest.n_trees, np.int32)
        # Whole words of eight marks.
        mark, renamed = np.zeros(-(-mark_start[-1] // 8) * 8, np.uint8), np.empty(mark_start[-1], np.uint16)
        for b in range(first, first + group):
            b0, b1 = start[b], start[b + 1]
            if b0 == b1:
                continue
            low, high = box_of(codes[:, b0:b1])
            end = prune(*trees, low, high, pruned, roots)
            total = np.empty(b1 - b0, np.int32)
            if not predict_block(
                pruned, roots, end, forest.leaf, low, high, mark, mark_start, renamed, codes, b0, total
            ):
                return False
            finish(total, forest.scale, forest.offset, permutation[b0:b1], out)
        return True

    return all(each(play, range(0, 1 << depth, group)))


def _load(
    forest: Forest, columns: Sequence[np.ndarray], n: int, each: Mapper
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Return codes shaped (lanes, rows), the lane of every slot, the predictor of every lane, and which rows
    hold NaN (None: no row).

    A predictor has one lane, or one for each of its slots if it holds NaN here.
    """
    number = np.dtype(np.float32 if forest.cuts.dtype == np.int32 else np.float64)
    lane_feature = np.unique(forest.slot_feature)
    lane_of_feature = np.full(len(columns), -1)
    lane_of_feature[lane_feature] = np.arange(len(lane_feature))
    codes = np.empty((len(forest.slot_feature), n), forest.code_type)
    holes: dict[int, np.ndarray] = {}
    step = n if all(c.strides[0] == c.itemsize for c in columns) else TILE_ROWS

    def encode(window: tuple[int, int, int]) -> None:
        f, begin, end = window
        with np.errstate(over="ignore"):
            part = columns[f][begin:end].astype(number, copy=False)
        if (lane := lane_of_feature[f]) >= 0:
            e = forest.encoders[f]
            gaps = encode_column(
                np.ascontiguousarray(part), e.low, e.factor, e.first, e.cuts, e.span, codes[lane, begin:end]
            )
        else:
            gaps = bool(np.isnan(part).any())
        if gaps:
            holes.setdefault(f, np.zeros(n, bool))[begin:end] = np.isnan(part)

    # All predictors of one tile in one go.
    def encode_rows(begin: int) -> None:
        for f in range(len(columns)):
            encode((f, begin, min(n, begin + step)))

    if step < n:
        list(each(encode_rows, range(0, n, step)))
    else:
        list(each(encode, [(f, 0, n) for f in range(len(columns))]))

    lane_of = np.append(
        lane_of_feature[forest.slot_feature], np.zeros(LEAF_LANE + 1 - len(forest.slot_feature), np.int64)
    )
    features = lane_feature.tolist()
    for f in sorted(set(holes) & set(features)):
        first, *second = np.flatnonzero(forest.slot_feature == f)
        for slot in second:
            lane_of[slot] = len(features)
            codes[len(features)] = codes[lane_of[first]]
            features.append(f)
        for slot in (first, *second):
            if not forest.slot_nan_left[slot]:
                codes[lane_of[slot], holes[f]] = forest.cut_start[f + 1] - forest.cut_start[f]
    lane_of[LEAF_LANE] = len(features)
    missing = np.logical_or.reduce(list(holes.values())) if holes else None
    return codes[: len(features)], lane_of, np.array(features, np.int64), missing
