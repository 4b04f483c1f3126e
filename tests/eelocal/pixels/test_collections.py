"""Composites, and what they keep of their images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box

from smgee.eelocal.engine.registry import call
from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.pixels.stack import FAST
from smgee.eelocal.values.geometry import Geometry
from smgee.eelocal.values.projection import WGS84_DEFAULT

REPEATED = settings(max_examples=20, deadline=None)
SHAPE = (5, 6)


def stack(lab, count, dtype, seed, fraction=0.3):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 9, (count, *SHAPE)).astype(dtype)
    masks = rng.random((count, *SHAPE)) > fraction
    return values, masks, lab.collection(*(lab.image(b=(v, m)) for v, m in zip(values, masks)))


NUMPY = {
    "median": np.ma.median,
    "mean": np.ma.mean,
    "min": np.ma.min,
    "max": np.ma.max,
    "sum": np.ma.sum,
    "product": np.ma.prod,
}


@REPEATED
@given(
    count=st.sampled_from([1, 2, 7, 60]),
    dtype=st.sampled_from(["u1", "i2", "f4", "f8"]),
    name=st.sampled_from(sorted(NUMPY)),
    seed=st.integers(0, 99),
)
def test_reductions_against_numpy(lab, count, dtype, name, seed):
    values, masks, collection = stack(lab, count, dtype, seed)
    result = lab.call(f"reduce.{name}", collection=collection)
    found = lab.values(result, lab.grid(*SHAPE))
    expected = NUMPY[name](np.ma.masked_array(values.astype("f8"), ~masks), axis=0)
    assert np.array_equal(found.mask, ~masks.any(0))
    shown = masks.any(0)
    np.testing.assert_allclose(found.data[shown].astype("f8"), np.ma.getdata(expected)[shown], rtol=1e-6)
    assert found.dtype == result.bands[0].type.dtype


@REPEATED
@given(count=st.sampled_from([3, 50]), seed=st.integers(0, 99))
def test_the_mode_is_the_least_of_the_most_frequent(lab, count, seed):
    values, masks, collection = stack(lab, count, "u1", seed)
    found = lab.values(lab.call("reduce.mode", collection=collection), lab.grid(*SHAPE))
    for at in zip(*np.nonzero(masks.any(0))):
        numbers, times = np.unique(values[(slice(None), *at)][masks[(slice(None), *at)]], return_counts=True)
        assert found[at] == numbers[np.argmax(times)]


@pytest.mark.parametrize("name", sorted(set(FAST) - {"and", "or"}))
def test_the_fast_loops_agree_with_the_reducers(lab, name):
    _, masks, collection = stack(lab, 9, "f4", 3)
    fast = lab.call(f"reduce.{name}", collection=collection)
    slow = lab.call(
        "ImageCollection.reduce",
        collection=collection,
        reducer=call(
            lab.context,
            "Reducer.combine",
            {
                "reducer1": call(lab.context, f"Reducer.{name}", {}),
                "reducer2": call(lab.context, "Reducer.stdDev", {}),
                "sharedInputs": True,
            },
        ),
    )
    assert slow.names == [f"b_{name}", "b_stdDev"]
    grid = lab.grid(*SHAPE)
    a, b = lab.values(fast, grid), lab.values(slow, grid)
    assert np.array_equal(a.mask & (name not in ("sum", "count")), b.mask & (name not in ("sum", "count")))
    shown = masks.any(0)
    np.testing.assert_allclose(a.data[shown], b.data[shown], rtol=1e-6)


def test_composites_have_the_default_projection_and_no_properties(lab):
    result = lab.call("reduce.median", collection=stack(lab, 3, "f4", 1)[2])
    assert result.bands[0].projection == WGS84_DEFAULT
    assert result.bands[0].extent is None
    assert dict(result.properties) == {}
    assert result.names == ["b"]
    assert result.footprint is not None


def test_reduce_appends_the_output_name(lab):
    collection = stack(lab, 3, "f4", 1)[2]
    reducer = call(lab.context, "Reducer.percentile", {"percentiles": [25, 75]})
    assert lab.call("ImageCollection.reduce", collection=collection, reducer=reducer).names == [
        "b_p25",
        "b_p75",
    ]
    median = lab.call(
        "ImageCollection.reduce", collection=collection, reducer=call(lab.context, "Reducer.median", {})
    )
    assert median.names == ["b_median"]


def test_lists_of_pixels_are_arrays(lab):
    values, masks, collection = stack(lab, 5, "i2", 2)
    result = lab.call(
        "ImageCollection.reduce", collection=collection, reducer=call(lab.context, "Reducer.toList", {})
    )
    assert result.names == ["b_list"]
    assert result.bands[0].type.dimensions == 1
    found, mask = lab.pixels(result, lab.grid(*SHAPE))["b_list"]
    for at in zip(*np.nonzero(mask)):
        assert found[at].tolist() == values[(slice(None), *at)][masks[(slice(None), *at)]].tolist()


@pytest.mark.parametrize("name", ["reduce.mean", "reduce.median", "ImageCollection.mosaic"])
@pytest.mark.parametrize(
    ("bands", "words"),
    [
        ({"b": 4.0}, r"First image type: 2 bands \(\[a, b\]\)\. Current image type: 1 bands \(\[b\]\)\."),
        ({"b": 4.0, "a": 8.0}, r"Current image type: 2 bands \(\[b, a\]\)\."),
        ({"a": 4, "b": 8.0}, r"Mismatched type for band 'a':\nExpected type: double\.\n  Actual type: int\."),
    ],
)
def test_images_of_other_bands_are_refused(lab, name, bands, words):
    """In the service's words: geedim's issue 16 (missing bands), geemap's 1058 (integers, floats)."""
    one = lab.image(a=np.full((2, 2), 1.0), b=np.full((2, 2), 2.0))
    two = lab.image(**{k: np.full((2, 2), v) for k, v in bands.items()})
    with pytest.raises(EEError, match="^.*Expected a homogeneous image collection.*" + words):
        lab.call(name, collection=lab.collection(one, two))


