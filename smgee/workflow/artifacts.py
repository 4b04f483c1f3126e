"""The files of a run: where each lies, how it is read and written."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import pandas as pd
import rasterio
import xarray as xr

from smgee.tables import Provenance, Schema, read_table, sidecar_of, write_dataset, write_table
from smgee.workflow.fingerprints import Fingerprints

T = TypeVar("T")


@dataclass(frozen=True)
class Artifact(Generic[T]):
    """A file or folder of a run, of one type.

    Parameters
    ----------
    path : str
        Inside the run folder.
    reader : callable
        Gives the content of the file at a path.
    writer : callable, optional
        Writes content to a path, with its provenance; None where a step fills the path by itself.
    optional : bool
        Whether the step that writes it may leave it out.
    companions : sequence of str
        Further files that belong to it and go with it.
    """

    path: str
    reader: Callable[[Path], T]
    writer: Callable[[T, Path, Provenance], object] | None = None
    optional: bool = False
    companions: tuple[str, ...] = ()

    def read(self, run: Path) -> T:
        """Return its content in the run folder `run`; raises whatever the file provokes."""
        return self.reader(run / self.path)

    def write(self, run: Path, value: T, provenance: Provenance) -> None:
        """Write it, whole or not at all."""
        if self.writer is None:
            raise TypeError(f"{self.path} is filled by its step, not written in one piece.")
        self.writer(value, run / self.path, provenance)

    def fingerprint(self, run: Path, known: Fingerprints) -> str | None:
        """Return the hash of its content; None where it is absent."""
        return known.of(run / self.path)

    def remove(self, run: Path) -> None:
        """Delete it, if it is there."""
        for name in (self.path, *self.companions):
            path = run / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def table(path: str, schema: Schema, *, optional: bool = False) -> Artifact[pd.DataFrame]:
    """Return the artifact of a CSV or Parquet table."""
    return Artifact(
        path,
        lambda file: read_table(file, schema=schema),
        lambda frame, file, provenance: write_table(frame, file, schema=schema, provenance=provenance),
        optional=optional,
        companions=(sidecar_of(path).as_posix(),) if path.endswith(".csv") else (),
    )


def dataset(path: str, *, optional: bool = False) -> Artifact[xr.Dataset]:
    """Return the artifact of a NetCDF file, read into memory."""

    def load(file: Path) -> xr.Dataset:
        with xr.open_dataset(file, engine="h5netcdf") as ds:
            return ds.load()

    return Artifact(
        path,
        load,
        lambda ds, file, provenance: write_dataset(ds, file, provenance=provenance),
        optional=optional,
    )


def raster(path: str) -> Artifact[np.ndarray]:
    """Return the artifact of a GeoTIFF's first band, (y, x)."""

    def load(file: Path) -> np.ndarray:
        with rasterio.open(file) as source:
            return np.asarray(source.read(1))

    return Artifact(path, load)


def folder(
    path: str, reader: Callable[[Path], T], *, companions: Sequence[str] = (), optional: bool = False
) -> Artifact[T]:
    """Return the artifact of a folder that its step fills."""
    return Artifact(path, reader, companions=tuple(companions), optional=optional)
