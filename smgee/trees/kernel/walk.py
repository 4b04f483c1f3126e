"""Compiled: the plain node walk, one tree at a time. The engine for few rows, and for what programs cannot
express.

Where a row goes next is known only when the node before has been read, and no processor guesses it well. So
eight rows walk side by side, each step without a branch: while one waits for memory, the others go on. A row
that has arrived stays where it is, since a leaf's distance to its right child is 0.
"""

import numpy as np
from numba import njit

from smgee.trees.kernel.blocks import RANK, RIGHT_SHIFT
from smgee.trees.kernel.forest import LANE_BITS, LEAF_LANE
from smgee.trees.kernel.machine import entry

# Unsigned, so that no index is checked for wrapping around.
LANE, LEVEL, FAR, RANKS = (np.uint64(i) for i in (LEAF_LANE, LANE_BITS, RIGHT_SHIFT, RANK))
W0, W1, W2, W3, W4, W5, W6, W7, W8 = (np.uint64(i) for i in range(9))


@entry
def walk(words, roots, leaf, lane_at, codes, begin, end, total):
    """Add to ``total[begin:end]`` the fixed-point leaves that rows reach.

    Parameters
    ----------
    words : (nodes,) uint64
        As in `Forest`.
    lane_at : (slots,) uint64
        Where the codes of a slot begin; for leaves any place where codes of all rows follow.
    codes : (lanes * rows,) uint8, uint16 or int32
        Predictors.
    begin, end : uint64
        Which rows.
    total : (rows,) int64
        Added to.
    """
    eights = begin + (end - begin) // W8 * W8
    for tree in range(len(roots)):
        root = np.uint64(roots[tree])
        word = words[root]
        for i in range(begin, eights, W8):
            n0 = n1 = n2 = n3 = n4 = n5 = n6 = n7 = root
            w0 = w1 = w2 = w3 = w4 = w5 = w6 = w7 = word
            while (w0 | w1 | w2 | w3 | w4 | w5 | w6 | w7) >> FAR:
                n0, w0 = _step(words, n0, w0, lane_at, codes, i)
                n1, w1 = _step(words, n1, w1, lane_at, codes, i + W1)
                n2, w2 = _step(words, n2, w2, lane_at, codes, i + W2)
                n3, w3 = _step(words, n3, w3, lane_at, codes, i + W3)
                n4, w4 = _step(words, n4, w4, lane_at, codes, i + W4)
                n5, w5 = _step(words, n5, w5, lane_at, codes, i + W5)
                n6, w6 = _step(words, n6, w6, lane_at, codes, i + W6)
                n7, w7 = _step(words, n7, w7, lane_at, codes, i + W7)
            total[i] += leaf[(w0 >> LEVEL) & RANKS]
            total[i + W1] += leaf[(w1 >> LEVEL) & RANKS]
            total[i + W2] += leaf[(w2 >> LEVEL) & RANKS]
            total[i + W3] += leaf[(w3 >> LEVEL) & RANKS]
            total[i + W4] += leaf[(w4 >> LEVEL) & RANKS]
            total[i + W5] += leaf[(w5 >> LEVEL) & RANKS]
            total[i + W6] += leaf[(w6 >> LEVEL) & RANKS]
            total[i + W7] += leaf[(w7 >> LEVEL) & RANKS]
        for i in range(eights, end):
            n, w = root, word
            while w >> FAR:
                n, w = _step(words, n, w, lane_at, codes, i)
            total[i] += leaf[(w >> LEVEL) & RANKS]


@njit(inline="always")
def _step(words, node, word, lane_at, codes, row):
    """Return the node after this one for a row, and its word; a leaf comes after itself."""
    far = word >> FAR
    goes_right = np.uint64(codes[lane_at[word & LANE] + row]) > ((word >> LEVEL) & RANKS)
    node += far if goes_right else min(far, W1)
    return node, words[node]
