"""Compiled: rows of a chunk ordered into blocks that are tight in predictor space, and trees pruned to what a
block can see.

A small k-d tree, fitted to a sample of the chunk, cuts the rows where the most nodes can be pruned: across
the predictor whose cuts within the sample's range have the most nodes below them, at the sample's median.
"""

from __future__ import annotations

import numpy as np

from smgee.trees.kernel.forest import LANE_BITS, LEAF_LANE, RANK_BITS
from smgee.trees.kernel.machine import entry

RANK = (1 << RANK_BITS) - 1
RIGHT_SHIFT = LANE_BITS + RANK_BITS
SAMPLE = 4096


def fit_splits(
    codes: np.ndarray, lane_feature: np.ndarray, cut_start: np.ndarray, cut_weight: np.ndarray, depth: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return (lane, code) of the splits of a complete tree of `depth`, heap order; rows with ``codes[lane] <=
    code`` go left.

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


def flat_splits(n: int, split_lane: np.ndarray, split_code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the splits of `fit_splits` as `assign_rows` takes them: where the lane of `n` rows begins,
    and the code. int64.
    """
    unsplit = split_lane < 0
    return np.where(unsplit, 0, split_lane * n), np.where(unsplit, 1 << 40, split_code)


@entry
def assign_rows(codes, begin, end, at_lane, above, leaf):
    """Write to ``leaf[begin:end]`` the leaf of the split tree (`flat_splits`), from the left, that these
    rows of the flat `codes` reach.
    """
    inner = len(above)
    for i in range(begin, end):
        node = 0
        while node < inner:
            node = 2 * node + 1 + (np.int64(codes[at_lane[node] + i]) > above[node])
        leaf[i] = node - inner


def order_rows(leaf: np.ndarray, blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (permutation, starts) of rows sorted by `leaf`, else in their own order, and where each of
    the `blocks` leaves begins.
    """
    permutation, start = np.empty(len(leaf), np.int32), np.zeros(blocks + 1, np.int64)
    _count_rows(leaf, start)
    np.cumsum(start, out=start)
    _place_rows(leaf, start[:-1].copy(), permutation)
    return permutation, start


@entry
def _count_rows(leaf, count):
    """Add to ``count[k + 1]`` the number of rows of leaf ``k``."""
    for i in range(len(leaf)):
        count[leaf[i] + 1] += 1


@entry
def _place_rows(leaf, at, permutation):
    """Write the rows of leaf ``k`` to `permutation` from ``at[k]`` on."""
    for i in range(len(leaf)):
        b = leaf[i]
        permutation[at[b]] = i
        at[b] += 1


@entry
def reorder(row, old, permutation):
    """Write `old` to `row` in the order of `permutation`."""
    for i in range(len(row)):
        row[i] = old[np.uint64(permutation[i])]


@entry
def finish(total, scale, offset, rows, out):
    """Write ``offset + scale * total`` to the places `rows` of `out`, in float64 until it is written."""
    for i in range(len(total)):
        out[np.uint64(rows[i])] = offset + scale * total[i]


def box_of(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and greatest code of every lane, and at the end those of leaves (`prune`), beyond
    which no cut is. int64.
    """
    ends = np.iinfo(np.int32)
    return np.append(codes.min(axis=1).astype(np.int64), -1), np.append(
        codes.max(axis=1).astype(np.int64), ends.max
    )


@entry
def prune(words, roots, depth, lane_of, low, high, to_words, to_roots):
    """Copy the trees as rows within the box (low, high) see them to `to_words`; returns the number of nodes
    written.

    A node survives where rows of the box may go both ways; else the child that all of them take stands in its
    place. No tree is deeper than `depth`. ``lane_of[slot]`` turns what a word holds into a lane of the box;
    that of a leaf is the last.
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
