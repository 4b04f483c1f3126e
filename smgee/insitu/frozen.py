"""When the soil is thawed: the season in which probes and SMAP measure liquid water."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import InputError, MissingDataError
from smgee.insitu.daily import daily_means
from smgee.insitu.quality import flag_mask

__all__ = ["unfrozen_periods"]

COLUMNS = ["year", "start", "end", "days", "start_observed", "end_observed", "stations", "source"]


def unfrozen_periods(
    ds: xr.Dataset,
    *,
    method: str = "soil_temperature",
    threshold: float = 0.0,
    statistic: str = "min",
    share: float = 0.8,
    max_gap_days: int = 3,
    season: tuple[str, str] | None = None,
    min_hours: float = 18.0,
) -> pd.DataFrame:
    """Find the unfrozen period of every year.

    A day is unfrozen when, of the stations that measured soil temperature on it, at least the share `share`
    stayed above `threshold` all day (or in the mean). The unfrozen period of a year is its longest unbroken
    run of such days. A soil above 0 °C is the criterion of Qin et al. 2025 (Land 14, 2098), whose periods run
    from 3–13 May to 8–18 October; `statistic` and `share` make it definite here.

    Parameters
    ----------
    ds : xarray.Dataset
        Station records or daily means, (time, station).
    method : {"soil_temperature", "flags", "calendar"}
        ``"flags"``: without soil temperature, a day is frozen at a station when most of its records carry the
        ISMN flags D01, D02 or D03 (negative temperature). ``"calendar"``: the same `season` in every year of
        the record, on the user's word.
    threshold : float
        °C.
    statistic : {"min", "mean"}
        Of the day's hourly soil temperatures. The lowest hour (default) also excludes days on which the soil
        freezes overnight, when the 06:00 overpass sees it frozen.
    share : float
        0 < `share` ≤ 1.
    max_gap_days : int
        A gap without any measurement, at most this long, between unfrozen days does not break the run.
    season : (str, str)
        ``("MM-DD", "MM-DD")`` for ``method="calendar"``; a start later than the end reaches into the next
        year.
    min_hours : float
        Passed to `smgee.insitu.daily_means` where `ds` is not daily.

    Returns
    -------
    pandas.DataFrame
        One row per year: year, start, end (dates, inclusive), days, start_observed and end_observed (whether
        the frozen day just outside was really seen; false at the limits of the record), stations (median
        number reporting), source. South of the equator a year runs from July and carries the calendar year in
        which it begins.

    Raises
    ------
    MissingDataError
        No soil temperature (or no frozen flag) to tell frozen from unfrozen, or never unfrozen.
    """
    if method == "calendar":
        return _calendar(ds, season)
    if not 0 < share <= 1:
        raise InputError(f"share={share} is not a share of the stations; give more than 0 and at most 1.")
    if statistic not in ("min", "mean"):
        raise InputError(f"statistic={statistic!r} is not known; choose 'min' or 'mean'.")
    if method == "soil_temperature":
        days, warm, known = _from_temperature(ds, threshold, statistic, min_hours)
        source = f"soil temperature, daily {statistic} > {threshold:g} degC at {share:.0%} of the stations"
    elif method == "flags":
        days, warm, known = _from_flags(ds)
        source = f"ISMN flags D01-D03 absent at {share:.0%} of the stations"
    else:
        raise InputError(f"method={method!r} is not known; choose 'soil_temperature', 'flags' or 'calendar'.")

    number = known.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (warm & known).sum(axis=1) / number
    state = np.where(number == 0, -1, (part >= share - 1e-9).astype(int))  # -1 unknown, 0 frozen, 1 unfrozen
    south = bool(np.nanmean(ds["lat"].values) < 0) if np.isfinite(ds["lat"].values).any() else False
    years = days.year - np.where(south & (days.month < 7), 1, 0)
    rows = []
    for year in np.unique(years):
        inside = np.flatnonzero(years == year)
        run = _longest_run(state[inside], max_gap_days)
        if run is None:
            continue
        a, b = inside[run[0]], inside[run[1]]
        rows.append(
            {
                "year": int(year),
                "start": days[a].date(),
                "end": days[b].date(),
                "days": int(b - a + 1),
                "start_observed": bool(a > 0 and state[a - 1] == 0),
                "end_observed": bool(b + 1 < len(state) and state[b + 1] == 0),
                "stations": int(np.median(number[a : b + 1])),
                "source": source,
            }
        )
    if not rows:
        raise MissingDataError(
            f"No day of the record counts as unfrozen ({source}); check the soil temperatures or the "
            "threshold."
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _from_temperature(
    ds: xr.Dataset, threshold: float, statistic: str, min_hours: float
) -> tuple[pd.DatetimeIndex, np.ndarray, np.ndarray]:
    """Return days, and whether a station was warm and whether it is known, both (day, station) bool."""
    if "soil_temperature" not in ds or not np.isfinite(ds["soil_temperature"].values).any():
        raise MissingDataError(
            "The stations have no soil temperature, so frozen and unfrozen days cannot be told apart; give "
            "the season yourself "
            "(method='calendar', season=('05-08', '10-13')) or use the frozen flags of ISMN (method='flags')."
        )
    daily = ds if "soil_temperature_min" in ds else daily_means(ds, min_hours)
    values = daily["soil_temperature_min" if statistic == "min" else "soil_temperature"].values
    return pd.DatetimeIndex(daily["time"].values), values > threshold, np.isfinite(values)


def _from_flags(ds: xr.Dataset) -> tuple[pd.DatetimeIndex, np.ndarray, np.ndarray]:
    if "flags" not in ds:
        raise MissingDataError(
            "These station data carry no flags; give the records as read, not daily means."
        )
    bits = ds["flags"].values
    frozen, recorded = (
        (bits & flag_mask(["D01", "D02", "D03"])) != 0,
        (bits != 0) & ((bits & flag_mask(["M"])) == 0),
    )
    if not frozen.any():
        raise MissingDataError(
            "No record carries the flags D01, D02 or D03, which may mean never frozen or never checked; give "
            "the season yourself "
            "(method='calendar', season=('05-08', '10-13'))."
        )
    stamps = pd.DatetimeIndex(ds["time"].values).normalize()
    days = pd.date_range(stamps[0], stamps[-1], freq="D")
    at = days.get_indexer(stamps)
    total, cold = np.zeros((len(days), bits.shape[1])), np.zeros((len(days), bits.shape[1]))
    np.add.at(total, at, recorded)
    np.add.at(cold, at, frozen & recorded)
    return days, cold <= total / 2, total > 0


def _longest_run(state: np.ndarray, max_gap: int) -> tuple[int, int] | None:
    """Return first and last position of the longest run of 1, bridging at most `max_gap` unknown (-1) days
    between two ones.
    """
    ones = np.flatnonzero(state == 1)
    if ones.size == 0:
        return None
    best, begin = (int(ones[0]), int(ones[0])), int(ones[0])
    for previous, current in pairwise(ones):
        between = state[previous + 1 : current]
        if (between == 0).any() or len(between) > max_gap:
            begin = int(current)
        if current - begin > best[1] - best[0]:
            best = (begin, int(current))
    return best


def _calendar(ds: xr.Dataset, season: tuple[str, str] | None) -> pd.DataFrame:
    if season is None:
        raise InputError(
            "method='calendar' needs season=('MM-DD', 'MM-DD'), the first and last unfrozen day of a year."
        )
    try:
        # 2001 has 365 days: a season may not begin or end on 29 February.
        first, last = (pd.to_datetime(f"2001-{text}", format="%Y-%m-%d") for text in season)
    except (ValueError, TypeError) as error:
        raise InputError(f"The season {season} is not a pair of dates such as ('05-08', '10-13').") from error
    stamps = pd.DatetimeIndex(ds["time"].values)
    if not len(stamps):
        raise MissingDataError(
            "The station data hold no record at all; there is no year to give a season to."
        )
    rows = []
    for year in range(stamps[0].year, stamps[-1].year + 1):
        a = first.replace(year=year)
        b = last.replace(year=year + (last < first))
        if b < stamps[0] or a > stamps[-1]:
            continue
        rows.append(
            {
                "year": year,
                "start": a.date(),
                "end": b.date(),
                "days": (b - a).days + 1,
                "start_observed": False,
                "end_observed": False,
                "stations": ds.sizes["station"],
                "source": f"calendar, given as {season[0]} to {season[1]}",
            }
        )
    if not rows:
        raise MissingDataError(
            f"The record ({stamps[0]:%Y-%m-%d} to {stamps[-1]:%Y-%m-%d}) has no day between {season[0]} and "
            f"{season[1]}."
        )
    return pd.DataFrame(rows, columns=COLUMNS)
