"""The store of daily maps: one zarr array that grows day by day and knows which days are done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import zarr
from zarr.codecs import BloscCodec

from smgee.errors import InputError
from smgee.grid import PixelGrid, parse_crs
from smgee.io import atomic_path

__all__ = ["MapStore"]


class MapStore:
    """Daily soil moisture maps on disk, in a CF zarr store that xarray opens.

    Parameters
    ----------
    path : path-like
        ``maps.zarr``.
    days : sequence of date
        Every day the store is for, ascending.
    grid : PixelGrid
        The map lattice.
    identity : str
        Hash of what the maps depend on (study, model, route). A store made of something else is replaced, not
        mixed.
    synthetic : bool
        Marked in the attributes.
    """

    def __init__(
        self, path: str | Path, *, days: Sequence[date], grid: PixelGrid, identity: str, synthetic: bool
    ):
        self.path = Path(path)
        self.days = list(days)
        self.grid = grid
        if not self._matches(identity):
            self._create(identity, synthetic)
        self._group: Any = zarr.open_group(self.path, mode="r+")
        self._done = np.asarray(self._group["done"], dtype=bool)

    def _matches(self, identity: str) -> bool:
        try:
            return zarr.open_group(self.path, mode="r").attrs.get("identity") == identity
        except (FileNotFoundError, ValueError, KeyError):
            return False

    def _create(self, identity: str, synthetic: bool) -> None:
        g = self.grid
        x = g.transform[2] + (np.arange(g.width) + 0.5) * g.transform[0]
        y = g.transform[5] + (np.arange(g.height) + 0.5) * g.transform[4]
        crs = parse_crs(g.crs)
        title = f"Daily soil moisture at {g.transform[0]:g} m" + (" (SYNTHETIC basin)" if synthetic else "")
        ds = xr.Dataset(
            {
                "done": (
                    "time",
                    np.zeros(len(self.days), bool),
                    {"long_name": "whether the day's map is complete"},
                )
            },
            coords={
                "time": (
                    "time",
                    pd.DatetimeIndex(self.days),
                    {"standard_name": "time", "long_name": "day (UTC)"},
                ),
                "y": (
                    "y",
                    y,
                    {
                        "units": "m",
                        "standard_name": "projection_y_coordinate",
                        "long_name": "y of the pixel centre",
                    },
                ),
                "x": (
                    "x",
                    x,
                    {
                        "units": "m",
                        "standard_name": "projection_x_coordinate",
                        "long_name": "x of the pixel centre",
                    },
                ),
                "spatial_ref": (
                    (),
                    0,
                    {
                        **crs.to_cf(),
                        "GeoTransform": " ".join(
                            repr(v)
                            for v in (g.transform[2], *g.transform[:2], g.transform[5], *g.transform[3:5])
                        ),
                    },
                ),
            },
            attrs={
                "Conventions": "CF-1.11",
                "title": title,
                "synthetic": int(synthetic),
                "identity": identity,
            },
        )
        with atomic_path(self.path) as scratch:
            ds.to_zarr(scratch, consolidated=False)
            group = zarr.open_group(scratch, mode="r+")
            array = group.create_array(
                "soil_moisture",
                shape=(len(self.days), g.height, g.width),
                chunks=(1, g.height, g.width),
                dtype="float32",
                fill_value=float("nan"),
                dimension_names=("time", "y", "x"),
                compressors=BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"),
            )
            array.attrs.update(
                {
                    "units": "m3 m-3",
                    "long_name": "volumetric soil moisture, 0-5 cm",
                    "standard_name": "volume_fraction_of_condensed_water_in_soil",
                    "grid_mapping": "spatial_ref",
                }
            )

    def is_done(self, day: date) -> bool:
        """Whether the day's map is complete."""
        return bool(self._done[self._index(day)])

    @property
    def missing(self) -> list[date]:
        """Days without a map yet."""
        return [d for d, done in zip(self.days, self._done, strict=True) if not done]

    def write(self, day: date, values: np.ndarray) -> None:
        """Store a day's map, (y, x) float32 m³ m⁻³, NaN where masked; the day counts as done only after
        its pixels are on disk.
        """
        if values.shape != self.grid.shape:
            raise InputError(
                f"A map of shape {values.shape} does not fit the store's lattice {self.grid.shape}."
            )
        k = self._index(day)
        self._group["soil_moisture"][k] = values.astype("float32", copy=False)
        self._done[k] = True
        self._group["done"][k] = True

    def read(self, day: date) -> np.ndarray:
        """Return a day's map, (y, x) float32."""
        return np.asarray(self._group["soil_moisture"][self._index(day)])

    def dataset(self) -> xr.Dataset:
        """Open the maps lazily as a data set (time, y, x), one chunk per day."""
        return xr.open_zarr(self.path, consolidated=False, decode_coords="all")

    def _index(self, day: date) -> int:
        try:
            return self.days.index(day)
        except ValueError:
            raise InputError(
                f"The map store is for {self.days[0]} to {self.days[-1]}; {day} is not among its "
                f"{len(self.days)} days."
            ) from None
