"""Predicting from rows and from band-major rasters held in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np

from smgee.errors import InputError
from smgee.machine import usable_cores
from smgee.trees.ensemble import TreeEnsemble
from smgee.trees.kernel.engine import Mapper, predict_chunk
from smgee.trees.kernel.forest import Forest, compare_dtype, forest_of

# Bytes of codes held at a time: the more rows are ordered together, the tighter are their blocks.
CHUNK_BYTES = 96 << 20
# Work (`Forest.row_work` times rows) for which threads are not worth starting.
SMALL_WORK = 1 << 28


def predict(ensemble: TreeEnsemble, X: Any, *, n_threads: int | None = None) -> np.ndarray:
    """Predict one number per row.

    Parameters
    ----------
    ensemble : TreeEnsemble
        The model.
    X : (rows, features) array or DataFrame
        Predictors in the order of ``ensemble.feature_names``, in any memory order; of a DataFrame the columns
        of those names are taken. Rows are cast to the model's `threshold_dtype` before they are compared, as
        the library does.
    n_threads : int, optional
        Threads to use; all processors of the process if not given.

    Returns
    -------
    (rows,) float32
        Predictions, in the unit of the target.

    Raises
    ------
    InputError
        If the shape does not fit, or a value is NaN and the model does not allow missing values.
    """
    if hasattr(X, "columns"):
        absent = [name for name in ensemble.feature_names if name not in X.columns]
        if absent:
            raise InputError(
                f"The table lacks the columns {', '.join(absent)}; the model needs all of "
                f"{', '.join(ensemble.feature_names)}."
            )
        X = X[list(ensemble.feature_names)]
    X = _numbers(np.asarray(X), "X")
    if X.ndim != 2 or X.shape[1] != ensemble.n_features:
        raise InputError(f"X has shape {X.shape}; the model takes rows of {ensemble.n_features} predictors.")
    out = np.empty(len(X), np.float32)
    columns = [X[:, k].reshape(1, -1) for k in range(X.shape[1])]
    gaps = _run(
        ensemble, columns, out.reshape(1, -1), keep_missing=ensemble.allows_missing, n_threads=n_threads
    )
    if gaps and not ensemble.allows_missing:
        raise InputError("X holds NaN, which this model was not trained to take; drop or fill those rows.")
    return out


def predict_bands(
    ensemble: TreeEnsemble,
    bands: Any,
    *,
    out: np.ndarray | None = None,
    keep_missing: bool | None = None,
    n_threads: int | None = None,
) -> np.ndarray:
    """Predict one number per pixel, reading band-major rasters where they lie.

    Parameters
    ----------
    ensemble : TreeEnsemble
        The model.
    bands : (features, y, x) array, or sequence of (y, x) arrays and numbers
        One band per predictor in the order of ``ensemble.feature_names``; NaN is masked. A plain number
        stands for a predictor that is constant over the raster, such as the day of year.
    out : (y, x) float32 array, optional
        Where to write.
    keep_missing : bool, optional
        Whether a pixel with a masked predictor is predicted by the model's missing-value directions, which
        needs ``ensemble.allows_missing`` and is then the default; otherwise such a pixel is NaN in the
        result.
    n_threads : int, optional
        Threads to use; all processors of the process if not given.

    Returns
    -------
    (y, x) float32
        Predictions, in the unit of the target; `out` if it was given.

    Raises
    ------
    InputError
        If the bands do not fit the model or each other.
    """
    if keep_missing is None:
        keep_missing = ensemble.allows_missing
    if keep_missing and not ensemble.allows_missing:
        raise InputError(
            "keep_missing was asked of a model without missing-value directions; leave it out, and masked "
            "pixels stay masked."
        )
    arrays = [_numbers(np.asarray(band), f"band {k}") for k, band in enumerate(bands)]
    if len(arrays) != ensemble.n_features:
        raise InputError(
            f"{len(arrays)} bands were given; the model takes {ensemble.n_features}: "
            f"{', '.join(ensemble.feature_names)}."
        )
    shapes = {a.shape for a in arrays if a.ndim}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise InputError(
            f"The bands have the shapes {sorted(shapes)}; all must have one common shape (y, x)."
        )
    shape = shapes.pop()
    arrays = [a if a.ndim else np.broadcast_to(a, shape) for a in arrays]
    if out is None:
        out = np.empty(shape, np.float32)
    elif out.shape != shape or out.dtype != np.float32:
        raise InputError(f"out is {out.dtype} of shape {out.shape}; it must be float32 of shape {shape}.")
    _run(ensemble, arrays, out, keep_missing=keep_missing, n_threads=n_threads)
    return out


def _numbers(array: np.ndarray, name: str) -> np.ndarray:
    """Return the array, object columns of numbers converted; refuses what is not real numbers."""
    if array.dtype.kind == "O":
        with suppress(TypeError, ValueError):
            array = array.astype(np.float64)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name} holds {array.dtype}; predictors must be real numbers.")
    return array


def _run(
    ensemble: TreeEnsemble,
    bands: Sequence[np.ndarray],
    out: np.ndarray,
    *,
    keep_missing: bool,
    n_threads: int | None,
) -> bool:
    """Predict every pixel of the bands into `out`; returns whether any predictor was NaN."""
    if n_threads is not None and n_threads < 1:
        raise InputError(f"n_threads is {n_threads}; give 1 or more.")
    threads = n_threads or usable_cores()
    if not bands:  # a model of no predictors, such as the network's mean, gives one number everywhere
        out[...] = ensemble.predict_reference(np.empty((1, 0), np.float32))[0]
        return False
    dtype = compare_dtype(ensemble, np.result_type(*{b.dtype for b in bands}))
    forest = forest_of(ensemble, dtype)
    if out.size * forest.row_work < SMALL_WORK:
        threads = 1

    most = max(1 << 16, CHUNK_BYTES // max(1, forest.row_bytes))
    windows = _windows(out.shape, most)
    if threads == 1:
        # a list, so that every window is predicted
        found = [_predict_window(forest, bands, window, out, keep_missing, 1, map) for window in windows]
        return any(found)
    with ThreadPoolExecutor(threads) as pool:
        return any(  # a list, so that every window is predicted
            [  # noqa: C419
                _predict_window(forest, bands, window, out, keep_missing, threads, pool.map)
                for window in windows
            ]
        )


def _windows(shape: tuple[int, ...], size: int) -> Iterator[tuple[slice, slice]]:
    """Yield (y, x) slices of about equal numbers of pixels, at most `size`, of whole lines where lines are
    no longer than that.
    """
    height, width = shape
    if width == 0 or height == 0:
        return
    across = -(-width // max(1, size))
    down = -(-height // max(1, size // width)) if across == 1 else height
    for i in range(down):
        for j in range(across):
            yield (
                slice(height * i // down, height * (i + 1) // down),
                slice(width * j // across, width * (j + 1) // across),
            )


def _predict_window(
    forest: Forest,
    bands: Sequence[np.ndarray],
    window: tuple[slice, slice],
    out: np.ndarray,
    keep_missing: bool,
    threads: int,
    each: Mapper,
) -> bool:
    """Predict one window of the bands into `out`; returns whether any predictor was NaN."""
    target = out[window]
    result = target.reshape(-1) if target.flags.c_contiguous else np.empty(target.size, np.float32)
    gaps = predict_chunk(
        forest, [band[window].reshape(-1) for band in bands], result, keep_missing, threads, each
    )
    if not target.flags.c_contiguous:
        target[...] = result.reshape(target.shape)
    return gaps
