"""The twin's terrain: fractal uplift, rivers that carve it, and what follows from its shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smgee.twin.noise import correlated_field, fractal_field, stream
from smgee.twin.routing import (
    carve,
    fill_depressions,
    hillslopes,
    multiple_flow_area,
    receivers,
    single_flow_area,
)

LAKE_LEVEL = 3200.0  # m; Qinghai Lake stood near 3196 m in 2021, and the basin drains to its shore
RELIEF = 1280.0  # m over a 36 km cell, after the Datong Mountains north of the lake
COARSE = 4  # the landscape is first evolved at 120 m, then refined at 30 m
CHANNEL_KM2 = 0.6  # contributing area at which a channel begins
RIVER_KM2 = 120.0  # contributing area at which open water fills a 30 m pixel


@dataclass(frozen=True)
class Terrain:
    """Static shape of the land, every array (height, width).

    Attributes
    ----------
    elevation : float32, m
    slope_east, slope_north : float32, rise over run towards east and north (grid axes)
    wetness : float32, topographic wetness index ln(a / tan b), a in metres
    insolation : float32, daily direct sun at the equinox relative to flat ground
    hillslope : int32, label of the channel reach that a pixel drains to
    water : bool, open water of rivers
    """

    elevation: np.ndarray
    slope_east: np.ndarray
    slope_north: np.ndarray
    wetness: np.ndarray
    insolation: np.ndarray
    hillslope: np.ndarray
    water: np.ndarray


def build_terrain(
    seed: int, shape: tuple[int, int], *, relief: float = RELIEF, size_m: float = 30.0
) -> np.ndarray:
    """Make the elevation of a basin that drains to its southern edge.

    Mountains rise to the north; an implicit stream power model (Braun & Willett 2013) carves valleys at 120 m
    and gullies at 30 m, with linear hillslope diffusion (Culling 1960) between the steps.

    Parameters
    ----------
    shape : (height, width)
        Pixels of `size_m` metres.
    relief : float
        Highest minus lowest point, metres.

    Returns
    -------
    (height, width) float32, metres
    """
    from scipy.ndimage import gaussian_filter, laplace, zoom

    rng = stream(seed, "terrain")
    coarse = (-(-shape[0] // COARSE) + 2, -(-shape[1] // COARSE) + 2)
    north = np.linspace(1.0, 0.0, coarse[0])[:, None] * np.ones(coarse[1])
    broad = fractal_field(rng, coarse, beta=3.2, longest=min(coarse))
    # A piedmont in the south, ranges in the north, bent by the broad field so that the front is no straight
    # line.
    uplift = np.clip(0.08 + 0.92 / (1.0 + np.exp(-(north - 0.32 + 0.07 * broad) / 0.10)), 0.05, None) * (
        1.0 + 0.18 * broad
    )
    uplift = np.clip(uplift, 0.03, None)
    z = 60.0 * north + 25.0 * fractal_field(rng, coarse, beta=2.4).astype(np.float64)
    hardness = np.exp(0.35 * fractal_field(rng, coarse, beta=2.6)).astype(np.float64)
    steps = 100
    for step in range(steps):
        if step % 6 == 0:
            z = fill_depressions(z, 1e-3)
        to, length = receivers(z)
        order = np.argsort(z, axis=None)
        area = single_flow_area(to, order)
        carve(z, to, length, order, area, uplift * hardness * 12.0, 0.2, 0.45)
        z[:-1] += 0.05 * laplace(z, mode="nearest")[:-1]
    fine = zoom(z, COARSE, order=3, mode="nearest", grid_mode=True)[
        COARSE : COARSE + shape[0], COARSE : COARSE + shape[1]
    ].copy()
    fine = LAKE_LEVEL + (fine - fine.min()) * (relief / (fine.max() - fine.min()))
    # Detail below 120 m follows the local steepness: smooth piedmont, rough mountain flanks.
    gy, gx = np.gradient(gaussian_filter(fine, 4), size_m)
    fine += (0.4 + 14.0 * np.hypot(gx, gy)) * fractal_field(rng, shape, beta=3.0, longest=24)
    still = np.zeros_like(fine)
    for _ in range(3):
        fine = fill_depressions(fine, 1e-3)
        to, length = receivers(fine)
        order = np.argsort(fine, axis=None)
        area = single_flow_area(to, order)
        carve(fine, to, length, order, np.minimum(area, 3e4), still, 0.012, 0.4)
        fine[:-1] += 0.15 * laplace(fine, mode="nearest")[:-1]
    fine = fill_depressions(fine, 2e-3)
    return (LAKE_LEVEL + (fine - fine.min()) * (relief / (fine.max() - fine.min()))).astype(np.float32)


def topography(elevation: np.ndarray, latitude: float, *, size_m: float = 30.0) -> Terrain:
    """Derive slope, wetness index, insolation, hillslopes and rivers from an elevation.

    The wetness index is Beven & Kirkby's (1979) with multiple flow (Freeman 1991) and tan b floored at 0.005.
    Insolation is the mean over daylight of max(cos i, 0) / mean cos of the zenith angle, for the sun at the
    equinox.
    """
    z = fill_depressions(elevation.astype(np.float64), 1e-3)
    south, east = np.gradient(elevation, size_m)
    slope_east, slope_north = east.astype(np.float32), (-south).astype(np.float32)
    tangent = np.hypot(slope_east, slope_north)
    to, _ = receivers(z)
    order = np.argsort(z, axis=None)
    drained = multiple_flow_area(z, order, 1.1)
    wetness = np.log(drained * size_m / np.maximum(tangent, 0.005)).astype(np.float32)
    area = single_flow_area(to, order)
    cell_km2 = size_m**2 / 1e6
    label, _ = hillslopes(to, order, area, CHANNEL_KM2 / cell_km2)
    water = (area >= RIVER_KM2 / cell_km2).reshape(elevation.shape)
    up = 1.0 / np.sqrt(1.0 + tangent**2)
    total = np.zeros_like(up)
    flat = 0.0
    for hour in np.radians(np.arange(-75.0, 76.0, 15.0)):
        s_up = np.cos(np.radians(latitude)) * np.cos(hour)
        s_east, s_north = -np.sin(hour), -np.sin(np.radians(latitude)) * np.cos(hour)
        total += np.maximum(up * (s_up - slope_east * s_east - slope_north * s_north), 0).astype(np.float32)
        flat += s_up
    return Terrain(
        elevation=elevation.astype(np.float32),
        slope_east=slope_east,
        slope_north=slope_north,
        wetness=wetness,
        insolation=(total / np.float32(flat)).astype(np.float32),
        hillslope=label.reshape(elevation.shape),
        water=water,
    )


def survey_error(seed: int, shape: tuple[int, int]) -> np.ndarray:
    """Return what a spaceborne survey gets wrong, (height, width) float32 metres: correlated over some 100 m,
    0.8 m strong.

    NASADEM's own error is larger in absolute terms (metres), but mostly shared by neighbouring pixels.
    """
    rng = stream(seed, "survey")
    return (0.8 * correlated_field(rng, shape, length=3.0)).astype(np.float32)
