"""Land cover: ESA WorldCover and the yearly map of MODIS.

Sources: the catalog pages ESA_WorldCover_v200 and MODIS_061_MCD12Q1 of
https://developers.google.com/earth-engine/datasets/catalog.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from smgee.datasets.base import Band, Dataset
from smgee.datasets.thermal import SINUSOIDAL
from smgee.grid import PixelGrid

_STEP = 1 / 12000  # degrees, about 10 m
_SIDE = 463.3127165279165

WORLDCOVER = Dataset(
    id="ESA/WorldCover/v200",
    title="ESA WorldCover 2021, 10 m, version 200",
    bands=(Band("Map", "uint8", "land_cover", pyramiding="MODE"),),
    start=date(2021, 1, 1),
    end=date(2022, 1, 1),
    spacing_m=10.0,
    grid=PixelGrid("EPSG:4326", (_STEP, 0.0, -180.0, 0.0, -_STEP, 84.0), 4_320_000, 1_728_000),
)
# One image a year; of its thirteen bands the classes of the IGBP.
MODIS_LAND_COVER = Dataset(
    id="MODIS/061/MCD12Q1",
    title="MODIS land cover by the year, 500 m, version 6.1",
    bands=(Band("LC_Type1", "uint8", "land_cover", pyramiding="MODE"),),
    short_name="MCD12Q1",
    start=date(2001, 1, 1),
    spacing_m=_SIDE,
    grid=PixelGrid(SINUSOIDAL, (_SIDE, 0.0, -20015109.354, 0.0, -_SIDE, 10007554.677), 86400, 43200),
)
LAND_COVER: Mapping[str, Dataset] = MappingProxyType({d.id: d for d in (WORLDCOVER, MODIS_LAND_COVER)})
"""By id."""
