"""Landforms on the lattice of the map, against NumPy and SciPy on the elevation model's own array."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from scipy.ndimage import laplace

import smgee
from smgee.errors import InputError
from smgee.predictors.terrain import Terrain, terrain
from tests.predictors.conftest import study_of
from tests.predictors.scenes import GRID, pixels

DEM = "NASA/NASADEM_HGT/001"
INSIDE = (slice(6, 6 + GRID.height), slice(3, 3 + GRID.width))
"""Where the lattice lies in the elevation model."""


@pytest.fixture
def z(scenes) -> np.ndarray:
    return scenes.arrays[DEM, "elevation"].astype("f8")


def gradient(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    north, east = np.gradient(z, 30.0)
    return east[INSIDE], -north[INSIDE]


def test_slope_by_direction_is_the_horizontal_part_of_the_normal(z):
    found = pixels(terrain(DEM, ("slope_northness", "slope_eastness", "slope"), grid=GRID))
    east, north = gradient(z)
    length = np.sqrt(1 + east**2 + north**2)
    np.testing.assert_allclose(found["slope_eastness"], -east / length, atol=2e-4)
    np.testing.assert_allclose(found["slope_northness"], -north / length, atol=2e-4)
    np.testing.assert_allclose(
        np.hypot(found["slope_northness"], found["slope_eastness"]),
        np.sin(np.radians(found["slope"])),
        atol=1e-6,
    )


def test_curvature_is_minus_the_laplacian(z):
    found = pixels(terrain(DEM, ("curvature",), grid=GRID))["curvature"]
    np.testing.assert_allclose(found, -laplace(z)[INSIDE] / 30**2, rtol=1e-5, atol=1e-8)
    assert (found > 0).any()
    assert (found < 0).any()


@pytest.mark.parametrize("radius", [30, 75, 90])
def test_landforms_at_their_scale(z, radius):
    names = (f"roughness_{radius}", f"tpi_{radius}")
    found = pixels(terrain(DEM, names, grid=GRID))
    rows, cols = np.mgrid[-3:4, -3:4]
    disc = [(r, c) for r, c in zip(rows.ravel(), cols.ravel(), strict=True) if 30 * np.hypot(r, c) <= radius]
    assert len(disc) == {30: 5, 75: 21, 90: 29}[radius]
    around = np.stack([np.roll(z, (-r, -c), (0, 1))[INSIDE] for r, c in disc])
    np.testing.assert_allclose(found[names[0]], around.std(axis=0), rtol=1e-4)
    np.testing.assert_allclose(found[names[1]], z[INSIDE] - around.mean(axis=0), atol=1e-3)


def test_wetness_and_drainage_come_from_hydrography(scenes, z):
    found = pixels(terrain(DEM, ("wetness", "drainage_height"), grid=GRID))
    east, north = gradient(z)
    tangent = np.maximum(np.hypot(east, north), 1e-3)
    flow = np.kron(scenes.arrays["MERIT/Hydro/v1_0_1", "upa"], np.ones((3, 3)))[INSIDE]
    np.testing.assert_allclose(found["wetness"], np.log(flow * 1e6 / 92.77 / tangent), rtol=1e-4)
    height = scenes.arrays["MERIT/Hydro/v1_0_1", "hnd"]
    # The centre of a pixel of 90 m is that of a pixel of the lattice: there bilinear is the value itself.
    np.testing.assert_allclose(found["drainage_height"][1::3, 1::3], height[2:4, 1:4], rtol=1e-5)
    assert not np.array_equal(found["drainage_height"][0], found["drainage_height"][1])


def test_names_tell_units_scale_and_sources():
    family = Terrain(names=("tpi_300", "roughness_1200", "curvature", "wetness", "drainage_height"))
    told = {p.name: (p.units, p.long_name, p.source) for p in family.predictors()}
    assert told["tpi_300"] == ("m", "elevation minus its mean within 300 m", DEM)
    assert told["roughness_1200"][1] == "standard deviation of elevation within 1200 m"
    assert told["wetness"][2] == f"{DEM}, MERIT/Hydro/v1_0_1"
    days = date(2021, 5, 1), date(2021, 6, 1)
    assert family.datasets(*days) == (DEM, "MERIT/Hydro/v1_0_1")
    assert family.bands_of("MERIT/Hydro/v1_0_1") == ("upa", "hnd")
    assert Terrain().datasets(*days) == (DEM,)
    assert Terrain(names=("drainage_height",)).datasets(*days) == ("MERIT/Hydro/v1_0_1",)


@pytest.mark.parametrize("name", ["tpi", "tpi_0", "tpi_3.5", "roughness_", "slope_300"])
def test_unknown_names_are_refused(name):
    with pytest.raises(InputError, match=r"not known; choose from elevation.*tpi_300.*another radius"):
        study_of({"kind": "terrain", "names": [name]})


@pytest.mark.parametrize("name", ["tpi_20", "roughness_9000"])
def test_a_radius_that_the_map_does_not_resolve_is_refused(scenes, name):
    with pytest.raises(InputError, match=f"The radius of {name} must lie between .* 30 to 6000 m"):
        terrain(DEM, (name,), grid=GRID)


def test_the_basin_has_hydrography():
    with smgee.connect():
        study = study_of({"kind": "terrain", "names": ["wetness", "drainage_height"]})
        (piece,) = study.predictor_set.pieces([date(2021, 7, 6)])
        found = pixels(piece.image, study.grid.window(30, 30, 8, 8))
    assert all(np.isfinite(values).all() for values in found.values())
    assert 2 < np.median(found["wetness"]) < 20
    assert 0 <= found["drainage_height"].min() < found["drainage_height"].max() < 600
