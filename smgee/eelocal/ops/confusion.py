"""``ConfusionMatrix.*``."""

from __future__ import annotations

from typing import Any

import numpy as np

from smgee.eelocal.engine.coerce import coercion
from smgee.eelocal.engine.registry import algorithm, algorithms
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.confusion import ConfusionMatrix


@coercion("ConfusionMatrix")
def _matrix(value: Any) -> Any:
    return value if isinstance(value, ConfusionMatrix) else NotImplemented


def _integers(values: np.ndarray) -> np.ndarray:
    return values.astype("i8") if np.array_equal(values, np.round(values)) else values


@algorithm("ConfusionMatrix")
def confusion_matrix(array: Any, order: list[int] | None) -> ConfusionMatrix:
    """Make a matrix of an array of counts."""
    if not isinstance(array, Array):
        raise EEError("The matrix must be an Array.")
    counts = array.values
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise EEError("The array must be square, with two dimensions.")
    if order is not None and len(order) != len(counts):
        raise EEError(f"The order must list {len(counts)} classes, got {len(order)}.")
    return ConfusionMatrix(counts.astype("f8"), tuple(range(len(counts)) if order is None else order))


@algorithm("ConfusionMatrix.consumersAccuracy")
def consumers_accuracy(confusionMatrix: ConfusionMatrix) -> Array:
    """Return the consumer's accuracies as a row."""
    return Array(confusionMatrix.consumers[None, :])


@algorithm("ConfusionMatrix.producersAccuracy")
def producers_accuracy(confusionMatrix: ConfusionMatrix) -> Array:
    """Return the producer's accuracies as a column."""
    return Array(confusionMatrix.producers[:, None])


algorithms(
    {
        "ConfusionMatrix.accuracy": lambda confusionMatrix: confusionMatrix.accuracy,
        "ConfusionMatrix.array": lambda confusionMatrix: Array(_integers(confusionMatrix.counts)),
        "ConfusionMatrix.fscore": lambda confusionMatrix, beta: Array(confusionMatrix.fscore(beta)),
        "ConfusionMatrix.kappa": lambda confusionMatrix: confusionMatrix.kappa,
        "ConfusionMatrix.order": lambda confusionMatrix: list(confusionMatrix.order),
    }
)
