"""The plan of a study or a run: which days, which trees, and what they cost by each route."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from smgee.errors import InputError
from smgee.planning import ASSUMED, PLACES, SEASONS, Place, Plan, Rates, Tier, plan_routes, probe
from smgee.planning.load import stand_in
from smgee.planning.places import FIRST_DAY, LAST_DAY
from smgee.predictors import PredictorSet
from smgee.session import connect, current_session
from smgee.study import Study
from smgee.upscale import DailyModel, XeeRoute
from smgee.validation.footprint import UNITS
from smgee.workflow.cells import judged_cells
from smgee.workflow.connection import connected
from smgee.workflow.folder import RunFolder
from smgee.workflow.steps.stations import STATIONS


@dataclass(frozen=True)
class Planned:
    """The plan of a study.

    Attributes
    ----------
    study : Study
        As it is planned.
    where : str
        The area, in words.
    days : str
        Which days, in words.
    """

    study: Study
    where: str
    days: str
    plan: Plan

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"study": self.study.name, "where": self.where, "days_are": self.days, **self.plan.as_dict()}


def plan_study(
    study: Study,
    *,
    run: RunFolder | None = None,
    tier: Tier = "community",
    measure: bool = False,
    backend: str | None = None,
) -> Planned:
    """Plan the maps of a study.

    Parameters
    ----------
    study : Study
        Which one.
    run : RunFolder, optional
        Its run so far, where days and trees may be known already.
    tier : {"community", "contributor", "partner"}
        Of the noncommercial tiers.
    measure : bool
        Probe the study's backend by one small block and one small task.
    backend : {"embedded", "earthengine"}, optional
        To plan for; by default the study's own.
    """
    days, said = _days(study, run)
    model = _model(study, run)
    predictors = _predictors(study, run)
    backend = backend or study.backend.kind
    rates = _probed(study, run, model, predictors, days) if measure else ASSUMED[backend]
    cells = judged_cells(study)
    units = [unit for cell in study.cells for unit in cell.children(UNITS)]
    with _offline():
        plan = plan_routes(
            predictors,
            days,
            backend=backend,
            rates=rates,
            model=model,
            area=study.area,
            cells=len(cells) + len(units),
            tier=tier,
            disk_free_gb=shutil.disk_usage(_existing(run.path if run else Path())).free / 1e9,
        )
    return Planned(study, _where(study), said, plan)


def at_place(study: Study, name: str) -> tuple[Study, Place]:
    """Return a study's predictors and training for five seasons of a large area; `InputError` for a name that
    is not among `smgee.planning.PLACES`.
    """
    place = PLACES.get(name)
    if place is None:
        raise InputError(f"The place {name!r} is not known; choose {' or '.join(PLACES)}.")
    content = study.model_dump(mode="json")
    content["area"] = {"geojson": place.geojson, "crs": place.crs, "scale_m": study.area.scale_m}
    content["start"] = f"{SEASONS[0]}-{FIRST_DAY}"
    content["end"] = str(date.fromisoformat(f"{SEASONS[-1]}-{LAST_DAY}") + timedelta(days=1))
    content["stations"]["unfrozen"] |= {"season": [FIRST_DAY, LAST_DAY]}
    return Study.parse(content, origin=f"the study at {place.title}"), place


def _days(study: Study, run: RunFolder | None) -> tuple[list[date], str]:
    """Return the days that would be mapped, and where they are known from."""
    every = [d.date() for d in pd.date_range(study.start, study.end, inclusive="left")]
    season = study.stations.unfrozen.season
    periods = run / "unfrozen.csv" if run is not None else None
    if periods is not None and periods.is_file():
        table = pd.read_csv(periods, parse_dates=["start", "end"])
        spans = list(zip(table["start"].dt.date, table["end"].dt.date, strict=True))
        days, said = [d for d in every if any(a <= d <= b for a, b in spans)], "the unfrozen days of the run"
    elif season is not None:
        days = [d for d in every if _in_season(d, season)]
        said = f"the days from {season[0]} to {season[1]}, as the study's season says"
    else:
        days, said = every, "every day of the period: which are unfrozen is not known yet"
    smap = run / "smap.csv" if run is not None else None
    if study.upscale.days == "smap":
        if smap is not None and smap.is_file():
            table = pd.read_csv(smap, parse_dates=["date"])
            seen = set(table.loc[table["soil_moisture"].notna(), "date"].dt.date)
            days, said = [d for d in days if d in seen], f"{said} with a retrieval of SMAP"
        else:
            said += ", with a retrieval of SMAP or without: which have one is not known yet"
    if not days:
        raise InputError(f"The study {study.name} has no day to map: {said}; move its period or season.")
    return days, said


def _in_season(day: date, season: tuple[str, str]) -> bool:
    first, last = season
    here = f"{day:%m-%d}"
    return first <= here <= last if first <= last else here >= first or here <= last


def _model(study: Study, run: RunFolder | None) -> DailyModel | None:
    """Return the deployed model of a run, if it has one."""
    if run is None or run.entry("train") is None or not (run / "models").is_dir():
        return None
    return DailyModel.open(run / "models", study.training.deploy)


def _predictors(study: Study, run: RunFolder | None) -> PredictorSet:
    """Return the study's predictors; those relative to a network whose places are not known are counted with
    one in the middle of the area.
    """
    predictors = study.predictor_set
    if not predictors.needs_network:
        return predictors
    if run is not None and (run / STATIONS.path).is_file():
        stations = STATIONS.read(run.path)
        return predictors.at_stations(stations["lon"].values, stations["lat"].values)
    lon, lat = study.area.center
    return predictors.at_stations([lon], [lat])


def _probed(
    study: Study, run: RunFolder | None, model: DailyModel | None, predictors: PredictorSet, days: list[date]
) -> Rates:
    """Measure on the study's backend."""
    asked = DailyModel.of(stand_in(predictors.names)) if model is None else model
    with connected(run or RunFolder(Path("runs") / study.name, study)):
        return probe(XeeRoute(predictors, asked), days)


@contextmanager
def _offline() -> Iterator[None]:
    """Have the client know Earth Engine's functions: requests are built to be counted, and none is sent."""
    if current_session() is not None:
        yield
        return
    with connect("embedded", sources=()):
        yield


def _existing(path: Path) -> Path:
    """Return the nearest folder above that exists."""
    path = path.resolve()
    return next(p for p in (path, *path.parents) if p.exists())


def _where(study: Study) -> str:
    grid = study.grid
    km2 = grid.width * grid.height * grid.transform[0] ** 2 / 1e6
    return f"{grid.width:,} × {grid.height:,} pixels of {grid.transform[0]:g} m around {km2:,.0f} km²"
