"""The day of the year, its harmonic, and where it is nothing but the date."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from smgee.errors import InputError
from smgee.predictors import Predictors, When, refuse_alias
from smgee.predictors.calendar import Calendar
from smgee.study import Study


def local(day: date) -> dict[str, float]:
    return Calendar(names=("doy_sin", "doy", "doy_cos")).local(When(day, day + timedelta(days=1), day))


def test_values_are_those_of_pandas():
    days = pd.date_range("2019-12-30", "2021-01-03")
    found = pd.DataFrame([local(d.date()) for d in days])
    assert list(found) == ["doy_sin", "doy", "doy_cos"]
    np.testing.assert_array_equal(found["doy"], days.dayofyear)
    turns = np.unwrap(np.arctan2(found["doy_sin"], found["doy_cos"])) / (2 * np.pi)
    length = np.where(days.is_leap_year, 366, 365)
    np.testing.assert_allclose(turns - turns[2], days.year - 2020 + (days.dayofyear - 1) / length, atol=1e-12)
    assert np.abs(np.diff(turns)).max() < 1 / 364  # no jump at New Year


def test_harmonics_are_numbers_of_the_map():
    study = Study.parse(
        Study.demo().model_dump(mode="json")
        | {"predictors": [{"kind": "calendar", "names": ["doy_cos", "doy_sin"], "allow_alias": True}]}
    )
    found = study.predictor_set.constants(date(2021, 7, 2))  # day 183 of 365: half a turn
    assert list(found) == ["doy_cos", "doy_sin"]
    assert found["doy_cos"] == pytest.approx(np.cos(2 * np.pi * 182 / 365), abs=1e-15)
    assert study.predictor_set.pieces([date(2021, 7, 2)]) == []


@pytest.mark.parametrize(
    ("start", "end", "alias"),
    [
        (date(2021, 5, 1), date(2021, 10, 1), True),
        (date(2020, 11, 1), date(2021, 4, 1), True),
        (date(2021, 1, 1), date(2022, 1, 1), True),
        (date(2021, 1, 1), date(2022, 1, 2), False),
        (date(2020, 2, 29), date(2021, 3, 1), True),
        (date(2019, 1, 1), date(2022, 1, 1), False),
    ],
)
def test_the_alias_of_the_date_is_refused(start, end, alias):
    days = pd.date_range(start, end, inclusive="left")
    assert alias == (not pd.Index(days.strftime("%m-%d")).duplicated().any())
    listed = Predictors.model_validate([{"kind": "terrain"}, {"kind": "calendar", "names": ["doy_sin"]}])
    if alias:
        with pytest.raises(InputError, match=r"doy_sin only repeat the date.*allow_alias"):
            refuse_alias(listed, start, end)
    else:
        refuse_alias(listed, start, end)
    refuse_alias([Calendar(allow_alias=True)], start, end)
    refuse_alias(Predictors.model_validate([{"kind": "terrain"}]), start, end)


def test_a_study_of_one_season_has_it_only_when_asked():
    assert "doy" not in Study.demo().predictors.names
    content = Study.demo().model_dump(mode="json", exclude={"predictors"})
    content["training"] |= {"target": "absolute"}
    assert "doy" not in Study.parse(content).predictors.names
    assert "doy" in Study.parse(content | {"end": "2022-04-02"}).predictors.names
    with pytest.raises(InputError, match=r"the study cannot be used: .*doy only repeat the date"):
        Study.parse(content | {"predictors": [{"kind": "calendar"}, {"kind": "terrain"}]})
    asked = [{"kind": "calendar", "allow_alias": True}]
    assert Study.parse(content | {"predictors": asked}).predictors.names == ("doy",)
