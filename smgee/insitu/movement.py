"""How a network's soil moisture moves: its memory, what stations share, and how they rise and dry."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import MissingDataError

LAGS = (1, 3, 10)  # days
_FILLED = 3  # days that a gap may be long to be bridged by a line


def dynamics(
    daily: xr.Dataset, window: tuple[str, str] = ("05-21", "09-10"), *, coverage: float = 0.85
) -> pd.DataFrame:
    """Describe the dynamics of daily means, one year after another, over the same days of the year.

    Autocorrelations hang on the length of the series, so networks are compared over equal windows.

    Parameters
    ----------
    daily : xarray.Dataset
        From `smgee.insitu.daily_means`.
    window : (str, str)
        First and last day, ``"MM-DD"``, of the same year.
    coverage : float
        Share of the days that a station must have measured to be counted.

    Returns
    -------
    pandas.DataFrame
        One row per year: year, stations; lag1, lag3, lag10 (autocorrelation, median over stations);
        network_lag1 … (of the mean of anomalies); shared (median share of a station's variance that the mean
        of the others explains); level, level_std (mean and spread of the stations' means, m³ m⁻³); std
        (median over time, of a station), step_std (of its change from day to day); rises (days with a rise
        above 0.01 m³ m⁻³, median), largest_rise (median, m³ m⁻³), skewness (of the changes). What needs
        three stations is missing with fewer.

    Raises
    ------
    MissingDataError
        No year has a station with enough days.
    """
    table = pd.DataFrame(
        daily["soil_moisture"].transpose("time", "station").values,
        index=pd.DatetimeIndex(daily["time"].values),
        columns=daily["station"].values.astype(str),
    )
    rows = []
    for year in sorted(set(pd.DatetimeIndex(table.index).year)):
        days = pd.date_range(f"{year}-{window[0]}", f"{year}-{window[1]}", freq="D")
        part = table.reindex(days)
        part = part.loc[:, part.notna().mean() >= coverage].interpolate(limit=_FILLED)
        if part.shape[1]:
            rows.append({"year": year, **_describe(part)})
    if not rows:
        raise MissingDataError(
            f"No station measured on {coverage:.0%} of the days from {window[0]} to {window[1]} of any year; "
            "choose another window."
        )
    return pd.DataFrame(rows)


def _describe(part: pd.DataFrame) -> dict[str, float]:
    """Return the statistics of one window, (day, station)."""
    anomalies = part - part.mean()
    changes = part.diff()
    network = anomalies.mean(axis=1)
    several = part.shape[1] >= 3
    shared = [anomalies.drop(columns=c).mean(axis=1).corr(anomalies[c]) ** 2 for c in part] if several else []
    out: dict[str, float] = {"stations": part.shape[1]}
    for lag in LAGS:
        out[f"lag{lag}"] = float(pd.Series([autocorrelation(part[c], lag) for c in part]).median())
    for lag in LAGS:
        out[f"network_lag{lag}"] = autocorrelation(network, lag) if several else np.nan
    return out | {
        "shared": float(pd.Series(shared).median()) if several else np.nan,
        "level": float(part.mean().mean()),
        "level_std": float(part.mean().std()) if several else np.nan,
        "std": float(part.std().median()),
        "step_std": float(changes.std().median()),
        "rises": float((changes > 0.01).sum().median()),
        "largest_rise": float(changes.max().median()),
        "skewness": float(changes.skew().median()),
    }


def autocorrelation(series: pd.Series, lag: int) -> float:
    """Return the autocorrelation at a lag of days, the mean and variance being those of the whole series."""
    z = series.to_numpy(float) - float(series.mean())
    products = z[:-lag] * z[lag:]
    variance = float(np.nanvar(z))
    return float(np.nanmean(products)) / variance if variance > 0 and np.isfinite(products).any() else np.nan
