"""How a file of stations is laid out, as far as it tells: what a new study proposes and its user confirms.

The readers never guess; here is where guesses are made, said in words, and tried out with the readers.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import InputError, SmgeeError
from smgee.insitu.archive import read_ismn, whole_zip
from smgee.insitu.columns import ALIASES, open_table
from smgee.insitu.network import summary
from smgee.insitu.table import read_table

__all__ = ["TABLES", "Layout", "Preview", "find_layout", "preview"]

TABLES: frozenset[str] = frozenset({".csv", ".txt", ".tsv", ".parquet", ".xlsx", ".xls"})
"""Endings of files that are read as tables."""

_NAMES: Mapping[str, tuple[str, ...]] = {
    "time": ("time", "datetime", "date_time", "timestamp", "date", "utc", "time_utc", "day"),
    "station": (*ALIASES["station"], "sourceid", "plot", "probe", "sensor_id"),
    "soil_moisture": (
        *("soil_moisture", "sm", "vwc", "vw", "swc", "theta", "moisture", "water_content"),
        *("volumetric_water_content", "soil_water_content", "sm_5cm", "sm_005", "swvl1"),
    ),
    "soil_temperature": ("soil_temperature", "soil_temp", "st", "ts", "tsoil", "t_soil", "stl1"),
    "flag": ("flag", "flags", "qc", "quality", "quality_flag", "qflag", "sm_flag", "soil_moisture_flag"),
}
_FORMATS = tuple(
    day + clock
    for day in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y")
    for clock in (" %H:%M", " %H:%M:%S", "")
)
"""Ways of writing times that are tried where they are not ISO 8601."""

_NO_VALUE = -90.0  # lower numbers stand for "no value"
_WARMEST = 150.0  # °C that no soil reaches, and kelvin that every soil exceeds
_SIBLINGS = 50  # tables beside the file that may hold the places


@dataclass(frozen=True)
class Layout:
    """What a file of stations seems to be.

    Attributes
    ----------
    path : Path
        The file or folder.
    format : {"ismn", "table"}
        As ``stations.format`` of a study.
    table : mapping
        Settings of ``stations.table`` that differ from their defaults.
    found : tuple of str
        What was recognised, and by what, in sentences.
    open : tuple of str
        What the file does not tell, and its user has to confirm or decide, in sentences.
    """

    path: Path
    format: str
    table: Mapping[str, Any] = field(default_factory=dict)
    found: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preview:
    """What the readers make of a layout.

    Attributes
    ----------
    stations : pandas.DataFrame
        From `smgee.insitu.summary`.
    failure : str
        Why nothing could be read, in a sentence; empty where it could.
    """

    stations: pd.DataFrame
    failure: str = ""

    @property
    def placed(self) -> pd.DataFrame:
        """The stations with coordinates."""
        if self.stations.empty:
            return pd.DataFrame({"lon": [], "lat": []})
        return self.stations[np.isfinite(self.stations["lon"]) & np.isfinite(self.stations["lat"])]

    @property
    def tells_frost(self) -> bool:
        """Whether soil temperature or flags of it can tell frozen days."""
        if self.stations.empty:
            return False
        flagged = self.stations["flags"].str.contains(r"\bD0[123]:")
        return bool(self.stations["has_temperature"].any() or flagged.any())

    @property
    def period(self) -> tuple[date, date] | None:
        """First day of an accepted record, and the day after the last; None where there is none."""
        if self.stations.empty or self.stations["first"].isna().all():
            return None
        return self.stations["first"].min().date(), self.stations["last"].max().date() + timedelta(days=1)


def find_layout(path: str | Path) -> Layout:
    """Recognise an ISMN archive, or the columns, units and times of a table.

    Parameters
    ----------
    path : path-like
        A folder or zip file of ISMN series, one ``.stm`` file, or a table.

    Raises
    ------
    InputError
        When it is neither, or a table without times or numbers.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist; give an ISMN archive, or a CSV, parquet or Excel table.")
    if path.is_file() and path.suffix.lower() in TABLES:
        return _of_table(path)
    if path.is_dir():
        series = sum(1 for p in path.rglob("*") if p.suffix.lower() == ".stm")
    elif zipfile.is_zipfile(path):
        with whole_zip(path), zipfile.ZipFile(path) as archive:
            series = sum(name.lower().endswith(".stm") for name in archive.namelist())
    else:
        series = int(path.suffix.lower() == ".stm")
    if not series:
        raise InputError(
            f"{path} holds no .stm series and is no table; give an ISMN archive (folder, zip or .stm), or "
            f"a table ({', '.join(sorted(TABLES))})."
        )
    return Layout(path, "ismn", found=(f"an ISMN archive of {series:,} series",))


