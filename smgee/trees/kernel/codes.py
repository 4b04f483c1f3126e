"""Compiled: keys to codes, the number of a block's cuts below the key."""

from __future__ import annotations

import numpy as np
from numba import njit, uint64

BUCKETS = 2048
NONE, ONE = np.uint64(0), np.uint64(1)


@njit(cache=True, nogil=True)
def collect_cuts(lane, rank, begin, end, low, high, lane_feature, cuts, cut_start, mark, mark_start, renamed):
    """Find the cuts that nodes ``begin:end`` use, and number each node's among those of its lane.

    Returns (used, starts): the used cuts of all lanes, ascending within each, and where each lane's begin. `rank` is rewritten;
    `mark` (uint8, all zero, and again on return) and `renamed` (int32) are scratch with an entry for every cut of every lane, the lane's
    from ``mark_start[lane]`` on.
    """
    count = 0
    for i in range(begin, end):
        if lane[i] >= 0:
            at = mark_start[lane[i]] + rank[i]
            count += mark[at] == 0
            mark[at] = 1
    used = np.empty(count, cuts.dtype)
    starts = np.empty(len(low) + 1, np.int64)
    n = 0
    words = mark[: len(mark) // 8 * 8].view(np.uint64)
    for a in range(len(low)):
        starts[a] = n
        at, stop = mark_start[a] + low[a], mark_start[a] + high[a]
        shift = cut_start[lane_feature[a]] - mark_start[a]
        while at < stop:
            if at & 7 == 0 and at + 8 <= stop and words[at >> 3] == 0:
                at += 8
                continue
            if mark[at]:
                used[n] = cuts[at + shift]
                renamed[at] = n - starts[a]
                mark[at] = 0
                n += 1
            at += 1
    starts[len(low)] = n
    for i in range(begin, end):
        if lane[i] >= 0:
            rank[i] = renamed[mark_start[lane[i]] + rank[i]]
    return used, starts


@njit(cache=True, nogil=True)
def encode(keys, cuts, codes, first, padded):
    """Write to ``codes[i]`` how many of the ascending `cuts` are below ``keys[i]``.

    Cuts are looked up in a table over equal intervals of keys, then compared one by one, or by halving where many share an interval.
    `first` (int64, `BUCKETS` + 2) and `padded` (keys' type, twice the number of cuts + 2) are scratch.
    """
    n = len(cuts)
    if n == 0:
        codes[:] = 0
        return
    least, greatest = cuts[0], cuts[n - 1]
    spread = np.int64(greatest >> 1) - np.int64(least >> 1)  # half the range, which fits whatever the type
    buckets = 64
    while buckets < 4 * n and buckets < BUCKETS:
        buckets *= 2
    shift = np.int64(0)
    while (spread >> shift) >= buckets // 2 - 1:
        shift += 1
    most = _index_buckets(cuts, least, shift, first, buckets)
    span = 1
    while span <= most:
        span *= 2
    for j in range(n):
        padded[j] = cuts[j]
    padded[n : n + span] = np.iinfo(keys.dtype).max
    u = uint64(shift)
    if most <= 1:
        for i in range(len(keys)):
            key = min(max(keys[i], least), greatest)
            at = uint64(first[(uint64(key) - uint64(least)) >> u])
            codes[i] = at + (ONE if padded[at] < keys[i] else NONE)
    elif most == 2:
        for i in range(len(keys)):
            key = min(max(keys[i], least), greatest)
            at = uint64(first[(uint64(key) - uint64(least)) >> u])
            codes[i] = at + (ONE if padded[at] < keys[i] else NONE) + (ONE if padded[at + ONE] < keys[i] else NONE)
    else:
        for i in range(len(keys)):
            key = min(max(keys[i], least), greatest)
            at = uint64(first[(uint64(key) - uint64(least)) >> u])
            half = uint64(span) >> ONE
            while half > NONE:
                at += half if padded[at + half - ONE] < keys[i] else NONE
                half >>= ONE
            codes[i] = at


@njit(cache=True, nogil=True)
def _index_buckets(cuts, least, shift, first, buckets):
    """Fill ``first[b]`` with the number of cuts in earlier buckets than `b`; returns the most cuts in one bucket."""
    u = uint64(shift)
    at = most = run = 0
    for j in range(len(cuts)):
        b = np.int64((uint64(cuts[j]) - uint64(least)) >> u)
        run = run + 1 if b < at else 1
        while at <= b:
            first[at] = j
            at += 1
        most = max(most, run)
    return most
