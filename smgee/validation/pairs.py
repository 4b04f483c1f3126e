"""SMAP and its references become pairs: pass by pass, on the calendar that each reference has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from smgee.errors import InputError
from smgee.grid import EASE_GRIDS, EaseCell
from smgee.insitu.overpass import overpass_times

ORBITS: Mapping[str, str] = {"AM": "descending", "PM": "ascending"}
"""Direction of the satellite, by suffix of the level-3 bands; its hour is in `smgee.insitu.overpass`."""

UPSCALED, FOOTPRINT, PLAIN = "upscaled", "upscaled_footprint", "insitu_mean"
CROSS_FITTED = "upscaled_cross_fitted"
"""The map in which every pixel is drawn by a model that has not seen the station nearest to it."""


def matched(
    smap: pd.DataFrame,
    references: Mapping[str, pd.DataFrame],
    *,
    common: bool = False,
    periods: pd.DataFrame | None = None,
    recommended_only: bool = True,
    day: str = "utc",
) -> Iterator[tuple[EaseCell, str, dict[str, pd.DataFrame]]]:
    """Yield the pairs of every cell and orbit: the 36 km cells first, AM before PM.

    Parameters
    ----------
    smap, references, common, periods, recommended_only, day
        See `smgee.validation.smap.validate`.

    Yields
    ------
    (EaseCell, str, dict of str to pandas.DataFrame)
        By reference: date (of its calendar), filed (date of the product), smap, reference (m³ m⁻³), and what
        else its table says, in order of time.
    """
    if day not in ("utc", "solar"):
        raise InputError(f"day={day!r} is not known; choose 'utc' or 'solar'.")
    if not references:
        raise InputError(
            "No reference was given; pass the zonal means of the maps, the in situ means, or both."
        )
    satellite = _checked_smap(smap)
    if recommended_only:
        satellite = satellite[satellite["flag"] == 0]
    tables = {name: _checked_reference(table, name) for name, table in references.items()}
    cells = sorted(
        (EaseCell.from_name(name) for name in set(smap["cell"])),
        key=lambda c: (-EASE_GRIDS[c.grid].cell_size, c.name),
    )
    by_cell = {key: dict(iter(t.groupby("cell", sort=False))) for key, t in tables.items()}
    seen = dict(iter(satellite.groupby(["cell", "orbit"], sort=False)))
    for cell in cells:
        own = {key: parts.get(cell.name, tables[key].iloc[:0]) for key, parts in by_cell.items()}
        for orbit in ORBITS:
            passes = seen.get((cell.name, orbit), satellite.iloc[:0])
            series = {
                d: _by_reference_day(passes, orbit, cell.center[0], d) for d in dict.fromkeys(("utc", day))
            }
            if periods is not None:
                series = {d: select_dates(table, periods) for d, table in series.items()}
            paired = {key: _pair(series["utc" if "orbit" in t else day], t, orbit) for key, t in own.items()}
            yield cell, orbit, _common(paired) if common else paired


def overpass_dates(dates: Any, orbit: str, lon: float) -> pd.DatetimeIndex:
    """Return the local solar dates of overpasses that the product files under UTC dates.

    Far from Greenwich the two differ, see `smgee.insitu.overpass.overpass_times`. References made of local
    solar days (``daily_means(..., day="solar")``) have to be joined on this date; those of UTC days on the
    product's own.

    Parameters
    ----------
    dates : datetimes
        UTC dates of the product.
    orbit : {"AM", "PM"}
        Which overpass.
    lon : float
        Degrees east.
    """
    local = overpass_times(dates, orbit, lon) + pd.Timedelta(hours=lon / 15.0)
    return pd.DatetimeIndex(local).normalize().as_unit("ns")


def select_dates(table: pd.DataFrame, periods: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of a table with a ``date`` inside any of the periods (columns start, end; inclusive), as
    `unfrozen_periods` gives them."""
    dates = pd.to_datetime(table["date"])
    keep = np.zeros(len(table), bool)
    for start, end in zip(pd.to_datetime(periods["start"]), pd.to_datetime(periods["end"]), strict=True):
        keep |= ((dates >= start) & (dates <= end)).to_numpy()
    return table[keep]


