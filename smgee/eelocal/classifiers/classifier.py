"""Classifiers and clusterers as values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from smgee.eelocal.classifiers.treetext import Forest
from smgee.eelocal.classifiers.treewalk import leaf_means, leaf_values
from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.pixels.loops import masked_mode
from smgee.eelocal.values.made import Made
from smgee.eelocal.values.pixeltype import DOUBLE, NAMED_TYPES, PixelType

MODES = ("CLASSIFICATION", "REGRESSION", "PROBABILITY", "MULTIPROBABILITY", "RAW", "RAW_REGRESSION")


@dataclass(frozen=True, eq=False)
class Classifier(Made, ABC):
    """What turns rows of numbers into a class, a number or an array."""

    name: str
    mode: str = "CLASSIFICATION"

    @property
    @abstractmethod
    def schema(self) -> tuple[str, ...] | None:
        """Names of the inputs, None before training."""

    @property
    @abstractmethod
    def type(self) -> PixelType:
        """Type of the output in the present mode."""

    @abstractmethod
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Return the outputs, (n,) or (n, length), of rows shaped (features, n) float64, without missing
        values.
        """

    @abstractmethod
    def explain(self) -> dict[str, Any]:
        """Return what is known about the classifier."""

    def describe(self) -> dict[str, Any]:
        """Return the `getInfo` form."""
        return {"type": f"Classifier.{self.name}"}

    def train(self, rows: np.ndarray, target: np.ndarray, names: Sequence[str]) -> Classifier:
        """Return the classifier trained on rows shaped (n, features)."""
        raise EEError(f"Classifier.train: A {self.name} classifier cannot be trained.")

    def with_mode(self, mode: str) -> Classifier:
        """Return the classifier with another output mode."""
        if mode not in MODES:
            raise EEError(f"Unknown output mode '{mode}': use one of {', '.join(MODES)}.")
        return replace(self, mode=mode)


@dataclass(frozen=True, eq=False)
class TreeClassifier(Classifier):
    """Decision trees given as text."""

    forest: Forest | None = None

    @property
    def _trees(self) -> Forest:
        assert self.forest is not None
        return self.forest

    @property
    def schema(self) -> tuple[str, ...]:
        return self._trees.names

    @property
    def type(self) -> PixelType:
        if self.mode == "CLASSIFICATION" and self._trees.integral:
            return NAMED_TYPES["int32"]
        return DOUBLE.array(1) if self.mode in ("RAW", "RAW_REGRESSION") else DOUBLE

    def with_mode(self, mode: str) -> Classifier:
        if mode in ("PROBABILITY", "MULTIPROBABILITY"):
            raise UnsupportedAlgorithmError(
                f"Output mode {mode} of Classifier.{self.name}", "is not documented, and not computed"
            )
        return super().with_mode(mode)

    def predict(self, rows: np.ndarray) -> np.ndarray:
        forest = self._trees
        arrays = (forest.nodes, forest.value, forest.roots, forest.depths)
        n, trees = rows.shape[1], len(forest.roots)
        if self.mode == "REGRESSION" or (self.mode == "CLASSIFICATION" and trees == 1):
            out = np.empty(n)
            leaf_means(*arrays, rows, out)
            return out
        if self.mode == "CLASSIFICATION" and not forest.integral:
            raise EEError(
                f"Classifier.{self.name}: the trees predict numbers that are no classes; call "
                "setOutputMode('REGRESSION') for their mean."
            )
        votes = np.empty((n, trees))
        leaf_values(*arrays, rows, votes)
        return _majority(votes) if self.mode == "CLASSIFICATION" else votes

    def explain(self) -> dict[str, Any]:
        return {"mode": self.mode, "schema": list(self.schema), "numberOfTrees": len(self._trees.roots)}


def _majority(votes: np.ndarray) -> np.ndarray:
    """Return the most frequent value of each row of (n, trees), the least of equals."""
    out, found = np.empty(len(votes)), np.empty(len(votes), bool)
    masked_mode(np.ascontiguousarray(votes.T), np.ones(votes.T.shape, bool), out, found)
    return out