def preview(
    layout: Layout,
    depth_m: tuple[float, float] = (0.0, 0.05),
    *,
    flags: Sequence[str] = ("G",),
    progress: Callable[[int, int], None] | None = None,
) -> Preview:
    """Read the stations with the layout that was found, and tell what is there.

    Parameters
    ----------
    layout : Layout
        From `find_layout`.
    depth_m : (float, float)
        The layer, m below the surface.
    flags : sequence of str
        Accepted flags.
    progress : callable, optional
        Called as ``progress(done, total)`` after each station of an archive.
    """
    try:
        return Preview(summary(_read(layout, depth_m, flags, progress)))
    except SmgeeError as error:
        return Preview(pd.DataFrame(), failure=str(error))


def _read(
    layout: Layout,
    depth_m: tuple[float, float],
    flags: Sequence[str],
    progress: Callable[[int, int], None] | None,
) -> xr.Dataset:
    if layout.format == "ismn":
        return read_ismn(layout.path, depth_m, flags=flags, progress=progress)
    settings = dict(layout.table)
    places = settings.pop("places", None)
    return read_table(layout.path, depth_m=depth_m, good=flags, stations=places, **settings)


def _of_table(path: Path) -> Layout:
    """Return the layout of a table."""
    table = open_table(path)
    found: list[str] = []
    unknown: list[str] = []
    settings: dict[str, Any] = {}
    time = _time_column(table, path)
    _note(settings, "time", time, "time")
    _note_times(table[time], time, settings, found, unknown)
    station, moisture = _column(table, "station"), _column(table, "soil_moisture")
    if station is not None and moisture is not None and table[station].duplicated().any():
        settings |= {"station": station, "soil_moisture": moisture}
        found.append(f"a long table: stations in column {station}, soil moisture in {moisture}")
        values = pd.to_numeric(table[moisture], errors="coerce")
        names = sorted(table[station].dropna().astype(str).str.strip().unique())
        _note_long(table, settings, found, unknown)
    else:
        numeric = [
            str(c) for c in table.columns if c != time and pd.api.types.is_numeric_dtype(table[c].dtype)
        ]
        numeric = [c for c in numeric if not c.startswith("Unnamed:") and table[c].notna().any()]
        if not numeric:
            raise InputError(
                f"{path.name} has no column of numbers beside {time!r}; give records of stations."
            )
        others = [str(c) for c in table.columns if c != time and str(c) not in numeric]
        if [c for c in others if not c.startswith("Unnamed:")]:
            settings["columns"] = numeric
            unknown.append(f"columns without numbers are left out: {', '.join(others[:5])}")
        found.append(f"a wide table: one column for each of {len(numeric)} stations")
        values = table[numeric].melt()["value"]
        names = numeric
    _note_unit(values, settings, found, unknown)
    if "station" not in settings or not _has_coordinates(table):
        _note_places(path, names, settings, found, unknown)
    unknown.append("the depth of the probes is not in a table; set stations.depth_m")
    return Layout(path, "table", settings, tuple(found), tuple(unknown))


def _note(settings: dict[str, Any], key: str, value: str, default: str) -> None:
    if value != default:
        settings[key] = value


def _plain(name: object) -> str:
    """Return a column's name without case, blanks, signs and a unit in brackets."""
    text = re.sub(r"[\[(].*?[\])]", "", str(name)).strip().casefold()
    return re.sub(r"[\s.\-]+", "_", text).strip("_")


def _column(table: pd.DataFrame, what: str) -> str | None:
    """Return the column with one of the usual names."""
    names = {_plain(c): str(c) for c in reversed(table.columns)}
    return next((names[n] for n in _NAMES[what] if n in names), None)


def _time_column(table: pd.DataFrame, path: Path) -> str:
    named = _column(table, "time")
    if named is not None:
        return named
    for column in table.columns:
        text = table[column].dropna().astype(str).head(50)
        if len(text) and text.str.match(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}").all():
            return str(column)
    raise InputError(
        f"{path.name} has no column of times; its columns are {', '.join(map(str, table.columns[:20]))}."
    )


