"""``smgee stations``: read a network, check it, average it to days."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from smgee import insitu
from smgee.errors import InputError, MissingDataError
from smgee.report.verdicts import spread_in_words
from smgee.schemas import PERIODS, QUALITY, SPREAD, SUMMARY
from smgee.study import Study
from smgee.tables import Provenance, Schema, sidecar_of, write_dataset, write_table
from smgee.workflow.folder import RunFolder
from smgee.workflow.run import adopt
from smgee_cli.display import console, run_with_progress
from smgee_cli.network import detected, options_for, print_network, print_quality
from smgee_cli.summary import print_step

MADE = Provenance(made_by="smgee stations")
_TABLES = {".csv", ".txt", ".tsv", ".parquet", ".xlsx", ".xls"}
_ISMN_ONLY = {"station", "start", "end"}
_WIDE_ONLY = {"column"}
_LONG_ONLY = {"temperature_column", "flag_column", "flags"}
_TABLE_ONLY = {
    "time_column",
    "time_format",
    "station_column",
    "moisture_column",
    "temperature_column",
    "flag_column",
    "column",
    "places",
    "lon_column",
    "lat_column",
    "elevation_column",
    "unit",
    "temperature_unit",
    "utc_offset",
    "network",
    "detect",
}


def stations(
    ctx: typer.Context,
    path: Annotated[
        Path,
        typer.Argument(
            help="ISMN archive (folder, zip or .stm file), a table (CSV, parquet, Excel), or a study file "
            "(YAML)."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder to write into, such as runs/NAME.")],
    depth: Annotated[
        tuple[float, float] | None,
        typer.Option(
            help="Layer, m below the surface (from, to). ISMN: the sensors to read (default 0 0.05); tables: "
            "where they are."
        ),
    ] = None,
    flags: Annotated[
        list[str] | None, typer.Option(help="Accepted quality flags; repeat for several. Default: G.")
    ] = None,
    station: Annotated[
        list[str] | None, typer.Option(help="Only this station; repeat for several (ISMN).")
    ] = None,
    start: Annotated[str | None, typer.Option(help="First day, YYYY-MM-DD (ISMN).")] = None,
    end: Annotated[str | None, typer.Option(help="Last day, YYYY-MM-DD (ISMN).")] = None,
    min_hours: Annotated[
        float, typer.Option(help="Hours of a day that must be measured for a daily mean.")
    ] = 18.0,
    day: Annotated[str, typer.Option(help="Days in 'utc' or in local mean 'solar' time.")] = "utc",
    season: Annotated[
        tuple[str, str] | None,
        typer.Option(help="Unfrozen season MM-DD MM-DD, where there is no soil temperature."),
    ] = None,
    unfrozen: Annotated[
        list[str] | None,
        typer.Option(
            help="Setting of the rule of unfrozen days, such as statistic=min or share=0.5; repeat."
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            help="Check whose failing records are left out (see stations_quality.csv); repeat, or 'none'. "
            "Default: range, spike, low_plateau."
        ),
    ] = None,
    duplicates: Annotated[str, typer.Option(help="Repeated times: 'error', 'first' or 'mean'.")] = "error",
    detect: Annotated[
        bool,
        typer.Option("--detect", help="Tables: read the layout that is recognised, which is said."),
    ] = False,
    time_column: Annotated[str, typer.Option(help="Tables: column of times.")] = "time",
    time_format: Annotated[
        str | None, typer.Option(help="Tables: format of the times, such as %Y%m%d.")
    ] = None,
    station_column: Annotated[str | None, typer.Option(help="Long tables: column of station names.")] = None,
    moisture_column: Annotated[str | None, typer.Option(help="Long tables: column of soil moisture.")] = None,
    temperature_column: Annotated[
        str | None, typer.Option(help="Long tables: column of soil temperature.")
    ] = None,
    flag_column: Annotated[
        str | None, typer.Option(help="Long tables: column of quality flags (good ones: --flags).")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="Wide tables: column to read, or STATION=COLUMN; repeat for several."),
    ] = None,
    places: Annotated[
        Path | None, typer.Option(help="Tables: a table of stations with lon, lat, elevation.")
    ] = None,
    lon_column: Annotated[
        str | None,
        typer.Option(
            help="Long tables: column of longitude, degrees (default: one named lon, longitude ...)."
        ),
    ] = None,
    lat_column: Annotated[str | None, typer.Option(help="Long tables: column of latitude, degrees.")] = None,
    elevation_column: Annotated[str | None, typer.Option(help="Long tables: column of elevation, m.")] = None,
    unit: Annotated[str, typer.Option(help="Tables: unit of soil moisture, 'm3 m-3' or '%'.")] = "m3 m-3",
    temperature_unit: Annotated[
        str, typer.Option(help="Tables: unit of soil temperature, 'degC' or 'K'.")
    ] = "degC",
    utc_offset: Annotated[
        float, typer.Option(help="Tables: hours by which their clock is ahead of UTC.")
    ] = 0.0,
    network: Annotated[str, typer.Option(help="Tables: name of the network.")] = "",
    records: Annotated[
        bool, typer.Option("--records", help="Also write the records as read (stations_records.nc).")
    ] = False,
) -> dict[str, Any]:
    """Read a station network; write daily means, unfrozen periods and a summary of every station.

    Writes stations.nc (daily means), stations_summary.csv, and unfrozen.csv where frozen days can be told.
    With a study file this is the first step of its run, by the study's own settings.
    """
    if path.suffix.lower() in (".yml", ".yaml"):
        return _of_study(ctx, path, out)
    is_table = path.is_file() and path.suffix.lower() in _TABLES
    _refuse_idle(ctx, path, _ISMN_ONLY if is_table else _TABLE_ONLY)
    if is_table and not detect:
        _refuse_idle(
            ctx,
            path,
            _WIDE_ONLY if station_column else _LONG_ONLY,
            "a long table" if station_column else "a wide table",
        )
        if flag_column is None:
            _refuse_idle(ctx, path, {"flags"}, "a table without --flag-column")
    accepted = tuple(flags) if flags else ("G",)
    if is_table:
        named = None
        if column:
            named = {
                name: source
                for name, _, source in (c.partition("=") if "=" in c else (c, "", c) for c in column)
            }
        layout = {
            "time": time_column,
            "time_format": time_format,
            "station": station_column,
            "soil_moisture": moisture_column,
            "soil_temperature": temperature_column,
            "flag": flag_column,
            "columns": named,
            "stations": places,
            "lon": lon_column,
            "lat": lat_column,
            "elevation": elevation_column,
            "unit": unit,
            "temperature_unit": temperature_unit,
        }
        try:
            ds = insitu.read_table(
                path,
                **(layout | detected(path, _given(ctx)) if detect else layout),
                good=accepted,
                utc_offset_hours=utc_offset,
                network=network,
                depth_m=depth or (math.nan, math.nan),
                duplicates=duplicates,
            )
        except InputError as error:
            fitting = "" if detect or _given(ctx) & _TABLE_ONLY else options_for(path)
            raise InputError(f"{error} {fitting}".strip()) from error
    else:
        with console.status("reading stations") as status:
            ds = insitu.read_ismn(
                path,
                depth or (0.0, 0.05),
                flags=accepted,
                stations=station,
                start=start,
                end=end,
                duplicates=duplicates,
                progress=lambda done, total: status.update(f"reading stations: {done} of {total}"),
            )
    if not ds["soil_moisture"].notnull().any():
        seen = insitu.flags_present(ds)
        raise MissingDataError(
            f"{path} has no record with the flag {' or '.join(accepted)}; its records carry "
            f"{', '.join(seen) or 'no flag'}. Choose "
            "among them with --flags."
        )
    ds, quality = insitu.check_records(ds, None, **_dropped(drop))
    daily = insitu.daily_means(ds, min_hours, day=day)
    table = insitu.summary(ds)
    table["days"] = daily["soil_moisture"].notnull().sum("time").values

    out.mkdir(parents=True, exist_ok=True)
    write_dataset(daily, out / "stations.nc", provenance=MADE)
    written = ["stations.nc"]
    for part, schema in ((table, SUMMARY), (quality, QUALITY)):
        written.append(_write(part, out, schema))
    if records:
        write_dataset(ds, out / "stations_records.nc", provenance=MADE)
        written.append("stations_records.nc")

    note, periods = "", None
    try:
        rule = insitu.UnfrozenRule.of(season=season, **_named(unfrozen, "--unfrozen"))
        periods = insitu.unfrozen_periods(ds, rule, min_hours=min_hours, day=day)
    except MissingDataError as error:
        # An old file would pass for the result of this run.
        _drop(out / "unfrozen.csv")
        note = f"unfrozen.csv was not written: {error}"
    if periods is not None:
        written.append(_write(periods, out, PERIODS))
    try:
        spread = insitu.study_heterogeneity(daily).table
        written.append(_write(spread, out, SPREAD))
    except MissingDataError:
        _drop(out / "stations_heterogeneity.csv")
        spread = None  # fewer than three stations on every day
    adopt(RunFolder(out), "stations", by="smgee stations")
    print_network(path, table, daily, periods, note, out, written)
    if spread is not None:
        console.print(spread_in_words(spread))
    print_quality(quality)
    return {
        "stations": len(table),
        "records": int(table["records"].sum()),
        "accepted": int(table["accepted"].sum()),
        "station_days": int(table["days"].sum()),
        "files": [str(out / name) for name in written],
        "note": note,
        "then": f"smgee report --run {out}",
    }


def _write(table: pd.DataFrame, out: Path, schema: Schema) -> str:
    """Write a table under the name of its schema; returns the file's name."""
    return write_table(table, out / f"{schema.name}.csv", schema=schema, provenance=MADE).name


