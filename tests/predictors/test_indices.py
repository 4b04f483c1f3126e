"""Indices on this machine equal those of Earth Engine, and both equal spyndex's own; OPTRAM's edges."""

from __future__ import annotations

import ee
import numpy as np
import pytest
import spyndex
import xarray as xr

import smgee
from smgee.datasets import ROLES
from smgee.errors import InputError
from smgee.predictors import Edges, fit_edges, indices_of
from smgee.predictors.indices import COMMON, add_indices, formula
from tests.predictors.conftest import study_of
from tests.predictors.rasters import Rasters
from tests.predictors.scenes import GRID, pixels


def to_be_had() -> list[str]:
    found = []
    for name in spyndex.indices:
        try:
            formula(name)
        except InputError:
            continue
        found.append(name)
    return found


@pytest.fixture(scope="module")
def bands() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    found = {role: rng.uniform(0.01, 0.6, GRID.shape).astype("f4") for role in ROLES}
    found["red"][0, 0] = found["nir"][0, 0] = 0.0  # 0 / 0 in NDVI
    found["red"][0, 1] = -0.005  # as over dark targets
    return found


@pytest.fixture(scope="module")
def image(bands):
    source = Rasters()
    source.add("projects/some-project/assets/reflectance", bands, GRID)
    with smgee.connect(sources=[source]):
        yield ee.Image("projects/some-project/assets/reflectance")


EDGES = Edges(dry_intercept=0.4, dry_slope=1.1, wet_intercept=3.0, wet_slope=9.0)


def test_every_index_is_the_same_here_and_on_earth_engine(image, bands):
    names = to_be_had()
    assert len(names) > 150
    names += ["VSDI", "STR", "OPTRAM"]
    here = indices_of(xr.Dataset({r: (("y", "x"), v) for r, v in bands.items()}), names, edges=EDGES)
    assert set(here.data_vars) == set(names)
    there: dict[str, np.ndarray] = {}
    for k in range(0, len(names), 40):
        some = names[k : k + 40]
        there |= pixels(add_indices(image.toDouble(), some, edges=EDGES).select(some))
    for name in names:
        a, b = here[name].values, there[name]
        known = np.isfinite(b)  # a fractional power of a negative number is masked on Earth Engine
        assert known.mean() > 0.5, name
        np.testing.assert_allclose(a[known], b[known], rtol=1e-6, atol=1e-6, err_msg=name)
        assert not np.isfinite(a[~known]).any(), name


