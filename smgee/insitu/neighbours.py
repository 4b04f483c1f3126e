"""What the other stations of a network say about a record."""

from __future__ import annotations

import numpy as np

from smgee.insitu.daily import NS_PER_DAY, NS_PER_HOUR
from smgee.insitu.settings import QualityRules

_NEAR_H = 12
_LEAST_OTHERS = 3
_HELD_H = 24


def unshared_steps(at: np.ndarray, values: np.ndarray, rules: QualityRules) -> np.ndarray:
    """Find changes within an hour that are too large to be the soil's, and in which no other station shares.

    A wetting front may raise a probe by 0.2 m³ m⁻³ in an hour, but rain wets others too: of 15 such rises in
    three years of 40 stations in Texas, all had company. A change of at least `rules.step` counts when,
    within 12 h before and after, at least three others measured and none of them changed by
    `rules.step_shared` within an hour. Marked are the records from the change on until half of it is gone,
    at most for a day.

    Parameters
    ----------
    at : numpy.ndarray, shape (time,), int64
        ns since 1970, ascending.
    values : numpy.ndarray, shape (time, station)
        m³ m⁻³.

    Returns
    -------
    numpy.ndarray, shape (time, station), bool
    """
    change = np.full(values.shape, np.nan)  # from the last record, at most an hour (or a step) before
    for j in range(values.shape[1]):
        rows = np.flatnonzero(np.isfinite(values[:, j]))
        if len(rows) < 2:
            continue
        gap = np.diff(at[rows])
        near = gap <= max(NS_PER_HOUR, int(np.median(gap)))
        change[rows[1:][near], j] = np.diff(values[rows, j])[near]
    marked = np.zeros(values.shape, bool)
    if values.shape[1] <= _LEAST_OTHERS:
        return marked
    size = np.abs(change)
    held, way = np.full(values.shape[1], -1), np.zeros(values.shape[1])
    for i, j in zip(*np.nonzero(size >= rules.step), strict=True):
        if i < held[j] and np.sign(change[i, j]) == -way[j]:
            continue  # on its way back
        a, b = np.searchsorted(at, [at[i] - _NEAR_H * NS_PER_HOUR, at[i] + _NEAR_H * NS_PER_HOUR + 1])
        others = np.delete(size[a:b], j, axis=1)
        known = np.isfinite(others).any(axis=0)
        if known.sum() < _LEAST_OTHERS or np.nanmax(others[:, known]) >= rules.step_shared:
            continue
        end = int(np.searchsorted(at, at[i] + _HELD_H * NS_PER_HOUR))
        held[j], way[j] = end, np.sign(change[i, j])
        # Deviation from the level before the change, in its direction.
        excess = (values[i:end, j] - values[i, j]) * np.sign(change[i, j]) + size[i, j]
        gone = np.flatnonzero(excess < size[i, j] / 2)
        marked[i : i + (int(gone[0]) if gone.size else end - i), j] = True
    return marked


def disagreeing_days(at: np.ndarray, values: np.ndarray, rules: QualityRules) -> np.ndarray:
    """Find days on which a station is far from what the others let expect.

    The spatial regression test of weather networks (Hubbard et al. 2005, J. Atmos. Oceanic Technol.
    22:105-112, doi:10.1175/JTECH-1657.1): in the days around, the station is regressed on each of the others;
    the estimates are averaged with the inverse squares of their standard errors, and the day fails when the
    station is farther from that than `rules.neighbour_errors` times the combined standard error, and than
    `rules.neighbour_floor`. The day itself does not take part in its regression.

    Returns
    -------
    numpy.ndarray, shape (time, station), bool
        All valid records of the failing days.
    """
    number = at // NS_PER_DAY
    first, days = int(number[0]), int(number[-1] - number[0]) + 1
    where = (number - first).astype(int)
    valid = np.isfinite(values)
    count = np.zeros((days, values.shape[1]))
    total = count.copy()
    np.add.at(count, where, valid)
    np.add.at(total, where, np.where(valid, values, 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        daily = total / count
    failed = np.zeros(daily.shape, bool)
    if daily.shape[1] <= _LEAST_OTHERS:
        return np.zeros(values.shape, bool)
    for j in range(daily.shape[1]):
        expected, error, used = _estimate(daily[:, j], np.delete(daily, j, axis=1), rules.neighbour_days)
        off = np.abs(daily[:, j] - expected)
        limit = np.maximum(rules.neighbour_errors * error, rules.neighbour_floor)
        with np.errstate(invalid="ignore"):
            failed[:, j] = (used >= _LEAST_OTHERS) & (off > limit)
    return failed[where] & valid


def _estimate(own: np.ndarray, others: np.ndarray, half: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the others' estimate of a station's days, its standard error, and the number of others used."""
    both = np.isfinite(own)[:, None] & np.isfinite(others)
    x, y = np.where(both, others, 0.0), np.where(both, own[:, None], 0.0)
    n, sx, sy, sxx, sxy, syy = (_around(a, half) for a in (both * 1.0, x, y, x * x, x * y, y * y))
    with np.errstate(invalid="ignore", divide="ignore"):
        vx, vy, cxy = sxx - sx**2 / n, syy - sy**2 / n, sxy - sx * sy / n
        slope = cxy / vx
        squares = np.maximum(vy - slope * cxy, 0.0) / (n - 2)
        estimate = sy / n + slope * (others - sx / n)
        # Half of the window must be common days, and the slope positive: others mean nothing to the station.
        usable = (n >= half) & (cxy > 0) & (vx > 1e-9) & np.isfinite(estimate)
        weight = np.where(usable, 1.0 / np.maximum(squares, 1e-8), 0.0)
        used = usable.sum(axis=1)
        expected = (weight * np.where(usable, estimate, 0.0)).sum(axis=1) / weight.sum(axis=1)
        error = np.sqrt(used / weight.sum(axis=1))
    return expected, error, used


def _around(a: np.ndarray, half: int) -> np.ndarray:
    """Return the sums over `half` days before and after each day, without the day itself."""
    total = np.concatenate([np.zeros((1, a.shape[1])), np.cumsum(a, axis=0)])
    day = np.arange(len(a))
    return total[np.minimum(day + half + 1, len(a))] - total[np.maximum(day - half, 0)] - a
