"""Array images and linear algebra per pixel."""

from __future__ import annotations

import numpy as np
import pytest

from smgee.eelocal.engine.registry import call
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.array import Array

RNG = np.random.default_rng(3)
SHAPE = (4, 5)


def cells(lab, image):
    values, mask = lab.pixels(image, lab.grid(*SHAPE))[image.names[0]]
    return values, mask


def vectors(lab, count=3, mask=None):
    data = {f"b{i}": RNG.integers(0, 9, SHAPE).astype("i2") for i in range(count)}
    image = lab.image(**{n: (v, np.ones(SHAPE, bool) if mask is None else mask) for n, v in data.items()})
    return lab.call("Image.toArray", image=image), np.stack(list(data.values()), -1)


def test_bands_become_arrays_and_bands_again(lab):
    image, data = vectors(lab)
    assert image.names == ["array"]
    assert image.bands[0].type.dimensions == 1
    assert np.array_equal(cells(lab, image)[0], data)
    flat = lab.call("Image.arrayFlatten", image=image, coordinateLabels=[["x", "y", "z"]])
    assert flat.names == ["x", "y", "z"]
    assert np.array_equal(lab.pixels(flat)["y"][0], data[..., 1])
    matrix = lab.call("Image.toArray", image=image, axis=1)
    assert cells(lab, matrix)[0].shape == (*SHAPE, 3, 1)
    with pytest.raises(EEError, match="same lengths"):
        lab.pixels(lab.call("Image.arrayFlatten", image=image, coordinateLabels=[["x", "y"]]))


def test_arrays_of_other_lengths_per_pixel(lab):
    image, data = vectors(lab, 4)
    selected = lab.call("Image.gt", image1=image, image2=4)
    found, _ = cells(lab, lab.call("Image.arrayMask", input=image, mask=selected))
    for at in np.ndindex(SHAPE):
        assert found[at].tolist() == [v for v in data[at] if v > 4]
    lengths, _ = cells(
        lab,
        lab.call("Image.arrayLength", input=lab.call("Image.arrayMask", input=image, mask=selected), axis=0),
    )
    assert np.array_equal(lengths, (data > 4).sum(-1))
    padded, _ = cells(
        lab,
        lab.call(
            "Image.arrayPad",
            image=lab.call("Image.arrayMask", input=image, mask=selected),
            lengths=[4],
            pad=-1,
        ),
    )
    assert padded.shape == (*SHAPE, 4)
    sums, _ = cells(
        lab,
        lab.call(
            "Image.arrayReduce",
            input=padded_image(lab, image, selected),
            reducer=call(lab.context, "Reducer.sum", {}),
            axes=[0],
        ),
    )
    assert np.array_equal(sums[..., 0], np.where(data > 4, data, 0).sum(-1))


def padded_image(lab, image, selected):
    return lab.call(
        "Image.arrayPad", image=lab.call("Image.arrayMask", input=image, mask=selected), lengths=[4], pad=0
    )


@pytest.mark.parametrize(("name", "function"), [("mean", np.mean), ("max", np.max), ("median", np.median)])
def test_reducing_arrays(lab, name, function):
    image, data = vectors(lab, 5)
    found, _ = cells(
        lab,
        lab.call(
            "Image.arrayReduce", input=image, reducer=call(lab.context, f"Reducer.{name}", {}), axes=[0]
        ),
    )
    np.testing.assert_allclose(found, function(data, axis=-1, keepdims=True))


def test_sorting_slicing_and_positions(lab):
    image, data = vectors(lab, 5)
    assert np.array_equal(cells(lab, lab.call("Image.arraySort", image=image))[0], np.sort(data, -1))
    assert np.array_equal(
        cells(lab, lab.call("Image.arraySlice", input=image, axis=0, start=-3, end=-1))[0], data[..., -3:-1]
    )
    assert np.array_equal(
        cells(lab, lab.call("Image.arrayArgmax", image=image))[0][..., 0], np.argmax(data, -1)
    )
    start = lab.image(s=RNG.integers(0, 4, SHAPE).astype("u1"))
    got, _ = cells(lab, lab.call("Image.arrayGet", image=image, position=start))
    assert np.array_equal(
        got, np.take_along_axis(data, lab.values(start).data[..., None].astype(int), -1)[..., 0]
    )
    accumulated, _ = cells(lab, lab.call("Image.arrayAccum", input=image, axis=0))
    assert np.array_equal(accumulated, np.cumsum(data, -1))
    dot, _ = cells(lab, lab.call("Image.arrayDotProduct", image1=image, image2=image))
    assert np.array_equal(dot, (data.astype(int) ** 2).sum(-1))


def test_a_masked_band_masks_the_array(lab):
    mask = RNG.random(SHAPE) > 0.5
    image, _ = vectors(lab, 3, mask)
    assert np.array_equal(cells(lab, image)[1] > 0, mask)


