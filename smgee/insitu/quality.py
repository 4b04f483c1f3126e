"""Checks that every station record passes before it is used: flags, units, coordinates, time stamps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from smgee.errors import InputError

FLAGS: dict[str, str] = {
    "G": "good",
    "M": "missing",
    "C01": "soil moisture below 0 m3 m-3",
    "C02": "soil moisture above 0.60 m3 m-3",
    "C03": "soil moisture above the saturation point",
    "D01": "negative soil temperature (in situ)",
    "D02": "negative air temperature (in situ)",
    "D03": "negative soil temperature (GLDAS)",
    "D04": "rise without precipitation (in situ)",
    "D05": "rise without precipitation (GLDAS)",
    "D06": "spike",
    "D07": "negative break",
    "D08": "positive break",
    "D09": "constant low values after a negative break",
    "D10": "saturated plateau",
    "X": "rejected by a flag of the network's own",
}
"""The flags of the International Soil Moisture Network (Dorigo et al. 2013, Vadose Zone J. 12(3),
doi:10.2136/vzj2012.0097) and,
last, one for tables that carry flags of their own. Flag number i is bit i of the variable ``flags``."""

_BITS = {name: np.uint16(1 << i) for i, name in enumerate(FLAGS)}


def check_flags(flags: Iterable[str]) -> tuple[str, ...]:
    """Return the accepted flags as a tuple; raises `InputError` for one that the network does not know."""
    flags = (flags,) if isinstance(flags, str) else tuple(flags)
    unknown = [f for f in flags if f not in FLAGS]
    if unknown or not flags:
        raise InputError(
            f"The quality flags {unknown or 'given'} are not known; choose from {', '.join(FLAGS)} (G alone "
            "is the usual choice)."
        )
    return flags


def flag_mask(flags: Iterable[str]) -> np.uint16:
    """Return the bits of several flags together."""
    return np.uint16(np.bitwise_or.reduce([_BITS[f] for f in check_flags(flags)]))


def flags_present(ds: xr.Dataset) -> list[str]:
    """Return the flags that any record of a data set carries."""
    bits = np.bitwise_or.reduce(ds["flags"].values, axis=None)
    return [name for name, bit in _BITS.items() if bits & bit]


def flag_attributes() -> dict[str, object]:
    """Return the CF attributes of the variable ``flags``."""
    return {
        "long_name": "quality flags of soil moisture; no bit is set where nothing was recorded",
        "flag_masks": np.array(list(_BITS.values()), dtype=np.uint16),
        "flag_meanings": " ".join(FLAGS),
        "comment": "; ".join(f"{name}: {meaning}" for name, meaning in FLAGS.items()),
        "references": "doi:10.2136/vzj2012.0097",
    }


def encode_flags(flags: Sequence[object] | np.ndarray | pd.Series, source: str) -> np.ndarray:
    """Turn flag strings such as ``G`` or ``D01,D03`` into bits.

    Parameters
    ----------
    flags : sequence of str, shape (n,)
        One entry per record.
    source : str
        The file's name, for the error sentence.

    Returns
    -------
    numpy.ndarray, shape (n,), uint16

    Raises
    ------
    InputError
        A flag that is not in `FLAGS`: its meaning is unknown, so neither keeping nor dropping the record
        would be right.
    """
    codes, labels = pd.factorize(pd.Series(flags, dtype="object"), use_na_sentinel=True)
    bits = np.zeros(len(labels) + 1, np.uint16)
    for i, label in enumerate(labels):
        parts = str(label).split(",")
        unknown = [p for p in parts if p not in FLAGS or p == "X"]
        if unknown:
            raise InputError(
                f"{source} carries the quality flag {unknown[0]!r}, which is not one of "
                f"{', '.join(f for f in FLAGS if f != 'X')}."
            )
        bits[i] = flag_mask(parts)
    if (codes < 0).any():
        raise InputError(
            f"{source} has {int((codes < 0).sum())} records without a quality flag; every record of an ISMN "
            "file carries one."
        )
    return bits[codes]


def check_fractions(values: np.ndarray, source: str) -> None:
    """Raise `InputError` unless every finite value is a volume fraction in 0…1 m³ m⁻³.

    Per cent are recognised by a median above 1: they would otherwise pass for very wet soil in every later
    step. Infinities are no gaps, and refused.
    """
    infinite = int(np.isinf(values).sum())
    if infinite:
        raise InputError(
            f"{source} holds {infinite} soil moisture values that are infinite, not finite numbers; remove "
            "them, or mark them as missing."
        )
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return
    low, high, middle = float(finite.min()), float(finite.max()), float(np.median(finite))
    if middle > 1:
        raise InputError(
            f"{source} holds soil moisture from {low:g} to {high:g}, which look like per cent; m3 m-3 "
            "between 0 and 1 are "
            "expected: "
            "convert them, or say unit='%' (--unit %) where the reader takes it."
        )
    if low < 0 or high > 1:
        count = int(((finite < 0) | (finite > 1)).sum())
        raise InputError(
            f"{source} holds {count} accepted soil moisture values outside 0…1 m3 m-3 (from {low:g} to "
            f"{high:g}); "
            "flag or remove them before reading."
        )


def check_celsius(values: np.ndarray, source: str) -> None:
    """Raise `InputError` for soil temperatures that cannot be degrees Celsius.

    Kelvin are recognised by a median above 150: every day would otherwise pass for unfrozen.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return
    low, high = float(finite.min()), float(finite.max())
    if np.median(finite) > 150:
        raise InputError(
            f"{source} holds soil temperatures from {low:g} to {high:g}, which look like kelvin; degrees "
            "Celsius are expected: convert them, or say temperature_unit='K' (--temperature-unit K) where "
            "the reader takes it."
        )
    if low < -90 or high > 90:
        raise InputError(
            f"{source} holds soil temperatures from {low:g} to {high:g}; degrees Celsius between -90 and 90 "
            "are expected: remove the others, or mark them as missing."
        )


