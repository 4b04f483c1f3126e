"""Predictors that follow here from whole numbers are those of Earth Engine, to the last bit."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

import smgee
from smgee.datasets import HLS, ROLES
from smgee.predictors import Edges, Predictors, PredictorSet, Site
from smgee.predictors.composite import PER_UNIT
from smgee.predictors.indices import COMMON
from smgee.remote import LEDGER
from smgee.upscale.pull import open_bands
from tests.predictors.rasters import Rasters
from tests.predictors.scenes import CLOUD, GRID

NAMES = (*COMMON, "VSDI", "STR", "OPTRAM", "AVI")
EDGES = Edges(dry_intercept=0.4, dry_slope=1.1, wet_intercept=3.0, wet_slope=9.0)


@pytest.fixture(scope="module")
def source() -> Rasters:
    """Four scenes in steps of 1e-4: odd and even numbers of clear ones, dark, equal and dazzling bands."""
    rng = np.random.default_rng(11)
    found = Rasters()
    for day, sensor in ((1, "L30"), (3, "S30"), (5, "S30"), (6, "L30")):
        spec = HLS[sensor]
        bands = {
            spec.roles[r]: (np.rint(rng.uniform(0, 0.6, GRID.shape) * 1e4) * 1e-4).astype("f4") for r in ROLES
        }
        red, nir, blue = (bands[spec.roles[r]] for r in ("red", "nir", "blue"))
        red[1], nir[1] = 0.0, 0.0  # 0 / 0 in NDVI
        red[2, :4] = np.float32(-0.0053)
        nir[2, :4] = np.float32(0.0053)
        blue[3, 3] = 1.9
        fmask = np.where(rng.random(GRID.shape) < 0.4, CLOUD, 0).astype("u1")
        fmask[4, 4] = CLOUD
        fmask[:4] = 0
        found.add(spec.id, {**bands, "Fmask": fmask}, GRID, at=datetime(2021, 7, day, 4))
    return found


def predictors(method: str) -> PredictorSet:
    composite = {"method": method, "window_days": 8, "fill_days": 8}
    listed = Predictors.model_validate(
        [
            {"kind": "reflectance", "composite": composite, "observations": ["observation_age"]},
            {"kind": "indices", "names": list(NAMES), "edges": EDGES.model_dump()},
        ]
    )
    return listed.on(Site.of(GRID), date(2021, 7, 1), date(2021, 7, 9))


@pytest.mark.parametrize("method", ["median", "medoid"])
def test_they_are_equal_in_every_bit(source, method):
    (piece,) = predictors(method).pieces([date(2021, 7, 5)])
    (part,) = piece.integers
    assert part.bands == tuple(ROLES)
    assert piece.others == ("observation_age",)
    assert {*part.names} == {*ROLES, *NAMES}
    with smgee.connect(sources=[source]), LEDGER.measure() as meter:
        there = dict(zip(piece.names, open_bands(piece.image, piece.names, grid=GRID).values, strict=True))
        pulled = open_bands(part.build(part.bands), part.bands, grid=GRID, integers=True).values
    assert meter.spent.requests == {"image:computePixels": 2}
    numbers = dict(zip(part.bands, pulled, strict=True))
    assert all((n[np.isfinite(n)] % 1 == 0).all() for n in numbers.values())
    if method == "median":
        assert any((n[np.isfinite(n)] % 2 == 1).any() for n in numbers.values())  # halfway between two steps
    here = part.derive({n: v / np.float32(part.per_unit) for n, v in numbers.items()})
    assert list(here) == list(part.names)
    for name, values in here.items():
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, there[name], err_msg=name)
    assert np.isnan(there["NDVI"]).any()
    assert (there["NDVI"][1] == 0).all()
    assert there["blue"][3, 3] == np.float32(32_767 / PER_UNIT)


def test_a_mean_weighted_by_time_is_no_whole_number(source):
    (piece,) = predictors("weighted").pieces([date(2021, 7, 5)])
    assert piece.integers == ()
    assert piece.others == piece.names


def test_only_the_bands_that_are_needed_are_pulled(source):
    (piece,) = predictors("median").pieces([date(2021, 7, 5)], names=["NDVI", "green"])
    (part,) = piece.integers
    assert (part.names, set(part.bands)) == (("green", "NDVI"), {"green", "red", "nir"})
    assert piece.others == ()
