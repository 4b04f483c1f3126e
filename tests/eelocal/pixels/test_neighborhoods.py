"""Neighbourhoods against SciPy, and reduceResolution against GDAL."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio.warp
import shapely
from scipy import ndimage
from shapely import Polygon

from smgee.eelocal.engine.registry import call
from smgee.eelocal.errors import EEError
from smgee.grid import PixelGrid, transformer

RNG = np.random.default_rng(7)


def kernel(lab, name, **options):
    return call(lab.context, f"Kernel.{name}", options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("square", {"radius": 1}),
        ("gaussian", {"radius": 4, "sigma": 1.5}),
        ("sobel", {}),
        ("circle", {"radius": 11}),
        ("roberts", {}),
        ("fixed", {"weights": [[1, 2, 3]], "x": 0, "y": 0}),
    ],
)
def test_convolution_against_scipy(lab, name, options):
    values = RNG.random((40, 50))
    shape = kernel(lab, name, **options)
    weights = shape.weights()
    found = lab.values(lab.call("Image.convolve", image=lab.image(b=values), kernel=shape))
    origin = [weights.y - weights.values.shape[0] // 2, weights.x - weights.values.shape[1] // 2]
    expected = ndimage.correlate(values, weights.values, mode="constant", origin=origin)
    assert found.count() > 200
    np.testing.assert_allclose(found.compressed(), expected[~found.mask].astype("f4"), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "value"),
    [
        ("circle", {"radius": 11, "normalize": False}, 1.0),
        ("circle", {"radius": 11}, 0.3),
        ("gaussian", {"radius": 20, "sigma": 4}, 0.3),
        ("circle", {"radius": 11}, np.nan),
    ],
)
def test_a_large_kernel_leaves_what_it_does_not_reach(lab, name, options, value):
    """Not 1e-16, which is more than 0 in about every second pixel."""
    values = np.zeros((120, 120))
    values[60, 60] = value
    shape = kernel(lab, name, **options)
    weights = shape.weights()
    expected = ndimage.correlate(values, weights.values, mode="constant")
    found = lab.values(lab.call("Image.convolve", image=lab.image(b=values), kernel=shape))
    np.testing.assert_array_equal(found.compressed() == 0, expected[~found.mask] == 0)
    if value == 1.0:
        np.testing.assert_array_equal(found.compressed(), expected[~found.mask])


def test_a_masked_neighbour_masks_the_sum(lab):
    mask = np.ones((9, 9), bool)
    mask[4, 4] = False
    found = lab.values(
        lab.call(
            "Image.convolve", image=lab.image(b=(np.ones((9, 9)), mask)), kernel=kernel(lab, "plus", radius=1)
        )
    )
    cross = np.zeros((9, 9), bool)
    cross[4, 3:6] = cross[3:6, 4] = True
    cross[[0, -1]] = cross[:, [0, -1]] = True
    assert np.array_equal(found.mask, cross)


@pytest.mark.parametrize(
    ("name", "function"),
    [("min", np.min), ("max", np.max), ("mean", np.mean), ("median", np.median), ("stdDev", np.std)],
)
def test_reducers_of_neighbourhoods(lab, name, function):
    values = RNG.random((20, 25))
    image = lab.call(
        "Image.reduceNeighborhood",
        image=lab.image(b=values),
        reducer=call(lab.context, f"Reducer.{name}", {}),
        kernel=kernel(lab, "square", radius=2),
    )
    assert image.names == [f"b_{name}"]
    found = lab.values(image)
    expected = function(np.lib.stride_tricks.sliding_window_view(values, (5, 5)), axis=(2, 3))
    np.testing.assert_allclose(found[2:-2, 2:-2], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("Min", ndimage.minimum_filter),
        ("Max", ndimage.maximum_filter),
        ("Median", ndimage.median_filter),
        ("Mean", ndimage.uniform_filter),
    ],
)
def test_focal_filters(lab, name, function):
    values = RNG.random((20, 25)).astype("f4")
    found = lab.values(
        lab.call(f"Image.focal{name}", image=lab.image(b=values), radius=1, kernelType="square")
    )
    np.testing.assert_allclose(found[1:-1, 1:-1], function(values, size=3)[1:-1, 1:-1], rtol=1e-5)


def test_focal_filters_fill_gaps_and_iterate(lab):
    mask = np.ones((9, 9), bool)
    mask[4, 4] = False
    image = lab.image(b=(np.full((9, 9), 3.0), mask))
    assert lab.values(lab.call("Image.focalMean", image=image, radius=1, kernelType="square"))[
        4, 4
    ] == pytest.approx(3.0)
    dot = np.zeros((15, 15))
    dot[7, 7] = 1
    grown = lab.values(
        lab.call("Image.focalMax", image=lab.image(b=dot), radius=1, kernelType="square", iterations=3)
    )
    assert (grown == 1).sum() == 49


def test_distances(lab):
    values = (RNG.random((60, 60)) > 0.995).astype("u1")
    assert values.any()
    image = lab.image(b=values)
    exact = ndimage.distance_transform_edt(values == 0)
    squared = lab.values(lab.call("Image.fastDistanceTransform", image=image, neighborhood=100))
    np.testing.assert_allclose(squared, exact**2, rtol=1e-6)


def by_brute_force(values, reach, measure):
    """The least of the kernel's distances over the targets under it, infinite where there is none."""
    height, width = values.shape
    found = np.full(values.shape, np.inf)
    for row, col in zip(*np.nonzero(values)):
        dr, dc = np.abs(np.mgrid[:height, :width] - np.array([row, col])[:, None, None])
        inside = (dr <= reach) & (dc <= reach)
        found = np.where(inside, np.minimum(found, measure(dr, dc)), found)
    return found


