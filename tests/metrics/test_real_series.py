"""Metrics and collocation of real series against pytesmo: TxSON's stations and the satellite there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smgee.metrics import collocate, effective_size, gain_tests, scores
from tests.metrics.test_table import PYTESMO

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def wide(real_data: Path) -> pd.DataFrame:
    """Return the stations of TxSON by date, and the mean of the satellite product over them."""
    table = pd.read_csv(real_data / "txson" / "paired_10day.csv").query("Network == 'TxSON'")
    table = table.drop_duplicates(["Station", "StartDate"])
    stations = table.pivot(index="StartDate", columns="Station", values="sm").sort_index()
    return stations.assign(satellite=table.groupby("StartDate")["ssm"].mean() / 50)


def longest(wide: pd.DataFrame, count: int) -> list[str]:
    return list(
        wide.drop(columns="satellite").count().sort_values(ascending=False, kind="stable").index[:count]
    )


def test_every_metric_is_that_of_pytesmo(wide):
    pytesmo = pytest.importorskip("pytesmo.metrics")
    for name in longest(wide, 12):
        both = wide[["satellite", name]].dropna().to_numpy().T
        found = scores(PYTESMO, wide["satellite"], wide[name])
        for metric, theirs in PYTESMO.items():
            pair = both[::-1] if metric == "r2" else both
            assert found[metric] == pytest.approx(getattr(pytesmo, theirs)(*pair), abs=1e-10), (name, metric)


def test_collocation_is_that_of_pytesmo(wide):
    pytesmo = pytest.importorskip("pytesmo.metrics")
    three = wide[["satellite", *longest(wide, 2)]].dropna()
    snr, error, beta = pytesmo.tcol_metrics(*three.to_numpy().T)
    found = collocate({name: three[name] for name in three})
    np.testing.assert_allclose([one.snr for one in found.sets], snr, rtol=1e-10)
    np.testing.assert_allclose([one.scaled_error for one in found.sets], error, rtol=1e-10)
    np.testing.assert_allclose([one.beta for one in found.sets], beta, rtol=1e-10)
    for one in found.sets:
        low, high = one.intervals["error"]
        assert low <= one.error <= high


def test_the_mean_of_the_network_is_the_better_reference_than_one_station(wide):
    """Of ten-day means, persistence leaves a fraction of the times; the test heeds that."""
    names = longest(wide, 20)
    mean = wide[names].mean(axis=1)
    assert effective_size(wide["satellite"], mean) < 0.9 * wide["satellite"].count()
    gains = [gain_tests(mean, wide[name], wide["satellite"], metrics=["r"])[0] for name in names]
    assert np.mean([g.value > 0 for g in gains]) > 0.8
    assert 0 < sum(g.p <= 0.05 for g in gains) < len(names)
