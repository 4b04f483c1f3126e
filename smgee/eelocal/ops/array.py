"""``Array.*``: elementwise functions and the shapes of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smgee.eelocal.engine.registry import algorithm, algorithms
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops.elementwise import Operation, apply, register, result_type
from smgee.eelocal.values.array import Array, ranked
from smgee.eelocal.values.number import Long
from smgee.eelocal.values.pixeltype import PixelType
from smgee.eelocal.values.reducer import Column, Reducer
from smgee.eelocal.values.size import MOST_NUMBERS, check_size, expanded


def compute(operation: Operation, *arrays: Array) -> Array:
    """Apply an elementwise operation: arrays of one shape, or one of them a single number."""
    shapes = {a.values.shape for a in arrays if a.values.size != 1 or a.values.ndim > 0}
    wide = {a.values.shape for a in arrays if a.values.ndim > 0}
    if len(shapes) > 1 and len(wide) > 1:
        raise EEError(
            "Arrays must have the same lengths on all axes, got "
            f"{' and '.join(str(list(a.values.shape)) for a in arrays)}."
        )
    type = result_type(operation, *(a.type for a in arrays))
    values = apply(operation, *(a.values for a in arrays))
    if type.is_int and values.dtype.kind in "iu" and values.size:
        low, high = type.bounds
        if (
            values.min() < low or values.max() > high
        ):  # results beyond the inputs' type are kept in a wider one
            return Array(values.astype("i8"))
    if type.is_int and values.dtype.kind == "f":
        type = PixelType.of_dtype("f8")
    return Array(values.astype(type.dtype))


def cast_array(array: Array, type: PixelType) -> Array:
    """Cast an array: into integers by rounding halves up and clamping."""
    values = array.values
    if type.is_int and values.dtype.kind == "f":
        values = np.floor(values.astype("f8") + 0.5)
    return Array(type.scalar.cast(values))


register("Array", compute, cast_array)


@algorithm("Array")
def array(values: Any, pixelType: PixelType | None) -> Array:
    """Make an array of nested lists of numbers."""
    if not isinstance(values, (list, Array, int, float)):
        raise EEError("The values must be a number, an array, or nested lists of numbers.")
    if isinstance(values, (int, float)):
        result = Array(np.asarray(Array([values]).values[0]))
    else:
        check_size(expanded(values), MOST_NUMBERS)
        result = values if isinstance(values, Array) else Array(values)
    if pixelType is None:
        if result.values.size == 0 and not isinstance(values, Array):
            raise EEError("A pixelType is required for an empty array.")
        return result
    return cast_array(result, pixelType)


def axis_of(array: Array, axis: int) -> int:
    """Check an axis number; `EEError` when the array does not have that axis."""
    if not 0 <= axis < array.values.ndim:
        raise EEError(f"Axis {axis} is out of range for an array with {array.values.ndim} dimensions.")
    return axis


def number_of(value: Any) -> float | int:
    """Return an element as a number."""
    item = value.item() if isinstance(value, np.generic) else value
    return Long(item) if isinstance(item, int) else item


@algorithm("Array.accum")
def accum(array: Array, axis: int, reducer: Reducer | None) -> Array:
    """Accumulate along an axis."""
    values = np.moveaxis(array.values, axis_of(array, axis), 0)
    if reducer is None or reducer.name == "sum":
        out = np.cumsum(values, axis=0, dtype="i8" if values.dtype.kind in "iu" else "f8")
    else:
        if reducer.inputs != 1 or len(reducer.outputs) != 1:
            raise EEError("The reducer must have one input and one output.")
        rows = []
        for i in range(values.shape[0]):
            (result,) = reducer.reduce([Column(values[: i + 1])])
            rows.append(result.values)
        out = np.stack(rows) if rows else values
    return Array(np.ascontiguousarray(np.moveaxis(out, 0, axis)))


@algorithm("Array.argmax")
def argmax(array: Array) -> list[int] | None:
    """Return the position of the first maximum; null for an empty array."""
    if array.values.size == 0:
        return None
    return [Long(i) for i in np.unravel_index(int(np.argmax(array.values)), array.values.shape)]


@algorithm("Array.bitsToArray")
def bits_to_array(input: float) -> Array:
    """Return the bits of an integer, the lowest first."""
    bits = int(input) & (2**64 - 1)
    return Array(np.array([int(b) for b in reversed(f"{bits:b}")], "i8"))


@algorithm("Array.cat")
def cat(arrays: list[Array], axis: int) -> Array:
    """Concatenate; arrays get trailing axes of length 1 where `axis` is beyond their own."""
    if not arrays:
        raise EEError("At least one array is needed.")
    if axis < 0:
        raise EEError(f"The axis must not be negative, got {axis}.")
    blocks = [ranked(a.values, axis + 1) for a in arrays]
    # An empty vector joins anything of its rank.
    rank = max(b.ndim for b in blocks)
    if any(b.ndim != rank for b in blocks):
        raise EEError("The arrays must have the same number of dimensions.")
    reference = blocks[0]
    for block in blocks[1:]:
        if any(
            a != b for i, (a, b) in enumerate(zip(block.shape, reference.shape, strict=True)) if i != axis
        ):
            raise EEError("The arrays must have the same lengths on all axes but the one of concatenation.")
    return Array(np.concatenate(blocks, axis=axis))


@algorithm("Array.cut")
def cut(array: Array, position: list[int]) -> Array:
    """Keep one position per axis, or the whole axis where it is −1."""
    if len(position) != array.values.ndim:
        raise EEError(f"There must be one position per axis: {array.values.ndim}, got {len(position)}.")
    index = []
    for axis, (at, size) in enumerate(zip(position, array.values.shape, strict=True)):
        if at != -1 and not 0 <= at < size:
            raise EEError(f"Position {at} is out of range on axis {axis} of length {size}.")
        index.append(slice(None) if at == -1 else slice(at, at + 1))
    return Array(array.values[tuple(index)])


@algorithm("Array.dotProduct")
def dot_product(array1: Array, array2: Array) -> float | int:
    """Return the dot product of two vectors."""
    a, b = array1.values, array2.values
    if a.ndim != 1 or b.ndim != 1 or a.shape != b.shape:
        raise EEError("The dot product needs two 1-D arrays of the same length.")
    wide = "i8" if a.dtype.kind in "iu" and b.dtype.kind in "iu" else "f8"
    return number_of(np.dot(a.astype(wide), b.astype(wide)))


@algorithm("Array.get")
def get(array: Array, position: list[int]) -> float | int:
    """Return one element."""
    if len(position) != array.values.ndim:
        raise EEError(f"There must be one position per axis: {array.values.ndim}, got {len(position)}.")
    index = []
    for axis, (at, size) in enumerate(zip(position, array.values.shape, strict=True)):
        if not -size <= at < size:
            raise EEError(f"Position {at} is out of range on axis {axis} of length {size}.")
        index.append(at)
    return number_of(array.values[tuple(index)])


_MOST_AXES = 16  # more than any array has


@algorithm("Array.identity")
def identity(size: int) -> Array:
    """Return the identity matrix."""
    if size < 0:
        raise EEError(f"The size must not be negative, got {size}.")
    check_size(size**2, MOST_NUMBERS)
    return Array(np.eye(size, dtype="i4"))


def mask_values(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Keep the positions along the mask's one long axis where it is not zero."""
    if mask.ndim > values.ndim:
        raise EEError("The mask must not have more dimensions than the array.")
    mask = ranked(mask, values.ndim)
    long = [i for i, n in enumerate(mask.shape) if n != 1]
    if len(long) > 1:
        raise EEError("The mask must have a length other than 1 on one axis only.")
    axis = long[0] if long else next((i for i, n in enumerate(values.shape) if n == 1), 0)
    if mask.shape[axis] != values.shape[axis]:
        raise EEError(
            f"The mask has length {mask.shape[axis]} on axis {axis}, the array {values.shape[axis]}."
        )
    return np.compress(mask.ravel() != 0, values, axis=axis)


