"""Composites that take every pixel from one image of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.lazy import Node, Pixels
from smgee.eelocal.values.nodes import Pointwise
from smgee.grid import PixelGrid


class Mosaic(Pointwise):
    """The last of several nodes that is not masked, with its mask: later images lie on top."""

    __slots__ = ("dtype",)

    def __init__(self, nodes: Sequence[Node], dtype: Any):
        super().__init__(*nodes)
        self.dtype = np.dtype(dtype)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        top = inputs[-1]
        if top.values.dtype == object or any(p.values.shape[2:] != top.values.shape[2:] for p in inputs):
            raise EEError("Array bands of different shapes cannot be mosaicked.")
        values, mask = top.values.astype(self.dtype, copy=False), top.mask
        for below in reversed(inputs[:-1]):
            covered = mask if mask.dtype == bool else mask > 0
            if covered.all():
                break
            shown = covered.reshape(covered.shape + (1,) * (values.ndim - 2))
            values = np.where(shown, values, below.values.astype(self.dtype, copy=False))
            if mask.dtype == bool and below.mask.dtype == bool:
                mask = mask | below.mask
            else:
                mask = np.where(covered, mask, below.mask).astype("f4")
        return Pixels(values, mask)


class BestOf(Pointwise):
    """`qualityMosaic`: all bands of the image whose quality is greatest; for `Pick`. The first of equals
    wins.

    Nodes come as the quality band of every image, then band by band of every image.
    """

    __slots__ = ("count", "dtypes")

    def __init__(self, qualities: Sequence[Node], bands: Sequence[Sequence[Node]], dtypes: Sequence[Any]):
        super().__init__(*qualities, *(n for nodes in bands for n in nodes))
        self.count = len(qualities)
        self.dtypes = [np.dtype(d) for d in dtypes]

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> list[Pixels]:
        n = self.count
        best = np.full(grid.shape, -np.inf)
        where = np.full(grid.shape, -1)
        for i, quality in enumerate(inputs[:n]):
            better = quality.valid & ((quality.values > best) | (where < 0))
            best = np.where(better, quality.values, best)
            where = np.where(better, i, where)
        results = []
        for b, dtype in enumerate(self.dtypes):
            members = inputs[n * (b + 1) : n * (b + 2)]
            values = np.zeros(grid.shape, dtype)
            fractional = any(p.mask.dtype != bool for p in members)
            mask = np.zeros(grid.shape, "f4" if fractional else bool)
            for i, pixels in enumerate(members):
                chosen = where == i
                values = np.where(chosen, pixels.values, values)
                mask = np.where(chosen, pixels.mask, mask)
            results.append(Pixels(values.astype(dtype, copy=False), mask))
        return results
