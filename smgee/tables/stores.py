"""Zarr stores that say what each array is, where it comes from, and whether it is synthetic."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from smgee.io import atomic_path
from smgee.late import xr
from smgee.tables.provenance import Provenance


@dataclass(frozen=True)
class Layer:
    """An array of a store, to be filled later.

    Parameters
    ----------
    name : str
        Of the array.
    sizes : mapping of str to int
        Length by dimension, in their order.
    chunks : tuple of int
        One per dimension.
    dtype : str
        As zarr writes it, such as ``<f4``.
    attributes : mapping
        CF attributes: units, long_name.
    fill : float, optional
        Value of pixels that were not written yet; without it zeros are written at once.
    """

    name: str
    sizes: Mapping[str, int]
    chunks: tuple[int, ...]
    dtype: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    fill: float | None = None


def create_zarr(
    path: str | os.PathLike[str],
    *,
    coordinates: Mapping[str, Any],
    layers: Sequence[Layer],
    title: str,
    provenance: Provenance,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Make an empty store of zarr 2 with consolidated metadata, at once or not at all.

    Parameters
    ----------
    path : path-like
        ``….zarr``; what is there is replaced.
    coordinates : mapping
        Coordinates as `xarray.Dataset` takes them, with their attributes.
    layers : sequence of Layer
        The arrays.
    title : str
        Of the whole; it will say when the data are synthetic.
    provenance : Provenance
        Goes into the attributes.
    attributes : mapping, optional
        Further attributes of the whole.
    """
    import zarr
    from numcodecs import Blosc

    known = {
        "Conventions": "CF-1.11",
        "title": provenance.titled(title),
        **provenance.attributes(),
        **(attributes or {}),
    }
    with atomic_path(path) as scratch:
        xr.Dataset(coords=coordinates).to_zarr(scratch, zarr_format=2, consolidated=False)
        group: Any = zarr.open_group(scratch, mode="r+", zarr_format=2)
        group.attrs.update(known)
        for layer in layers:
            shape = tuple(layer.sizes.values())
            options: dict[str, Any] = {"fill_value": layer.fill}
            if layer.fill is not None:
                options["compressors"] = Blosc(cname="zstd", clevel=1, shuffle=Blosc.SHUFFLE)
            array = group.create_array(
                layer.name, shape=shape, chunks=layer.chunks, dtype=layer.dtype, **options
            )
            array.attrs.update({**layer.attributes, "_ARRAY_DIMENSIONS": list(layer.sizes)})
            if layer.fill is None:
                array[:] = np.zeros(shape, layer.dtype)
        zarr.consolidate_metadata(scratch, zarr_format=2)
