"""Station values at the hour of the satellite's overpass, beside daily means."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import InputError, MissingDataError
from smgee.insitu.daily import NS_PER_DAY, NS_PER_HOUR, nanoseconds, step_hours

SOLAR_HOURS = {"AM": 6.0, "PM": 18.0}
"""Local mean solar time of SMAP's overpass, by suffix of the level-3 bands: descending AM, ascending PM."""

LONGEST_STEP = 6.0
"""Hours between records beyond which they tell the day only: the window of ±3 h would often hold none."""


def overpass_times(dates: Any, orbit: str, lon: float) -> pd.DatetimeIndex:
    """Return the UTC times at which SMAP passes a longitude on UTC dates.

    The level-3 product files a pass under its UTC date: at 100° E the morning pass filed under 1 May takes
    place at 23:20 UTC of that day, which is 06:00 of 2 May there.

    Parameters
    ----------
    dates : datetimes
        UTC dates of the product.
    orbit : {"AM", "PM"}
        Which overpass.
    lon : float
        Degrees east.
    """
    if orbit not in SOLAR_HOURS:
        raise InputError(f"orbit={orbit!r} is not known; choose 'AM' or 'PM'.")
    hour = (SOLAR_HOURS[orbit] - lon / 15.0) % 24.0
    return pd.DatetimeIndex(dates).normalize().as_unit("ns") + pd.Timedelta(hours=hour)


def subdaily(records: xr.Dataset, start: date, end: date) -> xr.Dataset | None:
    """Return the soil moisture records of a period that tell the hour; None where there are none.

    Parameters
    ----------
    records : xarray.Dataset
        Checked station records (time, station).
    start, end : date
        First day, and the day after the last; two days more are kept on either side, since a pass that is
        filed under a UTC day may reach into the next.

    Returns
    -------
    xarray.Dataset or None
        ``soil_moisture`` (time, station) float32 with its coordinates; stations whose records are more than
        `LONGEST_STEP` apart are NaN.
    """
    first, last = np.datetime64(start, "ns"), np.datetime64(end, "ns")
    two = np.timedelta64(2, "D")
    within = (records["time"].values >= first - two) & (records["time"].values < last + two)
    part = records.isel(time=within)
    values = part["soil_moisture"].transpose("time", "station").values.astype(np.float32)
    at = nanoseconds(part)
    for j in range(values.shape[1]):
        known = np.isfinite(values[:, j])
        if known.sum() > 1 and step_hours(at, known) > LONGEST_STEP:
            values[:, j] = np.nan
    if not np.isfinite(values).any():
        return None
    some = np.isfinite(values).any(axis=1)
    kept = part[["soil_moisture"]].isel(time=some)
    return kept.assign(soil_moisture=(("time", "station"), values[some], part["soil_moisture"].attrs))


