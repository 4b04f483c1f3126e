"""What a network is worth: a table of its stations, its heterogeneity, and how well each station stands
for the whole.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import InputError, MissingDataError
from smgee.insitu.quality import FLAGS, flag_mask
from smgee.metrics import scores


def summary(ds: xr.Dataset) -> pd.DataFrame:
    """Return one row per station: place, sensor, period, completeness, range, flags.

    Parameters
    ----------
    ds : xarray.Dataset
        Station records (time, station).

    Returns
    -------
    pandas.DataFrame
        station, network, sensor, lon, lat (degrees), elevation (m), depth_from, depth_to (m), first, last
        (times of the first and last accepted value), records (rows with any flag), accepted,
        accepted_percent, mean, std, min, max (m³ m⁻³), step_hours (median), longest_gap_days (between
        accepted values), has_temperature, flags (counts, most frequent first).
    """
    times = pd.DatetimeIndex(ds["time"].values)
    rows = []
    for j, name in enumerate(ds["station"].values):
        values = ds["soil_moisture"].values[:, j]
        ok = np.isfinite(values)
        bits = (
            ds["flags"].values[:, j] if "flags" in ds else np.where(ok, flag_mask(["G"]), 0).astype(np.uint16)
        )
        recorded = int((bits != 0).sum())
        steps = (
            np.diff(times[ok].to_numpy("datetime64[s]")).astype(float) / 3600
            if ok.sum() > 1
            else np.array([np.nan])
        )
        counts = {flag: int(((bits & flag_mask([flag])) != 0).sum()) for flag in FLAGS}
        row: dict[str, object] = {"station": str(name)}
        for key in ("network", "sensor", "lon", "lat", "elevation", "depth_from", "depth_to"):
            row[key] = ds[key].values[j] if key in ds.coords else np.nan
        some = values[ok]
        row |= {
            "first": times[ok][0] if ok.any() else pd.NaT,
            "last": times[ok][-1] if ok.any() else pd.NaT,
            "records": recorded,
            "accepted": int(ok.sum()),
            "accepted_percent": 100.0 * ok.sum() / recorded if recorded else np.nan,
            "mean": some.mean() if ok.any() else np.nan,
            "std": some.std(ddof=1) if ok.sum() > 1 else np.nan,
            "min": some.min() if ok.any() else np.nan,
            "max": some.max() if ok.any() else np.nan,
            "step_hours": float(np.median(steps)),
            "longest_gap_days": float(np.max(steps)) / 24,
            "has_temperature": bool(
                "soil_temperature" in ds and np.isfinite(ds["soil_temperature"].values[:, j]).any()
            ),
            "flags": " ".join(f"{f}:{n}" for f, n in sorted(counts.items(), key=lambda item: -item[1]) if n),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def network_mean(
    daily: xr.Dataset, *, min_stations: int = 1, stations: list[str] | None = None
) -> pd.DataFrame:
    """Average the stations day by day: the plain in situ mean that an upscaled map has to beat.

    Parameters
    ----------
    daily : xarray.Dataset
        From `smgee.insitu.daily_means`.
    min_stations : int
        Days with fewer stations get no mean.
    stations : list of str, optional
        Only these.

    Returns
    -------
    pandas.DataFrame
        date (datetime64), soil_moisture (m³ m⁻³), std (between stations), n_stations. Days without a mean are
        left out.
    """
    if stations is not None:
        unknown = sorted(set(stations) - set(map(str, daily["station"].values)))
        if unknown:
            raise InputError(
                f"The stations {', '.join(unknown[:5])} are not in the data; choose from "
                f"{', '.join(map(str, daily['station'].values[:10]))}."
            )
        daily = daily.sel(station=stations)
    values = daily["soil_moisture"].values
    number = np.isfinite(values).sum(axis=1)
    keep = number >= max(min_stations, 1)
    some = values[keep]
    mean = np.nanmean(some, axis=1) if keep.any() else np.empty(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(np.nansum((some - mean[:, None]) ** 2, axis=1) / (number[keep] - 1.0))
    spread[number[keep] < 2] = np.nan
    return pd.DataFrame(
        {"date": daily["time"].values[keep], "soil_moisture": mean, "std": spread, "n_stations": number[keep]}
    )


def heterogeneity(
    daily: xr.Dataset, *, error: float = 0.04, confidence: float = 0.95, min_stations: int = 3
) -> pd.DataFrame:
    """Return the spread between stations day by day, and how many stations a mean within `error` would need.

    The number is that of random sampling, n = (t σ / error)², with Student's t for the stations present
    (Famiglietti et al. 2008, Water Resour. Res. 44, W01423; Jacobs et al. 2004, Remote Sens. Environ.
    92:436-446). Stations chosen on purpose are not a random sample, so it is a lower bound.

    Parameters
    ----------
    daily : xarray.Dataset
        From `smgee.insitu.daily_means`.
    error : float
        Half width of the interval of the mean, m³ m⁻³ (0.04 is the SMAP requirement).
    confidence : float
        Confidence of that interval.
    min_stations : int
        Days with fewer stations are left out.

    Returns
    -------
    pandas.DataFrame
        date, n_stations, mean, std, cv (std / mean), minimum, maximum, needed_stations.
    """
    from scipy.stats import t as student

    values = daily["soil_moisture"].values
    number = np.isfinite(values).sum(axis=1)
    keep = number >= max(min_stations, 2)
    if not keep.any():
        raise MissingDataError(
            f"No day has {max(min_stations, 2)} stations; the spread between stations cannot be told."
        )
    some, n = values[keep], number[keep]
    mean, std = np.nanmean(some, axis=1), np.nanstd(some, axis=1, ddof=1)
    quantile = student.ppf(0.5 + confidence / 2, n - 1)
    return pd.DataFrame(
        {
            "date": daily["time"].values[keep],
            "n_stations": n,
            "mean": mean,
            "std": std,
            "cv": std / mean,
            "minimum": np.nanmin(some, axis=1),
            "maximum": np.nanmax(some, axis=1),
            "needed_stations": np.ceil((quantile * std / error) ** 2).clip(1).astype(int),
        }
    )


def representativeness(daily: xr.Dataset, *, min_days: int = 30, min_stations: int = 3) -> pd.DataFrame:
    """Rank the stations by how well each one stands for the network (temporal stability).

    Mean relative difference and its standard deviation, δ = (θ_station − θ_mean) / θ_mean (Vachaud et al.
    1985, Soil Sci. Soc. Am. J. 49:822-828), and the index √(mrd² + sdrd²) (Jacobs et al. 2004). The mean is
    over the *other* stations, so that a station is not compared with itself.

    Parameters
    ----------
    daily : xarray.Dataset
        From `smgee.insitu.daily_means`.
    min_days : int
        Stations with fewer common days get NaN.
    min_stations : int
        Days with fewer other stations are not used.

    Returns
    -------
    pandas.DataFrame
        station, days, mrd, sdrd, index, r (Pearson, with the mean of the others), rmse, bias (m³ m⁻³);
        ordered by index.
    """
    values = daily["soil_moisture"].values
    finite = np.isfinite(values)
    total, number = np.nansum(values, axis=1), finite.sum(axis=1)
    rows = []
    for j, name in enumerate(daily["station"].values):
        use = finite[:, j] & (number - 1 >= min_stations)
        row: dict[str, object] = {"station": str(name), "days": int(use.sum())}
        if use.sum() >= max(min_days, 3):
            own = values[use, j]
            others = (total[use] - own) / (number[use] - 1)
            relative = (own - others) / others
            row |= {
                "mrd": relative.mean(),
                "sdrd": relative.std(ddof=1),
                "index": np.hypot(relative.mean(), relative.std(ddof=1)),
                **scores(("r", "rmse", "bias"), own, others),
            }
        rows.append(row)
    columns = ["station", "days", "mrd", "sdrd", "index", "r", "rmse", "bias"]
    return (
        pd.DataFrame(rows)
        .reindex(columns=columns)
        .sort_values("index", na_position="last", ignore_index=True)
    )
