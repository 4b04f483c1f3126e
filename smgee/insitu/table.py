"""Plain tables of one network (CSV, parquet, Excel), wide or long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import InputError, MissingDataError
from smgee.insitu.dataset import Record, combine
from smgee.insitu.quality import check_celsius, check_fractions, check_scale, check_times, flag_mask

__all__ = ["ALIASES", "open_table", "read_table"]

ALIASES = {
    "station": ("station", "station_id", "stationid", "site", "site_id", "name", "id"),
    "lon": ("lon", "longitude", "long", "x"),
    "lat": ("lat", "latitude", "y"),
    "elevation": ("elevation", "elev", "altitude", "alt", "height", "z"),
}
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
        Hours by which the table's clock is ahead of UTC (8 for China Standard Time).
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
        frame = _melt(table, time, columns, path, clock)
        if temperature_path is not None:
            second = Path(temperature_path)
            warm = _melt(open_table(second, sheet), time, columns, second, clock).rename(
                columns={"value": "temperature"}
            )
            frame = frame.merge(
                warm, on=["station", "time"], how="outer", validate="1:1" if duplicates == "error" else None
            )
    else:
        _require(table, [time, station], path)
        if stations is None and lon is None and lat is None:
            taken = {time, station, soil_moisture, soil_temperature, flag, elevation}
            lon, lat, height = _own_places(table, taken)
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
        _require(table, [time, *named.values()], path)
        frame = pd.DataFrame({ours: table[theirs] for ours, theirs in named.items()})
        frame["time"] = _times(table[time], time, path, clock)
        if frame["station"].isna().any():
            raise InputError(
                f"{path.name} has {int(frame['station'].isna().sum())} rows without a station in column "
                f"{station!r}; name it in "
                "every row."
            )
        frame["station"] = frame["station"].astype(str).str.strip()
    for column in ("value", "temperature"):
        if column in frame:
            frame[column] = _numbers(frame[column], path, missing)
    frame["value"] *= _UNITS[unit]
    if "temperature" in frame:
        frame["temperature"] -= _KELVIN[temperature_unit]
    places = _places(stations, frame, path)

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


def open_table(path: Path, sheet: str | int = 0) -> pd.DataFrame:
    """Return a table as it is in its file; `InputError` where it cannot be read."""
    if not path.is_file():
        raise InputError(f"{path} does not exist; give a CSV, parquet or Excel file.")
    suffix = path.suffix.lower()
    try:
        if suffix in (".csv", ".txt", ".tsv"):
            # The sniffing reader is slow; it is only asked when the file is not plain comma-separated.
            with path.open(encoding="utf-8-sig") as f:
                header = f.readline()
            if "," in header:
                return pd.read_csv(path, encoding="utf-8-sig", low_memory=False)
            return pd.read_csv(path, sep=None, engine="python", encoding="utf-8-sig")
        if suffix == ".parquet":
            table = pd.read_parquet(path)
            return table.reset_index() if table.index.names != [None] else table
        if suffix in (".xlsx", ".xls"):
            return pd.read_excel(path, sheet_name=sheet)
    except ImportError as error:
        raise InputError(
            f"{path.name} cannot be opened because a reader is not installed ({error}); save it as CSV."
        ) from error
    except Exception as error:
        raise InputError(f"{path.name} cannot be read as a {suffix[1:]} table ({error}).") from error
    raise InputError(
        f"{path.name} has the ending {suffix!r}; .csv, .txt, .tsv, .parquet, .xlsx and .xls are read."
    )


def _require(table: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    absent = [c for c in columns if c not in table.columns]
    if absent:
        raise InputError(
            f"{path.name} has no column {absent[0]!r}; its columns are "
            f"{', '.join(map(str, table.columns[:20]))}."
        )


def _times(column: pd.Series, name: str, path: Path, clock: tuple[float, str | None]) -> pd.Series:
    offset, time_format = clock
    if time_format is None and pd.api.types.is_numeric_dtype(column):
        raise InputError(
            f"Column {name!r} of {path.name} holds plain numbers, which are no dates; name the column of "
            "dates, or give "
            "time_format (--time-format), such as %Y%m%d."
        )
    try:
        if time_format is not None:
            times = pd.to_datetime(column.astype(str), format=time_format, utc=True)
        else:
            # Only ISO 8601 is taken without a format: 05/06/2021 is a guess between two months.
            times = pd.to_datetime(column, utc=True, format="ISO8601")
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"Column {name!r} of {path.name} is not readable as dates and times such as 2021-05-31 13:30 "
            f"({str(error).splitlines()[0]}); give time_format (--time-format) where they are written "
            "otherwise."
        ) from error
    zoned = (
        getattr(column.dtype, "tz", None) is not None
        or column.astype(str).str.contains(r"\d\d:\d\d.*(?:Z|[+-]\d\d:?\d\d)$", regex=True).any()
    )
    if not zoned:
        times = times - pd.Timedelta(hours=offset)
    elif offset:
        raise InputError(
            f"Column {name!r} of {path.name} states its time zone; leave utc_offset_hours (--utc-offset) at "
            "0."
        )
    return times.dt.tz_localize(None).astype("datetime64[ns]")


def _melt(
    table: pd.DataFrame,
    time: str,
    columns: Sequence[str] | Mapping[str, str] | None,
    path: Path,
    clock: tuple[float, str | None],
) -> pd.DataFrame:
    _require(table, [time], path)
    if columns is None:
        wanted = {str(c): c for c in table.columns if c != time and not str(c).startswith("Unnamed:")}
    else:
        wanted = dict(columns) if isinstance(columns, Mapping) else {c: c for c in columns}
    if not wanted:
        raise MissingDataError(
            f"{path.name} has no column beside {time!r}; a wide table has one column per station."
        )
    _require(table, list(wanted.values()), path)
    wide = pd.DataFrame({name: table[column] for name, column in wanted.items()})
    wide["time"] = _times(table[time], time, path, clock)
    return wide.melt(id_vars="time", var_name="station", value_name="value")


def _numbers(column: pd.Series, path: Path, missing: Sequence[float]) -> pd.Series:
    try:
        numbers = pd.to_numeric(column).astype(float)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{path.name} holds something that is not a number ({error}); name the station columns "
            "(columns=, --column) if "
            "others are there."
        ) from error
    return numbers.mask(numbers.isin(missing))


def _own_places(table: pd.DataFrame, taken: set[str | None]) -> tuple[str | None, str | None, str | None]:
    """Return the columns of longitude, latitude and elevation of a long table by their usual names; none
    without the first two.
    """
    lower = {str(c).strip().lower(): c for c in table.columns if c not in taken}
    # In a table of records, z and height may be those of the sensor, so they are not taken for the station's
    # elevation.
    names = ALIASES | {"elevation": ("elevation", "elev", "altitude")}
    lon, lat, elevation = (
        next((lower[a] for a in names[k] if a in lower), None) for k in ("lon", "lat", "elevation")
    )
    return (lon, lat, elevation) if lon is not None and lat is not None else (None, None, None)


def _places(
    stations: str | Path | pd.DataFrame | None, frame: pd.DataFrame, path: Path
) -> dict[str, dict[str, object]]:
    """Return {station: {lon, lat, elevation}} from the table of places or from the long table's own
    columns.
    """
    names = sorted(frame["station"].unique())
    own = [c for c in ("lon", "lat", "elevation") if c in frame]
    if stations is None:
        if not own:
            return {}
        spread = frame.groupby("station")[own].nunique()
        if (spread > 1).to_numpy().any():
            moving = spread.index[(spread > 1).any(axis=1)][0]
            raise InputError(
                f"{path.name} gives station {moving} more than one place; coordinates must be constant for "
                "each station."
            )
        try:
            return frame.groupby("station")[own].first().astype(float).to_dict("index")  # type: ignore[return-value]
        except (ValueError, TypeError) as error:
            raise InputError(f"{path.name} holds a coordinate that is not a number ({error}).") from error
    label = "the table of places" if isinstance(stations, pd.DataFrame) else Path(stations).name
    table = stations if isinstance(stations, pd.DataFrame) else open_table(Path(stations), 0)
    lower = {str(c).strip().lower(): c for c in table.columns}
    found = {ours: next((lower[a] for a in aliases if a in lower), None) for ours, aliases in ALIASES.items()}
    for needed in ("station", "lon", "lat"):
        if found[needed] is None:
            raise InputError(
                f"{label} has no column for {needed}; name it {' or '.join(ALIASES[needed][:2])}."
            )
    table = table.rename(columns={theirs: ours for ours, theirs in found.items() if theirs is not None})
    table["station"] = table["station"].astype(str).str.strip()
    if table["station"].duplicated().any():
        raise InputError(
            f"{label} lists station {table['station'][table['station'].duplicated()].iloc[0]} twice; list "
            "each station once."
        )
    table = table.set_index("station")
    unknown = [n for n in names if n not in table.index]
    if unknown:
        raise InputError(
            f"{label} does not list {', '.join(unknown[:5])}{' and others' if len(unknown) > 5 else ''}; "
            "every station of "
            f"{path.name} needs a place."
        )
    kept = [c for c in ("lon", "lat", "elevation") if c in table]
    try:
        return table.loc[names, kept].astype(float).to_dict("index")  # type: ignore[return-value]
    except (ValueError, TypeError) as error:
        raise InputError(f"{label} holds a coordinate that is not a number ({error}).") from error
