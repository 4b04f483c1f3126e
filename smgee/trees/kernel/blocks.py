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
TO_RANK = (1 << RIGHT_SHIFT) - 1


@njit(cache=True, nogil=True)
def fit_splits(codes, n, lane_feature, cut_start, cut_weight, depth, sample_size):
    """Return (lane, code) of the splits of a complete tree of `depth`, heap order; rows with ``codes[lane] <= code`` go left.

    A lane of −1 sends all rows left: the sample is alike, or no split prunes anything.
    """
    lanes = len(codes)
    count = (1 << depth) - 1
    split_lane = np.full(count, -1, np.int32)
    split_code = np.zeros(count, np.int32)
    m = min(n, sample_size)
    sample = np.empty((lanes, m), np.int32)
    stride = max(1, n // m)
    for j in range(m):
        # An offset that is no round number keeps the sample from following the lines of an image.
        row = min(n - 1, (j * n) // m + (j * 7919) % stride)
        for a in range(lanes):
            sample[a, j] = codes[a, row]
    order = np.arange(m)
    first = np.zeros(2 * count + 2, np.int64)
    last = np.zeros(2 * count + 2, np.int64)
    last[0] = m
    other = np.empty(m, np.int64)
    values = np.empty(m, np.int32)
    for node in range(count):
        a0, a1 = first[node], last[node]
        best, best_lane = np.float32(0), -1
        if a1 - a0 > 1:
            for a in range(lanes):
                low = high = sample[a, order[a0]]
                for j in range(a0 + 1, a1):
                    code = sample[a, order[j]]
                    low, high = min(low, code), max(high, code)
                at = cut_start[lane_feature[a]] + lane_feature[a]
                score = cut_weight[at + high] - cut_weight[at + low]
                if score > best:
                    best, best_lane = score, a
        middle = a1
        if best_lane >= 0:
            for j in range(a0, a1):
                values[j - a0] = sample[best_lane, order[j]]
            part = values[: a1 - a0]
            part.sort()
            at = (a1 - a0 - 1) // 2
            while part[at] == part[-1]:
                at -= 1
            code = part[at]
            split_lane[node], split_code[node] = best_lane, code
            left, right = a0, 0
            for j in range(a0, a1):
                row = order[j]
                if sample[best_lane, row] <= code:
                    order[left] = row
                    left += 1
                else:
                    other[right] = row
                    right += 1
            order[left:a1] = other[:right]
            middle = left
        first[2 * node + 1], last[2 * node + 1] = a0, middle
        first[2 * node + 2], last[2 * node + 2] = middle, a1
    return split_lane, split_code


@njit(cache=True, nogil=True)
def order_rows(codes, n, split_lane, split_code, depth):
    """Put the first `n` columns of `codes` in order of the leaf of the split tree that they reach, else in their own order.

    Returns (permutation, starts): where each ordered row came from, and where each block begins.
    """
    blocks = 1 << depth
    leaf = np.zeros(n, np.int32)
    flat = codes.reshape(-1)
    width = codes.shape[1]
    at_lane = np.empty(blocks, np.int64)
    above = np.empty(blocks, np.int32)
    for node in range(blocks - 1):
        unsplit = split_lane[node] < 0
        at_lane[node] = 0 if unsplit else split_lane[node] * width
        above[node] = np.iinfo(np.int32).max if unsplit else split_code[node]
    for i in range(n):
        node = 0
        for _ in range(depth):
            node = 2 * node + 1 + (np.int32(flat[at_lane[node] + i]) > above[node])
        leaf[i] = node - (blocks - 1)
    start = np.zeros(blocks + 1, np.int64)
    for i in range(n):
        start[leaf[i] + 1] += 1
    for b in range(blocks):
        start[b + 1] += start[b]
    at = start[:blocks].copy()
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


@njit(cache=True, nogil=True)
def boxes_of(codes, start, depth):
    """Return the least and greatest codes of every node of the split tree, each (heap nodes, lanes + 1) int32.

    The last lane is that of leaves (`prune`): no cut is beyond its box. An empty block has the neutral box.
    """
    blocks = 1 << depth
    lanes = len(codes)
    low = np.full((2 * blocks - 1, lanes + 1), np.iinfo(np.int32).max, np.int32)
    high = np.full((2 * blocks - 1, lanes + 1), -1, np.int32)
    for b in range(blocks):
        if start[b] == start[b + 1]:
            continue
        for a in range(lanes):
            part = codes[a][start[b] : start[b + 1]]
            least = greatest = part[0]
            for i in range(len(part)):
                x = part[i]
                least = x if x < least else least
                greatest = x if x > greatest else greatest
            low[blocks - 1 + b, a], high[blocks - 1 + b, a] = least, greatest
    for node in range(blocks - 2, -1, -1):
        for a in range(lanes):
            low[node, a] = min(low[2 * node + 1, a], low[2 * node + 2, a])
            high[node, a] = max(high[2 * node + 1, a], high[2 * node + 2, a])
    low[:, lanes] = -1
    high[:, lanes] = np.iinfo(np.int32).max
    return low, high


@njit(cache=True, nogil=True)
def prune(words, roots, lane_of, low, high, to_words, to_roots, begin):
    """Copy the trees as rows within the box (low, high) see them to ``to_words[begin:]``; returns one past the last node written.

    A node survives where rows of the box may go both ways; else the child that all of them take stands in its place.
    ``lane_of[slot]`` turns what a word holds into a lane of the box; that of a leaf is the last.
    """
    capacity = 64
    stack = np.empty(capacity, np.int64)
    owner = np.empty(capacity, np.int64)
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
                if top == capacity:
                    stack = np.concatenate((stack, np.empty(capacity, np.int64)))
                    owner = np.concatenate((owner, np.empty(capacity, np.int64)))
                    capacity *= 2
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
