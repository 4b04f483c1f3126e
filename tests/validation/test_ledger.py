"""What of SMAP's difference is the footprint's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smgee.validation import footprint_ledger
from tests.validation.tables import CHILDREN, PARENT, smap_table, truth, zonal_table


def test_the_parts_add_up_to_the_whole():
    cells = [PARENT, CHILDREN[0]]
    near = zonal_table(cells)
    wide = near.assign(soil_moisture=near["soil_moisture"] - 0.02, coverage=0.5)
    verdicts = pd.DataFrame(
        {"cell": [PARENT.name], "orbit": ["AM"], "error_level": [0.01], "error_dynamics": [0.005]}
    )
    smap = smap_table(cells, offset=-0.03, noise=0.01)
    table = footprint_ledger(
        smap,
        {"upscaled": near, "upscaled_footprint": wide},
        verdicts=verdicts,
    )
    np.testing.assert_allclose(table["difference"], table["of_footprint"] + table["remainder"], atol=1e-12)
    np.testing.assert_allclose(table["of_footprint"], -0.02, atol=1e-12)
    np.testing.assert_allclose(table["spread_footprint"], 0.0, atol=1e-12)
    am = table.set_index(["cell", "orbit"]).loc[(PARENT.name, "AM")]
    own = smap.query("cell == @PARENT.name and orbit == 'AM'")["soil_moisture"] - truth(PARENT)[::2]
    assert am["remainder"] == pytest.approx(own.mean() + 0.02)
    assert am["spread_remainder"] == pytest.approx(own.std(ddof=0))
    assert (am["coverage_cell"], am["coverage_footprint"]) == pytest.approx((0.95, 0.5))
    assert am["error_level"] == 0.01
    assert np.isnan(table.set_index(["cell", "orbit"]).loc[(PARENT.name, "PM"), "error_level"])


def test_without_the_footprint_there_is_no_ledger():
    assert footprint_ledger(smap_table([PARENT]), {"upscaled": zonal_table([PARENT])}).empty


def test_what_may_be_the_maps_is_told_from_what_is_smap_s_own():
    cells = [PARENT, CHILDREN[0]]
    near = zonal_table(cells).assign(standard_error=0.004)
    near.loc[near["cell"] == CHILDREN[0].name, "standard_error"] = 0.02
    wide = near.assign(coverage=0.5, std=0.03)
    table = footprint_ledger(
        smap_table(cells, offset=-0.05, noise=0.001), {"upscaled": near, "upscaled_footprint": wide}
    )
    # a footprint is as wide as the large cell, whose error counts for both
    np.testing.assert_allclose(table["error_map"], 0.004)
    np.testing.assert_allclose(table["error_coverage"], 0.5 * 0.03)
    half = 1.96 * np.hypot(0.004, 0.015)
    np.testing.assert_allclose(table["own_high"] - table["remainder"], half)
    np.testing.assert_allclose(table["remainder"] - table["own_low"], half)
    morning = table[table["orbit"] == "AM"]
    assert (morning["own_high"] < 0).all()
    bare = footprint_ledger(
        smap_table(cells),
        {n: t.drop(columns="standard_error") for n, t in (("upscaled", near), ("upscaled_footprint", wide))},
    )
    assert bare["error_map"].isna().all()
    assert bare["own_low"].notna().all()
