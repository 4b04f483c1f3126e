"""Memory and movement of series that are made to have them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smgee import insitu
from smgee.errors import MissingDataError
from tests.insitu.test_daily import dataset

DAYS = pd.date_range("2020-05-21", "2021-09-10", freq="D")


def red(n, keep, seed):
    rng = np.random.default_rng(seed)
    out = np.zeros(n)
    for i in range(1, n):
        out[i] = keep * out[i - 1] + np.sqrt(1 - keep**2) * rng.standard_normal()
    return out


def test_memory_and_what_is_shared():
    common = red(len(DAYS), 0.9, 0)
    own = np.stack([red(len(DAYS), 0.9, k) for k in range(1, 21)], axis=1)
    values = 0.2 + np.linspace(-0.05, 0.05, 20) + 0.02 * common[:, None] + 0.01 * own
    table = insitu.dynamics(dataset(DAYS, values)).set_index("year")
    assert table.index.tolist() == [2020, 2021]
    assert (table.stations == 20).all()
    # A window of 113 days knows 0.9 with a spread of some 0.04, and is biased low.
    assert table.lag1.mean() == pytest.approx(0.88, abs=0.06)
    assert table.lag3.mean() == pytest.approx(0.9**3, abs=0.15)
    assert table.shared.mean() == pytest.approx(0.8, abs=0.12)
    assert table.level_std.mean() == pytest.approx(np.std(np.linspace(-0.05, 0.05, 20), ddof=1), abs=0.005)
    assert table["std"].mean() == pytest.approx(0.01 * np.sqrt(5), rel=0.35)


def test_rises_are_counted_by_hand():
    x = np.full(len(DAYS), 0.2)
    x[[20, 50, 80]] = 0.25
    table = insitu.dynamics(dataset(DAYS, x)).iloc[0]
    assert table["rises"] == 3
    assert table["largest_rise"] == pytest.approx(0.05)
    assert np.isnan(table["shared"])
    with pytest.raises(MissingDataError, match="another window"):
        insitu.dynamics(dataset(DAYS, np.where(DAYS.day < 15, 0.2, np.nan)))
