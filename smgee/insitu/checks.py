"""Quality control beyond the flags that a network brings: what looks wrong in the series themselves.

Spikes, breaks and plateaus are found by the spectrum-based tests of the International Soil Moisture Network
(Dorigo et al. 2013, Vadose Zone J. 12(3), doi:10.2136/vzj2012.0097; "Eq." below is theirs), which are made
for hourly series of per cent by volume: a denser series is tested as several hourly ones, one for each
minute of the hour at which it records. The tests against the other stations are those of weather networks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.lib.stride_tricks import sliding_window_view

from smgee.errors import MissingDataError
from smgee.insitu.daily import NS_PER_HOUR, nanoseconds, step_hours
from smgee.insitu.neighbours import disagreeing_days, unshared_steps
from smgee.insitu.settings import CHECKS, QualityRules

_HALF = 12  # h: the tests look at 12 h before and after
_LOW = 13  # h, the least length of a low plateau
_HIGH = 12  # h, of a saturated one
_DAY = 24 * NS_PER_HOUR


def check_records(
    records: xr.Dataset, rules: QualityRules | None = None, **settings: Any
) -> tuple[xr.Dataset, pd.DataFrame]:
    """Look for implausible records; take out those that the rules name, and count all.

    Parameters
    ----------
    records : xarray.Dataset
        As `smgee.insitu.read_ismn` gives them: (time, station), m³ m⁻³.
    rules : QualityRules, optional
        Which checks are made, and which of them take records out.
    **settings
        Fields of the rules that shall differ, such as ``drop=("spike",)``.

    Returns
    -------
    records : xarray.Dataset
        The input with ``quality`` (time, station), uint16 bits of the checks that a record fails (those of
        `CHECKS`, in their order), and soil moisture NaN where a check of `rules.drop` is failed.
    counts : pandas.DataFrame
        One row per station: station, records (valid ones), tested (those that the hourly tests could see),
        one column per check with the records that fail it (missing where the check was not made), dropped.
    """
    rules = QualityRules.of(rules, **settings)
    at = nanoseconds(records)
    if at.size == 0:
        raise MissingDataError("The station data hold no record at all; there is nothing to check.")
    values = records["soil_moisture"].values.astype(float)
    bits, tested = np.zeros(values.shape, np.uint16), np.zeros(values.shape, bool)

    def mark(check: str, where: np.ndarray, column: int | slice = slice(None)) -> None:
        bits[:, column][where] |= np.uint16(1 << CHECKS.index(check))

    for j in range(values.shape[1]):
        own = values[:, j]
        if "range" in rules.checks:
            mark("range", (own < 0) | (own > rules.highest), j)
        if "saturation" in rules.checks:
            mark("saturation", own > saturation_point(records, j), j)
        for check, where in _hourly_checks(at, own, rules, tested[:, j]).items():
            mark(check, where, j)
    if "step" in rules.checks:
        mark("step", unshared_steps(at, values, rules))
    if "neighbours" in rules.checks:
        mark("neighbours", disagreeing_days(at, values, rules))

    if "constant" in rules.checks:
        for j in range(values.shape[1]):
            mark("constant", constant(at, values[:, j], rules.constant_days), j)

    bits[~np.isfinite(values)] = 0
    drop = sum(1 << CHECKS.index(c) for c in rules.drop)
    gone = (bits & np.uint16(drop)) != 0
    counts = pd.DataFrame({"station": records["station"].values.astype(str)})
    counts["records"] = np.isfinite(values).sum(axis=0)
    counts["tested"] = (tested & np.isfinite(values)).sum(axis=0)
    for i, check in enumerate(CHECKS):
        found = ((bits >> np.uint16(i)) & 1).sum(axis=0)
        counts[check] = pd.array(found if check in rules.checks else [pd.NA] * len(found), dtype="Int64")
    counts["dropped"] = gone.sum(axis=0)
    moisture = records["soil_moisture"].copy(data=np.where(gone, np.nan, values))
    meta = {
        "long_name": "checks that the soil moisture record fails",
        "flag_masks": np.array([1 << i for i in range(len(CHECKS))], np.uint16),
        "flag_meanings": " ".join(CHECKS),
        "dropped": " ".join(rules.drop),
        "references": "doi:10.2136/vzj2012.0097",
    }
    return records.assign(soil_moisture=moisture, quality=(("time", "station"), bits, meta)), counts


def saturation_point(records: xr.Dataset, station: int) -> float:
    """Return the porosity (m³ m⁻³) of a station's soil; infinite where its texture is not known.

    Saxton and Rawls (2006), Soil Sci. Soc. Am. J. 70:1569-1578, doi:10.2136/sssaj2005.0117, equations 2, 3
    and 5, with 2.5 % organic matter, which the archive does not give.
    """
    if "clay_fraction" not in records.coords or "sand_fraction" not in records.coords:
        return np.inf
    clay = float(records["clay_fraction"].values[station]) / 100
    sand = float(records["sand_fraction"].values[station]) / 100
    if not (0 <= clay <= 1 and 0 <= sand <= 1 and clay + sand <= 1):
        return np.inf
    organic = 2.5
    field = (
        -0.251 * sand + 0.195 * clay + 0.011 * organic
        + 0.006 * sand * organic - 0.027 * clay * organic + 0.452 * sand * clay + 0.299
    )  # fmt: skip
    field += 1.283 * field**2 - 0.374 * field - 0.015
    rest = (
        0.278 * sand + 0.034 * clay + 0.022 * organic
        - 0.018 * sand * organic - 0.027 * clay * organic - 0.584 * sand * clay + 0.078
    )  # fmt: skip
    rest += 0.636 * rest - 0.107
    return field + rest - 0.097 * sand + 0.043


def constant(at: np.ndarray, values: np.ndarray, least_days: float) -> np.ndarray:
    """Return which records of a station repeat one value for so many days or longer.

    The tests of the International Soil Moisture Network see a plateau by how it begins and ends; a sensor
    that is stuck in the middle of its range passes them.

    Parameters
    ----------
    at : numpy.ndarray, shape (time,)
        Nanoseconds.
    values : numpy.ndarray, shape (time,)
        m³ m⁻³, NaN in gaps, of which one longer than a day ends what is constant.
    least_days : float
        Days.

    Returns
    -------
    numpy.ndarray of bool, shape (time,)
    """
    out = np.zeros(len(values), bool)
    rows = np.flatnonzero(np.isfinite(values))
    if not rows.size:
        return out
    time, value = at[rows], values[rows]
    begins = np.r_[True, (np.diff(value) != 0) | (np.diff(time) > _DAY)]
    first = np.flatnonzero(begins)
    last = np.r_[first[1:], len(rows)] - 1
    long = time[last] - time[first] >= least_days * _DAY
    out[rows] = np.repeat(long, last - first + 1)
    return out


def _hourly_checks(
    at: np.ndarray, values: np.ndarray, rules: QualityRules, tested: np.ndarray
) -> dict[str, np.ndarray]:
    """Return {check: which records fail it} of one station; `tested` is set where a record could be seen."""
    hourly = ("spike", "drop", "jump", "low_plateau", "high_plateau")
    wanted = [c for c in hourly if c in rules.checks]
    valid = np.isfinite(values)
    failed: dict[str, np.ndarray] = {c: np.zeros(len(values), bool) for c in wanted}
    if not wanted or valid.sum() < 2 * _HALF + 1 or step_hours(at, valid) > 1.0:
        return failed
    minute = at % NS_PER_HOUR
    for phase in np.unique(minute[valid]):
        rows = np.flatnonzero(valid & (minute == phase))
        if len(rows) < 2 * _HALF + 1:
            continue
        hour = at[rows] // NS_PER_HOUR
        hour -= hour[0]
        if hour[-1] > 200 * len(rows) + 10_000:  # a few odd minutes, far apart
            continue
        x = np.full(int(hour[-1]) + 1, np.nan)
        x[hour] = 100.0 * values[rows]
        tested[rows] = True
        for check, found in _spectrum(x).items():
            if check in failed:
                failed[check][rows] |= found[hour]
    return failed


def _shift(x: np.ndarray, by: int) -> np.ndarray:
    """Return x(t − by), NaN where there is none."""
    out = np.full(len(x), np.nan)
    if by > 0:
        out[by:] = x[:-by]
    elif by < 0:
        out[:by] = x[-by:]
    else:
        out[:] = x
    return out


def _spectrum(x: np.ndarray) -> dict[str, np.ndarray]:
    """Return the spikes, breaks and plateaus of an hourly series, per cent by volume, NaN in gaps."""
    before, after = _shift(x, 1), _shift(x, -1)
    # First and second derivative by a Savitzky-Golay filter of three points and order two.
    first, second = (after - before) / 2, after - 2 * x + before
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {"spike": _spikes(x, before, after, second)}
        found["drop"], found["jump"] = _breaks(x, before, first, second)
        found["low_plateau"] = _low_plateaus(x, found["drop"])
        found["high_plateau"] = _high_plateaus(x, first)
    return found


def _spikes(x: np.ndarray, before: np.ndarray, after: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One or two hours that leave a quiet series and come back (Eq. 4, 5 and 6)."""
    ratio = np.round(x / before, 3)
    curvature = np.round(np.abs(_shift(second, 1) / _shift(second, -1)), 3)
    spread = np.full(len(x), np.nan)
    if len(x) > 2 * _HALF:
        around = np.delete(sliding_window_view(x, 2 * _HALF + 1), _HALF, axis=1)
        spread[_HALF:-_HALF] = around.var(axis=1, ddof=1) / around.mean(axis=1)
    second_after = _shift(x, -2)
    single = ((before < x) & (x > after)) | ((before > x) & (x < after))
    double = (x == after) & (
        ((before < x) & (after > second_after)) | ((before > x) & (after < second_after))
    )
    start = (
        ((ratio > 1.15) | (ratio < 0.85))
        & (curvature > 0.8)
        & (curvature < 1.2)
        & (spread < 1)
        & (single | double)
    )
    return start | np.append(False, (start & double)[:-1])


