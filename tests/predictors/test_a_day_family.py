"""A family of what changes every day, on a coarser grid of its own, added in this one file, goes into samples
and maps beside others.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import ClassVar, Literal

import ee
import numpy as np

from smgee.predictors import Cadence, Family, Predictor
from tests.predictors.conftest import check, study_of

AIR, HEIGHT = "projects/some-project/assets/air", "projects/some-project/assets/height"


class Air(Family):
    """Air temperature of the day, °C."""

    cadence: ClassVar[Cadence] = Cadence.DAY
    kind: Literal["air"] = "air"

    def predictors(self):
        return (Predictor("air", "degC", "air temperature", self.cadence, AIR),)

    def datasets(self, start, end):
        return (AIR,)

    def image(self, site, when, names):
        day = ee.ImageCollection(AIR).filterDate(str(when.start), str(when.end))
        return ee.Image(day.first()).rename("air").toFloat()


class Height(Family):
    """Height of the coarse pixel, m."""

    cadence: ClassVar[Cadence] = Cadence.STATIC
    kind: Literal["height"] = "height"

    def predictors(self):
        return (Predictor("height", "m", "height", self.cadence, HEIGHT),)

    def image(self, site, when, names):
        return ee.Image(HEIGHT).rename("height").toFloat()


def test_it_goes_into_samples_and_maps(layers, register):
    register(Air)
    register(Height)
    random = np.random.default_rng(3)
    height = random.integers(3000, 4000, (10, 16))
    layers.add(HEIGHT, height)
    air = {date(2021, 7, 1) + timedelta(days=i): random.normal(8, 4, (10, 16)) for i in range(20)}
    for day, values in air.items():
        layers.add(AIR, values, day=day)
    study = study_of({"kind": "air"}, {"kind": "calendar", "allow_alias": True}, {"kind": "height"})
    pieces = study.predictor_set.pieces(air)
    assert [p.cadence for p in pieces] == [Cadence.STATIC, *[Cadence.DAY] * 20]
    assert len({p.key for p in pieces}) == 21
    check(
        study,
        lambda day: {
            "air": air[day],
            "doy": np.full((10, 16), day.timetuple().tm_yday),
            "height": height,
        },
    )
