"""smgee: soil moisture at 30 m from stations, HLS and Google Earth Engine, and the validation of SMAP with
it.

``smgee.connect()`` starts a session, ``smgee.Study`` is what a run is made by. The parts of the toolkit are
submodules, imported when first used:

Stations
    `smgee.insitu` reads networks, checks them, averages them, finds their unfrozen periods.
Predictors and samples
    `smgee.predictors` are images on Earth Engine, `smgee.sampling` takes them at the stations,
    `smgee.endmembers` finds what fractions are of, `smgee.datasets` says what the products are.
Models
    `smgee.models` trains and scores, `smgee.trees` holds trees that are the same everywhere, `smgee.explain`
    tells what they use.
Maps
    `smgee.area` is the place, `smgee.upscale` maps it, `smgee.grid` holds pixel grids and EASE cells.
Validation
    `smgee.metrics` compares series, `smgee.validation` judges SMAP, `smgee.ingest` brings its files in.
Runs
    `smgee.study`, `smgee.workflow`, `smgee.tables`, `smgee.report`, `smgee.maps`, `smgee.stac`,
    `smgee.publish`.
The synthetic basin
    `smgee.twin` is a world whose truth is known, `smgee.experiment` tries networks and seasons on it.

Everything that can go wrong for a reason is an `SmgeeError` with one plain sentence.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from smgee.errors import InputError, MissingDataError, ParityError, RemoteError, SmgeeError, UnsupportedError

if TYPE_CHECKING:
    from smgee import (
        area,
        datasets,
        endmembers,
        experiment,
        explain,
        grid,
        ingest,
        insitu,
        maps,
        metrics,
        models,
        predictors,
        publish,
        report,
        sampling,
        stac,
        study,
        tables,
        trees,
        twin,
        upscale,
        validation,
        workflow,
    )
    from smgee.session import Session, connect, current_session
    from smgee.study import Study

__all__ = [
    "InputError",
    "MissingDataError",
    "ParityError",
    "RemoteError",
    "Session",
    "SmgeeError",
    "Study",
    "UnsupportedError",
    "area",
    "connect",
    "current_session",
    "datasets",
    "endmembers",
    "experiment",
    "explain",
    "grid",
    "ingest",
    "insitu",
    "maps",
    "metrics",
    "models",
    "predictors",
    "publish",
    "report",
    "sampling",
    "stac",
    "study",
    "tables",
    "trees",
    "twin",
    "upscale",
    "validation",
    "workflow",
]

_HOMES = {
    "Session": "smgee.session",
    "Study": "smgee.study",
    "connect": "smgee.session",
    "current_session": "smgee.session",
}


def __getattr__(name: str) -> Any:
    # The heavy parts (NumPy, pandas, scikit-learn, …) load when they are first named, so that
    # `import smgee` is quick.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in __all__:
        return import_module(f"smgee.{name}")
    raise AttributeError(f"module 'smgee' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
