"""The twin beside real networks: its statistics lie where theirs lie."""

from __future__ import annotations

import pandas as pd
import pytest

from smgee import insitu


@pytest.fixture(scope="module")
def real(real_data):
    networks = (
        insitu.read_ismn(real_data / "txson" / "TxSON"),
        insitu.read_ismn(real_data / "iron"),
        insitu.read_table(real_data / "pali_naqu" / "pali_sm_10cm_30min_9stations.csv"),
        insitu.read_table(real_data / "pali_naqu" / "naqu_MS3603_5cm_30min.csv"),
    )
    return pd.concat(insitu.dynamics(insitu.daily_means(ds)) for ds in networks)


@pytest.fixture(scope="module")
def made(basin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    basin.write_stations(folder, years=[2020, 2021])
    return insitu.dynamics(insitu.daily_means(insitu.read_ismn(folder))).mean()


@pytest.mark.parametrize(
    ("statistic", "slack"),
    [
        ("lag1", 0.03),
        ("lag3", 0.08),
        ("lag10", 0.05),
        ("network_lag1", 0.05),
        ("network_lag3", 0.10),
        ("shared", 0.1),
        ("level", 0.06),
        ("std", 0.005),
        ("step_std", 0.002),
        ("rises", 2),
        ("largest_rise", 0.01),
    ],
)
def test_it_moves_as_real_networks_do(real, made, statistic, slack):
    """The small basin of the tests is a quarter of a SMAP cell across, so it is allowed some slack."""
    assert real[statistic].min() - slack <= made[statistic] <= real[statistic].max() + slack
