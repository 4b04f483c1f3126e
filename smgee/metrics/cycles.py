"""A series as its seasonal cycle and the anomalies from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from smgee.errors import InputError

WINDOW_DAYS = 35.0
"""Width of the window of the running mean, days, as soil moisture is usually cut (Gruber et al. 2020, Remote
Sens. Environ. 244:111806).
"""


def seasonal_cycle(
    values: ArrayLike, time: ArrayLike, *, window: float = WINDOW_DAYS, least: int = 5
) -> np.ndarray:
    """Return the running mean of a series; what is left of the values are its anomalies.

    A series of a few years has no climatology worth the name, so the cycle is the mean over the weeks around
    each time, whatever year.

    Parameters
    ----------
    values : array-like, shape (n,)
        NaN where missing.
    time : array-like of datetimes, shape (n,)
        Ascending.
    window : float
        Days that the mean is taken over, half of them on either side, both ends included.
    least : int
        Values in the window below which there is no mean.

    Returns
    -------
    numpy.ndarray, shape (n,)
        In the unit of the values; NaN where a value is missing or its window holds too few.
    """
    data = np.asarray(values, float)
    days = np.asarray(time, "datetime64[ns]").astype("i8") / 86_400e9
    if data.shape != days.shape or data.ndim != 1:
        raise InputError(f"A series of {data.shape} values was given for {days.shape} times; give as many.")
    if (np.diff(days) < 0).any():
        raise InputError("The times of a series go back; give them in ascending order.")
    known = np.isfinite(data)
    at, seen = days[known], data[known]
    # the sums from the first value on, so that each window is one difference
    shift = seen[0] if len(seen) else 0.0
    total = np.concatenate([[0.0], np.cumsum(seen - shift)])
    half = window / 2 + 1e-9
    first, last = np.searchsorted(at, at - half), np.searchsorted(at, at + half)
    count = last - first
    mean = np.where(count >= least, shift + (total[last] - total[first]) / np.maximum(count, 1), np.nan)
    out = np.full(len(data), np.nan)
    out[known] = mean
    return out
