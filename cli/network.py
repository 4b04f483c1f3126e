"""A network of stations in words: what ``smgee stations`` prints."""

from __future__ import annotations

import math
import shlex
from collections.abc import Set
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from smgee.errors import SmgeeError
from smgee.insitu.layout import find_layout
from smgee_cli.display import console

_SHOWN = 60
_OPTIONS = {
    "time": "--time-column",
    "time_format": "--time-format",
    "station": "--station-column",
    "soil_moisture": "--moisture-column",
    "soil_temperature": "--temperature-column",
    "flag": "--flag-column",
    "columns": "--column",
    "places": "--places",
    "unit": "--unit",
    "temperature_unit": "--temperature-unit",
}
"""Settings of ``stations.table``, and the options of ``smgee stations`` for the same."""

_DECIDED = {
    "stations.table.time_format": "--time-format",
    "stations.table.utc_offset_hours": "--utc-offset",
    "stations.table.places": "--places",
    "stations.flags": "--flags",
    "stations.depth_m": "--depth",
}
"""What a table may leave open, and the options that decide it."""

_LISTED = 8


def options_for(path: Path) -> str:
    """Say which options of ``smgee stations`` fit how a table seems to be laid out; empty where none does."""
    try:
        layout = find_layout(path)
    except SmgeeError:
        return ""
    given = [
        f"{option} {shlex.quote(str(value))}"
        for setting, option in _OPTIONS.items()
        for value in np.atleast_1d(layout.table.get(setting, []))
    ]
    if not given:
        return ""
    recognised = f"--detect reads it as it seems to be laid out: {'; '.join(layout.found)}."
    return f"{recognised} The options for that: {' '.join(given)}" if len(given) <= _LISTED else recognised


def detected(path: Path, given: Set[str]) -> dict[str, Any]:
    """Return how a table is laid out as `smgee.insitu.read_table` takes it, less what options say, and print
    it with what the file does not tell."""
    layout = find_layout(path)
    told = {name: value for name, value in layout.table.items() if _parameter(_OPTIONS[name]) not in given}
    for text in layout.found:
        console.print(f"  [green]✓[/] {escape(text)}")
    for text in layout.open:
        setting = next((name for name in _DECIDED if name in text), None)
        option = "" if setting is None else _DECIDED[setting]
        if setting is None:
            console.print(f"  [yellow]?[/] {escape(text)}")
        elif _parameter(option) not in given:
            said = text.replace(f"set {setting}", f"give {option}").replace(setting, option)
            console.print(f"  [yellow]?[/] {escape(said)}")
    if "places" in told:
        told["stations"] = told.pop("places")
    return told


def _parameter(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def print_quality(quality: pd.DataFrame) -> None:
    """Print which checks any record failed, where most, and what was left out."""
    checks = quality.drop(columns=["station", "records", "tested", "dropped"]).fillna(0)
    parts = [
        f"{str(check).replace('_', ' ')} {int(n.sum()):,} ({quality['station'][n.argmax()]} {int(n.max()):,})"
        for check, n in checks.items()
        if n.sum()
    ]
    console.print(f"Checks failed, records (most at): {'; '.join(parts) or 'none'}")
    console.print(f"Left out for it: {int(quality['dropped'].sum()):,} records (stations_quality.csv)")


def print_network(
    path: Path,
    table: pd.DataFrame,
    daily: xr.Dataset,
    periods: pd.DataFrame | None,
    note: str,
    out: Path,
    written: list[str],
) -> None:
    """Print the stations, the network and what was written."""
    # Eight narrow columns fit 80 characters; the CSV has the rest.
    title = f"{path.name}: {len(table)} station{'s' if len(table) != 1 else ''}"
    shown = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    for head in ("station", "elev", "from", "to", "used %", "days", "mean", "std", "gap d"):
        text = head in ("station", "from", "to")
        shown.add_column(
            head,
            justify="left" if text else "right",
            no_wrap=True,
            max_width=20 if head == "station" else None,
        )

    def number(value: float, pattern: str) -> str:
        return format(value, pattern) if math.isfinite(value) else "–"

    row: Any
    for row in table.head(_SHOWN).itertuples():
        stamps = [f"{t:%Y-%m}" if not pd.isna(t) else "–" for t in (row.first, row.last)]
        shown.add_row(
            row.station,
            number(row.elevation, ".0f"),
            *stamps,
            number(row.accepted_percent, ".1f"),
            str(row.days),
            number(row.mean, ".3f"),
            number(row.std, ".3f"),
            number(row.longest_gap_days, ".3g"),
        )
    console.print(shown)
    if len(table) > _SHOWN:
        console.print(f"… and {len(table) - _SHOWN} more in stations_summary.csv")
    empty = table.loc[table["accepted"] == 0, "station"].tolist()
    if empty:
        console.print(f"Without any accepted record: {', '.join(empty)}")
    console.print(
        f"{int(table['records'].sum()):,} records, {int(table['accepted'].sum()):,} accepted, "
        f"{int(table['days'].sum()):,} "
        f"station days ({daily.attrs['day']})"
    )
    if periods is not None:
        for row in periods.itertuples():
            console.print(f"Unfrozen {row.year}: {row.start} to {row.end} ({row.days} days; {row.source})")
    if note:
        console.print(note)
    unplaced = int(daily["lon"].isnull().sum())
    if unplaced:
        console.print(
            f"{unplaced} of {len(table)} stations have no coordinates (they stay empty); give --places, or "
            "--lon-column and "
            "--lat-column of a long table."
        )
    console.print(f"Wrote {', '.join(written)} in {out}")
