"""Stations: read the network, average it to days, find the unfrozen periods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from smgee import insitu, schemas
from smgee.errors import InputError, MissingDataError
from smgee.study import Study
from smgee.twin import Basin
from smgee.workflow.artifacts import Artifact, dataset, table
from smgee.workflow.days import active_days
from smgee.workflow.preflight import check_place
from smgee.workflow.step import Step
from smgee.workflow.work import Work

STATIONS: Artifact[xr.Dataset] = dataset("stations.nc")
RECORDS: Artifact[xr.Dataset] = dataset("records.nc", optional=True)
PERIODS: Artifact[pd.DataFrame] = table("unfrozen.csv", schemas.PERIODS)
QUALITY: Artifact[pd.DataFrame] = table("stations_quality.csv", schemas.QUALITY)
SPREAD: Artifact[pd.DataFrame] = table("stations_heterogeneity.csv", schemas.SPREAD, optional=True)


def run(work: Work) -> Mapping[str, Any]:
    """Read the network of the study."""
    study = work.study
    s = study.stations
    source: str | Path = s.source
    if s.source == "twin":
        source = work.run / "ismn"
        years = study.years
        Basin(year=years[0]).write_stations(source, s.network, years=years)
        work.progress(0.5)
    if s.format == "ismn":
        records = insitu.read_ismn(source, s.depth_m, flags=s.flags)
    else:
        layout = s.table.model_dump(exclude={"places"})
        records = insitu.read_table(
            source, depth_m=s.depth_m, good=s.flags, stations=s.table.places, **layout
        )
        _require_places(records, Path(source).name)
    check_place(study, records["lon"].values, records["lat"].values)
    records, quality = insitu.check_records(records, s.quality)
    daily = insitu.daily_means(records, s.min_hours)
    periods = insitu.unfrozen_periods(records, s.unfrozen, min_hours=s.min_hours)
    work.write(QUALITY, quality)
    try:
        work.write(SPREAD, insitu.study_heterogeneity(daily, seed=study.training.seed).table)
    except MissingDataError:
        work.drop(SPREAD)  # never three stations on a day
    work.write(STATIONS, daily)
    kept = insitu.subdaily(records, study.start, study.end)
    if kept is None:
        work.drop(RECORDS)  # one value a day says nothing of the hour of an overpass
    else:
        work.write(RECORDS, kept)
    work.write(PERIODS, periods)
    return {
        "stations": int(daily.sizes["station"]),
        "station_days": int(daily["soil_moisture"].notnull().sum()),
        "unfrozen_days": len(active_days(study, periods)),
        "subdaily": kept is not None,
        "dropped_records": int(quality["dropped"].sum()),
        "constant_records": int(quality["constant"].fillna(0).sum()),  # of sensors that are stuck
    }


def _require_places(records: xr.Dataset, name: str) -> None:
    placed = np.isfinite(records["lon"].values) & np.isfinite(records["lat"].values)
    unplaced = records["station"].values[~placed]
    if len(unplaced):
        raise InputError(
            f"{len(unplaced)} of the stations in {name} have no coordinates, such as {unplaced[0]}; set "
            "stations.table.places, or stations.table.lon and stations.table.lat of a long table."
        )


def _files(study: Study) -> Sequence[Path]:
    return [path for key, path in study.files.items() if key.startswith("stations.")]


STEP = Step(
    "stations",
    "Read stations",
    run,
    version=3,
    writes=(STATIONS, RECORDS, PERIODS, QUALITY, SPREAD),
    settings=("start", "end", "area", "stations", "training.seed", "backend.kind"),
    inputs=_files,
)
