"""Compiled: rows of a chunk ordered into blocks that are tight in predictor space, and trees pruned to what a block can see.

A small k-d tree, fitted to a sample of the chunk, cuts the rows where the most nodes can be pruned: across the predictor whose cuts
within the sample's range have the most nodes below them, at the sample's median.
"""

from __future__ import annotations

import numpy as np

from smgee.compiled import compiled
from smgee.trees.kernel.forest import LANE_BITS, LEAF_LANE, RANK_BITS

RANK = (1 << RANK_BITS) - 1
RIGHT_SHIFT = LANE_BITS + RANK_BITS
SAMPLE = 4096


def fit_splits(
    codes: np.ndarray, lane_feature: np.ndarray, cut_start: np.ndarray, cut_weight: np.ndarray, depth: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return (lane, code) of the splits of a complete tree of `depth`, heap order; rows with ``codes[lane] <= code`` go left.

    A lane of −1 sends all rows left: the sample is alike, or no split prunes anything.
    """
    n = codes.shape[1]
    m = min(n, SAMPLE)
    row = np.arange(m)
    # An offset that is no round number keeps the sample from following the lines of an image.
    sample = codes[:, row * n // m + row * 7919 % (n // m)]
    weight_at = (cut_start[lane_feature] + lane_feature)[:, np.newaxis]
    count = (1 << depth) - 1
    split_lane, split_code = np.full(count, -1, np.int64), np.zeros(count, np.int64)
    members: list[np.ndarray | None] = [None] * (2 * count + 1)
    members[0] = sample
    for node in range(count):
        part = members[node]
        members[node] = None
        if part is None or part.shape[1] < 2:
            continue
        limits = np.stack([part.min(axis=1), part.max(axis=1)], axis=1)
        score = cut_weight[weight_at + limits]
        lane = int(np.argmax(score[:, 1] - score[:, 0]))
        members[2 * node + 1] = part
        if score[lane, 1] > score[lane, 0]:
            values = part[lane]
            code = int(np.partition(values, (len(values) - 1) // 2)[(len(values) - 1) // 2])
            if code == limits[lane, 1]:
                code = int(values[values < code].max())
            split_lane[node], split_code[node] = lane, code
            left = values <= code
            members[2 * node + 1], members[2 * node + 2] = part[:, left], part[:, ~left]
    return split_lane, split_code


@compiled
def assign_rows(codes, begin, end, split_lane, split_code, depth, leaf):
    """Write to ``leaf[begin:end]`` the leaf of the split tree, from the left, that these columns of `codes` reach."""
    n = codes.shape[1]
    flat = codes.reshape(-1)
    at_lane = np.empty(len(split_lane), np.int64)
    above = np.empty(len(split_lane), np.int64)
    for node in range(len(split_lane)):
        unsplit = split_lane[node] < 0
        at_lane[node] = 0 if unsplit else split_lane[node] * n
        above[node] = (1 << 40) if unsplit else split_code[node]
    for i in range(begin, end):
        node = 0
        for _ in range(depth):
            node = 2 * node + 1 + (np.int64(flat[at_lane[node] + i]) > above[node])
        leaf[i] = node - len(split_lane)


@compiled
def order_rows(leaf, blocks):
    """Return (permutation, starts) of rows sorted by `leaf`, else in their own order, and where each of the `blocks` leaves begins."""
    n = len(leaf)
    start = np.empty(blocks + 1, np.int64)
    at = np.empty(blocks, np.int64)
    start[:] = 0
    for i in range(n):
        start[leaf[i] + 1] += 1
    for b in range(blocks):
        at[b] = start[b]
        start[b + 1] += start[b]
    permutation = np.empty(n, np.int32)
    for i in range(n):
        b = leaf[i]
        permutation[at[b]] = i
        at[b] += 1
    return permutation, start


@compiled
def reorder(row, permutation):
    """Put `row` in the order of `permutation`, in place."""
    old = np.empty(len(row), row.dtype)
    for i in range(len(row)):
        old[i] = row[i]
    for i in range(len(row)):
        row[i] = old[np.uint64(permutation[i])]


@compiled
def finish(total, scale, offset, rows, out):
    """Write ``offset + scale * total`` to the places `rows` of `out`, in float64 until it is written."""
    for i in range(len(total)):
        out[np.uint64(rows[i])] = offset + scale * total[i]


def box_of(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and greatest code of every lane, and at the end those of leaves (`prune`), beyond which no cut is. int64."""
    ends = np.iinfo(np.int32)
    return np.append(codes.min(axis=1).astype(np.int64), -1), np.append(codes.max(axis=1).astype(np.int64), ends.max)


@compiled
def prune(words, roots, depth, lane_of, low, high, to_words, to_roots):
    """Copy the trees as rows within the box (low, high) see them to `to_words`; returns the number of nodes written.

    A node survives where rows of the box may go both ways; else the child that all of them take stands in its place. No tree is deeper than `depth`.
    ``lane_of[slot]`` turns what a word holds into a lane of the box; that of a leaf is the last.
    """
    stack = np.empty(depth + 1, np.int64)
    owner = np.empty(depth + 1, np.int64)
    at = np.int64(0)
    for tree in range(len(roots)):
        to_roots[tree] = at
        node = np.int64(roots[tree])
        top = 0
        while True:
            word = words[node]
            rank = (word >> LANE_BITS) & RANK
            lane = lane_of[word & LEAF_LANE]
            left = high[lane] <= rank
            if left or low[lane] > rank:
                node += 1 if left else word >> RIGHT_SHIFT
                continue
            if word & LEAF_LANE != LEAF_LANE:
                to_words[at] = lane | rank << LANE_BITS
                stack[top] = node + (word >> RIGHT_SHIFT)
                owner[top] = at
                top += 1
                at += 1
                node += 1
            else:
                to_words[at] = word
                at += 1
                if top == 0:
                    break
                top -= 1
                node = stack[top]
                parent = owner[top]
                to_words[parent] |= (at - parent) << RIGHT_SHIFT
    return at
