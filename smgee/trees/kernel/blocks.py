"""Compiled: rows of a chunk ordered into blocks that are tight in predictor space, and trees pruned to what a block can see.

A small k-d tree, fitted to a sample of the chunk, cuts the rows where the most nodes can be pruned: across the predictor whose cuts
within the sample's range have the most nodes below them, at the sample's median.
"""

from __future__ import annotations

import numpy as np
from numba import njit

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


@njit(cache=True, nogil=True)
def order_rows(codes, split_lane, split_code, depth):
    """Put the columns of `codes` in order of the leaf of the split tree that they reach, else in their own order.

    Returns (permutation, starts): where each ordered row came from, and where each block begins.
    """
    n = codes.shape[1]
    blocks = 1 << depth
    leaf = np.empty(n, np.int32)
    flat = codes.reshape(-1)
    at_lane = np.empty(blocks, np.int64)
    above = np.empty(blocks, np.int64)
    for node in range(blocks - 1):
        unsplit = split_lane[node] < 0
        at_lane[node] = 0 if unsplit else split_lane[node] * n
        above[node] = (1 << 40) if unsplit else split_code[node]
    for i in range(n):
        node = 0
        for _ in range(depth):
            node = 2 * node + 1 + (np.int64(flat[at_lane[node] + i]) > above[node])
        leaf[i] = node - (blocks - 1)
    start = np.empty(blocks + 1, np.int64)
    at = np.empty(blocks, np.int64)
    for b in range(blocks + 1):
        start[b] = 0
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
    lane = np.empty(n, codes.dtype)
    for a in range(len(codes)):
        row = codes[a]
        for i in range(n):
            lane[i] = row[i]
        for i in range(n):
            row[i] = lane[np.uint64(permutation[i])]
    return permutation, start


def boxes_of(codes: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and greatest codes below every node of the split tree, each (heap nodes, lanes + 1) int64.

    The last lane is that of leaves (`prune`): no cut is beyond its box. An empty block has the neutral box.
    """
    lanes, blocks = len(codes), len(start) - 1
    low = np.full((2 * blocks - 1, lanes + 1), np.iinfo(np.int32).max)
    high = np.full((2 * blocks - 1, lanes + 1), -1)
    for b in range(blocks):
        if start[b] < start[b + 1]:
            part = codes[:, start[b] : start[b + 1]]
            low[blocks - 1 + b, :lanes], high[blocks - 1 + b, :lanes] = part.min(axis=1), part.max(axis=1)
    for node in range(blocks - 2, -1, -1):
        low[node] = np.minimum(low[2 * node + 1], low[2 * node + 2])
        high[node] = np.maximum(high[2 * node + 1], high[2 * node + 2])
    low[:, lanes], high[:, lanes] = -1, np.iinfo(np.int32).max
    return low, high


@njit(cache=True, nogil=True)
def prune(words, roots, depth, lane_of, low, high, to_words, to_roots, begin):
    """Copy the trees as rows within the box (low, high) see them to ``to_words[begin:]``; returns one past the last node written.

    A node survives where rows of the box may go both ways; else the child that all of them take stands in its place. No tree is deeper than `depth`.
    ``lane_of[slot]`` turns what a word holds into a lane of the box; that of a leaf is the last.
    """
    stack = np.empty(depth + 1, np.int64)
    owner = np.empty(depth + 1, np.int64)
    at = begin
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
