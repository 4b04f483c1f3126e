"""Station records: reading, quality, daily means, unfrozen periods, and what the network is worth."""

from smgee.insitu.archive import read_ismn
from smgee.insitu.checks import check_records
from smgee.insitu.daily import daily_means
from smgee.insitu.frozen import unfrozen_periods
from smgee.insitu.movement import dynamics
from smgee.insitu.network import heterogeneity, network_mean, representativeness, summary
from smgee.insitu.overpass import overpass_means, overpass_times, subdaily
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
from smgee.tables import write_dataset

__all__ = [
    "Heterogeneity",
    "QualityRules",
    "UnfrozenRule",
    "check_records",
    "daily_means",
    "dynamics",
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
    "subdaily",
    "summary",
    "unfrozen_periods",
    "variogram",
    "write_dataset",
]
