"""The predictions of classifiers as pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smgee.eelocal.classifiers.classifier import Classifier
from smgee.eelocal.values.lazy import Node, Pixels, both
from smgee.eelocal.values.nodes import Pointwise
from smgee.grid import PixelGrid


class Classified(Pointwise):
    """The predictions of a classifier for the bands of its schema; masked where one of them is."""

    __slots__ = ("classifier", "dtype")

    def __init__(self, classifier: Any, nodes: Sequence[Node], dtype: Any):
        super().__init__(*nodes)
        self.classifier = classifier
        self.dtype = np.dtype(dtype)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        mask = both(*(p.mask for p in inputs)) if inputs else np.ones(grid.shape, bool)
        valid = mask if mask.dtype == bool else mask > 0
        if valid.all():
            rows = (
                np.stack([p.values.reshape(-1).astype("f8") for p in inputs])
                if inputs
                else np.empty((0, grid.width * grid.height))
            )
            predicted = self.classifier.predict(rows)
            return Pixels(
                predicted.reshape(*grid.shape, *predicted.shape[1:]).astype(self.dtype, copy=False), mask
            )
        rows = np.stack([p.values[valid].astype("f8") for p in inputs])
        predicted = self.classifier.predict(rows)
        values = np.zeros((*grid.shape, *predicted.shape[1:]), self.dtype)
        values[valid] = predicted
        return Pixels(values, mask)


class Constant:
    """A classifier without inputs, given one all the same."""

    def __init__(self, classifier: Classifier):
        self.classifier = classifier

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.classifier.predict(np.empty((0, rows.shape[1])))
