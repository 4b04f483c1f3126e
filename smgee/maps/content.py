"""What a run holds for the viewer: maps, stations, cells, and their series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import InputError, MissingDataError
from smgee.grid import EaseCell, ease_cell_at, transformer
from smgee.maps.looks import DIFFERENCE, ERROR, MOISTURE, SHARE, VIRIDIS, Look, limits, symmetric
from smgee.maps.tiles import Pyramid, locate
from smgee.models import load_model
from smgee.predictors import PredictorSet
from smgee.upscale import MapStore, Variable
from smgee.validation.pairs import UPSCALED
from smgee.validation.quality import select_retrievals
from smgee.workflow.artifacts import Artifact
from smgee.workflow.folder import RunFolder
from smgee.workflow.network import predictors_of
from smgee.workflow.registry import all_steps
from smgee.workflow.step import makers
from smgee.workflow.steps.layers import LAYERS
from smgee.workflow.steps.mean_map import MEAN_MAP
from smgee.workflow.steps.predict import MAPS
from smgee.workflow.steps.smap import SMAP
from smgee.workflow.steps.stations import STATIONS
from smgee.workflow.steps.train import MODELS, SCORES_BY
from smgee.workflow.steps.validate import REFERENCES
from smgee.workflow.steps.zonal import ZONAL
from smgee.workflow.work import Work

_SEASON_MEAN = "season_mean"
_ON_MOISTURE = ("soil_moisture", "lower", "upper", "leaf_lower", "leaf_upper", _SEASON_MEAN)
_SAMPLED_DAYS = 5


@dataclass(frozen=True)
class Layer:
    """One map to choose.

    Parameters
    ----------
    name : str
        Unique.
    title : str
        What people read.
    group : str
        Layers that stand together.
    daily : bool
        Whether it changes from day to day.
    look : Look, optional
        Colours; None where the picture is its own.
    remote : bool
        Whether Earth Engine draws it.
    """

    name: str
    title: str
    group: str
    daily: bool
    look: Look | None
    remote: bool = False

    def told(self) -> dict[str, Any]:
        """Return it for the page."""
        return {**vars(self), "look": None if self.look is None else self.look.told()}


class RunContent:
    """The files of a run, read when they are first wanted.

    Parameters
    ----------
    run : RunFolder
        With its study.

    Raises
    ------
    MissingDataError
        When the run has no maps yet.
    """

    def __init__(self, run: RunFolder):
        self.run = run
        self.study = run.study
        self._work = Work(run, "view", key="", made_from={}, makers=makers(all_steps().values()))
        self.store: MapStore = self._work.read(MAPS)
        self._mapped = np.asarray(self.store.done.any(axis=1))
        self.days = [d for d, done in zip(self.store.days, self._mapped.tolist()) if done]
        if not self.days:
            raise MissingDataError(f"No day of {run / MAPS.path} is mapped yet; run `smgee predict` first.")
        self.grid = self.store.grid
        self.extra: MapStore | None = self._work.read_if_there(LAYERS)

    def read(self, artifact: Artifact[Any]) -> Any:
        """Return a file of the run; None where it is absent."""
        return self._work.read_if_there(artifact)

    @property
    def work(self) -> Work:
        """The run as a step sees it."""
        return self._work

    @cached_property
    def predictors(self) -> PredictorSet:
        """The study's predictors, at the run's stations where they need to know them."""
        return predictors_of(self._work)

    # ------------------------------------------------------------------ maps

    @cached_property
    def layers(self) -> dict[str, Layer]:
        """The maps that lie in the run, by name."""
        moisture = self._look(["soil_moisture"], MOISTURE)
        found = []
        for variable in self.variables:
            if variable.name in _ON_MOISTURE:
                look = moisture
            elif variable.units in ("m3 m-3",):
                look = self._look([variable.name], ERROR)
            else:
                palette = SHARE if variable.units == "1" else VIRIDIS
                units = "" if variable.units == "1" else variable.units
                look = self._look([variable.name], palette, units)
            title = _TITLES.get(variable.name, variable.long_name)
            if variable not in self.store.variables and len(self._drawn) < len(self.days):
                title += " (of the nearest day that has it)"
            found.append(Layer(variable.name, title, "Maps of the run", True, look))
        if self._work.has(MEAN_MAP):
            title = "soil moisture, mean of the mapped days"
            found.append(Layer(_SEASON_MEAN, title, "Maps of the run", False, moisture))
        return {layer.name: layer for layer in found}

    def _look(self, names: list[str], palette: tuple[str, ...], units: str = "m³ m⁻³") -> Look:
        chosen = {self.days[int(k)] for k in np.linspace(0, len(self.days) - 1, _SAMPLED_DAYS)}
        days = {name: sorted({self.day_of(name, day) for day in chosen}) for name in names}
        seen = [self._store_of(n).read(day, n)[::4, ::4].ravel() for n in names for day in days[n]]
        return Look(*limits(np.concatenate(seen)), palette, units)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """What is mapped every day, then what is mapped on some days beside it."""
        return self.store.variables + (() if self.extra is None else self.extra.variables)

    @cached_property
    def _drawn(self) -> list[date]:
        """The days of the layers beside the maps."""
        if self.extra is None:
            return []
        done = np.asarray(self.extra.done.any(axis=1)).tolist()
        return [d for d, there in zip(self.extra.days, done) if there]

    def _store_of(self, name: str) -> MapStore:
        own = self.extra is None or name in {v.name for v in self.store.variables}
        return self.store if own or self.extra is None else self.extra

    def day_of(self, name: str, day: date) -> date:
        """Return the day of which a layer is shown on a day: the nearest that has it."""
        if self._store_of(name) is self.store or not self._drawn:
            return day
        return min(self._drawn, key=lambda d: abs((d - day).days))

    def day(self, text: str) -> date:
        """Return a mapped day by its ISO name.

        Raises
        ------
        InputError
            When it is none.
        """
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = None
        if day not in set(self.days):
            raise InputError(
                f"The day {text!r:.40} is not mapped; choose one of {self.days[0]} to {self.days[-1]}."
            )
        return day

    @lru_cache(maxsize=12)  # noqa: B019  one content for each viewer, which lives as long as the process
    def pyramid(self, name: str, day: date | None) -> Pyramid:
        """Return a map to draw tiles of; `day` is None for one of no day."""
        if name == _SEASON_MEAN:
            return Pyramid(self._work.read(MEAN_MAP))
        assert day is not None
        return Pyramid(self._store_of(name).read(self.day_of(name, day), name))

    # ------------------------------------------------------------------ cells

    @cached_property
    def cells(self) -> tuple[EaseCell, ...]:
        """The judged 36 km cells and the 9 km cells in them."""
        large = tuple(self.study.cells)
        return (*large, *(small for cell in large for small in cell.children("M09")))

    @cached_property
    def cell_values(self) -> pd.DataFrame:
        """Of each cell and day: mean of the map, SMAP at both overpasses, and SMAP − map at the overpass.

        Columns ``cell``, ``date``, ``map``, ``AM``, ``PM``, ``AM_difference``, ``PM_difference``, m³ m⁻³. The
        map at an overpass is that of `validate`, where it ran; else that of the UTC day.
        """
        keys = ["cell", "date"]
        zonal, smap, references = self.read(ZONAL), self.read(SMAP), self.read(REFERENCES)
        table = pd.DataFrame({"cell": pd.Series(dtype=str), "date": pd.Series(dtype="datetime64[ns]")})
        if zonal is not None:
            enough = zonal["coverage"] >= self.study.smap.min_coverage
            part = zonal.loc[enough, [*keys, "soil_moisture"]].rename(columns={"soil_moisture": "map"})
            table = part.assign(date=pd.to_datetime(part["date"]))
        for orbit in ("AM", "PM"):
            own = _of_orbit(smap, orbit, self.study) if smap is not None else None
            if own is not None:
                table = table.merge(own, on=keys, how="outer")
                at_pass = _upscaled(references, orbit) if references is not None else None
                side = f"{orbit}_map"
                table = table.merge(at_pass, on=keys, how="left") if at_pass is not None else table
                map_then = table[side] if side in table else table.get("map")
                if map_then is not None:
                    table[f"{orbit}_difference"] = table[orbit] - map_then
        return table.drop(columns=["AM_map", "PM_map"], errors="ignore")

    @cached_property
    def cell_looks(self) -> dict[str, Look]:
        """Colours of the columns of `cell_values`."""
        moisture = self.layers["soil_moisture"].look or Look(0, 0.5)
        looks = {name: moisture for name in ("map", "AM", "PM") if name in self.cell_values}
        both = [n for n in ("AM_difference", "PM_difference") if n in self.cell_values]
        known = self.cell_values[both].to_numpy(float).ravel()
        if np.isfinite(known).any():
            ends = symmetric(known)
            looks |= {name: Look(*ends, DIFFERENCE) for name in both}
        return looks

    def cells_on(self, day: date) -> dict[str, dict[str, float | None]]:
        """Return the values of the cells on a day, by cell and column."""
        part = self.cell_values[self.cell_values["date"] == pd.Timestamp(day)]
        rows = part.drop(columns="date").set_index("cell")
        return {str(cell): _plain(row) for cell, row in rows.iterrows()}

    # ------------------------------------------------------------------ stations

    @cached_property
    def stations(self) -> pd.DataFrame:
        """Of each station: ``station``, ``lon``, ``lat``, the map's row and column (−1 outside), and ``bias``
        and ``rmse`` at the station when it was left out, where models were scored.
        """
        daily: xr.Dataset | None = self.read(STATIONS)
        if daily is None:
            return pd.DataFrame(columns=["station", "lon", "lat", "row", "col"])
        table = pd.DataFrame({n: daily[n].values for n in ("station", "lon", "lat")})
        at = [locate(self.grid, *place) or (-1, -1) for place in zip(table["lon"], table["lat"])]
        table[["row", "col"]] = np.array(at, int).reshape(-1, 2)
        scores = self._station_scores()
        return table if scores is None else table.merge(scores, on="station", how="left")

    def _station_scores(self) -> pd.DataFrame | None:
        """Return ``bias`` and ``rmse`` of the deployed model at each station when it was left out."""
        scores = self.read(SCORES_BY["station"])
        if scores is None:
            return None
        _, best = self.read(MODELS)
        deployed = load_model(self._work.path(MODELS), best).title
        own = scores[(scores["model"] == deployed) & (scores["design"] == "station")]
        return own[["station", "bias", "rmse"]] if len(own) else None

    @cached_property
    def station_series(self) -> tuple[np.ndarray, np.ndarray]:
        """Soil moisture on the mapped days of the stations and of the map there, (day, station) m³ m⁻³."""
        daily: xr.Dataset | None = self.read(STATIONS)
        shape = (len(self.days), len(self.stations))
        if daily is None:
            return np.full(shape, np.nan), np.full(shape, np.nan)
        own = daily["soil_moisture"].reindex(time=pd.DatetimeIndex(self.days)).values
        mapped = np.full(shape, np.nan)
        for k, (row, col) in enumerate(zip(self.stations["row"], self.stations["col"])):
            if row >= 0:
                mapped[:, k] = self.store.series(row, col)[self._mapped]
        return own, mapped

    @cached_property
    def station_looks(self) -> dict[str, Look]:
        """Colours of what stations show."""
        own, mapped = self.station_series
        looks = {"value": self.layers["soil_moisture"].look or Look(0, 0.5)}
        if np.isfinite(mapped - own).any():
            looks["error"] = Look(*symmetric((mapped - own).ravel()), DIFFERENCE)
        if "bias" in self.stations:
            looks["bias"] = Look(*symmetric(self.stations["bias"].to_numpy(float)), DIFFERENCE)
            rmse = self.stations["rmse"].to_numpy(float)
            looks["rmse"] = Look(0.0, limits(rmse, within=(0, 100))[1], ERROR)
        return looks

    def stations_on(self, day: date) -> list[dict[str, Any]]:
        """Return what every station shows on a day."""
        own, mapped = (values[self.days.index(day)] for values in self.station_series)
        table = self.stations.assign(value=own, map=mapped, error=mapped - own)
        return [_plain(row) for _, row in table.drop(columns=["row", "col"]).iterrows()]

    # ------------------------------------------------------------------ series

    def series(self, lon: float, lat: float) -> dict[str, Any]:
        """Return the series of the pixel and of the cells that hold a place.

        Returns
        -------
        dict
            ``days``; ``pixel``: values by variable, or None outside the map; ``stations``: values of those in
            the pixel; ``cells``: by cell, values on the days by column of `cell_values`.
        """
        at = locate(self.grid, lon, lat)
        pixel = None
        if at is not None:
            pixel = {v.name: self._pixel(*at, v.name) for v in self.variables}
        names = {c.name for c in self.cells}
        cells = {}
        days = pd.DatetimeIndex(self.days)
        for cell in (ease_cell_at(lon, lat, grid) for grid in ("M36", "M09")):
            if cell.name in names:
                part = self.cell_values[self.cell_values["cell"] == cell.name].set_index("date")
                part = part.drop(columns="cell").reindex(days)
                cells[cell.name] = {str(name): _list(part[name].to_numpy(float)) for name in part}
        own, _ = self.station_series
        table = self.stations
        inside = np.flatnonzero([at == (row, col) for row, col in zip(table["row"], table["col"])])
        stations = {str(table["station"].iloc[k]): _list(own[:, k]) for k in inside}
        where = {"lon": lon, "lat": lat, "pixel": pixel, "stations": stations, "cells": cells}
        return {"days": [d.isoformat() for d in self.days], **where}

    def _pixel(self, row: int, col: int, name: str) -> list[float | None]:
        """Return a pixel's values on the mapped days; None where there is none."""
        store = self._store_of(name)
        values = dict(zip(store.days, store.series(row, col, name)))
        return _list(np.array([values.get(day, np.nan) for day in self.days], float))

    # ------------------------------------------------------------------ the page

    @cached_property
    def outline(self) -> list[list[float]]:
        """The edge of the maps, (longitude, latitude) degrees."""
        n, edge = 16, self.grid
        rows = [*[0.0] * n, *np.linspace(0, edge.height, n), *[edge.height] * n]
        cols = [*np.linspace(0, edge.width, n), *[edge.width] * n, *np.linspace(edge.width, 0, n)]
        x, y = zip(*(edge.corner(r, c) for r, c in zip(rows, cols)))
        lon, lat = transformer(edge.crs, "EPSG:4326").transform(np.array(x), np.array(y))
        return np.column_stack([lon, lat]).tolist()

    def told(self) -> dict[str, Any]:
        """Return everything that the page has to know at its start."""
        return {
            "name": self.study.name,
            "synthetic": self.run.synthetic,
            "days": [d.isoformat() for d in self.days],
            "outline": self.outline,
            "layers": [layer.told() for layer in self.layers.values()],
            "cells": {c.name: _ring(c) for c in self.cells},
            "cell_looks": {name: look.told() for name, look in self.cell_looks.items()},
            "station_looks": {name: look.told() for name, look in self.station_looks.items()},
        }


