"""Array images: bands whose pixels are arrays."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops import array as arrays
from smgee.eelocal.pixels.arrays import PixelLoop, Undefined, Uniform
from smgee.eelocal.pixels.stack import output_types
from smgee.eelocal.values.array import Array, ranked
from smgee.eelocal.values.construct import constant_band, matched, spread
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.lazy import Node
from smgee.eelocal.values.nodes import Apply
from smgee.eelocal.values.pixeltype import NAMED_TYPES, PixelType, joint
from smgee.eelocal.values.reducer import Column, Reducer

_LENGTH = NAMED_TYPES["int64"]


def array_band(
    band: Band,
    kind: PixelType,
    single: Callable[..., Any],
    *others: Node,
    dense: Callable[..., np.ndarray | None] | None = None,
    optional: Sequence[int] = (),
) -> Band:
    """Return a band computed from a band's arrays, and other nodes, pixel by pixel or all at once."""
    node = PixelLoop(
        single, (band.node, *others), kind.dtype, kind.dimensions, dense=dense, optional=optional
    )
    return band.holding(node, kind)


def _require_arrays(image: Image, rank: int | None = None) -> None:
    for band in image.bands:
        if band.type.dimensions == 0 or (rank is not None and band.type.dimensions != rank):
            wanted = "array" if rank is None else f"{rank}-D array"
            raise EEError(
                f"Band '{band.name}' must hold {wanted} pixels, its type has {band.type.dimensions} "
                "dimensions."
            )


# -- making and unmaking


def _joined(values: Sequence[np.ndarray], axis: int, rank: int) -> np.ndarray:
    """Concatenate (h, w, …) blocks along an array axis, trailing axes of length 1 added up to `rank`."""
    blocks = [v.reshape(*v.shape, *(1,) * (rank - (v.ndim - 2))) for v in values]
    height, width = max(b.shape[0] for b in blocks), max(b.shape[1] for b in blocks)
    return np.concatenate([np.broadcast_to(b, (height, width, *b.shape[2:])) for b in blocks], axis=axis + 2)


def concatenation(axis: int, rank: int) -> tuple[Callable[..., Any], Callable[..., np.ndarray | None]]:
    def single(*cells: Any) -> np.ndarray:
        return arrays.cat([Array(ranked(np.asarray(c), rank)) for c in cells], axis).values

    def dense(*values: np.ndarray) -> np.ndarray | None:
        shapes = {tuple(n for i, n in enumerate(arrays_shape(v, rank)) if i != axis) for v in values}
        return _joined(values, axis, rank) if len(shapes) == 1 else None

    return single, dense


def arrays_shape(values: np.ndarray, rank: int) -> tuple[int, ...]:
    """Return the lengths of a dense block's arrays, with trailing ones up to a number of dimensions."""
    shape = values.shape[2:]
    return shape + (1,) * (rank - len(shape))


@algorithm("Image.toArray")
def to_array(image: Image, axis: int) -> Image:
    """Concatenate the bands into one array per pixel."""
    if not image.bands:
        raise EEError("The image has no bands.")
    dimensions = {b.type.dimensions for b in image.bands}
    if len(dimensions) != 1:
        raise EEError("All bands must have the same number of array dimensions.")
    rank = dimensions.pop()
    if not 0 <= axis <= rank:
        raise EEError(f"The axis must be between 0 and the dimension of the inputs ({rank}), got {axis}.")
    rank = max(rank, axis + 1)
    kind = joint(b.type for b in image.bands).array(rank)
    single, dense = concatenation(axis, rank)
    node = PixelLoop(single, [b.node for b in image.bands], kind.dtype, rank, dense=dense)
    return image.computed([image.first.holding(node, kind, name="array")])


@algorithm("Image.arrayCat")
def array_cat(image1: Image, image2: Image, axis: int) -> Image:
    """Concatenate the arrays of two images along an axis."""
    bands = []
    for name, a, b in matched(image1, image2):
        rank = max(a.type.dimensions, b.type.dimensions, axis + 1)
        kind = a.type.union(b.type).array(rank)
        single, dense = concatenation(axis, rank)
        bands.append(array_band(a, kind, single, b.node, dense=dense).renamed(name))
    return image1.computed(bands)


