"""Images band by band and as they are placed, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from smgee.eelocal.engine.registry import call
from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.values.collection import Collection
from smgee.eelocal.values.geometry import Feature, Geometry

RNG = np.random.default_rng(17)
A, B = RNG.random((6, 8)), RNG.integers(0, 200, (6, 8)).astype("u1")


def both(lab, **properties):
    return lab.source.add("both", {"a": A, "b": B}, lab.grid(6, 8), **properties)


def names(image):
    return [band.name for band in image.bands]


def array_at(lab, image):
    """Return the array of the pixel in the corner."""
    values, _ = next(iter(lab.pixels(image, lab.grid(1, 1)).values()))
    return values[0, 0]


def test_order_and_types(lab):
    found = lab.call(
        "Image.cast", image=both(lab), bandTypes={"a": "int8", "b": "float"}, bandOrder=["b", "a"]
    )
    assert names(found) == ["b", "a"]
    shown = lab.pixels(found)
    np.testing.assert_array_equal(shown["a"][0], A.astype("i1"))
    assert shown["b"][0].dtype == np.float32
    np.testing.assert_array_equal(shown["b"][0], B)


def test_bands_of_several_images(lab):
    found = lab.call("Image.cat", images=[both(lab), lab.image(c=A), 5])
    assert names(found) == ["a", "b", "c", "constant"]
    assert (lab.pixels(found)["constant"][0] == 5).all()


@pytest.mark.parametrize(
    ("start", "end", "left"), [(1, None, ["b"]), (0, 1, ["a"]), (-1, None, ["b"]), (0, -1, ["a"])]
)
def test_slices_of_bands(lab, start, end, left):
    assert names(lab.call("Image.slice", image=both(lab), start=start, end=end)) == left


def test_names_by_a_pattern(lab):
    image = lab.image(B1=A, B10=A, QA=A)
    found = lab.call("Image.regexpRename", input=image, regex="B(\\d+)", replacement="band_$1")
    assert names(found) == ["band_1", "band_10", "QA"]
    once = lab.image(aXbX=A)
    assert names(lab.call("Image.regexpRename", input=once, regex="X", replacement="", all=False)) == ["abX"]
    assert names(lab.call("Image.regexpRename", input=once, regex="X", replacement="")) == ["ab"]


def test_a_property_as_a_band(lab):
    options = {"image": both(lab, cloud=12.5), "property": "cloud", "name": "c"}
    found = call(lab.context, "Image.metadata", options)
    assert names(found) == ["c"]
    assert (lab.values(found, lab.grid(6, 8)) == 12.5).all()


def test_values_between_two(lab):
    image = lab.image(a=A)
    np.testing.assert_allclose(
        lab.values(lab.call("Image.clamp", input=image, low=0.2, high=0.7)), np.clip(A, 0.2, 0.7)
    )
    np.testing.assert_allclose(
        lab.values(lab.call("Image.unitScale", input=image, low=0.2, high=0.7)), (A - 0.2) / 0.5
    )
    np.testing.assert_allclose(
        lab.values(lab.call("Image.polynomial", image=image, coefficients=[1, -2, 0.5])),
        1 - 2 * A + 0.5 * A**2,
    )


def test_reducing_bands(lab):
    image = lab.image(a=A, b=(A * 2, A > 0.3), c=A * 4)
    found = lab.call("Image.reduce", image=image, reducer=call(lab.context, "Reducer.mean", {}))
    assert names(found) == ["mean"]
    np.testing.assert_allclose(lab.values(found), np.where(A > 0.3, 7 / 3, 5 / 2) * A, rtol=1e-6)
    with pytest.raises(EEError, match="single input"):
        lab.call("Image.reduce", image=image, reducer=call(lab.context, "Reducer.linearFit", {}))


@pytest.mark.parametrize("metric", ["sam", "sed", "sid"])
def test_spectral_distances(lab, metric):
    """By the formulas of Kruse et al. 1993 and Chang 2000."""
    one, other = RNG.random((3, 6, 8)) + 0.1, RNG.random((3, 6, 8)) + 0.1
    images = [lab.image(**dict(zip("abc", stack))) for stack in (one, other)]
    p, q = one / one.sum(axis=0), other / other.sum(axis=0)
    norm = np.linalg.norm(one, axis=0) * np.linalg.norm(other, axis=0)
    expected = {
        "sam": np.arccos((one * other).sum(axis=0) / norm),
        "sed": ((one - other) ** 2).sum(axis=0),
        "sid": (p * np.log(p / q)).sum(axis=0) + (q * np.log(q / p)).sum(axis=0),
    }
    found = lab.call("Image.spectralDistance", image1=images[0], image2=images[1], metric=metric)
    assert names(found) == ["distance"]
    np.testing.assert_allclose(lab.values(found), expected[metric], rtol=1e-9)


def test_spectral_distances_that_are_refused(lab):
    image = both(lab)
    with pytest.raises(UnsupportedAlgorithmError, match="emd"):
        lab.call("Image.spectralDistance", image1=image, image2=image, metric="emd")
    with pytest.raises(EEError, match="use sam, sid, sed or emd"):
        lab.call("Image.spectralDistance", image1=image, image2=image, metric="cosine")
    with pytest.raises(EEError, match="same number of bands, got 2 and 1"):
        lab.call("Image.spectralDistance", image1=image, image2=lab.image(a=A))


def test_bits_and_identities_as_arrays(lab):
    found = lab.call("Image.bitsToArrayImage", input=lab.image(b=np.full((1, 1), 6, "u1")))
    assert array_at(lab, found).tolist() == [0, 1, 1]
    assert array_at(lab, lab.call("Image.matrixIdentity", size=3)).tolist() == np.eye(3).tolist()


def test_decompositions_multiply_back(lab):
    matrix = np.array([[4.0, 2.0, 1.0], [2.0, 5.0, 3.0], [1.0, 3.0, 6.0]])
    constant = call(
        lab.context, "Image.constant", {"value": call(lab.context, "Array", {"values": matrix.tolist()})}
    )

    def part(name, band):
        made = lab.call(f"Image.matrix{name}Decomposition", image=constant)
        return array_at(lab, lab.call("Image.select", input=made, bandSelectors=[band]))

    np.testing.assert_allclose(part("QR", "Q") @ part("QR", "R"), matrix, atol=1e-12)
    np.testing.assert_allclose(part("QR", "Q") @ part("QR", "Q").T, np.eye(3), atol=1e-12)
    lower = part("Cholesky", "L")
    np.testing.assert_allclose(lower, np.linalg.cholesky(matrix), atol=1e-12)
    u, s, v = (part("SingularValue", k) for k in "USV")
    np.testing.assert_allclose(u @ s @ v.T, matrix, atol=1e-12)
    np.testing.assert_allclose(part("LU", "L") @ part("LU", "U"), part("LU", "P") @ matrix, atol=1e-12)


def test_collections_side_by_side(lab):
    one, other = lab.image(a=A, b=A), lab.image(b=2 * A, c=3 * A)
    for overwrite, bands, times in ((False, ["a", "b", "b_1", "c"], 1), (True, ["a", "b", "c"], 2)):
        found = lab.call(
            "ImageCollection.combine",
            primary=_indexed(lab, one),
            secondary=_indexed(lab, other),
            overwrite=overwrite,
        ).elements[0]
        assert names(found) == bands
        np.testing.assert_allclose(lab.pixels(found)["b"][0], times * A)


def _indexed(lab, image):
    return lab.collection(
        call(lab.context, "Element.set", {"object": image, "key": "system:index", "value": "x"})
    )


def test_series_as_arrays(lab):
    images = lab.collection(lab.image(a=A, b=B), lab.image(a=(A + 1, A > 0.5), b=B))
    found = lab.call("ImageCollection.toArrayPerBand", collection=images, axis=0)
    assert names(found) == ["a", "b"]
    values, mask = lab.pixels(found, lab.grid(6, 8))["a"]
    np.testing.assert_array_equal(mask > 0, A > 0.5)
    np.testing.assert_allclose(np.stack(list(values[A > 0.5]))[:, 1], A[A > 0.5] + 1)


def test_moved_images(lab):
    moved = lab.call("Image.translate", input=lab.image(a=A), x=60, y=-30)
    found = lab.values(moved, lab.grid(6, 8))
    np.testing.assert_allclose(found[1:, 2:], A[:-1, :-2])
    assert np.ma.getmaskarray(found)[0].all()
    assert np.ma.getmaskarray(found)[:, :2].all()
    pixels = lab.call("Image.translate", input=lab.image(a=A), x=2, y=1, units="pixels")
    assert lab.values(pixels, lab.grid(6, 8)).count() == 6 * 5


def test_another_tiling_changes_nothing(lab):
    np.testing.assert_array_equal(lab.values(lab.call("Image.retile", image=lab.image(a=A), size=64)), A)


def test_clipped_to_several_regions(lab):
    from shapely.geometry import box

    left, top = 600_000, 4_100_000
    regions = [box(left, top - 60, left + 60, top), box(left + 150, top - 180, left + 240, top - 120)]
    table = Collection(lambda: [Feature(Geometry(r, "EPSG:32647", False)) for r in regions])
    found = lab.values(
        lab.call("Image.clipToCollection", input=lab.image(a=A), collection=table), lab.grid(6, 8)
    )
    shown = np.zeros((6, 8), bool)
    shown[:2, :2] = shown[4:6, 5:8] = True
    np.testing.assert_array_equal(~np.ma.getmaskarray(found), shown)
    np.testing.assert_array_equal(found[shown], A[shown])
