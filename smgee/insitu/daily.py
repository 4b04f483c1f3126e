"""From records to days."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import InputError, MissingDataError

NS_PER_HOUR = 3_600_000_000_000
NS_PER_DAY = 24 * NS_PER_HOUR


def nanoseconds(ds: xr.Dataset) -> np.ndarray:
    """Return the times of a data set as nanoseconds since 1970, int64."""
    return ds["time"].values.astype("datetime64[ns]").astype(np.int64)


def clock_shift(ds: xr.Dataset, day: str) -> np.ndarray:
    """Return, by station, the nanoseconds by which the clock of its days is ahead of UTC.

    Parameters
    ----------
    day : {"utc", "solar"}
        ``"solar"``: local mean solar time, UTC + longitude / 15°.
    """
    if day not in ("utc", "solar"):
        raise InputError(f"day={day!r} is not known; choose 'utc' or 'solar'.")
    if day == "utc":
        return np.zeros(ds.sizes["station"], np.int64)
    lon = ds["lon"].values
    if np.isnan(lon).any():
        raise InputError(
            "Solar days need the longitude of every station; give the stations' places, or use day='utc'."
        )
    return np.round(lon / 15.0 * NS_PER_HOUR).astype(np.int64)


def day_index(first: int, last: int) -> pd.DatetimeIndex:
    """Return the days with these numbers (since 1970), both included."""
    return pd.DatetimeIndex(np.arange(first, last + 1).astype("datetime64[D]").astype("datetime64[ns]"))


def daily_means(ds: xr.Dataset, min_hours: float = 18.0, *, day: str = "utc") -> xr.Dataset:
    """Average station records to days, where enough of the day was measured.

    Records are first averaged within clock hours (so a burst of records does not outweigh the rest of the
    day), hours then to days.

    Parameters
    ----------
    ds : xarray.Dataset
        As `smgee.insitu.read_ismn` gives it: (time, station).
    min_hours : float
        Hours of the day that must be covered by valid records for a mean to be given, 0 < `min_hours` ≤ 24. A
        record stands for the hour it falls in; in a series with a longer step (median of its records) for
        that step, at most 24 h: daily tables pass through.
    day : {"utc", "solar"}
        ``"solar"``: the day of local mean solar time, UTC + longitude / 15°, which is also the clock of the
        SMAP overpasses.

    Returns
    -------
    xarray.Dataset
        (time, station), `time` the 00:00 of the day: ``soil_moisture`` (m³ m⁻³), ``hours`` (covered hours of
        soil moisture) and, where the input has it, ``soil_temperature`` (mean) and ``soil_temperature_min``
        (lowest hour), °C. Station coordinates are kept.
    """
    if not 0 < min_hours <= 24:
        raise InputError(
            f"min_hours={min_hours} is not a number of hours in a day; give more than 0 and at most 24."
        )
    shift = clock_shift(ds, day)
    times = nanoseconds(ds)
    if times.size == 0:
        raise MissingDataError("The station data hold no record at all; there is nothing to average.")
    first = int(times.min() + shift.min()) // NS_PER_DAY
    last = int(times.max() + shift.max()) // NS_PER_DAY
    n_days = last - first + 1

    # Rejected records tell the step of a series as well as accepted ones do; without flags only the valid
    # values can.
    recorded = ds["flags"].values != 0 if "flags" in ds else np.isfinite(ds["soil_moisture"].values)

    def reduce(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        mean = np.full((n_days, values.shape[1]), np.nan)
        low, hours = mean.copy(), np.zeros_like(mean)
        for j in range(values.shape[1]):
            valid = np.isfinite(values[:, j])
            if not valid.any():
                continue
            t, v = times[valid] + shift[j] - first * NS_PER_DAY, values[valid, j]
            step = step_hours(times, valid | recorded[:, j])
            hour = t // NS_PER_HOUR
            count = np.bincount(hour, minlength=n_days * 24)
            with np.errstate(invalid="ignore"):
                hourly = np.bincount(hour, weights=v, minlength=n_days * 24) / count
            seen = (count > 0).reshape(n_days, 24)
            hourly = hourly.reshape(n_days, 24)
            number = seen.sum(axis=1)
            hours[:, j] = np.minimum(number * min(max(step, 1.0), 24.0), 24.0)
            enough = (hours[:, j] >= min_hours) & (number > 0)
            mean[enough, j] = np.nansum(hourly[enough], axis=1) / number[enough]
            low[enough, j] = np.nanmin(hourly[enough], axis=1)
        return mean, low, hours

    moisture, _, hours = reduce(ds["soil_moisture"].values.astype(float))
    clock = "UTC" if day == "utc" else "local mean solar time"
    out = xr.Dataset(
        {
            "soil_moisture": (
                ("time", "station"),
                moisture,
                {
                    **ds["soil_moisture"].attrs,
                    "cell_methods": "time: mean",
                    "long_name": "daily mean soil moisture",
                },
            ),
            "hours": (
                ("time", "station"),
                hours.astype(np.float32),
                {"units": "h", "long_name": "hours of the day covered by accepted soil moisture"},
            ),
        },
        coords={
            "time": (
                "time",
                day_index(first, last),
                {"long_name": f"day ({clock})", "standard_name": "time"},
            ),
            **{str(name): coord for name, coord in ds.coords.items() if coord.dims == ("station",)},
        },
        attrs={**ds.attrs, "day": clock, "min_hours": float(min_hours)},
    )
    if "soil_temperature" in ds:
        warm, cold, _ = reduce(ds["soil_temperature"].values.astype(float))
        meta = ds["soil_temperature"].attrs
        out["soil_temperature"] = (
            ("time", "station"),
            warm,
            {**meta, "cell_methods": "time: mean", "long_name": "daily mean soil temperature"},
        )
        out["soil_temperature_min"] = (
            ("time", "station"),
            cold,
            {
                **meta,
                "cell_methods": "time: minimum",
                "long_name": "lowest hourly soil temperature of the day",
            },
        )
    return out


def step_hours(times: np.ndarray, recorded: np.ndarray) -> float:
    """Return the usual step between a station's records, hours; that of the whole data set where it has a
    single one.
    """
    at = times[recorded] if recorded.sum() > 1 else times
    return float(np.median(np.diff(at))) / NS_PER_HOUR if len(at) > 1 else 1.0
