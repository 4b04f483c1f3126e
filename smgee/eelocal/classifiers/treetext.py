"""Decision trees in the text that R's rpart prints, as Earth Engine reads it.

One node per line: ``id) split n deviance yval [(probabilities)] [*]``. Ids are heap numbers (the children of
k are 2k and 2k + 1) and lines come in pre-order; the split on a line is the condition to enter that node;
``*`` marks a leaf, whose yval is the prediction. Several trees may follow one another, each starting with
``1) root``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from smgee.eelocal.errors import EEError

# One node in 24 bytes, so that a step down a tree touches one cache line.
NODE = np.dtype([("threshold", "f8"), ("feature", "i4"), ("low", "i4"), ("high", "i4"), ("missing", "i4")])

_LINE = re.compile(r"\s*(\d+)\)\s*(.*?)\s*$")
_SPLIT = re.compile(r"([^\s<>=]+)\s*(<=|>=|<|>)\s*(\S+)\s+(.*)$")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)$")
_HEADER = re.compile(r"\s*(?:$|n=|node\)|\*\s*denotes)")
_COMPLEMENT = {"<": ">=", ">=": "<", "<=": ">", ">": "<="}
# Deeper ids do not fit 64 bits.
_DEEPEST = 2**63


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees as flat arrays, one after another in pre-order.

    Attributes
    ----------
    names : tuple of str
        The features, in order of first use.
    nodes : (nodes,) array of `NODE`
        Per node the ``feature`` it splits on and the ``threshold``: rows below it go to ``low``, others to
        ``high``, NaN to ``missing`` (node 2k + 1, as the condition of 2k is false). Leaves have feature 0 and
        lead to themselves.
    value : (nodes,) float64
        Predictions of the leaves.
    roots, depths : (trees,) int32
        First node and depth of every tree.
    """

    names: tuple[str, ...]
    nodes: np.ndarray
    value: np.ndarray
    roots: np.ndarray
    depths: np.ndarray

    @property
    def integral(self) -> bool:
        """Whether all predictions are whole numbers, as classes are."""
        leaf = self.nodes["low"] == np.arange(len(self.nodes))
        return bool((self.value[leaf] == np.floor(self.value[leaf])).all())


class _Builder:
    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.feature: list[int] = []
        self.threshold: list[float] = []
        self.low: list[int] = []
        self.high: list[int] = []
        self.missing: list[int] = []
        self.value: list[float] = []
        self.roots: list[int] = []
        self.depths: list[int] = []

    def read(self, text: str) -> None:
        """Add the trees of one string."""
        # Nodes whose children are still to come: [index, id, condition of the left child, depth].
        waiting: list[list] = []
        number = 0
        trees = 0
        for number, line in enumerate(text.splitlines(), start=1):
            match = _LINE.match(line)
            if match is None:
                if _HEADER.match(line):
                    continue
                raise EEError(f"Error parsing line {number}: '{line.strip()[:60]}' is no node.")
            identifier, rest = int(match[1]), match[2]
            if waiting:
                parent = waiting[-1]
                expected = 2 * parent[1] + (parent[2] is not None)
            else:
                parent, expected = None, 1
            if identifier != expected:
                raise EEError(f"Error parsing line {number}: expected {expected}, got {identifier}.")
            if identifier >= _DEEPEST:
                raise EEError(f"Error parsing line {number}: node {identifier} lies too deep.")
            index = len(self.value)
            if parent is None:
                word, _, rest = rest.partition(" ")
                if word != "root":
                    raise EEError(f"Error parsing line {number}: expected 'root', got '{word[:30]}'.")
                self.roots.append(index)
                self.depths.append(0)
                trees += 1
                depth = 0
            else:
                rest = self._enter(parent, index, rest, number)
                depth = parent[3] + 1
                self.depths[-1] = max(self.depths[-1], depth)
                if parent[2][1] is not None:
                    waiting.pop()
            leaf, value = _ending(rest, number)
            self.feature.append(0)
            self.threshold.append(np.inf)
            self.low.append(index)
            self.high.append(index)
            self.missing.append(index)
            self.value.append(value)
            if not leaf:
                waiting.append([index, identifier, None, depth])
        if waiting or not trees:
            raise EEError(f"Error parsing line {number + 1}: unexpected end of input.")

    def _enter(self, parent: list, index: int, rest: str, number: int) -> str:
        """Read the condition to enter a child, store it in the parent, and return what follows it."""
        match = _SPLIT.match(rest)
        if match is None:
            raise EEError(
                f"Error parsing line {number}: '{rest[:60]}' has no split of the form 'feature < number'."
            )
        name, operator, text, rest = match.groups()
        threshold = _number(text, number)
        if parent[2] is None:
            parent[2] = [(name, operator, threshold), None, index]
            return rest
        first, _, left = parent[2]
        if (name, _COMPLEMENT[operator], threshold) != first:
            raise EEError(
                f"Error parsing line {number}: '{name} {operator} {text}' is not the opposite of "
                f"'{' '.join(map(str, first))}'."
            )
        parent[2][1] = True
        at = parent[0]
        name, operator, threshold = first
        self.feature[at] = self.names.setdefault(name, len(self.names))
        # In float64, x <= t is x < the next number after t.
        self.threshold[at] = threshold if operator in ("<", ">=") else math.nextafter(threshold, math.inf)
        below_left = operator in ("<", "<=")
        self.low[at], self.high[at] = (left, index) if below_left else (index, left)
        self.missing[at] = index
        return rest


def _number(text: str, line: int) -> float:
    if not _NUMBER.match(text):
        raise EEError(f"Error parsing line {line}: '{text[:40]}' is no number in fixed-point notation.")
    return float(text)


def _ending(rest: str, line: int) -> tuple[bool, float]:
    """Return whether a line is a leaf, and its prediction: the last number before the probabilities and
    the star.
    """
    text = rest.rstrip()
    leaf = text.endswith("*")
    if leaf:
        text = text[:-1].rstrip()
    if text.endswith(")"):
        text = text[: text.rindex("(")].rstrip() if "(" in text else text
    words = text.split()
    if not words:
        raise EEError(f"Error parsing line {line}: the node has no value.")
    return leaf, _number(words[-1], line) if leaf else 0.0


@lru_cache(maxsize=8)
def _parse(texts: tuple[str, ...]) -> Forest:
    builder = _Builder()
    for text in texts:
        builder.read(text)
    nodes = np.empty(len(builder.value), NODE)
    for field in ("feature", "threshold", "low", "high", "missing"):
        nodes[field] = getattr(builder, field)
    return Forest(
        tuple(builder.names),
        nodes,
        np.array(builder.value),
        np.array(builder.roots, np.int32),
        np.array(builder.depths, np.int32),
    )


def parse_forest(texts: Sequence[str]) -> Forest:
    """Parse strings of one or more trees each; `EEError` with Earth Engine's words: ``Error parsing line 4:
    expected 8, got 3.`` where a line is out of order, ``… unexpected end of input.`` where lines are missing;
    lines are counted from 1 within each string.
    """
    if not texts:
        raise EEError("The list of trees is empty.")
    return _parse(tuple(texts))
