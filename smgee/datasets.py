"""The Earth Engine datasets smgee uses: ids, bands by role, masks and seams, as their catalog pages state
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from smgee.errors import InputError

__all__ = [
    "DEMS",
    "FMASK_BITS",
    "HLS",
    "ROLES",
    "SMAP_9KM",
    "SMAP_ORBITS",
    "Dem",
    "OpticalCollection",
    "SmapCollection",
    "fmask_bits",
    "smap_9km_ids",
]

# Optical roles that both HLS sensors measure, in wavelength order, with the short name that Awesome Spectral
# Indices (spyndex) gives each.
ROLES: Mapping[str, str] = MappingProxyType(
    {"blue": "B", "green": "G", "red": "R", "nir": "N", "swir1": "S1", "swir2": "S2"}
)


@dataclass(frozen=True)
class OpticalCollection:
    """A harmonised surface-reflectance collection: unit reflectance, band names by role, and its quality
    band.
    """

    id: str
    title: str
    bands: Mapping[str, str]
    quality: str
    start: date


# The same name means different things in the two products (B5 is NIR in L30, red edge in S30): select by role
# before merging.
# https://developers.google.com/earth-engine/datasets/catalog/NASA_HLS_HLSL30_v002 and …HLSS30_v002. Values
# are unit reflectance already.
HLS: Mapping[str, OpticalCollection] = MappingProxyType(
    {
        "L30": OpticalCollection(
            "NASA/HLS/HLSL30/v002",
            "HLS v2.0 Landsat 8/9 OLI",
            MappingProxyType(
                {"blue": "B2", "green": "B3", "red": "B4", "nir": "B5", "swir1": "B6", "swir2": "B7"}
            ),
            "Fmask",
            date(2013, 4, 11),
        ),
        "S30": OpticalCollection(
            "NASA/HLS/HLSS30/v002",
            "HLS v2.0 Sentinel-2 MSI",
            MappingProxyType(
                {"blue": "B2", "green": "B3", "red": "B4", "nir": "B8A", "swir1": "B11", "swir2": "B12"}
            ),
            "Fmask",
            date(2015, 11, 28),
        ),
    }
)

# HLS v2.0 user guide, table of the Fmask quality layer; bit 0 is reserved and carries nothing, bits 6–7 are
# the aerosol level.
FMASK_BITS: Mapping[str, int] = MappingProxyType(
    {"cloud": 1, "adjacent": 2, "shadow": 3, "snow": 4, "water": 5}
)


def fmask_bits(classes: tuple[str, ...]) -> int:
    """Return the bit pattern that is zero where none of these Fmask classes is set."""
    unknown = [c for c in classes if c not in FMASK_BITS]
    if unknown:
        raise InputError(f"The Fmask classes {unknown} are not known; choose from {', '.join(FMASK_BITS)}.")
    return sum(1 << FMASK_BITS[c] for c in classes)


@dataclass(frozen=True)
class Dem:
    """An elevation model: `collection` says whether Earth Engine serves it as tiles that must be
    mosaicked.
    """

    id: str
    band: str
    collection: bool


DEMS: Mapping[str, Dem] = MappingProxyType(
    {
        d.id: d
        for d in (
            Dem("NASA/NASADEM_HGT/001", "elevation", False),
            Dem("USGS/SRTMGL1_003", "elevation", False),
            Dem("COPERNICUS/DEM/GLO30_2024_1", "DEM", True),
            Dem("JAXA/ALOS/AW3D30/V4_1", "DSM", True),
        )
    }
)


@dataclass(frozen=True)
class SmapCollection:
    """A version of a daily SMAP L3 product and the days it covers (`end` exclusive, None while it goes
    on).
    """

    id: str
    start: date
    end: date | None


# Neither version covers the whole mission: 005 ends where 006 begins.
SMAP_9KM = (
    SmapCollection("NASA/SMAP/SPL3SMP_E/005", date(2015, 3, 31), date(2023, 12, 4)),
    SmapCollection("NASA/SMAP/SPL3SMP_E/006", date(2023, 12, 4), None),
)
# Local solar time of the two half orbits: am is the descending pass near 06:00, pm the ascending one near
# 18:00.
SMAP_ORBITS: Mapping[str, str] = MappingProxyType({"am": "descending", "pm": "ascending"})
# Earth Engine has no 36 km SPL3SMP; smgee reads an ingested copy with the same band names on the exact
# EASE-Grid.
SMAP_36KM_TWIN = "projects/smgee-twin/assets/SPL3SMP"


def smap_9km_ids(start: date, end: date) -> list[str]:
    """Return the SPL3SMP_E versions that hold days in [start, end)."""
    return [c.id for c in SMAP_9KM if c.start < end and (c.end is None or c.end > start)]
