"""A network's table: soil moisture at stations and steps, with what is known of every row and every place.

Unlike `TrainingTable` it keeps rows that cannot be trained on: a row without soil moisture still tells the
rain of its day, and a row without imagery still tells the state of the network.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from smgee.errors import InputError, MissingDataError
from smgee.models.columns import (
    fill_places,
    find_coordinates,
    per_station,
    rows_in_company,
    tell_marks,
    varies,
    without_marks,
)
from smgee.models.rain import is_rain
from smgee.models.reading import (
    CALENDAR,
    check_rows,
    check_target,
    numbers,
    prepare,
    read_described,
)

SPARSE = 0.3
"""A predictor that more than this share of rows lacks costs no row: its gaps are filled and told."""


@dataclass(frozen=True, eq=False)
class NetworkTable:
    """Rows of a network, dense in stations × steps where it helps.

    Parameters
    ----------
    y : (n,) float64
        Soil moisture, m³ m⁻³; NaN where it was not measured.
    station : (n,) int
        Index into `names`.
    step : (n,) int
        Index into `times`.
    names : (s,) str
        Stations, sorted.
    times : (t,) datetime64[ns]
        Steps, ascending: days, or stamps where a station has several in a day.
    dynamic : mapping of str to (n,) float64
        Columns that vary within stations.
    static : mapping of str to (s,) float64
        One value per station.
    scored : (n,) bool
        Rows to train on and to score: soil moisture and all predictors known (see `SPARSE`).
    lon, lat : (s,) float64, optional
        Degrees.
    places : (p, 2) float64, optional
        Longitude and latitude of places that the map is drawn for; a sample of them will do.
    reaching : tuple of str
        Static columns that were told from days of the table: a design that holds days out cannot hold them
        out there, and is skipped.
    target : str
        Name of the soil moisture column.
    calendar : bool
        Whether the day of year may be learned from.
    dropped : mapping of str to int
        Rows that are not scored, by reason.
    notes : tuple of str
        What was decided about the columns, in sentences.
    synthetic : bool
        Whether the rows come from the synthetic basin.
    units : mapping of str to str
        Units by column, as far as known.
    source : str
        Name of the file.
    groups : tuple of str, optional
        Groups of features that may be made (see `smgee.models.features`); all by default.
    rain : tuple of str
        Dynamic columns that are rain of their step.
    """

    y: np.ndarray
    station: np.ndarray
    step: np.ndarray
    names: np.ndarray
    times: np.ndarray
    dynamic: Mapping[str, np.ndarray]
    static: Mapping[str, np.ndarray]
    scored: np.ndarray
    target: str
    lon: np.ndarray | None = None
    lat: np.ndarray | None = None
    places: np.ndarray | None = None
    reaching: tuple[str, ...] = ()
    calendar: bool = False
    dropped: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    synthetic: bool = False
    units: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    groups: tuple[str, ...] | None = None
    rain: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.y)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of stations and of steps."""
        return len(self.names), len(self.times)

    @property
    def scored_names(self) -> np.ndarray:
        """Stations that have a row to train on and to score, sorted."""
        return self.names[np.unique(self.station[self.scored])]

    @cached_property
    def days(self) -> np.ndarray:
        """Time of every step in days since 1970, shape (t,) float64."""
        return self.times.astype("datetime64[s]").astype("f8") / 86400.0

    def grid(self, values: np.ndarray) -> np.ndarray:
        """Values of rows as stations × steps, NaN where there is no row."""
        out = np.full(self.shape, np.nan)
        out[self.station, self.step] = values
        return out

    def rows(self, grid: np.ndarray) -> np.ndarray:
        """Values of stations × steps at the rows, shape (n,)."""
        return grid[self.station, self.step]

    @classmethod
    def read(cls, path: str | os.PathLike[str], **options: Any) -> NetworkTable:
        """Read a CSV, parquet or Excel file; `options` are those of `from_frame`.

        Raises
        ------
        InputError
            If the file cannot be read, or neither it nor the options say which columns are which.
        """
        frame, chosen = read_described(path, options)
        return cls.from_frame(frame, **chosen)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        target: str,
        predictors: Sequence[str] = (),
        static: Sequence[str] = (),
        station: str | Sequence[str] = "station",
        time: str = "date",
        lon: str | None = None,
        lat: str | None = None,
        where: str | None = None,
        derive: Mapping[str, str] | None = None,
        target_scale: float = 1.0,
        synthetic: bool = False,
        units: Mapping[str, str] | None = None,
        source: str = "",
        groups: Sequence[str] | None = None,
        rain: Sequence[str] | None = None,
        time_format: str | None = None,
        company: bool = True,
    ) -> NetworkTable:
        """Check a data frame of stations and times.

        Columns named as predictors that never change within a station are taken as static; columns named as
        static that do change are refused. Rain, and a predictor that more than `SPARSE` of the rows lack, are
        filled later (see `smgee.models.features`) and cost no row; a row without any other predictor is not
        scored, nor one that no other station reports near in time.

        Parameters
        ----------
        frame : pandas.DataFrame
            One row per station and time.
        target : str
            Column of soil moisture, as a fraction (m³ m⁻³) after `target_scale`.
        predictors, static : sequence of str
            Columns that vary in time, and columns of the place. ``doy`` is made where it is named.
        station, time, where, derive, target_scale, synthetic, units, source, time_format
            As for `TrainingTable.from_frame`.
        lon, lat : str, optional
            Columns of the coordinates, degrees; by default those with the usual names, if there are any.
        groups : sequence of str, optional
            Groups of features that may be made; all by default.
        rain : sequence of str, optional
            Columns that are rain of their step; by default those that are named so (`rain.is_rain`).
        company : bool
            Whether rows that no other station reports near in time are left out of the score.

        Raises
        ------
        InputError
            For a missing or non-numeric column, two rows of one station and time, a target that is no
            fraction, fewer than two stations, or a static column that changes.
        MissingDataError
            If no row can be scored.
        """
        label = f"the table {source}" if source else "the table"
        columns = [station] if isinstance(station, str) else list(station)
        frame = prepare(
            frame,
            [*predictors, *static],
            target=target,
            station=columns,
            time=time,
            time_format=time_format,
            derive=derive,
            where=where,
            label=label,
        )
        named = frame[columns].astype("string")
        known = ~(named.isna().any(axis=1) | frame[time].isna())
        dropped = {"no station or time": int((~known).sum())}
        frame, named = frame[known], named[known]
        labels = named.agg("/".join, axis=1) if len(columns) > 1 else named[columns[0]]
        y = numbers(frame, target) * target_scale
        if not np.isfinite(y).any():
            raise MissingDataError(f"No row of {label} has a value of {target!r}; choose other rows.")
        check_target(y[~np.isnan(y)], target, target_scale)
        names, index = np.unique(labels.to_numpy(dtype=str), return_inverse=True)
        stamps = frame[time].to_numpy(dtype="datetime64[ns]")
        check_rows(names[index], stamps, columns, time)
        steps = stamps.astype("datetime64[D]").astype("datetime64[ns]")
        if pd.DataFrame({"s": index, "t": steps}).duplicated().any():
            steps = stamps  # several rows of a station in one day: each stamp is a step of its own
        times, step = np.unique(steps, return_inverse=True)

        marks: dict[str, dict[float, int]] = {}

        def read(name: str) -> np.ndarray:
            values, marks[name] = without_marks(_finite(numbers(frame, name)))
            return values

        moving = {name: read(name) for name in predictors if name != CALENDAR}
        fixed = {name: per_station(read(name), index, len(names), name) for name in static}
        notes = [*tell_marks(marks)]
        still = [n for n, v in moving.items() if not varies(v, index, len(names))]
        for name in still:
            fixed[name] = per_station(moving.pop(name), index, len(names), name)
        if still:
            notes.append(f"Never changing within a station, so taken as static: {', '.join(still)}.")
        empty = [n for n, v in {**moving, **fixed}.items() if not np.isfinite(v).any()]
        if empty:
            raise InputError(f"{', '.join(empty)} hold no number in the rows chosen; leave them out.")
        fixed, filled = fill_places(fixed)
        wet = _rain_of(moving, rain)
        if wet:
            notes.append(f"Taken as rain of the step, of which the soil keeps a memory: {', '.join(wet)}.")
        elif groups is None and moving:
            notes.append("No column was taken for rain; if one is rain of its step, name it (--rain).")
        notes += filled
        absent = {n: np.isnan(v[~np.isnan(y)]).mean() for n, v in moving.items()}
        sparse = [n for n, share in absent.items() if share > (0 if n in wet else SPARSE)]
        if sparse:
            told = ", ".join(f"{n} ({absent[n]:.0%})" for n in sparse)
            notes.append(f"Gaps are filled instead of rows left out: {told}.")
        strict = [v for n, v in moving.items() if n not in sparse]
        complete = ~np.isnan(np.stack(strict, axis=1)).any(axis=1) if strict else np.ones(len(y), bool)
        alone = ~_in_company(y, index, step, len(names), times) if company else np.zeros(len(y), bool)
        dropped |= {
            f"no {target}": int(np.isnan(y).sum()),
            "missing predictor": int((~complete & ~np.isnan(y)).sum()),
            "no other station near in time": int((alone & complete & ~np.isnan(y)).sum()),
        }
        scored = complete & ~np.isnan(y) & ~alone
        if not scored.any():
            raise MissingDataError(
                f"Of {len(y)} rows none has {target!r}, all predictors and another station near in time; "
                "choose other predictors or rows."
            )
        if np.ptp(y[scored]) == 0.0:
            raise InputError(
                f"The target {target!r} is {y[scored][0]:g} in every row that can be scored, so there is "
                "nothing to learn; choose another column or other rows."
            )
        place, lost = find_coordinates(frame, {"lon": lon, "lat": lat}, index, names, label)
        notes += [lost] if lost else []
        return cls(
            y=y,
            station=index,
            step=step,
            names=names,
            times=times,
            dynamic=moving,
            static=fixed,
            scored=scored,
            target=target,
            calendar=CALENDAR in predictors,
            dropped={reason: count for reason, count in dropped.items() if count},
            notes=tuple(notes),
            synthetic=synthetic,
            units={target: "m3 m-3"} | dict(units or {}),
            source=source,
            groups=None if groups is None else tuple(groups),
            rain=wet,
            lon=place["lon"],
            lat=place["lat"],
        )


def _finite(values: np.ndarray) -> np.ndarray:
    """Infinite values (a ratio with a zero denominator) count as missing."""
    return np.where(np.isfinite(values), values, np.nan)


def _rain_of(moving: Mapping[str, np.ndarray], named: Sequence[str] | None) -> tuple[str, ...]:
    """Columns of rain, as named by the user or by their names."""
    if named is None:
        return tuple(name for name, values in moving.items() if is_rain(name, values))
    unknown = [name for name in named if name not in moving]
    if unknown:
        raise InputError(
            f"{', '.join(unknown)} was named as rain, which must be among the predictors that vary in time: "
            f"{', '.join(moving) or 'there are none'}."
        )
    return tuple(named)


def _in_company(
    y: np.ndarray, station: np.ndarray, step: np.ndarray, count: int, times: np.ndarray
) -> np.ndarray:
    grid = np.full((count, len(times)), np.nan)
    grid[station, step] = y
    return rows_in_company(grid, times.astype("datetime64[s]").astype("f8") / 86400.0)[station, step]
