"""Array-valued pixels.

The values of an array band have shape (height, width, *lengths) while all pixels have arrays of one shape;
where the shapes differ between pixels they are a (height, width) object array of NumPy arrays, None under the
mask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.array import ranked
from smgee.eelocal.values.image import Band
from smgee.eelocal.values.lazy import Node, Pixels, both, thin
from smgee.eelocal.values.nodes import Pointwise
from smgee.eelocal.values.pixeltype import PixelType
from smgee.grid import PixelGrid


class ArrayApply(Pointwise):
    """An elementwise function of array bands, scalars among them repeated for every element.

    Parameters
    ----------
    function : callable
        Takes and returns arrays that broadcast.
    bands : sequence of Band
        The inputs.
    kind : PixelType
        Of the result.
    """

    __slots__ = ("dtype", "function", "rank", "ranks")

    def __init__(self, function: Callable[..., np.ndarray], bands: Sequence[Band], kind: PixelType):
        super().__init__(*(b.node for b in bands))
        self.function = function
        self.ranks = [b.type.dimensions for b in bands]
        self.rank = kind.dimensions
        self.dtype = kind.dtype
        if any(r not in (0, self.rank) for r in self.ranks):
            raise EEError(
                f"Arrays of different dimensions cannot be combined: {', '.join(map(str, self.ranks))}."
            )

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        mask = both(*(p.mask for p in inputs))
        if any(p.values.dtype == object for p in inputs):
            function = self.function
            valid = mask if mask.dtype == bool else mask > 0
            return Pixels(
                packed(_loop(function, inputs, valid, self.dtype), valid, self.dtype, self.rank), mask
            )
        arrays = [thin(p.values) for p in inputs]
        arrays = [
            a.reshape(*a.shape[:2], *(1,) * self.rank) if r == 0 else a
            for a, r in zip(arrays, self.ranks, strict=True)
        ]
        shapes = {a.shape[2:] for a, r in zip(arrays, self.ranks, strict=True) if r}
        if len(shapes) > 1 and mask.any():
            raise EEError(f"Array shapes do not match: {' and '.join(str(list(s)) for s in sorted(shapes))}.")
        with np.errstate(all="ignore"):
            values = np.asarray(self.function(*arrays)).astype(self.dtype, copy=False)
        return Pixels(np.broadcast_to(values, grid.shape + values.shape[2:]), mask)


def lifted(function: Callable[..., np.ndarray], bands: Sequence[Band], kind: PixelType) -> Node:
    """Return the node of an elementwise function where at least one band holds arrays."""
    return ArrayApply(function, bands, kind)


def _loop(
    function: Callable[..., Any], inputs: Sequence[Pixels], valid: np.ndarray, dtype: Any
) -> np.ndarray:
    out = np.empty(valid.shape, object)
    with np.errstate(all="ignore"):
        for row, col in zip(*np.nonzero(valid), strict=True):
            try:
                out[row, col] = np.asarray(
                    function(*(np.asarray(p.values[row, col]) for p in inputs))
                ).astype(dtype, copy=False)
            except ValueError as error:
                shapes = [list(np.shape(p.values[row, col])) for p in inputs]
                raise EEError(f"Array shapes do not match: {shapes}.") from error
    return out


def packed(cells: np.ndarray, valid: np.ndarray, dtype: Any, rank: int) -> np.ndarray:
    """Return per-pixel arrays as one dense array where all unmasked ones have one shape, else as they are."""
    shapes = {cells[r, c].shape for r, c in zip(*np.nonzero(valid), strict=True)}
    if len(shapes) > 1:
        return cells
    shape = shapes.pop() if shapes else (0,) * rank
    dense = np.zeros((*valid.shape, *shape), dtype)
    for r, c in zip(*np.nonzero(valid), strict=True):
        dense[r, c] = cells[r, c]
    return dense


class Undefined(Exception):
    """Raised by a pixel's function where the result does not exist: the pixel is masked."""


