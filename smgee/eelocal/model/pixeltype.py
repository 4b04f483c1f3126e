"""Pixel types: a precision, an integer range and an array dimension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

__all__ = ["NAMED_TYPES", "PixelType"]

Precision = Literal["int", "float", "double"]


@dataclass(frozen=True)
class PixelType:
    """The type of a band's pixels, as `ee.PixelType`.

    `minimum` and `maximum` bound the values where known (always for integers); `dimensions` is 0 for scalars, else the rank of the arrays.
    """

    precision: Precision
    minimum: float | int | None = None
    maximum: float | int | None = None
    dimensions: int = 0

    @property
    def dtype(self) -> np.dtype:
        """The smallest NumPy type that holds every value: what NPY and GeoTIFF answers carry."""
        if self.precision == "double":
            return np.dtype("f8")
        if self.precision == "float":
            return np.dtype("f4")
        low, high = self.bounds
        for name in ("u1", "i1", "u2", "i2", "u4", "i4"):
            info = np.iinfo(name)
            if info.min <= low and high <= info.max:
                return np.dtype(name)
        return np.dtype("i8")

    @property
    def bounds(self) -> tuple[float | int, float | int]:
        """(least, greatest) value of an integer type."""
        low = -(2**63) if self.minimum is None else self.minimum
        high = 2**63 - 1 if self.maximum is None else self.maximum
        return low, high

    def union(self, other: PixelType) -> PixelType:
        """Return the smallest type holding both: double over float over int; ranges are merged."""
        order = ("int", "float", "double")
        precision = max(self.precision, other.precision, key=order.index)
        ranged = None not in (self.minimum, other.minimum, self.maximum, other.maximum)
        return PixelType(
            precision,
            min(self.minimum, other.minimum) if ranged else None,  # type: ignore[type-var]
            max(self.maximum, other.maximum) if ranged else None,  # type: ignore[type-var]
            max(self.dimensions, other.dimensions),
        )

    def describe(self) -> dict[str, Any]:
        """Return the `getInfo` form."""
        info: dict[str, Any] = {"type": "PixelType", "precision": self.precision}
        if self.minimum is not None:
            info["min"] = self.minimum
        if self.maximum is not None:
            info["max"] = self.maximum
        if self.dimensions:
            info["dimensions"] = self.dimensions
        return info


def _int(name: str) -> PixelType:
    info = np.iinfo(name)
    return PixelType("int", int(info.min), int(info.max))


NAMED_TYPES = {
    **{n: _int(n) for n in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64")},
    "byte": _int("uint8"), "short": _int("int16"), "int": _int("int32"), "long": _int("int64"),
    "float": PixelType("float"), "double": PixelType("double"),
}
BOOLEAN = PixelType("int", 0, 1)
