"""``smgee plan``: what a study costs by each route, before anything is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.table import Table

from smgee.errors import InputError
from smgee.planning import PLACES, TIERS, WAYS, RoutePlan
from smgee.study import Study
from smgee.workflow.folder import RunFolder
from smgee.workflow.planning import Planned, at_place, plan_study
from smgee_cli.display import console


def plan(
    study: Annotated[Path, typer.Argument(help="Study file (YAML), or a run folder.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Run folder, whose days and trees count where they are known."),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Also five seasons of {' or '.join(PLACES)}, on the real service; repeat for both."
        ),
    ] = None,
    tier: Annotated[str, typer.Option(help=f"Noncommercial tier: {', '.join(TIERS)}.")] = "community",
    probe: Annotated[
        bool,
        typer.Option("--probe", help="Measure the backend by one small block and one small task first."),
    ] = False,
) -> dict[str, Any]:
    """Say what the maps of a study cost by each route, and what would break; nothing is computed."""
    if tier not in TIERS:
        raise InputError(f"The tier {tier!r} is not known; choose {', '.join(TIERS)}.")
    content, folder = _given(study, out)
    with console.status("counting requests"):
        own = plan_study(content, run=folder, tier=tier, measure=probe)
    print_plan(own)
    found: dict[str, Any] = {"plan": own.as_dict()}
    for name in at or ():
        there, place = at_place(content, name)
        with console.status(f"counting requests of {place.title}"):
            planned = plan_study(there, tier=tier, backend="earthengine")
        console.print()
        print_plan(planned, title=f"{place.title}, {place.area_km2:,.0f} km², five seasons, the real service")
        found[name] = planned.as_dict()
    begun = f"{study / 'study.yml'} --out {study}" if study.is_dir() else f"{study}"
    return found | {"then": f"smgee run {begun}"}


def _given(path: Path, out: Path | None) -> tuple[Study, RunFolder | None]:
    """Return the study, and its run folder if there is one."""
    if path.is_dir():
        folder = RunFolder(path)
        return folder.study, folder
    study = Study.from_yaml(path)
    out = out or Path("runs") / study.name
    return study, RunFolder(out, study) if (out / "study.yml").is_file() else None


def print_plan(planned: Planned, *, title: str = "") -> None:
    """Print a plan: a table, what would break, and where the numbers come from."""
    plan = planned.plan
    table = Table("", *(_short(r) for r in plan.rows), box=SIMPLE, pad_edge=False)
    there = plan.backend == "earthengine"
    for name, say in _LINES:
        if there or name not in _OF_THE_SERVICE:
            table.add_row(name, *(say(r) for r in plan.rows))
    console.print(title or f"{planned.study.name}: {planned.where}", style="bold")
    console.print(f"{plan.days:,} days: {planned.days}.")
    console.print(table)
    for row in plan.rows:
        for trouble in row.troubles:
            mark = "[red]stops[/]" if trouble.stops else "[yellow]care[/]"
            console.print(f"{mark} {row.way}: {trouble.what}")
    console.print(f"Trees: {plan.model}. Requests, bytes, tiles and tasks are counted.")
    console.print(f"{'Time and EECU-hours' if there else 'Time and hours'}: {plan.rates.basis}.")
    stopped = ", which would not get through: see above" if plan.row(plan.choice).stops else ""
    console.print(f"route auto takes: {plan.choice}{stopped}")


def _short(row: RoutePlan) -> str:
    return WAYS[row.way].replace(": ", "\n", 1)


def _size(number: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{number:,.0f} B"


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"


def _minutes(minutes: float) -> str:
    if minutes >= 2 * 1440:
        return f"{minutes / 1440:,.0f} days"
    return f"{minutes / 60:,.1f} h" if minutes >= 120 else f"{minutes:,.1f} min"


_EECU, _MONTHS = _OF_THE_SERVICE = ("EECU-hours", "months of the tier")
"""Lines that mean nothing where the embedded Earth Engine computes."""

_LINES = (
    ("requests", lambda r: f"{r.requests:,}"),
    ("bytes up", lambda r: _size(r.bytes_up)),
    ("bytes down", lambda r: _size(r.bytes_down)),
    ("tiles", lambda r: f"{r.tiles:,}"),
    ("tasks", lambda r: f"{r.tasks:,}"),
    ("at once", lambda r: f"{r.concurrency}"),
    ("time", lambda r: _minutes(r.minutes)),
    (_EECU, lambda r: _hours(r.eecu_hours)),
    (_MONTHS, lambda r: f"{r.months:.2g}" if r.months < 10 else f"{r.months:,.0f}"),
    ("processor hours here", lambda r: _hours(r.local_hours)),
    ("memory here", lambda r: _size(r.memory_mb * 1e6)),
    ("disk here", lambda r: _size(r.disk_gb * 1e9)),
    ("assets", lambda r: _size(r.asset_gb * 1e9)),
)
