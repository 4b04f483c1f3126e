"""Columns of tables that people write: times, stations, numbers and places."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from smgee.errors import InputError, MissingDataError

ALIASES = {
    "station": ("station", "station_id", "stationid", "site", "site_id", "name", "id"),
    "lon": ("lon", "longitude", "long", "x"),
    "lat": ("lat", "latitude", "y"),
    "elevation": ("elevation", "elev", "altitude", "alt", "height", "z"),
}

_TAIL_BYTES = 1 << 20  # the last row of a table is shorter than that


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
                names = next(csv.reader([header]))
                _require_own_names(names, path)
                _require_whole_rows(names, path)
            if "," in header or not any(mark in header.strip() for mark in ";\t| "):
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
    except InputError:
        raise
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path.name} cannot be read as a {suffix[1:]} table ({said:.300}).") from error
    raise InputError(
        f"{path.name} has the ending {suffix!r}; .csv, .txt, .tsv, .parquet, .xlsx and .xls are read."
    )


def _require_own_names(names: Sequence[str], path: Path) -> None:
    """Refuse a table two columns of which have one name: the reader would give one of them another."""
    names = [name.strip() for name in names if name.strip()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path.name} names column {twice[0]!r} twice; give every column a name of its own.")


def _require_whole_rows(names: Sequence[str], path: Path) -> None:
    """Refuse a table cut off within its last row: half a number would be read as a whole one."""
    with path.open("rb") as f:
        f.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        _, mark, last = f.read().rpartition(b"\n")
    if mark and last.strip() and b'"' not in last and last.count(b",") < len(names) - 1:
        raise InputError(
            f"{path.name} ends within a row, of {last.count(b',') + 1} columns instead of {len(names)}: it "
            "was written or copied in part only. Get the whole file, or remove its last row."
        )


def require_columns(table: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    """Refuse a table that lacks a column."""
    absent = [c for c in columns if c not in table.columns]
    if absent:
        raise InputError(
            f"{path.name} has no column {absent[0]!r}; its columns are "
            f"{', '.join(map(str, table.columns[:20]))}."
        )


def parse_times(column: pd.Series, name: str, path: Path, clock: tuple[float, str | None]) -> pd.Series:
    """Return a column of dates and times as UTC without zone.

    `clock` is the hours that the table's clock is ahead of UTC, and the format of its times, where given.
    Dates without hours, of a clock that is not UTC, are told by their noon: most of such a day lies in the
    UTC day that it is then filed under. Midnight would file those of the east a day early.
    """
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
        times = times.dt.as_unit("ns")  # years that nanoseconds can't count are refused here
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"Column {name!r} of {path.name} is not readable as dates and times such as 2021-05-31 13:30 "
            f"({str(error).splitlines()[0].partition('. You might')[0]}); give time_format (--time-format) "
            "where they are written otherwise."
        ) from error
    zoned = (
        getattr(column.dtype, "tz", None) is not None
        or column.astype(str).str.contains(r"\d\d:\d\d.*(?:Z|[+-]\d\d:?\d\d)$", regex=True).any()
    )
    if not zoned:
        days = offset != 0 and bool((times.dropna() == times.dropna().dt.normalize()).all())
        times = times - pd.Timedelta(hours=offset - 12 if days else offset)
    elif offset:
        raise InputError(
            f"Column {name!r} of {path.name} states its time zone; leave utc_offset_hours (--utc-offset) at "
            "0."
        )
    return times.dt.tz_localize(None).astype("datetime64[ns]")


def melt_stations(
    table: pd.DataFrame,
    time: str,
    columns: Sequence[str] | Mapping[str, str] | None,
    path: Path,
    clock: tuple[float, str | None],
) -> pd.DataFrame:
    """Return a wide table, of a column per station, as rows of station, time and value."""
    require_columns(table, [time], path)
    if columns is None:
        wanted = {str(c): c for c in table.columns if c != time and not str(c).startswith("Unnamed:")}
    else:
        wanted = dict(columns) if isinstance(columns, Mapping) else {c: c for c in columns}
    if not wanted:
        raise MissingDataError(
            f"{path.name} has no column beside {time!r}; a wide table has one column per station."
        )
    require_columns(table, list(wanted.values()), path)
    wide = pd.DataFrame({name: table[column] for name, column in wanted.items()})
    wide["time"] = parse_times(table[time], time, path, clock)
    return wide.melt(id_vars="time", var_name="station", value_name="value")


def parse_numbers(column: pd.Series, path: Path, missing: Sequence[float]) -> pd.Series:
    """Return a column as float64, NaN for the values that mean missing."""
    try:
        numbers = pd.to_numeric(column).astype(float)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{path.name} holds something that is not a number ({error}); name the station columns "
            "(columns=, --column) if "
            "others are there."
        ) from error
    return numbers.mask(numbers.isin(missing))


def own_places(table: pd.DataFrame, taken: set[str | None]) -> tuple[str | None, str | None, str | None]:
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


def places_of(
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
            first = frame.groupby("station")[own].first().astype(float)
            return first.to_dict("index")  # type: ignore[return-value]
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
