"""Reducers made of reducers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.reducer import Collecting, Column, Reduced, Reducer, as_column, as_value


class Combined(Reducer):
    """Several reducers in parallel, over shared inputs or over consecutive ones."""

    numeric = False  # every part checks for itself

    def __init__(
        self, parts: Sequence[Reducer], outputs: Sequence[str], *, shared: bool, name: str = "combine"
    ):
        inputs = parts[0].inputs if shared else sum(p.inputs for p in parts)
        super().__init__(name, outputs, inputs=inputs, weighted=any(p.weighted for p in parts))
        if len(set(self.outputs)) != len(self.outputs):
            twice = next(o for o in self.outputs if self.outputs.count(o) > 1)
            raise EEError(f"The combined reducer has two outputs named '{twice}'; give an outputPrefix.")
        self.parts = list(parts)
        self.shared = shared

    @property
    def weights(self) -> tuple[bool, ...]:
        if self.shared:
            return tuple(any(w) for w in zip(*(p.weights for p in self.parts), strict=True))
        return tuple(w for p in self.parts for w in p.weights)

    def _split(self, columns: Sequence[Column]) -> list[list[Column]]:
        out, at = [], 0
        for part in self.parts:
            mine = list(columns) if self.shared else list(columns[at : at + part.inputs])
            at += part.inputs
            out.append(part.prepare(mine))
        return out

    def start(self, trailing: tuple[int, ...] = ()) -> Any:
        return tuple(p.start(trailing) for p in self.parts)

    def add(self, state: Any, columns: Sequence[Column]) -> Any:
        return tuple(p.add(s, c) for p, s, c in zip(self.parts, state, self._split(columns), strict=True))

    def merge(self, first: Any, second: Any) -> Any:
        return tuple(p.merge(a, b) for p, a, b in zip(self.parts, first, second, strict=True))

    def finish(self, state: Any) -> list[Reduced]:
        return [r for p, s in zip(self.parts, state, strict=True) for r in p.finish(s)]


class Repeated(Combined):
    """Copies of a reducer over consecutive inputs; each output is the list of the copies' outputs."""

    def __init__(self, reducer: Reducer, count: int):
        if count < 1:
            raise EEError(f"The reducer must be repeated at least once, got {count}.")
        self.single = reducer
        super().__init__(
            [reducer] * count,
            [f"{i}" for i in range(count * len(reducer.outputs))],
            shared=False,
            name="repeat",
        )
        self.outputs = reducer.outputs

    def finish(self, state: Any) -> list[Reduced]:
        every = [p.finish(s) for p, s in zip(self.parts, state, strict=True)]
        return [self._gather([results[i] for results in every]) for i in range(len(self.outputs))]

    def _gather(self, results: list[Reduced]) -> Reduced:
        trailing = results[0].valid.shape
        if trailing == () or any(r.values.dtype == object for r in results):
            out = np.empty(trailing, object)
            for index in np.ndindex(trailing):
                out[index] = [as_value(Reduced(r.values[index], r.valid[index], r.rank)) for r in results]
            return Reduced(out, np.ones(trailing, bool))
        axis = len(trailing)
        values = np.stack([r.values for r in results], axis=axis)
        return Reduced(values, np.logical_and.reduce([r.valid for r in results]), results[0].rank + 1)


class _Wrapper(Reducer):
    numeric = False

    def __init__(self, reducer: Reducer, name: str, outputs: Sequence[str], *, inputs: int, weighted: bool):
        super().__init__(name, outputs, inputs=inputs, weighted=weighted)
        self.reducer = reducer

    @property
    def weights(self) -> tuple[bool, ...]:
        return self.reducer.weights

    def inner(self, columns: Sequence[Column]) -> list[Column]:
        return list(columns)

    def start(self, trailing: tuple[int, ...] = ()) -> Any:
        return self.reducer.start(trailing)

    def add(self, state: Any, columns: Sequence[Column]) -> Any:
        return self.reducer.add(state, self.reducer.prepare(self.inner(columns)))

    def merge(self, first: Any, second: Any) -> Any:
        return self.reducer.merge(first, second)

    def finish(self, state: Any) -> list[Reduced]:
        return self.reducer.finish(state)


