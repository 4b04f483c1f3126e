"""smgee: soil moisture at 30 m from stations, HLS and Google Earth Engine, and the validation of SMAP with
it.

``smgee.connect()`` starts a session; the parts of the toolkit are submodules, imported when first used:
`smgee.insitu`, `smgee.predictors`, `smgee.trees`, `smgee.models`, `smgee.upscale`, `smgee.validation`,
`smgee.report`, `smgee.twin`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from smgee.errors import InputError, MissingDataError, ParityError, RemoteError, SmgeeError, UnsupportedError

if TYPE_CHECKING:
    from smgee import insitu, models, predictors, report, trees, twin, upscale, validation
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
_HOMES = {
    "Session": "smgee.session",
    "Study": "smgee.study",
    "connect": "smgee.session",
    "current_session": "smgee.session",
}


def __getattr__(name: str) -> Any:
    # The heavy parts (NumPy, pandas, scikit-learn, …) load when they are first named, so that
    # `import smgee` is quick.
    if name in _SUBMODULES:
        return import_module(f"smgee.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'smgee' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
