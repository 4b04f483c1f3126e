"""The data sets smgee knows: ids, bands, roles, units, masks, periods and file names, each said once here.

Adding a product is a `Dataset` in a file of its family, listed in `DATASETS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from smgee.datasets.base import Band, Dataset
from smgee.datasets.elevation import DEMS, ELEVATION, NASADEM
from smgee.datasets.hls import FMASK_BITS, HLS, ROLES, fmask_bits
from smgee.datasets.hydrography import MERIT_HYDRO
from smgee.datasets.land_cover import LAND_COVER, WORLDCOVER
from smgee.datasets.radar import RADAR, SENTINEL1
from smgee.datasets.smap import SMAP_9KM, SMAP_36KM_TWIN, SPL4, smap_9km_ids
from smgee.datasets.soil import CLAY, SAND, SOIL
from smgee.datasets.thermal import LST_SCALE, MODIS_LST
from smgee.datasets.weather import CHIRPS, ERA5_LAND, IMERG, WEATHER

__all__ = [
    "CHIRPS",
    "CLAY",
    "DATASETS",
    "DEMS",
    "DEPRECATED",
    "ERA5_LAND",
    "FMASK_BITS",
    "HLS",
    "IMERG",
    "LAND_COVER",
    "LST_SCALE",
    "MERIT_HYDRO",
    "MODIS_LST",
    "NASADEM",
    "RADAR",
    "ROLES",
    "SAND",
    "SENTINEL1",
    "SMAP_9KM",
    "SMAP_36KM_TWIN",
    "SPL4",
    "WORLDCOVER",
    "Band",
    "Dataset",
    "fmask_bits",
    "smap_9km_ids",
]

DATASETS: Mapping[str, Dataset] = MappingProxyType(
    {
        d.id: d
        for d in (
            *HLS.values(),
            *ELEVATION.values(),
            MERIT_HYDRO,
            *SMAP_9KM,
            SPL4,
            *WEATHER.values(),
            *SOIL.values(),
            *RADAR.values(),
            *LAND_COVER.values(),
            *MODIS_LST.values(),
        )
    }
)
"""By id."""

DEPRECATED: Mapping[str, str] = MappingProxyType(
    {d.id: d.replaced_by for d in DATASETS.values() if d.replaced_by is not None}
    | {
        "NASA/SMAP/SPL4SMGP/007": "NASA/SMAP/SPL4SMGP/008",
        "JAXA/ALOS/AW3D30/V3_2": "JAXA/ALOS/AW3D30/V4_1",
        "JAXA/ALOS/AW3D30/V2_2": "JAXA/ALOS/AW3D30/V4_1",
        "NASA_USDA/HSL/SMAP10KM_soil_moisture": "NASA/SMAP/SPL4SMGP/008",
        "NASA_USDA/HSL/SMAP_soil_moisture": "NASA/SMAP/SPL4SMGP/008",
    }
)
"""Ids that the catalog calls deprecated, and what replaces them (August 2026)."""
