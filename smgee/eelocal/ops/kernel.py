"""``Kernel.*``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from smgee.eelocal.engine.coerce import coercion
from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.values.kernel import Kernel, Weights
from smgee.eelocal.values.number import is_number
from smgee.eelocal.values.size import MOST_NUMBERS, check_size


@coercion("Kernel")
def _kernel(value: Any) -> Any:
    return value if isinstance(value, Kernel) else NotImplemented


def scale_weights(values: np.ndarray, normalize: bool, magnitude: float) -> np.ndarray:
    """Normalise to a sum of 1, where the sum is not 0, and multiply."""
    total = values.sum()
    if normalize and total != 0:
        values = values / total
    return values if magnitude == 1 else values * magnitude


def _units(units: str) -> bool:
    if units not in ("pixels", "meters"):
        raise EEError(f"Unknown kernel units '{units}': must be 'pixels' or 'meters'.")
    return units == "meters"


def _check(*radii: float) -> None:
    for radius in radii:
        if not radius >= 0:
            raise EEError(f"The kernel radius must not be negative, got {radius:g}.")


def _offsets(rx: float, ry: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the column and row offsets of the pixels within radii."""
    check_size((2.0 * rx + 1.0) * (2.0 * ry + 1.0), MOST_NUMBERS)
    hx, hy = math.floor(rx + 1e-9), math.floor(ry + 1e-9)
    dx, dy = np.meshgrid(np.arange(-hx, hx + 1), np.arange(-hy, hy + 1))
    return dx.astype("f8"), dy.astype("f8")


def _centered(values: np.ndarray) -> Weights:
    return Weights(values, (values.shape[1] - 1) // 2, (values.shape[0] - 1) // 2)


# Value of a pixel at offset (dx, dy) within radius r, all in pixels.
SHAPES: dict[str, Callable[[np.ndarray, np.ndarray, float], np.ndarray]] = {
    "circle": lambda dx, dy, r: dx**2 + dy**2 <= r**2 + 1e-9,
    "square": lambda dx, dy, r: np.ones(dx.shape),
    "diamond": lambda dx, dy, r: abs(dx) + abs(dy) <= r + 1e-9,
    "octagon": lambda dx, dy, r: abs(dx) + abs(dy) <= r * math.sqrt(2) + 1e-9,
    "plus": lambda dx, dy, r: (dx == 0) | (dy == 0),
    "cross": lambda dx, dy, r: abs(dx) == abs(dy),
}
# Distances; in metres for kernels in metres.
DISTANCES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "euclidean": np.hypot,
    "manhattan": lambda dx, dy: abs(dx) + abs(dy),
    "chebyshev": lambda dx, dy: np.maximum(abs(dx), abs(dy)),
}


