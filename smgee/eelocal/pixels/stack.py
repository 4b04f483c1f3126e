"""Stacks of pixels reduced along the stack: collections of images, and the bands of one image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError
from smgee.eelocal.pixels import loops as kernels
from smgee.eelocal.pixels.arrays import packed
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.image import Band
from smgee.eelocal.values.lazy import Node, Pixels, is_thin
from smgee.eelocal.values.nodes import Pointwise
from smgee.eelocal.values.pixeltype import BOOLEAN, PixelType, joint
from smgee.eelocal.values.reducer import Column, Reduced, Reducer, refuse_nan
from smgee.grid import PixelGrid

# Of a stack, what is copied together for the compiled loops.
_STACK_BYTES, _STACK_ROWS = 2 * 2**20, 32


def _greatest(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Return the greatest mask: a reduction exists to the degree that its best input does."""
    if all(m.dtype == bool for m in masks):
        return np.logical_or.reduce(masks) if len(masks) > 1 else masks[0]
    result = masks[0].astype("f4", copy=False)
    for mask in masks[1:]:
        result = np.maximum(result, mask.astype("f4", copy=False))
    return result


def _compiled(kernel: str) -> Callable[[Sequence[Pixels]], tuple[np.ndarray, np.ndarray]]:
    def reduce(inputs: Sequence[Pixels]) -> tuple[np.ndarray, np.ndarray]:
        height, width = shape = inputs[0].mask.shape
        narrow = all(p.values.dtype.itemsize <= 2 or p.values.dtype == np.dtype("f4") for p in inputs)
        dtype = np.dtype("f4") if narrow else np.dtype("f8")
        out, found = np.empty(shape, dtype), np.empty(shape, bool)
        # A few rows at a time, so that the copies stay in the processor's cache.
        rows = max(_STACK_ROWS, _STACK_BYTES // (len(inputs) * width * dtype.itemsize))
        stack, valid = (
            np.empty((len(inputs), min(rows, height), width), dtype),
            np.empty((len(inputs), min(rows, height), width), bool),
        )
        for top in range(0, height, rows):
            part = np.s_[top : top + rows]
            count = min(rows, height - top)
            for k, pixels in enumerate(inputs):
                stack[k, :count] = pixels.values[part]
                if pixels.mask.dtype == bool:
                    valid[k, :count] = pixels.mask[part]
                else:
                    np.greater(pixels.mask[part], 0, out=valid[k, :count])
            flat = (len(inputs), count * width)
            getattr(kernels, kernel)(
                stack[:, :count].reshape(flat),
                valid[:, :count].reshape(flat),
                out[part].reshape(-1),
                found[part].reshape(-1),
            )
        return out, found

    return reduce


def _weighted(divide: bool) -> Callable[[Sequence[Pixels]], tuple[np.ndarray, np.ndarray]]:
    """Return the sum or mean with the masks as weights."""

    def reduce(inputs: Sequence[Pixels]) -> tuple[np.ndarray, np.ndarray]:
        shape = inputs[0].mask.shape
        total, weight = np.zeros(shape), np.zeros(shape)
        for pixels in inputs:
            mask = pixels.mask
            if mask.dtype == bool:
                np.add(total, pixels.values, out=total, where=mask)
            else:
                total += np.where(mask > 0, pixels.values * mask.astype("f8"), 0.0)
            weight += mask
        found = weight > 0
        return np.divide(total, weight, out=total, where=found) if divide else total, found

    return reduce


def _running(ufunc: np.ufunc) -> Callable[[Sequence[Pixels]], tuple[np.ndarray, np.ndarray]]:
    """Return the reduction by a binary function of the unmasked values."""

    def reduce(inputs: Sequence[Pixels]) -> tuple[np.ndarray, np.ndarray]:
        dtype = np.result_type(*(p.values.dtype for p in inputs))
        if ufunc is np.multiply:
            dtype = np.dtype("f8")
        result = inputs[0].values.astype(dtype)
        found = inputs[0].valid.copy()
        for pixels in inputs[1:]:
            valid = pixels.valid
            both = found & valid
            result = np.where(
                both,
                ufunc(result, pixels.values.astype(dtype, copy=False)),
                np.where(valid, pixels.values, result),
            )
            found |= valid
        return result.astype(dtype, copy=False), found

    return reduce


def _count(inputs: Sequence[Pixels]) -> tuple[np.ndarray, np.ndarray]:
    total = np.zeros(inputs[0].mask.shape, "i4")
    for pixels in inputs:
        total += pixels.valid
    return total, np.ones(total.shape, bool)


def _logical(every: bool) -> Callable[[Sequence[Pixels]], tuple[np.ndarray, np.ndarray]]:
    def reduce(inputs: Sequence[Pixels]) -> tuple[np.ndarray, np.ndarray]:
        result = np.full(inputs[0].mask.shape, every)
        found = np.zeros(result.shape, bool)
        for pixels in inputs:
            valid, true = pixels.valid, pixels.values != 0
            result = result & (true | ~valid) if every else result | (true & valid)
            found |= valid
        return result, found

    return reduce


FAST: dict[str, Callable[[Sequence[Pixels]], tuple[np.ndarray, np.ndarray]]] = {
    "median": _compiled("masked_median"),
    "mode": _compiled("masked_mode"),
    "mean": _weighted(True),
    "sum": _weighted(False),
    "min": _running(np.minimum),
    "max": _running(np.maximum),
    "product": _running(np.multiply),
    "count": _count,
    "and": _logical(True),
    "or": _logical(False),
}


_UNWEIGHTED = frozenset({"median", "mode"})  # of these loops, those that count every unmasked value once


def simple_type(name: str, types: Sequence[PixelType]) -> PixelType:
    """Return the type of a simple reduction of bands of these types."""
    union = joint(types)
    if name in ("and", "or"):
        return BOOLEAN
    if name == "count":
        return PixelType("int", 0, len(types))
    if name in ("mean", "product"):
        return (
            PixelType("double")
            if name == "product"
            else PixelType("double").ranging(union.minimum, union.maximum)
        )
    if name == "sum":
        if union.is_int:
            low, high = union.bounds
            return union.ranging(min(0, low) * len(types), max(0, high) * len(types))
        return PixelType("double")
    if name == "median":
        if union.is_int:
            return PixelType("float" if union.dtype.itemsize <= 2 else "double").ranging(
                union.minimum, union.maximum
            )
        return union
    return union


class SimpleStack(Pointwise):
    """One of the simple reductions of a stack of bands.

    Parameters
    ----------
    name : str
        Which of `FAST`.
    nodes : sequence of Node
        The stack.
    kind : PixelType
        Of the result.
    reducer : Reducer, optional
        The same as a reducer, for the pixels whose masks are fractions where the loop knows no weights.
    """

    __slots__ = ("dtype", "name", "reducer")

    def __init__(self, name: str, nodes: Sequence[Node], kind: PixelType, reducer: Reducer | None = None):
        super().__init__(*nodes)
        self.name = name
        self.dtype = kind.dtype
        self.reducer = reducer

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        if any(p.values.ndim != 2 for p in inputs):
            raise EEError(
                f"{self.name} of array bands needs equal-shaped scalars; use arrayReduce, or toArrayPerBand "
                "first."
            )
        if self.name != "count":
            for pixels in inputs:
                refuse_nan(self.name, pixels.values, pixels.mask)
        with np.errstate(all="ignore"):
            values, found = FAST[self.name](inputs)
        masks = [p.mask for p in inputs]
        if self.name in _UNWEIGHTED and self.reducer is not None and self.reducer.weighted:
            values = self._weighed(values, inputs)
        values = values.astype(self.dtype, copy=False)
        if self.name == "count" or all(m.dtype == bool for m in masks):
            return Pixels(values, found)
        return Pixels(values, _greatest(masks))

    def _weighed(self, values: np.ndarray, inputs: list[Any]) -> np.ndarray:
        """Return the values, those of pixels with fractional masks by the reducer itself."""
        assert self.reducer is not None
        partly = [(p.mask > 0) & (p.mask < 1) for p in inputs if p.mask.dtype != bool]
        where = np.logical_or.reduce(partly) if partly else np.False_
        if not where.any():
            return values
        columns = Column(
            np.stack([p.values[where] for p in inputs]), np.stack([p.mask[where] for p in inputs])
        )
        values = values.astype(np.result_type(values.dtype, self.dtype))
        values[where] = self.reducer.reduce([columns])[0].values
        return values


class ReducedStack(Pointwise):
    """Any reducer over a stack: a sequence of `Pixels`, one per output, for `Pick`.

    Parameters
    ----------
    reducer : Reducer
        Applied along the stack.
    columns : sequence of sequences of Node
        One sequence of nodes per input of the reducer, all of one length.
    kinds : sequence of PixelType
        Types of the outputs.
    """

    __slots__ = ("kinds", "reducer", "sizes")

    def __init__(self, reducer: Reducer, columns: Sequence[Sequence[Node]], kinds: Sequence[PixelType]):
        super().__init__(*(node for column in columns for node in column))
        self.sizes = [len(c) for c in columns]
        self.reducer = reducer
        self.kinds = tuple(kinds)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> list[Pixels]:
        columns, start = [], 0
        for size in self.sizes:
            columns.append(stack_column(inputs[start : start + size], grid))
            start += size
        with np.errstate(all="ignore"):
            results = self.reducer.reduce(columns)
        outputs = [reduced_pixels(r, kind, grid) for r, kind in zip(results, self.kinds, strict=True)]
        masks = [p.mask for p in inputs]
        if all(m.dtype == bool for m in masks):
            return outputs
        most = _greatest(masks)  # 0 where there is nothing; of that, a count is there all the same
        return [
            Pixels(p.values, np.where(p.mask, np.where(most > 0, most, 1), 0).astype("f4")) for p in outputs
        ]


def stack_column(inputs: Sequence[Pixels], grid: PixelGrid) -> Column:
    """Return a stack of pixels as one input of a reducer, the masks as weights."""
    shapes = {p.values.shape[2:] for p in inputs}
    if len(shapes) > 1 or any(p.values.dtype == object for p in inputs):
        raise EEError("Arrays of different shapes cannot be reduced along a stack.")
    values = np.stack([p.values for p in inputs]) if inputs else np.empty((0, *grid.shape))
    rank = values.ndim - 3
    if inputs and all(is_thin(p.mask) and p.mask[0, 0] == 1 for p in inputs):
        return Column(values, None, rank)
    weights = np.stack([p.mask for p in inputs]).astype("f4") if inputs else None
    return Column(values, weights, rank)


def reduced_pixels(result: Reduced, kind: PixelType, grid: PixelGrid) -> Pixels:
    """Return one output of a reducer as pixels of a type."""
    values = result.values
    if values.dtype == object:
        cells = np.empty(values.shape, object)
        for at in np.ndindex(values.shape):
            value = values[at]
            if not result.valid[at]:
                continue
            if isinstance(value, (list, Array)):
                cells[at] = np.asarray(
                    value.values if isinstance(value, Array) else Array(value).values, kind.dtype
                )
            else:
                raise EEError(f"The reducer's output is a {type(value).__name__}, which pixels cannot hold.")
        return Pixels(packed(cells, result.valid, kind.dtype, kind.dimensions), result.valid)
    if not kind.is_int or values.dtype.kind in "iub":
        values = values.astype(kind.dtype, copy=False)
    else:
        values = kind.cast(values)
    return Pixels(
        np.broadcast_to(values, grid.shape + values.shape[2:]), np.broadcast_to(result.valid, grid.shape)
    )


_SAME = frozenset({"min", "max", "mode", "first", "last", "firstNonNull", "lastNonNull", "minMax"})


def output_types(reducer: Reducer, types: Sequence[PixelType], count: int | None = None) -> list[PixelType]:
    """Return the types of a reducer's outputs for inputs of these types, found by reducing a single element.

    Parameters
    ----------
    reducer : Reducer
        The reducer.
    types : sequence of PixelType
        One per input.
    count : int, optional
        How many elements there will be at most, where known.
    """
    if reducer.name == "median" and len(types) == 1:
        return [simple_type("median", [types[0]])]
    columns = []
    for kind in types:
        if kind.dimensions:
            columns.append(Column(np.ones((3, *(1,) * kind.dimensions), kind.dtype), None, kind.dimensions))
        else:
            columns.append(Column(np.array([1, 2, 4], kind.dtype)))
    with np.errstate(all="ignore"):
        results = reducer.reduce(columns)
    kinds = []
    for result in results:
        rank = result.rank
        dtype = result.values.dtype
        if dtype.kind == "O":
            value = result.values.item() if result.values.shape == () else None
            if isinstance(value, list):
                rank, dtype = np.ndim(value), np.asarray(value).dtype
            else:
                dtype = np.dtype("f8")
        if reducer.name in _SAME and len(types) == 1 and not rank:
            kinds.append(types[0])
        elif dtype.kind == "b":
            kinds.append(BOOLEAN)
        elif reducer.name in ("count", "countEvery", "countDistinct", "countDistinctNonNull", "countRuns"):
            kinds.append(PixelType("int", 0, 2**31 - 1 if count is None else count))
        elif dtype.kind in "iu" and not rank and dtype.itemsize >= 8:
            kinds.append(
                types[0]
                if all(t.is_int for t in types) and reducer.name in _SAME
                else PixelType("int", None, None).ranging(None, None)
            )
        else:
            kinds.append(PixelType.of_dtype(dtype).array(rank))
    return kinds


def output_names(band: Band, reducer: Reducer) -> list[str]:
    """Return the names of what a reducer makes of a band: the band's own where that is one."""
    return [band.name] if len(reducer.outputs) == 1 else [f"{band.name}_{o}" for o in reducer.outputs]
