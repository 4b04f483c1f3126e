"""What is found out about the columns of a user's table: coordinates, marks of missing values, rows apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from smgee.errors import InputError
from smgee.models.reading import numbers, require
from smgee.models.state import LONGEST_GAP

MARKS = (-9999.0, -99999.0, -32768.0, -999.0, -9.99e8, 1e20)
"""Numbers that files write where nothing was measured."""

COORDINATES = {"lon": ("lon", "longitude", "long"), "lat": ("lat", "latitude")}
"""Names, in lower case, that columns of coordinates go by."""


def without_marks(values: np.ndarray) -> tuple[np.ndarray, dict[float, int]]:
    """Values with NaN instead of `MARKS` that stand apart from all others, and how many of each there were.

    A mark stands apart where it lies farther from the other values than these from each other.
    """
    found: dict[float, int] = {}
    any_mark = np.isclose(values[:, None], MARKS, rtol=1e-6).any(axis=1)
    others = values[np.isfinite(values) & ~any_mark]
    for mark in MARKS:
        marked = np.isclose(values, mark, rtol=1e-6)
        if marked.any() and len(others) and np.abs(others - mark).min() > np.ptp(others):
            values = np.where(marked, np.nan, values)
            found[mark] = int(marked.sum())
    return values, found


def per_station(
    values: np.ndarray, station: np.ndarray, count: int, name: str, *, strict: bool = True
) -> np.ndarray:
    """One value per station: the first known one; refused when `strict` and there are several."""
    out = np.full(count, np.nan)
    known = np.flatnonzero(np.isfinite(values))[::-1]
    out[station[known]] = values[known]
    if strict and varies(values, station, count):
        raise InputError(
            f"The column {name!r} was named as static, but it changes within stations; name it among "
            "--predictors."
        )
    return out


def varies(values: np.ndarray, station: np.ndarray, count: int) -> bool:
    """Whether a column changes within a station."""
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    known = ~np.isnan(values)
    np.minimum.at(low, station[known], values[known])
    np.maximum.at(high, station[known], values[known])
    return bool((high > low).any())


def find_coordinates(
    frame: pd.DataFrame,
    named: Mapping[str, str | None],
    station: np.ndarray,
    names: np.ndarray,
    label: str,
) -> tuple[dict[str, np.ndarray | None], str]:
    """Coordinates of the stations, and what is to be said of them.

    Parameters
    ----------
    named : mapping of str to (str or None)
        Columns of ``lon`` and ``lat`` as the user named them; None looks for the usual names.
    station : (n,) int
        Index into `names`, by row.
    names : (s,) str
    label : str
        What the sentences call the table.

    Raises
    ------
    InputError
        For a named column that is absent, or one that holds no numbers.
    """
    require(frame, [name for name in named.values() if name], label)
    columns = {}
    for key, name in named.items():
        usual = [c for c in frame.columns if str(c).lower() in COORDINATES[key]]
        columns[key] = name or (usual[0] if usual else None)
    nowhere: dict[str, np.ndarray | None] = {"lon": None, "lat": None}
    if None in columns.values():
        return nowhere, ""
    place = {
        key: per_station(numbers(frame, str(name)), station, len(names), str(name), strict=False)
        for key, name in columns.items()
    }
    lacking = names[~(np.isfinite(place["lon"]) & np.isfinite(place["lat"]))]
    if len(lacking):
        told = ", ".join(map(str, lacking[:5])) + (", …" if len(lacking) > 5 else "")
        return nowhere, (
            f"Coordinates are left aside, since {len(lacking)} of {len(names)} stations have none ({told}): "
            "no baseline of near stations, no design of blocks."
        )
    return dict(place), ""


def fill_places(fixed: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Static columns with the median of the others where a station lacks one, and what was filled."""
    out, notes = {}, []
    for name, values in fixed.items():
        lacking = ~np.isfinite(values)
        out[name] = np.where(lacking, np.nanmedian(values), values)
        if lacking.any():
            notes.append(
                f"{name} is not known at {int(lacking.sum())} of {len(values)} stations, which get the "
                "median of the others."
            )
    return out, notes


def rows_in_company(grid: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Whether another station reports within `LONGEST_GAP` days, for stations × steps.

    Farther from any other the state of the network is a guess between its neighbours in time: maps are not
    drawn there, so nothing is scored there.
    """
    known = np.isfinite(grid)
    count = known.sum(axis=0)
    near = np.zeros(grid.shape, bool)
    for i, own in enumerate(known):
        there = days[count - own > 0]
        if len(there):
            after = np.minimum(np.searchsorted(there, days), len(there) - 1)
            before = np.maximum(after - 1, 0)
            away = np.minimum(np.abs(there[after] - days), np.abs(there[before] - days))
            near[i] = away <= LONGEST_GAP
    return near


def tell_marks(found: Mapping[str, Mapping[float, int]]) -> Sequence[str]:
    """A sentence where marks were taken for missing values."""
    told = [f"{mark:g} in {name} ({n} rows)" for name, marks in found.items() for mark, n in marks.items()]
    return [f"Taken for missing values: {', '.join(told)}."] if told else []