LEAST_MAXIMUM = 0.02
"""m³ m⁻³. A network whose wettest record is below this was scaled twice: the residual water of sand alone is
0.045 (Carsel and
Parrish 1988, Water Resour. Res. 24(5), doi:10.1029/WR024i005p00755), while fractions read as per cent stay
below 0.01.
"""


def check_scale(values: np.ndarray, source: str, *, factor: float, applied: str, remedy: str) -> None:
    """Raise `InputError` if the greatest value (m³ m⁻³, scaled by `factor` already) is too small for soil
    moisture.

    `applied` names the unit or scale that was applied, `remedy` says what to change.
    """
    finite = values[np.isfinite(values)]
    if finite.size and finite.max() < LEAST_MAXIMUM:
        high = float(finite.max())
        raise InputError(
            f"{source} reaches no more than {high / factor:g} as received, which is {high:g} m3 m-3 with "
            f"{applied}: too dry for any "
            f"soil; {remedy}."
        )


def check_times(times: pd.DatetimeIndex, source: str) -> None:
    """Raise `InputError` for missing or repeated time stamps."""
    if times.hasnans:
        number = int(np.isnat(times.to_numpy()).sum())
        raise InputError(
            f"{source} has {number} records without a readable time; give every record a date and time."
        )
    repeated = times[times.duplicated()]
    if len(repeated):
        raise InputError(
            f"{source} repeats {len(repeated)} time stamps, the first {repeated[0]:%Y-%m-%d %H:%M}; keep one "
            "record per time, "
            "or read with duplicates='first' or 'mean' (--duplicates)."
        )


def check_coordinates(stations: Sequence[str], lon: np.ndarray, lat: np.ndarray, *, source: str) -> None:
    """Raise `InputError` for coordinates that cannot be right; NaN (unknown) passes.

    Three things are refused: values outside the globe, the point (0, 0), and a longitude that stands where
    the latitude belongs. The last is seen either from a latitude beyond ±90°, or from one station that lies
    more than 5° from the median of the others while its exchanged coordinates lie within 1° of them.
    """
    lon, lat = np.asarray(lon, float), np.asarray(lat, float)
    for name, x, y in zip(stations, lon, lat, strict=True):
        if np.isnan(x) and np.isnan(y):
            continue
        if abs(y) > 90 and abs(x) <= 90:
            raise InputError(
                f"{source}: station {name} has latitude {y:g} and longitude {x:g}, which look exchanged; "
                "latitude lies within "
                "±90°."
            )
        if not (abs(y) <= 90 and -180 <= x <= 360) or (x == 0 and y == 0):
            raise InputError(
                f"{source}: station {name} has latitude {y:g} and longitude {x:g}; latitude lies within "
                "±90°, longitude within "
                "±180°."
            )
    for i, name in enumerate(stations):
        others = np.delete(np.arange(len(lon)), i)
        if len(others) < 3 or np.isnan(lon[others]).all():
            continue
        mx, my = np.nanmedian(lon[others]), np.nanmedian(lat[others])
        far = max(abs(lon[i] - mx), abs(lat[i] - my)) > 5
        if far and max(abs(lat[i] - mx), abs(lon[i] - my)) < 1:
            raise InputError(
                f"{source}: station {name} (latitude {lat[i]:g}, longitude {lon[i]:g}) lies far from the "
                "others, but among them "
                "with the two "
                "exchanged; correct its coordinates."
            )