def _checked_smap(smap: pd.DataFrame) -> pd.DataFrame:
    absent = [c for c in ("date", "orbit", "cell", "soil_moisture", "flag") if c not in smap]
    if absent:
        raise InputError(
            f"The SMAP table has no column {absent[0]!r}; it needs date, orbit, cell, soil_moisture and flag."
        )
    unknown = sorted(set(smap["orbit"]) - set(ORBITS))
    if unknown:
        raise InputError(
            f"The SMAP table holds the orbit {unknown[0]!r}; AM (descending) and PM (ascending) are known."
        )
    table = smap.assign(date=pd.to_datetime(smap["date"]).dt.normalize().astype("datetime64[ns]"))
    twice = table.duplicated(["date", "orbit", "cell"])
    if twice.any():
        at = table[twice].iloc[0]
        raise InputError(
            f"The SMAP table holds {int(twice.sum())} repeated rows, the first {at['date']:%Y-%m-%d} "
            f"{at['orbit']} {at['cell']}; keep one each."
        )
    values = table["soil_moisture"].to_numpy(float)
    if np.nanmax(values, initial=0) > 1.5 or np.nanmin(values, initial=0) < 0:
        raise InputError(
            "The SMAP table holds soil moisture outside 0…1 m3 m-3; turn fill values into NaN and per cent "
            "into fractions."
        )
    return table


def _checked_reference(table: pd.DataFrame, name: str) -> pd.DataFrame:
    absent = [c for c in ("date", "cell", "soil_moisture") if c not in table]
    if absent:
        raise InputError(
            f"The table of the reference {name} has no column {absent[0]!r}; it needs date, cell and "
            "soil_moisture."
        )
    table = table.assign(date=pd.to_datetime(table["date"]).dt.normalize().astype("datetime64[ns]"))
    if table.duplicated(["date", "cell", *(["orbit"] if "orbit" in table else [])]).any():
        raise InputError(
            f"The table of the reference {name} holds the same date and cell more than once; keep one row "
            "each."
        )
    return table


def _pair(series: pd.DataFrame, reference: pd.DataFrame, orbit: str) -> pd.DataFrame:
    """Return date, smap and reference of every pass, and what else the reference's table says of it."""
    if "orbit" in reference:
        reference = reference[reference["orbit"] == orbit]
    kept = [c for c in ("coverage", "n_stations", "std") if c in reference]
    named = {"soil_moisture": "reference", "std": "spread"}
    right = reference[["date", "soil_moisture", *kept]].rename(columns=named)
    return series.merge(right, on="date", how="inner").sort_values("date", ignore_index=True)


def _by_reference_day(passes: pd.DataFrame, orbit: str, lon: float, day: str) -> pd.DataFrame:
    """Return date (of the reference's calendar), filed (date of the product) and smap."""
    filed = pd.DatetimeIndex(passes["date"])
    dates = filed
    if day == "solar":
        dates = overpass_dates(filed, orbit, lon)
        if "time" in passes:
            seen = pd.to_datetime(passes["time"]) + pd.Timedelta(hours=lon / 15.0)
            dates = pd.DatetimeIndex(np.where(seen.notna(), seen.dt.normalize(), dates)).as_unit("ns")
    table = pd.DataFrame({"date": dates, "filed": filed, "smap": passes["soil_moisture"].to_numpy(float)})
    # Near the poles a solar day can hold two passes of one direction.
    return table.groupby("date").agg(filed=("filed", "min"), smap=("smap", "mean")).reset_index()


def _common(paired: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Keep the passes that every reference with any values shares."""
    complete = {key: pairs.dropna(subset=["smap", "reference"]) for key, pairs in paired.items()}
    shared: set[Any] | None = None
    for pairs in complete.values():
        if len(pairs):
            shared = set(pairs["filed"]) if shared is None else shared & set(pairs["filed"])
    return {key: pairs[pairs["filed"].isin(shared or ())] for key, pairs in complete.items()}
