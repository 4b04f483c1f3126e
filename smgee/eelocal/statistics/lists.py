"""Reducers that gather their inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.geometry import Feature, Geometry
from smgee.eelocal.values.reducer import Collecting, Column, Reduced


class _Tuples(Collecting):
    """Complete tuples of inputs; the last `optional` inputs may be null."""

    numeric = False

    def __init__(self, name: str, outputs: Sequence[str], inputs: int, optional: int):
        super().__init__(name, outputs, inputs=inputs)
        if not 0 <= optional <= inputs:
            raise EEError(f"numOptional must be from 0 to {inputs}, got {optional}.")
        self.optional = optional

    def rows(self, columns: list[Column]) -> list[list[Any]]:
        if columns[0].trailing:
            raise UnsupportedAlgorithmError(
                f"Reducer.{self.name}",
                "gives lists, which pixels can't hold; use it with reduceRegion or a table",
            )
        needed = columns[: len(columns) - self.optional]
        keep = (
            np.logical_and.reduce([c.present for c in needed]) if needed else np.ones(columns[0].shape, bool)
        )
        lists = [_elements(c) for c in columns]
        return [[column[i] for column in lists] for i in np.flatnonzero(keep)]


class ToList(_Tuples):
    """A list of the elements, or of tuples of them."""

    def __init__(self, size: int | None, optional: int):
        super().__init__("toList", ("list",), 1 if size is None else size, optional)
        self.size = size

    def compute(self, columns: list[Column]) -> list[Reduced]:
        rows = self.rows(columns)
        out = np.empty((), object)
        out[()] = [r[0] for r in rows] if self.size is None else rows
        return [Reduced(out, np.ones((), bool))]


class ToCollection(_Tuples):
    """A collection with one feature per tuple; the property ``.geo`` becomes its geometry."""

    def __init__(self, names: Sequence[str], optional: int):
        super().__init__("toCollection", ("features",), len(names), optional)
        self.names = list(names)

    def compute(self, columns: list[Column]) -> list[Reduced]:
        features = []
        for i, row in enumerate(self.rows(columns)):
            properties = dict(zip(self.names, row, strict=True))
            shape = properties.pop(".geo", None)
            features.append(Feature(shape if isinstance(shape, Geometry) else None, properties, str(i)))
        out = np.empty((), object)
        out[()] = Collection(lambda: features)
        return [Reduced(out, np.ones((), bool))]


def _elements(column: Column) -> list[Any]:
    present = column.present
    if column.rank:
        return [Array(v) if p else None for v, p in zip(column.values, present, strict=True)]
    return [v if p else None for v, p in zip(column.values.tolist(), present, strict=True)]