@pytest.mark.parametrize(
    ("name", "measure"), [("euclidean", np.hypot), ("manhattan", np.add), ("chebyshev", np.maximum)]
)
@pytest.mark.parametrize(
    ("options", "reach", "unit"),
    [
        ({"radius": 5}, 5, 1),
        ({"radius": 160, "units": "meters"}, 5, 30),
        ({"radius": 5, "magnitude": 0.5}, 5, 0.5),
        ({"radius": 0}, 0, 1),
    ],
)
def test_distance_is_the_least_of_the_kernel(lab, small_tiles, name, measure, options, reach, unit):
    """Of the targets under the kernel, which is a square: one in its corner may be all there is, though
    another beyond its edge is nearer. The lattice has pixels of 30 m.
    """
    values = (np.random.default_rng(2).random((60, 60)) > 0.99).astype("u1")
    values[3:30, 3:30] = 0
    values[20, 20] = values[15, 9] = 1
    expected = by_brute_force(values, reach, measure) * unit
    image = lab.image(b=values)
    for tile in (256, 16):
        small_tiles(tile)
        found = lab.values(lab.call("Image.distance", image=image, kernel=kernel(lab, name, **options)))
        assert np.array_equal(~found.mask & np.ones(found.shape, bool), np.isfinite(expected))
        np.testing.assert_allclose(found.compressed(), expected[np.isfinite(expected)], rtol=1e-6)


def test_distance_where_nothing_is_counted(lab):
    image = lab.image(b=np.eye(9))
    with pytest.raises(EEError, match="positive magnitude"):
        lab.values(
            lab.call("Image.distance", image=image, kernel=kernel(lab, "euclidean", radius=2, magnitude=0))
        )


def test_connected_pixels(lab):
    values = (RNG.random((30, 30)) > 0.6).astype("u1")
    for eight in (True, False):
        labels, _ = ndimage.label(values, np.ones((3, 3)) if eight else None)
        other, _ = ndimage.label(1 - values, np.ones((3, 3)) if eight else None)
        sizes = np.where(values == 1, np.bincount(labels.ravel())[labels], np.bincount(other.ravel())[other])
        found = lab.values(
            lab.call("Image.connectedPixelCount", input=lab.image(b=values), maxSize=20, eightConnected=eight)
        )
        assert np.array_equal(found, np.minimum(sizes, 20))


def test_components_have_labels_of_their_own(lab, small_tiles):
    values = (RNG.random((40, 40)) > 0.7).astype("u1")
    image = lab.call("Image.selfMask", image=lab.image(b=values))
    found = lab.call(
        "Image.connectedComponents", image=image, connectedness=kernel(lab, "plus", radius=1), maxSize=50
    )
    labels = lab.values(lab.call("Image.select", input=found, bandSelectors=["labels"]))
    expected, count = ndimage.label(values)
    assert len(set(zip(labels.compressed().tolist(), expected[~labels.mask].tolist()))) == count
    assert np.array_equal(~labels.mask, values == 1)
    small_tiles(16)
    again = lab.values(lab.call("Image.select", input=found, bandSelectors=["labels"]))
    assert np.array_equal(again.filled(0), labels.filled(0))


