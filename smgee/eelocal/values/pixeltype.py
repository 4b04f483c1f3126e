"""Pixel types: a precision, a range and an array dimension, and how the types of results follow from those of
their inputs.

Values are carried in the smallest NumPy type of their pixel type (`PixelType.dtype`): integers in the
smallest integer type that holds the range, ``float`` in float32, ``double`` in float64. Ranges follow
interval arithmetic, so a sum of two bytes is an integer 0…510 and never wraps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Literal

import numpy as np

from smgee.eelocal.errors import EEError

Precision = Literal["int", "float", "double"]
Bound = float | int | None

_ORDER: tuple[Precision, ...] = ("int", "float", "double")
_LONG = (-(2**63), 2**63 - 1)


@dataclass(frozen=True)
class PixelType:
    """The type of a band's pixels, as `ee.PixelType`.

    `minimum` and `maximum` bound the values where known (always for integers); `dimensions` is 0 for scalars,
    else the rank of the arrays.
    """

    precision: Precision
    minimum: Bound = None
    maximum: Bound = None
    dimensions: int = 0

    @classmethod
    def of_dtype(cls, dtype: Any) -> PixelType:
        """Return the type of all values of a NumPy type."""
        dtype = np.dtype(dtype)
        if dtype.kind == "b":
            return BOOLEAN
        if dtype.kind in "iu":
            info = np.iinfo(dtype)
            return cls("int", int(info.min), min(int(info.max), _LONG[1]))
        return cls("float" if dtype.itemsize <= 4 else "double")

    @classmethod
    def of_value(cls, value: float | int) -> PixelType:
        """Return the type of one constant: an integer range, or double, of that value alone."""
        if isinstance(value, (bool, int, np.integer, np.bool_)):
            return cls("int", int(value), int(value))
        value = float(value)
        return cls("double", value, value) if math.isfinite(value) else cls("double")

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
    def is_int(self) -> bool:
        """Whether the values are integers."""
        return self.precision == "int"

    @property
    def bounds(self) -> tuple[float | int, float | int]:
        """(least, greatest) value of an integer type."""
        low = _LONG[0] if self.minimum is None else self.minimum
        high = _LONG[1] if self.maximum is None else self.maximum
        return low, high

    @property
    def ranged(self) -> bool:
        """Whether both bounds are known."""
        return self.minimum is not None and self.maximum is not None

    @property
    def scalar(self) -> PixelType:
        """The type of one element."""
        return replace(self, dimensions=0)

    def array(self, dimensions: int) -> PixelType:
        """Return the type of arrays of these elements."""
        return replace(self, dimensions=dimensions)

    def ranging(self, low: Bound, high: Bound) -> PixelType:
        """Return the type with another range; unknown or infinite bounds leave floats unbounded and
        integers 64 bits wide.
        """
        if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
            return (
                PixelType("int", *_LONG, self.dimensions)
                if self.is_int
                else PixelType(self.precision, None, None, self.dimensions)
            )
        if self.is_int:
            low, high = max(int(low), _LONG[0]), min(int(high), _LONG[1])
        elif self.precision == "float":
            low, high = float(np.float32(low)), float(np.float32(high))
            if not (math.isfinite(low) and math.isfinite(high)):
                return PixelType("float", None, None, self.dimensions)
        return PixelType(self.precision, low, high, self.dimensions)

    def union(self, other: PixelType) -> PixelType:
        """Return the smallest type holding both: double over float over int; ranges are merged."""
        precision = max(self.precision, other.precision, key=_ORDER.index)
        dimensions = max(self.dimensions, other.dimensions)
        joint = PixelType(precision, None, None, dimensions)
        if self.minimum is None or self.maximum is None or other.minimum is None or other.maximum is None:
            return joint.ranging(None, None)
        return joint.ranging(min(self.minimum, other.minimum), max(self.maximum, other.maximum))

    def real(self) -> PixelType:
        """Return the type of functions that leave the integers: float for float, double for everything
        else; unbounded.
        """
        return PixelType("float" if self.precision == "float" else "double", None, None, self.dimensions)

    def combine(self, other: PixelType, bound: Callable[[float, float], float]) -> PixelType:
        """Return the union, its range that of a function monotonic in both operands: from the four
        corners.
        """
        union = self.union(other)
        if not (self.ranged and other.ranged):
            return union.ranging(None, None)
        corners = [bound(a, b) for a in self.bounds for b in other.bounds]
        if any(math.isnan(c) for c in corners):
            return union.ranging(None, None)
        return union.ranging(min(corners), max(corners))

    def cast(self, values: np.ndarray) -> np.ndarray:
        """Return values in this type: into integers by truncation towards zero and clamping to the range
        (NaN becomes 0).
        """
        target = self.dtype
        if not self.is_int:
            return values.astype(target, copy=False)
        low, high = self.bounds
        if values.dtype.kind == "f":
            with np.errstate(invalid="ignore"):
                values = np.nan_to_num(np.trunc(values), nan=0.0, posinf=np.inf, neginf=-np.inf)
                # 2^63 - 1 is no float64: clamp below it, then convert.
                top = float(high) if float(high) <= high else np.nextafter(float(high), 0.0)
                result = np.clip(values, float(low), top).astype(target)
                return (
                    np.where(values >= float(high), np.asarray(high, target), result)
                    if float(high) > high
                    else result
                )
        info = np.iinfo(values.dtype) if values.dtype != bool else None
        if info is not None and (info.min < low or info.max > high):
            values = np.clip(values, max(low, info.min), min(high, info.max))
        return values.astype(target, copy=False)

    def describe(self) -> dict[str, Any]:
        """Return the `getInfo` form."""
        info: dict[str, Any] = {"type": "PixelType", "precision": self.precision}
        for key, bound in (("min", self.minimum), ("max", self.maximum)):
            if bound is not None:  # those of 64 bits are shown as the doubles next to them
                info[key] = float(bound) if abs(bound) > 2**53 else bound
        if self.dimensions:
            info["dimensions"] = self.dimensions
        return info


def _int(name: str) -> PixelType:
    info = np.iinfo(name)
    return PixelType("int", int(info.min), int(info.max))


NAMED_TYPES = {
    **{n: _int(n) for n in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64")},
    "byte": _int("uint8"),
    "short": _int("int16"),
    "int": _int("int32"),
    "long": _int("int64"),
    "float": PixelType("float"),
    "double": PixelType("double"),
}
BOOLEAN = PixelType("int", 0, 1)
FLOAT = PixelType("float")
DOUBLE = PixelType("double")


def joint(types: Iterable[PixelType]) -> PixelType:
    """Return the type that holds what any of some types does."""
    return reduce(PixelType.union, types)


def parse_type(value: Any) -> PixelType:
    """Return a pixel type given as itself, by name, or in its `getInfo` form; `EEError` for anything else."""
    if isinstance(value, PixelType):
        return value
    if isinstance(value, str) and value in NAMED_TYPES:
        return NAMED_TYPES[value]
    if isinstance(value, dict) and value.get("type") == "PixelType" and value.get("precision") in _ORDER:
        base = PixelType(value["precision"], None, None, int(value.get("dimensions", 0)))
        return base.ranging(value.get("min"), value.get("max"))
    raise EEError(f"Invalid pixel type {value!r}: use one of {', '.join(NAMED_TYPES)}, or a PixelType.")
