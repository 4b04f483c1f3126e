"""When the soil is thawed: the season in which probes and SMAP measure liquid water."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import MissingDataError
from smgee.insitu.daily import NS_PER_DAY, clock_shift, daily_means, day_index, nanoseconds
from smgee.insitu.quality import check_celsius, flag_mask
from smgee.insitu.settings import UnfrozenRule

_NOT_TOLD = "so frozen and unfrozen days cannot be told apart"
_REMEDY = (
    "give the season (stations.unfrozen.season in a study, --season on the command line, season=('05-08', "
    "'10-13') in Python)"
)
COLUMNS = ["year", "start", "end", "days", "start_observed", "end_observed", "stations", "source"]


def unfrozen_periods(
    ds: xr.Dataset,
    rule: UnfrozenRule | None = None,
    *,
    min_hours: float = 18.0,
    day: str = "utc",
    **settings: Any,
) -> pd.DataFrame:
    """Find the unfrozen period of every year.

    A day is unfrozen when, of the stations that measured soil temperature on it, at least the share
    `rule.share` is thawed: above `rule.threshold` in the day's mean or lowest hour, with `rule.hysteresis`.
    Frozen spells shorter than `rule.min_run_days` are bridged; the unfrozen period of a year is then its
    longest unbroken run of unfrozen days. A soil above 0 °C is the criterion of Qin et al. 2025 (Land 14,
    2098), whose periods run from 3–13 May to 8–18 October; the rule makes it definite here.

    Parameters
    ----------
    ds : xarray.Dataset
        Station records, (time, station), or their daily means (which have no flags).
    rule : UnfrozenRule, optional
        How frozen days are told; see there. The default one takes soil temperature, or the flags where there
        is none.
    min_hours, day
        Passed to `smgee.insitu.daily_means` where `ds` is not daily.
    **settings
        Fields of the rule that shall differ, such as ``share=0.5``.

    Returns
    -------
    pandas.DataFrame
        One row per year: year, start, end (dates, inclusive), days, start_observed and end_observed (whether
        the frozen day just outside was really seen; false at the limits of the record), stations (median
        number reporting), source. South of the equator a year runs from July and carries the calendar year in
        which it begins.

    Raises
    ------
    InputError
        A rule that contradicts itself, or soil temperatures in kelvin.
    MissingDataError
        No soil temperature (or no frozen flag) to tell frozen from unfrozen, or never unfrozen.
    """
    rule = UnfrozenRule.of(rule, **settings)
    if rule.season is not None:  # the rule allows it for the calendar only
        return _calendar(ds, rule.season)
    method = rule.method
    if method == "auto":
        method = "soil_temperature" if _has_temperature(ds) else "flags"
    if method == "soil_temperature":
        days, warm, known = _from_temperature(ds, rule, min_hours, day)
        source = (
            f"soil temperature, daily {rule.statistic} > {rule.threshold:g} degC at {rule.share:.0%} of the "
            "stations" + _said(rule)
        )
    else:
        days, warm, known = _from_flags(ds, day)
        source = f"ISMN flags D01-D03 absent at {rule.share:.0%} of the stations" + _said(rule)

    number = known.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (warm & known).sum(axis=1) / number
    # -1 unknown, 0 frozen, 1 unfrozen
    state = np.where(number == 0, -1, (part >= rule.share - 1e-9).astype(int))
    south = bool(np.nanmean(ds["lat"].values) < 0) if np.isfinite(ds["lat"].values).any() else False
    years = days.year - np.where(south & (days.month < 7), 1, 0)
    rows = []
    for year in np.unique(years):
        inside = np.flatnonzero(years == year)
        run = _longest_run(_bridged(state[inside], rule.min_run_days), rule.max_gap_days)
        if run is None or run[1] - run[0] + 1 < rule.min_run_days:
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


def _has_temperature(ds: xr.Dataset) -> bool:
    return "soil_temperature" in ds and bool(np.isfinite(ds["soil_temperature"].values).any())


def _from_temperature(
    ds: xr.Dataset, rule: UnfrozenRule, min_hours: float, day: str
) -> tuple[pd.DatetimeIndex, np.ndarray, np.ndarray]:
    """Return days, and whether a station was warm and whether it is known, both (day, station) bool."""
    if not _has_temperature(ds):
        raise MissingDataError(f"The stations have no soil temperature, {_NOT_TOLD}; {_REMEDY}.")
    for name, values in zip(ds["station"].values, ds["soil_temperature"].values.T, strict=True):
        check_celsius(values, f"Station {name}")
    daily = ds if "soil_temperature_min" in ds else daily_means(ds, min_hours, day=day)
    values = daily["soil_temperature_min" if rule.statistic == "min" else "soil_temperature"].values
    if not np.isfinite(values).any():
        raise MissingDataError(
            f"No station measured soil temperature in {min_hours:g} hours of any day, {_NOT_TOLD}; lower "
            f"min_hours, or {_REMEDY}."
        )
    return pd.DatetimeIndex(daily["time"].values), _thawed(values, rule), np.isfinite(values)


def _thawed(values: np.ndarray, rule: UnfrozenRule) -> np.ndarray:
    """Return whether a station is thawed, (day, station); a day without a value leaves it what it was."""
    warm = values > rule.threshold + rule.hysteresis / 2
    cold = values <= rule.threshold - rule.hysteresis / 2
    if not rule.hysteresis:
        return warm
    out = np.empty(values.shape, bool)
    # Before anything is decided, a station is what its first value says without hysteresis.
    known = np.isfinite(values)
    first = np.take_along_axis(values, known.argmax(axis=0)[None], axis=0)[0]
    now = first > rule.threshold
    for i in range(len(values)):
        now = (now | warm[i]) & ~cold[i]
        out[i] = now
    return out


def _said(rule: UnfrozenRule) -> str:
    """Return what else of a rule makes the season, in words."""
    parts = []
    if rule.hysteresis:
        parts.append(f"hysteresis {rule.hysteresis:g} degC")
    if rule.min_run_days > 1:
        parts.append(f"spells of {rule.min_run_days} days and more")
    return "".join(f", {part}" for part in parts)


def _bridged(state: np.ndarray, least: int) -> np.ndarray:
    """Return the states with frozen spells of fewer than `least` days between unfrozen days called
    unfrozen.
    """
    out = state.copy()
    ones = np.flatnonzero(state == 1)
    for a, b in pairwise(ones):
        between = state[a + 1 : b]
        if 0 < len(between) < least and (between == 0).any():
            out[a + 1 : b] = 1
    return out


def _from_flags(ds: xr.Dataset, day: str) -> tuple[pd.DatetimeIndex, np.ndarray, np.ndarray]:
    """Return days, and whether a station was unfrozen and whether it is known, both (day, station) bool."""
    bits = ds["flags"].values if "flags" in ds else np.zeros((ds.sizes["time"], ds.sizes["station"]), int)
    frozen, recorded = (
        (bits & flag_mask(["D01", "D02", "D03"])) != 0,
        (bits != 0) & ((bits & flag_mask(["M"])) == 0),
    )
    if not frozen.any():
        raise MissingDataError(
            "The stations have no soil temperature, and no record carries the flags D01, D02 or D03, which "
            f"may mean never frozen or never checked, {_NOT_TOLD}; {_REMEDY}."
        )
    number = (nanoseconds(ds) + clock_shift(ds, day)[:, None]).T // NS_PER_DAY  # (time, station)
    first, last = int(number.min()), int(number.max())
    total, cold = np.zeros((last - first + 1, bits.shape[1])), np.zeros((last - first + 1, bits.shape[1]))
    at = number - first, np.arange(bits.shape[1])
    np.add.at(total, at, recorded)
    np.add.at(cold, at, frozen & recorded)
    return day_index(first, last), cold <= total / 2, total > 0


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


def _calendar(ds: xr.Dataset, season: tuple[str, str]) -> pd.DataFrame:
    first, last = (pd.Timestamp(f"2001-{text}") for text in season)
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