def test_neighbours_as_bands_and_arrays(lab):
    values = np.arange(25.0).reshape(5, 5)
    bands = lab.call(
        "Image.neighborhoodToBands", image=lab.image(b=values), kernel=kernel(lab, "square", radius=1)
    )
    assert bands.names == [f"b_{x}_{y}" for y in (-1, 0, 1) for x in (-1, 0, 1)]
    pixels = lab.pixels(bands)
    arrays = lab.pixels(
        lab.call(
            "Image.neighborhoodToArray",
            image=lab.image(b=values),
            kernel=kernel(lab, "square", radius=1),
            defaultValue=-1,
        )
    )["b"][0]
    assert arrays[2, 2].tolist() == values[1:4, 1:4].tolist()
    assert arrays[0, 0].tolist() == [[-1, -1, -1], [-1, 0, 1], [-1, 5, 6]]
    assert pixels["b_1_-1"][0][2, 2] == values[1, 3]


def test_entropy(lab):
    values = RNG.integers(0, 5, (12, 12)).astype("u1")
    found = lab.values(
        lab.call("Image.entropy", image=lab.image(b=values), kernel=kernel(lab, "square", radius=2))
    )
    _, counts = np.unique(values[3:8, 4:9], return_counts=True)
    share = counts / 25
    assert found[5, 6] == pytest.approx(-(share * np.log2(share)).sum(), rel=1e-5)


def test_resolution_is_reduced_by_covered_shares(lab):
    values, mask = RNG.random((60, 60)), RNG.random((60, 60)) > 0.2
    image = lab.image(b=(values, mask))
    reduced = lab.call(
        "Image.reduceResolution", image=image, reducer=call(lab.context, "Reducer.mean", {}), maxPixels=400
    )
    assert reduced.names == ["b"]
    grid = PixelGrid("EPSG:32647", (300.0, 0.0, 600_000.0, 0.0, -300.0, 4_100_000.0), 6, 6)
    blocks = values.reshape(6, 10, 6, 10).swapaxes(1, 2), mask.reshape(6, 10, 6, 10).swapaxes(1, 2)
    found, share = lab.pixels(reduced, grid)["b"]
    np.testing.assert_allclose(found, (blocks[0] * blocks[1]).sum((2, 3)) / blocks[1].sum((2, 3)), rtol=1e-9)
    np.testing.assert_allclose(share, blocks[1].mean((2, 3)), rtol=1e-5)
    skew = PixelGrid("EPSG:32647", (75.0, 0.0, 600_300.0, 0.0, -75.0, 4_099_700.0), 8, 8)
    whole = lab.call(
        "Image.reduceResolution", image=lab.image(b=values), reducer=call(lab.context, "Reducer.mean", {})
    )
    expected = np.zeros((8, 8))
    rasterio.warp.reproject(
        values,
        expected,
        src_crs="EPSG:32647",
        src_transform=lab.grid(60, 60).affine,
        dst_crs="EPSG:32647",
        dst_transform=skew.affine,
        resampling=rasterio.warp.Resampling.average,
    )
    np.testing.assert_allclose(lab.values(whole, skew), expected, rtol=1e-6)
    with pytest.raises(EEError, match="Too many input pixels per output pixel"):
        lab.values(
            lab.call("Image.reduceResolution", image=image, reducer=call(lab.context, "Reducer.mean", {})),
            grid,
        )


def test_resolution_across_projections_weighs_by_shared_areas(lab):
    values = RNG.random((80, 80))
    summed = lab.call(
        "Image.reduceResolution",
        image=lab.image(b=values),
        reducer=call(lab.context, "Reducer.mean", {}),
        maxPixels=1000,
    )
    x, y = transformer("EPSG:32647", "EPSG:4326").transform(600_600, 4_099_400)
    grid = PixelGrid("EPSG:4326", (0.0031, 0.0, x, 0.0, -0.0029, y), 3, 3)
    found = lab.values(summed, grid)
    corners = [(x + 0.0031 * c, y - 0.0029 * r) for c, r in ((1, 2), (2, 2), (2, 3), (1, 3))]
    outline = Polygon([transformer("EPSG:4326", "EPSG:32647").transform(*c) for c in corners])
    rows, cols = np.mgrid[:80, :80]
    cells = shapely.box(
        600_000 + 30 * cols, 4_100_000 - 30 * rows - 30, 600_030 + 30 * cols, 4_100_000 - 30 * rows
    )
    areas = shapely.area(shapely.intersection(cells, outline))
    assert found[2, 1] == pytest.approx((areas * values).sum() / outline.area, rel=1e-6)