@algorithm("Image.arrayFlatten")
def array_flatten(image: Image, coordinateLabels: list[list[str]], separator: str) -> Image:
    """Turn equal-shaped arrays into one band per element."""
    band = image.only
    if band.type.dimensions != len(coordinateLabels):
        raise EEError(
            f"Array dimensions ({band.type.dimensions}) and number of label lists ({len(coordinateLabels)}) "
            "must be the same."
        )
    shape = tuple(len(labels) for labels in coordinateLabels)
    bands = []
    for index in itertools.product(*(range(n) for n in shape)):
        name = separator.join(coordinateLabels[axis][i] for axis, i in enumerate(index))

        def element(values: np.ndarray, index: tuple[Any, ...] = index) -> np.ndarray:
            if values.shape[2:] != shape:
                raise EEError(
                    f"Array and labels must have the same lengths: {list(values.shape[2:])} and "
                    f"{list(shape)}."
                )
            at: tuple[Any, ...] = (slice(None), slice(None), *index)
            return values[at]

        kind = band.type.scalar
        node = Uniform(element, (band.node,), kind.dtype, "arrayFlatten")
        bands.append(band.holding(node, kind, name=name))
    return image.computed(bands)


@algorithm("Image.bitsToArrayImage")
def bits_to_array(input: Image) -> Image:
    """Turn integers into arrays of their bits, the lowest first."""
    kind = PixelType("int", 0, 1, 1)
    bands = []
    for band in input.bands:
        if not band.type.is_int:
            raise EEError(f"Band '{band.name}' must be of an integer type.")
        bands.append(array_band(band, kind, lambda v: arrays.bits_to_array(int(v)).values))
    return input.computed(bands)


# -- shapes


@algorithm("Image.arrayDimensions")
def array_dimensions(input: Image) -> Image:
    """Return the number of dimensions."""
    bands = []
    for band in input.bands:
        rank = band.type.dimensions
        kind = PixelType("int", rank, rank)
        node = Apply(lambda v, n=rank: np.full(v.shape[:2], n), (band.node,), kind.dtype)
        bands.append(band.holding(node, kind))
    return input.computed(bands)


@algorithm("Image.arrayLength")
def array_length(input: Image, axis: int) -> Image:
    """Return the length along an axis."""
    _check_axis(input, axis)
    bands = []
    for band in input.bands:
        dense = lambda v: np.full(v.shape[:2], v.shape[2 + axis])  # noqa: E731
        bands.append(array_band(band, _LENGTH, lambda v: np.asarray(v.shape[axis]), dense=dense))
    return input.computed(bands)


@algorithm("Image.arrayLengths")
def array_lengths(input: Image) -> Image:
    """Return the lengths of all axes."""
    kind = _LENGTH.array(1)
    bands = []
    for band in input.bands:

        def dense(v: np.ndarray) -> np.ndarray:
            return np.broadcast_to(np.array(v.shape[2:], "i8"), (*v.shape[:2], v.ndim - 2))

        bands.append(array_band(band, kind, lambda v: np.array(v.shape, "i8"), dense=dense))
    return input.computed(bands)


def _check_axis(image: Image, axis: int) -> None:
    for band in image.bands:
        if not 0 <= axis < band.type.dimensions:
            raise EEError(
                f"Axis {axis} is out of range for band '{band.name}' with {band.type.dimensions} dimensions."
            )


@algorithm("Image.arrayProject")
def array_project(input: Image, axes: list[int]) -> Image:
    """Keep some axes; the others must have length 1."""
    bands = []
    for band in input.bands:
        kind = band.type.array(len(axes))
        bands.append(
            array_band(
                band, kind, lambda v: arrays.project(Array(v), axes).values, dense=lambda v: _project(v, axes)
            )
        )
    return input.computed(bands)


def _project(values: np.ndarray, axes: Sequence[int]) -> np.ndarray | None:
    rank = values.ndim - 2
    others = [i for i in range(rank) if i not in axes]
    if any(not 0 <= a < rank for a in axes) or any(values.shape[2 + i] > 1 for i in others):
        return None  # refused pixel by pixel, with the message
    moved = values.transpose(0, 1, *(2 + a for a in axes), *(2 + o for o in others))
    return moved.reshape(*values.shape[:2], *(values.shape[2 + a] for a in axes))


@algorithm("Image.arrayTranspose", "Image.matrixTranspose")
def array_transpose(input: Image, axis1: int, axis2: int) -> Image:
    """Swap two axes."""
    bands = []
    for band in input.bands:
        rank = max(band.type.dimensions, axis1 + 1, axis2 + 1)

        def dense(v: np.ndarray, rank: int = rank) -> np.ndarray:
            return np.swapaxes(v.reshape(*v.shape, *(1,) * (rank - (v.ndim - 2))), 2 + axis1, 2 + axis2)

        bands.append(
            array_band(
                band,
                band.type.array(rank),
                lambda v: arrays.transpose(Array(v), axis1, axis2).values,
                dense=dense,
            )
        )
    return input.computed(bands)


