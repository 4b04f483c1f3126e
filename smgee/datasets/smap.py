"""SMAP level-3 soil moisture: the 9 km collections of Earth Engine, and the files of NSIDC.

Sources: the catalog pages NASA_SMAP_SPL3SMP_E_005 and NASA_SMAP_SPL3SMP_E_006 of
https://developers.google.com/earth-engine/datasets/catalog, the catalog's public ingestion script
(smap_convert_l3.py: the 0.08° grid, and flags reduced to 0 and 1), and the user guides of SPL3SMP and
SPL3SMP_E (nsidc.org/data/smap: groups and bits).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType

from smgee.datasets.base import Band, Dataset
from smgee.grid import PixelGrid

RETRIEVAL_BITS: tuple[str, ...] = (
    "not_recommended",
    "not_attempted",
    "not_successful",
    "freeze_thaw_not_successful",
)
"""Bits of ``retrieval_qual_flag`` in files, lowest first; a set bit is the bad case."""

SURFACE_BITS: tuple[str, ...] = (
    "static_water",
    "radar_water",
    "coast",
    "urban",
    "precipitation",
    "snow_or_ice",
    "permanent_snow_or_ice",
    "frozen_ground_radiometer",
    "frozen_ground_model",
    "mountains",
    "dense_vegetation",
    "nadir",
)
"""Bits of ``surface_flag`` in files, lowest first."""

GROUPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "am": ("Soil_Moisture_Retrieval_Data_AM", ""),
        "pm": ("Soil_Moisture_Retrieval_Data_PM", "_pm"),
    }
)
"""Group of each half orbit in a level-3 file, and the suffix of its variables. The morning's passes descend
near 06:00 local solar time, the evening's ascend near 18:00.
"""
HALF_ORBIT_GROUP = "Soil_Moisture_Retrieval_Data"
"""The group of a level-2 file."""

J2000 = datetime(2000, 1, 1, 12)
"""Noon from which ``tb_time_seconds`` counts, UTC; the few leap seconds since do not matter here."""

ALGORITHMS: Mapping[str, str] = MappingProxyType(
    {"baseline": "", "sca_h": "option1", "sca_v": "option2", "dca": "option3"}
)
"""Retrieval algorithms, and the suffix of their variables beside the baseline's: single channel at horizontal
and at vertical polarization, dual channel (user guides of SPL3SMP and SPL3SMP_E).
"""


def pattern(bits: tuple[str, ...], *names: str) -> int:
    """Return the number in which these of the named bits are set."""
    return sum(1 << bits.index(name) for name in names)


NO_GOOD_RETRIEVAL = pattern(RETRIEVAL_BITS, "not_recommended", "not_successful")
"""Bits of the stored flag that Earth Engine turns into 1."""


def retrieval_bands(half: str) -> tuple[Band, ...]:
    """Return the bands of a half orbit, ``"am"`` or ``"pm"``.

    Earth Engine keeps 0 and 1 of the flags: 1 where the retrieval is not recommended or did not succeed, or
    where the brightness temperature is bad.
    """

    def value(name: str, units: str) -> Band:
        return Band(f"{name}_{half}", "float32", units=units)

    def flag(name: str, bad_bits: int) -> Band:
        return Band(f"{name}_{half}", "uint8", pyramiding="SAMPLE", bad_bits=bad_bits)

    return (
        value("soil_moisture", "m3 m-3"),
        value("tb_h_corrected", "K"),
        value("tb_v_corrected", "K"),
        value("vegetation_water_content", "kg m-2"),
        flag("retrieval_qual_flag", NO_GOOD_RETRIEVAL),
        flag("tb_qual_flag_h", 1),
        flag("tb_qual_flag_v", 1),
    )


# The transform that images of the service state: 0.08° from 180° W and a little below the 85.0445664° N
# that bound EASE-Grid 2.0.
WARPED = PixelGrid("EPSG:4326", (0.08, 0.0, -180.0, 0.0, -0.08, 85.04450187981), 4500, 2126)
SEAM = date(2023, 12, 4)
"""First day of version 006; neither version covers the whole mission."""


def _version(number: str, start: date, end: date | None) -> Dataset:
    return Dataset(
        id=f"NASA/SMAP/SPL3SMP_E/{number}",
        title=f"SMAP L3 enhanced 9 km, version {number}",
        bands=(*retrieval_bands("am"), *retrieval_bands("pm")),
        short_name="SPL3SMP_E",
        start=start,
        end=end,
        spacing_m=9000.0,
        grid=WARPED,
    )


SMAP_9KM: tuple[Dataset, ...] = (
    _version("005", date(2015, 3, 31), SEAM),
    _version("006", SEAM, None),
)
# Every three hours, by a model that takes SMAP's measurements in. Of its 46 bands those that say how much
# water the soil holds.
SPL4 = Dataset(
    id="NASA/SMAP/SPL4SMGP/008",
    title="SMAP L4 surface and root zone soil moisture, 3 hours, version 008",
    bands=(
        Band("sm_surface", "float32", "surface", "m3 m-3"),
        Band("sm_rootzone", "float32", "rootzone", "m3 m-3"),
    ),
    short_name="SPL4SMGP",
    start=date(2015, 3, 31),
    spacing_m=11000.0,
)
SMAP_36KM_TWIN = "projects/smgee-twin/assets/SPL3SMP"
"""The synthetic basin's 36 km product. Earth Engine has none: elsewhere it is a copy that the user ingests,
with the same band names on the exact EASE-Grid.
"""


def smap_9km_ids(start: date, end: date) -> list[str]:
    """Return the versions of SPL3SMP_E that hold days in [start, end)."""
    return [d.id for d in SMAP_9KM if d.overlaps(start, end)]
