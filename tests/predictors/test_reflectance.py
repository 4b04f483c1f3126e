"""Ways to put scenes together, and what a composite says of itself, against NumPy on the scenes' arrays."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from smgee.datasets import HLS, ROLES
from smgee.errors import InputError
from smgee.predictors import Site, When
from smgee.predictors.composite import Composite, composite
from smgee.predictors.indices import Indices
from smgee.predictors.reflectance import Reflectance
from tests.predictors.conftest import study_of
from tests.predictors.scenes import GRID, pixels, stacked

CENTER = date(2021, 7, 5)
WINDOW = range(11)
"""Days of July in a window of 11 days; of the scenes there, four, none lies on the centre."""
ABOUT = ("observation_age", "fill_code", "observation_count")
OPTIONS = {
    "window_days": 11,
    "fill_days": 11,
    "sensors": ("L30", "S30"),
    "mask": ("cloud", "adjacent", "shadow", "snow"),
}


def layers(scenes, days: range) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return reflectance by role, (scene, y, x), NaN where not clear; and ages at noon, days, likewise."""
    bands = {r: stacked(scenes, r, days).astype("f8") for r in ROLES}
    acquired = [int(i.id[-9:-7]) for s in HLS.values() for i in scenes.images(s.id)]
    age = np.array([5.5 - (day + 4 / 24) for day in acquired if day in days])[:, None, None]
    return bands, np.where(np.isfinite(bands["red"]), age, np.nan)


def near_medians(bands: dict[str, np.ndarray], roles: tuple[str, ...]) -> np.ndarray:
    """Return which scene is nearest to the medians, (y, x), by a plain loop; -1 where none is clear."""
    chosen = np.full(GRID.shape, -1)
    for y, x in np.ndindex(*GRID.shape):
        seen = np.array([bands[r][:, y, x] for r in roles])
        clear = np.flatnonzero(np.isfinite(seen[0]))
        if clear.size:
            center = np.median(seen[:, clear], axis=1)[:, None]
            chosen[y, x] = clear[np.argmin(((seen[:, clear] - center) ** 2).sum(axis=0))]
    return chosen


def test_a_medoid_is_one_scene(scenes):
    roles = ("red", "nir", "swir1")
    found = pixels(composite(CENTER, roles=roles, method="medoid", about=ABOUT, **OPTIONS))
    assert list(found) == [*roles, *ABOUT]
    bands, age = layers(scenes, WINDOW)
    chosen = near_medians(bands, roles)
    count = np.isfinite(age).sum(axis=0)
    odd = count % 2 == 1  # with two or four, pairs can be equally near
    for role in roles:
        expected = np.take_along_axis(bands[role], np.maximum(chosen, 0)[None], axis=0)[0]
        np.testing.assert_allclose(found[role][odd], expected[odd], rtol=1e-6)
    expected = np.take_along_axis(age, np.maximum(chosen, 0)[None], axis=0)[0]
    np.testing.assert_allclose(found["observation_age"][odd], expected[odd], atol=1e-5)
    # Everywhere, all bands are those of one and the same scene.
    same = np.all([np.isclose(bands[r], found[r], rtol=1e-6) for r in roles], axis=0)
    assert same.any(axis=0)[count > 0].all()
    assert len(np.unique(chosen[odd])) > 2


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_weights_fall_with_time(scenes):
    found = pixels(composite(CENTER, roles=("nir",), method="weighted", about=ABOUT, **OPTIONS))
    bands, age = layers(scenes, WINDOW)
    weight = 1 - np.abs(age) / 6.5
    assert np.nanmin(weight) > 0
    total = np.nansum(weight, axis=0)
    for name, values in (("nir", bands["nir"]), ("observation_age", age)):
        expected = np.where(total > 0, np.nansum(weight * values, axis=0) / total, np.nan)
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-6)
    mean = pixels(composite(CENTER, roles=("nir",), method="weighted", **OPTIONS))
    np.testing.assert_array_equal(mean["nir"], found["nir"])
    assert np.nanmax(np.abs(found["nir"] - np.nanmean(bands["nir"], axis=0))) > 0.01


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
@pytest.mark.parametrize("method", ["median", "medoid", "weighted"])
def test_a_composite_says_what_it_is_made_of(scenes, method):
    settings = OPTIONS | {"window_days": 2, "fill_days": 60}
    found = pixels(composite(date(2021, 7, 6), roles=("red",), method=method, about=ABOUT, **settings))
    narrow, wide = stacked(scenes, "red", range(5, 7)), stacked(scenes, "red", range(32))
    counts = [np.isfinite(x).sum(axis=0) for x in (narrow, wide)]
    filled = counts[0] == 0
    nothing = counts[1] == 0
    assert 0 < filled.sum() < filled.size
    np.testing.assert_array_equal(found["fill_code"], np.where(nothing, np.nan, filled))
    np.testing.assert_array_equal(
        found["observation_count"], np.where(nothing, np.nan, np.where(filled, counts[1], counts[0]))
    )
    np.testing.assert_allclose(found["observation_age"][~filled], 0.5 - 4 / 24, atol=1e-5)
    if method == "median":
        _, age = layers(scenes, range(32))
        np.testing.assert_allclose(
            found["observation_age"][filled], np.nanmedian(age + 1, axis=0)[filled], atol=1e-5
        )


def test_families_share_the_composite_and_what_it_says():
    medoid = Composite(method="medoid")
    families = (
        Reflectance(bands=("nir",), composite=medoid, observations=("fill_code", "observation_age")),
        Indices(names=("NDMI",)),
    )
    first, second = (f.among(families) for f in families)
    assert [p.name for p in first.predictors()] == ["nir", "fill_code", "observation_age"]
    assert [p.units for p in first.predictors()] == ["1", "1", "day"]
    assert second.composite == medoid
    assert first.bands_of(HLS["S30"].id) == ("B2", "B3", "B4", "B8A", "B11", "B12", "Fmask")
    site, when = Site.of(GRID), When(CENTER, date(2021, 7, 13), CENTER)
    assert first.reflectance(site, when).serialize() == second.reflectance(site, when).serialize()


def test_they_are_columns_of_a_study(scenes):
    study = study_of(
        {
            "kind": "reflectance",
            "bands": ["red", "swir2"],
            "observations": ["observation_count", "observation_age"],
            "composite": {"method": "weighted"},
        },
        {"kind": "indices", "names": ["NDVI"]},
    )
    names = ("red", "swir2", "observation_count", "observation_age", "NDVI")
    (piece,) = study.predictor_set.pieces([CENTER])
    assert study.predictors.names == piece.names == names
    assert tuple(pixels(piece.image)) == names
    with pytest.raises(InputError, match=r"composite\.method cannot be 'mean'"):
        study_of({"kind": "reflectance", "composite": {"method": "mean"}})
