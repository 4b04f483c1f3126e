"""Plain tables of one network (CSV, parquet, Excel), wide or long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import InputError, MissingDataError
from smgee.insitu.columns import (
    melt_stations,
    open_table,
    own_places,
    parse_numbers,
    parse_times,
    places_of,
    require_columns,
)
from smgee.insitu.dataset import Record, combine
from smgee.insitu.quality import check_celsius, check_fractions, check_scale, check_times, flag_mask

_FARTHEST_CLOCK = 14  # hours ahead of UTC, in Kiritimati
_KELVIN = {"degC": 0.0, "K": 273.15}
_UNITS = {"m3 m-3": 1.0, "m3/m3": 1.0, "1": 1.0, "%": 0.01, "percent": 0.01}


def read_table(
    path: str | Path,
    *,
    time: str = "time",
    station: str | None = None,
    soil_moisture: str | None = None,
    soil_temperature: str | None = None,
    columns: Sequence[str] | Mapping[str, str] | None = None,
    temperature_path: str | Path | None = None,
    flag: str | None = None,
    good: Iterable[str] = ("G",),
    stations: str | Path | pd.DataFrame | None = None,
    lon: str | None = None,
    lat: str | None = None,
    elevation: str | None = None,
    depth_m: tuple[float, float] | float = (np.nan, np.nan),
    unit: str = "m3 m-3",
    temperature_unit: str = "degC",
    missing: Sequence[float] = (-9999.0, -999.0, -99.0),
    utc_offset_hours: float = 0.0,
    time_format: str | None = None,
    network: str = "",
    sheet: str | int = 0,
    duplicates: str = "error",
) -> xr.Dataset:
    """Read the stations of one network from a plain table.

    Parameters
    ----------
    path : path-like
        ``.csv``, ``.txt``, ``.tsv`` (any delimiter), ``.parquet``, ``.xlsx`` or ``.xls``.
    time : str
        Column of dates and times. Times that carry a zone are turned into UTC; others are taken as UTC plus
        `utc_offset_hours`.
    station, soil_moisture : str, optional
        **Long layout** (one row per station and time): both are given, and name the columns. Without
        `station` the table is **wide**: every column other than `time` is one station's soil moisture.
    soil_temperature : str, optional
        Long layout: column of soil temperature, °C.
    columns : sequence or mapping, optional
        Wide layout: the columns to read, or {station name: column}.
    temperature_path : path-like, optional
        Wide layout: a second table of the same shape holding soil temperature, °C.
    flag, good : str and iterable of str, optional
        Long layout: column of quality flags, and the flags that mean a good record. Others become NaN (bit
        ``X`` of ``flags``).
    stations : path-like or DataFrame, optional
        Table of places: columns station (or station_id, site, name), lon, lat and, if known, elevation. It
        may list more stations than the data hold, not fewer. Without it, and without coordinates in a long
        table, they stay NaN.
    lon, lat, elevation : str, optional
        Long layout: columns of coordinates (degrees, m), constant for each station. Without them, and without
        `stations`, columns with the usual names (lon or longitude, lat or latitude, elevation ...) are taken
        if both lon and lat are there.
    depth_m : (float, float) or float
        Depth range of the sensors, or the depth of a point probe, m.
    unit : {"m3 m-3", "%"}
        Unit of soil moisture; never guessed.
    temperature_unit : {"degC", "K"}
        Unit of soil temperature; never guessed, but kelvin that are called °C are refused.
    missing : sequence of float
        Numbers that stand for "no value".
    utc_offset_hours : float
        Hours by which the table's clock is ahead of UTC (8 for China Standard Time). A table of dates without
        hours holds days of that clock; each counts for the UTC day in which most of it lies.
    time_format : str, optional
        `strptime` format of the time column, needed where it holds plain numbers (``%Y%m%d``).
    network : str
        Name of the network.
    sheet : str or int
        Excel sheet.
    duplicates : {"error", "first", "mean"}
        What to do with repeated times of one station.

    Returns
    -------
    xarray.Dataset
        See `smgee.insitu.dataset.combine`.

    Raises
    ------
    InputError
        Columns that are not there, unreadable times, per cent where fractions were announced, kelvin where °C
        were, repeated times, impossible coordinates, or stations without a place in `stations`.
    """
    path = Path(path)
    if unit not in _UNITS:
        raise InputError(f"The soil moisture unit {unit!r} is not known; choose one of {', '.join(_UNITS)}.")
    if temperature_unit not in _KELVIN:
        raise InputError(
            f"The soil temperature unit {temperature_unit!r} is not known; choose one of "
            f"{', '.join(_KELVIN)}."
        )
    if duplicates not in ("error", "first", "mean"):
        raise InputError(
            f"duplicates={duplicates!r} (--duplicates) is not known; choose 'error', 'first' or 'mean'."
        )
    if not abs(utc_offset_hours) <= _FARTHEST_CLOCK:
        raise InputError(
            f"utc_offset_hours={utc_offset_hours:g} (--utc-offset) is no clock on the Earth; give hours "
            f"between -{_FARTHEST_CLOCK} and {_FARTHEST_CLOCK}, such as 8."
        )
    if (station is None) != (soil_moisture is None):
        raise InputError(
            "A long table needs both columns, station= and soil_moisture= (--station-column and "
            "--moisture-column); a wide one neither."
        )
    table = open_table(path, sheet)
    clock = (utc_offset_hours, time_format)
    if station is None:
        if lon is not None or lat is not None or elevation is not None:
            raise InputError(
                "A wide table has no columns of coordinates (lon=, lat=, elevation=); give a table of places "
                "(stations=, --places)."
            )
        frame = melt_stations(table, time, columns, path, clock)
        if temperature_path is not None:
            second = Path(temperature_path)
            warm = melt_stations(open_table(second, sheet), time, columns, second, clock).rename(
                columns={"value": "temperature"}
            )
            frame = frame.merge(
                warm, on=["station", "time"], how="outer", validate="1:1" if duplicates == "error" else None
            )
    else:
        require_columns(table, [time, station], path)
        if stations is None and lon is None and lat is None:
            taken = {time, station, soil_moisture, soil_temperature, flag, elevation}
            lon, lat, height = own_places(table, taken)
            elevation = elevation or height
        elif (lon is None) != (lat is None):
            raise InputError(
                "Name the columns of both longitude and latitude (lon=, lat=; --lon-column, --lat-column)."
            )
        wanted = {
            "station": station,
            "value": soil_moisture,
            "temperature": soil_temperature,
            "flag": flag,
            "lon": lon,
            "lat": lat,
            "elevation": elevation,
        }
        named = {ours: theirs for ours, theirs in wanted.items() if theirs is not None}
        require_columns(table, [time, *named.values()], path)
        frame = pd.DataFrame({ours: table[theirs] for ours, theirs in named.items()})
        frame["time"] = parse_times(table[time], time, path, clock)
        if frame["station"].isna().any():
            raise InputError(
                f"{path.name} has {int(frame['station'].isna().sum())} rows without a station in column "
                f"{station!r}; name it in "
                "every row."
            )
        frame["station"] = frame["station"].astype(str).str.strip()
    for column in ("value", "temperature"):
        if column in frame:
            frame[column] = parse_numbers(frame[column], path, missing)
    frame["value"] *= _UNITS[unit]
    if "temperature" in frame:
        frame["temperature"] -= _KELVIN[temperature_unit]
    places = places_of(stations, frame, path)

    depth_from, depth_to = depth_m if isinstance(depth_m, tuple) else (depth_m, depth_m)
    records = []
    for name, rows in frame.groupby("station", sort=True):
        rows = rows.set_index("time")
        if duplicates == "error":
            check_times(pd.DatetimeIndex(rows.index), f"{path.name}, station {name},")
        bits = np.where(rows["value"].notna(), flag_mask(["G"]), flag_mask(["M"])).astype(np.uint16)
        if "flag" in rows:
            kept = rows["flag"].astype(str).isin([str(g) for g in good]).to_numpy()
            bits[~kept & rows["value"].notna().to_numpy()] = flag_mask(["X"])
            rows["value"] = rows["value"].where(kept)
        rows["bits"] = bits
        if duplicates == "first":
            rows = rows[~rows.index.duplicated()]
        elif duplicates == "mean" and rows.index.has_duplicates:
            numeric = [c for c in ("value", "temperature") if c in rows]
            grouped = rows.groupby(level=0)
            rows = (
                grouped[numeric]
                .mean()
                .assign(bits=grouped["bits"].agg(np.bitwise_or.reduce).astype(np.uint16))
            )
        rows = rows.sort_index()
        check_fractions(rows["value"].to_numpy(), f"{path.name}, station {name},")
        warm_series = (
            rows["temperature"] if "temperature" in rows and rows["temperature"].notna().any() else None
        )
        if warm_series is not None:
            check_celsius(warm_series.to_numpy(float), f"{path.name}, station {name},")
        site = {
            "network": network,
            "depth_from": float(depth_from),
            "depth_to": float(depth_to),
            **places.get(str(name), {}),
        }
        records.append(Record(str(name), rows["value"], rows["bits"].astype(np.uint16), warm_series, site))
    if flag is not None and not any(r.soil_moisture.notna().any() for r in records):
        seen = ", ".join(sorted(frame["flag"].astype(str).unique())[:8])
        raise MissingDataError(
            f"{path.name} has no record whose flag is one of {', '.join(map(str, good))}; the column "
            f"{flag!r} holds {seen}."
        )
    check_scale(
        np.concatenate([r.soil_moisture.to_numpy(float) for r in records]) if records else np.empty(0),
        f"Soil moisture of {path.name}",
        factor=_UNITS[unit],
        applied=f"unit {unit!r}",
        remedy="give the unit that the table is in (unit=, --unit)",
    )
    return combine(
        records,
        source=path.name,
        attrs={"title": "in situ soil moisture", "table_clock": f"UTC{utc_offset_hours:+g} h, or as written"},
    )
