"""Nodes that change the grid: pinning a projection, interpolating, moving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError
from smgee.eelocal.pixels.lattice import coarsening, coordinates, nearest_plan, same_lattice
from smgee.eelocal.pixels.loops import bilinear
from smgee.eelocal.values.lazy import Node, Pixels
from smgee.eelocal.values.projection import Projection, to_pixels
from smgee.grid import PixelGrid

# A pinned projection may need far more pixels than the request has; the real service refuses such blocks.
_MOST_PIXELS = 100_000_000


def _masked(grid: PixelGrid, dtype: Any) -> Pixels:
    return Pixels(np.broadcast_to(np.zeros((), dtype), grid.shape), np.broadcast_to(np.False_, grid.shape))


class Pinned(Node):
    """`reproject`: the node computed on the lattice of a projection, whatever grid is asked for; nearest
    neighbour from there.
    """

    __slots__ = ("dtype", "node", "projection")

    def __init__(self, node: Node, projection: Projection, dtype: Any):
        self.node = node
        self.projection = projection
        self.dtype = np.dtype(dtype)

    def needs(self, grid: PixelGrid) -> Sequence[tuple[Node, PixelGrid]]:
        if same_lattice(grid, self.projection):
            return ((self.node, grid),)
        plan = nearest_plan(grid, self.projection)
        if plan is None:
            return ()
        if plan.height * plan.width > _MOST_PIXELS:
            raise EEError(f"Reprojection output too large ({plan.width}x{plan.height} pixels).")
        return ((self.node, self.projection.window(plan.row, plan.col, plan.height, plan.width)),)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        if not inputs:
            return _masked(grid, self.dtype)
        if same_lattice(grid, self.projection):
            return inputs[0]
        plan = nearest_plan(grid, self.projection)
        assert plan is not None
        return plan.apply(inputs[0])


class Shifted(Node):
    """The node read as if its pixels lay elsewhere: what is at a place of `target` comes from the same
    coordinates in `source`.
    """

    __slots__ = ("node", "source", "target")

    def __init__(self, node: Node, source: Projection, target: Projection):
        self.node = node
        self.source = source
        self.target = target

    def _grid(self, grid: PixelGrid) -> PixelGrid:
        if grid.crs != self.target.crs:
            raise EEError(
                f"Moving pixels needs a request in {self.target.crs}, got one in {grid.crs}; pin the result "
                "with reproject()."
            )
        # Request pixels → target lattice → the same columns and rows of the source lattice.
        affine = Projection(self.source.crs, self.source.transform)
        joined = _affine(affine) * ~_affine(self.target) * grid.affine
        return PixelGrid(self.source.crs, tuple(joined)[:6], grid.width, grid.height)

    def needs(self, grid: PixelGrid) -> Sequence[tuple[Node, PixelGrid]]:
        return ((self.node, self._grid(grid)),)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        return inputs[0]


def _affine(projection: Projection) -> Any:
    from affine import Affine

    return Affine(*projection.transform)


class Resampled(Node):
    """`resample`: interpolated between pixel centres of the node's own lattice, or of its pyramid level at
    coarser requests.

    Interpolation weights are multiplied by the mask: a value comes from the unmasked pixels around it, and
    the mask is their share.
    """

    __slots__ = ("dtype", "mode", "node", "projection")

    def __init__(self, node: Node, projection: Projection, mode: str, dtype: Any):
        self.node = node
        self.projection = projection
        self.mode = mode
        self.dtype = np.dtype(dtype)

    def _lattice(self, grid: PixelGrid) -> Projection:
        factor = 2 ** coarsening(grid, self.projection)
        return self.projection if factor == 1 else self.projection.scaled(factor, factor)

    def _window(self, grid: PixelGrid) -> PixelGrid | None:
        where = coordinates(grid, self._lattice(grid))
        reach = 1 if self.mode == "bilinear" else 2
        finite_cols, finite_rows = where.cols[np.isfinite(where.cols)], where.rows[np.isfinite(where.rows)]
        if not finite_cols.size or not finite_rows.size:
            return None
        col0, col1 = (
            int(np.floor(finite_cols.min() - 0.5)) - reach + 1,
            int(np.floor(finite_cols.max() - 0.5)) + reach + 1,
        )
        row0, row1 = (
            int(np.floor(finite_rows.min() - 0.5)) - reach + 1,
            int(np.floor(finite_rows.max() - 0.5)) + reach + 1,
        )
        if (row1 - row0) * (col1 - col0) > _MOST_PIXELS:
            raise EEError(f"Reprojection output too large ({col1 - col0}x{row1 - row0} pixels).")
        return self._lattice(grid).window(row0, col0, row1 - row0, col1 - col0)

    def needs(self, grid: PixelGrid) -> Sequence[tuple[Node, PixelGrid]]:
        if same_lattice(grid, self.projection):
            return ((self.node, grid),)
        window = self._window(grid)
        return () if window is None else ((self.node, window),)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        if not inputs:
            return _masked(grid, self.dtype)
        (pixels,) = inputs
        if same_lattice(grid, self.projection):
            return Pixels(pixels.values.astype(self.dtype, copy=False), pixels.mask)
        lattice = self._lattice(grid)
        window = self._window(grid)
        assert window is not None
        where = coordinates(grid, lattice)
        col0, row0 = to_pixels(lattice.transform, window.transform[2], window.transform[5])
        cols, rows = where.cols - round(col0) - 0.5, where.rows - round(row0) - 0.5
        if where.separable:
            cols, rows = cols[None, :], rows[:, None]
        values, mask = _interpolate(pixels.values, pixels.mask, cols, rows, self.mode)
        return Pixels(values.astype(self.dtype, copy=False), mask)


def _cubic(t: np.ndarray) -> list[np.ndarray]:
    """Weights of the four neighbours at offsets −1, 0, 1, 2 (cubic convolution with a = −1/2, R. Keys
    1981).
    """
    a = -0.5
    near, far = t, 1 - t

    def inner(d: np.ndarray) -> np.ndarray:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def outer(d: np.ndarray) -> np.ndarray:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return [outer(1 + near), inner(near), inner(far), outer(1 + far)]


def _interpolate(
    values: np.ndarray, mask: np.ndarray, cols: np.ndarray, rows: np.ndarray, mode: str
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate at fractional (column, row) positions, which broadcast to the result's shape, counted from
    the centre of pixel (0, 0).
    """
    shape = np.broadcast_shapes(cols.shape, rows.shape)
    total, weight = np.empty(shape), np.empty(shape)
    if mode == "bilinear":
        bilinear(values, mask, cols, rows, total, weight)
    else:
        _convolve(values, mask, np.broadcast_to(cols, shape), np.broadcast_to(rows, shape), total, weight)
        # Some weights are negative: where pixels are missing the others no longer balance, and the quotient
        # of their sums leaves every bound. There the nearest four are taken, whose weights are positive.
        uneven = np.abs(weight - 1) > 1e-6
        if uneven.any():
            near_total, near_weight = np.empty(shape), np.empty(shape)
            bilinear(values, mask, cols, rows, near_total, near_weight)
            total, weight = np.where(uneven, near_total, total), np.where(uneven, near_weight, weight)
    valid = weight > 1e-6
    result = np.divide(total, weight, out=np.zeros(shape), where=valid)
    share = np.where(valid, np.clip(weight, 0, 1), 0.0)
    whole = (share == 0) | (share > 1 - 1e-6)
    return result, share > 0 if whole.all() else share.astype("f4")


