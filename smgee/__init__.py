"""smgee: soil moisture at 30 m from stations, HLS and Google Earth Engine, and the validation of SMAP with
it.

``smgee.connect()`` starts a session; the parts of the toolkit are submodules, imported when first used:
`smgee.insitu`, `smgee.predictors`, `smgee.trees`, `smgee.models`, `smgee.upscale`, `smgee.validation`,
`smgee.report`, `smgee.twin`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from smgee.errors import InputError, MissingDataError, ParityError, RemoteError, SmgeeError, UnsupportedError
from smgee.session import Session, connect, current_session

if TYPE_CHECKING:
    from smgee import insitu, models, predictors, report, trees, twin, upscale, validation
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
    "connect",
    "current_session",
    "insitu",
    "models",
    "predictors",
    "report",
    "trees",
    "twin",
    "upscale",
    "validation",
]

_SUBMODULES = ("insitu", "models", "predictors", "report", "trees", "twin", "upscale", "validation")


def __getattr__(name: str) -> Any:
    # The heavy parts (pandas, xarray, scikit-learn, …) load when they are first named, so that `import smgee`
    # is quick.
    if name in _SUBMODULES:
        return import_module(f"smgee.{name}")
    if name == "Study":
        return import_module("smgee.study").Study
    raise AttributeError(f"module 'smgee' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