def _breaks(
    x: np.ndarray, before: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sudden drops and jumps to another level (Eq. 7, 8 and 9), and drops to zero.

    Beyond the paper: a series written in whole per cent does not break when its last digit changes.
    """
    change = x - before
    steps = np.abs(change[np.isfinite(change) & (np.abs(change) > 1e-6)])
    least = max(1.0, 1.5 * steps.min()) if steps.size else 1.0
    mean = pd.Series(first).rolling(2 * _HALF + 1, center=True, min_periods=4).mean().to_numpy()
    limit = np.abs(10 * mean)
    alike = np.round(np.abs(_shift(second, 1) / second), 1)
    ends = np.abs(second / _shift(second, -2))
    found = (
        (np.abs(change / x) > 0.1)
        & (np.abs(change) > least)
        & (np.abs(first) > limit * (1 + 1e-5))
        & (np.abs(alike - 1) < 0.01)
        & (second != 0)
        & (ends > 10)
    )
    return found & (first < 0) | (change < -5) & (x == 0), found & (first > 0)


def _low_plateaus(x: np.ndarray, drops: np.ndarray) -> np.ndarray:
    """A series that hardly moves for 13 h or more after a drop (Eq. 14)."""
    out = np.zeros(len(x), bool)
    if len(x) < _LOW or not drops.any():
        return out
    window = sliding_window_view(x, _LOW)
    mean = window.mean(axis=1)
    quiet = np.where(mean == 0, 0.0, window.var(axis=1, ddof=1) / mean) < 0.001
    for start in np.flatnonzero(drops[: len(quiet)] & quiet):
        length = int(np.argmin(quiet[start:])) or len(quiet) - start
        out[start : start + length + _LOW - 1] = True
    return out


def _high_plateaus(x: np.ndarray, first: np.ndarray) -> np.ndarray:
    """A series that hardly moves at its highest level, entered by a rise and left by a fall (Eq. 10–13)."""
    out = np.zeros(len(x), bool)
    seen = np.flatnonzero(np.isfinite(x))
    v, slope = x[seen], first[seen]
    if len(v) < _HIGH:
        return out
    highest = v[v < 60].max(initial=-np.inf)
    quiet = sliding_window_view(v, _HIGH).var(axis=1, ddof=1) <= 0.05
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(int)))
    for start, end in zip(edges[::2], edges[1::2] - 1, strict=True):
        rise = np.nanmax(slope[max(start - _HALF, 0) : start + _HALF + 1], initial=-np.inf)
        fall = np.nanmin(slope[end : end + 2 * _HALF + 1], initial=np.inf)
        if not (round(rise, 3) >= 0.25 and round(fall, 3) < 0):
            continue
        stop = end + _HIGH
        inside = slope[start:stop]
        a = start + int(np.argmax(inside == rise)) if (inside == rise).any() else start
        b = start + int(np.argmax(inside == fall)) if (inside == fall).any() else stop - 1
        if b > a and v[a : b + 1].mean() > 0.95 * highest:
            out[seen[a : b + 1]] = True
    return out
