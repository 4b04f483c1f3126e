"""Linear algebra on array images, and linear unmixing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from smgee.eelocal.engine.registry import algorithm
from smgee.eelocal.errors import EEError
from smgee.eelocal.ops import matrix
from smgee.eelocal.ops.image_arrays import array_band
from smgee.eelocal.pixels.arrays import Undefined
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.construct import matched
from smgee.eelocal.values.image import Band, Image
from smgee.eelocal.values.nodes import Apply, Constant
from smgee.eelocal.values.pixeltype import DOUBLE, NAMED_TYPES, PixelType

_MATRIX = DOUBLE.array(2)


def _defined(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """Return a pixel's function that masks what linear algebra cannot do (a singular matrix), instead of
    failing the whole image.
    """

    def apply(*cells: Any) -> np.ndarray:
        for cell in cells:
            if np.ndim(cell) != 2:
                raise EEError(f"The pixels must be matrices (2-D arrays), got {np.ndim(cell)} dimensions.")
        try:
            value = function(*(np.asarray(c) for c in cells))
        except EEError as error:
            if any(word in error.message for word in ("singular", "positive definite")):
                raise Undefined from error
            raise
        if not np.isfinite(value).all():
            raise Undefined
        return np.asarray(value)

    return apply


def _regular(values: np.ndarray) -> bool:
    """Whether all the matrices of a block are square and safely invertible."""
    if values.ndim != 4 or values.shape[2] != values.shape[3]:
        return False
    with np.errstate(all="ignore"):
        condition = np.linalg.cond(values.astype("f8"))
    return bool((condition < 1e12).all())


def _register(
    name: str,
    function: Callable[..., Any],
    kind: PixelType,
    dense: Callable[..., np.ndarray | None] | None = None,
) -> None:
    @algorithm(f"Image.{name}")
    def apply(value: Image) -> Image:
        return value.computed([array_band(b, kind, _defined(function), dense=dense) for b in value.bands])

    apply.__doc__ = f"Apply `{name}` to every pixel's matrix."


def _square(v: np.ndarray) -> bool:
    return v.ndim == 4


_register(
    "matrixInverse",
    matrix.inverse_of,
    _MATRIX,
    lambda v: np.linalg.inv(v.astype("f8")) if _regular(v) else None,
)
_register(
    "matrixPseudoInverse",
    lambda v: np.linalg.pinv(v.astype("f8")),
    _MATRIX,
    lambda v: np.linalg.pinv(v.astype("f8")) if _square(v) else None,
)
_register("matrixDeterminant", lambda v: matrix.determinant(Array(v)), DOUBLE)
_register("matrixTrace", lambda v: matrix.trace(Array(v)), DOUBLE)
_register("matrixFnorm", lambda v: matrix.norm(Array(v)), DOUBLE)
_register("matrixDiagonal", lambda v: matrix.diagonal(Array(v)).values, _MATRIX)
_register("matrixToDiag", lambda v: matrix.to_diagonal(Array(v)).values, _MATRIX)


def _register_parts(name: str, function: Callable[[Array], dict[str, Array]], parts: tuple[str, ...]) -> None:
    @algorithm(f"Image.{name}")
    def apply(image: Image) -> Image:
        band = image.only
        return image.computed(
            [
                array_band(
                    band.renamed(part), _MATRIX, _defined(lambda v, p=part: function(Array(v))[p].values)
                )
                for part in parts
            ]
        )

    apply.__doc__ = f"Apply `{name}` to every pixel's matrix; one band per part."


_register_parts("matrixCholeskyDecomposition", matrix.cholesky, ("L",))
_register_parts("matrixLUDecomposition", matrix.lu, ("L", "U", "P"))
_register_parts("matrixQRDecomposition", matrix.qr, ("Q", "R"))
_register_parts("matrixSingularValueDecomposition", matrix.singular_values, ("U", "S", "V"))


@algorithm("Image.matrixIdentity")
def identity(size: int) -> Image:
    """Return an identity matrix everywhere."""
    if size < 1:
        raise EEError(f"The size must be positive, got {size}.")
    kind = PixelType("int", 0, 1, 2)
    return Image((Band("identity", Constant(np.eye(int(size), dtype="u1"), kind), kind),))


@algorithm("Image.matrixMultiply")
def multiply(image1: Image, image2: Image) -> Image:
    """Return the products of matrices."""
    bands = []
    for name, a, b in matched(image1, image2):
        kind = NAMED_TYPES["int64"].array(2) if a.type.is_int and b.type.is_int else _MATRIX

        def dense(x: np.ndarray, y: np.ndarray, dtype: Any = kind.dtype) -> np.ndarray | None:
            if x.ndim != 4 or y.ndim != 4 or x.shape[3] != y.shape[2]:
                return None
            return x.astype(dtype) @ y.astype(dtype)

        bands.append(array_band(a, kind, _defined(matrix.multiply_values), b.node, dense=dense).renamed(name))
    return image1.computed(bands)


@algorithm("Image.matrixSolve")
def solve(image1: Image, image2: Image) -> Image:
    """Solve A x = B; masked where A is singular."""
    bands = []
    for name, a, b in matched(image1, image2):

        def dense(x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
            if not _regular(x) or y.ndim != 4 or x.shape[2] != y.shape[2]:
                return None
            return np.linalg.solve(x.astype("f8"), y.astype("f8"))

        bands.append(array_band(a, _MATRIX, _defined(matrix.solve_values), b.node, dense=dense).renamed(name))
    return image1.computed(bands)


@algorithm("Image.unmix")
def unmix(image: Image, endmembers: list[list[float]], sumToOne: bool, nonNegative: bool) -> Image:
    """Unmix pixels into fractions of endmembers, by least squares."""
    ends = np.array(endmembers, "f8")
    if ends.ndim != 2 or ends.shape[1] != len(image.bands):
        raise EEError(f"Every endmember must have one value per band ({len(image.bands)}).")
    count = len(ends)
    nodes = [b.node for b in image.bands]
    # One node for all fractions, so that each pixel is solved once.
    solved = Apply(_unmixing(ends, sum_to_one=sumToOne, non_negative=nonNegative), nodes, "f8")
    bands = []
    for i in range(count):
        node = Apply(lambda v, i=i: v[..., i], [solved], "f8")
        bands.append(image.first.holding(node, DOUBLE, name=f"band_{i}"))
    return image.computed(bands)


def _unmixing(ends: np.ndarray, *, sum_to_one: bool, non_negative: bool) -> Callable[..., np.ndarray]:
    """Return the function from bands to fractions, (h, w, endmembers).

    The sum-to-one constraint is met exactly through a Lagrange multiplier; with non-negative fractions each
    pixel is a small quadratic programme, solved by non-negative least squares (Lawson and Hanson 1974) on the
    system augmented by a heavily weighted sum row.
    """
    matrix_a = ends.T  # (bands, endmembers)
    k = ends.shape[0]

    def free(*values: np.ndarray) -> np.ndarray:
        pixels = np.stack(np.broadcast_arrays(*(v.astype("f8") for v in values)), -1)
        if not sum_to_one:
            return pixels @ np.linalg.pinv(matrix_a).T
        normal = np.zeros((k + 1, k + 1))
        normal[:k, :k] = matrix_a.T @ matrix_a
        normal[:k, k] = normal[k, :k] = 1.0
        right = np.concatenate([pixels @ matrix_a, np.ones((*pixels.shape[:-1], 1))], -1)
        return (right @ np.linalg.pinv(normal).T)[..., :k]

    def bounded(*values: np.ndarray) -> np.ndarray:
        from scipy.optimize import nnls

        first = free(*values)
        pixels = np.stack(np.broadcast_arrays(*(v.astype("f8") for v in values)), -1)
        out = first.copy()
        weight = 1e4 * max(np.abs(matrix_a).max(), 1e-12)
        system = np.vstack([matrix_a, np.full((1, k), weight)]) if sum_to_one else matrix_a
        for at in zip(*np.nonzero((first < 0).any(-1) & np.isfinite(pixels).all(-1)), strict=True):
            right = np.append(pixels[at], weight) if sum_to_one else pixels[at]
            out[at] = nnls(system, right)[0]
        return out

    return bounded if non_negative else free
