"""Which days a run maps, and its maps where they stay on Earth Engine."""

from __future__ import annotations

from datetime import date

import pandas as pd

from smgee.errors import MissingDataError
from smgee.study import Study
from smgee.upscale import ClassifierRoute, KeptBands, MapStore, ServerRoute
from smgee.workflow.days import active_days
from smgee.workflow.network import predictors_of
from smgee.workflow.steps.smap import SMAP
from smgee.workflow.steps.stations import PERIODS, STATIONS
from smgee.workflow.steps.train import MODELS, deployed_model
from smgee.workflow.work import Work

READS = (PERIODS, MODELS, SMAP, STATIONS)
"""What they are made of, in a run."""

SETTINGS = ("start", "end", "predictors", "training.deploy", "upscale.maps", "upscale.days", "backend.kind")
"""What they depend on beside that."""


def stays(study: Study) -> bool:
    """Whether the maps of a study stay on Earth Engine."""
    return study.upscale.stays


def maps_there(work: Work) -> ServerRoute:
    """Return the maps as Earth Engine makes them; the step may read `READS`."""
    return ServerRoute(ClassifierRoute(predictors_of(work), deployed_model(work)), area=work.study.area)


def kept_bands(work: Work, maps: MapStore) -> KeptBands:
    """Return the static predictors that a run's maps were made of, as far as they are kept."""
    return KeptBands(work.run / ".kept", grid=work.study.grid, identity=maps.identity)


def mapped_days(work: Work) -> list[date]:
    """Return the days that a run maps; the step reads `PERIODS` and may read `SMAP`; `MissingDataError` when
    there is none.
    """
    study = work.study
    days = active_days(study, work.read(PERIODS))
    if study.upscale.days != "smap":
        return days
    smap = work.read(SMAP)
    seen = set(pd.to_datetime(smap.loc[smap["soil_moisture"].notna(), "date"]).dt.date)
    days = [d for d in days if d in seen]
    if not days:
        raise MissingDataError(
            "SMAP has no retrieval on any unfrozen day of the period; set upscale.days to daily, or move "
            "the period."
        )
    return days