def _drop(path: Path) -> None:
    """Delete a table that does not hold any more, with its description."""
    for file in (path, sidecar_of(path)):
        file.unlink(missing_ok=True)


def _dropped(drop: list[str] | None) -> dict[str, tuple[str, ...]]:
    """Return the setting of what is left out, where it is given."""
    return {} if drop is None else {"drop": () if drop == ["none"] else tuple(drop)}


def _named(given: list[str] | None, option: str) -> dict[str, Any]:
    """Return the settings given as NAME=VALUE."""
    for text in given or ():
        if "=" not in text:
            raise InputError(f"{option} {text} is no setting; write NAME=VALUE, such as share=0.5.")
    return {name: value for name, _, value in (text.partition("=") for text in given or ())}


def _given(ctx: typer.Context) -> set[str]:
    """Return the parameters that stand on the command line."""
    return {n for n in ctx.params if getattr(ctx.get_parameter_source(n), "name", "") == "COMMANDLINE"}


def _refuse_idle(ctx: typer.Context, path: Path, idle: set[str], what: str = "") -> None:
    """Refuse options that would have no effect on this source."""
    given = [n for n in ctx.params if n in idle & _given(ctx)]
    if given:
        kind = what or ("a table" if "start" in idle else "read as an ISMN archive")
        options = ", ".join("--" + n.replace("_", "-") for n in given)
        raise InputError(f"{path} is {kind}, for which {options} would have no effect; leave the option out.")


def _of_study(ctx: typer.Context, path: Path, out: Path) -> dict[str, Any]:
    """Do the stations step of a study."""
    given = [n for n in ctx.params if n in _given(ctx) - {"path", "out"}]
    if given:
        options = ", ".join("--" + n.replace("_", "-") for n in given)
        raise InputError(
            f"{path} is a study, which has settings of its own for {options}; set them there, or give the "
            "network itself."
        )
    found = run_with_progress(RunFolder(out, Study.from_yaml(path)), ["stations"])
    print_step(RunFolder(out), "stations")
    return found[0] | {"then": f"smgee sample --run {out}"}
