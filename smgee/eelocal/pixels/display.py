"""Pixels for the eye: stretched bands as bytes, one image laid over another."""

from __future__ import annotations

from typing import Any

import numpy as np

from smgee.eelocal.values.lazy import Pixels, both
from smgee.eelocal.values.nodes import Pointwise
from smgee.eelocal.values.pixeltype import PixelType
from smgee.grid import PixelGrid


class Display(Pointwise):
    """Stretched bands as bytes, through a palette where there is one; for `Pick`."""

    __slots__ = ("colors", "opacity", "outputs", "stretches")

    def __init__(self, nodes: Any, stretches: Any, colors: np.ndarray | None, opacity: float, *, rgb: bool):
        super().__init__(*nodes)
        self.stretches = stretches
        self.colors = colors
        self.opacity = opacity
        self.outputs = 3 if len(nodes) == 3 or colors is not None or rgb else 1

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> list[Pixels]:
        mask = both(*(p.mask for p in inputs))
        shares = [stretch(p.values) for stretch, p in zip(self.stretches, inputs, strict=True)]
        if self.colors is not None:
            at = shares[0] * (len(self.colors) - 1)
            steps = np.arange(len(self.colors))
            channels = [np.interp(at, steps, self.colors[:, c]) for c in range(3)]
            if (self.colors[:, 3] < 1).any():
                mask = mask.astype("f4") * np.interp(at, steps, self.colors[:, 3]).astype("f4")
        else:
            channels = [s * 255.0 for s in shares]
            if self.outputs == 3 and len(channels) == 1:
                channels = channels * 3
        if self.opacity < 1:
            mask = mask.astype("f4") * np.float32(self.opacity)
        return [Pixels(np.rint(c).astype("u1"), mask) for c in channels]


class Blended(Pointwise):
    """Porter and Duff's "over": the second node over the first."""

    __slots__ = ("kind",)

    def __init__(self, below: Any, above: Any, kind: PixelType):
        super().__init__(below, above)
        self.kind = kind

    def compute(self, grid: PixelGrid, inputs: list[Any]) -> Pixels:
        below, above = inputs
        over, under = above.mask.astype("f8"), below.mask.astype("f8")
        opacity = over + under * (1 - over)
        mixed = above.values * over + below.values * under * (1 - over)
        values = np.divide(mixed, opacity, out=np.zeros(grid.shape), where=opacity > 0)
        if self.kind.is_int:
            values = np.rint(values)
        whole = bool(((opacity == 0) | (opacity == 1)).all())
        return Pixels(values.astype(self.kind.dtype), opacity > 0 if whole else opacity.astype("f4"))
