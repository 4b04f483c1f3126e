"""The store of daily maps: a zarr group that grows block by block and knows what is done.

The layout is that of zarr 2, which GDAL, xarray and the zarr libraries of other languages read. Chunks hold a
few days of a window of pixels, so that both a day's map and a pixel's series read fast. Array `check` holds,
for each day and block, a hash of the pixels; 0 where they are not done.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.errors import InputError
from smgee.grid import PixelGrid, parse_crs
from smgee.late import xr
from smgee.tables import Layer, Provenance, create_zarr
from smgee.upscale.blocks import BLOCK_ALIGNMENT, Block, Maps, tiling

LAYOUT = 4
DAYS_PER_CHUNK = 8


@dataclass(frozen=True)
class Variable:
    """One quantity that is mapped.

    Parameters
    ----------
    name : str
        Of the array in the store.
    units : str
        As CF writes them.
    long_name : str
        What it is, in a few words.
    standard_name : str
        Of the CF table; empty where there is none.
    """

    name: str
    units: str
    long_name: str
    standard_name: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        """Attributes of the array."""
        named = {"standard_name": self.standard_name} if self.standard_name else {}
        return {"units": self.units, "long_name": self.long_name, **named}


SOIL_MOISTURE = Variable(
    "soil_moisture",
    "m3 m-3",
    "volumetric soil moisture, 0-5 cm",
    "volume_fraction_of_condensed_water_in_soil",
)


class MapStore:
    """Daily maps on disk, in a CF zarr store.

    One process writes at a time; any number may read.

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
    provenance : Provenance, optional
        Written into the attributes.
    variables : sequence of Variable
        What is mapped.
    block : int
        Side of the blocks, in pixels. A store that is gone on with keeps its own.
    title : str
        What the maps show; the pixel size is added.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        days: Sequence[date],
        grid: PixelGrid,
        identity: str,
        provenance: Provenance | None = None,
        variables: Sequence[Variable] = (SOIL_MOISTURE,),
        block: int = 2 * BLOCK_ALIGNMENT,
        title: str = "Daily soil moisture",
    ):
        self.path = Path(path)
        _sweep(self.path)
        if not self._continues(identity, variables):
            made = provenance or Provenance()
            _create(self.path, list(days), grid, identity, made, list(variables), block, title)
        self._open("r+")

    @classmethod
    def open(cls, path: str | Path) -> MapStore:
        """Open a store to read.

        Raises
        ------
        InputError
            When there is none, or it is damaged.
        """
        store = cls.__new__(cls)
        store.path = Path(path)
        store._open("r")
        return store

    def _continues(self, identity: str, variables: Sequence[Variable]) -> bool:
        """Whether the store on disk is one of the same maps; a damaged one is not."""
        import zarr

        try:
            group: Any = zarr.open_group(self.path, mode="r", zarr_format=2)
            return (group.attrs.get("identity"), group.attrs.get("layout")) == (identity, LAYOUT) and all(
                v.name in group for v in variables
            )
        except Exception:  # whatever a library says of damaged metadata
            return False

    def _open(self, mode: Any) -> None:
        import zarr

        try:
            group: Any = zarr.open_group(self.path, mode=mode, zarr_format=2)
            attributes = dict(group.attrs)
            if attributes["layout"] != LAYOUT:
                raise ValueError(f"it is of layout {attributes['layout']}, not {LAYOUT}")
            self.identity = str(attributes["identity"])
            self.provenance = Provenance.of(attributes)
            about = json.loads(attributes["store"])
            self.grid = _grid_of(about["grid"])
            self.block = int(about["block"])
            self.days = [date.fromisoformat(d) for d in about["days"]]
            self.variables = tuple(Variable(**v) for v in about["variables"])
            self._arrays = {v.name: group[v.name] for v in self.variables}
            self._check_array = group["check"]
            self._check = np.asarray(self._check_array[:])
        except Exception as error:
            there = "holds no maps" if not self.path.exists() else "is damaged and cannot be read"
            raise InputError(
                f"The map store {self.path} {there} ({type(error).__name__}: {error!s:.120}); delete it "
                "and run `smgee predict` again."
            ) from error
        self.blocks = tiling(self.grid, self.block)
        self._position = {day: k for k, day in enumerate(self.days)}
        self._number = {block: k for k, block in enumerate(self.blocks)}

    # ------------------------------------------------------------------ what is done

    @property
    def done(self) -> np.ndarray:
        """Whether the pixels of each day and block are on disk, (days, blocks) bool."""
        return self._check != 0

    @property
    def missing(self) -> list[date]:
        """Days of which some block has no map yet."""
        complete = np.asarray(self.done.all(axis=1))
        return [d for d, done in zip(self.days, complete, strict=True) if not done]

    def missing_in(self, block: Block) -> list[date]:
        """Return the days that a block has no map of yet."""
        column = self.done[:, self._number_of(block)]
        return [d for d, done in zip(self.days, column, strict=True) if not done]

    # ------------------------------------------------------------------ writing

    def write(self, block: Block, days: Sequence[date], maps: Mapping[str, np.ndarray]) -> None:
        """Store days of a block; they count as done only after their pixels are on disk.

        Parameters
        ----------
        block : Block
            One of `blocks`.
        days : sequence of date
            Among the store's.
        maps : mapping of str to (days, height, width) float32
            Each of the store's variables; NaN where masked.
        """
        if set(maps) != set(self._arrays):
            raise InputError(
                f"The maps {sorted(maps)} do not fit a store of {sorted(self._arrays)}; write all of them at "
                "once."
            )
        number, at = self._number_of(block), [self._index(day) for day in days]
        expected = (len(at), block.height, block.width)
        values = {name: np.ascontiguousarray(v, dtype="<f4") for name, v in maps.items()}
        for name, array in values.items():
            if array.shape != expected:
                raise InputError(f"Maps of {name} of shape {array.shape} do not fit {expected} of the block.")
        if not at:
            return
        rows, cols = block.slices
        span = slice(min(at), max(at) + 1)
        inside = [k - span.start for k in at]
        # What is written over counts no more, should the pixels get there and their hash not.
        if self._check[at, number].any():
            self._enter(number, at, np.zeros(len(at), np.uint64))
        for name, array in values.items():
            target = self._arrays[name]
            if len(at) == span.stop - span.start:
                whole = np.empty_like(array)
            else:
                whole = np.asarray(target[span, rows, cols])
            whole[inside] = array
            target[span, rows, cols] = whole
        self._enter(number, at, self._hashes(values, len(at)))

    def _enter(self, number: int, at: Sequence[int], hashes: np.ndarray) -> None:
        self._check[at, number] = hashes
        self._check_array[:, number] = self._check[:, number]

    def _hashes(self, values: Mapping[str, np.ndarray], n_days: int) -> np.ndarray:
        """Return a hash of each day's pixels over all variables, never 0."""
        found = np.empty(n_days, np.uint64)
        for k in range(n_days):
            digest = blake2b(digest_size=8)
            for name in self._arrays:
                digest.update(values[name][k].data)
            found[k] = max(int.from_bytes(digest.digest(), "little"), 1)
        return found

    # ------------------------------------------------------------------ reading

    def read_block(self, block: Block, days: Sequence[date] | None = None) -> Maps:
        """Return days of a block, each variable (days, height, width) float32; NaN where nothing is done.

        Raises
        ------
        InputError
            When pixels on disk are not those that were written.
        """
        at = [self._index(day) for day in (self.days if days is None else days)]
        rows, cols = block.slices
        number = self._number_of(block)
        span = slice(min(at, default=0), max(at, default=-1) + 1)
        inside = [k - span.start for k in at]
        values = {}
        for name, array in self._arrays.items():
            try:
                whole = np.asarray(array[span, rows, cols])
            except Exception as error:  # whatever a codec says of bytes it cannot read
                raise self._damaged(block, self.days[span.start]) from error
            full = inside == list(range(whole.shape[0]))
            values[name] = np.ascontiguousarray(whole if full else whole[inside], dtype="<f4")
        known = self._check[at, number]
        wrong = np.flatnonzero((known != 0) & (self._hashes(values, len(at)) != known))
        if wrong.size:
            raise self._damaged(block, self.days[at[int(wrong[0])]])
        return values

    def _damaged(self, block: Block, day: date) -> InputError:
        return InputError(
            f"The map store {self.path} is damaged: the pixels of {day} at row {block.row}, column "
            f"{block.col} are not those that were written; delete the store and run `smgee predict` again."
        )

    def read(self, day: date, variable: str = "soil_moisture") -> np.ndarray:
        """Return a day's map, (y, x) float32."""
        whole = np.empty(self.grid.shape, np.float32)
        for block in self.blocks:
            whole[block.slices] = self.read_block(block, [day])[variable][0]
        return whole

    def spans(self, block: Block, *, days: int = 2 * DAYS_PER_CHUNK) -> Iterator[tuple[list[date], Maps]]:
        """Yield a block's maps some days at a time, in order of time: a season in little memory."""
        for k in range(0, len(self.days), days):
            some = self.days[k : k + days]
            yield some, self.read_block(block, some)

    def series(self, row: int, col: int, variable: str = "soil_moisture") -> np.ndarray:
        """Return a pixel's values on every day, (days,) float32, straight from the chunks that hold it."""
        return np.asarray(self._arrays[variable][:, row, col])

    def verify(self) -> list[tuple[date, Block]]:
        """Return the days and blocks whose pixels on disk are not those that were written."""
        wrong = []
        for block in self.blocks:
            for day in self.days:
                try:
                    self.read_block(block, [day])
                except InputError:
                    wrong.append((day, block))
        return wrong

    def dataset(self) -> xr.Dataset:
        """Open the maps lazily as a data set (time, y, x), with ``done`` (time, block)."""
        ds = xr.open_zarr(self.path, zarr_format=2, consolidated=True, decode_coords="all")
        for axis in ds.dims:
            if axis in ds.coords:
                ds[axis].encoding["_FillValue"] = None  # CF: nothing is missing of a coordinate
        done = (("time", "block"), self.done, {"long_name": "whether the pixels of a day are complete"})
        return ds.drop_vars("check").assign(done=done)

    def _index(self, day: date) -> int:
        try:
            return self._position[day]
        except KeyError:
            raise InputError(
                f"The map store is for {self.days[0]} to {self.days[-1]}; {day} is not among its "
                f"{len(self.days)} days."
            ) from None

    def _number_of(self, block: Block) -> int:
        try:
            return self._number[block]
        except KeyError:
            raise InputError(
                f"{block} is none of the store's {len(self.blocks)} blocks of {self.block} pixels; take one "
                "of its `blocks`."
            ) from None


