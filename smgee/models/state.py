"""The state of the network: the mean of its stations on every step, made proof against gaps.

A mean of whichever stations happen to report jumps when a wet one falls silent. Here every station has an
effect and every step has one, ``y(j, t) = m(t) + e(j)``, fitted together by least squares; the state is m(t)
at the mean level of all stations. Effects are shrunk a little, so that a station of three days does not move
the level.

A station's state is always that of the *others*: its own values never enter.
"""

from __future__ import annotations

import numpy as np

LONGEST_GAP = 10
"""Days from the nearest day with stations beyond which the state is not drawn between its neighbours: after
so long a real network keeps half of an anomaly (Pali, summer 2021: correlation at ten days 0.53).
"""

SHRINK = 5.0
"""Rows that a station's effect is shrunk by: with so many rows it keeps half of what they say."""


def station_effects(values: np.ndarray, *, shrink: float = SHRINK) -> np.ndarray:
    """Deviation of every station from the network, after the steps' own effects are taken out.

    Parameters
    ----------
    values : (s, t) array
        Stations × steps, NaN where unknown.
    shrink : float
        See `SHRINK`.

    Returns
    -------
    (s,) float64
        In the unit of `values`, with mean 0 over the stations that have values; 0 for the others.
    """
    known = np.isfinite(values)
    per_step = known.sum(axis=0)
    used = per_step > 0
    if not used.any():
        return np.zeros(len(values))
    seen, filled = known[:, used].astype("f8"), np.where(known, values, 0.0)[:, used]
    count = seen.sum(axis=1)
    # the steps' effects eliminated: what is left are as many equations as stations
    step_mean = filled.sum(axis=0) / per_step[used]
    left = np.diag(count + shrink) - (seen / per_step[used]) @ seen.T
    right = (filled - seen * step_mean).sum(axis=1)
    effects = np.linalg.solve(left, right)
    there = count > 0
    return np.where(there, effects - effects[there].mean(), 0.0)


def network_mean(values: np.ndarray, effects: np.ndarray) -> np.ndarray:
    """Mean of a step's stations after their effects are taken off, shape (t,); NaN on steps without any."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values - effects[:, None], 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(values.shape[1], np.nan), where=count > 0)


def bridge(mean: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Fill steps without any station: linear in time between neighbours, the ends held."""
    known = np.isfinite(mean)
    if known.all():
        return mean
    if not known.any():
        return np.full(len(mean), np.nan)
    return np.interp(days, days[known], mean[known])


def network_state(
    values: np.ndarray,
    *,
    days: np.ndarray,
    usable: np.ndarray | None = None,
    present: np.ndarray | None = None,
) -> np.ndarray:
    """State of the others, for every station and step.

    Parameters
    ----------
    values : (s, t) array
        Soil moisture, m³ m⁻³, NaN where unknown.
    days : (t,) array
        Time of the steps in days, ascending.
    usable : (s, t) bool, optional
        Values that may be learned from (the training rows of a fold): station effects rest on them alone.
    present : (s, t) bool, optional
        Values that the network shows on the step itself; by default those of `usable`. A design that holds
        time out sees the other stations on the held-out days, as a map of that day would.

    Returns
    -------
    (s, t) float64
        m³ m⁻³; row i holds nothing of station i.
    """
    usable = np.isfinite(values) if usable is None else usable
    present = usable if present is None else present
    learned, shown = np.where(usable, values, np.nan), np.where(present, values, np.nan)
    silent = ~(np.isfinite(learned).any(axis=1) | np.isfinite(shown).any(axis=1))
    out = np.empty(values.shape)
    if silent.any():  # stations that say nothing all see the same network
        out[silent] = bridge(network_mean(shown, station_effects(learned)), days)
    for i in np.flatnonzero(~silent):
        a, b = learned.copy(), shown.copy()
        a[i], b[i] = np.nan, np.nan
        out[i] = bridge(network_mean(b, station_effects(a)), days)
    return out


def recent_change(state: np.ndarray, days: np.ndarray, *, window: float = 10.0) -> np.ndarray:
    """State minus its mean over the steps of the `window` days before: above 0 while the network gets wetter.

    Parameters
    ----------
    state : (s, t) array
    days : (t,) array
        Ascending.
    window : float
        Days; widened to the step before where steps are farther apart.

    Returns
    -------
    (s, t) float64
        0 on the first step.
    """
    total = np.concatenate([np.zeros((len(state), 1)), np.cumsum(state, axis=1)], axis=1)
    last = np.arange(len(days))
    first = np.minimum(np.searchsorted(days, days - window), np.maximum(last - 1, 0))
    count = np.maximum(last - first, 1)
    before = (total[:, last] - total[:, first]) / count
    return np.where(last > first, state - before, 0.0)
