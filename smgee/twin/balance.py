"""A year of the water balance over the basin, written day by day."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from smgee.twin.hydrology import AGGREGATES, FLUXES, ROOT_MM, SNOW_SUN_BINS, STORES, SURFACE_MM, step_block
from smgee.twin.land import PHENOLOGY_BINS, PHENOLOGY_STEP, Land, phenology_table
from smgee.twin.parallel import BLOCKS, run_blocks
from smgee.twin.terrain import LAKE_LEVEL, Terrain
from smgee.twin.weather import RAIN_GRID, REFERENCE_ELEVATION, Weather

FIRST_DAILY, LAST_DAILY = (4, 1), (10, 31)  # between them every day is kept at 30 m, outside every fifth
WINTER_STEP = 5


@dataclass(frozen=True)
class Static:
    """The static layers that the daily laws use; see `smgee.twin.hydrology.step_block`.

    `layers` is (height, width, 13) float32 (the ten of the balance, then brightness of the dry soil, slope to
    the east and to the north), `label` (height, width) int32 and `bins` (height, width, 3) uint8.
    """

    layers: np.ndarray
    label: np.ndarray
    bins: np.ndarray


def prepare_static(terrain: Terrain, land: Land, cell: np.ndarray) -> Static:
    """Gather the layers of the daily laws; `cell` numbers the nested EASE cells, 255 outside all."""
    dz = terrain.elevation - REFERENCE_ELEVATION
    # Sun on bare ground warms the soil, cover keeps it cool.
    sun = (terrain.insolation - 1.0) - 0.25 * (land.cover - 0.5)
    adsorbed = 0.03 + 0.25 * land.clay
    steep = np.clip(np.hypot(terrain.slope_east, terrain.slope_north) / 0.35, 0, 1)
    porosity = np.where(terrain.water, 0.0, land.porosity)
    weight = np.where(terrain.water, 0.0, np.exp(np.clip((terrain.wetness - 7.5) / 1.7, -3, 2.3))).astype(
        np.float64
    )
    total = np.bincount(terrain.hillslope.ravel(), weight.ravel())
    weight = (weight / np.maximum(total, 1e-12)[terrain.hillslope]).astype(np.float32)
    layers = np.stack(
        [
            dz,
            sun,
            terrain.insolation,
            porosity,
            land.field_capacity,
            land.wilting_point,
            adsorbed,
            land.cover,
            steep,
            weight,
        ]
        + [land.brightness, terrain.slope_east, terrain.slope_north],
        axis=-1,
        dtype=np.float32,
        casting="unsafe",
    )
    zbin = np.clip((terrain.elevation - LAKE_LEVEL) / PHENOLOGY_STEP, 0, PHENOLOGY_BINS - 1).astype(np.uint8)
    sunbin = np.clip((sun + 0.45) / 0.9 * SNOW_SUN_BINS, 0, SNOW_SUN_BINS - 1).astype(np.uint8)
    return Static(
        layers, terrain.hillslope.astype(np.int32), np.stack([zbin, sunbin, cell.astype(np.uint8)], axis=-1)
    )


def frame_days(year: int) -> list[date]:
    """Return the days whose soil water is stored at 30 m, in order."""
    day, kept = date(year, 1, 1), []
    while day.year == year:
        daily = FIRST_DAILY <= (day.month, day.day) <= LAST_DAILY
        if daily or day.timetuple().tm_yday % WINTER_STEP == 1:
            kept.append(day)
        day += timedelta(1)
    return kept


def _lattice(size: int) -> np.ndarray:
    """Return for each pixel the node of the lattice of storms before it and the weight of the node after,
    (size, 2) float32.
    """
    position = (np.arange(size) + 0.5) / size * (RAIN_GRID - 1)
    return np.stack([np.floor(position), position - np.floor(position)], 1).astype(np.float32)


def _fill_bins(present: np.ndarray) -> np.ndarray:
    """Return for each bin of the snow table, flattened, the nearest bin that any pixel falls in."""
    from scipy.ndimage import distance_transform_edt

    # Elevation differs little from one bin to the next, sunniness much: stretch that axis.
    index = distance_transform_edt(~present, sampling=(1.0, 8.0), return_distances=False, return_indices=True)
    return np.ravel_multi_index(tuple(index), present.shape).ravel()


class _Sums:
    """What a day sums up, block by block: (block, …) float64, added in a fixed order so that results do
    not depend on threads.
    """

    def __init__(self, labels: int, cells: int) -> None:
        self.pool, self.deep = np.zeros((BLOCKS, labels)), np.zeros((BLOCKS, labels))
        self.fluxes = np.zeros((BLOCKS, len(FLUXES) + len(STORES)))
        self.cells = np.zeros((BLOCKS, cells, len(AGGREGATES)))
        self.snow, self.snow_count = (np.zeros((BLOCKS, PHENOLOGY_BINS, SNOW_SUN_BINS)) for _ in range(2))


def _advance(
    static: Static,
    rain: tuple[np.ndarray, np.ndarray, np.ndarray],
    series: np.ndarray,
    green: np.ndarray,
    pool: np.ndarray,
    stores: np.ndarray,
    packed: np.ndarray,
    sums: _Sums,
) -> None:
    """Advance all rows by one day on all cores; the arguments are those of
    `smgee.twin.hydrology.step_block`.
    """

    def work(block: int, start: int, stop: int) -> None:
        step_block(
            start,
            stop,
            *rain,
            series,
            green,
            static.layers,
            static.label,
            static.bins,
            pool,
            stores,
            packed,
            sums.pool[block],
            sums.deep[block],
            sums.fluxes[block],
            sums.cells[block],
            sums.snow[block],
            sums.snow_count[block],
        )

    run_blocks(work, len(stores))


def run_balance(
    static: Static,
    weather: Weather,
    year: int,
    folder: Path,
    *,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Run the balance from 1 October before to 31 December and write its results into a folder.

    Writes ``water.bin`` (frames of packed rows, see `frame_days`) and ``series.npz``: `cells` (day, cell,
    `AGGREGATES`) means over land for the days of the year, `snow` (day, elevation bin, sun bin) mean mm,
    `budget` (day, 8) mm·pixels: the fluxes, then the stores of surface, root, snow, pool and groundwater at
    the end of the day; `initial` (5,) the stores before the first day.
    """
    height, width = static.label.shape
    labels = int(static.label.max()) + 1
    porosity, capacity = static.layers[..., 3], static.layers[..., 4]
    land = porosity > 0
    wet = np.clip(np.log(np.maximum(static.layers[..., 9], 1e-9) * labels) / 20 + 0.9, 0.6, 1.1)
    stores = np.zeros((height, width, 3), np.float32)
    stores[..., 0] = np.where(land, capacity * SURFACE_MM * 0.85 * wet, 0)
    stores[..., 1] = np.where(land, np.minimum(capacity * ROOT_MM * wet, porosity * ROOT_MM * 0.94), 0)
    slots = np.bincount(static.label[land], minlength=labels).astype(float)
    pool, ground = np.zeros(labels), 60.0 * slots
    rain_rows, rain_cols = _lattice(height), _lattice(width)
    doy = np.array([d.timetuple().tm_yday for d in weather.days])
    green = phenology_table(doy)
    cell = static.bins[..., 2]
    cells = int(cell[cell != 255].max()) + 1 if (cell != 255).any() else 1
    count = np.bincount(cell[land], minlength=256)[:cells].astype(float)
    kept = set(frame_days(year))
    budget, cell_series, snow_series = [], [], []
    initial = np.array([*stores.sum((0, 1), dtype=float), pool.sum(), ground.sum()])

    pending: queue.Queue[np.ndarray | None] = queue.Queue(maxsize=3)
    failure: list[BaseException] = []

    def write() -> None:
        with open(folder / "water.bin", "wb", buffering=0) as handle:
            while (frame := pending.get()) is not None:
                if not failure:
                    try:
                        handle.write(frame.data)
                    except BaseException as error:  # reported by the caller's thread
                        failure.append(error)

    writer = threading.Thread(target=write, name="twin-writer", daemon=True)
    writer.start()
    try:
        for i, day in enumerate(weather.days):
            series = np.array(
                [
                    weather.air[i],
                    weather.lapse[i],
                    weather.demand[i],
                    weather.demand_lapse[i],
                    weather.soil[i],
                    weather.soil_sun[i],
                ],
                np.float32,
            )
            packed = np.empty((height, width // 2 * 3), np.uint8)
            sums = _Sums(labels, cells)
            _advance(
                static, (rain_rows, rain_cols, weather.rain[i]), series, green[i], pool, stores, packed, sums
            )
            day_fluxes = sums.fluxes.sum(0)
            # Groundwater: a linear store; half of its outflow feeds the hollows, half the stream.
            ground += sums.deep.sum(0)
            release = 0.012 * ground
            ground -= release
            pool = sums.pool.sum(0) + 0.5 * release
            pool[slots == 0] = 0.0
            day_fluxes[2] += 0.5 * release.sum()
            budget.append([*day_fluxes, pool.sum(), ground.sum()])
            if day.year == year:
                cell_series.append(sums.cells.sum(0) / np.maximum(count, 1)[:, None])
                snow_series.append(sums.snow.sum(0) / np.maximum(sums.snow_count.sum(0), 1))
                if day in kept:
                    pending.put(packed)
            if failure:
                raise failure[0]
            if progress:
                progress((i + 1) / len(weather.days))
    finally:
        pending.put(None)
        writer.join()
    if failure:
        raise failure[0]
    snow = np.array(snow_series, np.float32)
    filled = _fill_bins(sums.snow_count.sum(0) > 0)
    np.savez(
        folder / "series.npz",
        cells=np.array(cell_series, np.float32),
        snow=snow.reshape(len(snow), -1)[:, filled].reshape(snow.shape),
        budget=np.array(budget),
        initial=initial,
        count=count,
    )
    (folder / "series.json").write_text(
        json.dumps({"year": year, "aggregates": AGGREGATES, "fluxes": FLUXES})
    )
