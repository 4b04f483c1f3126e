"""`reduceResolution`: the input pixels under each output pixel, weighted by the part of the output pixel
that they cover.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError
from smgee.eelocal.pixels.overlap import quad_weights
from smgee.eelocal.pixels.stack import reduced_pixels
from smgee.eelocal.values.lazy import Node, Pixels
from smgee.eelocal.values.pixeltype import PixelType
from smgee.eelocal.values.projection import Projection, to_pixels
from smgee.eelocal.values.reducer import Column, Reducer
from smgee.grid import PixelGrid, transformer

_STACK = 96 * 2**20


class Coarsened(Node):
    """A reducer over the input pixels under each output pixel; for `Pick`.

    Weights are the input's mask times the share of the output pixel; the output's mask is the sum of them, at
    most 1.
    """

    __slots__ = ("best_effort", "kinds", "most", "nodes", "projection", "reducer")

    def __init__(
        self,
        nodes: Sequence[Node],
        projection: Projection,
        reducer: Reducer,
        kinds: Sequence[PixelType],
        *,
        most: int,
        best_effort: bool,
    ):
        self.nodes = tuple(nodes)
        self.projection = projection
        self.reducer = reducer
        self.kinds = list(kinds)
        self.most = most
        self.best_effort = best_effort

    def _lattice(self, grid: PixelGrid) -> Projection:
        """Return the input's lattice, or with best effort the level at which few enough pixels are needed."""
        lattice = self.projection
        ratio = (Projection.of_grid(grid).nominal_scale / lattice.nominal_scale) ** 2
        while ratio > self.most * (1 + 1e-9):
            if not self.best_effort:
                raise EEError(
                    f"Too many input pixels per output pixel: {math.ceil(ratio)} > maxPixels ({self.most})."
                ).prefixed("Image.reduceResolution")
            lattice = lattice.scaled(2, 2)
            ratio /= 4
        return lattice

    def _corners(self, grid: PixelGrid) -> tuple[np.ndarray, np.ndarray]:
        """Return columns and rows, in the input's lattice, of the corners of the output pixels."""
        lattice = self._lattice(grid)
        cols, rows = np.meshgrid(np.arange(grid.width + 1.0), np.arange(grid.height + 1.0))
        a, b, c, d, e, f = grid.transform
        x, y = a * cols + b * rows + c, d * cols + e * rows + f
        if grid.crs != lattice.crs:
            x, y = transformer(grid.crs, lattice.crs).transform(x, y)
        cols, rows = to_pixels(lattice.transform, x, y)
        # Corners a hair off an edge are on it, so that equal grids touch no neighbour.
        return _snapped(cols), _snapped(rows)

    def _window(self, cols: np.ndarray, rows: np.ndarray) -> tuple[int, int, int, int]:
        finite = np.isfinite(cols) & np.isfinite(rows)
        if not finite.all():
            raise EEError(
                "Part of the request lies outside of the area where the image's projection is defined."
            )
        row, col = math.floor(rows.min()), math.floor(cols.min())
        return row, col, math.ceil(rows.max()) - row, math.ceil(cols.max()) - col

    def needs(self, grid: PixelGrid) -> Sequence[tuple[Node, PixelGrid]]:
        window = self._lattice(grid).window(*self._window(*self._corners(grid)))
        return [(n, window) for n in self.nodes]

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> list[Pixels]:
        cols, rows = self._corners(grid)
        row0, col0, _, _ = self._window(cols, rows)
        cols, rows = cols - col0, rows - row0
        left = np.minimum.reduce([cols[:-1, :-1], cols[:-1, 1:], cols[1:, :-1], cols[1:, 1:]])
        right = np.maximum.reduce([cols[:-1, :-1], cols[:-1, 1:], cols[1:, :-1], cols[1:, 1:]])
        top = np.minimum.reduce([rows[:-1, :-1], rows[:-1, 1:], rows[1:, :-1], rows[1:, 1:]])
        bottom = np.maximum.reduce([rows[:-1, :-1], rows[:-1, 1:], rows[1:, :-1], rows[1:, 1:]])
        first_col, first_row = np.floor(left).astype(np.int64), np.floor(top).astype(np.int64)
        kc, kr = int((np.ceil(right) - first_col).max()), int((np.ceil(bottom) - first_row).max())
        strip = max(1, _STACK // (kr * kc * grid.width * 24))
        parts: list[list[Pixels]] = []
        for start in range(0, grid.height, strip):
            stop = min(start + strip, grid.height)
            parts.append(
                self._strip(
                    inputs,
                    cols[start : stop + 1],
                    rows[start : stop + 1],
                    first_col[start:stop],
                    first_row[start:stop],
                    kr,
                    kc,
                    grid,
                )
            )
        return [
            Pixels(
                np.concatenate([p[i].values for p in parts]),
                np.concatenate([p[i].mask.astype("f4") for p in parts]),
            )
            for i in range(len(self.kinds))
        ]

    def _strip(
        self,
        inputs: list[Any],
        cols: np.ndarray,
        rows: np.ndarray,
        first_col: np.ndarray,
        first_row: np.ndarray,
        kr: int,
        kc: int,
        grid: PixelGrid,
    ) -> list[Pixels]:
        height, width = first_col.shape
        block = np.empty((kr, kc, height, width))
        quad_weights(cols, rows, first_col, first_row, block)
        share: np.ndarray = block.reshape(kr * kc, height, width)
        share[share < 1e-9] = 0
        dr, dc = (v.ravel()[:, None, None] for v in np.meshgrid(np.arange(kr), np.arange(kc), indexing="ij"))
        columns, total = [], None
        for pixels in inputs:
            at = (
                np.minimum(first_row + dr, pixels.values.shape[0] - 1),
                np.minimum(first_col + dc, pixels.values.shape[1] - 1),
            )
            weights = share * pixels.mask[at]
            columns.append(Column(pixels.values[at], weights))
            covered = weights.sum(0)
            total = covered if total is None else np.minimum(total, covered)
        with np.errstate(all="ignore"):
            results = self.reducer.reduce(columns)
        assert total is not None
        mask = np.where(total > 1 - 1e-6, 1.0, total)
        window = PixelGrid(grid.crs, grid.transform, width, height)
        outputs = [reduced_pixels(r, k, window) for r, k in zip(results, self.kinds, strict=True)]
        return [Pixels(p.values, np.where(p.mask, mask, 0.0).astype("f4")) for p in outputs]


def _snapped(values: np.ndarray) -> np.ndarray:
    nearest = np.rint(values)
    return np.where(np.abs(values - nearest) < 1e-6, nearest, values)