class PixelLoop(Pointwise):
    """A function of each unmasked pixel's arrays, for what has no dense form.

    Parameters
    ----------
    function : callable
        Takes one array or scalar per node and returns an array; raises `Undefined` where there is none.
    nodes : sequence of Node
        The inputs.
    dtype : numpy dtype
        Of the result.
    rank : int
        Dimensions of the result.
    optional : sequence of int
        Inputs that may be masked; they are given as None then.
    dense : callable, optional
        Does the same for all pixels at once: takes the values of all inputs, (height, width, …) or (1, 1, …)
        each, and returns such an array, or None where it can't. Tried where no input is ragged and no
        optional one masked.
    """

    __slots__ = ("dense", "dtype", "function", "optional", "rank")

    def __init__(
        self,
        function: Callable[..., Any],
        nodes: Sequence[Node],
        dtype: Any,
        rank: int,
        *,
        optional: Sequence[int] = (),
        dense: Callable[..., np.ndarray | None] | None = None,
    ):
        super().__init__(*nodes)
        self.function = function
        self.dtype = np.dtype(dtype)
        self.rank = rank
        self.optional = frozenset(optional)
        self.dense = dense

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        mask = both(*(p.mask for i, p in enumerate(inputs) if i not in self.optional))
        valid = mask if mask.dtype == bool else mask > 0
        if (
            self.dense is not None
            and not any(p.values.dtype == object for p in inputs)
            and all(inputs[i].valid.all() for i in self.optional)
        ):
            with np.errstate(all="ignore"):
                values = self.dense(*(thin(p.values) for p in inputs))
            if values is not None:
                values = values.astype(self.dtype, copy=False)
                return Pixels(np.broadcast_to(values, grid.shape + values.shape[2:]), mask)
        out = np.empty(valid.shape, object)
        shown = [p.valid for p in inputs]
        found = np.zeros(valid.shape, bool)
        with np.errstate(all="ignore"):
            for row, col in zip(*np.nonzero(valid), strict=True):
                cells = [
                    p.values[row, col] if ok[row, col] else None for p, ok in zip(inputs, shown, strict=True)
                ]
                try:
                    out[row, col] = np.asarray(self.function(*cells)).astype(self.dtype, copy=False)
                except Undefined:
                    continue
                found[row, col] = True
        return Pixels(
            packed(out, found, self.dtype, self.rank),
            mask if bool((found == valid).all()) else both(mask, found),
        )


class Uniform(Pointwise):
    """A dense function only: every pixel's arrays must have one shape.

    Parameters
    ----------
    function : callable
        Takes the values of all inputs, (height, width, …), and returns such an array.
    what : str
        Names the operation in the message for ragged pixels.
    """

    __slots__ = ("dtype", "function", "what")

    def __init__(self, function: Callable[..., np.ndarray], nodes: Sequence[Node], dtype: Any, what: str):
        super().__init__(*nodes)
        self.function = function
        self.dtype = np.dtype(dtype)
        self.what = what

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        mask = both(*(p.mask for p in inputs))
        if not mask.any():
            return Pixels(np.broadcast_to(np.zeros((), self.dtype), grid.shape), mask)
        if any(p.values.dtype == object for p in inputs):
            raise EEError(f"{self.what}: all pixels must have arrays of the same shape.")
        with np.errstate(all="ignore"):
            values = np.asarray(self.function(*(thin(p.values) for p in inputs))).astype(
                self.dtype, copy=False
            )
        return Pixels(np.broadcast_to(values, grid.shape + values.shape[2:]), mask)


class Rows(PixelLoop):
    """Rows of bands, of those images that have them all; masked where there is no row."""

    __slots__ = ("count",)

    def __init__(self, nodes: Sequence[Node], count: int, dtype: Any):
        super().__init__(lambda *cells: cells, nodes, dtype, 2)
        self.count = count

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        groups = [inputs[i : i + self.count] for i in range(0, len(inputs), self.count)]
        masks = [both(*(p.mask for p in g)) for g in groups]
        valid = np.stack([m if m.dtype == bool else m > 0 for m in masks])
        block = np.stack([np.stack([p.values for p in g], -1) for g in groups], 2).astype(
            self.dtype
        )  # (h, w, images, bands)
        weight = masks[0].astype("f4")
        for other in masks[1:]:
            weight = np.maximum(weight, other)
        mask: np.ndarray = np.asarray(valid.any(0)) if all(m.dtype == bool for m in masks) else weight
        if valid.all():
            return Pixels(block, mask)
        cells = np.empty(grid.shape, object)
        some = np.asarray(valid.any(0))
        for row, col in zip(*np.nonzero(some), strict=True):
            cells[row, col] = block[row, col][valid[:, row, col]]
        return Pixels(packed(cells, some, self.dtype, 2), mask)


class Present(PixelLoop):
    """Concatenation of the unmasked inputs only."""

    __slots__ = ("axis",)

    def __init__(self, nodes: Sequence[Node], axis: int, dtype: Any, rank: int):
        super().__init__(lambda *cells: cells, nodes, dtype, rank)
        self.axis = axis

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        valid = np.stack([p.valid for p in inputs])
        mask = np.maximum.reduce([p.mask.astype("f4") for p in inputs])
        some = np.asarray(valid.any(0))
        cells = np.empty(grid.shape, object)
        for row, col in zip(*np.nonzero(some), strict=True):
            parts = [
                ranked(np.asarray(p.values[row, col]), self.rank)
                for p, ok in zip(inputs, valid[:, row, col], strict=True)
                if ok
            ]
            cells[row, col] = np.concatenate(parts, axis=self.axis).astype(self.dtype)
        return Pixels(
            packed(cells, some, self.dtype, self.rank),
            mask if any(p.mask.dtype != bool for p in inputs) else some,
        )
