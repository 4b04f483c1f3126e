"""Confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError


@dataclass(frozen=True)
class ConfusionMatrix:
    """Counts (actual class, predicted class), and the classes of rows and columns."""

    counts: np.ndarray
    order: tuple[int, ...]

    @classmethod
    def of_pairs(
        cls, pairs: Sequence[tuple[Any, Any]], order: Sequence[int] | None = None
    ) -> ConfusionMatrix:
        """Count (actual, predicted) pairs; classes are 0 to the greatest one unless `order` lists them."""
        for a, p in pairs:
            for value in (a, p):
                if (
                    isinstance(value, bool)
                    or not isinstance(value, (int, float))
                    or value != int(value)
                    or (order is None and value < 0)
                ):
                    raise EEError(f"The classes must be integers from 0, got {value}.")
        classes = (
            list(order)
            if order is not None
            else list(range(int(max((max(p) for p in pairs), default=-1)) + 1))
        )
        where = {c: i for i, c in enumerate(classes)}
        counts = np.zeros((len(classes), len(classes)))
        for a, p in pairs:
            if int(a) in where and int(p) in where:
                counts[where[int(a)], where[int(p)]] += 1
        return cls(counts, tuple(classes))

    @property
    def accuracy(self) -> float:
        """Correct over total."""
        total = self.counts.sum()
        return float(np.trace(self.counts) / total) if total else 0.0

    @property
    def consumers(self) -> np.ndarray:
        """Correct over the predicted of each class (columns), 0 where there is none."""
        return _ratio(np.diag(self.counts), self.counts.sum(axis=0))

    @property
    def producers(self) -> np.ndarray:
        """Correct over the actual of each class (rows), 0 where there is none."""
        return _ratio(np.diag(self.counts), self.counts.sum(axis=1))

    @property
    def kappa(self) -> float:
        """Cohen's κ."""
        total = self.counts.sum()
        if not total:
            return 0.0
        chance = float(self.counts.sum(axis=0) @ self.counts.sum(axis=1)) / total**2
        return (self.accuracy - chance) / (1 - chance) if chance != 1 else 0.0

    def fscore(self, beta: float) -> np.ndarray:
        """Return Fβ = (1 + β²) · precision · recall / (β² · precision + recall) of each class."""
        precision, recall = self.consumers, self.producers
        return _ratio((1 + beta**2) * precision * recall, beta**2 * precision + recall)


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.zeros(len(a)), where=b != 0)
