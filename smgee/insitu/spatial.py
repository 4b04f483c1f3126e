"""How a network's soil moisture differs from place to place, and what that asks of the number of stations.

Quantities are told for two parts apart: the *level* (a station's mean, the days it missed allowed for) and
the *dynamics* (what is left of a day's values when each station's level is taken away). Levels persist for
years and hang on soil and terrain, dynamics on rain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import MissingDataError
from smgee.insitu.network import heterogeneity, representativeness
from smgee.metrics import score

_EARTH_KM = 6371.0
_LEAST = 4  # stations


@dataclass(frozen=True)
class Heterogeneity:
    """All that is known of a network's heterogeneity: `table` to read, the others to draw.

    Attributes
    ----------
    table : pandas.DataFrame
        quantity, part, value, low, high (95 %), p, n, unit: one row per result.
    variogram : pandas.DataFrame
        See `variogram`.
    days : pandas.DataFrame
        See `smgee.insitu.heterogeneity`: one row per day.
    needed : pandas.DataFrame
        See `stations_needed`.
    stability : pandas.DataFrame
        See `smgee.insitu.representativeness`: one row per station.
    """

    table: pd.DataFrame
    variogram: pd.DataFrame
    days: pd.DataFrame
    needed: pd.DataFrame
    stability: pd.DataFrame


def _parts(daily: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the levels (station,) and the dynamics (day, station) of daily means.

    Stations that measured on other days than the rest would owe part of their level to those days: day
    effects and station effects are fitted together by alternating means.
    """
    values = daily["soil_moisture"].values
    level = np.zeros(values.shape[1])
    with np.errstate(invalid="ignore"):
        for _ in range(50):
            day = _mean(values - level, 1)
            new = _mean(values - day[:, None], 0)
            new -= np.nanmean(new)
            done = np.nanmax(np.abs(new - level)) < 1e-7
            level = np.nan_to_num(new, nan=0.0)
            if done:
                break
        seen = np.isfinite(values).any(axis=0)
        level = np.where(seen, level + np.nanmean(day), np.nan)
        return level, values - level + np.nanmean(level)


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    number = np.isfinite(values).sum(axis=axis)
    return np.where(number > 0, np.nansum(values, axis=axis) / np.maximum(number, 1), np.nan)


def _distances(daily: xr.Dataset) -> np.ndarray:
    """Return great-circle distances between stations, km; NaN where a place is not known."""
    lon, lat = np.radians(daily["lon"].values), np.radians(daily["lat"].values)
    half = np.sin((lat[:, None] - lat) / 2) ** 2
    half = half + np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    return 2 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))


def _placed(daily: xr.Dataset) -> xr.Dataset:
    seen = np.isfinite(daily["lon"].values) & daily["soil_moisture"].notnull().any("time").values
    if seen.sum() < _LEAST:
        raise MissingDataError(
            f"{int(seen.sum())} stations have coordinates and daily means; at least {_LEAST} are needed to "
            "tell how soil moisture differs with distance."
        )
    return daily.isel(station=np.flatnonzero(seen))


def _exponential(h: np.ndarray, nugget: float, sill: float, length: float) -> np.ndarray:
    return nugget + sill * (1 - np.exp(-3 * h / length))