def _sweep(path: Path) -> None:
    """Remove the chunks that a killed writer left half written."""
    for left in path.glob("**/*.partial"):
        left.unlink(missing_ok=True)


def _grid_of(content: Mapping[str, Any]) -> PixelGrid:
    a, b, c, d, e, f = (float(v) for v in content["transform"])
    return PixelGrid(content["crs"], (a, b, c, d, e, f), int(content["width"]), int(content["height"]))


def _create(
    path: Path,
    days: list[date],
    grid: PixelGrid,
    identity: str,
    provenance: Provenance,
    variables: list[Variable],
    block: int,
    title: str,
) -> None:
    """Make an empty store at once or not at all."""
    if not days or sorted(set(days)) != days:
        raise InputError("A map store needs days, ascending, each once.")
    about = {
        "block": block,
        "days": [d.isoformat() for d in days],
        "grid": {
            "crs": grid.crs,
            "transform": list(grid.transform),
            "width": grid.width,
            "height": grid.height,
        },
        "variables": [vars(v) for v in variables],
    }
    chunk = min(block, BLOCK_ALIGNMENT)
    chunks = (min(DAYS_PER_CHUNK, len(days)), min(chunk, grid.height), min(chunk, grid.width))
    sizes = {"time": len(days), "y": grid.height, "x": grid.width}
    maps = [
        Layer(v.name, sizes, chunks, "<f4", {**v.attributes, "grid_mapping": "spatial_ref"}, float("nan"))
        for v in variables
    ]
    hashed = {"time": len(days), "block": len(tiling(grid, block))}
    meant = {"long_name": "hash of the pixels, 0 if not done"}
    create_zarr(
        path,
        coordinates=_coordinates(days, grid),
        layers=[*maps, Layer("check", hashed, (len(days), 1), "<u8", meant)],
        title=f"{title} at {grid.transform[0]:g} m",
        provenance=provenance,
        # one text, so that the attributes are what NetCDF can hold too
        attributes={"identity": identity, "layout": LAYOUT, "store": json.dumps(about)},
    )


def _coordinates(days: list[date], grid: PixelGrid) -> dict[str, Any]:
    a, b, c, d, e, f = grid.transform
    place = " ".join(repr(v) for v in (c, a, b, f, d, e))
    axis = {axis: f"projection_{axis}_coordinate" for axis in "xy"}
    meant = {"standard_name": "time", "long_name": "day (UTC)", "axis": "T"}
    return {
        "time": ("time", pd.DatetimeIndex(days), meant),
        "y": ("y", f + (np.arange(grid.height) + 0.5) * e, _axis("y", axis["y"])),
        "x": ("x", c + (np.arange(grid.width) + 0.5) * a, _axis("x", axis["x"])),
        "spatial_ref": ((), 0, {**parse_crs(grid.crs).to_cf(), "GeoTransform": place}),
    }


def _axis(name: str, standard_name: str) -> dict[str, str]:
    return {
        "units": "m",
        "standard_name": standard_name,
        "long_name": f"{name} of the pixel centre",
        "axis": name.upper(),
    }
