"""Upscaling as a run does it: the places of Earth Engine, and the model of state and place.

The predictors are those of the demo, pulled from the (embedded) Earth Engine as for maps. For every network
the model is chosen inside its stations and fitted as `smgee train` does with the usual settings, and
evaluated on pixels evenly spread over the cell, whose mean stands for that of the whole map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import MissingDataError
from smgee.estimators import ESTIMATORS
from smgee.grid import PixelGrid, transformer
from smgee.metrics import score
from smgee.models import Effort, NetworkTable
from smgee.models.deployment import state_series
from smgee.models.features import MAPPED, STATE, build_features
from smgee.models.fitted import fit_choice
from smgee.models.holdout import LEAST_TRAINING, all_rows
from smgee.models.nested import choose
from smgee.models.outer import FINAL_ROWS
from smgee.models.problem import make_problem
from smgee.session import connect
from smgee.study import Study
from smgee.twin import Basin, TwinSource
from smgee.upscale import pull_static

MIN_STATIONS = LEAST_TRAINING + 1
"""With fewer stations none could be left out to judge a model by."""

FAMILIES = tuple(ESTIMATORS)
"""Families that are tried and averaged: all of them, as in a run."""

EVERY = 24
"""Pixels from one pixel that is mapped to the next, in rows and in columns: some 2,500 in the cell, whose
mean hardly differs from that of all.
"""


@dataclass(frozen=True, eq=False)
class Places:
    """What tells the places of a season: the predictors of maps.

    Parameters
    ----------
    names : tuple of str
        Predictors.
    layers : (predictors, y, x) float32
        NaN where masked.
    grid : PixelGrid
        Their lattice.
    inside : (y, x) bool
        Pixels of the cell.
    """

    names: tuple[str, ...]
    layers: np.ndarray
    grid: PixelGrid
    inside: np.ndarray

    @cached_property
    def lattice(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the pixels that are mapped, (pixels,): all predictors are known there."""
        thin = np.zeros(self.grid.shape, bool)
        thin[EVERY // 2 :: EVERY, EVERY // 2 :: EVERY] = True
        row, col = np.nonzero(thin & self.inside)
        known = np.isfinite(self.layers[:, row, col]).all(axis=0)
        return row[known], col[known]

    def at(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Return the predictors at stations, (stations, predictors)."""
        row, col = self.pixels(self.grid, lon, lat)
        return self.layers[:, row, col].T

    def of_lattice(self, basin: Basin) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and columns of the mapped pixels in the basin's own arrays."""
        row, col = self.lattice
        a, _, x, _, e, y = self.grid.transform
        lon, lat = transformer(self.grid.crs, "EPSG:4326").transform(x + a * (col + 0.5), y + e * (row + 0.5))
        return self.pixels(basin.grid, lon, lat)

    @staticmethod
    def pixels(grid: PixelGrid, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the row and column of the pixel that holds each place."""
        x, y = transformer("EPSG:4326", grid.crs).transform(np.asarray(lon), np.asarray(lat))
        a, _, left, _, e, top = grid.transform
        return np.floor((y - top) / e).astype(int), np.floor((x - left) / a).astype(int)


def season_places(basin: Basin) -> Places:
    """Pull the predictors of the demo for a season of the basin, for the whole cell.

    The session that this process has open is closed: Earth Engine's client knows one.
    """
    demo = Study.demo()
    study = demo.model_copy(
        update={"start": demo.start.replace(year=basin.year), "end": demo.end.replace(year=basin.year)}
    )
    with TemporaryDirectory() as store, connect(sources=[TwinSource(basin)], store=store):
        pulled = pull_static(study.predictor_set)
    grid = study.grid
    inside = study.area.inside(grid)
    whole = np.ones(grid.shape, bool) if inside is None else inside
    return Places(tuple(pulled), np.stack(list(pulled.values())), grid, whole)


@dataclass(frozen=True, eq=False)
class Upscaled:
    """Maps of a season at the pixels of a lattice.

    Parameters
    ----------
    days : (t,) datetime64[ns]
    state : (t,) float64
        Mean of the network, m³ m⁻³.
    maps : (t, pixels) float64
        m³ m⁻³.
    deployed : str
        What was chosen inside the stations: `smgee.models.nested.AVERAGE`, or the network mean.
    """

    days: np.ndarray
    state: np.ndarray
    maps: np.ndarray
    deployed: str

    def means(self, cell: str) -> pd.DataFrame:
        """Return the mean over the cell by day: date, cell, soil_moisture."""
        return pd.DataFrame({"date": self.days, "cell": cell, "soil_moisture": self.maps.mean(axis=1)})

    def judged(self, truth: np.ndarray, days: Sequence[date]) -> dict[str, float]:
        """Return how good the maps are where no station stands.

        Parameters
        ----------
        truth : (days, pixels) array
            m³ m⁻³; NaN on water.
        days : sequence of date
            Those of `truth`.

        Returns
        -------
        dict
            ``map_skill``, 1 − MSE of the maps / MSE of the network's mean, and ``map_spatial_r``, the mean
            over days of the correlation in space.
        """
        found = np.searchsorted(self.days, pd.DatetimeIndex(list(days)).to_numpy("datetime64[ns]"))
        there = found < len(self.days)
        land = np.isfinite(truth).all(axis=0)
        told, true = self.maps[np.ix_(found[there], land)], truth[np.ix_(there, land)]
        state = self.state[found[there]]
        error, plain = np.mean((told - true) ** 2), np.mean((state[:, None] - true) ** 2)
        by_day = [score("r", a, b) for a, b in zip(told, true, strict=True) if np.ptp(a) > 0]
        spatial = float(np.mean(by_day)) if by_day else float("nan")
        return {"map_skill": float(1 - error / plain), "map_spatial_r": spatial}


def upscale(daily: xr.Dataset, places: Places, *, seed: int) -> Upscaled | None:
    """Learn from a network how soil moisture goes with the place, and map the lattice.

    Parameters
    ----------
    daily : xarray.Dataset
        Daily means of the stations, (time, station) with ``lon`` and ``lat``, of the days to learn from.

    Returns
    -------
    Upscaled or None
        None with too few stations, and where no predictor is known at them or differs among them.

    Raises
    ------
    InputError
        Of stations that no model could be made of, such as soil moisture in per cent.
    """
    rows = daily["soil_moisture"].to_series().dropna().reset_index().rename(columns={"time": "date"})
    if rows["station"].nunique() < MIN_STATIONS:
        return None
    known = pd.DataFrame(places.at(daily["lon"].values, daily["lat"].values), columns=list(places.names))
    names = [name for name in places.names if np.isfinite(known[name]).any()]
    if not names:
        return None
    known = known.assign(station=daily["station"].values.astype(str), lon=daily["lon"].values)
    frame = rows.astype({"station": str}).merge(known.assign(lat=daily["lat"].values), on="station")
    table = NetworkTable.from_frame(
        frame[["station", "date", "lon", "lat", "soil_moisture", *names]],
        target="soil_moisture",
        static=names,
        groups=MAPPED,
        synthetic=True,
    )
    try:
        features = build_features(table)
    except MissingDataError:
        return None  # no predictor differs among the stations
    everything = all_rows(table)
    effort = Effort(trials=0, absolute=False)
    choice = choose(table, everything, features, families=FAMILIES, effort=effort, seed=seed)
    problem = make_problem(table, everything, features, most_rows=FINAL_ROWS)
    trees = fit_choice(problem, choice, seed=seed, only=choice.deployed).trees(choice.deployed)
    series = state_series(problem)
    row, col = places.lattice
    layers = dict(zip(places.names, places.layers[:, row, col], strict=True))
    maps = np.empty((len(series["time"]), len(row)))
    for k, told in enumerate(zip(*(series[name] for name in STATE), strict=True)):
        known_of = {**layers, **dict(zip(STATE, told, strict=True))}
        columns = [np.broadcast_to(known_of[name], len(row)) for name in trees.feature_names]
        maps[k] = np.maximum(told[0] + trees.predict(np.stack(columns, axis=1).astype("f4")), 0.0)
    return Upscaled(series["time"].astype("datetime64[ns]"), series[STATE[0]], maps, choice.deployed)
