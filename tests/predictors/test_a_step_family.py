"""A family of what changes every few days, added in this one file, goes into samples and maps."""

from __future__ import annotations

from datetime import date, timedelta
from typing import ClassVar, Literal

import ee
import numpy as np

from smgee.predictors import Cadence, Family, Predictor
from tests.predictors.conftest import check, study_of

RAIN = "projects/some-project/assets/rain"


class Rain(Family):
    """Rain of the days that a step serves, mm."""

    cadence: ClassVar[Cadence] = Cadence.STEP
    kind: Literal["rain"] = "rain"
    step_days: int = 6

    def predictors(self):
        return (Predictor("rain", "mm", "rain of the step", self.cadence, RAIN),)

    def datasets(self, start, end):
        return (RAIN,)

    def step(self):
        return self.step_days

    def image(self, site, when, names):
        days = ee.ImageCollection(RAIN).filterDate(str(when.start), str(when.end))
        return days.sum().rename("rain").toFloat()


def test_it_goes_into_samples_and_maps(layers, register):
    register(Rain)
    random = np.random.default_rng(2)
    first = date(2021, 7, 1)
    fallen = {first + timedelta(days=i): random.integers(0, 20, (10, 16)) for i in range(20)}
    for day, values in fallen.items():
        layers.add(RAIN, values, day=day)

    def truth(day: date) -> dict[str, np.ndarray]:
        begun = (day - first).days // 6 * 6  # the fourth step is cut short by the end of the period
        days = [first + timedelta(days=i) for i in range(begun, min(begun + 6, 20))]
        return {"rain": sum(fallen[d] for d in days)}

    study = study_of({"kind": "rain"})
    assert [(len(p.days), p.names) for p in study.predictor_set.pieces(fallen)] == [
        (6, ("rain",)),
        (6, ("rain",)),
        (6, ("rain",)),
        (2, ("rain",)),
    ]
    check(study, truth)
