"""Cells' means of maps without their stations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smgee.validation.left_out import cross_fitted

DAYS = pd.date_range("2021-07-01", periods=3)


def table(values: float, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"date": DAYS, "cell": "M36_r0079_c0749", "soil_moisture": values}).assign(**columns)


def test_the_mean_of_all_pixels_is_moved_by_what_the_sample_says():
    whole = table(0.25)
    # the sampled pixels are all wetter by 0.03, which says nothing of the models
    left_out = pd.concat([table(0.28 + d, station=f"s{d}") for d in (-0.01, 0.0, 0.01)])
    found = cross_fitted(whole, left_out, table(0.27))
    np.testing.assert_allclose(found["cross_fitted"], 0.24)
    assert list(found) == ["date", "cell", "cross_fitted"]


def test_a_day_without_a_sample_has_none():
    left_out = table(0.28, station="s")
    found = cross_fitted(table(0.25), left_out, table(0.27).iloc[1:])
    assert np.isnan(found["cross_fitted"].iloc[0])
    assert found["cross_fitted"].iloc[1] == pytest.approx(0.24)
