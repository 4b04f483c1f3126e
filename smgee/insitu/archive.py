"""Archives of the International Soil Moisture Network (ISMN), as downloaded: folders or zip files of ``.stm``
series.

The files are read one by one through the ``ismn`` package's file handlers. Its collection interface is not
used: that one writes an index and log files into the data folder.
"""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import InputError, MissingDataError
from smgee.insitu.dataset import Record, combine
from smgee.insitu.quality import (
    check_celsius,
    check_flags,
    check_fractions,
    check_times,
    encode_flags,
    flag_mask,
)

# Missing values are written as -9999 (or -9999.99); no soil is colder and no fraction lower than this.
_MISSING_BELOW = -999.0
_DEPTH_TOLERANCE = 1e-6  # m


@dataclass
class _Sensor:
    """One ``.stm`` file: where it stands and its raw series."""

    file: str
    network: str
    station: str
    variable: str
    sensor: str
    depth_from: float
    depth_to: float
    lat: float
    lon: float
    elevation: float
    handle: Any

    @property
    def middle(self) -> float:
        return (self.depth_from + self.depth_to) / 2

    def within(self, top: float, bottom: float) -> bool:
        return self.depth_from >= top - _DEPTH_TOLERANCE and self.depth_to <= bottom + _DEPTH_TOLERANCE