@algorithm("Array.pad")
def pad(array: Array, lengths: list[int], pad: float) -> Array:
    """Append a value on each axis up to a length."""
    values = array.values
    if len(lengths) < values.ndim:
        raise EEError(f"There must be one length per axis: {values.ndim}, got {len(lengths)}.")
    values = ranked(values, len(lengths))
    if isinstance(pad, float) and not pad.is_integer() and values.dtype.kind in "iu":
        values = values.astype("f8")
    filled = np.pad(
        values,
        [(0, max(0, n - size)) for n, size in zip(lengths, values.shape, strict=True)],
        constant_values=pad,
    )
    return Array(filled)


@algorithm("Array.project")
def project(array: Array, axes: list[int]) -> Array:
    """Keep some axes; the others must have length 1."""
    for axis in axes:
        axis_of(array, axis)
    others = [i for i in range(array.values.ndim) if i not in axes]
    for axis in others:
        if array.values.shape[axis] > 1:
            raise EEError(
                f"Axis {axis} has length {array.values.shape[axis]}; only axes of length 1 can be dropped."
            )
    return Array(
        np.ascontiguousarray(
            array.values.transpose([*axes, *others]).reshape([array.values.shape[a] for a in axes])
        )
    )


@algorithm("Array.reduce")
def reduce(array: Array, reducer: Reducer, axes: list[int], fieldAxis: int | None) -> Array:
    """Reduce along axes, which get length 1."""
    return Array(reduce_values(array.values, reducer, axes, fieldAxis))


