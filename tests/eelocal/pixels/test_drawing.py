"""Painting, drawing and visualising."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio.features
from shapely.geometry import LineString, Point, Polygon, box, mapping

from smgee.eelocal.engine.registry import call
from smgee.eelocal.errors import EEError
from smgee.eelocal.pixels.rasterize import coverage
from smgee.eelocal.pixels.vector import marker
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.colors import parse_color
from smgee.eelocal.values.geometry import Feature, Geometry

TRIANGLE = Polygon([(600_030, 4_099_950), (600_540, 4_099_700), (600_200, 4_099_450)])


def collection(*shapes, **properties):
    return Collection(
        lambda: [
            Feature(Geometry(s, "EPSG:32647", False), {k: v[i] for k, v in properties.items()}, str(i))
            for i, s in enumerate(shapes)
        ]
    )


def test_painting_against_gdal(lab):
    image = lab.image(b=np.zeros((20, 20), "u1"))
    shapes = [TRIANGLE, box(600_300, 4_099_500, 600_500, 4_099_800)]
    found = lab.values(
        lab.call(
            "Image.paint", image=image, featureCollection=collection(*shapes, value=[3, 300]), color="value"
        )
    )
    expected = rasterio.features.rasterize(
        [(mapping(s), v) for s, v in zip(shapes, (3, 300))],
        (20, 20),
        transform=lab.grid(20, 20).affine,
        dtype="int32",
    )
    assert np.array_equal(found, expected)
    assert found.dtype == np.uint16


def test_painting_unmasks(lab):
    empty = lab.image(b=(np.zeros((20, 20), "u1"), np.zeros((20, 20), bool)))
    found = lab.values(lab.call("Image.paint", image=empty, featureCollection=collection(TRIANGLE), color=1))
    assert set(found.compressed().tolist()) == {1}
    line = lab.values(
        lab.call("Image.paint", image=empty, featureCollection=collection(TRIANGLE), color=1, width=1)
    )
    assert 0 < line.count() < found.count()
    with pytest.raises(EEError, match="property 'nope' of feature '0' is missing"):
        lab.call("Image.paint", image=empty, featureCollection=collection(TRIANGLE), color="nope")


def test_reduced_features(lab):
    shapes = [box(600_000, 4_099_400, 600_300, 4_100_000), box(600_150, 4_099_400, 600_600, 4_100_000)]
    image = lab.call(
        "Collection.reduceToImage",
        collection=collection(*shapes, v=[2, 5]),
        properties=["v"],
        reducer=call(lab.context, "Reducer.mean", {}),
    )
    assert image.names == ["mean"]
    found = lab.values(image, lab.grid(20, 25))
    assert found[3, [2, 7, 15]].tolist() == [2.0, 3.5, 5.0]
    assert found.mask[3, 22]


def test_filled_areas_and_strokes(lab):
    square = box(600_150, 4_099_550, 600_450, 4_099_850)
    image = lab.call(
        "Collection.style", collection=collection(square), color="00ff00", fillColor="ff000080", width=2
    )
    assert image.names == ["vis-red", "vis-green", "vis-blue"]
    pixels = lab.pixels(image, lab.grid(20, 20))
    rgb, alpha = [pixels[n][0] for n in image.names], pixels["vis-red"][1]
    assert [c[10, 10] for c in rgb] == [255, 0, 0]
    assert alpha[10, 10] == pytest.approx(128 / 255, abs=1e-3)
    assert [c[10, 5] for c in rgb][:2] == [0, 255]
    assert alpha[10, 5] == pytest.approx(1.0)
    assert alpha[0, 0] == 0


def test_styles_of_features(lab):
    points = collection(
        Point(600_105, 4_099_895),
        Point(600_405, 4_099_595),
        style=[{"color": "blue", "fillColor": "blue", "pointSize": 3}, {"pointShape": "square"}],
    )
    image = lab.call(
        "Collection.style", collection=points, color="red", fillColor="red", styleProperty="style"
    )
    pixels = lab.pixels(image, lab.grid(20, 20))
    assert [pixels[n][0][3, 3] for n in image.names] == [0, 0, 255]
    assert [pixels[n][0][13, 13] for n in image.names] == [255, 0, 0]
    for bad in ({"pointShape": "blob"}, {"lineType": "wavy"}, {"color": "no colour"}):
        with pytest.raises(EEError):
            lab.call("Collection.style", collection=points, **bad)


@pytest.mark.parametrize(
    "shape",
    [
        "circle",
        "square",
        "diamond",
        "pentagram",
        "hexagram",
        "triangle",
        "triangle_down",
        "pentagon",
        "hexagon",
        "star5",
        "star6",
        "o",
        "s",
        "^",
        "<",
    ],
)
def test_markers_lie_within_their_size(shape):
    outline, area = marker(shape, 5.0)
    assert area
    assert outline.is_valid
    left, top, right, bottom = outline.bounds
    assert max(-left, -top, right, bottom) <= 5.0 + 1e-9
    assert outline.area > 20


def test_coverage_of_a_ring_with_a_hole():
    outer, inner = (
        np.array([(1.25, 1), (7, 1), (7, 6.5), (1.25, 6.5), (1.25, 1)]),
        np.array([(3, 3), (3, 4.5), (5, 4.5), (5, 3), (3, 3)]),
    )
    points = np.concatenate([outer, inner])
    found = coverage(
        np.ascontiguousarray(points[:, 0]), np.ascontiguousarray(points[:, 1]), np.array([0, 5, 10]), 8, 9
    )
    assert found.sum() == pytest.approx(5.75 * 5.5 - 2 * 1.5)
    assert found[1, 1] == pytest.approx(0.75)
    assert found[6, 2] == pytest.approx(0.5)
    assert found[4, 3] == pytest.approx(0.5)
    assert found[3, 4] == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("red", (255, 0, 0, 1.0)),
        ("FF8000", (255, 128, 0, 1.0)),
        ("#00ff00", (0, 255, 0, 1.0)),
        ("0000ff80", (0, 0, 255, 128 / 255)),
        ("fff", (255, 255, 255, 1.0)),
    ],
)
def test_colours(text, expected):
    assert parse_color(text) == pytest.approx(expected)


def test_visualising(lab):
    image = lab.image(
        a=np.array([[-1.0, 0.0, 5.0, 10.0, 99.0]]),
        b=np.array([[0.0, 2.5, 5.0, 7.5, 10.0]]),
        c=np.zeros((1, 5)),
    )
    grey = lab.call("Image.visualize", image=image, bands=["a"], min=0, max=10)
    assert grey.names == ["vis-gray"]
    assert lab.values(grey).tolist() == [[0, 0, 128, 255, 255]]
    rgb = lab.call("Image.visualize", image=image, min=0, max=[10, 10, 1])
    assert rgb.names == ["vis-red", "vis-green", "vis-blue"]
    assert lab.pixels(rgb)["vis-green"][0].tolist() == [[0, 64, 128, 191, 255]]
    palette = lab.call(
        "Image.visualize", image=image, bands="b", min=0, max=10, palette="000000,ff0000,ffff00"
    )
    assert lab.pixels(palette)["vis-red"][0].tolist() == [[0, 128, 255, 255, 255]]
    assert lab.pixels(palette)["vis-green"][0].tolist() == [[0, 0, 0, 128, 255]]
    faint = lab.call("Image.visualize", image=image, bands=["a"], min=0, max=10, opacity=0.5)
    assert lab.pixels(faint)["vis-gray"][1][0, 0] == pytest.approx(0.5)
    with pytest.raises(EEError, match="1 or 3 bands"):
        lab.call("Image.visualize", image=image, bands=["a", "b"])


def test_colour_spaces_invert_each_other(lab):
    import colorsys

    rng = np.random.default_rng(0)
    image = lab.image(**{n: rng.random((5, 6)) for n in "rgb"})
    hsv = lab.call("Image.rgbToHsv", image=image)
    pixels, original = lab.pixels(hsv), lab.pixels(image)
    for at in np.ndindex(5, 6):
        expected = colorsys.rgb_to_hsv(*(original[n][0][at] for n in "rgb"))
        assert [pixels[n][0][at] for n in ("hue", "saturation", "value")] == pytest.approx(
            expected, rel=1e-5, abs=1e-6
        )
    back = lab.pixels(lab.call("Image.hsvToRgb", image=hsv))
    for name, n in zip(("red", "green", "blue"), "rgb"):
        np.testing.assert_allclose(back[name][0], original[n][0], atol=1e-5)


def test_lines_are_dashed(lab):
    line = collection(LineString([(600_000, 4_099_700), (600_600, 4_099_700)]))
    covered = {
        t: lab.pixels(lab.call("Collection.style", collection=line, width=1, lineType=t), lab.grid(20, 20))[
            "vis-red"
        ][1].sum()
        for t in ("solid", "dashed", "dotted")
    }
    assert covered["solid"] > covered["dashed"] > 0
    assert covered["solid"] > covered["dotted"] > 0
