"""Maps of a store as files for others: one NetCDF file by the CF conventions, or a GeoTIFF a day."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from smgee.errors import MissingDataError
from smgee.tables import write_cog, write_dataset
from smgee.upscale.store import MapStore

MADE_BY = "smgee files"


def write_netcdf(maps: MapStore, path: str | os.PathLike[str], *, days: Sequence[date] | None = None) -> Path:
    """Write the maps of some days as one compressed NetCDF file; blocks pass through memory.

    Parameters
    ----------
    maps : MapStore
        Opened to read.
    path : path-like
        ``….nc``.
    days : sequence of date, optional
        Which; by default every day that is mapped.

    Raises
    ------
    MissingDataError
        When a day is not mapped.
    """
    whole = maps.dataset().drop_vars("done").drop_dims("block", errors="ignore")
    ds = whole.sel(time=[np.datetime64(day, "ns") for day in _mapped(maps, days)])
    ds["spatial_ref"].attrs.setdefault("long_name", "coordinate reference system")
    for name in ds.data_vars:
        ds[name].attrs["grid_mapping"] = "spatial_ref"
    for variable in ds.variables.values():
        kept = ("_FillValue", "units", "calendar")  # the rest is zarr's
        variable.encoding = {k: v for k, v in variable.encoding.items() if k in kept}
    write_dataset(ds, path)
    return Path(path)


def write_daily_cogs(
    maps: MapStore,
    folder: str | os.PathLike[str],
    *,
    days: Sequence[date] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write each variable of each day as a cloud-optimised GeoTIFF, ``VARIABLE_YYYY-MM-DD.tif``.

    Parameters
    ----------
    maps : MapStore
        Opened to read.
    folder : path-like
        Made where it is not there.
    days : sequence of date, optional
        Which; by default every day that is mapped.
    progress : callable, optional
        Called as ``progress(done, total)`` after each file.

    Raises
    ------
    MissingDataError
        When a day is not mapped.
    """
    chosen = _mapped(maps, days)
    Path(folder).mkdir(parents=True, exist_ok=True)
    made = replace(maps.provenance, made_by=MADE_BY)
    written = []
    for day in chosen:
        for variable in maps.variables:
            path = Path(folder) / f"{variable.name}_{day}.tif"
            write_cog(
                maps.read(day, variable.name),
                maps.grid,
                path,
                band=variable.name,
                units=variable.units,
                provenance=made,
                tags={"title": made.titled(variable.long_name), "day": str(day)},
            )
            written.append(path)
            if progress is not None:
                progress(len(written), len(chosen) * len(maps.variables))
    return written


def _mapped(maps: MapStore, days: Sequence[date] | None) -> list[date]:
    """Return the days that are asked for, all of them mapped."""
    absent = set(maps.missing)
    there = [day for day in maps.days if day not in absent]
    if not there:
        raise MissingDataError(f"{maps.path} has no mapped day yet; run `smgee predict` first.")
    strange = [str(day) for day in days or () if day not in there]
    if strange:
        raise MissingDataError(
            f"{maps.path} has no map of {', '.join(strange)}; its days are {there[0]} to {there[-1]}."
        )
    return sorted(set(days)) if days else there
