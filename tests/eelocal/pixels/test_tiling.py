"""Whatever the tiles, the pixels are the same; and long chains and big collections stay cheap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiPoint, Polygon

from smgee.eelocal.engine.registry import call
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.geometry import Feature, Geometry
from smgee.eelocal.values.lazy import Node, Pixels, pull
from smgee.grid import PixelGrid, transformer
from tests.eelocal.pixels.conftest import Lab

RNG = np.random.default_rng(11)


def features():
    shapes = [
        Polygon([(600_100, 4_099_900), (602_500, 4_099_000), (601_000, 4_097_500)]),
        LineString([(600_000, 4_097_600), (602_900, 4_099_800)]),
        MultiPoint([(600_500, 4_099_000), (602_400, 4_098_100)]),
    ]
    return Collection(
        lambda: [
            Feature(Geometry(s, "EPSG:32647", False), {"value": k + 1}, str(k)) for k, s in enumerate(shapes)
        ]
    )


def images(lab):
    shape = (90, 100)
    base = lab.image(
        a=(RNG.random(shape).astype("f4"), RNG.random(shape) > 0.1), b=RNG.integers(0, 5, shape).astype("u1")
    )
    a, b = (lab.call("Image.select", input=base, bandSelectors=[n]) for n in "ab")
    kernel = call(lab.context, "Kernel.circle", {"radius": 3})
    reducer = lambda name: call(lab.context, f"Reducer.{name}", {})  # noqa: E731
    other = lab.image(
        lab.grid(90, 100).window(10, 10, 90, 100),
        a=RNG.random(shape).astype("f4"),
        b=RNG.integers(0, 5, shape).astype("u1"),
    )
    return {
        "read": base,
        "interpolated": lab.call("Image.resample", image=a, mode="bicubic"),
        "neighbourhood": lab.call(
            "Image.reduceNeighborhood", image=a, reducer=reducer("median"), kernel=kernel
        ),
        "convolved": lab.call("Image.convolve", image=a, kernel=kernel),
        "focal": lab.call("Image.focalMax", image=a, radius=2, iterations=2),
        "slope": lab.call("Terrain.slope", input=lab.call("Image.multiply", image1=a, image2=100)),
        "counted": lab.call("Image.connectedPixelCount", input=b, maxSize=30),
        "distance": lab.call(
            "Image.fastDistanceTransform", image=lab.call("Image.eq", image1=b, image2=4), neighborhood=40
        ),
        "median": lab.call("reduce.median", collection=lab.collection(base, other)),
        "reduced": lab.call(
            "ImageCollection.reduce", collection=lab.collection(base, other), reducer=reducer("stdDev")
        ),
        "mosaic": lab.call("ImageCollection.mosaic", collection=lab.collection(base, other)),
        "random": lab.call("Image.random", seed=3),
        "coordinates": lab.call("Image.pixelLonLat"),
        "area": lab.call("Image.pixelArea"),
        "painted": lab.call("Image.paint", image=b, featureCollection=features(), color="value"),
        "outlined": lab.call("Image.paint", image=b, featureCollection=features(), color=9, width=3),
        "styled": lab.call(
            "Collection.style", collection=features(), color="ff0000", pointSize=4, lineType="dashed"
        ),
        "drawn": lab.call("Collection.draw", collection=features(), color="0000ff"),
        "clipped": lab.call("Image.clip", input=a, geometry=features().elements[0]),
        "gathered": lab.call(
            "Collection.reduceToImage", collection=features(), properties=["value"], reducer=reducer("sum")
        ),
        "coarse": lab.call("Image.reduceResolution", image=a, reducer=reducer("mean"), maxPixels=100),
        "shown": lab.call("Image.visualize", image=a, min=0, max=1, palette=["blue", "red"]),
        "pinned": lab.call("Image.reproject", image=a, crs="EPSG:4326", scale=70),
    }


GRIDS = {
    "own": PixelGrid("EPSG:32647", (30.0, 0.0, 600_000.0, 0.0, -30.0, 4_100_000.0), 100, 90),
    "coarse": PixelGrid("EPSG:32647", (77.0, 0.0, 599_900.0, 0.0, -77.0, 4_100_050.0), 40, 36),
    "mercator": PixelGrid(
        "EPSG:3857",
        (
            31.0,
            0.0,
            transformer("EPSG:32647", "EPSG:3857").transform(600_200, 4_099_900)[0],
            0.0,
            -31.0,
            transformer("EPSG:32647", "EPSG:3857").transform(600_200, 4_099_900)[1],
        ),
        80,
        70,
    ),
}


@pytest.mark.parametrize("where", sorted(GRIDS))
def test_tiles_do_not_show(lab, small_tiles, where):
    grid = GRIDS[where]
    made = images(lab)
    whole = {name: lab.pixels(image, grid) for name, image in made.items()}
    small_tiles(32)
    for name, image in made.items():
        for band, (values, mask) in lab.pixels(image, grid).items():
            expected, shown = whole[name][band]
            # Round corners are polygons, which may start elsewhere on the circle.
            close = 6e-3 if name in ("styled", "drawn") else 1e-5
            np.testing.assert_allclose(
                mask.astype("f4"), shown.astype("f4"), atol=close, err_msg=f"{name} {band}"
            )
            valid = (mask > 0) & (shown > 0)
            loose = {
                "rtol": 1e-5,
                "atol": 1 if values.dtype == np.uint8 and name in ("styled", "drawn") else 1e-6,
            }
            np.testing.assert_allclose(
                values[valid].astype("f8"), expected[valid].astype("f8"), err_msg=f"{name} {band}", **loose
            )


@settings(max_examples=150)
@given(
    where=st.sampled_from(sorted(GRIDS)),
    name=st.sampled_from(
        [
            "read",
            "interpolated",
            "neighbourhood",
            "convolved",
            "focal",
            "slope",
            "median",
            "reduced",
            "coarse",
            "pinned",
            "random",
        ]
    ),
    window=st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 40)] * 2),
    tile=st.integers(8, 64),
)
def test_a_window_is_a_part_of_the_whole(lab, made, small_tiles, where, name, window, tile):
    row, col, height, width = window
    grid = GRIDS[where]
    height, width = min(height, grid.height - row), min(width, grid.width - col)
    small_tiles(1024)
    whole = lab.pixels(made[name], grid)
    small_tiles(tile)
    for band, (values, mask) in lab.pixels(made[name], grid.window(row, col, height, width)).items():
        expected, shown = (v[row : row + height, col : col + width] for v in whole[band])
        np.testing.assert_allclose(mask.astype("f8"), shown.astype("f8"), atol=1e-5, rtol=0)
        valid = (mask > 0) & (shown > 0)
        np.testing.assert_allclose(
            values[valid].astype("f8"), expected[valid].astype("f8"), rtol=1e-5, atol=1e-6
        )


@pytest.fixture(scope="module")
def made():
    return images(Lab())


def test_long_chains_fit(lab):
    image = lab.image(b=np.arange(12, dtype="i2").reshape(3, 4))
    for _ in range(2000):
        image = lab.call("Image.add", image1=image, image2=1)
    assert np.array_equal(lab.values(image), np.arange(12).reshape(3, 4) + 2000)


def test_big_collections_fit(lab):
    image = lab.image(b=np.arange(12, dtype="i2").reshape(3, 4))
    many = lab.collection(*(lab.call("Image.add", image1=image, image2=k) for k in range(2000)))
    assert lab.values(lab.call("reduce.median", collection=many), lab.grid(3, 4))[0, 0] == 999.5


class Counting(Node):
    """Counts how often it is computed."""

    __slots__ = ("below", "count")

    def __init__(self, *below):
        self.below, self.count = below, 0

    def needs(self, grid):
        return [(n, grid) for n in self.below]

    def compute(self, grid, inputs):
        self.count += 1
        return Pixels(np.ones(grid.shape) + sum(p.values for p in inputs), np.ones(grid.shape, bool))


def test_shared_nodes_are_computed_once():
    base = Counting()
    node = base
    for _ in range(60):  # a ladder of diamonds has 2^60 paths
        node = Counting(node, node)
    grid = PixelGrid("EPSG:4326", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), 2, 2)
    first, second = pull([(node, grid), (base, grid)])
    assert base.count == 1
    assert second.values[0, 0] == 1
    assert first.values[0, 0] == 2.0**61 - 1


def test_results_are_freed_after_their_last_use():
    import weakref

    alive: list[weakref.ref] = []
    most = 0

    class Tracked(Counting):
        __slots__ = ()

        def compute(self, grid, inputs):
            nonlocal most
            pixels = super().compute(grid, inputs)
            holder = np.array(pixels.values)
            alive.append(weakref.ref(holder))
            most = max(most, sum(r() is not None for r in alive))
            return Pixels(holder, pixels.mask)

    node: Node = Tracked()
    for _ in range(50):
        node = Tracked(node)
    pull([(node, PixelGrid("EPSG:4326", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), 2, 2))])
    assert most <= 3