def overpass_means(
    records: xr.Dataset,
    times: pd.DataFrame | None = None,
    *,
    hours: float = 3.0,
    min_hours: float | None = None,
    orbits: Iterable[str] = ("AM", "PM"),
) -> xr.Dataset:
    """Average station records around the overpasses of SMAP.

    Records are averaged within hours counted from the overpass, hours then to the window, as daily means are.

    Parameters
    ----------
    records : xarray.Dataset
        As `smgee.insitu.read_ismn` gives them: (time, station).
    times : pandas.DataFrame, optional
        The product's own times: columns date (UTC date under which the product files the pass), orbit, time
        (UTC; several of one pass are averaged). Dates that are missing from it take the solar time, as all do
        without it: 6:00 (AM) or 18:00 (PM) local mean solar time at the station.
    hours : float
        Half width of the window; the soil changes little within 3 h but for rain, and by the daily wave of
        probe temperature.
    min_hours : float, optional
        Hours of the window that must be covered by valid records; by default half of the window. A record
        stands for its hour, in a series with a longer step for that step.
    orbits : iterable of {"AM", "PM"}
        Which overpasses.

    Returns
    -------
    xarray.Dataset
        (orbit, time, station), `time` the UTC date of the product: ``soil_moisture`` (m³ m⁻³), ``hours``
        (covered hours), ``overpass`` (UTC time) and, where the input has it, ``soil_temperature`` (°C).
        ``.sel(orbit="AM")`` has the shape of daily means and goes wherever those go.

    Raises
    ------
    InputError
        Options out of range, stations without longitude where no product time is given.
    MissingDataError
        Records so far apart that none can stand for an overpass (daily tables).
    """
    if not 0 < hours <= 12:
        raise InputError(f"hours={hours} is not a half width in hours; give more than 0 and at most 12.")
    need = hours if min_hours is None else min_hours
    if not 0 < need <= 2 * hours:
        raise InputError(
            f"min_hours={need} does not fit a window of {2 * hours:g} h; give more than 0 and at most that."
        )
    at = nanoseconds(records)
    if at.size == 0:
        raise MissingDataError("The station data hold no record at all; there is nothing to average.")
    orbits = tuple(orbits)
    days = np.arange(at.min() // NS_PER_DAY, at.max() // NS_PER_DAY + 1)
    dates = pd.DatetimeIndex(days.astype("datetime64[D]").astype("datetime64[ns]"))
    passes = np.stack([_passes(dates, orbit, records["lon"].values, times) for orbit in orbits])

    recorded = records["flags"].values != 0 if "flags" in records else None
    names = [n for n in ("soil_moisture", "soil_temperature") if n in records]
    out = {name: np.full(passes.shape, np.nan) for name in names}
    covered = np.zeros(passes.shape, np.float32)
    steps = []
    for j in range(records.sizes["station"]):
        for name in names:
            values = records[name].values[:, j].astype(float)
            valid = np.isfinite(values)
            step = step_hours(at, valid if recorded is None else valid | recorded[:, j])
            steps.append(step)
            if not valid.any() or step > 2 * hours:
                continue
            mean, number = _around(at[valid], values[valid], passes[:, :, j], hours)
            seen = np.minimum(number * max(step, 1.0), 2 * hours)
            out[name][:, :, j] = np.where(seen >= need - 1e-9, mean, np.nan)
            if name == "soil_moisture":
                covered[:, :, j] = seen
    if min(steps) > 2 * hours:
        raise MissingDataError(
            f"The records are {min(steps):g} h apart, so none falls within {hours:g} h of an overpass for "
            "sure; give the series as measured, not daily means, or widen the window (hours=)."
        )
    dims = ("orbit", "time", "station")
    window = {"cell_methods": f"time: mean (within {hours:g} h of the overpass)"}
    return xr.Dataset(
        {
            **{n: (dims, v, {**records[n].attrs, **window}) for n, v in out.items()},
            "hours": (dims, covered, {"units": "h", "long_name": "hours of the window covered"}),
            "overpass": (dims, passes.view("datetime64[ns]"), {"long_name": "time of the overpass (UTC)"}),
        },
        coords={
            "orbit": ("orbit", np.array(orbits, dtype=object), {"long_name": "overpass of SMAP"}),
            "time": ("time", dates, {"long_name": "date of the product (UTC)", "standard_name": "time"}),
            **{str(k): c for k, c in records.coords.items() if c.dims == ("station",)},
        },
        attrs={**records.attrs, "overpass_hours": float(hours), "min_hours": float(need)},
    )


def _passes(dates: pd.DatetimeIndex, orbit: str, lon: np.ndarray, times: pd.DataFrame | None) -> np.ndarray:
    """Return the times of one orbit's passes, (date, station) int64 ns."""
    solar = np.stack([overpass_times(dates, orbit, float(x)).asi8 for x in np.nan_to_num(lon)], axis=1)
    known = np.zeros(len(dates), bool)
    if times is not None:
        absent = sorted({"date", "orbit", "time"} - set(times.columns))
        if absent:
            raise InputError(
                f"The table of overpass times has no column {absent[0]}; it needs date, orbit, time."
            )
        own = times[(times["orbit"] == orbit) & times["time"].notna()]
        stamps = pd.Series(pd.DatetimeIndex(own["time"]).as_unit("ns"), index=pd.DatetimeIndex(own["date"]))
        mean = stamps.groupby(level=0).mean().reindex(dates)
        known = mean.notna().to_numpy()
        solar[known] = pd.DatetimeIndex(mean[known]).as_unit("ns").asi8[:, None]
    if not known.all() and np.isnan(lon).any():
        raise InputError(
            "Overpass times need the longitude of every station; give the stations' places, or the product's "
            "own times (times=)."
        )
    return solar


def _around(
    at: np.ndarray, values: np.ndarray, passes: np.ndarray, hours: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean within `hours` of each pass, by way of hourly means, and the number of hours seen."""
    edges = np.append(np.arange(-hours, hours, 1.0), hours)
    offset = np.round(edges * NS_PER_HOUR).astype(np.int64)
    offset[-1] += 1  # the window's end belongs to it
    bounds = np.searchsorted(at, passes[..., None] + offset)
    total = np.concatenate([[0.0], np.cumsum(values)])
    number = np.diff(bounds, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        hourly = np.diff(total[bounds], axis=-1) / number
        seen = (number > 0).sum(axis=-1)
        return np.nansum(hourly, axis=-1) / seen, seen
