"""Reducers: what turns many values into few, over any axis of any stack, in one pass or merged from parts.

A reducer reads columns: one array of shape (n, …) per input, with a weight of the same shape per element, 0
for an absent (null) element. It reduces the first axis, for all trailing positions at once: trailing ``()``
for lists, tables and regions, ``(height, width)`` for stacks of images and for neighbourhoods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.made import Made

State = Any


@dataclass(frozen=True)
class Column:
    """One input of a reducer: values of shape (n, *trailing) and their weights, None for weight 1 throughout.

    `values` has a numeric dtype, or object for strings, lists, arrays and other values (then it is
    one-dimensional). Elements that are arrays of one shape may also be given as a numeric block, with `rank`
    further axes behind the trailing ones; `weights` never has those.
    """

    values: np.ndarray
    weights: np.ndarray | None = None
    rank: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, *trailing)."""
        return self.values.shape[: self.values.ndim - self.rank]

    @property
    def trailing(self) -> tuple[int, ...]:
        """The shape without the reduced axis."""
        return self.shape[1:]

    @property
    def present(self) -> np.ndarray:
        """Where an element is there, bool of shape (n, *trailing)."""
        return np.ones(self.shape, bool) if self.weights is None else self.weights > 0

    @property
    def weight(self) -> np.ndarray:
        """Weights as float64, of shape (n, *trailing)."""
        return np.ones(self.shape) if self.weights is None else self.weights.astype("f8", copy=False)

    def weighing(self, weights: np.ndarray | None) -> Column:
        """Return the column with other weights."""
        return Column(self.values, weights, self.rank)


@dataclass(frozen=True)
class Reduced:
    """One output of a reduction.

    `values` has the trailing shape of the inputs, followed by the shape of each result where the results are
    arrays (`rank` axes); dtype object holds lists, dictionaries and the like. `valid` has the trailing shape:
    False where the output is null.
    """

    values: np.ndarray
    valid: np.ndarray
    rank: int = 0


class Reducer(Made):
    """A reducer.

    Parameters
    ----------
    name : str
        The official name without ``Reducer.``.
    outputs : sequence of str
        Output names.
    inputs : int
        Number of inputs; 0 means any number.
    weighted : bool
        Whether weights between 0 and 1 count as such; an unweighted reducer sees every element of non-zero
        weight once.

    Notes
    -----
    Subclasses implement `start`, `add`, `finish` and, unless states are tuples that are merged by adding
    part to part, `merge`; `reduce` composes them. A state belongs to one trailing shape. Where a statistic
    needs all the elements, derive from `Collecting` instead.
    """

    numeric = True
    """Whether the inputs must be numbers."""

    def __init__(self, name: str, outputs: Sequence[str], *, inputs: int = 1, weighted: bool = False):
        self.name = name
        self.outputs = tuple(outputs)
        self.inputs = inputs
        self.weighted = weighted

    @property
    def weights(self) -> tuple[bool, ...]:
        """Whether each input is weighted."""
        return (self.weighted,) * self.inputs

    def start(self, trailing: tuple[int, ...] = ()) -> State:
        """Return the state before any element."""
        raise NotImplementedError

    def add(self, state: State, columns: Sequence[Column]) -> State:
        """Return `state` with more elements; they come after those already in it."""
        raise NotImplementedError

    def merge(self, first: State, second: State) -> State:
        """Return the state of the elements of `first` followed by those of `second`."""
        return tuple(a + b for a, b in zip(first, second, strict=True))

    def finish(self, state: State) -> list[Reduced]:
        """Return one result per output."""
        raise NotImplementedError

    def prepare(self, columns: Sequence[Column]) -> list[Column]:
        """Check the number of columns, and that they hold numbers where these are needed."""
        if self.inputs and len(columns) != self.inputs:
            raise EEError(f"Need {self.inputs} input(s) for Reducer.{self.name}, got {len(columns)}.")
        if self.numeric:
            for column in columns:
                if column.values.dtype == object:
                    raise EEError(f"Reducer.{self.name} takes numbers, got {_kind(column.values)}.")
                refuse_nan(self.name, column.values, column.weights)
        return list(columns)

    def reduce(
        self,
        columns: Sequence[Column | np.ndarray],
        weights: Sequence[np.ndarray | None] | np.ndarray | None = None,
    ) -> list[Reduced]:
        """Reduce the first axis.

        Parameters
        ----------
        columns : sequence of Column or (n, …) ndarray
            One per input.
        weights : (n, …) ndarray, or a sequence of one per column, optional
            Weights of plain arrays; 0 for absent elements.

        Returns
        -------
        list of Reduced
            One per output.
        """
        ready = [
            c
            if isinstance(c, Column)
            else Column(c, weights if isinstance(weights, np.ndarray) or weights is None else weights[i])
            for i, c in enumerate(columns)
        ]
        ready = self.prepare(ready)
        trailing = ready[0].trailing if ready else ()
        return self.finish(self.add(self.start(trailing), ready))

    def __repr__(self) -> str:
        return f"Reducer.{self.name}"


