"""Pixels of array files: NetCDF, Zarr and HDF5, SMAP's EASE-Grid 2.0 arrays among them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from smgee.datasets.smap import WARPED
from smgee.eelocal.assets.geotiff import crs_name, decode_stored
from smgee.eelocal.assets.sources import ArraySource, Decoding, numbers
from smgee.errors import InputError
from smgee.grid import EASE_CRS, EASE_GRIDS, PixelGrid, parse_crs, transformer
from smgee.late import xr

_OPEN = 24  # files kept open
_files: OrderedDict[tuple[str, int], Any] = OrderedDict()
_lock = threading.RLock()  # HDF5 is not thread-safe; xarray's lazy arrays share file positions


def ease_grid(name: str) -> PixelGrid:
    """Return a whole EASE-Grid 2.0 grid (``M36``, ``M09``) as a pixel grid."""
    g = EASE_GRIDS[name]
    return PixelGrid(EASE_CRS, (g.cell_size, 0.0, g.left, 0.0, -g.cell_size, g.top), g.cols, g.rows)


def _opened(path: Path, kind: str) -> Any:
    """Return an open file, from the cache where it has not changed."""
    try:
        key = (str(path), path.stat().st_mtime_ns)
    except FileNotFoundError as error:
        raise InputError(
            f"The file {path} is gone; restore it, or remove its asset with `smgee catalog remove`."
        ) from error
    if key in _files:
        _files.move_to_end(key)
        return _files[key]
    try:
        if kind == "hdf5":
            import h5py

            file: Any = h5py.File(path, "r")
        elif kind == "zarr":
            file = xr.open_zarr(
                path, mask_and_scale=False, decode_times=False, chunks=None, consolidated=False
            )
        else:
            file = xr.open_dataset(path, mask_and_scale=False, decode_times=False)
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split(". ")[0].split())  # xarray goes on to speak of engines to install
        raise InputError(f"The file {path} is not a readable {kind} file ({said:.300}).") from error
    _files[key] = file
    while len(_files) > _OPEN:
        _files.popitem(last=False)[1].close()
    return file


def read_band(
    root: Path, source: ArraySource, dtype: str, window: tuple[int, int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Read a window of a band.

    Parameters
    ----------
    root : Path
        Relative file names start here.
    source : ArraySource
        The file.
    dtype : str
        Type of the values returned.
    window : (row, col, height, width)
        Inside the band's grid.
    """
    row, col, height, width = window
    with _lock:
        array = _opened(root / source.file, source.format)[source.variable]
        lead = source.index
        if source.ease is not None:
            rows, cols = _ease_cells(source.ease, row, col, height, width)
            r0, r1, c0, c1 = rows.min(), rows.max() + 1, cols.min(), cols.max() + 1
            stored = np.asarray(array[(*lead, slice(r0, r1), slice(c0, c1))])[np.ix_(rows - r0, cols - c0)]
        elif source.flip:
            total = array.shape[-2]
            stored = np.asarray(
                array[(*lead, slice(total - row - height, total - row), slice(col, col + width))]
            )[::-1]
        else:
            stored = np.asarray(array[(*lead, slice(row, row + height), slice(col, col + width))])
    values, valid = decode_stored(stored, source.decoding, dtype)
    if source.flag is not None:
        bad = ~valid | ((stored.astype("i8") & source.flag) != 0)
        return bad.astype(dtype), np.ones(stored.shape, bool)
    return np.where(valid, values, np.zeros((), dtype)), valid


