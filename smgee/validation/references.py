"""What SMAP is judged by, when it comes from the stations: their mean in a cell, weighted in declared ways.

Every function gives the table ``insitu`` of `smgee.validation.smap`: date, cell, soil_moisture (m³ m⁻³), std,
n_stations, and at the overpass also orbit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import InputError, MissingDataError
from smgee.grid import EASE_CRS, EASE_GRIDS, EaseCell, ease_cell_at, transformer
from smgee.insitu.network import network_mean
from smgee.insitu.overpass import overpass_means
from smgee.models.kriging import fit_variogram, kriging_weights

WEIGHTS: Mapping[str, str] = MappingProxyType(
    {
        "equal": "every station counts alike",
        "voronoi": "share of the cell's area that is nearest to the station",
        "inverse_distance": "mean over the cell of the weight 1 / distance²",
        "stability": "1 / variance of the station's relative difference from the mean",
        "kriging": "mean over the cell of the weights of ordinary kriging (block kriging)",
    }
)
"""How stations may be weighted, and what it means."""

MIN_DAYS = 10
"""A station with fewer days with others says nothing of its stability."""

_KRIGED = 40  # points per side of a cell at which kriging weights are averaged
_NODES = 200  # points per side of a cell for areas: a share is right to about 1 / (4 · 200)


def station_cells(
    names: Iterable[object], lons: Iterable[float], lats: Iterable[float]
) -> dict[str, dict[str, EaseCell]]:
    """Return the cell of each grid in which each station lies.

    Raises
    ------
    InputError
        A station without coordinates.
    """
    homes = {}
    for name, lon, lat in zip(names, lons, lats, strict=True):
        if not (np.isfinite(lon) and np.isfinite(lat)):
            raise InputError(
                f"Station {name} has no coordinates, so its EASE-Grid cell is not known; give the table of "
                "stations with lon and lat."
            )
        homes[str(name)] = {grid: ease_cell_at(float(lon), float(lat), grid) for grid in EASE_GRIDS}
    return homes


def cell_station_means(
    daily: xr.Dataset,
    cells: Iterable[EaseCell],
    *,
    min_stations: int = 1,
    weights: str = "equal",
    anomalies: bool = False,
) -> pd.DataFrame:
    """Average, day by day, the stations that lie in each cell: the reference that ignores what lies between.

    Parameters
    ----------
    daily : xarray.Dataset
        From `smgee.insitu.daily_means`, with station coordinates.
    cells : iterable of EaseCell
        Cells without a station simply do not occur in the result.
    min_stations : int
        Days with fewer stations in the cell get no mean.
    weights : {"equal", "voronoi", "inverse_distance", "stability", "kriging"}
        See `WEIGHTS`; on a day they are shared among the stations that report.
    anomalies : bool
        Average departures from each station's level and add the mean level (`additive_mean`), so that a
        station that falls silent makes no step.

    Returns
    -------
    pandas.DataFrame
        date, cell, soil_moisture (m³ m⁻³), std (between stations), n_stations.
    """
    homes = station_cells(daily["station"].values, daily["lon"].values, daily["lat"].values)
    tables = []
    for cell in cells:
        members = [name for name, home in homes.items() if home[cell.grid] == cell]
        if not members:
            continue
        table = network_mean(daily, min_stations=min_stations, stations=members)
        if weights != "equal" or anomalies:
            own = daily.sel(station=members)
            share = station_weights(own, cell, weights)
            mean = additive_mean if anomalies else weighted_mean
            series = pd.Series(mean(own["soil_moisture"].values, share), own["time"].values)
            table["soil_moisture"] = series.reindex(table["date"]).to_numpy()
        table.insert(1, "cell", cell.name)
        tables.append(table)
    if not tables:
        raise MissingDataError(
            "None of the stations lies in any of the EASE-Grid cells; check the coordinates of stations and "
            "study area."
        )
    return pd.concat(tables, ignore_index=True)


def overpass_station_means(
    records: xr.Dataset,
    cells: Iterable[EaseCell],
    *,
    hours: float = 3.0,
    times: pd.DataFrame | None = None,
    min_stations: int = 1,
    weights: str = "equal",
    anomalies: bool = False,
) -> pd.DataFrame:
    """Average the stations in each cell at the overpasses, as `cell_station_means` does by the day.

    A pass that the product files under a UTC date may take place 11 hours from the middle of that day, so a
    daily mean is another day's soil moisture.

    Parameters
    ----------
    records : xarray.Dataset
        Hourly (or denser) station records, or the result of `smgee.insitu.overpass_means`.
    hours : float
        Half width of the window around the overpass.
    times : pandas.DataFrame, optional
        The product's own times (date, orbit, time); else 6:00 and 18:00 local solar time.

    Returns
    -------
    pandas.DataFrame
        date (UTC date of the product), orbit, cell, soil_moisture (m³ m⁻³), std, n_stations.
    """
    at = records if "orbit" in records.dims else overpass_means(records, times, hours=hours)
    cells, tables = list(cells), []
    for orbit in at["orbit"].values:
        table = cell_station_means(
            at.sel(orbit=orbit), cells, min_stations=min_stations, weights=weights, anomalies=anomalies
        )
        table.insert(1, "orbit", str(orbit))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def station_references(
    daily: xr.Dataset, cells: Iterable[EaseCell], *, anomalies: bool = True, min_stations: int = 1
) -> dict[str, pd.DataFrame]:
    """Return the means of the stations under every one of `WEIGHTS`, by name, to be judged side by side.

    Parameters
    ----------
    daily : xarray.Dataset
        Daily means, or, with a dimension ``orbit``, values at the overpass.
    anomalies : bool
        Of the weighted means; the plain one, ``insitu_mean``, stays as it is.
    min_stations : int
        Days with fewer stations in the cell get no mean.

    Returns
    -------
    dict
        ``insitu_mean`` (equal weights, day by day), and ``insitu_NAME`` for every name of `WEIGHTS`.
    """
    cells = list(cells)
    at_overpass = "orbit" in daily.dims

    def made(weights: str, centred: bool) -> pd.DataFrame:
        if at_overpass:
            return overpass_station_means(
                daily, cells, weights=weights, anomalies=centred, min_stations=min_stations
            )
        return cell_station_means(daily, cells, weights=weights, anomalies=centred, min_stations=min_stations)

    plain = {"insitu_mean": made("equal", False)}
    return plain | {f"insitu_{name}": made(name, anomalies) for name in WEIGHTS}


def station_weights(daily: xr.Dataset, cell: EaseCell, kind: str = "equal") -> np.ndarray:
    """Return the weights of stations in a cell, with the sum 1.

    Parameters
    ----------
    daily : xarray.Dataset
        Stations inside the cell, with lon and lat.
    kind : {"equal", "voronoi", "inverse_distance", "stability", "kriging"}
        ``voronoi``: areas of Thiessen polygons within the cell, in the equal-area plane of the grid.
        ``inverse_distance``: what each station contributes to the mean over the cell of the field that
        inverse-distance weighting (power 2) draws between them. ``stability``: the inverse variance of the
        relative difference δ = (θ − θ̄) / θ̄ (Vachaud et al. 1985, Soil Sci. Soc. Am. J. 49:822-828), which
        trusts stations that keep their distance from the mean. ``kriging``: of the mean over the cell, with
        one exponential variogram of all times (`smgee.models.kriging`); negative weights count as 0, and
        without structure in the variogram every station counts alike.

    Returns
    -------
    numpy.ndarray, shape (stations,)
    """
    if kind not in WEIGHTS:
        raise InputError(f"The weights {kind!r} are not known; choose from {', '.join(WEIGHTS)}.")
    count = daily.sizes["station"]
    if kind == "equal" or count == 1:
        share = np.ones(count)
    elif kind == "stability":
        share = _stability(daily["soil_moisture"].values)
    elif kind == "kriging":
        share = _kriged(daily, cell)
    else:
        share = _areal(daily["lon"].values, daily["lat"].values, cell, nearest=kind == "voronoi")
    return share / share.sum()


def weighted_mean(values: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the weighted mean of the stations that report, shape (time,); NaN where none does.

    Parameters
    ----------
    values : array, shape (time, stations)
    share : array, shape (stations,)
    """
    known = np.isfinite(values)
    weight = known @ share
    total = np.where(known, values, 0.0) @ share
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), np.nan)