_TITLES: Mapping[str, str] = {"soil_moisture": "soil moisture of the day"}


def _of_orbit(smap: pd.DataFrame, orbit: str, study: Any) -> pd.DataFrame:
    part = smap[smap["orbit"] == orbit]
    part = select_retrievals(part, policy=study.smap.quality, without=study.smap.without)
    part = part.assign(date=pd.to_datetime(part["date"])).rename(columns={"soil_moisture": orbit})
    return part[["cell", "date", orbit]].drop_duplicates(["cell", "date"])


def _upscaled(references: pd.DataFrame, orbit: str) -> pd.DataFrame | None:
    part = references[(references["reference"] == UPSCALED) & (references["orbit"] == orbit)]
    if part.empty:
        return None
    part = part.assign(date=pd.to_datetime(part["date"]))
    return part[["cell", "date", "soil_moisture"]].rename(columns={"soil_moisture": f"{orbit}_map"})


def _ring(cell: EaseCell) -> list[list[float]]:
    x, y = cell.polygon("EPSG:4326", points_per_edge=4).exterior.xy
    return [[round(a, 6), round(b, 6)] for a, b in zip(x, y)]


def _plain(row: pd.Series) -> dict[str, Any]:
    """Return a row as JSON can hold it."""
    return {str(k): None if pd.isna(v) else v for k, v in row.items()}


def _list(values: np.ndarray) -> list[float | None]:
    return [round(float(v), 5) if np.isfinite(v) else None for v in values]