def read_ismn(
    path: str | Path,
    depth_m: tuple[float, float] = (0.0, 0.05),
    *,
    flags: Iterable[str] = ("G",),
    stations: Iterable[str] | None = None,
    networks: Iterable[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    duplicates: str = "error",
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Read the soil moisture (and soil temperature) of an ISMN archive.

    Parameters
    ----------
    path : path-like
        A downloaded archive: the zip file, its unpacked folder, one network's folder, one station's folder or
        one ``.stm`` file. Both the header+values and the CEOP format are read. Nothing is written beside the
        data.
    depth_m : (float, float)
        Only sensors whose whole depth range lies in this layer count (metres below the surface).
    flags : iterable of str
        Records are kept when **all** their ISMN flags are among these; everything else becomes NaN, its flags
        stay visible in ``flags``.
    stations, networks : iterable of str, optional
        Read only these.
    start, end : str, optional
        First and last day, UTC, inclusive.
    duplicates : {"error", "first", "mean"}
        What to do with repeated time stamps of one sensor.
    progress : callable, optional
        Called as ``progress(done, total)`` after each station.

    Returns
    -------
    xarray.Dataset
        See `smgee.insitu.dataset.combine`. Times are UTC, as in the archive.

    Notes
    -----
    **Depth choice.** A station often has several sensors in the layer. Taken is the one that covers most of
    the layer; among equals (point probes cover none of it) the deepest, because the 5 cm probe is the
    reference of the SMAP validation sites (Colliander et al. 2017, Remote Sens. Environ. 191:215-231); among
    those the one with most accepted records; then the first by name. The soil temperature sensor is the one
    whose middle is nearest in depth to the chosen moisture sensor, at most 0.1 m away.

    Raises
    ------
    InputError
        A file that is not an ISMN series, an unknown flag, per cent instead of fractions, impossible
        coordinates, repeated times.
    MissingDataError
        No ``.stm`` file, or no soil moisture sensor in the layer.
    """
    path = Path(path)
    accepted = check_flags(flags)
    top, bottom = float(depth_m[0]), float(depth_m[1])
    if not 0 <= top <= bottom:
        raise InputError(
            f"The layer {depth_m} m is not a depth range; give the upper and the lower bound below the "
            "surface, such as (0, "
            "0.05)."
        )
    if duplicates not in ("error", "first", "mean"):
        raise InputError(f"duplicates={duplicates!r} is not known; choose 'error', 'first' or 'mean'.")

    period = _day("start", start), _day("end", end)
    with tempfile.TemporaryDirectory(prefix="smgee-ismn-") as scratch, whole_zip(path):
        sensors, statics = _list_sensors(path, scratch, networks=networks, stations=stations)
        groups: dict[tuple[str, str], list[_Sensor]] = {}
        for s in sensors:
            groups.setdefault((s.network, s.station), []).append(s)
        several = len({network for network, _ in groups}) > 1
        records, outside = [], []
        for i, ((network, station), members) in enumerate(sorted(groups.items())):
            label = f"{network}/{station}" if several else station
            candidates = [s for s in members if s.variable == "soil_moisture" and s.within(top, bottom)]
            if candidates:
                records.append(
                    _read_station(
                        label, members, candidates, statics, (top, bottom), accepted, duplicates, period
                    )
                )
            else:
                outside.append(label)
            if progress:
                progress(i + 1, len(groups))
    if not records:
        depths = sorted({(s.depth_from, s.depth_to) for s in sensors if s.variable == "soil_moisture"})
        raise MissingDataError(
            f"{path} has no soil moisture sensor between {top:g} and {bottom:g} m; its sensors stand at "
            f"{depths} m."
        )
    return combine(
        records,
        source=str(path.name),
        attrs={
            "title": "in situ soil moisture of the International Soil Moisture Network",
            "accepted_flags": " ".join(accepted),
            "layer_m": f"{top:g} {bottom:g}",
            "stations_without_sensor_in_layer": " ".join(outside),
        },
    )


@contextmanager
def whole_zip(path: Path) -> Iterator[None]:
    """Say in a sentence that a zip file is damaged, where its reading ends in an error of Python's."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, UnicodeDecodeError) as error:
        raise InputError(f"The zip file {path} is damaged ({error}); download it again.") from error


def _day(name: str, value: str | None) -> str | None:
    """Return a first or last day as it was given, after looking whether it is one."""
    try:
        return None if value is None else date.fromisoformat(str(value)[:10]).isoformat()
    except ValueError as error:
        raise InputError(f"{name} is {value!r}, which is no day; give one such as 2021-05-31.") from error


def _list_sensors(
    path: Path, scratch: str, *, networks: Iterable[str] | None, stations: Iterable[str] | None
) -> tuple[list[_Sensor], dict[str, Any]]:
    """Open every ``.stm`` header below `path`; return the sensors and, per folder, the static variables."""
    from ismn.base import IsmnRoot
    from ismn.filehandlers import DataFile

    if not path.exists():
        raise InputError(f"{path} does not exist; give the folder or zip file of an ISMN archive.")
    if path.is_file() and not zipfile.is_zipfile(path):
        if path.suffix.lower() != ".stm":
            raise InputError(
                f"{path.name} is neither a zip file nor an .stm file; give an ISMN archive, a folder of one, "
                "or one .stm file."
            )
        root, names = IsmnRoot(path.parent), [path.name]
    else:
        root = IsmnRoot(path)
        found = root.zip.namelist() if root.zip else (p.relative_to(path).as_posix() for p in path.rglob("*"))
        names = sorted(n for n in found if n.lower().endswith(".stm"))
    if not names:
        raise MissingDataError(f"{path} holds no .stm file; give the folder or zip file of an ISMN archive.")

    wanted_networks = set(networks) if networks is not None else None
    wanted_stations = set(stations) if stations is not None else None
    sensors: list[_Sensor] = []
    for name in names:
        parts = PurePosixPath(name).name.split("_")
        if len(parts) < 9:
            raise InputError(
                f"{name} is not named as ISMN files are "
                "(Experiment_Network_Station_variable_from_to_sensor_start_end.stm); "
                "keep the names of the download."
            )
        if (wanted_networks is not None and parts[1] not in wanted_networks) or (
            wanted_stations is not None and parts[2] not in wanted_stations
        ):
            continue
        try:
            handle = DataFile(root, name, temp_root=scratch)
            meta = handle.metadata
            depth = meta["instrument"].depth
            sensors.append(
                _Sensor(
                    file=PurePosixPath(name).name,
                    network=parts[1],
                    station=parts[2],
                    variable=str(meta["variable"].val),
                    sensor=str(meta["instrument"].val),
                    depth_from=float(depth.start),
                    depth_to=float(depth.end),
                    lat=float(meta["latitude"].val),
                    lon=float(meta["longitude"].val),
                    elevation=float(meta["elevation"].val),
                    handle=handle,
                )
            )
        except Exception as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise InputError(
                f"The header of {name} cannot be read as an ISMN series ({reason}); download the file again."
            ) from error
    missing = (wanted_stations or set()) - {s.station for s in sensors}
    if missing:
        raise InputError(
            f"{path} has no station {', '.join(sorted(missing))}; check the names (they are those of the "
            "folders)."
        )
    folders = {str(PurePosixPath(n).parent) for n in names}
    return sensors, {folder: _read_static(root, folder, scratch) for folder in folders}


def _read_static(root: Any, folder: str, scratch: str) -> Any:
    """Return the static variables of a station folder, or None where the archive has none (the columns
    then stay empty).
    """
    from ismn.const import IsmnFileError
    from ismn.filehandlers import StaticMetaFile

    if root.zip:
        names = [
            n
            for n in root.zip.namelist()
            if str(PurePosixPath(n).parent) == folder and n.endswith("static_variables.csv")
        ]
    else:
        names = [
            p.relative_to(root.path).as_posix()
            for p in sorted((root.path / folder).glob("*static_variables.csv"))
        ]
    if not names:
        return None
    try:
        return StaticMetaFile(root, names[0], temp_root=scratch).metadata
    except (IsmnFileError, KeyError, ValueError, IndexError, OSError):
        return None


def _read_station(
    label: str,
    members: list[_Sensor],
    candidates: list[_Sensor],
    statics: dict[str, Any],
    layer: tuple[float, float],
    accepted: tuple[str, ...],
    duplicates: str,
    period: tuple[str | None, str | None],
) -> Record:
    """Choose the sensors of one station by the documented rule and read them."""

    def rank(s: _Sensor) -> tuple[float, float]:
        overlap = min(s.depth_to, layer[1]) - max(s.depth_from, layer[0])
        return -round(overlap, 6), -round(s.middle, 6)

    best = min(rank(s) for s in candidates)
    tied = sorted((s for s in candidates if rank(s) == best), key=lambda s: s.sensor)
    read = [(s, *_read_series(s, accepted, duplicates, period)) for s in tied]
    sensor, moisture, bits = max(
        read, key=lambda item: int(item[1].notna().sum())
    )  # max keeps the first of equals
    check_fractions(moisture.to_numpy(), f"{sensor.file}")

    temperature, temperature_depth = None, np.nan
    probes = [
        s
        for s in members
        if s.variable == "soil_temperature" and abs(s.middle - sensor.middle) <= 0.1 + _DEPTH_TOLERANCE
    ]
    if probes:
        nearest = min(round(abs(s.middle - sensor.middle), 6) for s in probes)
        series = [
            (s, _read_series(s, ("G",), duplicates, period)[0])
            for s in sorted(probes, key=lambda s: s.sensor)
            if round(abs(s.middle - sensor.middle), 6) == nearest
        ]
        probe, temperature = max(series, key=lambda item: int(item[1].notna().sum()))
        check_celsius(temperature.to_numpy(), probe.file)
        temperature_depth = probe.middle

    folder = str(PurePosixPath(str(sensor.handle.file_path).replace("\\", "/")).parent)
    site = {
        "lon": sensor.lon,
        "lat": sensor.lat,
        "elevation": sensor.elevation,
        "depth_from": sensor.depth_from,
        "depth_to": sensor.depth_to,
        "network": sensor.network,
        "sensor": sensor.sensor,
        "temperature_depth": temperature_depth,
        **_site_facts(statics.get(folder), sensor),
    }
    return Record(label, moisture, bits, temperature, site)


def _read_series(
    sensor: _Sensor, accepted: tuple[str, ...], duplicates: str, period: tuple[str | None, str | None]
) -> tuple[pd.Series, pd.Series]:
    """Return accepted values (NaN elsewhere) and flag bits of one sensor, by time."""
    try:
        frame = sensor.handle.read_data()
        values = pd.to_numeric(frame[sensor.variable]).astype(float)
        times = pd.DatetimeIndex(frame.index).as_unit("ns")  # refuses what would wrap around
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"The records of {sensor.file} cannot be read ({reason}); download the file again."
        ) from error
    bits = encode_flags(frame[f"{sensor.variable}_flag"].to_numpy(), sensor.file)
    allowed = flag_mask(accepted)
    keep = (bits != 0) & ((bits & ~allowed) == 0) & (values.to_numpy() > _MISSING_BELOW)
    table = pd.DataFrame({"value": np.where(keep, values.to_numpy(), np.nan), "bits": bits}, index=times)
    if duplicates == "error":
        check_times(times, sensor.file)
    elif duplicates == "first":
        table = table[~table.index.duplicated()]
    else:
        grouped = table.groupby(level=0)
        table = pd.DataFrame(
            {
                "value": grouped["value"].mean(),
                "bits": grouped["bits"].agg(np.bitwise_or.reduce).astype(np.uint16),
            }
        )
    table = table.sort_index().loc[period[0] : period[1]]
    return table["value"], table["bits"].astype(np.uint16)


def _site_facts(static: Any, sensor: _Sensor) -> dict[str, object]:
    """Return land cover, climate and texture at the sensor's depth from the archive's static variables."""
    if static is None:
        return {}
    from ismn.meta import Depth

    best = static.best_meta_for_depth(Depth(sensor.depth_from, sensor.depth_to))

    def get(key: str) -> Any:
        variable = best[key] if key in best.keys() else None  # noqa: SIM118 (MetaData is not a dict)
        return getattr(variable, "val", None)

    facts: dict[str, object] = {}
    for ours, theirs in (
        ("land_cover", "lc_2010"),
        ("clay_fraction", "clay_fraction"),
        ("sand_fraction", "sand_fraction"),
    ):
        facts[ours] = float(pd.to_numeric(pd.Series([get(theirs)]), errors="coerce").iloc[0])
    climate = get("climate_KG")
    facts["climate"] = "" if climate in (None, "unknown") else str(climate)
    return facts