def reduce_values(
    values: np.ndarray, reducer: Reducer, axes: Sequence[int], field_axis: int | None
) -> np.ndarray:
    """Reduce along axes of one array; the reducer's inputs and outputs lie along `field_axis`."""
    rank = values.ndim
    for axis in (*axes, *([] if field_axis is None else [field_axis])):
        if not 0 <= axis < rank:
            raise EEError(f"Axis {axis} is out of range for an array with {rank} dimensions.")
    if not axes:
        raise EEError("At least one axis is needed.")
    many = reducer.inputs != 1 or len(reducer.outputs) != 1
    if many and field_axis is None:
        raise EEError("The fieldAxis is required for a reducer with several inputs or outputs.")
    if field_axis is not None and field_axis in axes:
        raise EEError("The fieldAxis must not be one of the reduced axes.")
    fields = (
        [values]
        if field_axis is None or not many
        else [values.take([i], axis=field_axis) for i in range(values.shape[field_axis])]
    )
    if reducer.inputs and len(fields) != reducer.inputs:
        raise EEError(
            f"The reducer has {reducer.inputs} inputs, but the field axis has length {len(fields)}."
        )
    kept = [i for i in range(rank) if i not in axes]
    columns = []
    for block in fields:
        moved = block.transpose([*axes, *kept])
        columns.append(Column(np.ascontiguousarray(moved).reshape(-1, *moved.shape[len(axes) :])))
    results = reducer.reduce(columns)
    outputs = []
    for result in results:
        if result.rank or result.values.dtype == object:
            raise EEError("Each output of the reducer must be a number.")
        if not result.valid.all():
            raise EEError("The reducer gave null for some element, which an array can't hold.")
        full = result.values.reshape([1] * len(axes) + list(result.values.shape))
        outputs.append(full.transpose(np.argsort([*axes, *kept])))
    return outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=field_axis or 0)


@algorithm("Array.repeat")
def repeat(array: Array, axis: int, copies: int) -> Array:
    """Repeat along an axis, a new one where it is beyond the array's own."""
    if copies < 0 or axis < 0:
        raise EEError("Axis and copies must not be negative.")
    check_size(axis, _MOST_AXES)
    values = ranked(array.values, axis + 1)
    check_size(values.size * copies, MOST_NUMBERS)
    check_size(copies)
    return Array(np.concatenate([values] * copies, axis=axis) if copies else values.take([], axis=axis))


@algorithm("Array.reshape")
def reshape(array: Array, shape: Array) -> Array:
    """Give other lengths; one may be −1."""
    lengths = [int(n) for n in shape.values.ravel()]
    if sum(n == -1 for n in lengths) > 1 or any(n < -1 for n in lengths):
        raise EEError("At most one length may be -1, and none less.")
    try:
        return Array(array.values.reshape(lengths))
    except ValueError as error:
        raise EEError(
            f"An array with {array.values.size} elements can't be reshaped to {lengths}."
        ) from error


def slice_bounds(size: int, start: int, end: int | None, step: int) -> slice:
    """Return a slice with Earth Engine's rules: negative positions from the end, beyond the ends clamped,
    step positive.
    """
    if step < 1:
        raise EEError(f"The step must be positive, got {step}.")
    first = max(start + size, 0) if start < 0 else min(start, size)
    last = size if end is None else (max(end + size, 0) if end < 0 else min(end, size))
    return slice(first, max(last, first), step)


@algorithm("Array.slice")
def slice_array(array: Array, axis: int, start: int, end: int | None, step: int) -> Array:
    """Keep positions along an axis."""
    axis = axis_of(array, axis)
    index: list[slice] = [slice(None)] * array.values.ndim
    index[axis] = slice_bounds(array.values.shape[axis], start, end, step)
    return Array(np.ascontiguousarray(array.values[tuple(index)]))


def sort_values(values: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Sort along the one long axis of the keys."""
    long = [i for i, n in enumerate(keys.shape) if n != 1]
    if len(long) > 1:
        raise EEError("The keys must have several elements along one axis only.")
    axis = long[0] if long else 0
    if keys.shape[axis] != values.shape[axis]:
        raise EEError(f"There are {keys.shape[axis]} keys for {values.shape[axis]} elements.")
    return values.take(np.argsort(keys.ravel(), kind="stable"), axis=axis)


@algorithm("Array.toList")
def to_list(array: Array) -> Any:
    """Return nested lists."""
    if array.values.ndim == 0:
        raise EEError("An array without dimensions can't be turned into a list.")
    return array.tolist()


@algorithm("Array.transpose", "Array.matrixTranspose")
def transpose(array: Array, axis1: int, axis2: int) -> Array:
    """Swap two axes; a vector becomes a matrix first."""
    values = array.values
    values = ranked(values, max(axis1, axis2) + 1)
    return Array(np.ascontiguousarray(np.swapaxes(values, axis1, axis2)))


algorithms(
    {
        "Array.length": lambda array: Array(np.array(array.values.shape, "i8")),
        "Array.mask": lambda input, mask: Array(mask_values(input.values, mask.values)),
        "Array.sort": lambda array, keys: Array(sort_values(array.values, (keys or array).values)),
    }
)
