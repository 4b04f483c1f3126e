"""How stored stages of a basin are made: its land, and the clouds over it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from smgee.grid import PixelGrid, transformer
from smgee.twin.balance import prepare_static
from smgee.twin.clouds import draw_clouds
from smgee.twin.land import build_land
from smgee.twin.orbits import Scene
from smgee.twin.parallel import run_blocks
from smgee.twin.terrain import build_terrain, survey_error, topography
from smgee.twin.weather import Weather

PAD = 24  # pixels of terrain around the grid: the DEM's geographic box is wider than the tilted cell
RELIEF = {"M36": 1280.0, "M09": 640.0}


def make_static(
    folder: Path,
    *,
    seed: int,
    extent: str,
    grid: PixelGrid,
    dem: PixelGrid,
    latitude: float,
    cell_index: np.ndarray,
) -> None:
    """Write what does not change as arrays into a folder; see `smgee.twin.basin.Basin.static`.

    Parameters
    ----------
    folder : Path
        Where.
    seed, extent
        Of the basin.
    grid, dem : PixelGrid
        The 30 m grid, and that of the elevation model in degrees.
    latitude : float
        Of the middle, degrees.
    cell_index : (height, width) uint8
        The 9 km cell of each pixel.
    """
    from scipy.ndimage import map_coordinates

    domain = grid.pad(PAD)
    raw = build_terrain(seed, domain.shape, relief=RELIEF[extent])
    terrain = topography(raw, latitude)
    inner = (slice(PAD, -PAD), slice(PAD, -PAD))
    x, y = transformer("EPSG:4326", grid.crs).transform(*dem.centers())
    left, top = domain.transform[2], domain.transform[5]
    at = np.stack([(top - y) / 30.0 - 0.5, (x - left) / 30.0 - 0.5])
    surveyed = map_coordinates(raw + survey_error(seed, domain.shape), at, order=1, mode="nearest")
    np.save(folder / "dem.npy", np.rint(surveyed).astype(np.int16))
    np.save(
        folder / "dem_water.npy",
        map_coordinates(terrain.water.astype(np.uint8), at, order=0, mode="nearest") * np.uint8(255),
    )
    terrain = replace(
        terrain,
        **{f.name: np.ascontiguousarray(getattr(terrain, f.name)[inner]) for f in fields(terrain)},
    )
    # Hillslopes keep their numbers from the larger domain; close the gaps that cutting leaves.
    numbers = np.unique(terrain.hillslope, return_inverse=True)[1]
    terrain = replace(terrain, hillslope=numbers.reshape(grid.shape).astype(np.int32))
    land = build_land(seed, terrain)
    static = prepare_static(terrain, land, cell_index)
    for name, array in {
        "layers": static.layers,
        "label": static.label,
        "bins": static.bins,
        "elevation": terrain.elevation,
    }.items():
        np.save(folder / f"{name}.npy", array)
    np.save(folder / "soil.npy", np.stack([land.sand, land.clay, land.organic, terrain.wetness]))


def make_clouds(
    folder: Path, *, seed: int, scenes: Sequence[Scene], weather: Weather, shape: tuple[int, int]
) -> None:
    """Write the clouds of every scene into a folder."""
    drawn: list[Any] = [None] * len(scenes)

    def draw(block: int, start: int, stop: int) -> None:
        for i in range(start, stop):
            wet = bool(weather.wet[weather.index(scenes[i].time.date())])
            drawn[i] = draw_clouds(seed, scenes[i], shape, wet=wet)

    run_blocks(draw, len(scenes))
    meta = {s.product + s.index: [f.shadow_rows, f.shadow_cols, f.coverage] for s, f in zip(scenes, drawn)}
    np.save(folder / "opacity.npy", np.stack([f.opacity for f in drawn]))
    (folder / "clouds.json").write_text(json.dumps(meta))