def test_a_fractional_mask_is_a_weight_of_the_mean(lab):
    one, two = (
        lab.image(b=(np.full((1, 1), 1.0), np.full((1, 1), 0.25, "f4"))),
        lab.image(b=np.full((1, 1), 5.0)),
    )
    found = lab.values(lab.call("reduce.mean", collection=lab.collection(one, two)), lab.grid(1, 1))
    assert found[0, 0] == pytest.approx((0.25 * 1 + 5) / 1.25)


def _combined(lab, first, second):
    one, two = (lab.call(f"Reducer.{name}") for name in (first, second))
    return lab.call("Reducer.combine", reducer1=one, reducer2=two, sharedInputs=True)


def test_masks_are_weights_whichever_way_a_collection_is_reduced(lab):
    """By default, reducers applied to imagery weight the inputs according to the mask value
    (https://developers.google.com/earth-engine/guides/reducers_weighting), a median's like those of the
    percentile that it is.
    """
    weights = (1.0, 1.0, 0.1)
    images = [
        lab.image(b=(np.full((1, 2), value), np.array([[weight, 1]], "f4")))
        for value, weight in zip((1.0, 2.0, 10.0), weights, strict=True)
    ]
    collection = lab.collection(*images)
    grid = lab.grid(1, 2)
    half = lab.call("Reducer.percentile", percentiles=[50])
    found = {
        "reduce.median": lab.call("reduce.median", collection=collection),
        "median": lab.call(
            "ImageCollection.reduce", collection=collection, reducer=lab.call("Reducer.median")
        ),
        "p50": lab.call("ImageCollection.reduce", collection=collection, reducer=half),
        "combined": lab.call(
            "ImageCollection.reduce", collection=collection, reducer=_combined(lab, "median", "min")
        ),
        "bands": lab.call(
            "Image.reduce",
            image=lab.call("ImageCollection.toBands", collection=collection),
            reducer=lab.call("Reducer.median"),
        ),
    }
    # Midpoints of the shares 0…1, 1…2 and 2…2.1 lie at 0.5, 1.5 and 2.05: half way between the ends is 1.275.
    for name, image in found.items():
        assert lab.values(image, grid).data[0] == pytest.approx([1.775, 2.0]), name
    mode = lab.call("reduce.mode", collection=lab.collection(images[2], images[0]))
    assert lab.values(mode, grid)[0].tolist() == [1.0, 1.0]  # by weight, then by value