class Renamed(_Wrapper):
    """A reducer with outputs renamed; those with an empty name are dropped."""

    def __init__(self, reducer: Reducer, names: Sequence[str | None]):
        if len(names) != len(reducer.outputs):
            raise EEError(
                f"Reducer.{reducer.name} has {len(reducer.outputs)} outputs, got {len(names)} names."
            )
        self.kept = [i for i, n in enumerate(names) if n]
        if not self.kept:
            raise EEError("At least one output must keep a name.")
        super().__init__(
            reducer,
            reducer.name,
            [names[i] or "" for i in self.kept],
            inputs=reducer.inputs,
            weighted=reducer.weighted,
        )

    def finish(self, state: Any) -> list[Reduced]:
        results = self.reducer.finish(state)
        return [results[i] for i in self.kept]


class Unweighted(_Wrapper):
    """A reducer that counts every element of non-zero weight once."""

    def __init__(self, reducer: Reducer):
        super().__init__(reducer, reducer.name, reducer.outputs, inputs=reducer.inputs, weighted=False)

    @property
    def weights(self) -> tuple[bool, ...]:
        return (False,) * self.inputs

    def inner(self, columns: Sequence[Column]) -> list[Column]:
        return [
            c if c.weights is None or c.weights.dtype == bool else c.weighing(c.weights > 0) for c in columns
        ]


class SplitWeights(_Wrapper):
    """A reducer whose every weighted input is followed by an input that is its weight."""

    def __init__(self, reducer: Reducer):
        self.pattern = reducer.weights
        super().__init__(
            reducer, reducer.name, reducer.outputs, inputs=reducer.inputs + sum(self.pattern), weighted=False
        )

    @property
    def weights(self) -> tuple[bool, ...]:
        return (False,) * self.inputs

    def inner(self, columns: Sequence[Column]) -> list[Column]:
        out, at = [], 0
        for weighted in self.pattern:
            column = columns[at]
            at += 1
            if weighted:
                weight = columns[at]
                at += 1
                column = column.weighing(
                    np.where(column.present & weight.present, weight.values, 0).astype("f8")
                )
            out.append(column)
        return out


class Grouped(Collecting):
    """A reducer applied to each group of elements; the output is a list of dictionaries, in the order of
    the groups' values.
    """

    numeric = False

    def __init__(self, reducer: Reducer, field: int, name: str):
        super().__init__("group", ("groups",), inputs=reducer.inputs + 1, weighted=reducer.weighted)
        if not 0 <= field < self.inputs:
            raise EEError(f"The group field must be one of the inputs 0 to {self.inputs - 1}, got {field}.")
        if reducer.inputs == 0:
            raise EEError("A reducer with any number of inputs can't be grouped.")
        self.reducer = reducer
        self.field = field
        self.key = name

    @property
    def weights(self) -> tuple[bool, ...]:
        inner = list(self.reducer.weights)
        return (*inner[: self.field], False, *inner[self.field :])

    def compute(self, columns: list[Column]) -> list[Reduced]:
        if columns[0].trailing:
            raise UnsupportedAlgorithmError(
                "Reducer.group",
                "gives lists, which pixels can't hold; use it with reduceRegion or reduceColumns",
            )
        key = columns[self.field]
        rest = [c for i, c in enumerate(columns) if i != self.field]
        groups: dict[Any, list[int]] = {}
        for i in np.flatnonzero(key.present):
            value = key.values[i]
            value = value.item() if isinstance(value, np.generic) else value
            groups.setdefault(_hashable(value), []).append(int(i))
        rows = []
        for value in sorted(groups, key=lambda v: (isinstance(v, str), v)):
            chosen = np.array(groups[value])
            part = [
                Column(c.values[chosen], None if c.weights is None else c.weights[chosen], c.rank)
                for c in rest
            ]
            results = self.reducer.reduce(part)
            rows.append(
                {
                    self.key: value,
                    **{o: as_value(r) for o, r in zip(self.reducer.outputs, results, strict=True)},
                }
            )
        return [Reduced(_boxed(rows), np.ones((), bool))]