def _shape(name: str) -> None:
    inside = SHAPES[name]

    def make(radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
        _check(radius)

        def build(pixel: float) -> Weights:
            r = radius / pixel if units == "meters" else radius
            dx, dy = _offsets(r, r)
            return _centered(scale_weights(inside(dx, dy, r).astype("f8"), normalize, magnitude))

        return Kernel(name, build, _units(units))

    algorithm(f"Kernel.{name}")(make)


def _distance(name: str) -> None:
    measure = DISTANCES[name]

    def make(radius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
        _check(radius)

        def build(pixel: float) -> Weights:
            unit = pixel if units == "meters" else 1.0
            dx, dy = _offsets(radius / unit, radius / unit)
            return _centered(scale_weights(measure(dx, dy) * unit, normalize, magnitude))

        return Kernel(name, build, _units(units))

    algorithm(f"Kernel.{name}")(make)


for _name in SHAPES:
    _shape(_name)
for _name in DISTANCES:
    _distance(_name)


@algorithm("Kernel.rectangle")
def rectangle(xRadius: float, yRadius: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """Make a rectangle."""
    _check(xRadius, yRadius)

    def build(pixel: float) -> Weights:
        unit = pixel if units == "meters" else 1.0
        dx, _ = _offsets(xRadius / unit, yRadius / unit)
        return _centered(scale_weights(np.ones(dx.shape), normalize, magnitude))

    return Kernel("rectangle", build, _units(units))


@algorithm(
    "Kernel.gaussian",
    approximate="5x5 for a radius of 3, as its documentation shows; a recording of 2024 has 7x7",
)
def gaussian(radius: float, sigma: float, units: str, normalize: bool, magnitude: float) -> Kernel:
    """Make a Gaussian of the pixels nearer than the radius along both axes: 5×5 for a radius of 3, as
    documented. Where that leaves one pixel, and the other public record (7×7) nine, it is refused.
    """
    _check(radius)
    if sigma <= 0:
        raise EEError(f"The sigma must be positive, got {sigma:g}.")

    def build(pixel: float) -> Weights:
        unit = pixel if units == "meters" else 1.0
        half = max(math.ceil(radius / unit - 1e-9) - 1, 0)
        if not half and radius >= unit:
            raise UnsupportedAlgorithmError(
                "Kernel.gaussian with a radius of one pixel",
                "is one pixel or 3x3, which public records of the service leave open; use a larger radius",
            )
        dx, dy = _offsets(half, half)
        return _centered(
            scale_weights(np.exp(-(dx**2 + dy**2) / (2 * (sigma / unit) ** 2)), normalize, magnitude)
        )

    return Kernel("gaussian", build, _units(units))


# Edge detectors with fixed weights.
FIXED: dict[str, list[list[float]]] = {
    "laplacian4": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "laplacian8": [[1, 1, 1], [1, -8, 1], [1, 1, 1]],
    "sobel": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "roberts": [[1, 0], [0, -1]],
    "prewitt": [[1, 0, -1], [1, 0, -1], [1, 0, -1]],
    "compass": [[1, 1, -1], [1, -2, -1], [1, 1, -1]],
    "kirsch": [[5, -3, -3], [5, 0, -3], [5, -3, -3]],
}


def _detector(name: str) -> None:
    def make(magnitude: float, normalize: bool) -> Kernel:
        weights = _centered(scale_weights(np.array(FIXED[name], "f8"), normalize, magnitude))
        return Kernel(name, lambda pixel: weights)

    algorithm(f"Kernel.{name}")(make)


for _name in FIXED:
    _detector(_name)


def _focus(offset: int, size: int) -> int:
    """Return the focus of an axis: −1 is the centre, and official samples give other offsets with either
    sign.
    """
    return (size - 1) // 2 if offset == -1 else abs(offset)


@algorithm("Kernel.fixed")
def fixed(width: int, height: int, weights: list[list[Any]], x: int, y: int, normalize: bool) -> Kernel:
    """Make a kernel of given weights; the focus is the centre by default."""
    if not weights or not all(
        isinstance(row, list) and row and all(is_number(v) for v in row) for row in weights
    ):
        raise EEError("The weights must be lists of numbers.")
    if len({len(row) for row in weights}) > 1:
        raise EEError("All rows of weights must have the same length.")
    values = np.array(weights, "f8")
    for name, given, size in (("width", width, values.shape[1]), ("height", height, values.shape[0])):
        if given not in (-1, size):
            raise EEError(f"The {name} is {given}, but the weights have {size}.")
    fx, fy = _focus(x, values.shape[1]), _focus(y, values.shape[0])
    if not (0 <= fx < values.shape[1] and 0 <= fy < values.shape[0]):
        raise EEError(f"The focus ({fx}, {fy}) is outside the kernel.")
    made = Weights(scale_weights(values, normalize, 1.0), fx, fy)
    return Kernel("fixed", lambda pixel: made)


@algorithm("Kernel.rotate")
def rotate(kernel: Kernel, rotations: int) -> Kernel:
    """Turn clockwise by quarters."""

    def build(pixel: float) -> Weights:
        base = kernel.weights(pixel)
        values, x, y = base.values, base.x, base.y
        for _ in range(rotations % 4):
            x, y = values.shape[0] - 1 - y, x
            values = np.rot90(values, -1)
        return Weights(np.ascontiguousarray(values), x, y)

    return Kernel("rotate", build, kernel.metric)


@algorithm("Kernel.add")
def add(kernel1: Kernel, kernel2: Kernel, normalize: bool) -> Kernel:
    """Add two kernels with their foci in one place."""

    def build(pixel: float) -> Weights:
        a, b = kernel1.weights(pixel), kernel2.weights(pixel)
        left, top = max(a.x, b.x), max(a.y, b.y)
        right = max(k.values.shape[1] - k.x for k in (a, b))
        bottom = max(k.values.shape[0] - k.y for k in (a, b))
        total = np.zeros((top + bottom, left + right))
        for k in (a, b):
            total[top - k.y : top - k.y + k.values.shape[0], left - k.x : left - k.x + k.values.shape[1]] += (
                k.values
            )
        return Weights(scale_weights(total, normalize, 1.0), left, top)

    return Kernel("add", build, kernel1.metric or kernel2.metric)


@algorithm("Kernel.inverse")
def inverse(kernel: Kernel) -> Kernel:
    """Invert every weight that is not zero."""

    def build(pixel: float) -> Weights:
        base = kernel.weights(pixel)
        return Weights(
            np.divide(1.0, base.values, out=np.zeros(base.values.shape), where=base.values != 0),
            base.x,
            base.y,
        )

    return Kernel("inverse", build, kernel.metric)