@pytest.mark.parametrize("reducer", ["stdDev", "percentile"])
def test_the_mask_of_a_reduction_is_its_greatest_input_s(lab, reducer):
    images = [lab.image(b=(np.ones((1, 1)), np.full((1, 1), m, "f4"))) for m in (0.25, 0.5)]
    options = {"percentiles": [50]} if reducer == "percentile" else {}
    reduced = lab.call(
        "ImageCollection.reduce",
        collection=lab.collection(*images),
        reducer=lab.call(f"Reducer.{reducer}", **options),
    )
    mean = lab.call("reduce.mean", collection=lab.collection(*images))
    masks = [next(iter(lab.pixels(i, lab.grid(1, 1)).values()))[1] for i in (reduced, mean)]
    assert masks[0] == masks[1] == 0.5


def test_the_sum_of_no_pixel_is_masked_beside_other_reducers_too(lab):
    collection = lab.collection(*(lab.image(b=(np.ones((1, 1)), np.zeros((1, 1), bool))) for _ in range(2)))
    alone = lab.values(lab.call("reduce.sum", collection=collection), lab.grid(1, 1))
    both = lab.call("ImageCollection.reduce", collection=collection, reducer=_combined(lab, "sum", "count"))
    found = lab.pixels(both, lab.grid(1, 1))
    assert alone.mask.all()
    assert not found["b_sum"][1].any()
    assert found["b_count"][1].all()
    assert not found["b_count"][0].any()


@pytest.mark.parametrize("name", ["mean", "median", "min", "mode", "sum", "product", "stdDev"])
def test_reducers_refuse_what_is_no_number(lab, name):
    """What Earth Engine makes of NaN is not documented: a median that leaves it out and a percentile that
    takes it for the greatest value can't both be right.
    """
    holes = lab.image(b=np.array([[-1.0, 4.0]]))
    roots = lab.call("Image.sqrt", value=holes)
    reducer = lab.call(f"Reducer.{name}")
    region = Geometry(box(*lab.grid(1, 2).bounds), "EPSG:32647", False)
    for make in (
        lambda image: lab.pixels(
            lab.call("ImageCollection.reduce", collection=lab.collection(image, image), reducer=reducer),
            lab.grid(1, 2),
        ),
        lambda image: lab.call("Image.reduceRegion", image=image, reducer=reducer, geometry=region),
    ):
        with pytest.raises(UnsupportedAlgorithmError, match="NaN"):
            make(roots)
        make(lab.call("Image.updateMask", image=roots, mask=lab.call("Image.eq", image1=roots, image2=roots)))


def test_a_mosaic_shows_the_last_image_that_is_not_masked(lab):
    values, masks, collection = stack(lab, 6, "i2", 5, 0.6)
    found = lab.values(lab.call("ImageCollection.mosaic", collection=collection), lab.grid(*SHAPE))
    for at in np.ndindex(SHAPE):
        shown = [v for v, m in zip(values[(slice(None), *at)], masks[(slice(None), *at)]) if m]
        assert found[at] == shown[-1] if shown else found.mask[at]


def test_a_quality_mosaic_takes_whole_pixels(lab):
    rng = np.random.default_rng(0)
    quality, other = rng.random((4, *SHAPE)), rng.integers(0, 99, (4, *SHAPE)).astype("u1")
    masks = rng.random((4, *SHAPE)) > 0.4
    images = [lab.image(q=(q, m), o=o) for q, m, o in zip(quality, masks, other)]
    found = lab.pixels(
        lab.call("ImageCollection.qualityMosaic", collection=lab.collection(*images), qualityBand="q"),
        lab.grid(*SHAPE),
    )
    best = np.argmax(np.where(masks, quality, -1), 0)
    shown = masks.any(0)
    assert np.array_equal(found["o"][0][shown], np.take_along_axis(other, best[None], 0)[0][shown])
    assert np.array_equal(found["q"][1] > 0, shown)


