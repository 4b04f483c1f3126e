"""Land surface temperature: MODIS on Terra and Aqua, by the day.

Sources: the catalog pages MODIS_061_MOD11A1 and MODIS_061_MYD11A1 of
https://developers.google.com/earth-engine/datasets/catalog (bands, scales, bits of the quality bands). Earth
Engine keeps the stored integers: they have to be scaled by whoever reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from smgee.datasets.base import Band, Dataset
from smgee.grid import PixelGrid

LST_SCALE = 0.02
"""K of the stored integers of temperature."""

SINUSOIDAL = "SR-ORG:6974"
_SIDE = 926.625433055833
GRID = PixelGrid(SINUSOIDAL, (_SIDE, 0.0, -20015109.354, 0.0, -_SIDE, 10007554.677), 43200, 21600)


def _half(name: str, role: str) -> tuple[Band, ...]:
    """Return the bands of day or night."""
    return (
        Band(f"LST_{name}_1km", "uint16", f"lst_{role}", "K", nodata=(0.0,)),
        Band(f"QC_{name}", "uint8", f"quality_{role}", pyramiding="SAMPLE"),
        Band(f"{name}_view_time", "uint8", units="h", nodata=(255.0,)),
        Band(f"{name}_view_angle", "uint8", units="degree", nodata=(255.0,)),
    )


def _product(name: str, satellite: str, start: date) -> Dataset:
    return Dataset(
        id=f"MODIS/061/{name}",
        title=f"MODIS {satellite}, land surface temperature of day and night, 1 km, version 6.1",
        bands=(
            *_half("Day", "day"),
            *_half("Night", "night"),
            Band("Emis_31", "uint8", units="1", nodata=(0.0,)),
            Band("Emis_32", "uint8", units="1", nodata=(0.0,)),
            Band("Clear_day_cov", "uint16", units="1", nodata=(0.0,)),
            Band("Clear_night_cov", "uint16", units="1", nodata=(0.0,)),
        ),
        short_name=name,
        start=start,
        spacing_m=_SIDE,
        grid=GRID,
    )


MODIS_LST: Mapping[str, Dataset] = MappingProxyType(
    {
        "terra": _product("MOD11A1", "Terra", date(2000, 2, 24)),
        "aqua": _product("MYD11A1", "Aqua", date(2002, 7, 4)),
    }
)
"""By satellite: Terra passes near 10:30 and 22:30, Aqua near 13:30 and 1:30, by the sun."""