def test_in_single_precision_those_in_use_are_the_same_too(image, bands):
    names = [*COMMON, "VSDI", "STR", "OPTRAM"]
    here = indices_of(xr.Dataset({r: (("y", "x"), v) for r, v in bands.items()}), names, edges=EDGES)
    there = pixels(add_indices(image, names, edges=EDGES).select(names))
    for name in names:
        np.testing.assert_allclose(here[name], there[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_an_index_with_a_root_is_no_constant(image, bands):
    found = pixels(add_indices(image, ["AVI"]).select("AVI"))["AVI"]  # its formula says (1/3), of integers
    b = {r: v.astype("f8") for r, v in bands.items()}
    expected = np.cbrt(b["nir"] * (1 - b["red"]) * (b["nir"] - b["red"]))
    positive = expected > 0
    np.testing.assert_allclose(found[positive], expected[positive], rtol=1e-5)


def test_they_are_those_of_spyndex(bands):
    whole = {r: v[2:].astype("f8") for r, v in bands.items()}  # without the zeros, where spyndex divides by 0
    for name in to_be_had():
        text, constants, roles = formula(name)
        params = {ROLES[r]: whole[r] for r in roles} | constants
        with np.errstate(invalid="ignore"):
            expected = spyndex.computeIndex(name, params=params)
        here = indices_of(xr.Dataset({r: (("y", "x"), v) for r, v in whole.items()}), [name])[name]
        np.testing.assert_allclose(here, np.broadcast_to(expected, here.shape), rtol=2e-6, err_msg=text)


def test_those_of_drought_by_hand(bands):
    b = {r: v.astype("f8") for r, v in bands.items()}
    data = xr.Dataset({r: (("y", "x"), v) for r, v in bands.items()})
    found = indices_of(data, ["VSDI", "STR", "OPTRAM", "NDVI", "NMDI", "NSDSI1"], edges=EDGES)
    transformed = (1 - b["swir2"]) ** 2 / (2 * b["swir2"])
    np.testing.assert_allclose(found["STR"], transformed, rtol=1e-6)
    np.testing.assert_allclose(
        found["VSDI"], 1 - ((b["swir2"] - b["blue"]) + (b["red"] - b["blue"])), atol=1e-6
    )
    short = b["swir1"] - b["swir2"]
    np.testing.assert_allclose(found["NMDI"], (b["nir"] - short) / (b["nir"] + short), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["NSDSI1"], short / b["swir1"], rtol=1e-5, atol=1e-6)
    assert found["NDVI"].values[0, 0] == 0.0  # as Earth Engine divides
    ndvi = found["NDVI"].values.astype("f8")
    dry, wet = 0.4 + 1.1 * ndvi, 3.0 + 9.0 * ndvi
    np.testing.assert_allclose(found["OPTRAM"], (transformed - dry) / (wet - dry), rtol=1e-4, atol=1e-5)
    assert found["STR"].attrs["long_name"] == "Shortwave Infrared Transformed Reflectance"
    with pytest.raises(InputError, match="needs nir, which the data set does not have"):
        indices_of(data[["red"]], ["NDVI"])


def test_edges_of_a_known_trapezoid_are_found():
    rng = np.random.default_rng(1)
    ndvi = rng.uniform(0.1, 0.8, 40_000)
    wetness = rng.uniform(0, 1, ndvi.size)
    dry, wet = 0.5 + 0.8 * ndvi, 2.0 + 6.0 * ndvi
    transformed = dry + wetness * (wet - dry)
    found = fit_edges(ndvi, transformed, share=0.02)
    # 2 % of the samples lie outside each edge: so far inside it runs.
    inner = 0.5 + 0.8 * ndvi + 0.02 * (wet - dry), 2.0 + 6.0 * ndvi - 0.02 * (wet - dry)
    at = found.dry_intercept + found.dry_slope * ndvi, found.wet_intercept + found.wet_slope * ndvi
    np.testing.assert_allclose(at[0], inner[0], atol=0.06)
    np.testing.assert_allclose(at[1], inner[1], atol=0.06)
    with pytest.raises(InputError, match="The 30 samples fill 0 classes"):
        fit_edges(ndvi[:30], transformed[:30])
    with pytest.raises(InputError, match="edges meet"):
        fit_edges(ndvi, 1 + ndvi + wetness * (0.9 - ndvi))


def test_a_study_holds_the_edges():
    with pytest.raises(InputError, match="OPTRAM needs the edges of its trapezoid"):
        study_of({"kind": "indices", "names": ["OPTRAM"]})
    edges = EDGES.model_dump()
    study = study_of({"kind": "indices", "names": ["OPTRAM", "VSDI", "STR"], "edges": edges})
    again = type(study).parse(study.model_dump(mode="json"))
    (family,) = again.predictors
    assert family.edges == EDGES
    assert set(family.roles()) == {"blue", "red", "nir", "swir2"}
    assert [p.long_name.split(",")[0] for p in family.predictors()] == [
        *("Optical Trapezoid Model", "Visible and Shortwave Infrared Drought Index"),
        "Shortwave Infrared Transformed Reflectance",
    ]
    with pytest.raises(InputError, match="does not lie above the dry one"):
        study_of({"kind": "indices", "names": ["OPTRAM"], "edges": edges | {"wet_intercept": 0.1}})