def test_bands_that_clash_are_numbered(lab):
    image = lab.image(foo=np.ones((1, 1)))
    for expected in (["foo", "foo_1"], ["foo", "foo_1", "foo_2"]):
        image = lab.call("Image.addBands", dstImg=image, srcImg=lab.image(foo=np.ones((1, 1))))
        assert image.names == expected
    over = lab.call(
        "Image.addBands",
        dstImg=image,
        srcImg=lab.image(foo=np.full((1, 1), 9.0), bar=np.ones((1, 1))),
        overwrite=True,
    )
    assert over.names == ["foo", "foo_1", "foo_2", "bar"]
    assert lab.pixels(over)["foo"][0][0, 0] == 9.0


def test_one_image_of_all_bands(lab):
    images = [
        lab.call("Element.set", object=lab.image(b=np.ones((1, 1))), key="system:index", value=n)
        for n in ("x", "y")
    ]
    assert lab.call("ImageCollection.toBands", collection=lab.collection(*images)).names == ["x_b", "y_b"]


@pytest.mark.parametrize(
    ("selectors", "names"),
    [
        (["B.*"], ["B1", "B2"]),
        ([2, "B1"], ["QA", "B1"]),
        (["QA"], ["QA"]),
        ([-1], ["QA"]),
        (["B[2-9]"], ["B2"]),
    ],
)
def test_bands_are_selected_by_name_pattern_or_position(lab, selectors, names):
    image = lab.image(B1=np.ones((1, 1)), B2=np.ones((1, 1)), QA=np.ones((1, 1)))
    assert lab.call("Image.select", input=image, bandSelectors=selectors).names == names


def test_a_pattern_that_matches_nothing_is_refused(lab):
    with pytest.raises(EEError, match=r"^Image.select: Band pattern 'x' did not match any bands\."):
        lab.call("Image.select", input=lab.image(b=np.ones((1, 1))), bandSelectors=["x"])


def test_casting_a_collection_adds_masked_bands(lab):
    collection = lab.collection(lab.image(a=np.ones((1, 1), "u1")), lab.image(b=np.ones((1, 1), "f4")))
    cast = lab.call(
        "ImageCollection.cast",
        collection=collection,
        bandTypes={"a": "float", "b": "double"},
        bandOrder=["b", "a"],
    )
    first, second = cast.elements
    assert first.names == second.names == ["b", "a"]
    assert not lab.pixels(first, lab.grid(1, 1))["b"][1].any()
    assert [b.type.precision for b in first.bands] == ["double", "float"]


def test_linked_bands_come_from_the_image_with_the_same_property(lab):
    image = lab.source.add("left", {"a": np.ones((2, 2))}, lab.grid(2, 2), key=5)
    others = lab.collection(
        *(
            lab.source.add(f"right{k}", {"p": np.full((2, 2), float(k))}, lab.grid(2, 2), key=k, extra=k * 10)
            for k in (4, 5)
        )
    )
    linked = lab.call(
        "Image.linkCollection",
        input=image,
        imageCollection=others,
        linkedBands="p",
        linkedProperties=["extra"],
        matchPropertyName="key",
    )
    assert linked.properties["extra"] == 50
    assert lab.pixels(linked)["p"][0][0, 0] == 5.0
    missing = lab.call("Element.set", object=image, key="key", value=99)
    linked = lab.call(
        "Image.linkCollection",
        input=missing,
        imageCollection=others,
        linkedBands=["p"],
        linkedProperties="extra",
        matchPropertyName="key",
    )
    assert linked.properties["extra"] is None
    assert not lab.pixels(linked)["p"][1].any()
