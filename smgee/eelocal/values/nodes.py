"""The general nodes: constants, functions of pixels, and the algebra of masks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.lazy import Node, Pixels, both, thin
from smgee.eelocal.values.pixeltype import PixelType
from smgee.grid import PixelGrid


class Pointwise(Node):
    """A node on the same grid as all of its inputs."""

    __slots__ = ("nodes",)

    def __init__(self, *nodes: Node):
        self.nodes = nodes

    def needs(self, grid: PixelGrid) -> Sequence[tuple[Node, PixelGrid]]:
        return [(node, grid) for node in self.nodes]


class Constant(Node):
    """One value, or one array, everywhere."""

    __slots__ = ("_key", "type", "value")

    def __init__(self, value: Any, pixel_type: PixelType):
        self.value = np.asarray(value, pixel_type.dtype)
        self.type = pixel_type
        self._key = ("constant", self.value.dtype.str, self.value.shape, self.value.tobytes())

    def key(self) -> Hashable:
        return self._key

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        return Pixels(
            np.broadcast_to(self.value, (*grid.shape, *self.value.shape)),
            np.broadcast_to(np.True_, grid.shape),
        )


class Empty(Node):
    """Masked everywhere."""

    __slots__ = ("type",)

    def __init__(self, pixel_type: PixelType):
        self.type = pixel_type

    def key(self) -> Hashable:
        return ("empty", self.type)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        shape = grid.shape + (0,) * self.type.dimensions
        return Pixels(
            np.broadcast_to(np.zeros((), self.type.dtype), shape), np.broadcast_to(np.False_, grid.shape)
        )


class Apply(Pointwise):
    """A function of the values of other nodes, pixel by pixel; masked where any of them is.

    Parameters
    ----------
    function : callable
        Takes one array per node, of shape (height, width) or, for a constant, (1, 1); returns an array that
        broadcasts to (height, width). It must not write to its arguments.
    nodes : sequence of Node
        The inputs.
    dtype : numpy dtype
        Type of the result.
    """

    __slots__ = ("dtype", "function")

    def __init__(self, function: Callable[..., np.ndarray], nodes: Sequence[Node], dtype: Any):
        super().__init__(*nodes)
        self.function = function
        self.dtype = np.dtype(dtype)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        with np.errstate(all="ignore"):
            values = np.asarray(self.function(*(thin(p.values) for p in inputs))).astype(
                self.dtype, copy=False
            )
        if values.shape[:2] != grid.shape:
            values = np.broadcast_to(values, grid.shape + values.shape[2:])
        return Pixels(values, both(*(p.mask for p in inputs)))


class MaskOf(Pointwise):
    """The mask of a node as values 0…1, defined everywhere."""

    __slots__ = ()

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        mask = inputs[0].mask
        return Pixels(
            mask.astype("f4")
            if mask.strides != (0, 0)
            else np.broadcast_to(np.float32(mask[0, 0]), grid.shape),
            _everywhere(grid),
        )


def _everywhere(grid: PixelGrid) -> np.ndarray:
    return np.broadcast_to(np.True_, grid.shape)


def as_mask(pixels: Pixels) -> np.ndarray:
    """Return the values of a mask image as a mask: clamped to 0…1, and 0 where the image itself is masked."""
    values = pixels.values
    if values.ndim > pixels.mask.ndim:
        raise EEError("A mask must hold a number for each pixel, not an array.")
    if values.dtype == bool or values.dtype.kind in "iu":
        mask = thin(values) > 0
        if mask.shape != values.shape:
            mask = np.broadcast_to(mask, values.shape)
        if pixels.mask.dtype == bool:
            return both(mask, pixels.mask)
    else:
        with np.errstate(invalid="ignore"):
            mask = np.nan_to_num(np.clip(values, 0, 1)).astype("f4")
    return _times(mask, pixels.mask)


def _times(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    if first.dtype == bool and second.dtype == bool:
        return both(first, second)
    return first.astype("f4", copy=False) * second.astype("f4", copy=False)


class Masked(Pointwise):
    """`updateMask`: the values of the first node, its mask times the values of the second."""

    __slots__ = ()

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        image, mask = inputs
        return Pixels(image.values, _times(image.mask, as_mask(mask)))


class Remask(Pointwise):
    """`mask(m)`: the values of the first node with the mask of the second's values; newly revealed pixels
    get the value nearest 0.
    """

    __slots__ = ("fill",)

    def __init__(self, image: Node, mask: Node, pixel_type: PixelType):
        super().__init__(image, mask)
        low, high = (pixel_type.minimum, pixel_type.maximum) if pixel_type.ranged else (None, None)
        self.fill = pixel_type.dtype.type(0 if low is None or high is None else min(max(0, low), high))

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        image, mask = inputs
        valid = image.valid
        return Pixels(
            image.values if valid.all() else np.where(valid, image.values, self.fill), as_mask(mask)
        )


class Unmask(Pointwise):
    """The first node, and the second wherever the first is masked altogether; the second is computed only
    about the gaps of the first.

    Parameters
    ----------
    image, value : Node
        The first and the second.
    dtype : numpy dtype
        Type of the result.
    company : hashable, optional
        Shared by the bands of one image, whose gaps are mostly the same.
    """

    __slots__ = ("_company", "dtype")

    def __init__(self, image: Node, value: Node, dtype: Any, company: Hashable = None):
        super().__init__(image, value)
        self.dtype = np.dtype(dtype)
        self._company = None if isinstance(value, Constant) else self if company is None else company

    def company(self) -> Hashable | None:
        return self._company

    def needs(self, grid: PixelGrid) -> Sequence[tuple[Node, PixelGrid]]:
        return self.reads(grid) if self._company is None else self.reads(grid)[:1]

    def reads(self, grid: PixelGrid) -> Sequence[tuple[Node, PixelGrid]]:
        return super().needs(grid)

    def later(self, grid: PixelGrid, inputs: list[Any]) -> Sequence[tuple[Node, PixelGrid]]:
        return [(self.nodes[1], grid.window(*window)) for window in self._windows(inputs[0])]

    def _windows(self, image: Pixels) -> list[tuple[int, int, int, int]]:
        """Return windows (row, col, height, width) that hold every gap."""
        if self._company is None or image.values.ndim > 2:
            return [(0, 0, *image.mask.shape)]
        return gap_windows(image.valid)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        image, *fills = inputs
        valid = image.valid
        if not fills or valid.all():
            return Pixels(image.values.astype(self.dtype, copy=False), image.mask)
        values = image.values.astype(self.dtype)
        fractional = any(p.mask.dtype != bool for p in inputs)
        mask = image.mask.astype("f4" if fractional else bool)
        for (row, col, height, width), fill in zip(self._windows(image), fills, strict=True):
            part = np.s_[row : row + height, col : col + width]
            gaps = ~valid[part]
            np.copyto(mask[part], fill.mask, where=gaps)
            shown = gaps.reshape(gaps.shape + (1,) * (values.ndim - 2))
            np.copyto(values[part], fill.values.astype(self.dtype, copy=False), where=shown)
        return Pixels(values, mask)


_GAP_BLOCK = 256  # pixels: gaps this far apart get windows of their own
_GAP_STEP = 32  # pixels: bands whose gaps differ a little should share their windows
_GAP_SHARE = 0.7  # of a grid: windows that hold more than this would save nothing


def gap_windows(valid: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Return disjoint windows (row, col, height, width) of a (height, width) bool array that hold all of
    its False.
    """
    height, width = valid.shape
    windows = []
    for top in range(0, height, _GAP_BLOCK):
        for left in range(0, width, _GAP_BLOCK):
            gaps = ~valid[top : top + _GAP_BLOCK, left : left + _GAP_BLOCK]
            rows, cols = np.flatnonzero(gaps.any(1)), np.flatnonzero(gaps.any(0))
            if not len(rows):
                continue
            r0, c0 = rows[0] // _GAP_STEP * _GAP_STEP, cols[0] // _GAP_STEP * _GAP_STEP
            r1, c1 = (
                min(size, (last // _GAP_STEP + 1) * _GAP_STEP)
                for size, last in zip(gaps.shape, (rows[-1], cols[-1]), strict=True)
            )
            windows.append((top + int(r0), left + int(c0), int(r1 - r0), int(c1 - c0)))
    if sum(h * w for _, _, h, w in windows) > _GAP_SHARE * height * width:
        return [(0, 0, height, width)]
    return windows


class Replace(Pointwise):
    """`where`: the first node, replaced by the third where the second is not 0 and neither of those is
    masked.
    """

    __slots__ = ("dtype",)

    def __init__(self, image: Node, test: Node, value: Node, dtype: Any):
        super().__init__(image, test, value)
        self.dtype = np.dtype(dtype)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        image, test, value = inputs
        chosen = both(np.broadcast_to(thin(test.values) != 0, grid.shape), test.valid, value.valid)
        chosen = chosen.reshape(chosen.shape + (1,) * (image.values.ndim - 2))
        values = np.where(
            chosen,
            thin(value.values).astype(self.dtype, copy=False),
            thin(image.values).astype(self.dtype, copy=False),
        )
        return Pixels(np.broadcast_to(values, grid.shape + values.shape[2:]), image.mask)