def _note_times(
    column: pd.Series, name: str, settings: dict[str, Any], found: list[str], unknown: list[str]
) -> None:
    """Tell how times are written."""
    text = column.dropna().astype(str)
    plain_numbers = pd.api.types.is_numeric_dtype(column.dtype)
    if pd.api.types.is_datetime64_any_dtype(column.dtype) or (not plain_numbers and _parses(text, "ISO8601")):
        found.append(f"times in column {name}, such as {text.iloc[0]}")
    else:
        fitting = [f for f in ("%Y%m%d", "%Y%m%d%H%M", *_FORMATS) if _parses(text, f)]
        if not fitting:
            unknown.append(
                f"how times are written in column {name} ({text.iloc[0]}); set stations.table.time_format"
            )
        elif len(fitting) > 1:
            unknown.append(
                f"whether times in column {name} ({text.iloc[0]}) are {' or '.join(fitting)}; set "
                "stations.table.time_format"
            )
        else:
            settings["time_format"] = fitting[0]
            found.append(f"times in column {name}, written as {fitting[0]}, such as {text.iloc[0]}")
    if not text.str.contains(r"\d\d:\d\d.*(?:Z|[+-]\d\d:?\d\d)$", regex=True).any():
        unknown.append(
            "the clock: times are taken as UTC; set stations.table.utc_offset_hours where they are local"
        )


def _parses(text: pd.Series, form: str) -> bool:
    if not len(text):
        return False
    try:
        pd.to_datetime(text, format=form, utc=True)
    except (ValueError, TypeError, OverflowError):
        return False
    # four digits of a year are not a day of a century that was not meant
    return form != "%Y%m%d" or bool(text.str.fullmatch(r"(19|20)\d{6}").all())


def _note_long(table: pd.DataFrame, settings: dict[str, Any], found: list[str], unknown: list[str]) -> None:
    """Tell the further columns of a long table."""
    warm = _column(table, "soil_temperature")
    if warm is not None:
        settings["soil_temperature"] = warm
        median = pd.to_numeric(table[warm], errors="coerce").median()
        if median > _WARMEST:
            settings["temperature_unit"] = "K"
        found.append(f"soil temperature in column {warm}, {'K' if median > _WARMEST else '°C'}")
    flag = _column(table, "flag")
    if flag is not None:
        settings["flag"] = flag
        seen = table[flag].astype(str).value_counts().head(6)
        unknown.append(
            f"which flags of column {flag} are good: "
            + ", ".join(f"{name} ({n:,} records)" for name, n in seen.items())
            + "; set stations.flags"
        )


def _note_unit(values: pd.Series, settings: dict[str, Any], found: list[str], unknown: list[str]) -> None:
    """Tell fractions from per cent by how large the values are."""
    numbers = pd.to_numeric(values, errors="coerce")
    numbers = numbers[numbers > _NO_VALUE]
    if numbers.empty:
        unknown.append("the unit: no value can be read")
        return
    large = float(numbers.quantile(0.999))
    if large <= 1:
        found.append(f"soil moisture as a fraction (m³/m³), values up to {large:.3g}")
    elif large <= 100:
        settings["unit"] = "%"
        found.append(f"soil moisture in per cent, values up to {large:.3g}")
    else:
        unknown.append(f"the unit: values reach {large:.3g}, which is neither m³/m³ nor %")


def _has_coordinates(table: pd.DataFrame) -> bool:
    lower = {str(c).strip().lower() for c in table.columns}
    return all(lower & set(ALIASES[k]) for k in ("lon", "lat"))


def _note_places(
    path: Path, names: Sequence[str], settings: dict[str, Any], found: list[str], unknown: list[str]
) -> None:
    """Look for a table of places beside the file that lists all the stations."""
    beside = [p for p in sorted(path.parent.iterdir()) if p != path and p.suffix.lower() in TABLES]
    for file in beside[:_SIBLINGS]:
        try:
            table = open_table(file)
        except SmgeeError:
            continue
        if not _has_coordinates(table):
            continue
        lower = {str(c).strip().lower(): c for c in table.columns}
        column = next((lower[a] for a in ALIASES["station"] if a in lower), None)
        if column is not None and set(names) <= set(table[column].astype(str).str.strip()):
            settings["places"] = str(file)
            found.append(f"the places of all stations in {file.name}")
            return
    unknown.append("where the stations stand: give a table of station, lon, lat as stations.table.places")
