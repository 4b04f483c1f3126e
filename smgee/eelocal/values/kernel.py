"""Kernels: weights around a focus, in pixels or in metres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError


@dataclass(frozen=True)
class Weights:
    """A matrix of weights (rows from the north), with the focus at column `x` and row `y`."""

    values: np.ndarray
    x: int
    y: int


@dataclass(frozen=True)
class Kernel:
    """A kernel.

    Parameters
    ----------
    name : str
        Official name without ``Kernel.``.
    build : callable
        Returns the `Weights` for a pixel size in metres; kernels in pixels ignore it.
    metric : bool
        Whether the size is in metres, so that the number of pixels depends on the scale of the request.
    """

    name: str
    build: Callable[[float], Weights]
    metric: bool = False

    def weights(self, meters_per_pixel: float | None = None) -> Weights:
        """Return the weights for pixels of a size; `EEError` for a kernel in metres, when no positive size is
        given.
        """
        if self.metric and not (meters_per_pixel and meters_per_pixel > 0):
            raise EEError(f"Kernel.{self.name} is sized in meters: its weights depend on the scale.")
        return self.build(meters_per_pixel or 1.0)

    def describe(self) -> dict[str, Any]:
        """Return the `getInfo` form: weights and focus, for a kernel in metres only its name."""
        info: dict[str, Any] = {"type": f"Kernel.{self.name}"}
        if self.metric:
            return info | {"units": "meters"}
        weights = self.weights()
        return info | {"weights": weights.values.tolist(), "center": [weights.x, weights.y]}
