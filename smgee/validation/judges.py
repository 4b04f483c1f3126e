"""What SMAP is judged by in a study, side by side: stations and maps, at the overpass where that is known.

A map is of a day. At the hour of the overpass it is taken for the same map, moved as a whole by what the
network's soil moisture changed between the two: places keep their difference from the network's mean for
some hours, and the network tells the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import MissingDataError
from smgee.grid import EaseCell, ease_cell_at
from smgee.insitu.overpass import overpass_means
from smgee.models.state import network_mean, station_effects
from smgee.validation.footprint import footprint_means
from smgee.validation.pairs import CROSS_FITTED, FOOTPRINT, PLAIN, UPSCALED
from smgee.validation.references import cell_station_means, station_references

DAY_MEAN = "insitu_day"
"""The plain mean of the stations over the UTC day of the product, whose middle may be 11 h from the pass."""

TITLES: Mapping[str, str] = MappingProxyType(
    {
        PLAIN: "plain mean of the stations",
        "insitu_equal": "stations, departures averaged",
        "insitu_voronoi": "stations weighted by nearest area",
        "insitu_inverse_distance": "stations weighted by inverse distance",
        "insitu_stability": "stations weighted by stability in time",
        "insitu_kriging": "stations weighted by block kriging",
        DAY_MEAN: "plain mean of the stations, UTC day",
        UPSCALED: "upscaled map, mean of the cell",
        FOOTPRINT: "upscaled map under the antenna's footprint",
        CROSS_FITTED: "upscaled map, each place without its nearest station",
    }
)
"""Every reference, in the order of tables. Weighted means average departures from each station's level."""


@dataclass(frozen=True)
class Judges:
    """The references of a study.

    Attributes
    ----------
    tables : mapping of str to pandas.DataFrame
        By name, in the order of `TITLES`: date, cell, soil_moisture, and ``orbit`` where they are values at
        the overpass.
    stations : xarray.Dataset or None
        Those in the cells: at the overpass (orbit, time, station) or daily (time, station); None where no
        station lies in a cell.
    hours : float
        Half width of the window around the overpass; 0 where references are means of days.
    note : str
        What was done about the hour, in a sentence.
    """

    tables: Mapping[str, pd.DataFrame]
    stations: xr.Dataset | None
    hours: float
    note: str

    def long(self) -> pd.DataFrame:
        """Return all tables in one: reference, date, orbit (empty where it is both), cell, soil_moisture."""
        names = ["reference", "date", "orbit", "cell", "soil_moisture", "std", "coverage", "n_stations"]
        parts = [t.assign(reference=name) for name, t in self.tables.items()]
        table = pd.concat(parts, ignore_index=True).reindex(columns=names)
        return table.assign(orbit=table["orbit"].fillna(""))


def gather(
    smap: pd.DataFrame,
    cells: Sequence[EaseCell],
    *,
    daily: xr.Dataset,
    records: xr.Dataset | None = None,
    zonal: pd.DataFrame | None = None,
    units: pd.DataFrame | None = None,
    cross_fitted: pd.DataFrame | None = None,
    hours: float = 3.0,
    min_coverage: float = 0.8,
) -> Judges:
    """Return every reference that the data of a study allow.

    Parameters
    ----------
    smap : pandas.DataFrame
        Retrievals; where it has a column ``time`` (UTC), passes are taken at that time, else at 6:00 and
        18:00 local solar time.
    cells : sequence of EaseCell
        Cells that are judged.
    daily : xarray.Dataset
        Daily means of the stations (UTC days).
    records : xarray.Dataset, optional
        Their hourly (or denser) records, of the same stations; without them references are means of days.
    zonal : pandas.DataFrame, optional
        Means of the daily maps over `cells`.
    units : pandas.DataFrame, optional
        Means over small cells, see `smgee.validation.footprint.footprint_means`.
    cross_fitted : pandas.DataFrame, optional
        Means over `cells` of the maps in which every pixel is drawn by a model that has not seen its nearest
        station.
    hours, min_coverage : float
        Half width of the window around the overpass, h; see `footprint_means`.
    """
    inside = _inside(daily, cells)
    own = daily.isel(station=inside)
    tables: dict[str, pd.DataFrame] = {}
    at: xr.Dataset | None = None
    note = "The stations give one value a day, so references are means of the UTC day of each retrieval."
    if records is not None and inside.any():
        times = smap[["date", "orbit", "time"]] if "time" in smap and smap["time"].notna().any() else None
        at = overpass_means(records.sel(station=own["station"].values), times, hours=hours)
        clock = "the product's own time" if times is not None else "06:00 and 18:00 local solar time"
        note = f"References are means within {hours:g} h of each overpass, at {clock}."
    if inside.any():
        tables |= station_references(own if at is None else at, cells)
        if at is not None:
            tables[DAY_MEAN] = cell_station_means(own, cells)
    change = None if at is None else network_change(own, at)
    maps = {UPSCALED: zonal, CROSS_FITTED: cross_fitted}
    if units is not None and len(units):
        maps[FOOTPRINT] = footprint_means(units, cells, min_coverage=min_coverage)
    for name, table in maps.items():
        if table is not None:
            tables[name] = table if change is None else _moved(table, change)
    if not tables:
        raise MissingDataError(
            "There is nothing to judge SMAP by: no map was averaged, and no station lies in a cell that is "
            "judged."
        )
    ordered = {name: tables[name] for name in TITLES if name in tables}
    judging = None if not inside.any() else own if at is None else at
    return Judges(ordered, judging, 0.0 if at is None else hours, note)


def network_change(daily: xr.Dataset, at: xr.Dataset) -> pd.DataFrame:
    """Return how the network's soil moisture at the overpass differs from its mean of the UTC day.

    Parameters
    ----------
    daily, at : xarray.Dataset
        Daily means (time, station) and values at the overpass (orbit, time, station) of the same stations.

    Returns
    -------
    pandas.DataFrame
        date, orbit, change (m³ m⁻³): the network's state (`smgee.models.state`) of what changes at every
        station that has both, so that neither its level nor how much it usually changes till the pass counts
        when it falls silent; passes at which no station has both are left out.
    """
    days = daily["soil_moisture"].reindex(time=at["time"].values)
    apart = (at["soil_moisture"] - days).transpose("orbit", "station", "time")
    tables = []
    for orbit, values in zip(apart["orbit"].values, apart.values.astype("f8"), strict=True):
        change = pd.Series(network_mean(values, station_effects(values)), apart["time"].values).dropna()
        tables.append(pd.DataFrame({"date": change.index, "orbit": str(orbit), "change": change.to_numpy()}))
    return pd.concat(tables, ignore_index=True)


def _moved(means: pd.DataFrame, change: pd.DataFrame) -> pd.DataFrame:
    """Return means of days at every overpass that the network tells of."""
    table = means.assign(date=pd.to_datetime(means["date"])).merge(change, on="date", how="inner")
    moved = table["soil_moisture"] + table.pop("change")
    return table.assign(soil_moisture=moved.clip(lower=0.0))


def _inside(daily: xr.Dataset, cells: Sequence[EaseCell]) -> np.ndarray:
    """Return which stations lie in any of the cells."""
    wanted, grids = set(cells), {c.grid for c in cells}
    places = zip(daily["lon"].values, daily["lat"].values, strict=True)
    return np.array(
        [any(ease_cell_at(float(x), float(y), g) in wanted for g in grids) for x, y in places], bool
    )
