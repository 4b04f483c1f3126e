"""``Array.matrix*`` and ``Array.eigen``: linear algebra in double precision."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from smgee.eelocal.engine.registry import algorithm, algorithms
from smgee.eelocal.errors import EEError
from smgee.eelocal.values.array import Array
from smgee.eelocal.values.size import MOST_NUMBERS, check_size


def as_matrix(values: np.ndarray, *, square: bool = False) -> np.ndarray:
    """Return a two-dimensional array as doubles; `EEError` for another number of dimensions, or a matrix that
    is not square where it must be.
    """
    if values.ndim != 2:
        raise EEError(f"The array must be a matrix (2 dimensions), got {values.ndim}.")
    if square and values.shape[0] != values.shape[1]:
        raise EEError(f"The matrix must be square, got {values.shape[0]}×{values.shape[1]}.")
    return values.astype("f8")


def eigen_rows(matrix: np.ndarray) -> np.ndarray:
    """Return rows of an eigenvalue and its unit eigenvector, the greatest eigenvalue first.

    A symmetric matrix gives orthogonal vectors. A defective one has too few of them; the missing ones are
    filled from the orthogonal basis of its Schur form, as a triangular solver leaves them.

    Raises
    ------
    EEError
        When eigenvalues are complex.
    """
    matrix = as_matrix(matrix, square=True)
    if np.array_equal(matrix, matrix.T) and matrix.any():
        values, vectors = _symmetric(matrix)
    else:
        values, vectors = np.linalg.eig(matrix)
        if np.iscomplexobj(values) and np.abs(values.imag).max() > 1e-12 * max(1.0, np.abs(values).max()):
            raise EEError("The matrix has complex eigenvalues.")
        values, vectors = values.real, vectors.real
        if np.linalg.cond(vectors) > 1e12 or not matrix.any():
            import scipy.linalg

            triangle, vectors = scipy.linalg.schur(matrix)
            values = np.diag(triangle)
            values, vectors = values[::-1], vectors[:, ::-1]
    # rounding must not decide the order of equal eigenvalues
    order = np.argsort(-np.round(values / np.abs(values).max(initial=1e-300), 12), kind="stable")
    return np.concatenate([values[order, None], vectors[:, order].T], axis=1)


def _symmetric(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues, ascending up to rounding, and eigenvectors of a symmetric matrix.

    Where eigenvalues are equal, any basis of their space is right. Earth Engine documents EJML's: Householder
    reflections make the matrix tridiagonal from the first row on, and each block of that is solved by itself.
    Of equal eigenvalues, those of later blocks come first. A diagonal matrix keeps its unit vectors in order.
    """
    if not np.count_nonzero(matrix - np.diag(np.diag(matrix))):
        order = np.argsort(np.diag(matrix), kind="stable")
        return np.diag(matrix)[order], np.eye(len(matrix))[:, order]
    import scipy.linalg

    banded, basis = scipy.linalg.hessenberg(matrix, calc_q=True)
    beside = np.diag(banded, -1)
    tiny = 1e-14 * np.abs(matrix).sum()
    edges = [0, *(np.flatnonzero(np.abs(beside) <= tiny) + 1), len(matrix)]
    parts = []
    for start, stop in reversed(list(pairwise(edges))):
        values, vectors = scipy.linalg.eigh_tridiagonal(np.diag(banded)[start:stop], beside[start : stop - 1])
        parts.append((values, basis[:, start:stop] @ vectors))
    values = np.concatenate([v for v, _ in parts])
    values[np.abs(values) <= tiny] = 0
    return values, np.concatenate([v for _, v in parts], axis=1)


@algorithm("Array.eigen")
def eigen(input: Array) -> Array:
    """Return eigenvalues and eigenvectors."""
    return Array(eigen_rows(input.values))


@algorithm("Array.matrixDiagonal")
def diagonal(input: Array) -> Array:
    """Return the diagonal as a column."""
    if input.values.ndim != 2:
        as_matrix(input.values)
    return Array(np.diag(input.values).reshape(-1, 1).copy())


