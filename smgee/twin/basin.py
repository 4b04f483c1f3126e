"""The synthetic basin: what it is made of, and its truth."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from smgee.errors import InputError
from smgee.grid import EASE_CRS, EASE_GRIDS, EaseCell, PixelGrid, ease_cell_at, transformer
from smgee.io import atomic_path
from smgee.late import pd
from smgee.twin import stations, store
from smgee.twin.balance import Static, frame_days, run_balance
from smgee.twin.clouds import CloudField
from smgee.twin.hydrology import AGGREGATES
from smgee.twin.land import phenology_table
from smgee.twin.optics import soil_water, temperature_window
from smgee.twin.orbits import Scene, scenes_of_year
from smgee.twin.stages import RELIEF, make_clouds, make_static
from smgee.twin.weather import Weather, build_weather

CENTRE = (99.8, 37.5)  # longitude and latitude that pick the cell, north of Qinghai Lake
MARGIN_M = 1500.0
CRS = "EPSG:32647"
TILE = "47SNB"  # the MGRS 100 km square that holds the whole cell


class Basin:
    """A made-up basin on one EASE-Grid 2.0 cell, at 30 m and by the day, with everything known about it.

    Nothing is computed before it is asked for. Terrain and soil take some seconds, the year of soil water
    longer; both are kept on disk and made again when the code or the seed changes. Thread-safe.

    Parameters
    ----------
    seed : int
        Another seed is another basin with other weather.
    year : int
        Calendar year, 2017 or later.
    cache : path-like, optional
        Folder for the computed arrays (up to 0.8 GB); by default ``SMGEE_CACHE`` or the user's cache folder.
    extent : {"M36", "M09"}
        A 36 km cell with its 16 cells of 9 km, or a single 9 km cell for quick trials.
    progress : callable, optional
        Called with (what, fraction) while something long is computed.
    """

    def __init__(
        self,
        seed: int = 0,
        year: int = 2021,
        cache: str | Path | None = None,
        *,
        extent: str = "M36",
        progress: Callable[[str, float], None] | None = None,
    ) -> None:
        if extent not in RELIEF:
            raise InputError(
                f"The extent {extent!r} is not known; choose M36 (a 36 km cell) or M09 (a 9 km cell)."
            )
        if not 2017 <= int(year) <= 2100:
            raise InputError(f"The year {year} is out of range; the twin's satellites fly from 2017 to 2100.")
        self.seed, self.year, self.extent = int(seed), int(year), extent
        self.progress = progress
        self.cell = ease_cell_at(*CENTRE, grid=extent)
        """The EASE-Grid 2.0 cell of the basin."""
        self.cells: list[EaseCell] = self.cell.children() if extent == "M36" else [self.cell]
        """The 9 km cells in it, row by row."""
        left, bottom, right, top = self.cell.polygon(CRS, points_per_edge=64).bounds
        grid = PixelGrid.from_bounds(
            CRS, (left - MARGIN_M, bottom - MARGIN_M, right + MARGIN_M, top + MARGIN_M), 30.0
        )
        self.grid = PixelGrid(CRS, grid.transform, grid.width + grid.width % 2, grid.height)
        """The 30 m grid of everything, on the lattice of the HLS tile."""
        self.tile = TILE
        self._cache = cache
        self._root = Path(cache) if cache is not None else store.cache_root()
        self._lock = threading.RLock()
        self._networks: dict[str, pd.DataFrame] = {}
        self._sibling: Basin | None = None
        self._years: dict[int, Basin] = {self.year: self}

    def __repr__(self) -> str:
        size = f"{self.grid.height}×{self.grid.width}"
        return (
            f"Basin(seed={self.seed}, year={self.year}, extent={self.extent!r}): "
            f"synthetic, {size} pixels of 30 m"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # in another process, on another machine too, the same land from that machine's cache
        return partial(Basin, extent=self.extent), (self.seed, self.year, self._cache)

    # ---- stored stages ----

    def of_year(self, year: int) -> Basin:
        """Return the same land in another year; each year has its own weather, from the autumn before on."""
        with self._lock:
            if year not in self._years:
                other = Basin(self.seed, year, self._root, extent=self.extent, progress=self.progress)
                other._sibling, other._years, other._lock = self, self._years, self._lock
                self._years[year] = other
            return self._years[year]

    def _stage(self, name: str, make: Callable[[Path], None], *, yearly: bool = True) -> Path:
        """Return the folder of a stored stage, made under a lock among processes when it is not there."""
        when = str(self.year) if yearly else "land"
        prefix = f"{self.extent}-{when}-seed{self.seed}"
        home = self._root / f"{prefix}-{store.code_version()}"
        target = home / name
        if not target.exists():
            with store.locked(home, name):
                if not target.exists():
                    store.remove_unfinished(home, name)
                    store.remove_outdated(home, prefix)
                    with atomic_path(target) as scratch:
                        scratch.mkdir()
                        make(scratch)
        os.utime(home)  # in use: other versions of the code leave it alone
        return target

    def _report(self, what: str) -> Callable[[float], None] | None:
        return (
            None
            if self.progress is None
            else (lambda fraction: self.progress(what, fraction) if self.progress else None)
        )

    @cached_property
    def static(self) -> dict[str, np.ndarray]:
        """What does not change: `layers`, `label` and `bins` of `smgee.twin.balance.Static`, `elevation` (m),
        `soil` (sand,
        clay, organic matter, wetness index), and on the DEM's grid `dem` (m) and `dem_water`."""
        if self._sibling is not None:
            return self._sibling.static
        with self._lock:
            folder = self._stage("static", self._make_static, yearly=False)
            return {
                p.stem: np.load(p, mmap_mode="r" if p.stem == "label" else None) for p in folder.glob("*.npy")
            }

    def _make_static(self, folder: Path) -> None:
        make_static(
            folder,
            seed=self.seed,
            extent=self.extent,
            grid=self.grid,
            dem=self.dem_grid,
            latitude=self.centre[1],
            cell_index=self.cell_index,
        )

    @cached_property
    def _truth(self) -> tuple[store.RowStore, dict[str, np.ndarray]]:
        with self._lock:
            folder = self._stage("truth", self._make_truth)
            with np.load(folder / "series.npz") as series:
                return store.RowStore(folder / "water.bin", *self.grid.shape), {
                    k: series[k] for k in series.files
                }

    @property
    def series(self) -> dict[str, np.ndarray]:
        """The daily sums of the balance; see `smgee.twin.balance.run_balance`."""
        return self._truth[1]

    def _make_truth(self, folder: Path) -> None:
        s = self.static
        static = Static(s["layers"], s["label"], s["bins"])
        run_balance(static, self.weather, self.year, folder, progress=self._report("water balance"))

    @cached_property
    def _clouds(self) -> dict[str, CloudField]:
        with self._lock:
            folder = self._stage("clouds", self._make_clouds)
            meta = json.loads((folder / "clouds.json").read_text())
            opacity = np.load(folder / "opacity.npy", mmap_mode="r")
            return {k: CloudField(opacity[i], *meta[k]) for i, k in enumerate(meta)}

    def _make_clouds(self, folder: Path) -> None:
        make_clouds(folder, seed=self.seed, scenes=self.scenes, weather=self.weather, shape=self.grid.shape)

    # ---- what it is made of ----

    @cached_property
    def centre(self) -> tuple[float, float]:
        """Longitude and latitude of the middle of the cell."""
        point = self.cell.polygon(EASE_CRS).centroid
        lon, lat = transformer(EASE_CRS, "EPSG:4326").transform(point.x, point.y)
        return float(lon), float(lat)

    @cached_property
    def dem_grid(self) -> PixelGrid:
        """The 1 arc-second grid of the DEM, pixel centres on whole arc-seconds as in SRTM and NASADEM."""
        x, y = self.grid.centers()
        edge = np.zeros(self.grid.shape, bool)
        edge[[0, -1]] = edge[:, [0, -1]] = True
        lon, lat = transformer(CRS, "EPSG:4326").transform(x[edge], y[edge])
        c0, c1 = int(np.floor(lon.min() * 3600)) - 2, int(np.ceil(lon.max() * 3600)) + 2
        r0, r1 = int(np.ceil(lat.max() * 3600)) + 2, int(np.floor(lat.min() * 3600)) - 2
        step = 1 / 3600
        return PixelGrid(
            "EPSG:4326",
            (step, 0.0, (c0 - 0.5) * step, 0.0, -step, (r0 + 0.5) * step),
            c1 - c0 + 1,
            r0 - r1 + 1,
        )

    @cached_property
    def cell_index(self) -> np.ndarray:
        """For each pixel the position in `cells` of the 9 km cell that holds its centre, 255 outside;
        (height, width) uint8.
        """
        ease = EASE_GRIDS["M09"]
        x, y = transformer(CRS, EASE_CRS).transform(*self.grid.centers())
        col = np.floor((x - ease.left) / ease.cell_size).astype(int) - self.cells[0].col
        row = np.floor((ease.top - y) / ease.cell_size).astype(int) - self.cells[0].row
        n = self.cells_across
        inside = (col >= 0) & (col < n) & (row >= 0) & (row < n)
        return np.where(inside, row * n + col, 255).astype(np.uint8)

    @property
    def cells_across(self) -> int:
        """How many 9 km cells lie side by side, 4 or 1."""
        return 4 if self.extent == "M36" else 1

    @cached_property
    def weather(self) -> Weather:
        """The daily weather series."""
        return build_weather(self.seed, self.year, self.centre[1])

    @cached_property
    def scenes(self) -> list[Scene]:
        """The HLS acquisitions of the year, by time."""
        return scenes_of_year(self.year, self.tile, *self.centre)

    def clouds(self, scene: Scene) -> CloudField:
        """Return the clouds of a scene."""
        return self._clouds[scene.product + scene.index]

    @cached_property
    def days(self) -> list[date]:
        """Every day of the year."""
        return [d for d in self.weather.days if d.year == self.year]

    def elevation(self) -> np.ndarray:
        """Return the true elevation, (height, width) float32 metres."""
        return self.static["elevation"]

    def land(self) -> np.ndarray:
        """Return where there is soil (False on open water), (height, width) bool."""
        return self.static["layers"][..., 3] > 0

    # ---- truth ----

    def day(self, when: date | datetime | str) -> int:
        """Return a day's position in the year; raises `InputError` for another year."""
        day = _as_date(when)
        if day.year != self.year:
            raise InputError(
                f"The day {day} is outside the twin's year {self.year}; choose a day of {self.year} or make "
                "another basin."
            )
        return day.timetuple().tm_yday - 1

    def frame(self, day: int) -> int:
        """Return the stored frame of soil water of a day of the year (the last one before it in winter)."""
        return int(np.searchsorted(self.frames, day, side="right")) - 1

    @cached_property
    def frames(self) -> np.ndarray:
        """The days of the year (from 0) whose soil water is stored at 30 m, in order."""
        return np.array([d.timetuple().tm_yday - 1 for d in frame_days(self.year)])

    def daily(self, day: int) -> np.ndarray:
        """Return what the daily laws need of a day: (4,) float32 soil, lapse, soil_sun, wet skin."""
        w = self.weather
        i = w.index(self.days[day])
        # The top millimetres dry out within two days after rain.
        recent = max(float(w.wet[i]), 0.6 * float(w.wet[i - 1]), 0.25 * float(w.wet[i - 2]))
        return np.array([w.soil[i], w.lapse[i], w.soil_sun[i], 0.55 + 0.45 * recent], np.float32)

    def green(self, day: int) -> np.ndarray:
        """Return the green share of the season's maximum by elevation bin, (bins,) float32."""
        return phenology_table(np.array([day + 1]))[0]

    def snow(self, day: int) -> np.ndarray:
        """Return mean snow water by sunniness and elevation, (sun bins, bins) float32 mm."""
        return np.ascontiguousarray(self.series["snow"][day].T)

    def water_rows(self, day: int, row: int, count: int) -> np.ndarray:
        """Return packed rows of total soil water of a day; see `smgee.twin.store`."""
        return self.frame_rows(self.frame(day), row, count)

    def frame_rows(self, frame: int, row: int, count: int) -> np.ndarray:
        """Return packed rows of a stored frame; see `frames`."""
        return self._truth[0].rows(frame, row, count)

    def truth(self, when: date | datetime | str) -> np.ndarray:
        """Return the true soil moisture of 0-5 cm, daily mean (UTC), (height, width) float32 m³ m⁻³; NaN on
        open water.

        It is liquid water, which is what probes and radiometers sense. From November to March the total water
        content is updated every five days; its frozen part follows the temperature every day.
        """
        values, valid = self.truth_window(self.day(when), 0, 0, *self.grid.shape)
        values[~valid] = np.nan
        return values

    def truth_hour(self, when: datetime) -> np.ndarray:
        """Return the true soil moisture of 0-5 cm in an hour (UTC), (height, width) float32 m³ m⁻³; NaN on
        open water.

        Within a day the water runs along a parabola that keeps the daily mean and meets its neighbours at
        midnight; its frozen part follows the hour's temperature. What the probes record is this.
        """
        when = when.astimezone(UTC) if when.tzinfo else when
        day, s = self.day(when), (when.hour + 0.5) / 24
        whole = (0, 0, *self.grid.shape)
        before, now, after = (
            self._total(min(max(d, 0), len(self.days) - 1), *whole) for d in (day - 1, day, day + 1)
        )
        start, end = (before + now) / 2, (now + after) / 2
        hours = (np.arange(24) + 0.5) / 24
        bend = s * (1 - s) / (hours * (1 - hours)).mean()
        water = start * (1 - s) + end * s + (now - (start + end) / 2) * bend
        mean, land = self.temperature_window(day, *whole)
        amplitude = self.weather.soil_amplitude[self.weather.index(self.days[day])]
        swing = amplitude * np.abs(mean) / (np.abs(mean) + 0.7)
        celsius = mean + swing * np.cos(2 * np.pi * (when.hour + self.centre[0] / 15 - 16) / 24)
        bound = self.static["layers"][..., 6] / np.sqrt(np.maximum(-celsius, 0) + 1e-4)
        water = np.where(celsius < 0, np.minimum(water, bound), water)
        return np.where(land, water, np.nan).astype(np.float32)

    def _total(self, day: int, row: int, col: int, height: int, width: int) -> np.ndarray:
        """Return the total water content of a window, frozen or not, m³ m⁻³."""
        warm = np.array([20.0, 0.0, 0.0, 0.0], np.float32)
        out, valid = np.empty((height, width), np.float32), np.empty((height, width), bool)
        soil_water(out, valid, row, col, self.water_rows(day, row, height), self.static["layers"], warm)
        return out

    def soil_temperature(self, when: date | datetime | str) -> np.ndarray:
        """Return the true soil temperature at 5 cm, daily mean, (height, width) float32 °C; NaN on open
        water.
        """
        values, valid = self.temperature_window(self.day(when), 0, 0, *self.grid.shape)
        values[~valid] = np.nan
        return values

    def truth_window(
        self, day: int, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return true soil moisture of a window and where it is valid; `day` counts from 0."""
        out, valid = np.empty((height, width), np.float32), np.empty((height, width), bool)
        soil_water(
            out, valid, row, col, self.water_rows(day, row, height), self.static["layers"], self.daily(day)
        )
        return out, valid

    def temperature_window(
        self, day: int, row: int, col: int, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return true soil temperature of a window and where it is valid; `day` counts from 0."""
        out, valid = np.empty((height, width), np.float32), np.empty((height, width), bool)
        temperature_window(out, valid, row, col, self.static["layers"], self.daily(day))
        return out, valid

    def cell_means(self) -> pd.DataFrame:
        """Return daily means over the land of each 9 km cell, as the balance summed them.

        Returns
        -------
        pandas.DataFrame
            Index (day, cell name); columns soil_moisture and total_water (m³ m⁻³), soil_temperature (°C),
            snow_covered and frozen (share of area), vegetation_water (kg m⁻²).
        """
        values = self.series["cells"]
        index = pd.MultiIndex.from_product(
            [pd.DatetimeIndex(self.days), [c.name for c in self.cells]], names=["day", "cell"]
        )
        return pd.DataFrame(values.reshape(-1, len(AGGREGATES)), index=index, columns=list(AGGREGATES))

    def budget(self) -> pd.DataFrame:
        """Return the water budget of the basin from 1 October before the year on, mm averaged over its land.

        Columns precipitation, evaporation, streamflow (per day) and the stores surface, root, snow, pool,
        groundwater at the end of the day; the row before the first day holds the initial stores.
        """
        series = self.series
        columns = [
            "precipitation",
            "evaporation",
            "streamflow",
            "surface",
            "root",
            "snow",
            "pool",
            "groundwater",
        ]
        table = np.vstack([[0.0, 0.0, 0.0, *series["initial"]], series["budget"]]) / self.land().sum()
        first = pd.Timestamp(self.weather.days[0]) - pd.Timedelta(days=1)
        return pd.DataFrame(
            table, columns=columns, index=pd.date_range(first, periods=len(table), name="day")
        )

    # ---- stations ----

    @property
    def stations(self) -> pd.DataFrame:
        """The stations of the designed network; see `network`."""
        return self.network()

    def network(self, scenario: str = "stratified") -> pd.DataFrame:
        """Return the stations of a scenario: name, longitude, latitude, elevation, row, col, group, and the
        texture of their soil; see `smgee.twin.stations.place_stations`.
        """
        if self._sibling is not None:
            return self._sibling.network(scenario)
        with self._lock:
            if scenario not in self._networks:
                self._networks[scenario] = stations.place_stations(self, scenario)
            return self._networks[scenario]

    def station(self, name: str) -> Any:
        """Return the place of a station of any scenario; its first letter tells which."""
        letters = {letter: scenario for scenario, letter in stations.LETTERS.items()}
        scenario = letters.get(name[:1], "stratified")
        return self.network(scenario).loc[name]

    def write_stations(
        self, folder: str | Path, scenario: str = "stratified", *, years: Sequence[int] | None = None
    ) -> Path:
        """Write the hourly records of a scenario's stations over some years (this one) as ISMN files below a
        folder; see `smgee.twin.stations.write_stations`.
        """
        return stations.write_stations([self.of_year(y) for y in years or [self.year]], folder, scenario)


def _as_date(when: date | datetime | str) -> date:
    """Turn a day given as text, date or time stamp into a date."""
    if isinstance(when, datetime):
        return (when.astimezone(UTC) if when.tzinfo else when).date()
    if isinstance(when, date):
        return when
    try:
        return date.fromisoformat(str(when)[:10])
    except ValueError:
        raise InputError(f"The day {when!r} is no date; write it as YYYY-MM-DD.") from None
