"""Rain, reanalysis and soil maps of the basin, as coarse and as wrong as the real ones.

What they are made of is the basin's own weather and soil; what they add are the errors of their kind:
reanalysis spreads rain over some 30 km, makes too much and too often of it, is cold on high plateaus and
carries a soil water of its own; the satellite's daily rain is right by the pentad and poor by the day; soil
maps know the large pattern and little of the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter

from smgee.datasets import CHIRPS, CLAY, ERA5_LAND, SAND
from smgee.grid import PixelGrid, transformer
from smgee.twin.basin import Basin
from smgee.twin.noise import fractal_field, stream
from smgee.twin.weather import REFERENCE_ELEVATION, extraterrestrial

SOIL_STEP = 1 / 480  # degrees, about 250 m
_SUBPIXELS = 5  # by which a coarse pixel's mean is taken in each direction
_KELVIN = 273.15


def window_of(basin: Basin, whole: PixelGrid, *, margin: float) -> PixelGrid:
    """Return the part of a global lattice in degrees that covers the basin and `margin` degrees around it."""
    left, bottom, right, top = basin.grid.bounds
    x, y = [left, left, right, right], [bottom, top, bottom, top]
    lon, lat = transformer(basin.grid.crs, "EPSG:4326").transform(x, y)
    step, x0, y0 = whole.transform[0], whole.transform[2], whole.transform[5]
    c0, c1 = np.floor((min(lon) - margin - x0) / step), np.ceil((max(lon) + margin - x0) / step)
    r0, r1 = np.floor((y0 - max(lat) - margin) / step), np.ceil((y0 - min(lat) + margin) / step)
    transform = (step, 0.0, float(x0 + c0 * step), 0.0, -step, float(y0 - r0 * step))
    return PixelGrid("EPSG:4326", transform, int(c1 - c0), int(r1 - r0))


class Products:
    """The coarse products of one year."""

    def __init__(self, basin: Basin) -> None:
        self.basin = basin

    @cached_property
    def era5_grid(self) -> PixelGrid:
        """The pixels of ERA5-Land around the basin."""
        assert ERA5_LAND.grid is not None
        return window_of(self.basin, ERA5_LAND.grid, margin=0.2)

    @cached_property
    def chirps_grid(self) -> PixelGrid:
        """The pixels of CHIRPS around the basin."""
        assert CHIRPS.grid is not None
        return window_of(self.basin, CHIRPS.grid, margin=0.1)

    @cached_property
    def soil_grid(self) -> PixelGrid:
        """The pixels of OpenLandMap around the basin."""
        whole = PixelGrid("EPSG:4326", (SOIL_STEP, 0.0, -180.0, 0.0, -SOIL_STEP, 87.37), 172800, 71698)
        return window_of(self.basin, whole, margin=0.02)

    def _inside(self, grid: PixelGrid) -> tuple[np.ndarray, np.ndarray]:
        """Return row and column in the basin of points within each coarse pixel, (height, width, points);
        pixels beyond the basin take its edge.
        """
        offset = (np.arange(_SUBPIXELS) + 0.5) / _SUBPIXELS
        a, _, x0, _, e, y0 = grid.transform
        shape = (grid.height, grid.width, _SUBPIXELS, _SUBPIXELS)
        lat = y0 + e * (np.arange(grid.height)[:, None, None, None] + offset[:, None])
        lon = x0 + a * (np.arange(grid.width)[None, :, None, None] + offset)
        lon, lat = (v.reshape(*shape[:2], -1) for v in np.broadcast_arrays(lon, lat, subok=False))
        x, y = transformer("EPSG:4326", self.basin.grid.crs).transform(lon, lat)
        fine = self.basin.grid
        rows = np.clip((fine.transform[5] - y) / 30.0 - 0.5, 0, fine.height - 1)
        cols = np.clip((x - fine.transform[2]) / 30.0 - 0.5, 0, fine.width - 1)
        return rows, cols

    def rain(self, grid: PixelGrid) -> tuple[np.ndarray, np.ndarray]:
        """Return the true daily rain of coarse pixels, (day, height, width) mm, and how high they lie above
        the reference, (height, width) m.
        """
        from scipy.ndimage import map_coordinates

        basin, w = self.basin, self.basin.weather
        rows, cols = self._inside(grid)
        z = basin.elevation()[rows.round().astype(int), cols.round().astype(int)]
        dz = z - REFERENCE_ELEVATION
        more = np.clip(1 + 0.00044 * dz, 0.6, 1.8)
        nodes = w.rain.shape[1] - 1
        at = np.stack([rows / basin.grid.height * nodes, cols / basin.grid.width * nodes])
        first = w.index(basin.days[0])
        out = np.empty((len(basin.days), grid.height, grid.width))
        for i in range(len(out)):
            field = w.rain[first + i]
            if field.any():
                out[i] = (map_coordinates(field, at, order=1, mode="nearest") * more).mean(axis=-1)
            else:
                out[i] = 0.0
        return out, dz.mean(axis=-1)

    @cached_property
    def chirps(self) -> np.ndarray:
        """Daily rain as CHIRPS has it, (day, height, width) float32 mm.

        Pentads are nearly right (the product is made by the pentad); how they fall into days is guessed from
        cold clouds, here from a basin-wide guess of which days were wet.
        """
        rng = stream(self.basin.seed, "chirps", self.basin.year)
        rain, _ = self.rain(self.chirps_grid)
        days = len(rain)
        guess = rain.mean(axis=(1, 2)) * rng.gamma(1.0, 1.0, days) + (rng.random(days) < 0.1) * 1.0
        guess[rng.random(days) < 0.2] = 0.0
        out = np.zeros_like(rain)
        for start in range(0, days, 5):
            part = slice(start, start + 5)
            total = rain[part].sum(axis=0)
            share = guess[part] / guess[part].sum() if guess[part].sum() > 0 else None
            if share is not None:
                error = gaussian_filter(rng.standard_normal(total.shape), 2.0)
                error = np.exp(0.25 * error / (error.std() or 1.0))
                local = np.exp(0.5 * rng.standard_normal((len(share), *total.shape)) - 0.125)
                out[part] = total * error * share[:, None, None] * local
        return out.astype(np.float32)

    @cached_property
    def era5(self) -> dict[str, np.ndarray]:
        """The bands of ERA5-Land, each (day, height, width) float32."""
        basin, w = self.basin, self.basin.weather
        rng = stream(basin.seed, "era5", basin.year)
        rain, dz = self.rain(self.era5_grid)
        days, shape = len(rain), rain.shape[1:]
        i0 = w.index(basin.days[0])
        of_year = slice(i0, i0 + days)

        def error(scale: float, memory: float) -> np.ndarray:
            """One error for the whole basin, which lasts; the model's grid is hardly finer than that."""
            shock, out = rng.standard_normal(days), np.zeros(days)
            keep = np.exp(-1 / memory)
            for i in range(1, days):
                out[i] = keep * out[i - 1] + np.sqrt(1 - keep**2) * shock[i]
            return (scale * out)[:, None, None]

        # Rain: the mean over the model's 30 km, times an error of the day, with drizzle on damp days.
        wide = gaussian_filter(rain, (0.3, 1.5, 1.5), mode="nearest")
        drizzle = 0.6 * (w.rain[of_year].mean(axis=(1, 2)) > 0.1)[:, None, None]
        precipitation = 1.15 * wide * np.exp(error(0.55, 0.5) - 0.15) + drizzle * rng.gamma(
            1.0, 1.0, (days, 1, 1)
        )
        # Air and soil: cold on the plateau.
        air = (w.air[of_year, None, None] + w.lapse[of_year, None, None] * dz) - 1.5 + error(0.9, 2.0)
        swing = 5.0 + 0.25 * extraterrestrial(_day_of_year(basin.days), 37.5)[:, None, None] * 0.6
        ground = w.soil[of_year, None, None] + w.lapse[of_year, None, None] * dz - 1.2 + error(0.8, 4.0)
        demand = np.maximum(w.demand[of_year, None, None] + w.demand_lapse[of_year, None, None] * dz, 0.0)
        water = self._own_water(precipitation, demand)
        damp = np.clip(2.0 + 6.0 * (1 - np.exp(-precipitation / 3.0)), 0, 8)
        radiation = extraterrestrial(_day_of_year(basin.days), 37.5)[:, None, None] * 1e6
        cloud = 0.75 - 0.35 * (1 - np.exp(-wide / 4.0))
        snow = basin.series["snow"].astype(float).mean(axis=(1, 2))[:days, None, None] / 1000.0
        bands = {
            "dewpoint_temperature_2m": air - 10.0 + damp + _KELVIN,
            "temperature_2m": air + _KELVIN,
            "soil_temperature_level_1": ground + _KELVIN,
            "snow_depth_water_equivalent": snow,
            "volumetric_soil_water_layer_1": water,
            "surface_solar_radiation_downwards_sum": radiation * cloud,
            # Downward fluxes are positive in this model, so evaporation is negative; its potential is about
            # half as much again as the basin's.
            "potential_evaporation_sum": -1.5 * demand * np.exp(error(0.15, 5.0)) / 1000.0,
            "total_precipitation_sum": precipitation / 1000.0,
            "temperature_2m_min": air - swing + _KELVIN,
            "temperature_2m_max": air + swing + _KELVIN,
        }
        return {k: np.broadcast_to(v, (days, *shape)).astype(np.float32) for k, v in bands.items()}

    @staticmethod
    def _own_water(precipitation: np.ndarray, demand: np.ndarray) -> np.ndarray:
        """Run the model's own bucket of 70 mm with its own rain, m³ m⁻³: a soil that is not the basin's, and
        wetter, as on the Tibetan Plateau, with an ubRMSE near 0.05 m³ m⁻³, as in other places
        (Muñoz-Sabater et al. 2021, Earth Syst. Sci. Data 13:4349-4383).
        """
        store = np.full(precipitation.shape[1:], 70 * 0.25)
        out = np.empty_like(precipitation)
        for i in range(len(out)):
            wet = np.clip((store / 70 - 0.10) / 0.22, 0, 1)
            store = store + 0.3 * precipitation[i] - 0.3 * demand[i] * wet
            store = np.clip(store - 0.1 * np.maximum(store - 70 * 0.36, 0), 70 * 0.05, 70 * 0.47)
            out[i] = store / 70
        return out

    @cached_property
    def soil(self) -> dict[str, np.ndarray]:
        """Sand and clay by weight, per cent, by data set, (depth, height, width) uint8."""
        from scipy.ndimage import gaussian_filter, map_coordinates

        rows, cols = self._inside(self.soil_grid)
        at = np.stack([rows, cols])
        out = {}
        for k, (dataset, error) in enumerate(((SAND, 7.0), (CLAY, 4.0))):
            true = 100.0 * map_coordinates(self.basin.static["soil"][k], at, order=1).mean(axis=-1)
            rng = stream(self.basin.seed, "soil map", dataset.id)
            # Machine learning on few profiles: the pattern is smoothed, shrunk to the mean, and off by some.
            smooth = gaussian_filter(true, 3.0, mode="nearest")
            noise = fractal_field(rng, true.shape, beta=2.5, longest=40)
            known = true.mean() + 0.6 * (smooth - true.mean()) + error * noise
            deeper = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.0])[:, None, None] * (1 if k else -1)
            out[dataset.id] = np.clip(np.rint(known + deeper), 1, 100).astype(np.uint8)
        return out


def _day_of_year(days: Sequence[date]) -> np.ndarray:
    return np.array([d.timetuple().tm_yday for d in days], float)