def _ease_cells(name: str, row: int, col: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the EASE rows and columns nearest to a window's pixel centres; both grids are cylindrical, so
    they separate.
    """
    g = EASE_GRIDS[name]
    a, _, left, _, e, top = WARPED.transform
    lon = left + a * (np.arange(col, col + width) + 0.5)
    lat = np.clip(top + e * (np.arange(row, row + height) + 0.5), -top, top)
    to_ease = transformer("EPSG:4326", EASE_CRS)
    x, _ = to_ease.transform(lon, np.zeros_like(lon))
    _, y = to_ease.transform(np.zeros_like(lat), lat)
    cols = np.clip(((x - g.left) // g.cell_size).astype(int), 0, g.cols - 1)
    rows = np.clip(((g.top - y) // g.cell_size).astype(int), 0, g.rows - 1)
    return rows, cols


# -- what a file holds

_X = ("x", "lon", "longitude", "easting", "projection_x_coordinate")
_Y = ("y", "lat", "latitude", "northing", "projection_y_coordinate")
_T = ("time", "t", "date", "valid_time")


@dataclass(frozen=True)
class ArrayVariable:
    """A gridded variable of an array file: one band, at one or several times (UTC milliseconds)."""

    name: str
    dtype: str
    grid: PixelGrid
    source: ArraySource
    times: tuple[int, ...]


def inspect_arrays(path: Path, *, crs: str | None = None) -> list[ArrayVariable]:
    """Return the variables of a NetCDF or Zarr file that lie on a regular grid, with CF's packing applied.

    Parameters
    ----------
    path : Path
        A NetCDF file or a Zarr store.
    crs : str, optional
        The CRS, for files that do not state one and are not in longitude and latitude.

    Raises
    ------
    InputError
        When nothing in the file is gridded, its spacing is irregular, or its CRS is unknown.
    """
    kind = "zarr" if path.suffix.lower() == ".zarr" or path.is_dir() else "netcdf"
    with _lock:
        dataset = _opened(path, kind)
        decoded = xr.decode_cf(dataset, mask_and_scale=False)
    found = []
    for name, array in dataset.data_vars.items():
        x = next((d for d in array.dims if str(d).lower() in _X), None)
        y = next((d for d in array.dims if str(d).lower() in _Y), None)
        if (
            x is None
            or y is None
            or array.dims[-2:] != (y, x)
            or x not in dataset.coords
            or y not in dataset.coords
        ):
            continue
        if array.dtype.kind not in "biuf":
            continue
        lead = array.dims[:-2]
        timed = len(lead) == 1 and str(lead[0]).lower() in _T
        if not timed and any(array.sizes[d] > 1 for d in lead):
            continue
        grid, flip = _lattice(dataset, str(x), str(y), _crs(dataset, array, str(x), crs, path), path)
        packed = array.attrs.get("scale_factor") is not None or array.attrs.get("add_offset") is not None
        fills = [k for k in ("_FillValue", "missing_value") if k in array.attrs]
        decoding = Decoding(numbers(float(np.asarray(array.attrs[k]).item()) for k in fills))
        if packed:
            scale, offset = array.attrs.get("scale_factor", 1.0), array.attrs.get("add_offset", 0.0)
            decoding = replace(decoding, scale=float(scale), offset=float(offset))
        index = (0,) * len(lead)
        source = ArraySource(str(path), kind, str(name), index, bool(flip), decoding=decoding)
        times: tuple[int, ...] = ()
        if lead and str(lead[0]).lower() in _T and lead[0] in decoded.coords:
            stamps = decoded[lead[0]].values
            if np.issubdtype(stamps.dtype, np.datetime64):
                times = tuple(int(t) for t in stamps.astype("datetime64[ms]").astype("i8"))
        dtype = "float32" if packed else _stored_type(array.dtype)
        found.append(ArrayVariable(str(name), dtype, grid, source, times))
    if not found:
        raise InputError(
            f"The file {path} holds no variable on a regular (y, x) or (time, y, x) grid with its "
            "coordinates."
        )
    return found


def _stored_type(dtype: np.dtype) -> str:
    if dtype.kind == "b":
        return "uint8"
    if dtype.kind == "f" and dtype.itemsize < 4:
        return "float32"
    return dtype.name


def _crs(dataset: Any, array: Any, x: str, given: str | None, path: Path) -> str:
    if given is not None:
        parse_crs(given)
        return given
    mapping = array.attrs.get("grid_mapping", array.encoding.get("grid_mapping", "spatial_ref"))
    if mapping in dataset.variables:
        attributes = dataset[mapping].attrs
        text = attributes.get("crs_wkt") or attributes.get("spatial_ref")
        if text:
            return crs_name(parse_crs(str(text)))
        if attributes.get("grid_mapping_name"):
            from pyproj import CRS

            return crs_name(CRS.from_cf(attributes))
    if x.lower() in ("lon", "longitude") or "degree" in str(dataset[x].attrs.get("units", "")):
        return "EPSG:4326"
    raise InputError(
        f"The file {path} does not say which coordinate reference system its {x} is in; state it with --crs."
    )


def _lattice(dataset: Any, x: str, y: str, crs: str, path: Path) -> tuple[PixelGrid, bool]:
    """Return the north-up grid of coordinate centres, and whether the file's rows run northward."""
    xs, ys = (np.asarray(dataset[n].values, "f8") for n in (x, y))
    if len(xs) < 2 or len(ys) < 2:
        raise InputError(f"The file {path} has fewer than 2 rows or columns, so its pixel size is unknown.")
    dx, dy = (xs[-1] - xs[0]) / (len(xs) - 1), (ys[-1] - ys[0]) / (len(ys) - 1)
    for values, step, name in ((xs, dx, x), (ys, dy, y)):
        if not np.abs(np.diff(values) - step).max() <= 0.02 * abs(step):  # NaN too
            raise InputError(
                f"The coordinate {name} of {path} is not evenly spaced, so the file is no regular grid; "
                "regrid it first."
            )
    if dx <= 0:
        raise InputError(f"The coordinate {x} of {path} decreases; sort it first.")
    if crs == "EPSG:4326" and xs[-1] > 180 + dx:
        raise InputError(f"The longitudes of {path} run to {xs[-1]:g}°; shift them to ±180° first.")
    step = abs(dy)
    top = max(ys[0], ys[-1]) + step / 2
    return PixelGrid(
        crs, (float(dx), 0.0, float(xs[0] - dx / 2), 0.0, float(-step), float(top)), len(xs), len(ys)
    ), dy > 0