def _convolve(
    values: np.ndarray,
    mask: np.ndarray,
    cols: np.ndarray,
    rows: np.ndarray,
    total: np.ndarray,
    weight: np.ndarray,
) -> None:
    """Fill in the sums of sixteen neighbours, as `bilinear` does those of four."""
    finite = np.isfinite(cols) & np.isfinite(rows)
    cols, rows = np.where(finite, cols, 0.0), np.where(finite, rows, 0.0)
    # Positions a hair off a pixel centre are that centre, so that an unmoved pixel keeps its value.
    c0, r0 = np.floor(cols + 1e-7), np.floor(rows + 1e-7)
    tc, tr = np.clip(cols - c0, 0, 1), np.clip(rows - r0, 0, 1)
    tc, tr = np.where(tc < 1e-6, 0.0, tc), np.where(tr < 1e-6, 0.0, tr)
    c0, r0 = c0.astype(np.int64), r0.astype(np.int64)
    wc, wr = _cubic(tc), _cubic(tr)
    height, width = values.shape
    total[:], weight[:] = 0, 0
    for i in range(4):
        row = r0 + i - 1
        for j in range(4):
            col = c0 + j - 1
            inside = (row >= 0) & (row < height) & (col >= 0) & (col < width)
            at = np.clip(row, 0, height - 1), np.clip(col, 0, width - 1)
            w = wr[i] * wc[j] * mask[at] * inside
            total += np.where(w != 0, w * values[at], 0.0)
            weight += w
    weight[~finite] = 0.0
