"""Endmembers found in scenes that were mixed of known ones, and fractions of those found."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

import smgee
from smgee.datasets import HLS, ROLES
from smgee.endmembers import find_endmembers, write_endmembers
from smgee.errors import InputError
from smgee.grid import PixelGrid
from smgee.predictors import Site, When
from smgee.predictors.purest import name_members, purest
from smgee.predictors.unmixing import Unmixing
from smgee.study import Study
from tests.predictors.conftest import study_of
from tests.predictors.rasters import Rasters
from tests.predictors.scenes import pixels
from tests.predictors.test_unmixing import SPECTRA

TRUE = np.array([[s[r] for r in ROLES] for s in SPECTRA.values()])


def mixed(rng: np.random.Generator, shape: tuple[int, ...], noise: float = 0.001) -> np.ndarray:
    """Spectra of random shares of the three and of shade, pure ones among them, (…, band)."""
    shares = rng.dirichlet([0.25] * 4, shape)
    return shares[..., :3] @ TRUE + rng.normal(0, noise, (*shape, 6))


def test_the_corners_of_a_known_simplex_are_found():
    rng = np.random.default_rng(3)
    x = mixed(rng, (4000,))
    found = purest(x, 3)
    named = name_members(found, tuple(ROLES))
    assert list(named) == ["green", "dry", "bare_soil"]
    np.testing.assert_allclose([list(s.values()) for s in named.values()], TRUE, atol=0.02)
    again = purest(x[rng.permutation(len(x))], 3, seed=7)  # neither order nor seed decides
    np.testing.assert_allclose(np.sort(again, axis=0), np.sort(found, axis=0), atol=0.01)


def test_without_shade_one_corner_more_is_found_in_as_many_dimensions():
    rng = np.random.default_rng(4)
    x = rng.dirichlet([0.3] * 3, 3000) @ TRUE + rng.normal(0, 0.001, (3000, 6))
    found = name_members(purest(x, 3, shade=False), tuple(ROLES))
    np.testing.assert_allclose([list(s.values()) for s in found.values()], TRUE, atol=0.02)
    # By brute force over a few spectra: no other three enclose more.
    few = x[:12]
    corners = purest(few[np.repeat(np.arange(12), 5)], 3, shade=False)
    centred = few - few.mean(axis=0)
    plane = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    area = {
        (i, j, k): abs(np.cross(plane[j] - plane[i], plane[k] - plane[i]))
        for i in range(12)
        for j in range(i)
        for k in range(j)
    }
    widest = few[list(max(area, key=area.__getitem__))]
    np.testing.assert_allclose(np.sort(corners, axis=0), np.sort(widest, axis=0), atol=1e-12)


def test_too_little_to_tell_them_apart_is_refused():
    x = mixed(np.random.default_rng(5), (500,))
    with pytest.raises(InputError, match="7 endmembers and shade cannot be told apart in 6 bands"):
        purest(x, 7)
    with pytest.raises(InputError, match="12 clear spectra are too few"):
        purest(x[:12], 3)


@pytest.fixture(scope="module")
def world():
    """A scene of the studies' whole area, by 500 m."""
    source, rng = Rasters(), np.random.default_rng(6)
    grid = study_of({"kind": "terrain"}).grid
    scene = PixelGrid(grid.crs, grid.transform, grid.width, grid.height)
    spectra = mixed(rng, scene.shape)
    snow = rng.random(scene.shape) < 0.1  # brighter than anything, and not flagged
    spectra[snow] = [0.75, 0.76, 0.74, 0.66, 0.14, 0.10]
    source.snow = snow
    for sensor, day in (("L30", 2), ("S30", 17)):
        bands = {HLS[sensor].roles[r]: spectra[..., k].astype("f4") for k, r in enumerate(ROLES)}
        bands["Fmask"] = np.zeros(scene.shape, "u1")
        source.add(HLS[sensor].id, bands, scene, at=datetime(2021, 7, day, 4))
    with smgee.connect(sources=[source]):
        yield source


def test_a_study_unmixes_into_what_its_scenes_hold(world, tmp_path):
    study = study_of({"kind": "reflectance"})
    found = find_endmembers(study, 3, pixels=600, seed=1)
    assert found == find_endmembers(study, 3, pixels=600, seed=1)
    np.testing.assert_allclose([[s[r] for r in ROLES] for s in found.values()], TRUE, atol=0.04)
    write_endmembers(found, tmp_path / "endmembers.csv")
    content = study.model_dump(mode="json")
    content["predictors"] = [{"kind": "unmixing", "endmembers": "endmembers.csv", "rmse": True}]
    unmixed = Study.parse(content, folder=tmp_path)
    assert unmixed.predictors.names == ("f_green", "f_dry", "f_bare_soil", "f_shade", "unmixing_rmse")
    (family,) = unmixed.predictors
    assert isinstance(family, Unmixing)
    window = study.grid.window(10, 10, 20, 20)
    land = ~world.snow[10:30, 10:30]
    when = When(date(2021, 7, 1), date(2021, 7, 9), date(2021, 7, 5))
    fractions = pixels(family.image(Site.of(study.grid), when, unmixed.predictors.names), window)
    shares = np.stack([fractions[n] for n in unmixed.predictors.names[:-1]])
    assert np.isfinite(shares).all()
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-5)
    assert shares.min() >= -1e-6
    assert np.median(fractions["unmixing_rmse"][land]) < 0.01


def test_a_study_without_clear_scenes_is_told(world):
    content = study_of({"kind": "reflectance"}).model_dump(mode="json")
    with pytest.raises(InputError, match="0 clear spectra are too few"):
        find_endmembers(Study.parse(content | {"start": "2020-07-01", "end": "2020-07-09"}), pixels=40)
