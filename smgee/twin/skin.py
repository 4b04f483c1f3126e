"""Land surface temperature of the basin as MODIS has it: by day and night, at 1 km, between clouds.

By day the surface is as in the thermal bands of Landsat: the sun warms it the more, the more it faces the
slope, and the less, the more of its energy goes into evaporation from wet ground and leaves. By night the
ground radiates; dry ground, whose thermal inertia is small, cools more (Verhoef 2004, J. Hydrol. 293:181). So
the range between both grows as the ground dries, as is seen over the Tibetan Plateau and elsewhere. What is
added are the errors of such retrievals: about 1 K of the pass, 0.7 K of the pixel, more where the quality
bits say so; and no retrieval under clouds, which leave about half of the summer's passes.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np

from smgee.datasets import LST_SCALE, MODIS_LST
from smgee.grid import PixelGrid, transformer
from smgee.twin.basin import Basin
from smgee.twin.noise import correlated_field, stream
from smgee.twin.orbits import sun_position

HOURS = {"terra": {"day": 10.5, "night": 22.5}, "aqua": {"day": 13.5, "night": 1.5}}  # by the sun
HEATING = {"terra": 20.0, "aqua": 23.0}  # K of a flat, half covered, dry surface under a sun overhead
COOLING = {"terra": 5.0, "aqua": 8.0}  # K of such a surface below the day's mean of the air
PASS_ERROR, PIXEL_ERROR = 1.0, 0.7  # K
GOOD, FAIR, POOR, CLOUD = 0b00000000, 0b01000001, 0b10010001, 0b00000010
_SUBPIXELS = 4
_DAYS_KEPT = 16
_KELVIN = 273.15


class SkinReader:
    """Land surface temperature of one year, computed by the day."""

    def __init__(self, basin: Basin) -> None:
        self.basin = basin
        self._made: dict[tuple[str, int], dict[str, np.ndarray]] = {}
        self._filled: dict[int, np.ndarray] = {}
        self._lock = threading.Lock()

    @cached_property
    def grid(self) -> PixelGrid:
        """The pixels of MODIS that touch the basin."""
        whole = MODIS_LST["terra"].grid
        assert whole is not None
        fine = self.basin.grid
        x, y = fine.centers()
        edge = np.zeros(fine.shape, bool)
        edge[[0, -1]] = edge[:, [0, -1]] = True
        x, y = transformer(fine.crs, whole.crs).transform(x[edge], y[edge])
        side, _, left, _, _, top = whole.transform
        c0, c1 = int((x.min() - left) // side), int((x.max() - left) // side) + 1
        r0, r1 = int((top - y.max()) // side), int((top - y.min()) // side) + 1
        return PixelGrid(
            whole.crs, (side, 0.0, left + c0 * side, 0.0, -side, top - r0 * side), c1 - c0, r1 - r0
        )

    @cached_property
    def _at(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Row and column in the basin of points in each pixel, (height, width, points), and whether they lie
        in it.
        """
        grid, fine = self.grid, self.basin.grid
        offset = (np.arange(_SUBPIXELS) + 0.5) / _SUBPIXELS
        side, _, left, _, _, top = grid.transform
        shape = (grid.height, grid.width, _SUBPIXELS, _SUBPIXELS)
        y = np.broadcast_to(
            top - side * (np.arange(grid.height)[:, None, None, None] + offset[:, None]), shape
        )
        x = np.broadcast_to(left + side * (np.arange(grid.width)[None, :, None, None] + offset), shape)
        x, y = transformer(grid.crs, fine.crs).transform(x.reshape(*shape[:2], -1), y.reshape(*shape[:2], -1))
        rows = np.floor((fine.transform[5] - y) / 30.0).astype(int)
        cols = np.floor((x - fine.transform[2]) / 30.0).astype(int)
        inside = (rows >= 0) & (rows < fine.height) & (cols >= 0) & (cols < fine.width)
        return rows.clip(0, fine.height - 1), cols.clip(0, fine.width - 1), inside

    @cached_property
    def _ground(self) -> np.ndarray:
        """The static layers at the points, (height, width, points, layer)."""
        rows, cols, _ = self._at
        return np.asarray(self.basin.static["layers"][rows, cols], float)

    def surface(self, satellite: str, half: str, day: int) -> np.ndarray:
        """Return the temperature of the surface at the pass, without clouds or errors, (height, width) °C."""
        basin, ground = self.basin, self._ground
        inside = self._at[2]
        land, filled = ground[..., 3] > 0, self._filling(day)
        i = basin.weather.index(basin.days[day])
        air = basin.weather.air[i] + basin.weather.lapse[i] * ground[..., 0]
        if half == "day":
            east, north = ground[..., 11], ground[..., 12]
            sun = self._sun(day, HOURS[satellite]["day"])
            facing = (sun[2] - east * sun[0] - north * sun[1]) / np.sqrt(1 + east**2 + north**2)
            dry = (1.2 - 0.6 * ground[..., 7]) * (1.35 - 0.7 * filled)
            dry = np.where(land, dry, 0.4)
            at = air + HEATING[satellite] * np.maximum(facing, 0) * dry
        else:
            # Water keeps its warmth, and so does wet ground.
            at = air - COOLING[satellite] * np.where(land, 1.5 - filled, 0.2)
        return np.where(inside, at, 0).sum(axis=-1) / np.maximum(inside.sum(axis=-1), 1)

    def _filling(self, day: int) -> np.ndarray:
        """Return the share of the pores that water fills at the points; 1 on open water."""
        if day not in self._filled:
            rows, cols, _ = self._at
            moisture, _ = self.basin.truth_window(day, 0, 0, *self.basin.grid.shape)
            porosity = self._ground[..., 3]
            filled = np.where(porosity > 0, moisture[rows, cols] / np.maximum(porosity, 1e-6), 1.0)
            while len(self._filled) >= _DAYS_KEPT:
                self._filled.pop(next(iter(self._filled)))
            self._filled[day] = filled.clip(0, 1)
        return self._filled[day]

    def _sun(self, day: int, hour: float) -> np.ndarray:
        """Return the direction to the sun (east, north, up) at an hour of local solar time."""
        lon, lat = self.basin.centre
        noon = datetime.combine(self.basin.days[day], datetime.min.time(), UTC)
        zenith, azimuth = map(np.radians, sun_position(noon + timedelta(hours=hour - lon / 15), lon, lat))
        return np.array([np.sin(zenith) * np.sin(azimuth), np.sin(zenith) * np.cos(azimuth), np.cos(zenith)])

    def bands(self, satellite: str, day: int) -> dict[str, np.ndarray]:
        """Return the bands of a day (from 0) as the collection stores them; 0 of temperature is none."""
        key = satellite, day
        with self._lock:
            if key not in self._made:
                self._made[key] = self._make(satellite, day)
            return self._made[key]

    def _make(self, satellite: str, day: int) -> dict[str, np.ndarray]:
        basin, shape = self.basin, self.grid.shape
        covered = self._at[2].mean(axis=-1) > 0.5
        wet = bool(basin.weather.wet[basin.weather.index(basin.days[day])])
        found: dict[str, np.ndarray] = {}
        for half in ("day", "night"):
            rng = stream(basin.seed, "modis", satellite, half, basin.days[day].isoformat())
            share = rng.beta(4.0, 1.0) if wet else rng.beta(0.8, 1.2)
            field = correlated_field(rng, shape, length=3.0)
            cloud = field > np.quantile(field, 1 - share) if share < 0.99 else np.ones(shape, bool)
            grade = rng.choice([GOOD, FAIR, POOR], shape, p=[0.7, 0.2, 0.1])
            wider = np.select([grade == FAIR, grade == POOR], [1.5, 2.5], 1.0)
            error = PASS_ERROR * rng.standard_normal() + PIXEL_ERROR * wider * rng.standard_normal(shape)
            kelvin = self.surface(satellite, half, day) + error + _KELVIN
            seen = covered & ~cloud
            name = half.capitalize()
            stored = np.rint(kelvin / LST_SCALE)
            found[f"LST_{name}_1km"] = np.where(seen, stored, 0).astype(np.uint16)
            found[f"QC_{name}"] = np.where(seen, grade, CLOUD).astype(np.uint8)
            hour = np.uint8(round(10 * HOURS[satellite][half]))
            found[f"{name}_view_time"] = np.where(seen, hour, 255).astype(np.uint8)
            angle = np.uint8(65 + rng.integers(-45, 46))
            found[f"{name}_view_angle"] = np.where(seen, angle, 255).astype(np.uint8)
            found[f"Clear_{half}_cov"] = np.where(seen, 2000, 0).astype(np.uint16)
        for name in ("Emis_31", "Emis_32"):
            found[name] = np.where(covered, 242, 0).astype(np.uint8)  # 0.974, grassland
        return found