def additive_mean(values: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the weighted mean over all stations, as if none had gaps, shape (time,).

    Every station has a level and every time a departure common to all, θ(t, j) = m(t) + e(j), fitted by
    weighted least squares; the result is m(t) plus the weighted mean of e. Stations that never report at the
    same time as others, directly or through third ones, keep a level that rests on one solution of many.

    Parameters
    ----------
    values : array, shape (time, stations)
    share : array, shape (stations,)
    """
    known = np.isfinite(values)
    there = known.any(axis=0) & (share > 0)
    if not there.any():
        return np.full(len(values), np.nan)
    values, known, share = values[:, there], known[:, there], share[there]
    weight = known * share
    total = weight.sum(axis=1)
    used = total > 0
    part = weight[used] / total[used, None]
    filled = np.where(known, values, 0.0)[used]
    # The departures of the times eliminated: what is left are as many equations as stations.
    left = np.diag(weight.sum(axis=0)) - weight[used].T @ part
    right = (weight[used] * (filled - (part * filled).sum(axis=1, keepdims=True))).sum(axis=0)
    level = np.linalg.lstsq(left, right, rcond=1e-10)[0]
    level -= (share * level).sum() / share.sum()
    return weighted_mean(values - level, share)


def _stability(values: np.ndarray) -> np.ndarray:
    several = np.isfinite(values).sum(axis=1) >= 2
    some = values[several]
    mean = np.nanmean(some, axis=1, keepdims=True) if len(some) else np.empty((0, 1))
    relative = (some - mean) / np.where(mean > 0, mean, np.nan)
    enough = np.isfinite(relative).sum(axis=0) >= MIN_DAYS
    if not enough.any():
        return np.ones(values.shape[1])
    variance = np.full(values.shape[1], np.nan)
    variance[enough] = np.nanvar(relative[:, enough], axis=0)
    variance = np.maximum(variance, 1e-3 * np.nanmax(variance))  # no station carries all the weight
    share = 1 / np.where(variance > 0, variance, 1.0)
    return np.where(enough, share, np.nanmin(np.where(enough, share, np.nan)))


def _kriged(daily: xr.Dataset, cell: EaseCell) -> np.ndarray:
    x, y = transformer("EPSG:4326", EASE_CRS).transform(daily["lon"].values, daily["lat"].values)
    between = np.hypot(x[:, None] - x, y[:, None] - y)
    values = daily["soil_moisture"].transpose("station", "time").values
    several = np.isfinite(values).sum(axis=0) >= 2
    some = values[:, several]
    variogram = fit_variogram(some - np.nanmean(some, axis=0), between)
    if variogram.sill <= 0:
        return np.ones(len(x))
    left, bottom, right, top = cell.bounds
    step = (np.arange(_KRIGED) + 0.5) / _KRIGED
    px, py = np.meshgrid(left + step * (right - left), bottom + step * (top - bottom))
    towards = np.hypot(x[:, None] - px.ravel(), y[:, None] - py.ravel())
    share = np.maximum(kriging_weights(variogram, between, towards).mean(axis=1), 0.0)
    return share if share.sum() > 0 else np.ones(len(x))


def _areal(lon: np.ndarray, lat: np.ndarray, cell: EaseCell, *, nearest: bool) -> np.ndarray:
    x, y = transformer("EPSG:4326", EASE_CRS).transform(lon, lat)
    left, bottom, right, top = cell.bounds
    step = (np.arange(_NODES) + 0.5) / _NODES
    px, py = np.meshgrid(left + step * (right - left), bottom + step * (top - bottom))
    square = (px[..., None] - x) ** 2 + (py[..., None] - y) ** 2
    if nearest:
        # Stations at one place share what is nearest to it.
        own = square <= square.min(axis=-1, keepdims=True) * (1 + 1e-9)
    else:
        own = 1 / np.maximum(square, 1.0)  # closer than 1 m is at the station
    return (own / own.sum(axis=-1, keepdims=True)).mean(axis=(0, 1))
