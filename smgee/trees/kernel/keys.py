"""Numbers as integers that sort alike.

The bits of an IEEE 754 number, read as a signed integer, sort like the number where it is positive and backwards where it is negative;
inverting all but the sign bit of the negative ones puts them in order (-0.0 is first made 0.0). NaN gets the smallest or the largest
integer, which no number has.
"""

from __future__ import annotations

import numpy as np

__all__ = ["key_of_number", "key_type"]


def key_type(dtype: np.dtype) -> np.dtype:
    """Return the integer type of the keys of `dtype`: int32 for float32, int64 for float64."""
    return np.dtype(np.int32 if dtype == np.float32 else np.int64)


def key_of_number(number: np.ndarray) -> np.ndarray:
    """Return the keys of float32 or float64 numbers, NaN excluded. Same shape, int32 or int64."""
    kind = key_type(number.dtype)
    bits = (np.where(number == 0, 0, number)).astype(number.dtype).view(kind)
    return np.where(bits < 0, bits ^ np.iinfo(kind).max, bits)
