"""Compiled: rows of a chunk ordered into blocks that are tight in predictor space.

A small k-d tree, fitted to a sample of the chunk, cuts the rows where the most nodes can be pruned: across the predictor whose cuts
within the sample's range have the most nodes below them, at the sample's median.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def rank_of(cuts, start, stop, key):
    """Return how many of the ascending ``cuts[start:stop]`` are below `key`."""
    low, high = start, stop
    while low < high:
        middle = (low + high) >> 1
        if cuts[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low - start


@njit(cache=True, nogil=True)
def fit_splits(keys, lane_feature, cuts, cut_start, cut_weight, depth, sample_size):
    """Return (lane, key) of the splits of a complete tree of `depth`, heap order; rows with ``keys[lane] <= key`` go left.

    A lane of −1 sends all rows left: the sample is alike, or no split prunes anything.
    """
    lanes, n = keys.shape
    count = (1 << depth) - 1
    split_lane = np.full(count, -1, np.int32)
    split_key = np.zeros(count, keys.dtype)
    m = min(n, sample_size)
    sample = np.empty((lanes, m), keys.dtype)
    # A stride that is no round number keeps the sample from following the lines of an image.
    for j in range(m):
        row = (j * n) // m + (j * 7919) % max(1, n // m)
        for a in range(lanes):
            sample[a, j] = keys[a, row]
    order = np.arange(m)
    first = np.zeros(2 * count + 2, np.int64)
    last = np.zeros(2 * count + 2, np.int64)
    last[0] = m
    scratch = np.empty(m, np.int64)
    values = np.empty(m, keys.dtype)
    for node in range(count):
        a0, a1 = first[node], last[node]
        best, best_lane = np.float32(0), -1
        if a1 - a0 > 1:
            for a in range(lanes):
                low = high = sample[a, order[a0]]
                for j in range(a0 + 1, a1):
                    key = sample[a, order[j]]
                    low, high = min(low, key), max(high, key)
                f = lane_feature[a]
                at = cut_start[f] + f
                score = (
                    cut_weight[at + rank_of(cuts, cut_start[f], cut_start[f + 1], high)]
                    - cut_weight[at + rank_of(cuts, cut_start[f], cut_start[f + 1], low)]
                )
                if score > best:
                    best, best_lane = score, a
        middle = a1
        if best_lane >= 0:
            for j in range(a0, a1):
                values[j - a0] = sample[best_lane, order[j]]
            part = np.sort(values[: a1 - a0])
            key = part[(a1 - a0 - 1) // 2]
            if key == part[-1]:
                at = (a1 - a0 - 1) // 2
                while part[at] == key:
                    at -= 1
                key = part[at]
            split_lane[node], split_key[node] = best_lane, key
            left, right = a0, 0
            for j in range(a0, a1):
                row = order[j]
                if sample[best_lane, row] <= key:
                    order[left] = row
                    left += 1
                else:
                    scratch[right] = row
                    right += 1
            order[left:a1] = scratch[:right]
            middle = left
        first[2 * node + 1], last[2 * node + 1] = a0, middle
        first[2 * node + 2], last[2 * node + 2] = middle, a1
    return split_lane, split_key


@njit(cache=True, nogil=True)
def order_rows(keys, split_lane, split_key, depth):
    """Return (permutation, block starts): rows by the leaf of the split tree that they reach, else in their own order."""
    n = keys.shape[1]
    blocks = 1 << depth
    leaf = np.zeros(n, np.int32)
    for i in range(n):
        node = 0
        for _ in range(depth):
            lane = split_lane[node]
            node = 2 * node + 1 + (lane >= 0 and keys[lane, i] > split_key[node])
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
    return permutation, start


@njit(cache=True, nogil=True)
def gather(keys, permutation, ordered):
    """Write the columns of `keys` in the order of `permutation`."""
    for a in range(len(keys)):
        for i in range(len(permutation)):
            ordered[a, i] = keys[a, permutation[i]]


@njit(cache=True, nogil=True)
def boxes_of(keys, start, depth, lane_feature, cuts, cut_start):
    """Return (low, high), each (heap nodes, lanes) int32: ranks among the cuts of the least and greatest key below each split node."""
    blocks = 1 << depth
    lanes = len(keys)
    low = np.empty((2 * blocks - 1, lanes), keys.dtype)
    high = np.empty((2 * blocks - 1, lanes), keys.dtype)
    for b in range(blocks):
        node = blocks - 1 + b
        for a in range(lanes):
            if start[b] == start[b + 1]:  # an empty block: the neutral box
                low[node, a], high[node, a] = np.iinfo(keys.dtype).max, np.iinfo(keys.dtype).min
                continue
            part = keys[a, start[b] : start[b + 1]]
            least = greatest = part[0]
            for i in range(len(part)):
                least, greatest = min(least, part[i]), max(greatest, part[i])
            low[node, a], high[node, a] = least, greatest
    for node in range(blocks - 2, -1, -1):
        for a in range(lanes):
            low[node, a] = min(low[2 * node + 1, a], low[2 * node + 2, a])
            high[node, a] = max(high[2 * node + 1, a], high[2 * node + 2, a])
    low_rank = np.empty(low.shape, np.int32)
    high_rank = np.empty(low.shape, np.int32)
    for node in range(2 * blocks - 1):
        for a in range(lanes):
            f = lane_feature[a]
            low_rank[node, a] = rank_of(cuts, cut_start[f], cut_start[f + 1], low[node, a])
            high_rank[node, a] = rank_of(cuts, cut_start[f], cut_start[f + 1], high[node, a])
    return low_rank, high_rank


@njit(cache=True, nogil=True)
def prune(slot, rank, right, roots, lane_of, low, high, to_lane, to_rank, to_right, to_roots, at):
    """Copy the trees as rows within the box (low, high) see them to ``to_*[at:]``; returns one past the last node written.

    A node survives where rows of the box may go both ways; else the child that all of them take stands in its place.
    """
    stack = np.empty(64, np.int32)
    owner = np.empty(64, np.int32)
    for tree in range(len(roots)):
        to_roots[tree] = at
        node = roots[tree]
        parent = -1
        top = 0
        while True:
            s = slot[node]
            lane = -1
            k = rank[node]
            while s >= 0:
                lane = lane_of[s]
                if high[lane] <= k:
                    node += 1
                elif low[lane] > k:
                    node = right[node]
                else:
                    break
                s = slot[node]
                k = rank[node]
            if parent >= 0:
                to_right[parent] = at
            to_rank[at] = k
            if s >= 0:
                to_lane[at] = lane
                if top == len(stack):
                    stack = np.concatenate((stack, np.empty(top, np.int32)))
                    owner = np.concatenate((owner, np.empty(top, np.int32)))
                stack[top] = right[node]
                owner[top] = at
                top += 1
                at += 1
                node += 1
                parent = -1
            else:
                to_lane[at] = -1
                at += 1
                if top == 0:
                    break
                top -= 1
                node = stack[top]
                parent = owner[top]
    return at
