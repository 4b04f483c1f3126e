"""Harmonized Landsat Sentinel-2 (HLS) v2.0.

Sources: the catalog pages NASA_HLS_HLSL30_v002 and NASA_HLS_HLSS30_v002 of
https://developers.google.com/earth-engine/datasets/catalog, and the HLS v2.0 user guide (stored integers,
fill values, table of the Fmask layer). Reflectance in Earth Engine is unit reflectance: stored integers times
1e-4.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from smgee.datasets.base import Band, Dataset
from smgee.errors import InputError

# Roles that both sensors measure, in wavelength order, with the short name that Awesome Spectral Indices
# (spyndex) gives each.
ROLES: Mapping[str, str] = MappingProxyType(
    {"blue": "B", "green": "G", "red": "R", "nir": "N", "swir1": "S1", "swir2": "S2"}
)

# Bit 0 is reserved and carries nothing, bits 6–7 are the aerosol level.
FMASK_BITS: Mapping[str, int] = MappingProxyType(
    {"cloud": 1, "adjacent": 2, "shadow": 3, "snow": 4, "water": 5}
)


def fmask_bits(classes: tuple[str, ...]) -> int:
    """Return the bit pattern that is zero where none of these Fmask classes is set."""
    unknown = [c for c in classes if c not in FMASK_BITS]
    if unknown:
        raise InputError(f"The Fmask classes {unknown} are not known; choose from {', '.join(FMASK_BITS)}.")
    return sum(1 << FMASK_BITS[c] for c in classes)


def _reflectance(name: str, role: str) -> Band:
    """Return a band of reflectance; files pad its number, ``B02`` for ``B2``."""
    stored = f"B{name[1:].zfill(2)}"
    return Band(name, "float32", role, "1", scale=1e-4, nodata=(-9999.0,), layers=(stored,))


def _thermal(name: str, role: str) -> Band:
    # The catalog page states no unit for the thermal bands; LP DAAC stores hundredths of a degree Celsius.
    return Band(name, "float32", role, "degC", scale=0.01, nodata=(-9999.0,))


_FMASK = Band("Fmask", "uint8", "quality", nodata=(255.0,), pyramiding="SAMPLE")
_ANGLES = tuple(
    Band(name, "float32", role, "degree", scale=0.01, nodata=(40000.0,))
    for name, role in (
        ("SZA", "sun_zenith"),
        ("SAA", "sun_azimuth"),
        ("VZA", "view_zenith"),
        ("VAA", "view_azimuth"),
    )
)
_TAGS = {
    "cloud_coverage": "CLOUD_COVERAGE",
    "spatial_coverage": "SPATIAL_COVERAGE",
    "HLS_PROCESSING_TIME": "HLS_PROCESSING_TIME",
    "MEAN_SUN_AZIMUTH_ANGLE": "MEAN_SUN_AZIMUTH_ANGLE",
    "MEAN_SUN_ZENITH_ANGLE": "MEAN_SUN_ZENITH_ANGLE",
    "MEAN_VIEW_AZIMUTH_ANGLE": "MEAN_VIEW_AZIMUTH_ANGLE",
    "MEAN_VIEW_ZENITH_ANGLE": "MEAN_VIEW_ZENITH_ANGLE",
    "NBAR_SOLAR_ZENITH": "NBAR_SOLAR_ZENITH",
    "ACCODE": "ACCODE",
}
_L30_TAGS = ("LANDSAT_PRODUCT_ID", "TIRS_SSM_MODEL", "TIRS_SSM_POSITION_STATUS", "USGS_SOFTWARE")
_S30_TAGS = ("PRODUCT_URI", "PROCESSING_BASELINE", "SENSING_TIME")

# The same name means different things in the two products (B5 is near infrared in L30, red edge in S30):
# select by role before merging.
HLS: Mapping[str, Dataset] = MappingProxyType(
    {
        "L30": Dataset(
            id="NASA/HLS/HLSL30/v002",
            title="HLS v2.0 Landsat 8/9 OLI",
            bands=(
                _reflectance("B1", "coastal"),
                _reflectance("B2", "blue"),
                _reflectance("B3", "green"),
                _reflectance("B4", "red"),
                _reflectance("B5", "nir"),
                _reflectance("B6", "swir1"),
                _reflectance("B7", "swir2"),
                _reflectance("B9", "cirrus"),
                _thermal("B10", "thermal1"),
                _thermal("B11", "thermal2"),
                _FMASK,
                *_ANGLES,
            ),
            short_name="HLSL30",
            start=date(2013, 4, 11),
            tags=MappingProxyType({**_TAGS, **{k: k for k in _L30_TAGS}}),
        ),
        "S30": Dataset(
            id="NASA/HLS/HLSS30/v002",
            title="HLS v2.0 Sentinel-2 MSI",
            bands=(
                _reflectance("B1", "coastal"),
                _reflectance("B2", "blue"),
                _reflectance("B3", "green"),
                _reflectance("B4", "red"),
                _reflectance("B5", "red_edge1"),
                _reflectance("B6", "red_edge2"),
                _reflectance("B7", "red_edge3"),
                _reflectance("B8", "nir_broad"),
                _reflectance("B8A", "nir"),
                _reflectance("B9", "water_vapour"),
                _reflectance("B10", "cirrus"),
                _reflectance("B11", "swir1"),
                _reflectance("B12", "swir2"),
                _FMASK,
                *_ANGLES,
            ),
            short_name="HLSS30",
            start=date(2015, 11, 28),
            tags=MappingProxyType({**_TAGS, **{k: k for k in _S30_TAGS}}),
        ),
    }
)
