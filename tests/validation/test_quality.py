"""Quality policies and surface conditions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smgee.errors import InputError
from smgee.validation import count_retrievals, select_retrievals, too_few
from tests.validation.tables import CHILDREN, PARENT


def table() -> pd.DataFrame:
    """Return forty retrievals: 8 recommended, 12 not but successful, 10 failed with a value, 10 without."""
    flags = np.repeat([0, 1, 5, 7], [8, 12, 10, 10])
    moisture = np.where(flags == 7, np.nan, 0.2)
    frame = pd.DataFrame(
        {"date": pd.date_range("2021-06-01", periods=40), "orbit": "AM", "cell": PARENT.name}
    ).assign(soil_moisture=moisture, flag=(flags > 0).astype(int), retrieval_qual_flag=flags)
    return frame.assign(surface_flag=np.where(np.arange(40) % 4 == 0, 512 | 32, 512))


def test_policies():
    frame = table()
    assert len(select_retrievals(frame, policy="recommended")) == 8
    assert len(select_retrievals(frame, policy="successful")) == 20
    assert len(select_retrievals(frame, policy="all")) == 30
    with pytest.raises(InputError, match="recommended, successful, all"):
        select_retrievals(frame, policy="good")


def test_surface_conditions_take_out_more():
    frame = table()
    assert len(select_retrievals(frame, policy="all", without=["mountains"])) == 0
    assert len(select_retrievals(frame, policy="recommended", without=["snow_or_ice"])) == 6
    assert len(select_retrievals(frame.drop(columns="surface_flag"), without=["mountains"])) == 8
    with pytest.raises(InputError, match="static_water"):
        select_retrievals(frame, without=["snow"])


def test_each_rule_is_counted():
    counts = count_retrievals(table()).set_index("rule")
    assert counts["kept"].to_dict() == {
        "recommended": 8,
        "successful": 20,
        "all": 30,
        "surface: snow_or_ice": 6,
        "surface: mountains": 0,
    }
    assert (counts["retrievals"] == 30).all()
    periods = pd.DataFrame({"start": ["2021-06-01"], "end": ["2021-06-04"]})
    assert count_retrievals(table(), periods=periods).set_index("rule").loc["all", "kept"] == 4


def test_too_few_says_which_policy_would_leave_how_many():
    said = too_few(count_retrievals(table()), "recommended")
    assert said == [
        "The policy recommended leaves 8 retrievals of SMAP 36 km (AM) in a cell, where 10 are needed for an "
        "interval; others would leave: successful 20, all 30 (smap.quality)."
    ]
    assert too_few(count_retrievals(table()), "successful") == []


def test_a_source_with_one_bit_cannot_tell_success():
    frame = table().assign(cell=CHILDREN[0].name, retrieval_qual_flag=np.nan, surface_flag=np.nan)
    counts = count_retrievals(frame).set_index("rule")
    assert counts.loc["successful", "kept"] == counts.loc["all", "kept"] == 30
    assert "one bit" in counts.loc["successful", "note"]
    assert len(counts) == 3