class Disaggregated(_Wrapper):
    """A reducer of the items inside its inputs."""

    def __init__(self, reducer: Reducer, axis: int | None):
        super().__init__(
            reducer, "disaggregate", reducer.outputs, inputs=reducer.inputs, weighted=reducer.weighted
        )
        self.axis = axis

    def inner(self, columns: Sequence[Column]) -> list[Column]:
        return [self._items(c) for c in columns]

    def _items(self, column: Column) -> Column:
        if column.rank:
            if self.axis is not None and column.rank > 1:
                raise UnsupportedAlgorithmError(
                    "Reducer.disaggregate",
                    "along one axis of array pixels of two or more axes is not implemented",
                )
            axes = range(column.values.ndim - column.rank, column.values.ndim)
            moved = np.moveaxis(column.values, list(axes), list(range(1, column.rank + 1)))
            each = int(np.prod(moved.shape[1 : column.rank + 1]))
            values = moved.reshape((-1, *column.trailing))
            return Column(values, None if column.weights is None else np.repeat(column.weights, each, axis=0))
        if column.values.dtype != object:
            return column
        found: list[Any] = []
        weights: list[float] = []
        for value, weight in zip(column.values, column.weight, strict=True):
            items = self._inside(value) if weight > 0 else [None]
            found.extend(items)
            weights.extend([weight] * len(items))
        return as_column(found, weights)

    def _inside(self, value: Any) -> list[Any]:
        if isinstance(value, Array):
            if self.axis is None or value.values.ndim == 1:
                return value.values.ravel().tolist()
            if not 0 <= self.axis < value.values.ndim:
                raise EEError(f"The axis must be from 0 to {value.values.ndim - 1}, got {self.axis}.")
            return [Array(np.ascontiguousarray(part)) for part in np.moveaxis(value.values, self.axis, 0)]
        if isinstance(value, dict):
            return list(value.values())
        return value if isinstance(value, list) else [value]


class Elementwise(_Wrapper):
    """A reducer applied at each position of array inputs of one shape."""

    def __init__(self, reducer: Reducer):
        super().__init__(
            reducer, "forEachElement", reducer.outputs, inputs=reducer.inputs, weighted=reducer.weighted
        )

    def start(self, trailing: tuple[int, ...] = ()) -> Any:
        return None

    def merge(self, first: Any, second: Any) -> Any:
        if first is None or second is None:
            return second if first is None else first
        return self.reducer.merge(first[0], second[0]), first[1]

    def add(self, state: Any, columns: Sequence[Column]) -> Any:
        blocks = [self._block(c) for c in columns]
        if blocks and blocks[0].shape[0] == 0:
            return state
        ranks = {b.rank for b in blocks}
        if len({b.values.shape for b in blocks}) > 1:
            raise EEError("Reducer.forEachElement: all arrays must have the same shape.")
        (rank,) = ranks
        flat = []
        for block in blocks:
            weights = block.weights
            if weights is not None:
                weights = np.broadcast_to(weights.reshape(weights.shape + (1,) * rank), block.values.shape)
            flat.append(Column(block.values, weights))
        ready = self.reducer.prepare(flat)
        part = self.reducer.add(self.reducer.start(flat[0].trailing), ready)
        return self.merge(state, (part, rank))

    def finish(self, state: Any) -> list[Reduced]:
        if state is None:
            return [Reduced(np.zeros(()), np.zeros((), bool)) for _ in self.outputs]
        part, rank = state
        results = []
        for result in self.reducer.finish(part):
            valid: np.ndarray = result.valid
            for _ in range(rank):
                valid = np.asarray(valid.all(axis=-1))
            results.append(Reduced(result.values, np.asarray(valid), result.rank + rank))
        return results

    def _block(self, column: Column) -> Column:
        if column.rank or column.values.dtype != object:
            return column
        present = column.present
        rows = [v.values if isinstance(v, Array) else Array(v).values for v in column.values[present]]
        if any(r.shape != rows[0].shape for r in rows):
            raise EEError("Reducer.forEachElement: all arrays must have the same shape.")
        shape = rows[0].shape if rows else ()
        block = np.zeros((len(present), *shape), np.result_type(*rows) if rows else "f8")
        if rows:
            block[present] = np.stack(rows)
        return Column(block, column.weights, len(shape))


def _boxed(value: Any) -> np.ndarray:
    out = np.empty((), object)
    out[()] = value
    return out


def _hashable(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, (list, dict, Array)):
        raise EEError("Reducer.group: the group field must be a number or a string.")
    return value
