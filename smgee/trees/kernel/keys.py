"""Numbers as integers that sort alike.

The bits of an IEEE 754 number, read as a signed integer, sort like the number where it is positive and
backwards where it is negative; inverting all but the sign bit of the negative ones puts them in order (-0.0
is first made 0.0). NaN gets the smallest or the largest integer, which no number has.

A *code* is the number of a predictor's cuts below a key: all that the trees can tell of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

# Intervals of a predictor's lookup table: some for each cut, between these bounds.
LEAST_BUCKETS, MOST_BUCKETS, BUCKETS_PER_CUT = 256, 1 << 17, 16


def key_type(dtype: np.dtype) -> np.dtype:
    """Return the integer type of the keys of `dtype`: int32 for float32, int64 for float64."""
    return np.dtype(np.int32 if dtype == np.float32 else np.int64)


def key_of_number(number: np.ndarray) -> np.ndarray:
    """Return the keys of float32 or float64 numbers, NaN excluded. Same shape, int32 or int64."""
    kind = key_type(number.dtype)
    bits = (np.where(number == 0, 0, number)).astype(number.dtype).view(kind)
    return np.where(bits < 0, bits ^ np.iinfo(kind).max, bits)


def number_of_key(key: np.ndarray) -> np.ndarray:
    """Return the float32 or float64 numbers of keys: the inverse of `key_of_number`. Same shape."""
    bits = np.where(key < 0, key ^ np.iinfo(key.dtype).max, key).astype(key.dtype)
    return bits.view(np.float32 if key.dtype == np.int32 else np.float64)


@dataclass(frozen=True)
class Encoder:
    """One predictor's table from numbers to codes.

    The range of the cuts is divided into equal intervals; the table says how many cuts lie in earlier ones,
    and those of the number's own interval are compared one by one, or by halving where many share one.
    Rounding can't disturb this, since subtracting and multiplying are monotone: a cut in an earlier interval
    is below the number, one in a later interval above it.

    Parameters
    ----------
    low, factor : float32 or float64
        A number's interval is ``(x - low) * factor``, cut to the table.
    first : (intervals + 1,) int32
        Number of cuts in earlier intervals.
    cuts : (n + span,) int32 or int64
        Cuts, ascending, with the largest integer behind them.
    span : int
        The power of two above the most cuts in one interval.
    """

    low: np.floating
    factor: np.floating
    first: np.ndarray
    cuts: np.ndarray
    span: int

    @classmethod
    def of_cuts(cls, cuts: np.ndarray) -> Encoder:
        """Return the encoder of ascending cuts."""
        number: Any = np.dtype(np.float32 if cuts.dtype == np.int32 else np.float64)
        buckets = int(np.clip(BUCKETS_PER_CUT * len(cuts), LEAST_BUCKETS, MOST_BUCKETS))
        if not len(cuts):
            return cls(
                number.type(0),
                number.type(0),
                np.zeros(2, np.int32),
                np.full(1, np.iinfo(cuts.dtype).max, cuts.dtype),
                1,
            )
        with np.errstate(all="ignore"):
            # The cut below −∞ is the key of no number; its bits are a NaN, which lands in the first interval
            # as it must.
            numbers = number_of_key(cuts)
            finite = numbers[np.isfinite(numbers)]
            low, high = (
                (number.type(finite[0]), number.type(finite[-1]))
                if len(finite)
                else (number.type(0), number.type(0))
            )
            factor = number.type(buckets - 1) / (high - low) if high > low else number.type(0)
            place = (numbers - low) * factor
            inside = np.where(place > 0, np.minimum(place, number.type(buckets - 1)), 0).astype(np.int64)
        count = np.bincount(inside, minlength=buckets)
        first = np.append(0, np.cumsum(count)).astype(np.int32)
        span = 1 << int(count.max()).bit_length()
        return cls(
            low,
            factor,
            first,
            np.concatenate([cuts, np.full(span, np.iinfo(cuts.dtype).max, cuts.dtype)]),
            span,
        )