class Collecting(Reducer):
    """A reducer that needs all its elements at once; its state is the list of chunks, and subclasses
    implement `compute`.
    """

    def start(self, trailing: tuple[int, ...] = ()) -> State:
        return (trailing, ())

    def add(self, state: State, columns: Sequence[Column]) -> State:
        return (state[0], (*state[1], tuple(columns)))

    def merge(self, first: State, second: State) -> State:
        return (first[0], (*first[1], *second[1]))

    def finish(self, state: State) -> list[Reduced]:
        trailing, chunks = state
        if len(chunks) == 1:
            return self.compute(list(chunks[0]))
        if not chunks:
            return self.compute([Column(np.empty((0, *trailing))) for _ in range(max(self.inputs, 1))])
        columns = []
        for parts in zip(*chunks, strict=True):
            plain = all(p.weights is None for p in parts)
            columns.append(
                Column(
                    np.concatenate([p.values for p in parts]),
                    None if plain else np.concatenate([p.weight for p in parts]),
                    parts[0].rank,
                )
            )
        return self.compute(columns)

    def compute(self, columns: list[Column]) -> list[Reduced]:
        """Return one result per output from all the elements."""
        raise NotImplementedError


def refuse_nan(name: str, values: np.ndarray, weights: np.ndarray | None) -> None:
    """Refuse to reduce values among which there is NaN: what the service makes of it is not documented, and
    every statistic would take it differently.

    Parameters
    ----------
    name : str
        The reducer's, without ``Reducer.``.
    values : (n, …) ndarray
        What is to be reduced.
    weights : ndarray or None
        Of the values' leading axes; where it is 0 there is no value.

    Raises
    ------
    UnsupportedAlgorithmError
        When a value of some weight is NaN.
    """
    if values.dtype.kind != "f" or not values.size or not np.isnan(values.min()):
        return
    bad = np.isnan(values)
    if weights is not None:
        bad &= (weights > 0).reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
    if bad.any():
        raise UnsupportedAlgorithmError(
            f"Reducer.{name} of NaN (not a number, as of the root of a negative one)",
            "is not documented; mask such pixels first, for example with image.updateMask(image.eq(image))",
        )


def as_column(values: Sequence[Any], weights: Sequence[float] | None = None) -> Column:
    """Return evaluated values (numbers, strings, lists, arrays; None for null) as a column with trailing
    shape ``()``.
    """
    present = np.array([v is not None for v in values], bool)
    if all(isinstance(v, (bool, int, float)) for v in values if v is not None):
        integral = all(isinstance(v, (bool, int)) and -(2**63) <= v < 2**63 for v in values if v is not None)
        data = np.array([0 if v is None else v for v in values], "i8" if integral else "f8")
    else:
        data = np.empty(len(values), object)
        for i, v in enumerate(values):
            data[i] = v
    if weights is None:
        return Column(data, None if present.all() else present.astype("f8"))
    return Column(data, np.where(present, np.array([0.0 if w is None else w for w in weights], "f8"), 0.0))


def as_value(result: Reduced) -> Any:
    """Return a result with trailing shape ``()`` as an evaluated value.

    A number, an `Array`, a list, a dict, or None for null.
    """
    if not bool(result.valid):
        return None
    if result.rank:
        return Array(np.asarray(result.values))
    value = result.values.item() if isinstance(result.values, np.ndarray) else result.values
    return value.item() if isinstance(value, np.generic) else value


def collect_rows(reducer: Reducer, rows: Sequence[Any]) -> list[Column]:
    """Return the columns of a list of elements: of the elements themselves for one input, else of tuples
    given as lists.
    """
    if reducer.inputs <= 1:
        return [as_column(rows)]
    columns: list[list[Any]] = [[] for _ in range(reducer.inputs)]
    for row in rows:
        if isinstance(row, Array):
            row = row.tolist()
        if not isinstance(row, (list, tuple)) or len(row) != reducer.inputs:
            given = len(row) if isinstance(row, (list, tuple)) else 1
            raise EEError(
                f"Need {reducer.inputs} inputs per element for Reducer.{reducer.name}, got {given}."
            )
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    return [as_column(c) for c in columns]


def _kind(values: np.ndarray) -> str:
    for value in values:
        if value is not None and not isinstance(value, (bool, int, float)):
            return type(value).__name__
    return "other values"