@algorithm("Image.arrayRepeat")
def array_repeat(input: Image, axis: int, copies: Image) -> Image:
    """Repeat arrays along an axis."""
    bands = []
    for band, count in zip(input.bands, spread(copies, len(input.bands), what="copies"), strict=True):
        rank = max(band.type.dimensions, axis + 1)

        def dense(v: np.ndarray, n: np.ndarray, rank: int = rank) -> np.ndarray | None:
            if n.size != 1 or int(n.ravel()[0]) < 1:
                return None
            return _joined([v] * int(n.ravel()[0]), axis, rank)

        single = lambda v, n: arrays.repeat(Array(np.asarray(v)), axis, int(n)).values  # noqa: E731
        bands.append(array_band(band, band.type.array(rank), single, count.node, dense=dense))
    return input.computed(bands)


@algorithm("Image.arrayReshape")
def array_reshape(image: Image, lengths: Image, dimensions: int) -> Image:
    """Give arrays other lengths."""
    shape = lengths.first
    bands = []
    for band in image.bands:

        def single(v: np.ndarray, n: np.ndarray) -> np.ndarray:
            if len(np.ravel(n)) != dimensions:
                raise EEError(f"There must be {dimensions} lengths per pixel, got {len(np.ravel(n))}.")
            return arrays.reshape(Array(np.asarray(v)), Array(np.asarray(n))).values

        def dense(v: np.ndarray, n: np.ndarray) -> np.ndarray | None:
            if n.shape[:2] != (1, 1):
                return None
            example = single(v[0, 0], n[0, 0])
            return v.reshape(*v.shape[:2], *example.shape)

        bands.append(array_band(band, band.type.array(int(dimensions)), single, shape.node, dense=dense))
    return image.computed(bands)


@algorithm("Image.arrayPad")
def array_pad(image: Image, lengths: list[int], pad: float) -> Image:
    """Append a value along axes up to fixed lengths."""
    _require_arrays(image)
    bands = []
    for band in image.bands:
        value = int(pad) if float(pad).is_integer() else pad
        kind = band.type.union(PixelType.of_value(value)).array(len(lengths))
        bands.append(
            array_band(band, kind, lambda v, value=value: arrays.pad(Array(v), lengths, value).values)
        )
    return image.computed(bands)


# -- elements


@algorithm("Image.arrayGet")
def array_get(image: Image, position: Image) -> Image:
    """Return one element of every array."""
    bands = []
    for band in image.bands:
        rank = band.type.dimensions
        if len(position.bands) != rank:
            raise EEError(
                f"There must be as many position bands as array dimensions ({rank}), got "
                f"{len(position.bands)}."
            )

        def single(v: np.ndarray, *at: Any) -> Any:
            return arrays.get(Array(v), [int(i) for i in at])

        def dense(v: np.ndarray, *at: np.ndarray) -> np.ndarray | None:
            if any(i.size != 1 for i in at):
                return None
            index = [int(i.ravel()[0]) for i in at]
            if any(not -n <= i < n for i, n in zip(index, v.shape[2:], strict=True)):
                return None
            at_all: tuple[Any, ...] = (slice(None), slice(None), *index)
            return v[at_all]

        bands.append(
            array_band(band, band.type.scalar, single, *(p.node for p in position.bands), dense=dense)
        )
    return image.computed(bands)


@algorithm("Image.arrayMask")
def array_mask(input: Image, mask: Image) -> Image:
    """Keep the elements that another array selects."""
    bands = []
    for band, m in zip(input.bands, spread(mask, len(input.bands), what="mask"), strict=True):

        def dense(v: np.ndarray, n: np.ndarray) -> np.ndarray | None:
            if n.shape[:2] != (1, 1) or v.shape[:2] != (1, 1):
                return None
            return arrays.mask_values(v[0, 0], n[0, 0])[None, None]

        single = lambda v, n: arrays.mask_values(np.asarray(v), np.asarray(n))  # noqa: E731
        bands.append(array_band(band, band.type, single, m.node, dense=dense))
    return input.computed(bands)


@algorithm("Image.arraySlice")
def array_slice(input: Image, axis: int, start: Image | None, end: Image | None, step: int) -> Image:
    """Keep positions along an axis; a masked start or end counts as not given."""
    _check_axis(input, axis)
    count = len(input.bands)
    starts = [None] * count if start is None else spread(start, count, what="start")
    ends = [None] * count if end is None else spread(end, count, what="end")
    bands = []
    for band, first, last in zip(input.bands, starts, ends, strict=True):
        first = constant_band(0, "start") if first is None else first
        stop = last is not None
        nodes = [first.node, last.node] if last is not None else [first.node]

        def single(v: np.ndarray, *at: Any, stop: bool = stop) -> np.ndarray:
            begin = 0 if at[0] is None else int(at[0])
            finish = int(at[1]) if stop and at[1] is not None else None
            return arrays.slice_array(Array(v), axis, begin, finish, step).values

        def dense(v: np.ndarray, *at: np.ndarray, stop: bool = stop) -> np.ndarray | None:
            if any(a.size != 1 for a in at):
                return None
            finish = int(at[1].ravel()[0]) if stop else None
            index: list[slice] = [slice(None)] * v.ndim
            index[2 + axis] = arrays.slice_bounds(v.shape[2 + axis], int(at[0].ravel()[0]), finish, step)
            return v[tuple(index)]

        bands.append(
            array_band(band, band.type, single, *nodes, dense=dense, optional=range(1, 1 + len(nodes)))
        )
    return input.computed(bands)


