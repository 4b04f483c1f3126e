"""Arrays: n-dimensional values of one number type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.pixeltype import NAMED_TYPES, PixelType

# The NumPy type that carries each named type.
_DTYPES = {
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "int64": "i8",
    "float": "f4",
    "double": "f8",
}


class Array:
    """An `ee.Array`: a NumPy array whose dtype is the array's element type.

    Parameters
    ----------
    values : ndarray or nested lists of numbers
        Any number of dimensions; ragged lists are refused. Integers become the smallest of the signed types
        that Earth Engine gives to literals (int32, else int64), floats double.
    """

    __slots__ = ("values",)

    def __init__(self, values: np.ndarray | np.generic | Sequence[Any]):
        if isinstance(values, np.generic):
            values = np.asarray(values)
        if not isinstance(values, np.ndarray):
            values = _from_nested(values)
        if values.dtype == bool:
            values = values.astype("u1")
        self.values = values

    @property
    def type(self) -> PixelType:
        """The element type, with the number of dimensions."""
        for name, code in _DTYPES.items():
            if self.values.dtype == np.dtype(code):
                base = NAMED_TYPES[name]
                return PixelType(base.precision, base.minimum, base.maximum, self.values.ndim)
        return PixelType("double", None, None, self.values.ndim)

    def tolist(self) -> Any:
        """Return nested lists of Python numbers."""
        return self.values.tolist()

    def __repr__(self) -> str:
        return f"Array({self.values!r})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Array)
            and self.values.shape == other.values.shape
            and bool(np.array_equal(self.values, other.values))
        )

    def __hash__(self) -> int:
        return hash((self.values.shape, self.values.tobytes()))


def _from_nested(values: Any) -> np.ndarray:
    shape: list[int] = []
    level = values
    while isinstance(level, (list, tuple, Array)):
        if isinstance(level, Array):
            shape.extend(level.values.shape)
            break
        shape.append(len(level))
        if not level:
            break
        level = level[0]
    flat: list[Any] = []
    _flatten(values, shape, 0, flat)
    if any(isinstance(v, float) for v in flat):
        data = np.array(flat, "f8")
    else:
        small = all(-(2**31) <= v < 2**31 for v in flat)
        try:
            data = np.array(flat, "i4" if small else "i8")
        except OverflowError:
            data = np.array(flat, "f8")
    return data.reshape(shape)


def _flatten(value: Any, shape: list[int], depth: int, flat: list[Any]) -> None:
    if isinstance(value, Array):
        value = value.tolist()
    if depth == len(shape):
        if isinstance(value, (list, tuple)):
            raise EEError(
                "Array: the nested lists are ragged; all lists at one depth must have the same length."
            )
        if not isinstance(value, (bool, int, float)):
            raise EEError(f"Array: the values must be numbers, got {type(value).__name__}.")
        flat.append(value)
        return
    if not isinstance(value, (list, tuple)) or len(value) != shape[depth]:
        raise EEError("Array: the nested lists are ragged; all lists at one depth must have the same length.")
    for item in value:
        _flatten(item, shape, depth + 1, flat)


def ranked(values: np.ndarray, rank: int) -> np.ndarray:
    """Return the array with trailing axes of length 1 up to a number of dimensions."""
    return values.reshape([*values.shape, *[1] * max(0, rank - values.ndim)])