@algorithm("Array.matrixToDiag")
def to_diagonal(input: Array) -> Array:
    """Return a diagonal matrix of a column."""
    if input.values.ndim != 2 or input.values.shape[1] != 1:
        raise EEError("The array must be a matrix of one column.")
    return Array(np.diag(input.values[:, 0]))


def inverse_of(values: np.ndarray) -> np.ndarray:
    """Return the inverse of a matrix; `EEError` when it is singular."""
    matrix = as_matrix(values, square=True)
    try:
        return np.linalg.inv(matrix)
    except np.linalg.LinAlgError as error:
        raise EEError("The matrix is singular.") from error


@algorithm("Array.matrixFnorm")
def norm(input: Array) -> float:
    """Return the Frobenius norm."""
    return float(np.linalg.norm(as_matrix(input.values)))


@algorithm("Array.matrixTrace")
def trace(input: Array) -> float:
    """Return the sum of the diagonal."""
    return float(np.trace(as_matrix(input.values)))


@algorithm("Array.matrixDeterminant")
def determinant(input: Array) -> float:
    """Return the determinant."""
    return float(np.linalg.det(as_matrix(input.values, square=True)))


def multiply_values(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the product of two matrices; integers stay integers."""
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[0]:
        raise EEError(f"Matrices of shapes {list(left.shape)} and {list(right.shape)} can't be multiplied.")
    check_size(left.shape[0] * right.shape[1], MOST_NUMBERS)
    wide = "i8" if left.dtype.kind in "iu" and right.dtype.kind in "iu" else "f8"
    return left.astype(wide) @ right.astype(wide)


def solve_values(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve A x = B, in the least-squares sense where A is overdetermined."""
    a, b = as_matrix(left), as_matrix(right)
    if a.shape[0] != b.shape[0]:
        raise EEError(f"A has {a.shape[0]} rows and B {b.shape[0]}; they must be equal.")
    if a.shape[0] < a.shape[1]:
        raise EEError("The system is underdetermined.")
    try:
        return np.linalg.solve(a, b) if a.shape[0] == a.shape[1] else np.linalg.lstsq(a, b, rcond=None)[0]
    except np.linalg.LinAlgError as error:
        raise EEError("The matrix is singular.") from error


@algorithm("Array.matrixCholeskyDecomposition")
def cholesky(array: Array) -> dict[str, Array]:
    """Return L with input = L L′."""
    matrix = as_matrix(array.values, square=True)
    try:
        return {"L": Array(np.linalg.cholesky(matrix))}
    except np.linalg.LinAlgError as error:
        raise EEError("The matrix is not positive definite.") from error


@algorithm("Array.matrixSingularValueDecomposition")
def singular_values(array: Array) -> dict[str, Array]:
    """Return U, S and V with input = U S V′."""
    matrix = as_matrix(array.values)
    u, s, vt = np.linalg.svd(matrix)
    diagonal = np.zeros(matrix.shape)
    np.fill_diagonal(diagonal, s)
    return {"U": Array(u), "S": Array(diagonal), "V": Array(np.ascontiguousarray(vt.T))}


@algorithm("Array.matrixLUDecomposition")
def lu(array: Array) -> dict[str, Array]:
    """Return L, U and P with P input = L U."""
    import scipy.linalg

    p, low, up = scipy.linalg.lu(as_matrix(array.values, square=True))
    return {"L": Array(low), "U": Array(up), "P": Array(np.ascontiguousarray(p.T))}


@algorithm("Array.matrixQRDecomposition")
def qr(array: Array) -> dict[str, Array]:
    """Return Q and R with input = Q R."""
    q, r = np.linalg.qr(as_matrix(array.values), mode="complete")
    return {"Q": Array(q), "R": Array(r)}


algorithms(
    {
        "Array.matrixInverse": lambda input: Array(inverse_of(input.values)),
        "Array.matrixPseudoInverse": lambda input: Array(np.linalg.pinv(as_matrix(input.values))),
        "Array.matrixMultiply": lambda left, right: Array(multiply_values(left.values, right.values)),
        "Array.matrixSolve": lambda left, right: Array(solve_values(left.values, right.values)),
    }
)
