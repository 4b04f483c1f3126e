"""Station records: reading, quality, daily means, unfrozen periods, and what the network is worth.

The parts load when they are first named: a study takes its settings from here, and needs no more.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smgee.insitu.archive import read_ismn
    from smgee.insitu.checks import check_records
    from smgee.insitu.daily import daily_means
    from smgee.insitu.dataset import write_dataset
    from smgee.insitu.frozen import unfrozen_periods
    from smgee.insitu.network import heterogeneity, network_mean, representativeness, summary
    from smgee.insitu.overpass import overpass_means, overpass_times
    from smgee.insitu.quality import flags_present
    from smgee.insitu.settings import QualityRules, UnfrozenRule
    from smgee.insitu.spatial import (
        Heterogeneity,
        mean_cv,
        moran,
        stations_needed,
        study_heterogeneity,
        variogram,
    )
    from smgee.insitu.table import read_table

__all__ = [
    "Heterogeneity",
    "QualityRules",
    "UnfrozenRule",
    "check_records",
    "daily_means",
    "flags_present",
    "heterogeneity",
    "mean_cv",
    "moran",
    "network_mean",
    "overpass_means",
    "overpass_times",
    "read_ismn",
    "read_table",
    "representativeness",
    "stations_needed",
    "study_heterogeneity",
    "summary",
    "unfrozen_periods",
    "variogram",
    "write_dataset",
]

_HOMES = {
    "Heterogeneity": "spatial",
    "QualityRules": "settings",
    "UnfrozenRule": "settings",
    "check_records": "checks",
    "daily_means": "daily",
    "flags_present": "quality",
    "heterogeneity": "network",
    "mean_cv": "spatial",
    "moran": "spatial",
    "network_mean": "network",
    "overpass_means": "overpass",
    "overpass_times": "overpass",
    "read_ismn": "archive",
    "read_table": "table",
    "representativeness": "network",
    "stations_needed": "spatial",
    "study_heterogeneity": "spatial",
    "summary": "network",
    "unfrozen_periods": "frozen",
    "variogram": "spatial",
    "write_dataset": "dataset",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'smgee.insitu' has no attribute {name!r}")
    return getattr(import_module(f"smgee.insitu.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
