"""SMAP soil moisture files as NSIDC delivers them: level-2 half orbits and level-3 days, 36 km and 9 km
(HDF5).

Documented in the user guides of SPL2SMP, SPL3SMP, SPL2SMP_E and SPL3SMP_E (nsidc.org/data/smap).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smgee.datasets.smap import GROUPS, HALF_ORBIT_GROUP, RETRIEVAL_BITS, SURFACE_BITS
from smgee.errors import InputError, MissingDataError, SmgeeError
from smgee.grid import EASE_CRS, EASE_GRIDS, EaseCell, transformer

_GROUPS = {group: (half.upper(), suffix) for half, (group, suffix) in GROUPS.items()}


def decode_bits(values: np.ndarray, names: Iterable[str]) -> pd.DataFrame:
    """Return one boolean column per bit, lowest bit first."""
    values = np.asarray(values).astype(np.int64)
    return pd.DataFrame({name: (values >> bit & 1).astype(bool) for bit, name in enumerate(names)})


def read_smap(
    path: str | Path, *, cells: Iterable[EaseCell] | None = None, surface: bool = False
) -> pd.DataFrame:
    """Read the retrievals of a SMAP soil moisture file.

    Parameters
    ----------
    path : path-like
        A level-2 half orbit (SPL2SMP, SPL2SMP_E) or a level-3 day (SPL3SMP, SPL3SMP_E), ``.h5``.
    cells : iterable of EaseCell, optional
        Only these cells; they must belong to the grid of the file.
    surface : bool
        Add the surface conditions, one boolean column per name in `SURFACE_BITS`.

    Returns
    -------
    pandas.DataFrame
        One row per cell that was looked at (and, at level 3, per overpass): date (UTC date of the file's name
        for level 3, of the overpass for level 2), orbit (``AM`` descending, ``PM`` ascending), cell, grid,
        row, col, lon, lat (degrees, of the cell), time (UTC of the overpass), soil_moisture (m³ m⁻³; NaN
        without retrieval), flag (0 recommended and retrieved, 1 otherwise: bit 0 or bit 2 of the quality flag
        is set, or it is missing; the rule of Earth Engine's copy), retrieval_qual_flag (−1 missing) and its
        bits as booleans. Fit for `smgee.validation.smap.validate`.

    Raises
    ------
    InputError
        Not a SMAP soil moisture file, or one that contradicts itself (indices beside the coordinates, orbit
        beside local time).
    """
    import h5py

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; give a SMAP soil moisture file (.h5).")
    try:
        with h5py.File(path, "r") as file:
            groups = [(name, *_GROUPS[name]) for name in _GROUPS if name in file]
            if groups:
                tables = [
                    _read_group(file[name], orbit, suffix, path, surface) for name, orbit, suffix in groups
                ]
                stamp = file_date(path)
                for t in tables:
                    t["date"] = stamp
            elif HALF_ORBIT_GROUP in file:
                table = _read_group(file[HALF_ORBIT_GROUP], _direction(file, path), "", path, surface)
                table["date"] = table["time"].dt.normalize()
                tables = [table]
            else:
                raise InputError(
                    f"{path.name} has no group of soil moisture retrievals; SPL2SMP, SPL3SMP and their "
                    "enhanced (_E) files are "
                    "read."
                )
    except SmgeeError:
        raise
    except (OSError, RuntimeError, LookupError, TypeError, ValueError) as error:  # h5py's words for damage
        raise InputError(f"{path.name} is not a readable HDF5 file ({error}); download it again.") from error
    table = pd.concat(tables, ignore_index=True)
    _check_local_time(table, path)
    if cells is not None:
        wanted = {c.name for c in cells}
        table = table[table["cell"].isin(wanted)].reset_index(drop=True)
        if table.empty:
            raise MissingDataError(
                f"{path.name} does not hold any of the {len(wanted)} cells asked for; the swath may pass "
                "beside them."
            )
    front = ["date", "orbit", "cell", "soil_moisture", "flag", "time"]
    return table[front + [c for c in table if c not in front]]


def _read_group(group: Any, orbit: str, suffix: str, path: Path, surface: bool) -> pd.DataFrame:
    def _named(name: str) -> str:
        return name + suffix if name + suffix in group else name

    def read(name: str) -> np.ndarray:
        key = _named(name)
        if key not in group:
            raise InputError(
                f"{path.name} lacks the variable {name}; it is not a whole SMAP soil moisture file."
            )
        return group[key][...]

    def fill(name: str, default: float) -> float:
        return float(np.asarray(group[_named(name)].attrs.get("_FillValue", default)).reshape(-1)[0])

    moisture, quality = read("soil_moisture"), read("retrieval_qual_flag")
    shape = moisture.shape
    if len(shape) == 2:
        grid = next((g for g, e in EASE_GRIDS.items() if (e.rows, e.cols) == shape), None)
        if grid is None:
            raise InputError(
                f"{path.name} holds an array of {shape}, which is none of the EASE-Grid 2.0 sizes known here."
            )
        rows, cols = np.indices(shape).reshape(2, -1)
    else:
        rows, cols = read("EASE_row_index").astype(np.int64), read("EASE_column_index").astype(np.int64)
        grid = _grid_of(rows, cols, read("latitude"), read("longitude"), path)
    times = read("tb_time_seconds")
    if not quality.shape == times.shape == shape:
        raise InputError(
            f"{path.name} holds soil moisture of {shape}, its flags of {quality.shape}, its times of "
            f"{times.shape}; it is not a whole SMAP soil moisture file."
        )
    moisture, quality = moisture.reshape(-1).astype(float), quality.reshape(-1).astype(np.int64)
    seconds = times.reshape(-1).astype(float)
    seen = (quality != int(fill("retrieval_qual_flag", 65534))) & (
        seconds != fill("tb_time_seconds", -9999.0)
    )
    missing = moisture == fill("soil_moisture", -9999.0)
    moisture = np.where(missing, np.nan, moisture)
    wrong = moisture[seen & ~np.isnan(moisture) & ~((moisture >= 0) & (moisture <= 1))]
    if len(wrong):
        raise InputError(
            f"{path.name} holds {len(wrong)} retrievals outside 0 to 1 m3 m-3, such as {wrong[0]:g}; "
            "download it again."
        )
    surface_flag = read("surface_flag").reshape(-1)[seen] if surface else None

    rows, cols, moisture, quality, seconds = (v[seen] for v in (rows, cols, moisture, quality, seconds))
    edges = EASE_GRIDS[grid]
    lon, lat = transformer(EASE_CRS, "EPSG:4326").transform(
        edges.left + (cols + 0.5) * edges.cell_size, edges.top - (rows + 0.5) * edges.cell_size
    )
    bits = decode_bits(quality, RETRIEVAL_BITS)
    bad = bits["not_recommended"] | bits["not_successful"] | np.isnan(moisture)
    # Seconds since noon, 1 January 2000 (J2000); the offset of leap seconds is far below what a daily
    # comparison can tell.
    time = pd.Timestamp("2000-01-01T12:00:00") + pd.to_timedelta(seconds, unit="s")
    table = pd.DataFrame(
        {
            "orbit": orbit,
            "cell": [f"{grid}_r{r:04d}_c{c:04d}" for r, c in zip(rows, cols, strict=True)],
            "soil_moisture": moisture,
            "flag": bad.astype(np.int64).to_numpy(),
            "time": time.round("s"),
            "grid": grid,
            "row": rows,
            "col": cols,
            "lon": lon,
            "lat": lat,
            "retrieval_qual_flag": quality,
        }
    )
    parts = [table, bits]
    if surface_flag is not None:
        parts.append(decode_bits(surface_flag, SURFACE_BITS))
    return pd.concat(parts, axis=1)


def _grid_of(rows: np.ndarray, cols: np.ndarray, lat: np.ndarray, lon: np.ndarray, path: Path) -> str:
    """Tell the grid of a flat file by which one puts its indices where its coordinates are."""
    ok = np.isfinite(lat) & (np.abs(lat) <= 90) & (np.abs(lon) <= 180)
    if not ok.any():
        raise MissingDataError(f"{path.name} holds no located retrieval.")
    x, y = transformer("EPSG:4326", EASE_CRS).transform(lon[ok].astype(float), lat[ok].astype(float))
    for name, g in EASE_GRIDS.items():
        dr = (g.top - y) / g.cell_size - rows[ok] - 0.5
        dc = (x - g.left) / g.cell_size - cols[ok] - 0.5
        if np.abs(dr).max() < 0.5 and np.abs(dc).max() < 0.5:
            return name
    raise InputError(
        f"The row and column indices of {path.name} do not belong to its coordinates on any of the grids "
        f"{', '.join(EASE_GRIDS)}."
    )


def _direction(file: Any, path: Path) -> str:
    """Return AM or PM of a half orbit, from its metadata; the file name has to agree where it says
    anything.
    """
    node = file.get("Metadata/OrbitMeasuredLocation")
    word = node.attrs.get("orbitDirection", "") if node is not None else ""
    word = (word.decode() if isinstance(word, bytes) else str(word)).lower()
    letters = {part for part in path.stem.split("_") if part in ("A", "D")}
    named = {"A": "ascending", "D": "descending"}[letters.pop()] if len(letters) == 1 else ""
    if not (word or named) or (word and named and word != named):
        raise InputError(
            f"{path.name} says {word or 'nothing'} of its orbit direction inside and {named or 'nothing'} in "
            "its name; one "
            "clear direction is needed."
        )
    return {"descending": "AM", "ascending": "PM"}[word or named]


def file_date(path: Path) -> pd.Timestamp:
    """Return the UTC date of a level-3 file, which only its name states plainly
    (SMAP_L3_SM_P_20150811_R18290_001.h5).
    """
    for part in path.stem.split("_"):
        if len(part) == 8 and part.isdigit():
            try:
                return pd.Timestamp(part)
            except ValueError as error:
                raise InputError(
                    f"The name of {path.name} states the day {part}, which no calendar has; keep the name "
                    "the file was delivered under."
                ) from error
    raise InputError(f"{path.name} names no date (YYYYMMDD); keep the name the file was delivered under.")


def _check_local_time(table: pd.DataFrame, path: Path) -> None:
    """Refuse a file whose overpass times are not those of its orbit direction, within 3 h at latitudes up
    to 60°.
    """
    low = table[table["lat"].abs() <= 60]
    for orbit, rows in low.groupby("orbit"):
        clock = (rows["time"] - rows["time"].dt.normalize()).dt.total_seconds() / 3600 + rows["lon"] / 15
        off = np.abs((clock - (6.0 if orbit == "AM" else 18.0) + 12) % 24 - 12)
        if off.median() > 3:
            raise InputError(
                f"{path.name} calls its {orbit} overpasses so, but they took place {off.median():.1f} h off "
                "that local time."
            )
