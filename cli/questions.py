"""The questions that ``smgee init`` asks at a terminal, of what no option said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from math import isfinite
from pathlib import Path
from typing import TypeVar

import typer
from pydantic import ValidationError
from rich.markup import escape

from smgee.errors import InputError
from smgee.grid import ease_cell_at
from smgee.insitu import UnfrozenRule
from smgee.insitu.layout import Layout, Preview
from smgee.predictors import Predictors, families, refuse_alias
from smgee.workflow.answers import Answers
from smgee.workflow.templates import likely_place
from smgee_cli.display import console

Found = tuple[Layout, Preview]
Value = TypeVar("Value")

_GREETING = (
    "Enter takes what stands in brackets. Every answer is an option too (`smgee init --help`), and can be "
    "changed in the file afterwards."
)


def ask_stations(answers: Answers, look: Callable[[Answers], Found | None]) -> tuple[Answers, Found | None]:
    """Ask for the stations until they can be read; nothing is an answer too."""
    console.print(f"[dim]{_GREETING}[/]")
    while True:
        given = typer.prompt(
            "Stations: an ISMN archive or a table (Enter for none yet)", default="", show_default=False
        ).strip()
        if not given:
            return answers, None
        asked = replace(answers, stations=Path(given.strip("'\"")).expanduser())
        try:
            return asked, look(asked)
        except InputError as error:
            _complain(error)


def ask(answers: Answers, found: Found | None) -> Answers:
    """Ask for what neither the options nor the stations tell, with what they do tell in brackets."""
    answers = _ask_records(answers, found)
    seen = None if found is None else found[1]
    answers = _ask_place(answers, seen)
    answers = _ask_period(answers, seen)
    answers = _ask_service(answers)
    return _ask_models(answers)


def _ask_records(answers: Answers, found: Found | None) -> Answers:
    """Ask for what a file of stations left open."""
    if found is None or found[1].failure:
        return answers
    layout, seen = found
    unsaid = " ".join(layout.open)
    if answers.utc_offset_hours is None and "stations.table.utc_offset_hours" in unsaid:
        answers = replace(
            answers,
            utc_offset_hours=_asked(
                "Hours by which the table's clock is ahead of UTC (8 for China, -6 for Texas)", "0", _offset
            ),
        )
    if answers.depth_m is None and "stations.depth_m" in unsaid:
        question = "Layer of the probes, m below the surface, from and to"
        answers = replace(answers, depth_m=_asked(question, "0 0.05", _layer))
    if answers.season is None and not seen.tells_frost:
        console.print("Nothing in the file tells when the soil is frozen.")
        question = "First and last unfrozen day (05-01 10-15; 01-01 12-31 for all; Enter to decide later)"
        answers = replace(answers, season=_asked(question, "", _season))
    return answers


def _ask_place(answers: Answers, seen: Preview | None) -> Answers:
    if answers.lon is not None and answers.lat is not None:
        return answers
    center = likely_place(answers, seen)
    told = "" if center is None else f"{center[0]:.4f} {center[1]:.4f}"
    lon, lat = _asked("Longitude and latitude of a point in the 36 km cell", told, _point)
    return replace(answers, lon=lon, lat=lat)


def _ask_period(answers: Answers, seen: Preview | None) -> Answers:
    if answers.template == "qlb-net":
        return answers
    first, last = map(str, (seen.period if seen is not None else None) or ("", ""))
    start = answers.start or _asked("First day", first, _day)

    def after(text: str) -> date:
        day = _day(text)
        if day <= start:
            raise InputError(f"The end, {day}, is not after the first day, {start}; it is exclusive.")
        return day

    return replace(answers, start=start, end=answers.end or _asked("End (exclusive)", last, after))


def _ask_service(answers: Answers) -> Answers:
    if answers.project is not None or answers.catalog is not None:
        return answers
    project = typer.prompt(
        "Cloud project of the real Earth Engine (Enter for none: smgee's own, on satellite files of yours)",
        default="",
        show_default=False,
    ).strip()
    if project:
        return replace(answers, project=project)
    folder = typer.prompt("Folder of those files, made later if need be", default="my-data").strip()
    return replace(answers, catalog=Path(folder).expanduser())


def _ask_models(answers: Answers) -> Answers:
    if answers.target is None:
        said = _asked(
            "What is learnt: the anomaly from the network's state of the day, or absolute soil moisture",
            answers.learnt,
            _target,
        )
        answers = replace(answers, target=said)
    if answers.predictors:
        return answers
    usual = " ".join(family.kind for family in Predictors.usual(answers.learnt))
    others = ", ".join(kind for kind in families() if kind not in usual.split())
    console.print(f"Predictors: {usual.replace(' ', ', ')} are usual; there are {others} too.")

    def known(text: str) -> tuple[str, ...]:
        chosen = families_of(text)
        kinds = tuple(family.kind for family in chosen)
        if kinds == tuple(usual.split()):
            return ()  # those of the target, less what the period does not allow
        if answers.start is not None and answers.end is not None:
            refuse_alias(chosen, answers.start, answers.end)
        return kinds

    return replace(answers, predictors=_asked("Predictors", usual, known))


def families_of(text: str) -> Predictors:
    """Return families of predictors by their kinds, parted by commas or blanks."""
    kinds = text.replace(",", " ").split()
    strange = [kind for kind in kinds if kind not in families()]
    if strange:
        raise InputError(f"{', '.join(strange)}: no such predictors; there are {', '.join(families())}.")
    return Predictors.model_validate([{"kind": kind} for kind in dict.fromkeys(kinds)])


def _offset(text: str) -> float:
    hours = _numbers(text, 1, "a number of hours, such as 8 or -6")[0]
    if abs(hours) > 14:
        raise InputError(f"{hours:g} hours is no clock's distance from UTC; give hours from -12 to 14.")
    return hours


def _layer(text: str) -> tuple[float, float]:
    upper, lower = _numbers(text, 2, "two depths in m, such as 0 0.05")
    if not 0 <= upper <= lower:
        raise InputError(
            f"{upper:g} to {lower:g} m is no layer; give the upper bound first, in m below the surface."
        )
    return upper, lower


def _season(text: str) -> tuple[str, str] | None:
    if not text:
        return None
    days = text.replace(",", " ").split()
    if len(days) != 2:
        raise InputError(f"{text!r} is not two days; write them as 05-01 10-15.")
    try:
        return UnfrozenRule(season=(days[0], days[1])).season
    except ValidationError as error:
        raise InputError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


def _point(text: str) -> tuple[float, float]:
    lon, lat = _numbers(text, 2, "degrees east and north, such as 99.8 37.5")
    ease_cell_at(lon, lat, "M36")  # refuses what lies outside the grid
    return lon, lat


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text} is no day; write it as 2021-05-31.") from error


def _target(text: str) -> str:
    if text not in ("anomaly", "absolute"):
        raise InputError(f"{text!r} is no target; choose anomaly or absolute.")
    return text


def _numbers(text: str, count: int, wanted: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.replace(",", " ").split())
    except ValueError:
        numbers = ()
    if len(numbers) != count or not all(map(isfinite, numbers)):
        raise InputError(f"{text!r} is not what is asked for; give {wanted}.")
    return numbers


def _asked(question: str, default: str, read: Callable[[str], Value]) -> Value:
    """Ask until the answer can be read."""
    while True:
        given = typer.prompt(question, default=default, show_default=bool(default))
        try:
            return read(str(given).strip())
        except InputError as error:
            _complain(error)


def _complain(error: Exception) -> None:
    console.print(f"  [yellow]?[/] {escape(str(error))}")
