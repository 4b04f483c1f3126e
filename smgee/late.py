"""Packages that take long to load, each loaded when something of it is first used.

They are imported from here at the top of a file: ``from smgee.late import ee``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any


class _Late:
    """Stands for a module, to read from: what is set belongs on the module itself, and is refused here."""

    __slots__ = ("_name",)

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)


if TYPE_CHECKING:
    import ee as ee
    import pandas as pd
    import xarray as xr
else:
    ee, pd, xr = _Late("ee"), _Late("pandas"), _Late("xarray")
