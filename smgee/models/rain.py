"""Memory of rain: antecedent precipitation from a column of rain.

Soil moisture remembers rain for days to months; the rain of the day itself says little. The index of Kohler &
Linsley (1951), US Weather Bureau Research Paper 34, decays by a constant share per day,
``A(t) = k^dt A(t - dt) + P(t)``, so it is carried from step to step and costs one pass whatever its memory.
"""

from __future__ import annotations

import re

import numpy as np

DECAYS = (0.8, 0.9, 0.95, 0.98)
"""Share of the index that is left after a day: half of it after 3, 7, 14 and 34 days."""

WINDOWS = (3, 10, 30)
"""Days of the sums."""

_RAIN = re.compile(r"precip|rain|ppt|prcp|pcp|prectot|gpm|imerg|chirps", re.IGNORECASE)
_SHORT = re.compile(r"(^|[_\W])(tp|pr|prec|rr|p)([_\W]|$)", re.IGNORECASE)
_NOT_RAIN = re.compile(
    r"cum|acc|ante|api|total_?\d|sum_?\d|\d+ ?d(ay)?s?\b|lag|prev|yester|pressure|precipitable|drain|terrain"
    r"|train|grain|inter|days|freq|index|anom",
    re.IGNORECASE,
)
_DRY = 0.1
"""Share of rows without rain that a column of a short name, which may mean something else, must have."""


def is_rain(name: str, values: np.ndarray | None = None) -> bool:
    """Whether a column is named as rain of its step (not as a sum over many days, nor an index).

    ``precip…``, ``total_precipitation_sum``, ``rain…``, ``ppt``, ``prcp`` and the like are; ``Precip_cum`` is
    not. ``tp``, ``pr``, ``rr`` and ``P`` are where the values, if given, are never negative and often 0.
    """
    if _NOT_RAIN.search(name):
        return False
    if _RAIN.search(name):
        return True
    if not _SHORT.search(name):
        return False
    if values is None:
        return True
    known = values[np.isfinite(values)]
    return bool(len(known) and known.min() >= 0 and (known == 0).mean() >= _DRY)


def fill_rain(rain: np.ndarray) -> np.ndarray:
    """Rain without gaps: the network's mean of the step where a station has none, else the mean of all.

    Parameters
    ----------
    rain : (s, t) array
        NaN where unknown; negative values count as unknown.
    """
    rain = np.where(rain >= 0, rain, np.nan)
    known = np.isfinite(rain)
    count = known.sum(axis=0)
    total = np.where(known, rain, 0.0).sum(axis=0)
    usual = float(rain[known].mean()) if known.any() else 0.0
    network = np.divide(total, count, out=np.full(rain.shape[1], usual), where=count > 0)
    return np.where(known, rain, network)


def antecedent(rain: np.ndarray, days: np.ndarray, decay: float) -> np.ndarray:
    """Antecedent precipitation index, the rain of the step included.

    Parameters
    ----------
    rain : (s, t) array
        Without gaps, see `fill_rain`; mm per step.
    days : (t,) array
        Time of the steps in days, ascending.
    decay : float
        Share left after a day, between 0 and 1.

    Returns
    -------
    (s, t) float64
        mm. It starts where a constant rain of the station's mean would have brought it, so that the first
        weeks are no drought.
    """
    span = max(float(days[-1] - days[0]), 1.0)
    step = span / max(len(days) - 1, 1)
    out = np.empty(rain.shape)
    carried = rain.mean(axis=1) / (1.0 - decay**step)
    previous = days[0] - step
    for t, day in enumerate(days):
        carried = carried * decay ** (day - previous) + rain[:, t]
        out[:, t], previous = carried, day
    return out


def windowed(rain: np.ndarray, days: np.ndarray, window: float) -> np.ndarray:
    """Sum over the last `window` days, the step itself included, shape (s, t), mm."""
    total = np.concatenate([np.zeros((len(rain), 1)), np.cumsum(rain, axis=1)], axis=1)
    first = np.searchsorted(days, days - window, side="right")
    return total[:, 1:] - total[:, first]


def rain_memory(name: str, rain: np.ndarray, days: np.ndarray) -> dict[str, np.ndarray]:
    """All memories of one column of rain, each (s, t), by name such as ``rain_api90`` and ``rain_10d``."""
    whole = fill_rain(rain)
    memories = {f"{name}_api{round(100 * k)}": antecedent(whole, days, k) for k in DECAYS}
    return memories | {f"{name}_{w}d": windowed(whole, days, w) for w in WINDOWS}
