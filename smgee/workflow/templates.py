"""A new study: what can be found out about a place and its stations, as a commented study file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from smgee.datasets import WORLDCOVER
from smgee.errors import InputError
from smgee.grid import EaseCell, ease_cell_at
from smgee.insitu.layout import Layout, Preview, find_layout, preview
from smgee.predictors import Predictors, is_alias
from smgee.study import Study
from smgee.study.draft import write_draft
from smgee.study.sections import OTHER_PRODUCTS, Training
from smgee.workflow.answers import OWN_FILES, QLB, TEMPLATES, Answers
from smgee.workflow.template_notes import head_of, notes_of

_QLB_YEARS = (date(2019, 1, 1), date(2024, 1, 1))
_QLB_MODELS = ("RF", "ERT", "GBDT", "XGBoost", "CatBoost")
_GANGCHA = (100.13, 37.33)
"""Longitude and latitude of the town of Gangcha (Shaliuhe) north of Qinghai Lake, where a study of QLB-NET
begins. No source at hand tells the network's cell, so this is a place to begin with and no more: stations or
--lon and --lat decide, and what is written says so.
"""


@dataclass(frozen=True)
class NewStudy:
    """A study file that is not written yet.

    Attributes
    ----------
    text : str
        The file.
    study : Study
        What it says.
    layout, preview
        Of the stations, where a file was given.
    inside : int
        Stations in the 36 km cell.
    open : tuple of str
        What the user has to confirm or decide.
    """

    text: str
    study: Study
    layout: Layout | None = None
    preview: Preview | None = None
    inside: int = 0
    open: tuple[str, ...] = ()


def look(
    answers: Answers, progress: Callable[[int, int], None] | None = None
) -> tuple[Layout, Preview] | None:
    """Return how the stations are laid out and what the readers make of them; None without stations."""
    if answers.stations is None:
        return None
    layout = find_layout(answers.stations)
    return layout, preview(layout, answers.layer, flags=answers.flags, progress=progress)


def new_study(
    name: str,
    file: Path,
    answers: Answers,
    *,
    found: tuple[Layout, Preview] | None = None,
) -> NewStudy:
    """Return the study file of some answers.

    Parameters
    ----------
    name : str
        Label of the study.
    file : Path
        Where it will lie; paths in it are relative to its folder.
    answers : Answers
        What is known.
    found : (Layout, Preview), optional
        What `look` found of the stations.

    Raises
    ------
    InputError
        When the place or the period is neither given nor told by the stations, or cannot be used.
    """
    if answers.template not in TEMPLATES:
        raise InputError(
            f"The template {answers.template!r} is not known; choose from {', '.join(TEMPLATES)}."
        )
    layout, seen = found if found is not None else (None, None)
    lon, lat, assumed = _place(answers, seen)
    start, end = _period(answers, seen)
    cell = ease_cell_at(lon, lat, "M36")
    stations = _stations(answers, layout, file)
    content: dict[str, Any] = {
        "name": name,
        "start": start,
        "end": end,
        "area": {"lon": round(lon, 5), "lat": round(lat, 5)},
        "backend": _backend(answers, file),
        "stations": stations | _season(answers),
        "predictors": _predictors(answers, start, end),
        "training": _training(answers),
        "upscale": {"route": "xee"},
        "smap": {"nine_km": True} | _beside_smap(answers),
        "publish": {"overwrite": False},
    }
    unsure = _still_open(answers, layout)
    if assumed:
        unsure.append(
            f"where the network's cell lies: taken is {cell.name}, which holds the town of Gangcha; give "
            "--stations with their places, or --lon and --lat of a point in the cell"
        )
    if seen is not None and seen.failure:
        unsure.append(f"the stations cannot be read yet: {seen.failure}")
    elif seen is not None and not seen.tells_frost and answers.season is None:
        unsure.append(
            "when the soil is frozen: no soil temperature and no flag tells it; set "
            "stations.unfrozen.season, such as [05-01, 10-15]"
        )
    inside = _inside(seen, cell)
    notes = notes_of(answers, cell, lon, lat, layout, unsure)
    study, wrong = Study.tried(content, folder=file.parent)
    if study is None:
        raise InputError(f"The study cannot be begun: {'; '.join(wrong)}.")
    text = write_draft(content, head=head_of(answers), notes=notes)
    return NewStudy(text, study, layout, seen, inside, tuple(unsure))


def _still_open(answers: Answers, layout: Layout | None) -> list[str]:
    """Return what a file of stations does not tell, but for what was answered."""
    answered = {
        "stations.depth_m": answers.depth_m,
        "stations.table.utc_offset_hours": answers.utc_offset_hours,
    }
    settled = [setting for setting, value in answered.items() if value is not None]
    return [text for text in (layout.open if layout else ()) if not any(s in text for s in settled)]


def _beside_smap(answers: Answers) -> dict[str, Any]:
    """Return what SMAP is compared and collocated with, and what cells are described by, where the service
    has it.
    """
    if answers.project is None:
        return {}
    others = [{"id": name} for name in OTHER_PRODUCTS]
    return {"others": others, "land_cover": WORLDCOVER.id}


def _predictors(answers: Answers, start: date, end: date) -> list[dict[str, str]]:
    """Return the families: as given, else the usual, the day of the year only where it is more than the
    date."""
    if answers.predictors:
        return [{"kind": kind} for kind in answers.predictors]
    kinds = [family.kind for family in Predictors.usual(answers.learnt)]
    return [{"kind": k} for k in kinds if k != "calendar" or not is_alias(start, end)]


def _place(answers: Answers, seen: Preview | None) -> tuple[float, float, bool]:
    """Return a point of the cell, and whether it is but assumed."""
    if answers.lon is not None and answers.lat is not None:
        return answers.lon, answers.lat, False
    if (answers.lon is None) != (answers.lat is None):
        raise InputError("A place needs both --lon and --lat, degrees east and north.")
    told = None if seen is None else _fullest_place(seen)
    likely = likely_place(answers, seen)
    if likely is None:
        raise InputError(
            "The place is not known: give --lon and --lat of a point in the 36 km cell, or --stations whose "
            "places are known."
        )
    return *likely, told is None


def likely_place(answers: Answers, seen: Preview | None) -> tuple[float, float] | None:
    """Return longitude and latitude amid the stations of the 36 km cell that holds most of them.

    Where no station has a place: where the template says to begin, else None.
    """
    told = None if seen is None else _fullest_place(seen)
    return told or (_GANGCHA if answers.template == QLB else None)


def default_name(answers: Answers, file: Path) -> str:
    """Return what a study is called whose user gave no name: as its file, or its folder, or the template's
    network, by which the tables of its report know it."""
    if answers.template == QLB:
        return QLB
    return file.stem if file.stem != "study" else file.resolve().parent.name or "study"


def _fullest_place(seen: Preview) -> tuple[float, float] | None:
    places = [(float(lon), float(lat)) for lon, lat in seen.placed[["lon", "lat"]].to_numpy()]
    if not places:
        return None
    cells = [ease_cell_at(lon, lat, "M36") for lon, lat in places]
    fullest = Counter(cells).most_common(1)[0][0]
    own = np.array([place for place, cell in zip(places, cells, strict=True) if cell == fullest])
    lon, lat = own.mean(axis=0)  # no cell lies across the antimeridian
    return float(lon), float(lat)


def _period(answers: Answers, seen: Preview | None) -> tuple[date, date]:
    own = _QLB_YEARS if answers.template == QLB else (None, None)
    record = (None, None) if seen is None else seen.period or (None, None)
    start = answers.start or own[0] or record[0]
    end = answers.end or own[1] or record[1]
    if start is None or end is None:
        raise InputError(
            "The period is not known: give --start and --end (exclusive) as YYYY-MM-DD, or --stations with "
            "records."
        )
    return start, end


def _inside(seen: Preview | None, cell: EaseCell) -> int:
    """Return how many of the stations stand in the cell."""
    if seen is None:
        return 0
    places = seen.placed[["lon", "lat"]].to_numpy()
    return sum(ease_cell_at(float(lon), float(lat), "M36") == cell for lon, lat in places)


def _beside(path: Path | str, file: Path) -> str:
    """Return a path as a study file gives it: relative to its folder, unless it was given absolutely."""
    path = Path(path)
    return str(path) if path.is_absolute() else os.path.relpath(path, file.parent)


def _stations(answers: Answers, layout: Layout | None, file: Path) -> dict[str, Any]:
    if layout is None:
        depth = {"depth_m": list(answers.layer)}
        if answers.template != QLB:
            return {"source": "stations", "format": "ismn"} | depth
        columns = {name: name for name in ("station", "soil_moisture", "soil_temperature", "lon", "lat")}
        return {"source": "qlb-net.csv", "format": "table", "table": {"time": "time"} | columns} | depth
    found: dict[str, Any] = {
        "source": _beside(layout.path, file),
        "format": layout.format,
        "depth_m": list(answers.layer),
    }
    if layout.format == "table":
        table = dict(layout.table)
        if "places" in table:
            table["places"] = _beside(table["places"], file)
        if answers.utc_offset_hours is not None:
            table["utc_offset_hours"] = answers.utc_offset_hours
        found["table"] = {"time": "time"} | table
    if answers.flags != ("G",):
        found["flags"] = list(answers.flags)
    return found


def _season(answers: Answers) -> dict[str, Any]:
    return {} if answers.season is None else {"unfrozen": {"season": list(answers.season)}}


def _backend(answers: Answers, file: Path) -> dict[str, Any]:
    if answers.project is not None and answers.catalog is not None:
        raise InputError("--project is for the real service, --catalog for your own files; give one of them.")
    if answers.catalog is not None or (answers.template == OWN_FILES and answers.project is None):
        catalog = "my-data" if answers.catalog is None else _beside(answers.catalog, file)
        return {"kind": "embedded", "catalog": catalog}
    return {"kind": "earthengine"} | ({} if answers.project is None else {"project": answers.project})


def _training(answers: Answers) -> dict[str, Any]:
    """Return how many folds, what is learnt, and of the study that the template follows its families."""
    found = {"folds": Training.model_fields["folds"].default, "target": answers.learnt}
    return found | ({"models": list(_QLB_MODELS)} if answers.template == QLB else {})
