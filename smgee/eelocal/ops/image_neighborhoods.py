"""Neighbourhoods: convolution, focal filters, reducers, gradients, distances, connected objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from smgee.eelocal.engine.context import Context
from smgee.eelocal.engine.registry import algorithm, call
from smgee.eelocal.errors import EEError, UnsupportedAlgorithmError
from smgee.eelocal.ops.image_bands import add_bands
from smgee.eelocal.pixels.neighborhood import (
    Convolved,
    Focal,
    Moved,
    NeighborArrays,
    Neighborhood,
    kernel_weights,
)
from smgee.eelocal.pixels.objects import Components, Distance, ObjectReduction, PixelCount
from smgee.eelocal.pixels.spacing import Gradient
from smgee.eelocal.pixels.stack import output_names, output_types
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.kernel import Kernel
from smgee.eelocal.values.lazy import Node, Pick
from smgee.eelocal.values.nodes import Apply
from smgee.eelocal.values.pixeltype import FLOAT, NAMED_TYPES, PixelType
from smgee.eelocal.values.reducer import Reduced, Reducer
from smgee.grid import PixelGrid


def _scalar(band: Band) -> Band:
    if band.type.dimensions:
        raise EEError(f"Band '{band.name}' has array pixels; scalars are required.")
    return band


@algorithm("Image.convolve")
def convolve(image: Image, kernel: Kernel) -> Image:
    """Convolve every band with a kernel."""
    bands = []
    for band in map(_scalar, image.bands):
        kind = PixelType("double" if band.type.precision == "double" else "float")
        bands.append(band.holding(Convolved(band.node, kernel, kind.dtype), kind))
    return image.computed(bands)


@algorithm("Image.reduceNeighborhood")
def reduce_neighborhood(
    image: Image,
    reducer: Reducer,
    kernel: Kernel,
    inputWeight: str,
    skipMasked: bool,
    optimization: str | None,
) -> Image:
    """Reduce the neighbourhood of every pixel."""
    if inputWeight not in ("kernel", "mask", "min"):
        raise EEError(f"Unknown inputWeight '{inputWeight}': use kernel, mask or min.")
    if optimization not in (None, "boxcar", "window"):
        raise EEError(f"Unknown optimization '{optimization}': use boxcar or window.")
    bands = list(map(_scalar, image.bands))
    options: dict[str, Any] = {"weighting": inputWeight, "skip_masked": skipMasked}
    if reducer.inputs <= 1:
        result: list[Band] = []
        for band in bands:
            kinds = output_types(reducer, [band.type])
            node = Neighborhood([band.node], kernel, reducer, kinds, **options)
            result += band.holding_parts(node, (f"{band.name}_{o}" for o in reducer.outputs), kinds)
        return image.computed(result)
    if len(bands) != reducer.inputs:
        raise EEError(f"Need {reducer.inputs} bands for Reducer.{reducer.name}, image has {len(bands)}.")
    kinds = output_types(reducer, [b.type for b in bands])
    node = Neighborhood([b.node for b in bands], kernel, reducer, kinds, **options)
    return image.computed(bands[0].holding_parts(node, reducer.outputs, kinds))


_KERNELS = ("circle", "square", "cross", "plus", "octagon", "diamond")


def _register_focal(name: str) -> None:
    @algorithm(f"Image.focal{name[0].upper()}{name[1:]}", f"Image.focal_{name}")
    def focal(
        context: Context,
        image: Image,
        radius: float,
        kernelType: str,
        units: str,
        iterations: int,
        kernel: Kernel | None,
    ) -> Image:
        if kernel is None:
            if kernelType not in _KERNELS:
                raise EEError(f"Unknown kernelType '{kernelType}': use one of {', '.join(_KERNELS)}.")
            kernel = call(context, f"Kernel.{kernelType}", {"radius": radius, "units": units})
        if iterations < 1:
            raise EEError(f"The number of iterations must be positive, got {iterations}.")
        bands = []
        for band in map(_scalar, image.bands):
            node: Node = band.node
            kind = band.type
            for _ in range(int(iterations)):
                node, kind = _focal(context, name, node, kind, kernel)
            bands.append(band.holding(node, kind))
        return image.computed(bands)

    focal.__doc__ = f"Apply the focal {name}."


def _focal(
    context: Context, name: str, node: Node, kind: PixelType, kernel: Kernel
) -> tuple[Node, PixelType]:
    if name in ("min", "max"):
        return Focal(node, kernel, name, kind.dtype), kind
    if name == "mean":
        wide = PixelType("double" if kind.precision == "double" else "float").ranging(
            kind.minimum, kind.maximum
        )
        return Focal(node, kernel, name, wide.dtype), wide
    reducer = call(context, f"Reducer.{name}", {})
    kinds = output_types(reducer, [kind])
    return Pick(
        Neighborhood([node], kernel, reducer, kinds, weighting="kernel", skip_masked=False), 0
    ), kinds[0]


for _name in ("mean", "median", "min", "max", "mode"):
    _register_focal(_name)


@algorithm("Image.gradient")
def gradient(input: Image) -> Image:
    """Return the gradient of the first band, per metre: x to the east, y to the north."""
    return input.computed(_gradient(_scalar(input.only), ("x", "y"), metric=True))


@algorithm("Image.derivative")
def derivative(image: Image) -> Image:
    """Return central differences per pixel along columns and rows."""
    bands = []
    for band in map(_scalar, image.bands):
        bands += _gradient(band, (f"{band.name}_x", f"{band.name}_y"), metric=False)
    return image.computed(bands)


def _gradient(band: Band, names: tuple[str, str], *, metric: bool) -> list[Band]:
    node = Gradient(band.node, metric=metric)
    parts = (Apply(lambda v: v, (Pick(node, i),), "f4") for i in range(2))
    return [band.holding(part, FLOAT, name=name) for part, name in zip(parts, names, strict=True)]


@algorithm("Image.neighborhoodToArray")
def neighborhood_to_array(image: Image, kernel: Kernel, defaultValue: float) -> Image:
    """Turn neighbourhoods into 2-D arrays."""
    if kernel.name not in ("fixed", "square", "rectangle"):
        raise EEError(f"Only fixed, square and rectangle kernels are supported, got {kernel.name}.")
    bands = []
    for band in map(_scalar, image.bands):
        fill = band.type.cast(np.array([defaultValue]))[0]
        bands.append(
            band.holding(NeighborArrays(band.node, kernel, fill, band.type.dtype), band.type.array(2))
        )
    return image.with_bands(bands)


@algorithm("Image.neighborhoodToBands")
def neighborhood_to_bands(image: Image, kernel: Kernel) -> Image:
    """Turn neighbourhoods into bands, one per non-zero entry of the kernel, row by row; named by column
    and row from the focus.
    """
    if kernel.metric:
        raise EEError("The bands depend on the scale for a kernel in meters; use one in pixels.")
    weights = kernel.weights()
    bands = []
    for band in map(_scalar, image.bands):
        for row, col in zip(*np.nonzero(weights.values), strict=True):
            dx, dy = int(col) - weights.x, int(row) - weights.y
            bands.append(band.renamed(f"{band.name}_{dx}_{dy}").holding(Moved(band.node, dx, dy)))
    return image.computed(bands)


@algorithm("Image.entropy")
def entropy(image: Image, kernel: Kernel) -> Image:
    """Return the entropy of the values in the neighbourhood, bits."""
    bands = []
    for band in map(_scalar, image.bands):
        if not band.type.is_int:
            raise EEError(f"Band '{band.name}' must be of an integer type.")
        node = Pick(
            Neighborhood([band.node], kernel, _Entropy(), [FLOAT], weighting="kernel", skip_masked=True), 0
        )
        bands.append(band.holding(node, FLOAT))
    return image.computed(bands)


class _Entropy(Reducer):
    """−Σ p log₂ p over the frequencies of the values."""

    def __init__(self) -> None:
        super().__init__("entropy", ("entropy",))

    def start(self, trailing: tuple[int, ...] = ()) -> Any:
        return None

    def add(self, state: Any, columns: Any) -> Any:
        return columns[0]

    def finish(self, state: Any) -> Any:
        present = state.present
        values = np.where(present, state.values.astype("f8"), np.inf)
        ordered = np.sort(values, axis=0)
        n = present.sum(axis=0)
        total = np.zeros(n.shape)
        run = np.ones(n.shape)
        for i in range(1, len(ordered) + 1):
            same = (
                (ordered[i] == ordered[i - 1]) & np.isfinite(ordered[i])
                if i < len(ordered)
                else np.zeros(n.shape, bool)
            )
            ends = ~same & np.isfinite(ordered[i - 1])
            share = run / np.maximum(n, 1)
            total -= np.where(ends, share * np.log2(share), 0.0)
            run = np.where(same, run + 1, 1)
        return [Reduced(total + 0.0, n > 0)]


# -- distances


@algorithm("Image.distance")
def distance(image: Image, kernel: Kernel | None, skipMasked: bool) -> Image:
    """Return the distance to the nearest non-zero pixel within a kernel, as the kernel counts it: in pixels,
    or in metres by the nominal size of a pixel.
    """
    if kernel is None:
        raise UnsupportedAlgorithmError(
            "Image.distance without a kernel",
            "has an undocumented default; give a euclidean, manhattan or chebyshev kernel",
        )
    if kernel.name not in ("euclidean", "manhattan", "chebyshev"):
        raise EEError(f"The distance kernel must be euclidean, manhattan or chebyshev, got {kernel.name}.")

    def reach(grid: PixelGrid) -> tuple[int, float]:
        weights = kernel_weights(kernel, grid)
        one = weights.values[weights.y, weights.x + 1] if weights.x else 1.0
        if one <= 0:
            raise EEError("The distance kernel must have a positive magnitude.")
        return weights.x, float(one)

    bands = []
    for band in map(_scalar, image.bands):
        node = Distance(band.node, kernel.name, reach, skip_masked=skipMasked)
        bands.append(band.holding(node, FLOAT))
    return image.computed(bands)


@algorithm("Image.fastDistanceTransform")
def fast_distance_transform(image: Image, neighborhood: int, units: str, metric: str) -> Image:
    """Return the (squared) distance to the nearest non-zero pixel in a neighbourhood, pixels; masked
    beyond it.
    """
    if units != "pixels":
        raise EEError(f"Only 'pixels' are supported as units, got '{units}'.")
    if metric not in ("squared_euclidean", "manhattan", "chebyshev"):
        raise EEError(f"Unknown metric '{metric}': use squared_euclidean, manhattan or chebyshev.")
    band = _scalar(image.first)
    node = Distance(band.node, metric, lambda grid: (int(neighborhood), 1.0))
    return image.computed([band.holding(node, FLOAT, name="distance")])


# -- objects


@algorithm("Image.connectedPixelCount")
def connected_pixel_count(input: Image, maxSize: int, eightConnected: bool) -> Image:
    """Return the size of the object of equal values that each pixel belongs to, pixels."""
    if not 1 <= maxSize <= 1024:
        raise EEError(f"maxSize must be between 1 and 1024, got {maxSize}.")
    wide = NAMED_TYPES["int32"]
    return input.computed(
        [b.holding(PixelCount(_scalar(b).node, int(maxSize), eightConnected), wide) for b in input.bands]
    )


@algorithm("Image.connectedComponents", approximate="the same components under other labels")
def connected_components(image: Image, connectedness: Kernel, maxSize: int) -> Image:
    """Label the objects of equal values of the first band."""
    if not 1 <= maxSize <= 1024:
        raise EEError(f"maxSize must be between 1 and 1024, got {maxSize}.")
    pattern = connectedness.weights().values != 0
    around = pattern.copy()
    if pattern.shape == (3, 3):
        around[1, 1] = True
    plus = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
    if pattern.shape != (3, 3) or not (around.all() or np.array_equal(around, plus)):
        raise EEError("The kernel must be a square or plus of radius 1.")
    band = _scalar(image.first)
    node = Components(band.node, int(maxSize), bool(around.all()))
    return add_bands(image, [band.holding(node, NAMED_TYPES["int64"], name="labels")])


@algorithm("Image.reduceConnectedComponents")
def reduce_connected_components(image: Image, reducer: Reducer, labelBand: str | None, maxSize: int) -> Image:
    """Reduce the pixels of each object."""
    label = image.first if labelBand is None else image.band(labelBand)
    if reducer.inputs > 1:
        raise UnsupportedAlgorithmError("Image.reduceConnectedComponents with a reducer of several inputs")
    bands = []
    for band in image.bands:
        if band is label:
            continue
        kinds = output_types(reducer, [_scalar(band).type])
        if any(k.dimensions for k in kinds):
            raise EEError("The reducer's outputs must be numbers.")
        node = ObjectReduction(label.node, band.node, reducer, kinds, int(maxSize))
        bands += band.holding_parts(node, output_names(band, reducer), kinds)
    return image.computed(bands)
