"""``smgee init``: begin a study, or check one."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.markup import escape

from smgee.eelocal.assets.catalog import list_catalog
from smgee.errors import InputError
from smgee.insitu.layout import Layout, Preview, preview
from smgee.io import atomic_path, write_json
from smgee.study import Study
from smgee.study.check import check_file
from smgee.study.reference import json_schema
from smgee.workflow.answers import TEMPLATES, Answers
from smgee.workflow.preflight import check_place, needed_assets
from smgee.workflow.registry import WHOLE, all_steps
from smgee.workflow.templates import default_name, look, new_study
from smgee_cli.display import console, print_table
from smgee_cli.questions import ask, ask_stations, families_of

_SHOWN = 12


def init(
    stations: Annotated[
        Path | None,
        typer.Option(
            help="Your network: an ISMN archive (folder, zip, .stm), or a CSV, parquet, Excel table."
        ),
    ] = None,
    lon: Annotated[
        float | None, typer.Option(help="Longitude in the 36 km cell, degrees; found from the stations.")
    ] = None,
    lat: Annotated[
        float | None, typer.Option(help="Latitude in the 36 km cell, degrees; found from the stations.")
    ] = None,
    start: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; that of the records.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="End, exclusive; that of the records.")
    ] = None,
    template: Annotated[
        str, typer.Option(help="; ".join(f"{name}: {said}" for name, said in TEMPLATES.items()) + ".")
    ] = "own-files",
    project: Annotated[str | None, typer.Option(help="Cloud project: use the real Earth Engine.")] = None,
    catalog: Annotated[
        Path | None, typer.Option("--catalog", "-c", help="Folder of your own files, for the embedded one.")
    ] = None,
    depth: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Layer of the probes, m below the surface (from, to). Default: 0 0.05."),
    ] = None,
    utc_offset: Annotated[
        float | None,
        typer.Option(help="Hours by which a table's clock is ahead of UTC, such as 8, or -6. Default: 0."),
    ] = None,
    season: Annotated[
        tuple[str, str] | None,
        typer.Option(help="First and last unfrozen day, MM-DD, where no soil temperature or flag tells."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="What is learnt: anomaly (from the network's state of the day) or absolute."),
    ] = None,
    predictors: Annotated[
        str | None,
        typer.Option(help="Families of predictors, such as place,terrain. Default: the target's usual ones."),
    ] = None,
    flags: Annotated[
        list[str] | None, typer.Option(help="Quality flags of good records; repeat. Default: G.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the study; that of its file.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Study file to write.")] = Path("study.yml"),
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    check: Annotated[
        Path | None, typer.Option("--check", help="Check this study file instead, line by line.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option("--schema", help="Write the JSON Schema of study files instead.")
    ] = None,
) -> dict[str, Any]:
    """Begin a study: a commented study file from a place and your stations; or check one.

    Asks for what is missing where there is somebody to ask; else takes what the stations tell. Nothing is
    computed, and no account is needed.
    """
    if schema is not None:
        return _write_schema(schema)
    if check is not None:
        return _check(check)
    if out.exists() and not force:
        raise InputError(f"{out} is there already; give another --out, or --force to write over it.")
    answers = Answers(
        template=template,
        stations=stations,
        lon=lon,
        lat=lat,
        start=None if start is None else start.date(),
        end=None if end is None else end.date(),
        project=project,
        catalog=catalog,
        depth_m=depth,
        flags=tuple(flags) if flags else ("G",),
        utc_offset_hours=utc_offset,
        season=season,
        target=target,
        predictors=tuple(f.kind for f in families_of(predictors)) if predictors else (),
    )
    asking = sys.stdin.isatty() and sys.stdout.isatty()
    if asking and answers.stations is None:
        answers, found = ask_stations(answers, _look)
    else:
        found = _look(answers)
    if found is not None:
        _print_stations(*found)
    if asking:
        answers = ask(answers, found)
    begun = new_study(name or default_name(answers, out), out, answers, found=found)
    with atomic_path(out) as scratch:
        scratch.write_text(begun.text, encoding="utf-8")
    placed = begun.preview is not None and not begun.preview.placed.empty
    count = 0 if begun.preview is None else len(begun.preview.stations)
    _print_study(begun.study, (begun.inside, count) if placed else None, begun.preview)
    if begun.study.smap.collection_36km is None:
        console.print(
            "  [dim]·[/] SMAP at 36 km is not on Earth Engine; smap.collection_36km says how to bring it in"
        )
    for text in begun.open:
        console.print(f"  [yellow]?[/] {escape(text)}")
    console.print(f"Wrote {out}.")
    return {
        "file": str(out),
        **_facts(begun.study),
        "stations": count,
        "stations_in_cell": begun.inside,
        "open": list(begun.open),
        "then": f"smgee init --check {out}",
    }


def _look(answers: Answers) -> tuple[Layout, Preview] | None:
    with console.status("reading stations") as status:
        return look(answers, lambda done, total: status.update(f"reading stations: {done} of {total}"))


def _print_stations(layout: Layout, seen: Preview) -> None:
    for text in layout.found:
        console.print(f"  [green]✓[/] {escape(text)}")
    if seen.stations.empty:
        return
    table = seen.stations.head(_SHOWN)
    shown = pd.DataFrame(
        {
            "station": table["station"],
            "lon": table["lon"],
            "lat": table["lat"],
            "m": table["elevation"].map(lambda v: "" if pd.isna(v) else f"{v:.0f}"),
            "first": table["first"].dt.strftime("%Y-%m-%d"),
            "last": table["last"].dt.strftime("%Y-%m-%d"),
            "records": table["accepted"].map("{:,}".format),
            "mean": table["mean"],
        }
    )
    more = f", the first {_SHOWN}" if len(seen.stations) > _SHOWN else ""
    print_table(shown, title=f"{len(seen.stations)} stations{more}; mean in m³/m³")


def _print_study(study: Study, inside: tuple[int, int] | None, seen: Preview | None) -> None:
    facts = _facts(study)
    console.print(
        f"  [green]✓[/] {', '.join(facts['cells'])}: {facts['pixels']:,} pixels of {study.area.scale_m:g} m "
        f"in {facts['crs']}, {facts['days']:,} days from {study.start}, {len(facts['predictors'])} predictors"
    )
    if inside is not None:
        mark = "[green]✓" if inside[0] else "[yellow]?"
        console.print(f"  {mark}[/] {inside[0]} of {inside[1]} stations in the cell")
    period = None if seen is None else seen.period
    if period is not None and (study.start < period[0] or period[1] < study.end):
        console.print(
            f"  [yellow]?[/] the stations have records from {period[0]} until {period[1]} only: the other "
            "days of the study teach nothing, and a map of the anomaly needs the network on its day"
        )


def _facts(study: Study) -> dict[str, Any]:
    return {
        "cells": [c.name for c in study.area.cells],
        "crs": study.area.crs,
        "pixels": study.grid.height * study.grid.width,
        "days": (study.end - study.start).days,
        "predictors": list(study.predictors.names),
    }


def _check(path: Path) -> dict[str, Any]:
    """Say everything that is wrong with a study file, else what it means."""
    study, wrong = check_file(path)
    seen = None
    if study is not None:
        if study.stations.source != "twin" and Path(study.stations.source).exists():
            seen, faults = _tried_stations(study)
            wrong += faults
        wrong += _lacking(study)
    if study is None or wrong:
        count = f"{len(wrong)} faults" if len(wrong) > 1 else "a fault"
        raise InputError("\n  ".join([f"{path} has {count}:", *wrong]))
    _print_study(study, None, seen)
    console.print(f"{path} can be used.")
    return {
        "file": str(path),
        **_facts(study),
        "stations": None if seen is None else len(seen.stations),
        "then": f"smgee run {path}",
    }


def _tried_stations(study: Study) -> tuple[Preview, list[str]]:
    """Return what the readers make of a study's stations, and what is wrong with them."""
    s = study.stations
    table = {k: v for k, v in s.table.model_dump().items() if v is not None}
    layout = Layout(Path(s.source), s.format, table)
    with console.status("reading stations"):
        seen = preview(layout, s.depth_m, flags=s.flags)
    if seen.failure:
        return seen, [f"stations: they cannot be read: {seen.failure}"]
    _print_stations(layout, seen)
    wrong = []
    without = len(seen.stations) - len(seen.placed)
    if without:
        wrong.append(
            f"stations: {without} of the {len(seen.stations)} stations have no coordinates; set "
            "stations.table.places, or stations.table.lon and stations.table.lat of a long table."
        )
    else:
        try:
            check_place(study, seen.placed["lon"], seen.placed["lat"])
        except InputError as error:
            wrong.append(f"area: {error}")
    if s.unfrozen.season is None and not seen.tells_frost:
        wrong.append(
            "stations: neither soil temperature nor flags tell frozen days; set stations.unfrozen.season, "
            'such as ["05-01", "10-15"].'
        )
    return seen, wrong


def _lacking(study: Study) -> list[str]:
    """Say which data sets a study reads that its catalog does not have."""
    catalog = study.files.get("backend.catalog")
    if study.backend.kind != "embedded" or catalog is None or not catalog.exists():
        return []
    try:
        there = {row["id"] for row in list_catalog(catalog)}
    except InputError as error:
        return [f"backend.catalog: {error}"]
    steps = [step for name, step in all_steps().items() if name in WHOLE]
    absent = [i for i in needed_assets(study, steps) if i not in there and not i.startswith("projects/")]
    if not absent:
        return []
    return [
        f"backend.catalog: {catalog} lacks {', '.join(absent)}; add their files with `smgee catalog add`, or "
        "change the study's predictors or smap section."
    ]


def _write_schema(path: Path) -> dict[str, Any]:
    write_json(path, json_schema())
    console.print(
        f"Wrote {path}. Editors that speak YAML use it for a file that begins with:\n"
        f"# yaml-language-server: $schema={path}"
    )
    return {"file": str(path)}
