"""Rain and reanalysis: ERA5-Land, CHIRPS and GPM IMERG.

Sources: their pages in https://developers.google.com/earth-engine/datasets/catalog. Of the 150 bands of
ERA5-Land those are listed that say something of soil moisture; sums carry the suffix ``_sum``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from smgee.datasets.base import Band, Dataset
from smgee.grid import PixelGrid

ERA5_LAND = Dataset(
    id="ECMWF/ERA5_LAND/DAILY_AGGR",
    title="ERA5-Land, daily aggregates",
    bands=(
        Band("dewpoint_temperature_2m", "float32", "dew_point", "K"),
        Band("temperature_2m", "float32", "air_temperature", "K"),
        Band("soil_temperature_level_1", "float32", "soil_temperature", "K"),
        Band("snow_depth_water_equivalent", "float32", "snow", "m"),
        Band("volumetric_soil_water_layer_1", "float32", "soil_moisture", "m3 m-3"),
        Band("surface_solar_radiation_downwards_sum", "float32", "solar_radiation", "J m-2"),
        Band("potential_evaporation_sum", "float32", "potential_evaporation", "m"),
        Band("total_precipitation_sum", "float32", "precipitation", "m"),
        Band("temperature_2m_min", "float32", "air_temperature_min", "K"),
        Band("temperature_2m_max", "float32", "air_temperature_max", "K"),
    ),
    start=date(1950, 1, 2),
    spacing_m=11132.0,
    grid=PixelGrid("EPSG:4326", (0.1, 0.0, -180.05, 0.0, -0.1, 90.05), 3601, 1801),
)
CHIRPS = Dataset(
    id="UCSB-CHG/CHIRPS/DAILY",
    title="CHIRPS, daily rain, version 2.0",
    bands=(Band("precipitation", "float32", "precipitation", "mm d-1"),),
    start=date(1981, 1, 1),
    spacing_m=5566.0,
    grid=PixelGrid("EPSG:4326", (0.05, 0.0, -180.0, 0.0, -0.05, 50.0), 7200, 2000),
)
# Every half hour; the late runs are replaced by the final one, which monthly gauges correct.
IMERG = Dataset(
    id="NASA/GPM_L3/IMERG_V07",
    title="GPM IMERG, rain by the half hour, version 07",
    bands=(Band("precipitation", "float32", "precipitation", "mm h-1"),),
    start=date(1998, 1, 1),
    spacing_m=11132.0,
    grid=PixelGrid("EPSG:4326", (0.1, 0.0, -180.0, 0.0, -0.1, 90.0), 3600, 1800),
)
WEATHER: Mapping[str, Dataset] = MappingProxyType({d.id: d for d in (ERA5_LAND, CHIRPS, IMERG)})
