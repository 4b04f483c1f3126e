"""Compiled: the plain node walk, one row and one tree at a time. The engine for few rows, and for what
programs cannot express.
"""

from __future__ import annotations

from smgee.trees.kernel.blocks import RANK, RIGHT_SHIFT
from smgee.trees.kernel.forest import LANE_BITS, LEAF_LANE
from smgee.trees.kernel.machine import entry


@entry
def walk(words, roots, leaf, lane_of, codes, begin, end, total):
    """Add to ``total[begin:end]`` the fixed-point leaves that these rows of `codes`, (lanes, rows), reach;
    ``lane_of[slot]`` is a slot's lane.
    """
    for tree in range(len(roots)):
        for i in range(begin, end):
            node = roots[tree]
            word = words[node]
            while word & LEAF_LANE != LEAF_LANE:
                if codes[lane_of[word & LEAF_LANE], i] <= (word >> LANE_BITS) & RANK:
                    node += 1
                else:
                    node += word >> RIGHT_SHIFT
                word = words[node]
            total[i] += leaf[(word >> LANE_BITS) & RANK]
