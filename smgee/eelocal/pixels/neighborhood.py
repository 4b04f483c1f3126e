"""Neighbourhoods: every pixel with those around it, as a kernel places them on the request's own grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError
from smgee.eelocal.pixels.stack import reduced_pixels
from smgee.eelocal.values.kernel import Kernel, Weights
from smgee.eelocal.values.lazy import Node, Pixels, both
from smgee.eelocal.values.pixeltype import PixelType
from smgee.eelocal.values.projection import Projection
from smgee.eelocal.values.reducer import Column, Reducer
from smgee.grid import PixelGrid

# What a stack of shifted copies may take, bytes.
_STACK = 64 * 2**20
_LARGEST = 1024


def kernel_weights(kernel: Kernel, grid: PixelGrid) -> Weights:
    """Return the weights of a kernel on a grid, by its nominal pixel size."""
    weights = kernel.weights(Projection.of_grid(grid).nominal_scale)
    if max(weights.values.shape) > 2 * _LARGEST + 1:
        raise EEError(
            f"The kernel of {weights.values.shape[1]}x{weights.values.shape[0]} pixels is too large; at most "
            f"{2 * _LARGEST + 1} are allowed."
        )
    return weights


class Around(Node):
    """A node that reads others on a grid widened by a kernel."""

    __slots__ = ("kernel", "nodes")

    def __init__(self, nodes: Sequence[Node], kernel: Kernel):
        self.nodes = tuple(nodes)
        self.kernel = kernel

    def margins(self, grid: PixelGrid) -> tuple[int, int, int, int]:
        """Return the pixels needed beyond the top, bottom, left and right edges."""
        weights = kernel_weights(self.kernel, grid)
        height, width = weights.values.shape
        return (
            max(weights.y, 0),
            max(height - 1 - weights.y, 0),
            max(weights.x, 0),
            max(width - 1 - weights.x, 0),
        )

    def needs(self, grid: PixelGrid) -> Sequence[tuple[Node, PixelGrid]]:
        top, bottom, left, right = self.margins(grid)
        wide = grid.window(-top, -left, grid.height + top + bottom, grid.width + left + right)
        return [(n, wide) for n in self.nodes]

    def offsets(self, grid: PixelGrid) -> Iterator[tuple[int, int, float]]:
        """Yield (row, column, weight) of every non-zero entry of the kernel; the widened grid starts at
        row 0, column 0 of the first.
        """
        weights = kernel_weights(self.kernel, grid)
        top, _, left, _ = self.margins(grid)
        for row, col in zip(*np.nonzero(weights.values), strict=True):
            yield int(row) - weights.y + top, int(col) - weights.x + left, float(weights.values[row, col])


def _cut(array: np.ndarray, row: int, col: int, grid: PixelGrid) -> np.ndarray:
    return array[row : row + grid.height, col : col + grid.width]


def _convolve(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return a convolution by Fourier transforms, rid of the 1e-16 that they leave where the sum is exact:
    sums of whole numbers are whole, and 0 where every value with a weight is 0.
    """
    from scipy.signal import oaconvolve

    kinds = np.unique(weights[weights != 0])
    unit = kinds[0] if len(kinds) == 1 else 1.0
    weights = weights / unit
    total = oaconvolve(values, weights, mode="valid")
    bound = np.abs(values).max(initial=0) * np.abs(weights).sum()
    if bound < 2.0**45 and all((x == np.rint(x)).all() for x in (values, weights)):
        return np.rint(total) * unit
    around = oaconvolve((values != 0).astype("f8"), (weights != 0).astype("f8"), mode="valid")
    return np.where(around < 0.5, 0.0, total * unit)


class Convolved(Around):
    """The weighted sum of the neighbourhood, the kernel laid over it as it is written; masked where a
    neighbour with a weight is masked.
    """

    __slots__ = ("dtype",)

    def __init__(self, node: Node, kernel: Kernel, dtype: Any):
        super().__init__([node], kernel)
        self.dtype = np.dtype(dtype)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        (pixels,) = inputs
        values = np.where(pixels.valid, pixels.values, 0).astype("f8")
        entries = list(self.offsets(grid))
        if len(entries) > 300 and np.isfinite(values).all():
            total = _convolve(values, kernel_weights(self.kernel, grid).values[::-1, ::-1])
        else:
            total = np.zeros(grid.shape)
            for row, col, weight in entries:
                total += weight * _cut(values, row, col, grid)
        if pixels.mask.dtype == bool and pixels.mask.all():
            return Pixels(total.astype(self.dtype), np.broadcast_to(np.True_, grid.shape))
        mask = both(*(_cut(pixels.mask, row, col, grid) for row, col, _ in entries))
        return Pixels(total.astype(self.dtype), mask)