def test_linear_algebra(lab):
    a, b = RNG.random((*SHAPE, 3, 3)), RNG.random((*SHAPE, 3, 1))
    flat_a = lab.image(**{f"a{i}{j}": a[..., i, j] for i in range(3) for j in range(3)})
    flat_b = lab.image(**{f"b{i}": b[..., i, 0] for i in range(3)})
    matrix = lab.call(
        "Image.arrayReshape",
        image=lab.call("Image.toArray", image=flat_a),
        lengths=Array([3, 3]),
        dimensions=2,
    )
    column = lab.call("Image.toArray", image=lab.call("Image.toArray", image=flat_b), axis=1)
    assert np.array_equal(cells(lab, matrix)[0], a)
    np.testing.assert_allclose(
        cells(lab, lab.call("Image.matrixMultiply", image1=matrix, image2=column))[0], a @ b
    )
    np.testing.assert_allclose(
        cells(lab, lab.call("Image.matrixSolve", image1=matrix, image2=column))[0],
        np.linalg.solve(a, b),
        rtol=1e-8,
    )
    np.testing.assert_allclose(
        cells(lab, lab.call("Image.matrixInverse", value=matrix))[0], np.linalg.inv(a), rtol=1e-8
    )
    np.testing.assert_allclose(
        cells(lab, lab.call("Image.matrixDeterminant", value=matrix))[0], np.linalg.det(a)
    )
    np.testing.assert_allclose(
        cells(lab, lab.call("Image.arrayTranspose", input=matrix))[0], a.swapaxes(2, 3)
    )


def test_a_singular_matrix_masks_its_pixel_only(lab):
    scale = np.where(np.arange(20).reshape(SHAPE) == 7, 0.0, 2.0)
    image = lab.call("Image.toArray", image=lab.call("Image.toArray", image=lab.image(b=scale)), axis=1)
    found, mask = cells(lab, lab.call("Image.matrixInverse", value=image))
    assert np.array_equal(mask, scale != 0)
    assert found[0, 0].tolist() == [[0.5]]


def test_regressions_over_time(lab):
    times = np.arange(6.0)
    data = RNG.random((6, *SHAPE))
    images = [lab.image(constant=np.ones(SHAPE), t=np.full(SHAPE, t), y=v) for t, v in zip(times, data)]
    reducer = call(lab.context, "Reducer.linearRegression", {"numX": 2, "numY": 1})
    result = lab.call("ImageCollection.reduce", collection=lab.collection(*images), reducer=reducer)
    assert result.names == ["coefficients", "residuals"]
    coefficients = lab.call("Image.select", input=result, bandSelectors=["coefficients"])
    found, _ = cells(
        lab,
        lab.call(
            "Image.arrayFlatten",
            image=lab.call("Image.arrayProject", input=coefficients, axes=[0]),
            coordinateLabels=[["c", "t"]],
        ),
    )
    expected = np.linalg.lstsq(np.column_stack([np.ones(6), times]), data.reshape(6, -1), rcond=None)[0]
    np.testing.assert_allclose(found.ravel(), expected[0], rtol=1e-6)


def test_collections_become_matrices_of_their_unmasked_images(lab):
    masks = RNG.random((3, *SHAPE)) > 0.4
    data = RNG.random((3, 2, *SHAPE))
    images = [lab.image(a=(d[0], m), b=d[1]) for d, m in zip(data, masks)]
    found, mask = cells(lab, lab.call("ImageCollection.toArray", collection=lab.collection(*images)))
    assert np.array_equal(mask, masks.any(0))
    for at in zip(*np.nonzero(masks.any(0))):
        shown = masks[(slice(None), *at)]
        np.testing.assert_allclose(found[at], data[(slice(None), slice(None), *at)][shown])


@pytest.mark.parametrize(
    ("sum_to_one", "non_negative"), [(False, False), (True, False), (False, True), (True, True)]
)
def test_unmixing_finds_the_fractions(lab, sum_to_one, non_negative):
    ends = RNG.random((3, 5))
    shares = RNG.dirichlet(np.ones(3), SHAPE)
    data = shares @ ends
    image = lab.image(**{f"b{i}": data[..., i] for i in range(5)})
    result = lab.call(
        "Image.unmix", image=image, endmembers=ends.tolist(), sumToOne=sum_to_one, nonNegative=non_negative
    )
    assert result.names == ["band_0", "band_1", "band_2"]
    for i, (values, _) in enumerate(lab.pixels(result).values()):
        np.testing.assert_allclose(values, shares[..., i], atol=1e-7)


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("sum_to_one", [False, True])
def test_pixels_outside_the_simplex_get_the_nearest_mixture(lab, sum_to_one, count):
    from scipy.optimize import nnls

    ends = RNG.random((count, 10))
    data = RNG.random((*SHAPE, 10)) * 1.5
    image = lab.image(**{f"b{i}": data[..., i] for i in range(10)})
    result = lab.call(
        "Image.unmix", image=image, endmembers=ends.tolist(), sumToOne=sum_to_one, nonNegative=True
    )
    found = np.stack([values for values, _ in lab.pixels(result).values()], axis=-1)
    assert (found == 0).any()
    heavy = np.full((int(sum_to_one), count), 1e5)
    for at in np.ndindex(*SHAPE):
        expected = nnls(np.vstack([ends.T, heavy]), np.append(data[at], heavy[:, 0]))[0]
        np.testing.assert_allclose(found[at], expected, atol=1e-6)
