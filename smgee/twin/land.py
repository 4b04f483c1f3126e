"""Soil hydraulics, vegetation cover and its seasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smgee.twin.noise import fractal_field, stream
from smgee.twin.terrain import LAKE_LEVEL, Terrain

PHENOLOGY_BINS = 64  # elevation bins of the phenology table
PHENOLOGY_STEP = 25.0  # metres per bin, from LAKE_LEVEL


@dataclass(frozen=True)
class Land:
    """Static soil and cover, every array (height, width).

    Attributes
    ----------
    porosity, field_capacity, wilting_point : float32, m³ m⁻³
    sand, clay : float32, mass fraction of the mineral soil
    organic : float32, volume fraction of organic matter
    cover : float32, green cover at the height of the season, 0-1
    brightness : float32, brightness of the dry soil, 0 dark to 1 bright
    """

    porosity: np.ndarray
    field_capacity: np.ndarray
    wilting_point: np.ndarray
    sand: np.ndarray
    clay: np.ndarray
    organic: np.ndarray
    cover: np.ndarray
    brightness: np.ndarray


def saturated_water(
    sand: np.ndarray, clay: np.ndarray, organic: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return porosity, field capacity and wilting point, m³ m⁻³.

    Clapp-Hornberger curve with the parameters of Cosby et al. 1984, Water Resour. Res. 20:682-690 (table 5),
    mixed with organic matter as in Lawrence & Slater 2008, Clim. Dyn. 30:145-160; suctions of 33 kPa (340 cm)
    and 1500 kPa (15300 cm).
    """
    porosity = (1 - organic) * (0.489 - 0.126 * sand) + organic * 0.9
    b = (1 - organic) * (2.91 + 15.9 * clay) + organic * 2.7
    suction = (1 - organic) * 10 ** (1.88 - 1.31 * sand) + organic * 1.03
    return porosity, porosity * (suction / 340.0) ** (1 / b), porosity * (suction / 15300.0) ** (1 / b)


def build_land(seed: int, terrain: Terrain) -> Land:
    """Lay soil and vegetation over a terrain.

    Soils coarsen upslope and are finer, and richer in organic matter, where water gathers; cover follows the
    alpine sequence of steppe, meadow, sparse cushion plants and scree, with shade and moisture as modifiers
    and patches of grazing.
    """
    z, shape = terrain.elevation, terrain.elevation.shape
    high = (z - LAKE_LEVEL) / 1000.0
    slope = np.hypot(terrain.slope_east, terrain.slope_north)
    wet = np.clip((terrain.wetness - 7.5) / 3.0, -1.0, 2.0)
    texture = fractal_field(stream(seed, "texture"), shape, beta=2.8, longest=400)
    fine = fractal_field(stream(seed, "clay"), shape, beta=2.8, longest=400)
    sand = np.clip(0.42 + 0.10 * high + 0.10 * texture - 0.03 * wet + 0.15 * slope, 0.12, 0.85)
    clay = np.clip(0.19 - 0.03 * high + 0.035 * fine - 0.03 * texture + 0.015 * wet, 0.05, 0.40)
    clay = np.minimum(clay, 0.95 - sand)
    meadow = np.exp(-(((high - 0.45) / 0.45) ** 2))
    patch = fractal_field(stream(seed, "pasture"), shape, beta=2.2, longest=120)
    shade = 1.0 - terrain.insolation
    cover = (
        0.50
        + 0.28 * meadow
        + 0.08 * wet
        + 0.35 * shade
        + 0.11 * patch
        - 0.35 * np.maximum(slope - 0.35, 0) / 0.3
    )
    cover = np.clip(cover * (1.0 / (1.0 + np.exp((high - 0.98) / 0.09))), 0.02, 0.97)
    organic = np.clip(0.03 + 0.13 * cover**2 + 0.05 * np.clip(wet, 0, 2) * cover, 0.0, 0.35)
    porosity, capacity, wilting = saturated_water(sand, clay, organic)
    # Levels of neighbouring probes differ as much at 2 km as at 30 km, by 0.05 m³ m⁻³ and more (TxSON, Pali):
    # structure, stones and depth of the soil, which no map shows.
    local = np.exp(0.18 * fractal_field(stream(seed, "structure"), shape, beta=2.0, longest=60))
    capacity = np.minimum(capacity * local, 0.85 * porosity)
    wilting = np.minimum(wilting * local, 0.5 * porosity)
    brightness = np.clip(0.75 - 2.2 * organic + 0.35 * (sand - 0.45) + 0.08 * fine, 0.0, 1.0)
    return Land(
        *(a.astype(np.float32) for a in (porosity, capacity, wilting, sand, clay, organic, cover, brightness))
    )


def phenology_table(days: np.ndarray) -> np.ndarray:
    """Return the green fraction of the seasonal maximum, (day, elevation bin) float32 in 0-1.

    Double logistic (Zhang et al. 2003, Remote Sens. Environ. 84:471-475). Spring comes two days later and
    autumn 1.2 days earlier for each 100 m, as field observations of alpine meadow around Qinghai Lake have it
    within a factor of two.

    Parameters
    ----------
    days : (n,) array
        Day of the year, 1-366.
    """
    high = np.arange(PHENOLOGY_BINS) * PHENOLOGY_STEP
    spring = 142.0 + 0.020 * high
    autumn = 262.0 - 0.012 * high
    d = np.asarray(days, float)[:, None]
    return (
        (1 / (1 + np.exp(-(d - spring) / 8.0)) - 1 / (1 + np.exp(-(d - autumn) / 9.0)))
        .clip(0, 1)
        .astype(np.float32)
    )