class Neighborhood(Around):
    """`reduceNeighborhood`: any reducer over the neighbourhood; for `Pick`.

    Parameters
    ----------
    nodes : sequence of Node
        One per input of the reducer.
    kernel : Kernel
        Its non-zero entries are the neighbourhood.
    reducer : Reducer
        Applied to it.
    kinds : sequence of PixelType
        Of its outputs.
    weighting : {"kernel", "mask", "min"}
        The weights that a weighted reducer sees: the kernel's, the mask's, or the lesser of the two.
    skip_masked : bool
        Whether a masked pixel stays masked whatever is around it.
    """

    __slots__ = ("kinds", "reducer", "skip_masked", "weighting")

    def __init__(
        self,
        nodes: Sequence[Node],
        kernel: Kernel,
        reducer: Reducer,
        kinds: Sequence[PixelType],
        *,
        weighting: str,
        skip_masked: bool,
    ):
        super().__init__(nodes, kernel)
        self.reducer = reducer
        self.kinds = list(kinds)
        self.weighting = weighting
        self.skip_masked = skip_masked

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> list[Pixels]:
        entries = list(self.offsets(grid))
        weighted = any(self.reducer.weights) if self.reducer.inputs else self.reducer.weighted
        if weighted and self.weighting != "mask" and any(w < 0 for _, _, w in entries):
            raise EEError("A weighted reducer needs a kernel without negative weights.")
        if not entries:
            raise EEError("The kernel has no weights.")
        rows = max(1, _STACK // (len(entries) * grid.width * 12 * len(inputs)))
        strips: list[list[Pixels]] = []
        for start in range(0, grid.height, rows):
            part = grid.window(start, 0, min(rows, grid.height - start), grid.width)
            columns = [self._column(p, entries, start, part, weighted) for p in inputs]
            with np.errstate(all="ignore"):
                results = self.reducer.reduce(columns)
            strips.append([reduced_pixels(r, k, part) for r, k in zip(results, self.kinds, strict=True)])
        top, _, left, _ = self.margins(grid)
        centre = both(*(_cut(p.mask, top, left, grid) for p in inputs))
        joined = []
        for i in range(len(self.kinds)):
            values = np.concatenate([s[i].values for s in strips])
            mask = np.concatenate([s[i].mask for s in strips])
            joined.append(Pixels(values, both(mask, centre) if self.skip_masked else mask))
        return joined

    def _column(
        self,
        pixels: Pixels,
        entries: list[tuple[int, int, float]],
        start: int,
        part: PixelGrid,
        weighted: bool,
    ) -> Column:
        values = np.stack([_cut(pixels.values, r + start, c, part) for r, c, _ in entries])
        mask = np.stack([_cut(pixels.mask, r + start, c, part) for r, c, _ in entries])
        if not weighted:
            return Column(values, None if mask.dtype == bool and mask.all() else mask.astype("f4"))
        kernel = np.array([w for _, _, w in entries], "f8")[:, None, None]
        if self.weighting == "mask":
            weights = mask.astype("f8")
        elif self.weighting == "min":
            weights = np.minimum(mask, kernel)
        else:
            weights = np.where(mask > 0, kernel, 0.0)
        return Column(values, weights)


class Focal(Around):
    """Mean, least or greatest of the neighbourhood's unmasked pixels, in one pass over the kernel; masked
    pixels are filled.
    """

    __slots__ = ("dtype", "kind")

    def __init__(self, node: Node, kernel: Kernel, kind: str, dtype: Any):
        super().__init__([node], kernel)
        self.kind = kind
        self.dtype = np.dtype(dtype)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        (pixels,) = inputs
        valid = pixels.valid
        found = np.zeros(grid.shape, bool)
        if self.kind == "mean":
            values = np.where(valid, pixels.values, 0).astype("f8")
            total, weight = np.zeros(grid.shape), np.zeros(grid.shape)
            for row, col, w in self.offsets(grid):
                if w < 0:
                    raise EEError("A mean needs a kernel without negative weights.")
                inside = _cut(valid, row, col, grid)
                total += w * _cut(values, row, col, grid)
                weight += w * inside
                found |= inside
            result = np.divide(total, weight, out=total, where=weight > 0)
        else:
            function = np.minimum if self.kind == "min" else np.maximum
            result = np.zeros(grid.shape, pixels.values.dtype)
            for row, col, _ in self.offsets(grid):
                inside, values = _cut(valid, row, col, grid), _cut(pixels.values, row, col, grid)
                result = np.where(inside, np.where(found, function(result, values), values), result)
                found |= inside
        return Pixels(result.astype(self.dtype), found)


class NeighborArrays(Around):
    """The neighbourhood as a 2-D array per pixel; masked neighbours have a default value."""

    __slots__ = ("default", "dtype")

    def __init__(self, node: Node, kernel: Kernel, default: float, dtype: Any):
        super().__init__([node], kernel)
        self.default = default
        self.dtype = np.dtype(dtype)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        (pixels,) = inputs
        height, width = kernel_weights(self.kernel, grid).values.shape
        values = np.where(pixels.valid, pixels.values, self.default).astype(self.dtype)
        windows = np.lib.stride_tricks.sliding_window_view(values, (height, width))
        top, _, left, _ = self.margins(grid)
        return Pixels(windows[: grid.height, : grid.width], _cut(pixels.mask, top, left, grid))


class Moved(Node):
    """The node some columns and rows away."""

    __slots__ = ("dx", "dy", "node")

    def __init__(self, node: Node, dx: int, dy: int):
        self.node, self.dx, self.dy = node, dx, dy

    def needs(self, grid: Any) -> Sequence[tuple[Node, Any]]:
        return ((self.node, grid.window(self.dy, self.dx, grid.height, grid.width)),)

    def compute(self, grid: Any, inputs: list[Any]) -> Any:
        return inputs[0]
