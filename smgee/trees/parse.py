"""Earth Engine's tree text: strict reading.

The grammar is what `ee.Classifier.decisionTreeEnsemble` is known to take, and errors bear its texts
(``Error parsing line 4: expected 8, got 3.``). It covers what `smgee.trees.text`, geemap, R's rpart (its
header lines included) and ``smileRandomForest.explain()['trees']`` write: blanks in front of lines and around
operators, free numbers for n and deviance, class probabilities in parentheses, several trees in one string.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import NoReturn

import numpy as np

from smgee.errors import InputError
from smgee.trees.ensemble import LEAF, Comparison, TreeEnsemble
from smgee.trees.layout import canonical

PLAIN = r"[-+]?(?:\d+\.?\d*|\.\d+)"
LOOSE = (
    r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"  # n and deviance are not used, so their form does not matter
)


def _grammar(name: str, number: str) -> re.Pattern[str]:
    """A line: id, root or a split, n, deviance, value, perhaps (yprob), and a star at a leaf."""
    split = rf"({name})\s*(<=|>=|<|>)\s*({number})"
    return re.compile(
        rf"(\d+)\)\s*(?:root|{split})\s+{LOOSE}\s+{LOOSE}\s+({number})(?:\s*\([^()]*\))?\s*(\*?)", re.ASCII
    )


STRICT = _grammar(r"[A-Za-z_]\w*", PLAIN)
LENIENT = _grammar(r"[^\s<>=]+", LOOSE)
HEADER = re.compile(r"n\s*=|node\), split|\*\s+denotes terminal node")
OPPOSITE = {"<": ">=", ">=": "<", "<=": ">", ">": "<="}


def from_ee_strings(
    strings: str | Iterable[str], feature_names: Sequence[str] | None = None, *, strict: bool = True
) -> TreeEnsemble:
    """Read tree text into an ensemble whose mean of leaves is the prediction.

    Parameters
    ----------
    strings : str or iterable of str
        Each with one or more whole trees.
    feature_names : sequence of str, optional
        Order of the predictors; by default that of their first appearance.
    strict : bool
        Refuse scientific notation and names with other characters than letters, digits and underscores, which
        are known to break Earth Engine's parser. With False they are read, so that
        `TreeEnsemble.to_ee_strings` can write them well.

    Returns
    -------
    TreeEnsemble
        With `aggregation` ``"mean"``, `threshold_dtype` ``"float64"`` and no missing values. Text that mixes
        ``<`` with ``<=`` becomes ``<`` alone, with the next float64 for ``<=``.

    Raises
    ------
    InputError
        Where Earth Engine's parser would stop, with its text and what to do.
    """
    reader = _Reader(feature_names, STRICT if strict else LENIENT)
    for string in [strings] if isinstance(strings, str) else strings:
        reader.read(string)
    return reader.finish()


def _refuse(line: int, what: str, advice: str) -> NoReturn:
    raise InputError(f"Classifier.decisionTreeEnsemble: Error parsing line {line}: {what} ({advice}).")


class _Reader:
    """Nodes read so far, and which node number the parser waits for."""

    def __init__(self, feature_names: Sequence[str] | None, grammar: re.Pattern[str]) -> None:
        self.grammar = grammar
        self.closed = feature_names is not None
        self.names: dict[str, int] = {str(n): i for i, n in enumerate(feature_names or [])}
        self.feature: list[int] = []
        self.threshold: list[float] = []
        self.operator: list[str] = []  # the operator that leads to the left child
        self.left: list[int] = []
        self.right: list[int] = []
        self.value: list[float] = []
        self.roots: list[int] = []

    def read(self, text: str) -> None:
        """Read one string."""
        waiting: list[tuple[int, int]] = []  # (number, parent) of nodes still to come, the next one last
        lines = text.splitlines()
        first_tree = len(self.roots)
        for number, raw in enumerate(lines, start=1):
            line = raw.strip()
            if not line or (len(self.roots) == first_tree and HEADER.match(line)):
                continue
            match = self.grammar.fullmatch(line)
            if match is None:
                self._explain(number, line)
            identity, name, operator, cut, value, star = match.groups()
            expected, parent = waiting.pop() if waiting else (1, LEAF)
            if int(identity) != expected:
                _refuse(
                    number,
                    f"expected {expected}, got {identity}.",
                    "nodes must stand in pre-order, with numbers 2k and 2k+1 below k",
                )
            if (name is None) != (expected == 1):
                _refuse(
                    number,
                    f"expected {'root' if expected == 1 else 'a split'}, got "
                    f"{line.split(')')[1].strip()[:40]!r}.",
                    "only node 1 is the root",
                )
            here = len(self.feature)
            self._add(float(value) if star else 0.0)
            if parent == LEAF:
                self.roots.append(here)
            else:
                self._enter(number, here, parent, name, operator, cut)
            if not star:
                waiting += [(2 * expected + 1, here), (2 * expected, here)]
        if waiting or len(self.roots) == first_tree:
            _refuse(
                len(lines) + 1, "unexpected end of input.", "the text is cut off, or a leaf lacks its '*'"
            )

    def _add(self, value: float) -> None:
        self.feature.append(LEAF)
        self.threshold.append(0.0)
        self.operator.append("")
        self.left.append(LEAF)
        self.right.append(LEAF)
        self.value.append(value)

    def _enter(self, number: int, here: int, parent: int, name: str, operator: str, cut: str) -> None:
        """Connect a node with its parent; the second child must state the opposite of the first."""
        if self.left[parent] == LEAF:
            if name not in self.names:
                if self.closed:
                    _refuse(
                        number, f"unknown property {name!r}.", f"the predictors are {', '.join(self.names)}"
                    )
                self.names[name] = len(self.names)
            self.left[parent] = here
            self.feature[parent], self.operator[parent], self.threshold[parent] = (
                self.names[name],
                operator,
                float(cut),
            )
            return
        self.right[parent] = here
        same = self.names.get(name) == self.feature[parent] and float(cut) == self.threshold[parent]
        if not same or operator != OPPOSITE[self.operator[parent]]:
            _refuse(
                number,
                f"the split {name}{operator}{cut} is not the opposite of its sibling's.",
                "both children must test the same threshold",
            )

    def _explain(self, number: int, line: str) -> NoReturn:
        """Say why a line is none."""
        cannot = f"cannot read {line[:60]!r}."
        if re.match(r"\d+\)\s*[^\s<>=]*[^\w\s<>=][^\s<>=]*\s*[<>]", line):
            _refuse(
                number,
                cannot,
                "name predictors with letters, digits and underscores only, or read with strict=False",
            )
        if re.search(r"\d[eE][-+]?\d", line):
            advice = (
                "print plain decimals, in R with options(scipen = 999), or read with strict=False "
                "and write again"
            )
            _refuse(number, cannot, f"scientific notation is not understood; {advice}")
        _refuse(number, cannot, "a line is '<id>) <name><operator><threshold> <n> <deviance> <value> [*]'")

    def finish(self) -> TreeEnsemble:
        """Return the ensemble of all strings read."""
        if not self.roots:
            raise InputError("No tree text was given; pass at least one string with a tree.")
        operators = set(self.operator) - {""}
        comparison: Comparison = "le" if operators and operators <= {"<=", ">"} else "lt"
        mixed = comparison == "lt" and bool(operators & {"<=", ">"})
        for node, operator in enumerate(self.operator):
            if operator in (">", ">="):
                self.left[node], self.right[node] = self.right[node], self.left[node]
            if mixed and operator in ("<=", ">"):
                self.threshold[node] = math.nextafter(self.threshold[node], math.inf)
        return canonical(
            TreeEnsemble(
                feature=np.array(self.feature),
                threshold=np.array(self.threshold),
                left=np.array(self.left),
                right=np.array(self.right),
                value=np.array(self.value),
                missing_left=np.zeros(len(self.feature), dtype=bool),
                roots=np.array(self.roots),
                feature_names=tuple(self.names),
                comparison=comparison,
                threshold_dtype="float64",
                aggregation="mean",
                allows_missing=False,
                metadata={"family": "Earth Engine text"},
            )
        )
