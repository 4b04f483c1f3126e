"""Reading assets onto other grids: against GDAL's warper, NumPy and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio.warp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from smgee.eelocal.assets.pyramid import halve
from smgee.eelocal.pixels.lattice import coarsening, coordinates, same_lattice
from smgee.eelocal.values.lazy import Pixels
from smgee.eelocal.values.projection import Projection
from smgee.grid import PixelGrid, transformer

RNG = np.random.default_rng(1)
REPEATED = settings(max_examples=25, deadline=None)


@REPEATED
@given(
    crs=st.sampled_from(["EPSG:4326", "EPSG:3857", "EPSG:6933", "EPSG:32646", "EPSG:32647"]),
    scale=st.floats(20, 29.9),
    dx=st.floats(-300, 300),
    dy=st.floats(-300, 300),
)
def test_nearest_pixels_are_those_of_gdal(lab, crs, scale, dx, dy):
    source = RNG.integers(1, 1000, (60, 70)).astype("i2")
    native = lab.grid(60, 70)
    image = lab.image(native, b=source)
    x, y = transformer(native.crs, crs).transform(600_900 + dx, 4_099_200 + dy)
    size = scale / Projection(crs).unit_meters
    grid = PixelGrid(crs, (size, 0.0, x, 0.0, -size, y), 25, 30)
    expected = np.zeros(grid.shape, "i2")
    rasterio.warp.reproject(
        source,
        expected,
        src_crs=native.crs,
        src_transform=native.affine,
        dst_crs=crs,
        dst_transform=grid.affine,
        tolerance=0,
        resampling=rasterio.warp.Resampling.nearest,
    )
    found = lab.values(image, grid)
    where = coordinates(grid, Projection.of_grid(native))
    cols, rows = where.cols, where.rows
    if where.separable:
        cols, rows = np.meshgrid(cols, rows)
    # GDAL may decide otherwise where a centre lies on an edge to rounding.
    clear = (np.abs(cols - np.rint(cols)) > 1e-3) & (np.abs(rows - np.rint(rows)) > 1e-3)
    assert np.array_equal(found.filled(0)[clear], expected[clear])
    assert crs == native.crs or clear.mean() > 0.9


def test_the_own_grid_is_read_as_it_stands(lab):
    source = RNG.random((40, 50)).astype("f4")
    mask = RNG.random((40, 50)) > 0.2
    image = lab.image(b=(source, mask))
    found = lab.values(image, lab.grid(40, 50).window(5, 7, 20, 30))
    assert np.array_equal(found.data[~found.mask], source[5:25, 7:37][mask[5:25, 7:37]])
    assert np.array_equal(~found.mask, mask[5:25, 7:37])


def test_beyond_the_extent_everything_is_masked(lab):
    image = lab.image(b=np.ones((10, 12), "u1"))
    found = lab.values(image, lab.grid(10, 12).pad(3))
    assert found.count() == 120
    assert not found.mask[3:13, 3:15].any()
    assert lab.values(image, lab.grid(10, 12).window(100, 100, 4, 4)).mask.all()
    far = PixelGrid("EPSG:4326", (0.001, 0.0, -80.0, 0.0, -0.001, 10.0), 8, 8)
    assert lab.values(image, far).mask.all()


def test_longitudes_wrap_around(lab):
    grid = PixelGrid("EPSG:4326", (1.0, 0.0, -180.0, 0.0, -1.0, 90.0), 360, 180)
    image = lab.image(grid, b=np.arange(360 * 180, dtype="i4").reshape(180, 360))
    request = PixelGrid("EPSG:4326", (1.0, 0.0, 178.0, 0.0, -1.0, 10.0), 4, 2)
    assert lab.values(image, request).tolist()[0] == [80 * 360 + c for c in (358, 359, 0, 1)]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("MEAN", 10.0), ("SAMPLE", 4.0), ("MIN", 4.0), ("MAX", 20.0), ("MODE", 4.0), ("MEDIAN", 6.0)],
)
def test_one_block_by_every_policy(policy, expected):
    values, mask = np.array([[4, 6], [20, 99]], "f4"), np.array([[True, True], [True, False]])
    block = halve(Pixels(values, mask), policy)
    assert block.values[0, 0] == pytest.approx(expected)
    assert block.mask[0, 0] == (1.0 if policy == "SAMPLE" else 0.75)


@pytest.mark.parametrize("policy", ["MEAN", "SAMPLE"])
def test_coarse_requests_read_the_pyramid(lab, policy):
    source = RNG.random((64, 96)).astype("f4") * 100
    native = lab.grid(64, 96, 10.0)
    # 96 pixels fit into one tile of 256, so a level is forced by a wide image.
    wide = np.tile(source, (8, 8))
    image = lab.source.add(
        f"pyramid {policy}",
        {"b": wide},
        PixelGrid(native.crs, native.transform, wide.shape[1], wide.shape[0]),
        pyramiding=policy,
    )
    found = lab.values(image, PixelGrid(native.crs, (40.0, 0.0, 600_000.0, 0.0, -40.0, 4_100_000.0), 30, 20))
    top = wide[:80, :120]
    expected = top[::4, ::4] if policy == "SAMPLE" else top.reshape(20, 4, 30, 4).mean((1, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_level_is_the_coarsest_that_is_fine_enough():
    native = Projection("EPSG:32647", (30.0, 0.0, 0.0, 0.0, -30.0, 0.0))

    def at(size: float) -> int:
        grid = PixelGrid("EPSG:32647", (size, 0.0, 0.0, 0.0, -size, 0.0), 1, 1)
        return coarsening(grid, native)

    assert [at(s) for s in (10, 30, 59, 60, 119, 120, 1000)] == [0, 0, 0, 1, 1, 2, 5]


@pytest.mark.parametrize(("mode", "order"), [("bilinear", 1)])
def test_interpolation_against_scipy(lab, mode, order):
    source = RNG.random((50, 60))
    image = lab.call("Image.resample", image=lab.image(b=source), mode=mode)
    grid = PixelGrid("EPSG:32647", (7.0, 0.0, 600_311.0, 0.0, -7.0, 4_099_700.0), 40, 30)
    where = coordinates(grid, Projection.of_grid(lab.grid(50, 60)))
    rows, cols = np.meshgrid(where.rows - 0.5, where.cols - 0.5, indexing="ij")
    expected = ndimage.map_coordinates(source, [rows, cols], order=order)
    np.testing.assert_allclose(lab.values(image, grid), expected, rtol=1e-9)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_interpolation_keeps_planes_and_its_own_pixels(lab, mode):
    rows, cols = np.mgrid[:50, :60]
    plane = 3.0 * cols + 2.0 * rows
    image = lab.call("Image.resample", image=lab.image(b=plane), mode=mode)
    assert np.array_equal(lab.values(image, lab.grid(50, 60)), plane)
    grid = PixelGrid("EPSG:32647", (10.0, 0.0, 600_300.0, 0.0, -10.0, 4_099_700.0), 40, 30)
    y, x = np.mgrid[:30, :40]
    expected = 3.0 * ((300 + 10 * x + 5) / 30 - 0.5) + 2.0 * ((300 + 10 * y + 5) / 30 - 0.5)
    np.testing.assert_allclose(lab.values(image, grid), expected, rtol=1e-9)


def test_interpolation_weighs_by_the_mask(lab):
    values, mask = np.array([[10.0, 20.0], [30.0, 1e9]]), np.array([[True, True], [True, False]])
    image = lab.call("Image.resample", image=lab.image(b=(values, mask)), mode="bilinear")
    middle = PixelGrid("EPSG:32647", (1.0, 0.0, 600_029.5, 0.0, -1.0, 4_099_970.5), 1, 1)
    values, mask = lab.pixels(image, middle)["b"]
    assert values[0, 0] == pytest.approx(20.0)
    assert mask[0, 0] == pytest.approx(0.75)


def test_bicubic_stays_near_the_values_beside_gaps(lab):
    """Its negative weights are not divided by what is left of the positive ones."""
    generator = np.random.default_rng(3)
    values, mask = generator.random((40, 40)), generator.random((40, 40)) < 0.6
    image = lab.call("Image.resample", image=lab.image(b=(values, mask)), mode="bicubic")
    found, seen = lab.pixels(image, lab.grid(150, 150, size=7.0))["b"]
    assert np.count_nonzero(seen) > 10_000
    # the sizes of Keys' sixteen weights add up to 1.5625 at most, so values leave 0…1 by 0.28 at most
    assert -0.29 < found[seen > 0].min() < found[seen > 0].max() < 1.29


def test_reprojected_pixels_are_blocks_of_the_pinned_lattice(lab):
    source = RNG.random((40, 40)).astype("f4")
    image = lab.call(
        "Image.reproject",
        image=lab.image(b=source),
        crs=Projection("EPSG:32647"),
        crsTransform=[90, 0, 600_000, 0, -90, 4_100_000],
    )
    assert lab.call("Image.projection", image=image).transform == (90, 0, 600_000, 0, -90, 4_100_000)
    found = lab.values(image, lab.grid(39, 39))
    expected = np.repeat(np.repeat(source[1:39:3, 1:39:3], 3, 0), 3, 1)
    assert np.array_equal(found, expected)


def test_lattices_are_the_same_when_shifted_by_whole_pixels():
    lattice = Projection("EPSG:32647", (30.0, 0.0, 15.0, 0.0, -30.0, 15.0))
    assert same_lattice(lattice.window(-7, 12, 5, 5), lattice)
    assert not same_lattice(
        Projection("EPSG:32647", (30.0, 0.0, 0.0, 0.0, -30.0, 0.0)).window(0, 0, 5, 5), lattice
    )
    assert not same_lattice(lattice.scaled(2, 2).window(0, 0, 5, 5), lattice)
