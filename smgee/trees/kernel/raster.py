"""Predicting from xarray datasets, lazily per block where they are lazy."""

from __future__ import annotations

from typing import Any

import numpy as np

from smgee.errors import InputError
from smgee.late import xr
from smgee.trees.ensemble import TreeEnsemble
from smgee.trees.kernel.api import predict_bands


def predict_xarray(
    ensemble: TreeEnsemble,
    ds: xr.Dataset,
    *,
    name: str = "prediction",
    attrs: dict[str, Any] | None = None,
    keep_missing: bool | None = None,
    n_threads: int | None = None,
) -> xr.DataArray:
    """Predict every pixel of a dataset; lazily, block by block, where its variables are dask arrays.

    Parameters
    ----------
    ensemble : TreeEnsemble
        The model.
    ds : xarray.Dataset
        One variable for each of ``ensemble.feature_names``; variables with fewer dimensions (a day of year
        per time step, a static map) are broadcast. NaN is masked.
    name : str
        Name of the result.
    attrs : dict, optional
        Its attributes; by default the target's ``units`` and ``long_name`` from ``ensemble.metadata`` where
        recorded.
    keep_missing : bool, optional
        As in `predict_bands`.
    n_threads : int, optional
        Threads for each block; by default all processors, or one where the blocks are lazy, since dask runs
        blocks in parallel.

    Returns
    -------
    xarray.DataArray
        float32 with the broadcast dimensions and coordinates of the variables.

    Raises
    ------
    InputError
        If a predictor is not in the dataset.
    """
    absent = [f for f in ensemble.feature_names if f not in ds.variables]
    if absent:
        raise InputError(
            f"The dataset lacks {', '.join(absent)}; the model needs all of "
            f"{', '.join(ensemble.feature_names)}."
        )
    variables = [ds[f] for f in ensemble.feature_names]
    lazy = any(v.chunks is not None for v in variables)
    threads = n_threads or (1 if lazy else None)

    def block(*arrays: np.ndarray) -> np.ndarray:
        return _predict_broadcast(ensemble, arrays, keep_missing, threads)

    result = xr.apply_ufunc(
        block,
        *[v.drop_attrs() if hasattr(v, "drop_attrs") else v for v in variables],
        dask="parallelized",
        output_dtypes=[np.float32],
        keep_attrs=False,
    )
    dims = tuple(d for d in ds.dims if d in result.dims)
    result = result.transpose(*dims).rename(name)
    recorded = {
        k: str(ensemble.metadata[k])
        for k in ("units", "long_name", "standard_name")
        if ensemble.metadata.get(k)
    }
    result.attrs = dict(attrs) if attrs is not None else recorded
    return result


def _predict_broadcast(
    ensemble: TreeEnsemble, arrays: tuple[np.ndarray, ...], keep_missing: bool | None, threads: int | None
) -> np.ndarray:
    """Predict arrays that broadcast against each other, of any number of dimensions, leading ones one
    plane at a time.
    """
    shape = np.broadcast_shapes(*[a.shape for a in arrays])
    arrays = tuple(np.broadcast_to(a, shape) for a in arrays)
    out = np.empty(shape, np.float32)
    if len(shape) < 2:
        flat = [a.reshape(1, -1) for a in arrays]
        predict_bands(ensemble, flat, out=out.reshape(1, -1), keep_missing=keep_missing, n_threads=threads)
        return out
    for plane in np.ndindex(*shape[:-2]):
        predict_bands(
            ensemble, [a[plane] for a in arrays], out=out[plane], keep_missing=keep_missing, n_threads=threads
        )
    return out