@algorithm("Image.arraySort")
def array_sort(image: Image, keys: Image | None) -> Image:
    """Sort arrays along one axis."""
    by = image if keys is None else keys
    bands = []
    for band, key in zip(image.bands, spread(by, len(image.bands), what="keys"), strict=True):
        single = lambda v, k: arrays.sort_values(np.asarray(v), np.asarray(k))  # noqa: E731
        bands.append(array_band(band, band.type, single, key.node))
    return image.computed(bands)


@algorithm("Image.arrayArgmax")
def array_argmax(image: Image) -> Image:
    """Return the position of the first greatest element."""

    def single(v: np.ndarray) -> np.ndarray:
        if v.size == 0:
            raise Undefined
        return np.array(np.unravel_index(int(np.argmax(v)), v.shape))

    _require_arrays(image)
    return image.computed([array_band(b, _LENGTH.array(1), single) for b in image.bands])


@algorithm("Image.arrayDotProduct")
def array_dot_product(image1: Image, image2: Image) -> Image:
    """Return the dot products of vectors."""
    _require_arrays(image1, 1)
    _require_arrays(image2, 1)
    bands = []
    for name, a, b in matched(image1, image2):
        kind = _LENGTH if a.type.is_int and b.type.is_int else PixelType("double")

        def dense(x: np.ndarray, y: np.ndarray, dtype: Any = kind.dtype) -> np.ndarray | None:
            return (x.astype(dtype) * y.astype(dtype)).sum(-1) if x.shape[2:] == y.shape[2:] else None

        single = lambda x, y: arrays.dot_product(Array(x), Array(y))  # noqa: E731
        bands.append(array_band(a, kind, single, b.node, dense=dense).renamed(name))
    return image1.computed(bands)


# -- reductions


@algorithm("Image.arrayReduce")
def array_reduce(input: Image, reducer: Reducer, axes: list[int], fieldAxis: int | None) -> Image:
    """Reduce arrays along axes, which get length 1."""
    bands = []
    many = reducer.inputs > 1 or len(reducer.outputs) != 1
    if many and fieldAxis is None:
        raise EEError("The fieldAxis is required for a reducer with several inputs or outputs.")
    for band in input.bands:
        rank = band.type.dimensions
        for axis in (*axes, *([] if fieldAxis is None else [fieldAxis])):
            if not 0 <= axis < rank:
                raise EEError(f"Axis {axis} is out of range for band '{band.name}' with {rank} dimensions.")
        kinds = output_types(reducer, [band.type.scalar] * max(reducer.inputs, 1))
        kind = joint(kinds).array(rank)

        def dense(v: np.ndarray) -> np.ndarray | None:
            if many:
                return None
            kept = [i for i in range(v.ndim) if i - 2 not in axes]
            moved = v.transpose(*(2 + a for a in axes), *kept)
            (result,) = reducer.reduce(
                [Column(np.ascontiguousarray(moved).reshape(-1, *moved.shape[len(axes) :]))]
            )
            if result.rank or result.values.dtype == object or not result.valid.all():
                return None
            full = result.values.reshape(*(1,) * len(axes), *result.values.shape)
            return full.transpose(np.argsort([*(2 + a for a in axes), *kept]))

        bands.append(
            array_band(band, kind, lambda v: arrays.reduce_values(v, reducer, axes, fieldAxis), dense=dense)
        )
    return input.computed(bands)


@algorithm("Image.arrayAccum")
def array_accum(input: Image, axis: int, reducer: Reducer | None) -> Image:
    """Accumulate arrays along an axis."""
    _check_axis(input, axis)
    bands = []
    for band in input.bands:
        summing = reducer is None or reducer.name == "sum"
        kind = PixelType("int", None, None).ranging(None, None) if band.type.is_int else PixelType("double")
        if not summing:
            assert reducer is not None
            kind = output_types(reducer, [band.type.scalar])[0]
        bands.append(
            array_band(
                band, kind.array(band.type.dimensions), lambda v: arrays.accum(Array(v), axis, reducer).values
            )
        )
    return input.computed(bands)
