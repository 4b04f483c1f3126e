"""SMAP level 4 over the basin: a land model's soil moisture every three hours, drawn towards what SMAP sees.

The model has its own soil and its own rain, which gauges correct: errors of the day of some 40 %. Where the
radiometer has passed, the model takes a part of the difference from it, both as departures from their own
season; so what SMAP gets wrong goes in as well. The outcome is as at the core validation sites: an ubRMSE
of some 0.04 m³ m⁻³ and a correlation near 0.8 (Reichle et al. 2017, J. Hydrometeorol. 18:2621-2645).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter

from smgee.grid import PixelGrid
from smgee.twin.noise import stream
from smgee.twin.products import Products, window_of

STEPS = 8
"""Images of a day."""

# What GDAL's warp makes of the 9 km EASE-Grid in degrees, whose default the catalog's ingestion takes.
_STEP = 0.09516256938937351
LATTICE = PixelGrid("EPSG:4326", (_STEP, 0.0, -180.0, 0.0, -_STEP, 85.04456635044365), 3783, 1787)

SURFACE_MM = 50.0
GAIN = 0.15
"""Share of the difference from SMAP that the model takes on at a pass."""

RAIN_ERROR = 0.4  # of the day, standard deviation of the logarithm
ROOT_STEPS = 20.0 * STEPS  # in which the root zone follows the surface
# Shares of the day's demand by three hours from 0:00 UTC; the basin's noon is near 5:20 UTC.
_DEMAND = np.array([0.22, 0.33, 0.27, 0.12, 0.0, 0.0, 0.0, 0.06])
_PASS = {"am": 7, "pm": 3}  # the steps of 23:20 and 11:20 UTC


class Analysis:
    """The model's soil moisture of one year.

    Parameters
    ----------
    products : Products
        Of the basin and year; its rain is corrupted here anew.
    seen : callable
        Gives SMAP's recommended retrievals of a half orbit, ``"am"`` or ``"pm"``, as means over the basin by
        day, NaN where there are none.
    """

    def __init__(self, products: Products, seen: Callable[[str], np.ndarray]) -> None:
        self.products = products
        self.seen = seen

    @cached_property
    def grid(self) -> PixelGrid:
        """The pixels around the basin."""
        return window_of(self.products.basin, LATTICE, margin=0.1)

    @cached_property
    def bands(self) -> dict[str, np.ndarray]:
        """``sm_surface`` and ``sm_rootzone``, each (day × 8, height, width) float32 m³ m⁻³."""
        rain, demand = self._forcing()
        free = self._run(rain, demand, np.full(len(rain), np.nan))
        surface = self._run(rain, demand, self._wanted(free.mean(axis=(1, 2))))
        root = np.empty_like(surface)
        below = surface[: 30 * STEPS].mean(axis=0)
        for i, above in enumerate(surface):
            below = below + (above - below) / ROOT_STEPS
            root[i] = below
        return {"sm_surface": surface.astype(np.float32), "sm_rootzone": root.astype(np.float32)}

    def _forcing(self) -> tuple[np.ndarray, np.ndarray]:
        """Return rain and demand of every step, mm, (step, height, width)."""
        basin = self.products.basin
        rng = stream(basin.seed, "level 4", basin.year)
        rain, dz = self.products.rain(self.grid)
        days = len(rain)
        wide = gaussian_filter(rain, (0, 1.0, 1.0), mode="nearest")
        error = np.exp(RAIN_ERROR * rng.standard_normal(days) - RAIN_ERROR**2 / 2)
        share = rng.dirichlet(np.full(STEPS, 0.4), days)
        first = basin.weather.index(basin.days[0])
        of_year = slice(first, first + days)
        daily = np.maximum(
            basin.weather.demand[of_year, None, None] + basin.weather.demand_lapse[of_year, None, None] * dz,
            0,
        )
        falls = (wide * error[:, None, None])[:, None] * share[:, :, None, None]
        asked = daily[:, None] * _DEMAND[None, :, None, None]
        shape = (days * STEPS, *rain.shape[1:])
        return falls.reshape(shape), asked.reshape(shape)

    def _wanted(self, free: np.ndarray) -> np.ndarray:
        """Return what SMAP would have the model's mean be, by step, NaN without a pass: its departures from
        its own season, of the model's spread, about the free model's season.
        """
        wanted = np.full(len(free), np.nan)
        for half, step in _PASS.items():
            seen, own = self.seen(half), free[step::STEPS]
            there = np.isfinite(seen)
            if there.sum() > 5:
                scale = own[there].std() / (seen[there].std() or 1.0)
                wanted[step::STEPS] = own[there].mean() + scale * (seen - seen[there].mean())
        return wanted

    @staticmethod
    def _run(rain: np.ndarray, demand: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Run the surface layer of 50 mm, m³ m⁻³."""
        store = np.full(rain.shape[1:], SURFACE_MM * 0.24)
        out = np.empty_like(rain)
        for i in range(len(rain)):
            filled = np.clip((store / SURFACE_MM - 0.08) / 0.24, 0, 1)
            store = store + 0.3 * rain[i] - 0.45 * demand[i] * filled
            store = store - 0.06 * np.maximum(store - SURFACE_MM * 0.33, 0)
            if np.isfinite(wanted[i]):
                store = store + GAIN * (wanted[i] * SURFACE_MM - store.mean())
            store = np.clip(store, SURFACE_MM * 0.05, SURFACE_MM * 0.48)
            out[i] = store / SURFACE_MM
        return out