def _fit(h: np.ndarray, gamma: np.ndarray, weight: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Fit nugget, partial sill and practical range to binned semivariances, weighted by pairs."""
    from scipy.optimize import least_squares

    scale = max(float(gamma.max()), 1e-12)
    bounds = ([0, 0, 0.3 * h.min()], [3, 5, 3 * h.max()])

    def misfit(p: np.ndarray) -> np.ndarray:
        return np.sqrt(weight) * (_exponential(h, *p) - gamma / scale)

    first = np.clip(start / [scale, scale, 1], np.add(bounds[0], 1e-6), np.subtract(bounds[1], 1e-6))
    return least_squares(misfit, first, bounds=bounds).x * [scale, scale, 1]


def variogram(
    daily: xr.Dataset, *, bins: int = 8, resamples: int = 100, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimate the variogram of levels and of dynamics, with intervals over the choice of stations.

    Matheron's estimator, γ(h) = mean of (z_i − z_j)² / 2 over pairs at distance h (for dynamics over their
    common days too), in bins of equal numbers of pairs; an exponential model fitted with the pairs as
    weights (Cressie 1985, Math. Geol. 17:563-586). Pairs share stations, so intervals come from drawing
    *stations* with replacement, not pairs.

    Parameters
    ----------
    daily : xarray.Dataset
        Daily means with coordinates.
    bins : int
        At most; fewer where there are fewer than 12 pairs to a bin.
    resamples : int
        Draws of stations for the 95 % intervals.

    Returns
    -------
    points : pandas.DataFrame
        part, distance_km (mean of the bin), pairs, gamma, low, high, model ((m³ m⁻³)²).
    fits : pandas.DataFrame
        part, quantity (nugget, sill, range), value, low, high, unit. A range near its limits (three times
        the largest distance) means that the network does not resolve it.
    """
    daily = _placed(daily)
    level, dynamics = _parts(daily)
    distance = _distances(daily)
    n = len(level)
    i, j = np.triu_indices(n, 1)
    h = distance[i, j]
    number = max(3, min(bins, len(h) // 12))
    edges = np.quantile(h, np.linspace(0, 1, number + 1))
    where = np.clip(np.searchsorted(edges, h, side="right") - 1, 0, number - 1)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(n, np.full(n, 1 / n), resamples).astype(float)
    points, fits = [], []
    for part, pairs in (
        ("level", (level[i] - level[j]) ** 2 / 2),
        ("dynamics", _mean((dynamics[:, i] - dynamics[:, j]) ** 2, 0) / 2),
    ):
        known = np.isfinite(pairs)

        def binned(weight: np.ndarray, known: np.ndarray = known, pairs: np.ndarray = pairs) -> np.ndarray:
            w = np.where(known, weight[i] * weight[j], 0.0)
            total = np.bincount(where, np.where(known, w * pairs, 0.0), number)
            return np.stack([np.bincount(where, w * h, number), total, np.bincount(where, w, number)])

        hs, gs, ws = binned(np.ones(n))
        mid, gamma = hs / ws, gs / ws
        start = np.array([gamma.min() / 2, gamma.max() - gamma.min() / 2, mid.max() / 2])
        best = _fit(mid, gamma, ws / ws.sum(), start)
        spread, models = [], []
        for weight in draws:
            dh, dg, dw = binned(weight)
            full = dw > 0
            spread.append(np.where(full, dg / np.maximum(dw, 1e-9), np.nan))
            if full.sum() >= 3:
                models.append(_fit(dh[full] / dw[full], dg[full] / dw[full], dw[full] / dw.sum(), best))
        low, high = np.nanpercentile(spread, [2.5, 97.5], axis=0)
        points.append(
            pd.DataFrame(
                {
                    "part": part,
                    "distance_km": mid,
                    "pairs": np.bincount(where[known], minlength=number),
                    "gamma": gamma,
                    "low": low,
                    "high": high,
                    "model": _exponential(mid, *best),
                }
            )
        )
        low, high = np.percentile(models, [2.5, 97.5], axis=0) if models else np.full((2, 3), np.nan)
        units = ("(m3 m-3)2", "(m3 m-3)2", "km")
        for k, name in enumerate(("nugget", "sill", "range")):
            fits.append(
                {
                    "part": part,
                    "quantity": name,
                    "value": best[k],
                    "low": low[k],
                    "high": high[k],
                    "unit": units[k],
                }
            )
    return pd.concat(points, ignore_index=True), pd.DataFrame(fits)


def moran(daily: xr.Dataset, *, permutations: int = 999, seed: int = 0) -> pd.DataFrame:
    """Return Moran's I of the levels and of the days' dynamics, with permutation p.

    I = n / Σw · Σ w_ij (z_i − z̄)(z_j − z̄) / Σ (z_i − z̄)² with w = 1 / distance (Moran 1950, Biometrika
    37:17-23); stations nearer than the median nearest neighbour count as that near. p is the share of random
    rearrangements of the stations whose I is at least as large (one-sided, for clustering; +1 rule). Of the
    dynamics, I is averaged over days and each rearrangement is used on all days, for days are not
    independent.

    Parameters
    ----------
    daily : xarray.Dataset
        Daily means with coordinates.

    Returns
    -------
    pandas.DataFrame
        part, moran_i, expected (−1 / (n − 1)), p, stations, days.
    """
    daily = _placed(daily)
    level, dynamics = _parts(daily)
    distance = _distances(daily)
    np.fill_diagonal(distance, np.inf)
    # Nearer than neighbours commonly are counts as that near: a pair in one field would outweigh all others.
    weight = 1 / np.maximum(distance, np.median(distance.min(axis=1)))
    np.fill_diagonal(weight, 0.0)
    # Rearrangements need all stations on a day: days are those on which most of the stations measured.
    full = np.isfinite(dynamics).mean(axis=0) > 0.5
    dynamics, inner = dynamics[:, full], weight[np.ix_(full, full)]
    whole = np.isfinite(dynamics).all(axis=1)
    rng = np.random.default_rng(seed)
    rows = []
    for part, values, w in (("level", level[None], weight), ("dynamics", dynamics[whole], inner)):
        n = values.shape[1]
        row: dict[str, object] = {"part": part, "stations": n, "days": len(values)}
        if n >= _LEAST and len(values):
            z = values - values.mean(axis=1, keepdims=True)
            norm = n / w.sum() / np.maximum((z**2).sum(axis=1), 1e-15)

            def index(
                order: np.ndarray, z: np.ndarray = z, w: np.ndarray = w, norm: np.ndarray = norm
            ) -> float:
                arranged = z[:, order]
                return float(np.mean(norm * np.einsum("ti,ij,tj->t", arranged, w, arranged, optimize=True)))

            own = index(np.arange(n))
            drawn = np.array([index(rng.permutation(n)) for _ in range(permutations)])
            row |= {
                "moran_i": own,
                "expected": -1 / (n - 1),
                "p": (1 + (drawn >= own - 1e-12).sum()) / (permutations + 1),
            }
        rows.append(row)
    columns = ["part", "moran_i", "expected", "p", "stations", "days"]
    return pd.DataFrame(rows).reindex(columns=columns)


def mean_cv(daily: xr.Dataset, *, min_stations: int = 3) -> pd.DataFrame:
    """Fit how the spread between stations changes with the wetness of the network.

    CV = k₁ exp(−k₂ θ̄) over days (Famiglietti et al. 2008, Water Resour. Res. 44, W01423), by least squares;
    the standard deviation that follows, θ̄ CV, is greatest at θ̄ = 1 / k₂.

    Returns
    -------
    pandas.DataFrame
        One row: k1 (1), k2 (m³ m⁻³)⁻¹, r2, spearman (between mean and CV), wettest_spread (θ̄ of the greatest
        standard deviation, m³ m⁻³), days.
    """
    from scipy.optimize import curve_fit

    days = heterogeneity(daily, min_stations=min_stations)
    mean, cv = days["mean"].to_numpy(), days["cv"].to_numpy()
    if len(days) < 10 or np.ptp(mean) < 1e-6:
        raise MissingDataError(
            f"{len(days)} days with {min_stations} stations are too few to relate the spread to the wetness; "
            "give at least 10 days of different wetness."
        )
    (k1, k2), _ = curve_fit(lambda m, a, b: a * np.exp(-b * m), mean, cv, p0=(1.0, 4.0), maxfev=10_000)
    rest = ((cv - k1 * np.exp(-k2 * mean)) ** 2).sum() / max(((cv - cv.mean()) ** 2).sum(), 1e-15)
    return pd.DataFrame(
        [
            {
                "k1": k1,
                "k2": k2,
                "r2": 1 - rest,
                "spearman": score("rho", mean, cv),
                "wettest_spread": 1 / k2 if k2 > 0 else np.nan,
                "days": len(days),
            }
        ]
    )


def stations_needed(
    daily: xr.Dataset,
    *,
    errors: Sequence[float] = (0.03, 0.04),
    confidence: float = 0.95,
    min_stations: int = 3,
) -> pd.DataFrame:
    """Count the stations that a mean within an error would need, for values and for dynamics.

    Random sampling as in `smgee.insitu.heterogeneity`. A mean of anomalies (dynamics) needs fewer: the
    differences of level, which never change, are not part of its error.

    Returns
    -------
    pandas.DataFrame
        error (m³ m⁻³), confidence, part (values, dynamics), median, p95, worst (over days), present (median
        number of stations), enough (share of days on which those present are enough), days.
    """
    _, dynamics = _parts(daily)
    moving = daily.assign(soil_moisture=(("time", "station"), dynamics))
    rows = []
    for error in errors:
        for part, data in (("values", daily), ("dynamics", moving)):
            days = heterogeneity(data, error=error, confidence=confidence, min_stations=min_stations)
            needed, present = days["needed_stations"], days["n_stations"]
            rows.append(
                {
                    "error": error,
                    "confidence": confidence,
                    "part": part,
                    "median": float(needed.median()),
                    "p95": float(needed.quantile(0.95)),
                    "worst": int(needed.max()),
                    "present": float(present.median()),
                    "enough": float((needed <= present).mean()),
                    "days": len(days),
                }
            )
    return pd.DataFrame(rows)


def study_heterogeneity(daily: xr.Dataset, *, seed: int = 0) -> Heterogeneity:
    """Gather what can be told of a network's heterogeneity; what cannot is left out of the table.

    Raises
    ------
    MissingDataError
        Where no day has three stations.
    """
    days, needed = heterogeneity(daily), stations_needed(daily)
    stability = representativeness(daily)
    rows: list[dict[str, object]] = []

    def add(quantity: str, part: str, value: float, unit: str, n: int, **more: float) -> None:
        row = {"quantity": quantity, "part": part, "value": value, "unit": unit, "n": n}
        rows.append(row | more)

    level, dynamics = _parts(daily)
    add("spread between stations", "values", float(days["std"].mean()), "m3 m-3", len(days))
    add("spread between stations", "level", float(np.nanstd(level, ddof=1)), "m3 m-3", len(level))
    spread = np.nanstd(dynamics[np.isfinite(dynamics).sum(axis=1) >= 3], axis=1, ddof=1)
    add("spread between stations", "dynamics", float(spread.mean()), "m3 m-3", len(spread))
    points = pd.DataFrame()
    try:
        points, fits = variogram(daily, seed=seed)
        for fit in fits.to_dict("records"):
            name, n = (
                f"variogram {fit['quantity']}",
                int(points.loc[points["part"] == fit["part"], "pairs"].sum()),
            )
            add(name, fit["part"], fit["value"], fit["unit"], n, low=fit["low"], high=fit["high"])
        for found in moran(daily, seed=seed).to_dict("records"):
            add("Moran's I", found["part"], found["moran_i"], "1", found["stations"], p=found["p"])
    except MissingDataError:
        pass  # stations without places
    try:
        fit = mean_cv(daily).iloc[0].to_dict()
        add("mean-CV k1", "values", fit["k1"], "1", int(fit["days"]))
        add("mean-CV k2", "values", fit["k2"], "(m3 m-3)-1", int(fit["days"]))
        add("mean-CV r2", "values", fit["r2"], "1", int(fit["days"]))
    except MissingDataError:
        pass  # too few days
    for row in needed.to_dict("records"):
        name = f"stations needed for {row['error']:g} m3 m-3"
        add(f"{name}, median day", row["part"], row["median"], "1", row["days"])
        add(f"{name}, 95 % of days", row["part"], row["p95"], "1", row["days"])
    known = stability.dropna(subset=["index"])
    if len(known):
        add("temporal stability index, best station", "values", float(known["index"].min()), "1", len(known))
        add("temporal stability index, median", "values", float(known["index"].median()), "1", len(known))
    columns = ["quantity", "part", "value", "low", "high", "p", "n", "unit"]
    table = pd.DataFrame(rows).reindex(columns=columns)
    return Heterogeneity(table, points, days, needed, stability)
