"""Station records: reading, quality, daily means, unfrozen periods, and what the network is worth."""

from smgee.insitu.archive import read_ismn
from smgee.insitu.daily import daily_means
from smgee.insitu.dataset import write_dataset
from smgee.insitu.frozen import unfrozen_periods
from smgee.insitu.network import heterogeneity, network_mean, representativeness, summary
from smgee.insitu.table import read_table

__all__ = [
    "daily_means",
    "heterogeneity",
    "network_mean",
    "read_ismn",
    "read_table",
    "representativeness",
    "summary",
    "unfrozen_periods",
    "write_dataset",
]
