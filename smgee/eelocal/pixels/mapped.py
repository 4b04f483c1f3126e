"""Nodes that map values: within an extent, by a table, as a normalized difference, piecewise linear."""

from __future__ import annotations

from typing import Any

import numpy as np

from smgee.eelocal.pixels.lattice import nearest_plan
from smgee.eelocal.values.image import Band
from smgee.eelocal.values.lazy import Pixels, both, thin
from smgee.eelocal.values.nodes import Pointwise
from smgee.grid import PixelGrid


class Within(Pointwise):
    """Masked outside of a band's extent (its own pixels), by nearest neighbour."""

    __slots__ = ("band",)

    def __init__(self, node: Any, band: Band):
        super().__init__(node)
        self.band = band

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        assert self.band.extent is not None
        col, row, width, height = self.band.extent
        plan = nearest_plan(grid, self.band.projection.window(row, col, height, width), wrap=True)
        (pixels,) = inputs
        if plan is None:
            return Pixels(pixels.values, np.broadcast_to(np.False_, grid.shape))
        if plan.whole:
            return pixels
        inside = plan.apply(
            Pixels(np.ones((plan.height, plan.width), "u1"), np.ones((plan.height, plan.width), bool))
        ).mask
        return Pixels(pixels.values, both(pixels.mask, inside))


class Remap(Pointwise):
    """Values looked up in a list; others masked, or set to a default."""

    __slots__ = ("default", "dtype", "keys", "order", "targets")

    def __init__(self, node: Any, keys: np.ndarray, targets: np.ndarray, default: float | None, dtype: Any):
        super().__init__(node)
        self.order = np.argsort(keys, kind="stable")
        self.keys = keys[self.order]
        self.targets = targets[self.order]
        self.default = default
        self.dtype = np.dtype(dtype)

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        (pixels,) = inputs
        values = thin(pixels.values).astype("f8", copy=False)
        at = np.minimum(np.searchsorted(self.keys, values), len(self.keys) - 1)
        found = self.keys[at] == values
        result = self.targets[at]
        if self.default is not None:
            result = np.where(found, result, self.default)
        out = np.broadcast_to(result.astype(self.dtype), grid.shape)
        return Pixels(
            out,
            pixels.mask
            if self.default is not None
            else both(pixels.mask, np.broadcast_to(found, grid.shape)),
        )


class NormalizedDifference(Pointwise):
    """(a − b) / (a + b) in float32 of a float64 quotient where the inputs are wider."""

    __slots__ = ()

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        a, b = (thin(p.values) for p in inputs)
        work = (
            np.dtype("f4")
            if all(
                v.dtype == np.dtype("f4") or (v.dtype.kind in "iu" and v.dtype.itemsize <= 2) for v in (a, b)
            )
            else np.dtype("f8")
        )
        a, b = a.astype(work, copy=False), b.astype(work, copy=False)
        with np.errstate(all="ignore"):
            total = a + b
            values = np.where(total == 0, 0, (a - b) / np.where(total == 0, 1, total)).astype(
                "f4", copy=False
            )
            allowed = (a >= 0) & (b >= 0)
        mask = both(*(p.mask for p in inputs))
        if not allowed.all():
            mask = both(mask, np.broadcast_to(allowed, grid.shape))
        return Pixels(np.broadcast_to(values, grid.shape), mask)


class Interpolated(Pointwise):
    """A piecewise linear function of the values."""

    __slots__ = ("behavior", "x", "y")

    def __init__(self, node: Any, x: np.ndarray, y: np.ndarray, behavior: str):
        super().__init__(node)
        self.x, self.y, self.behavior = x, y, behavior

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        (pixels,) = inputs
        v = pixels.values.astype("f8")
        result = np.interp(v, self.x, self.y)
        outside = (v < self.x[0]) | (v > self.x[-1])
        mask = pixels.mask
        if self.behavior == "mask":
            mask = both(mask, ~outside)
        elif self.behavior == "input":
            result = np.where(outside, v, result)
        elif self.behavior == "extrapolate":
            first = (self.y[1] - self.y[0]) / (self.x[1] - self.x[0])
            last = (self.y[-1] - self.y[-2]) / (self.x[-1] - self.x[-2])
            result = np.where(v < self.x[0], self.y[0] + (v - self.x[0]) * first, result)
            result = np.where(v > self.x[-1], self.y[-1] + (v - self.x[-1]) * last, result)
        return Pixels(result, mask)
