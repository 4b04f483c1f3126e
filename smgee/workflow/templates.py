"""A new study: what can be found out about a place and its stations, as a commented study file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from smgee.area import utm_zone
from smgee.datasets import WORLDCOVER
from smgee.errors import InputError
from smgee.grid import EaseCell, ease_cell_at
from smgee.insitu.layout import Layout, Preview, find_layout, preview
from smgee.predictors import Predictors, is_alias
from smgee.study import Study
from smgee.study.draft import write_draft
from smgee.study.sections import OTHER_PRODUCTS, Training

__all__ = ["TEMPLATES", "Answers", "NewStudy", "default_name", "likely_place", "look", "new_study"]

TEMPLATES: Mapping[str, str] = {
    "own-files": "your own stations and your own downloaded satellite files; no account",
    "ismn": "an archive of the International Soil Moisture Network and the real Earth Engine",
    "qlb-net": "the study of Qin et al. 2025 (Land 14, 2098): one 36 km cell, the seasons of 2019–2023",
}
"""What `smgee init --template` offers, and what each is for."""

_QLB = "qlb-net"
_QLB_YEARS = (date(2019, 1, 1), date(2024, 1, 1))
_QLB_MODELS = ("RF", "ERT", "GBDT", "XGBoost", "CatBoost")
_GANGCHA = (100.13, 37.33)
"""Longitude and latitude of the town of Gangcha (Shaliuhe) north of Qinghai Lake, where a study of QLB-NET
begins. No source at hand tells the network's cell, so this is a place to begin with and no more: stations or
--lon and --lat decide, and what is written says so.
"""
_SMAP_36 = (
    "Earth Engine has SMAP's 9 km product, and no 36 km one. Download SPL3SMP from NSIDC "
    "(nsidc.org/data/spl3smp), and bring it in under an id of your own: with your own files by `smgee "
    "catalog add projects/PROJECT/assets/SPL3SMP FILES.h5 --catalog FOLDER`, or on either backend by `smgee "
    "smap ingest FILES.h5`, which makes an image collection on the exact EASE-Grid 2.0. Left out, 36 km is "
    "not judged.",
)


@dataclass(frozen=True)
class Answers:
    """What is known of a new study; what is None is found, or left open.

    Attributes
    ----------
    template : str
        One of `TEMPLATES`.
    stations : Path or None
        The network: an archive or a table.
    lon, lat : float or None
        A point of the 36 km cell, degrees.
    start, end : date or None
        The period, end exclusive.
    project : str or None
        A Cloud project: the real service is used.
    catalog : Path or None
        Folder of the user's own files: the embedded Earth Engine is used.
    depth_m : (float, float)
        Layer of the probes, m below the surface.
    flags : tuple of str
        Quality flags of good records.
    """

    template: str = "own-files"
    stations: Path | None = None
    lon: float | None = None
    lat: float | None = None
    start: date | None = None
    end: date | None = None
    project: str | None = None
    catalog: Path | None = None
    depth_m: tuple[float, float] = (0.0, 0.05)
    flags: tuple[str, ...] = ("G",)


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
    return layout, preview(layout, answers.depth_m, flags=answers.flags, progress=progress)


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
        "stations": stations,
        "predictors": _predictors(_target(answers), start, end),
        "training": _training(answers),
        "upscale": {"route": "xee"},
        "smap": {"nine_km": True} | _beside_smap(answers),
        "publish": {"overwrite": False},
    }
    unsure = list(layout.open) if layout else []
    if assumed:
        unsure.append(
            f"where the network's cell lies: taken is {cell.name}, which holds the town of Gangcha; give "
            "--stations with their places, or --lon and --lat of a point in the cell"
        )
    if seen is not None and seen.failure:
        unsure.append(f"the stations cannot be read yet: {seen.failure}")
    elif seen is not None and not seen.tells_frost:
        unsure.append(
            "when the soil is frozen: no soil temperature and no flag tells it; set "
            "stations.unfrozen.season, such as [05-01, 10-15]"
        )
    inside = _inside(seen, cell)
    notes = _notes(answers, cell, lon, lat, layout, unsure)
    text = write_draft(content, head=_head(answers), notes=notes)
    study, wrong = Study.tried(content, folder=file.parent)
    if study is None:
        raise InputError(f"The study cannot be begun: {'; '.join(wrong)}.")
    return NewStudy(text, study, layout, seen, inside, tuple(unsure))


def _beside_smap(answers: Answers) -> dict[str, Any]:
    """Return what SMAP is compared and collocated with, and what cells are described by, where the service
    has it.
    """
    if answers.project is None:
        return {}
    others = [{"id": name} for name in OTHER_PRODUCTS]
    return {"others": others, "land_cover": WORLDCOVER.id}


def _predictors(target: str, start: date, end: date) -> list[dict[str, str]]:
    """Return the usual families; the day of the year only where it is more than the date."""
    kinds = [family.kind for family in Predictors.usual(target)]
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
    return told or (_GANGCHA if answers.template == _QLB else None)


def default_name(answers: Answers, file: Path) -> str:
    """Return what a study is called whose user gave no name: as its file, or its folder, or the template's
    network, by which the tables of its report know it."""
    if answers.template == _QLB:
        return _QLB
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
    own = _QLB_YEARS if answers.template == _QLB else (None, None)
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
        depth = {"depth_m": list(answers.depth_m)}
        if answers.template != _QLB:
            return {"source": "stations", "format": "ismn"} | depth
        columns = {name: name for name in ("station", "soil_moisture", "soil_temperature", "lon", "lat")}
        return {"source": "qlb-net.csv", "format": "table", "table": {"time": "time"} | columns} | depth
    found: dict[str, Any] = {
        "source": _beside(layout.path, file),
        "format": layout.format,
        "depth_m": list(answers.depth_m),
    }
    if layout.format == "table":
        table = dict(layout.table)
        if "places" in table:
            table["places"] = _beside(table["places"], file)
        found["table"] = {"time": "time"} | table
    if answers.flags != ("G",):
        found["flags"] = list(answers.flags)
    return found


def _backend(answers: Answers, file: Path) -> dict[str, Any]:
    if answers.project is not None and answers.catalog is not None:
        raise InputError("--project is for the real service, --catalog for your own files; give one of them.")
    if answers.catalog is not None or (answers.template == "own-files" and answers.project is None):
        catalog = "my-data" if answers.catalog is None else _beside(answers.catalog, file)
        return {"kind": "embedded", "catalog": catalog}
    return {"kind": "earthengine"} | ({} if answers.project is None else {"project": answers.project})


def _target(answers: Answers) -> str:
    """Return what is learnt: as the study that a template follows learns it, else from state and place."""
    return "absolute" if answers.template == _QLB else "anomaly"


def _training(answers: Answers) -> dict[str, Any]:
    """Return how many folds, what is learnt, and of the study that the template follows its families."""
    found = {"folds": Training.model_fields["folds"].default, "target": _target(answers)}
    return found | ({"models": list(_QLB_MODELS)} if answers.template == _QLB else {})


def _head(answers: Answers) -> list[str]:
    return [
        f"A study of smgee: {TEMPLATES[answers.template]}.",
        "A line that begins with # and no blank is a setting at its default: take the # away to change it. "
        "Paths are relative to this file. `smgee init --check` reads it and says what is wrong, line by "
        "line; `smgee init --schema study.schema.json` writes what editors need to complete it.",
    ]


def _notes(
    answers: Answers,
    cell: EaseCell,
    lon: float,
    lat: float,
    layout: Layout | None,
    unsure: Sequence[str],
) -> dict[str, list[str]]:
    """Return what stands above settings of the file."""
    zone = utm_zone(lon, lat)
    place = (
        f"The point lies in the 36 km EASE-Grid 2.0 cell {cell.name}, which is mapped as a whole. Its maps "
        f"are in {zone}, the UTM zone of the place."
    )
    check = [f"CHECK: {text}." for text in unsure]
    notes: dict[str, list[str]] = {
        "area.lon": [place, *(text for text in check if text.startswith("CHECK: where the network"))],
        "smap.collection_36km": list(_SMAP_36),
        "publish.enabled": ["On the real service nothing is published unless this or --publish says so."],
    }
    if answers.template != _QLB:
        notes["training.target"] = [
            "An anomaly needs the network on the days that are mapped; its certificate says whether the map "
            "is better than the mean of the stations."
        ]
    if layout is None:
        notes["stations.source"] = ["REPLACE: the path of your stations. No file was given to `smgee init`."]
    else:
        notes["stations.source"] = [f"Recognised: {'; '.join(layout.found)}.", *check]
    if answers.project is None:
        notes["backend.catalog"] = [
            "Your files under Earth Engine's ids: `smgee catalog add NASA/HLS/HLSS30/v002 FILES --catalog "
            "FOLDER`, and so on; `smgee run` names what is missing."
        ]
        notes["backend.project"] = [
            "The real service needs a project, here or as EARTHENGINE_PROJECT, and a login (`earthengine "
            "authenticate`)."
        ]
    if answers.template == _QLB:
        notes["name"] = [
            "The paper's own figures stand beside those of a run in the tables of its report where the name "
            "holds qlb, the place is the Qinghai Lake basin, and the years are among 2019–2023."
        ]
        notes["start"] = [
            "Qin et al. found the soil unfrozen from 3–13 May to 8–18 October, 2019–2023. Their stations and "
            "the depth of their probes are not part of smgee: take them from the data's own description."
        ]
        if layout is None:
            notes["stations.table"] = [
                "One row for each station and hour: time, station, soil_moisture (m³/m³), soil_temperature "
                "(°C, tells the unfrozen period), lon, lat. Rename the columns, or say here what yours are "
                "called; unit: '%' for per cent, utc_offset_hours: 8 for Beijing time."
            ]
        notes["training.models"] = [
            "The five families of the study, which reports R and RMSE (m³/m³) of CatBoost 0.910 and 0.027, "
            "GBDT 0.893 and 0.034, ERT 0.702 and 0.048, RF 0.790 and 0.037, XGBoost 0.909 and 0.025."
        ]
    return notes
