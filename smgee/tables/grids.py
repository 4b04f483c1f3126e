"""Station data as NetCDF, and maps as cloud-optimised GeoTIFF."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from smgee.grid import PixelGrid
from smgee.io import atomic_path
from smgee.late import xr
from smgee.tables.provenance import Provenance


def write_dataset(
    ds: xr.Dataset, path: str | os.PathLike[str], *, provenance: Provenance | None = None
) -> None:
    """Write a data set as compressed NetCDF-4, whole or not at all.

    Parameters
    ----------
    ds : xarray.Dataset
        Numbers are compressed; its attributes are kept.
    path : path-like
        ``….nc``.
    provenance : Provenance, optional
        Added to the attributes, and to the title where the data are synthetic.
    """
    if provenance is not None:
        ds = ds.copy(deep=False)
        ds.attrs = {**ds.attrs, **provenance.attributes()}
        if "title" in ds.attrs or provenance.synthetic:
            ds.attrs["title"] = provenance.titled(str(ds.attrs.get("title", "in situ soil moisture")))
    encoding: dict[str, dict[str, object]] = {
        str(name): {"zlib": True, "complevel": 4, "shuffle": True}
        for name, v in ds.data_vars.items()
        if v.dtype.kind in "fiu"
    }
    content = io.BytesIO()  # HDF5 crashes the process where it meets a full disk
    ds.to_netcdf(content, engine="h5netcdf", encoding=encoding)
    with atomic_path(path) as scratch:
        scratch.write_bytes(content.getbuffer())


def write_cog(
    values: np.ndarray,
    grid: PixelGrid,
    path: str | os.PathLike[str],
    *,
    band: str,
    units: str,
    provenance: Provenance | None = None,
    tags: Mapping[str, Any] | None = None,
) -> None:
    """Write a (y, x) float32 array as a cloud-optimised GeoTIFF, NaN as nodata.

    Parameters
    ----------
    values : (y, x) array
        In `units`, NaN where masked.
    grid : PixelGrid
        Its lattice.
    path : path-like
        ``….tif``.
    band, units : str
        Name and unit of the one band.
    provenance : Provenance, optional
        Written as tags.
    tags : mapping, optional
        Further tags.
    """
    import rasterio
    from rasterio.shutil import copy

    profile = {
        "driver": "GTiff",
        "height": grid.height,
        "width": grid.width,
        "count": 1,
        "dtype": "float32",
        "crs": grid.crs,
        "transform": grid.affine,
        "nodata": float("nan"),
    }
    known = {**(provenance.attributes() if provenance else {}), **(tags or {})}
    with rasterio.MemoryFile() as memory, rasterio.MemoryFile() as made:
        with memory.open(**profile) as file:
            file.write(values.astype("float32", copy=False), 1)
            file.set_band_description(1, band)
            file.update_tags(**{k: str(v) for k, v in known.items()})
            file.set_band_unit(1, units)
            file.update_tags(1, units=units)
        copy(
            memory.name,
            made.name,
            driver="COG",
            compress="DEFLATE",
            predictor="YES",
            overview_resampling="average",
        )
        with atomic_path(path) as scratch:  # what GDAL says of a full disk names neither file nor reason
            scratch.write_bytes(made.read())
