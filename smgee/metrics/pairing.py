"""Two series become pairs: checked, in float64, without the times at which one is missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from smgee.errors import InputError


def vector(values: ArrayLike) -> np.ndarray:
    """Return a series as float64, masked values as NaN; `InputError` if it is not one-dimensional or holds an
    infinite value.
    """
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(float), np.nan)
    array = np.asarray(values, dtype=float)
    if array.ndim != 1:
        raise InputError(
            f"A series of shape {array.shape} was given; a comparison takes one-dimensional series."
        )
    if np.isinf(array).any():
        raise InputError("A series holds infinite values; replace them by NaN if they stand for missing.")
    return array


def vectors(*series: ArrayLike) -> tuple[np.ndarray, ...]:
    """Return several series of one length, as `vector` does.

    Raises
    ------
    InputError
        As `vector`, or if their lengths differ.
    """
    arrays = tuple(vector(values) for values in series)
    if len({array.size for array in arrays}) > 1:
        sizes = " and ".join(str(array.size) for array in arrays)
        raise InputError(f"The series have {sizes} values; they must be paired one to one.")
    return arrays


def paired(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return both series without the pairs in which either is missing.

    Parameters
    ----------
    x, y : array-like, shape (n,)
        Of one length and unit; NaN and masked values are missing.

    Returns
    -------
    (x, y) : tuple of float64 arrays, shape (m,)

    Raises
    ------
    InputError
        If they differ in length, are not one-dimensional, or hold an infinite value.
    """
    x, y = vectors(x, y)
    both = ~(np.isnan(x) | np.isnan(y))
    return x[both], y[both]
