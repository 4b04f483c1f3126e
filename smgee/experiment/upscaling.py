"""Upscaling in little: the network's state and the place, as a ridge on terrain.

θ(x, t) = m(t) + (a + b · (m(t) − m̄)) · place(x), fitted to the stations' departures from the network's mean
m(t). Since it is linear, the mean over the cell follows from the mean of the places over the cell, and no map
has to be drawn. It stands for the maps of a run, whose places are told by optics and soil too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from smgee.validation.references import additive_mean

__all__ = ["MIN_STATIONS", "PLACE", "cell_place", "station_place", "upscaled_means"]

PLACE = ("elevation", "slope", "northness", "wetness")
"""What tells a place: metres, slope (ratio), sin(slope) · cos(aspect), topographic wetness index."""

MIN_STATIONS = 4
"""Fewer stations say nothing of how soil moisture goes with the place."""

STRENGTHS = tuple(float(s) for s in 10.0 ** np.arange(-1, 4.1, 0.5))
"""Strengths of the ridge that are tried, in stations' worth of evidence that nothing goes with the place."""


def _layers(basin: Any) -> dict[str, np.ndarray]:
    layers = basin.static["layers"]
    east, north = layers[..., 11].astype(float), layers[..., 12].astype(float)
    slope = np.hypot(east, north)
    return {
        "elevation": basin.elevation().astype(float),
        "slope": slope,
        "northness": -north / np.sqrt(1 + slope**2),
        "wetness": np.minimum(basin.static["soil"][3].astype(float), 15.0),
    }


def cell_place(basin: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of every column of `PLACE` over the land of the cell, and its spread."""
    inside = (basin.cell_index != 255) & basin.land()
    values = [layer[inside] for layer in _layers(basin).values()]
    return np.array([v.mean() for v in values]), np.array([v.std() for v in values])


def station_place(basin: Any, places: pd.DataFrame) -> np.ndarray:
    """Return the columns of `PLACE` at the stations' pixels, shape (stations, columns)."""
    at = places["row"].to_numpy(), places["col"].to_numpy()
    return np.column_stack([layer[at] for layer in _layers(basin).values()])


def upscaled_means(
    at: xr.Dataset, place: np.ndarray, mean: np.ndarray, spread: np.ndarray, *, cell: str
) -> pd.DataFrame | None:
    """Return the mean over the cell at every overpass; None with too few stations.

    Parameters
    ----------
    at : xarray.Dataset
        Stations at the overpass, (orbit, time, station).
    place : array, shape (stations, columns)
        Of the stations.
    mean, spread : array, shape (columns,)
        Of the cell.
    cell : str
        Its name.

    Returns
    -------
    pandas.DataFrame or None
        date, orbit, cell, soil_moisture, n_stations.
    """
    if len(place) < MIN_STATIONS:
        return None
    # Where the stations stand, relative to the cell: the network's own mean place need not be the cell's.
    scaled = (place - mean) / np.where(spread > 0, spread, 1.0)
    tables = []
    for orbit in at["orbit"].values:
        values = at["soil_moisture"].sel(orbit=orbit).transpose("time", "station").values
        network = additive_mean(values, np.ones(values.shape[1]))
        level, gain = _summaries(values, network)
        known = np.isfinite(level) & np.isfinite(gain)
        if known.sum() < MIN_STATIONS:
            continue
        offsets = [_at_the_cell(scaled[known], target[known]) for target in (level, gain)]
        middle = np.nanmean(network)
        cell_mean = network + offsets[0] + offsets[1] * (network - middle)
        tables.append(
            pd.DataFrame(
                {
                    "date": at["time"].values,
                    "orbit": str(orbit),
                    "cell": cell,
                    "soil_moisture": np.clip(cell_mean, 0.0, None),
                    "n_stations": np.isfinite(values).sum(axis=1),
                }
            )
        )
    return pd.concat(tables, ignore_index=True).dropna(subset="soil_moisture") if tables else None


def _summaries(values: np.ndarray, network: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return of every station its mean departure from the network, and how that goes with the network's
    state.
    """
    apart = values - network[:, None]
    state = np.where(np.isfinite(apart), (network - np.nanmean(network))[:, None], np.nan)
    count = np.isfinite(apart).sum(axis=0)
    safe = np.maximum(count, 1)
    level = np.nansum(apart, axis=0) / safe
    middle = np.nansum(state, axis=0) / safe
    across = np.nansum((apart - level) * (state - middle), axis=0)
    along = np.nansum((state - middle) ** 2, axis=0)
    enough = (count >= 20) & (along > 0)
    gain = np.where(enough, across / np.where(along > 0, along, 1.0), np.nan)
    return np.where(enough, level - gain * middle, np.nan), gain


def _at_the_cell(place: np.ndarray, target: np.ndarray) -> float:
    """Return what a ridge expects at the cell's own place (0) over the stations' mean; its strength is chosen
    by stations left out.
    """
    middle = place.mean(axis=0)
    x, y = place - middle, target - target.mean()
    errors = []
    for strength in STRENGTHS:
        inverse = np.linalg.inv(x.T @ x + strength * np.eye(x.shape[1]))
        hat = x @ inverse @ x.T + 1 / len(y)
        left = (y - (x @ inverse @ x.T) @ y) / np.maximum(1 - np.diag(hat), 1e-6)
        errors.append(float((left**2).mean()))
    flat = float(((y * len(y) / (len(y) - 1)) ** 2).mean())
    if min(errors) >= flat:  # the place says nothing that stations left out confirm
        return 0.0
    strength = STRENGTHS[int(np.argmin(errors))]
    slope = np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T @ y)
    return float(-middle @ slope)
