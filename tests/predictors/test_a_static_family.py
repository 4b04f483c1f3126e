"""A family of what never changes, added in this one file, goes into samples and maps."""

from __future__ import annotations

from typing import ClassVar, Literal

import ee
import numpy as np

from smgee.predictors import Cadence, Family, Predictor
from tests.predictors.conftest import check, study_of

SOIL = "projects/some-project/assets/clay"


class Texture(Family):
    """Clay content, and the same in another unit."""

    cadence: ClassVar[Cadence] = Cadence.STATIC
    kind: Literal["texture"] = "texture"
    asset: str = SOIL

    def predictors(self):
        return tuple(Predictor(n, u, n, self.cadence, self.asset) for n, u in (("clay", "%"), ("share", "1")))

    def datasets(self, start, end):
        return (self.asset,)

    def image(self, site, when, names):
        clay = ee.Image(self.asset).select(["b"], ["clay"])
        return clay.addBands(clay.divide(100).rename("share")).toFloat().select(list(names))


def test_it_goes_into_samples_and_maps(layers, register):
    register(Texture)
    clay = np.random.default_rng(1).integers(5, 60, (10, 16)).astype("f4")
    layers.add(SOIL, clay)
    study = study_of({"kind": "texture"}, {"kind": "calendar", "allow_alias": True})
    assert study.predictors.names == ("clay", "share", "doy")
    assert study.predictor_set.datasets() == (SOIL,)
    check(
        study,
        lambda day: {
            "clay": clay,
            "share": (clay.astype("f8") / 100).astype("f4"),
            "doy": np.full(clay.shape, day.timetuple().tm_yday),
        },
    )
