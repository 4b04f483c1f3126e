"""Objects of connected pixels: reduced, and drawn as polygons; against SciPy, rasterio and shapely."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from scipy import ndimage
from shapely.geometry import box

from smgee.eelocal.engine.registry import call
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.geometry import Geometry
from smgee.eelocal.values.projection import Projection

RNG = np.random.default_rng(3)
CLASSES = RNG.integers(0, 3, (24, 30)).astype("u1")
VALUES = RNG.random((24, 30))
SHOWN = RNG.random((24, 30)) > 0.05
LEFT, TOP = 600_000.0, 4_100_000.0


def objects(classes, shown, eight):
    """Return a label per pixel, −1 where masked, by SciPy class by class."""
    labels = np.full(classes.shape, -1)
    for value in np.unique(classes):
        found, _ = ndimage.label((classes == value) & shown, np.ones((3, 3)) if eight else None)
        labels[found > 0] = found[found > 0] + labels.max()
    return labels


def reducer(lab, name, **options):
    return call(lab.context, f"Reducer.{name}", options)


def vectors(lab, image, **options):
    region = Geometry(box(LEFT, TOP - 24 * 30, LEFT + 30 * 30, TOP), "EPSG:32647", False)
    options = {"geometry": region, "geometryInNativeProjection": True} | options
    return list(lab.call("Image.reduceToVectors", image=image, **options).elements)


@pytest.mark.parametrize("eight", [True, False])
def test_objects_as_polygons(lab, eight):
    """Each object is the union of its pixels, with its class and the mean of the other band."""
    image = lab.image(label=(CLASSES, SHOWN), v=VALUES)
    found = vectors(lab, image, reducer=reducer(lab, "mean"), eightConnected=eight)
    labels = objects(CLASSES, SHOWN, eight)
    rows, cols = np.indices(labels.shape)
    pixels = shapely.box(LEFT + 30 * cols, TOP - 30 * (rows + 1), LEFT + 30 * (cols + 1), TOP - 30 * rows)
    expected = {}
    for label in range(labels.max() + 1):
        inside = labels == label
        outline = shapely.union_all(pixels[inside])
        expected[shapely.normalize(outline.simplify(0)).wkb] = (CLASSES[inside][0], VALUES[inside].mean())
    assert len(found) == len(expected)
    for feature in found:
        assert feature.geometry.crs == "EPSG:32647"
        whole = shapely.normalize(shapely.union_all([feature.geometry.sound]).simplify(0))
        value, mean = expected.pop(whole.wkb)
        assert feature.properties["label"] == value
        assert feature.properties["mean"] == pytest.approx(mean)
    assert not expected


def test_boxes_centroids_and_counts(lab):
    classes = np.zeros((24, 30), "i2")
    classes[2:5, 3:9] = classes[5, 3] = 7
    image = lab.call("Image.selfMask", image=lab.image(label=classes))
    (one,) = vectors(lab, image, geometryType="bb", labelProperty="kind")
    assert one.properties == {"kind": 7, "count": 19}
    assert one.geometry.shape.bounds == (LEFT + 90, TOP - 180, LEFT + 270, TOP - 60)
    (one,) = vectors(lab, image, geometryType="centroid")
    rows, cols = np.nonzero(classes)
    assert (one.geometry.shape.x, one.geometry.shape.y) == pytest.approx(
        (LEFT + 30 * (cols.mean() + 0.5), TOP - 30 * (rows.mean() + 0.5))
    )


def test_reducers_of_several_bands(lab):
    image = lab.image(label=np.ones((24, 30), "u1"), v=VALUES, w=VALUES**2)
    (one,) = vectors(lab, image, reducer=reducer(lab, "linearFit"))
    slope, level = np.polyfit(VALUES.ravel(), VALUES.ravel() ** 2, 1)
    assert one.properties["scale"] == pytest.approx(slope)
    assert one.properties["offset"] == pytest.approx(level)
    (one,) = vectors(lab, image, reducer=reducer(lab, "max"))
    assert (one.properties["v"], one.properties["w"]) == pytest.approx((VALUES.max(), VALUES.max() ** 2))
    (one,) = vectors(lab, image, reducer=reducer(lab, "minMax"))
    assert set(one.properties) == {"label", "v_min", "v_max", "w_min", "w_max"}


def test_polygons_in_degrees_are_the_same_places(lab):
    image = lab.image(label=np.ones((24, 30), "u1"))
    (one,) = vectors(lab, image, geometryInNativeProjection=False)
    assert one.geometry.crs == "EPSG:4326"
    from pyproj import Transformer

    corner = Transformer.from_crs("EPSG:32647", "EPSG:4326", always_xy=True).transform(LEFT, TOP)
    assert shapely.Point(corner).distance(one.geometry.shape) < 1e-8


def test_what_vectors_refuse(lab):
    whole, real = lab.image(label=CLASSES, v=VALUES), lab.image(v=VALUES)
    with pytest.raises(EEError, match="integer type"):
        vectors(lab, real)
    with pytest.raises(EEError, match="Unknown geometryType 'line'"):
        vectors(lab, whole, geometryType="line")
    with pytest.raises(EEError, match="Need 2 bands besides the label"):
        vectors(lab, whole, reducer=reducer(lab, "linearFit"))
    far = Geometry(box(0, 0, 30, 30), "EPSG:32647", False)
    assert vectors(lab, lab.call("Image.selfMask", image=whole), geometry=far) == []


@pytest.mark.parametrize("name", ["mean", "sum", "max", "count"])
def test_reducing_each_object(lab, name, small_tiles):
    """Objects touch at corners too; each pixel shows what its object gives, whatever the tiles."""
    image = lab.image(label=(CLASSES, SHOWN), v=(VALUES, RNG.random(VALUES.shape) > 0.1))
    valid = lab.pixels(image)["v"][1]
    labels = objects(CLASSES, SHOWN, True)
    expected = np.full(VALUES.shape, np.nan)
    for label in range(labels.max() + 1):
        inside = labels == label
        some = VALUES[inside & valid]
        if len(some) or name in ("count", "sum"):
            expected[inside] = {"mean": np.mean, "sum": np.sum, "max": np.max, "count": np.size}[name](some)
    for tile in (256, 8):
        small_tiles(tile)
        found = lab.values(
            lab.call(
                "Image.reduceConnectedComponents",
                image=image,
                reducer=reducer(lab, name),
                labelBand="label",
                maxSize=64,
            )
        )
        assert np.array_equal(~np.ma.getmaskarray(found), np.isfinite(expected))
        np.testing.assert_allclose(found.compressed(), expected[np.isfinite(expected)], rtol=1e-6)


def test_objects_that_are_too_large_are_masked(lab):
    classes = np.zeros((24, 30), "u1")
    classes[3, 2:12] = 1
    image = lab.image(label=classes, v=np.ones(classes.shape))
    for most, shown in ((10, True), (9, False)):
        found = lab.values(
            lab.call(
                "Image.reduceConnectedComponents",
                image=lab.call("Image.updateMask", image=image, mask=lab.image(m=classes)),
                reducer=reducer(lab, "sum"),
                labelBand="label",
                maxSize=most,
            )
        )
        assert (~np.ma.getmaskarray(found)[3, 2:12]).all() == shown


def test_a_lattice_of_its_own(lab):
    """Coarser pixels than the image's: the label is what lies at each centre."""
    image = lab.image(label=CLASSES)
    (*found,) = vectors(
        lab, image, crs=Projection("EPSG:32647", (90.0, 0.0, LEFT, 0.0, -90.0, TOP)), eightConnected=False
    )
    coarse = CLASSES[1::3, 1::3]
    assert len(found) == objects(coarse, np.ones(coarse.shape, bool), False).max() + 1
    assert sum(f.geometry.shape.area for f in found) == pytest.approx(24 * 30 * 900)
