"""The algebra of masks, replacement and remapping."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from shapely import Polygon, box

from smgee.eelocal.errors import EEError
from smgee.eelocal.values.geometry import Geometry

REPEATED = settings(max_examples=40, deadline=None)
SHAPE = (3, 4)
FRACTIONS = arrays("f4", SHAPE, elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
BOOLEANS = arrays("?", SHAPE)
NUMBERS = arrays("i2", SHAPE, elements=st.integers(-5, 5))


@REPEATED
@given(values=NUMBERS, first=FRACTIONS, second=FRACTIONS)
def test_binary_operations_take_the_least_mask(lab, values, first, second):
    result = lab.call("Image.add", image1=lab.image(b=(values, first)), image2=lab.image(b=(values, second)))
    found, mask = lab.pixels(result)["b"]
    assert np.array_equal(mask.astype("f4"), np.minimum(first, second))
    assert np.array_equal(found[mask > 0], (2 * values)[mask > 0])


@REPEATED
@given(values=NUMBERS, mask=st.one_of(BOOLEANS, FRACTIONS), new=FRACTIONS)
def test_update_mask_reveals_nothing(lab, values, mask, new):
    result = lab.call("Image.updateMask", image=lab.image(b=(values, mask)), mask=lab.image(m=new))
    _, found = lab.pixels(result)["b"]
    np.testing.assert_allclose(found.astype("f4"), mask.astype("f4") * new)


@REPEATED
@given(values=NUMBERS, mask=BOOLEANS)
def test_self_mask_drops_zeros(lab, values, mask):
    found = lab.values(lab.call("Image.selfMask", image=lab.image(b=(values, mask))))
    assert np.array_equal(~found.mask, mask & (values > 0))


@REPEATED
@given(values=NUMBERS, mask=BOOLEANS, fill=NUMBERS, fill_mask=BOOLEANS)
def test_unmask_takes_value_and_mask_where_the_input_is_masked(lab, values, mask, fill, fill_mask):
    result = lab.call(
        "Image.unmask",
        input=lab.image(b=(values, mask)),
        value=lab.image(b=(fill, fill_mask)),
        sameFootprint=False,
    )
    found = lab.values(result, lab.grid(*SHAPE))
    assert np.array_equal(~found.mask, mask | fill_mask)
    shown = ~found.mask
    assert np.array_equal(found.data[shown], np.where(mask, values, fill)[shown])


def test_unmask_stays_in_the_footprint_unless_told_otherwise(lab):
    image = lab.image(b=(np.ones((4, 4), "u1"), np.eye(4, dtype=bool)))
    wide = lab.grid(4, 4).pad(2)
    inside = lab.values(lab.call("Image.unmask", input=image, value=7), wide)
    assert inside.count() == 16
    assert sorted(set(inside.compressed().tolist())) == [1, 7]
    everywhere = lab.call("Image.unmask", input=image, value=2_147_483_647, sameFootprint=False)
    assert lab.values(everywhere, wide).count() == 64
    assert everywhere.bands[0].type.dtype == np.uint32
    composite = lab.call(
        "Image.unmask", input=lab.call("reduce.median", collection=lab.collection(image)), value=7
    )
    assert lab.values(composite, wide).count() == 16


@pytest.mark.parametrize("composite", [False, True])
def test_unmask_after_clip_keeps_the_pixels_of_the_border_and_fills_inside_the_region_alone(lab, composite):
    """Image.unmask fills where the mask is zero and retains the footprint; clip makes the region that."""
    grid = lab.grid(20, 20)
    mask = np.ones((20, 20), bool)
    mask[2, 2] = mask[18, 18] = False
    image = lab.image(b=(np.full((20, 20), 5.0), mask))
    x, y = grid.transform[2], grid.transform[5]
    triangle = Geometry(Polygon([(x, y), (x + 18 * 30, y), (x, y - 18 * 30)]), grid.crs, False)
    if composite:
        image = lab.call("reduce.median", collection=lab.collection(image))
    clipped = lab.call("Image.clip", input=image, geometry=triangle)
    before = lab.values(clipped, grid)
    after = lab.values(lab.call("Image.unmask", input=clipped, value=0), grid)
    rows, cols = np.indices((20, 20))
    assert np.array_equal(~before.mask, (rows + cols <= 17) & mask)  # those on the diagonal by half
    assert np.array_equal(~after.mask, rows + cols <= 17)
    assert after[2, 2] == 0
    assert (after.data[~before.mask] == 5).all()


def test_unmask_after_clip_heeds_a_region_that_is_nearly_the_whole_image(lab):
    """A region less than a pixel within the edges was taken for these, and what it cuts off was filled."""
    grid = lab.grid(20, 20)
    mask = np.ones((20, 20), bool)
    mask[0, 5] = mask[5, 5] = False
    image = lab.image(b=(np.full((20, 20), 5.0), mask))
    x, y = grid.transform[2], grid.transform[5]
    region = Geometry(box(x + 20, y - 580, x + 580, y - 20), grid.crs, False)  # a pixel's centre is at 15
    clipped = lab.call("Image.clip", input=image, geometry=region)
    for last in (clipped, lab.call("Image.add", image1=clipped, image2=1)):
        after = lab.values(lab.call("Image.unmask", input=last, value=0), grid)
        assert after.mask[0, 5]
        assert after[5, 5] == 0
        assert after.count() == 399


@REPEATED
@given(values=NUMBERS, mask=BOOLEANS, test=NUMBERS, test_mask=BOOLEANS, other=NUMBERS, other_mask=BOOLEANS)
def test_where(lab, values, mask, test, test_mask, other, other_mask):
    result = lab.call(
        "Image.where",
        input=lab.image(b=(values, mask)),
        test=lab.image(t=(test, test_mask)),
        value=lab.image(v=(other, other_mask)),
    )
    found = lab.values(result)
    assert np.array_equal(~found.mask, mask)
    expected = np.where((test != 0) & test_mask & other_mask, other, values)
    assert np.array_equal(found.data[mask], expected[mask])


def test_where_takes_the_larger_type(lab):
    result = lab.call("Image.where", input=lab.image(b=np.ones(SHAPE, "u1")), test=1, value=-3.5)
    assert result.bands[0].type.precision == "double"
    assert lab.values(result)[0, 0] == -3.5


def test_mask_sets_and_reveals_as_the_nearest_to_zero(lab):
    image = lab.image(b=(np.full((1, 3), 9, "u1"), np.array([[True, False, True]])))
    result = lab.call("Image.mask", image=image, mask=lab.image(m=np.array([[1, 1, 0]], "u1")))
    found = lab.values(result)
    assert found.tolist() == [[9, 0, None]]
    assert lab.values(lab.call("Image.mask", image=image)).tolist() == [[1.0, 0.0, 1.0]]


@REPEATED
@given(values=NUMBERS, mask=BOOLEANS, default=st.sampled_from([None, 9]))
def test_remap(lab, values, mask, default):
    table = {-5: 50, 0: 1, 3: 2}
    result = lab.call(
        "Image.remap",
        image=lab.image(b=(values, mask)),
        from_=list(table),
        to=list(table.values()),
        defaultValue=default,
    )
    found = lab.values(result)
    known = np.isin(values, list(table))
    assert result.names == ["remapped"]
    assert np.array_equal(~found.mask, mask & (known if default is None else True))
    for value, shown in zip(values[~found.mask], found.compressed()):
        assert shown == table.get(int(value), default)


def test_lists_of_other_lengths_are_refused(lab):
    with pytest.raises(EEError, match="same size"):
        lab.call("Image.remap", image=lab.image(b=np.ones(SHAPE)), from_=[1, 2], to=[1])


def test_clipping_masks_by_the_part_outside(lab):
    from shapely.geometry import box

    from smgee.eelocal.values.geometry import Geometry

    image = lab.image(b=np.ones((6, 6), "f4"))
    region = Geometry(box(600_000, 4_100_000 - 105, 600_105, 4_100_000), "EPSG:32647", False)
    result = lab.call("Image.clip", input=image, geometry=region)
    _, mask = lab.pixels(result, lab.grid(6, 6))["b"]
    edge = np.array([1, 1, 1, 0.5, 0, 0])
    np.testing.assert_allclose(mask, edge[:, None] * edge[None, :], atol=1e-6)
    assert result.bands[0].extent == (0, 0, 4, 4)


def test_interpolation_outside_the_range(lab):
    image = lab.image(b=np.array([[-1.0, 0.5, 3.0]]))
    options = {
        "extrapolate": [-10.0, 5.0, 30.0],
        "clamp": [0.0, 5.0, 20.0],
        "input": [-1.0, 5.0, 3.0],
        "mask": [None, 5.0, None],
    }
    for behavior, expected in options.items():
        assert lab.values(
            lab.call("Image.interpolate", image=image, x=[0, 1, 2], y=[0, 10, 20], behavior=behavior)
        ).tolist() == [expected]
