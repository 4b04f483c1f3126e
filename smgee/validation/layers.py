"""A level-3 SMAP file as rasters on its own grid: every retrieval algorithm, all bits, the times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from smgee.datasets.smap import ALGORITHMS, GROUPS, HALF_ORBIT_GROUP
from smgee.errors import InputError, MissingDataError, SmgeeError
from smgee.grid import EASE_CRS, EASE_GRIDS, EaseCell, PixelGrid
from smgee.validation.hdf5 import file_date

FILLS: Mapping[str, float] = MappingProxyType({"float32": -9999.0, "uint16": 65534, "float64": -9999.0})
"""Value that means nothing, by type, as the product has it."""

_SINGLE = ("tb_h_corrected", "tb_v_corrected", "vegetation_water_content", "surface_flag", "tb_time_seconds")
_BY_ALGORITHM = ("soil_moisture", "retrieval_qual_flag")
_NEEDED = ("soil_moisture", "retrieval_qual_flag", "surface_flag", "tb_time_seconds")


@dataclass(frozen=True)
class Layers:
    """A window of a level-3 day.

    Attributes
    ----------
    grid : PixelGrid
        Of the window, in EASE-Grid 2.0.
    name : str
        Of the EASE-Grid, ``M36`` or ``M09``.
    day : date
        UTC date under which the product files its passes.
    bands : mapping of str to array (height, width)
        By band: the product's variable and the half orbit, such as ``soil_moisture_option1_pm``; stored
        values, with `FILLS` where there is nothing.
    product, version, release : str
        Such as SPL3SMP, 008 and R18290; empty where the file does not say.
    """

    grid: PixelGrid
    name: str
    day: date
    bands: Mapping[str, np.ndarray]
    product: str
    version: str
    release: str


def read_layers(path: str | Path, *, cells: Iterable[EaseCell] | None = None, margin: int = 1) -> Layers:
    """Read a level-3 day of SPL3SMP or SPL3SMP_E.

    Parameters
    ----------
    path : path-like
        ``SMAP_L3_SM_P_…h5`` or ``SMAP_L3_SM_P_E_…h5``.
    cells : iterable of EaseCell, optional
        Read only the window around these, 36 km cells or cells of the file's grid; the whole grid otherwise.
    margin : int
        Cells of the file's grid beyond them on each side.

    Raises
    ------
    InputError
        No level-3 file, or one that is not whole.
    MissingDataError
        A file without any retrieval in the window.
    """
    import h5py

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; give a level-3 SMAP file (.h5).")
    try:
        with h5py.File(path, "r") as file:
            halves = {half: file[group] for half, (group, _) in GROUPS.items() if group in file}
            if len(halves) < len(GROUPS):
                kind = "a half orbit (level 2)" if HALF_ORBIT_GROUP in file else "no SMAP level-3 file"
                raise InputError(
                    f"{path.name} is {kind}; give days of SPL3SMP or SPL3SMP_E, which hold both overpasses."
                )
            name, rows, cols = _window(halves, path, cells, margin)
            bands: dict[str, np.ndarray] = {}
            for half, group in halves.items():
                bands |= _bands(group, half, (rows, cols), path)
            told = _identity(file)
    except SmgeeError:
        raise
    except (OSError, RuntimeError, LookupError, TypeError, ValueError) as error:  # h5py's words for damage
        raise InputError(
            f"{path.name} is not a readable HDF5 file ({str(error).split('. ')[0]}); download it again."
        ) from error
    values = [v for b, v in bands.items() if b.startswith("soil_moisture")]
    if not any((v != FILLS["float32"]).any() for v in values):
        raise MissingDataError(
            f"{path.name} holds no retrieval in the window of {rows.stop - rows.start} by "
            f"{cols.stop - cols.start} cells; leave the day out, or give the files of another place."
        )
    ease = EASE_GRIDS[name]
    corner = ease.left + cols.start * ease.cell_size, ease.top - rows.start * ease.cell_size
    transform = (ease.cell_size, 0.0, corner[0], 0.0, -ease.cell_size, corner[1])
    grid = PixelGrid(EASE_CRS, transform, cols.stop - cols.start, rows.stop - rows.start)
    return Layers(grid, name, file_date(path).date(), bands, *told)


def _window(
    halves: Mapping[str, Any], path: Path, cells: Iterable[EaseCell] | None, margin: int
) -> tuple[str, slice, slice]:
    group = halves["am"]
    if "soil_moisture" not in group:
        raise InputError(f"{path.name} lacks the variable soil_moisture; it is not a whole SMAP file.")
    shape = group["soil_moisture"].shape
    name = next((g for g, e in EASE_GRIDS.items() if (e.rows, e.cols) == shape), None)
    if name is None:
        raise InputError(f"{path.name} holds arrays of {shape}, which is no EASE-Grid 2.0 known here.")
    if cells is None:
        return name, slice(0, shape[0]), slice(0, shape[1])
    own = [c for cell in cells for c in (cell.children(name) if cell.grid != name else [cell])]
    if not own:
        raise InputError("No cell was given to read around; give some, or read the whole grid.")
    rows, cols = [c.row for c in own], [c.col for c in own]
    if max(cols) - min(cols) > shape[1] // 2:
        raise InputError(
            "The cells lie on both sides of the antimeridian, where a window cannot; read the whole grid."
        )
    return (
        name,
        slice(max(min(rows) - margin, 0), min(max(rows) + margin + 1, shape[0])),
        slice(max(min(cols) - margin, 0), min(max(cols) + margin + 1, shape[1])),
    )


def _bands(group: Any, half: str, window: tuple[slice, slice], path: Path) -> dict[str, np.ndarray]:
    suffix = GROUPS[half][1]
    algorithms = [f"_{end}" if end else "" for end in ALGORITHMS.values()]
    names = [*_SINGLE, *(f"{n}{end}" for n in _BY_ALGORITHM for end in algorithms)]
    found = {}
    for name in names:
        key = name + suffix if name + suffix in group else name
        if key not in group:
            if name in _NEEDED:
                raise InputError(
                    f"{path.name} lacks the variable {name} ({half.upper()}); it is not a whole SMAP file."
                )
            continue
        stored = group[key]
        values = np.asarray(stored[window])
        kind = "uint16" if "flag" in name else "float64" if name == "tb_time_seconds" else "float32"
        fill = stored.attrs.get("_FillValue", FILLS[kind])
        nothing = values == np.asarray(fill).reshape(-1)[0]
        found[f"{name}_{half}"] = np.where(nothing, FILLS[kind], values).astype(kind)
    return found


def _identity(file: Any) -> tuple[str, str, str]:
    """Return product, version and composite release; empty where the metadata do not hold them."""
    node = file.get("Metadata/DatasetIdentification")
    found = dict(node.attrs) if node is not None else {}

    def text(*names: str) -> str:
        value = next((found[n] for n in names if n in found), "")
        return value.decode() if isinstance(value, bytes) else str(value)

    return text("shortName"), text("ECSVersionID", "VersionID"), text("CompositeReleaseID")
