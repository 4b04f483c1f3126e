"""Maps that stay on Earth Engine: their means over cells and over the season.

Means over cells are those of `smgee.upscale.cells`, asked of `reduceRegions`: every pixel counts by its true
area (`ee.Image.pixelArea`) times the share that Earth Engine finds inside the cell. They differ from the
means made here by what that share is rounded to, by pixels of which less than 0.5 % lies inside, which Earth
Engine leaves out, and by the pixel areas, which are interpolated here (guide "Reducing an Image": weighted
reducers). The first two concern the rim of a cell, some 5,000 of its 1.4 million pixels at 30 m.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
import shapely

from smgee.area import Area
from smgee.errors import InputError, RemoteError
from smgee.grid import EaseCell, PixelGrid
from smgee.late import ee
from smgee.remote import run_split
from smgee.remote.split import halves
from smgee.upscale.blocks import MapJob, Maps, tiling
from smgee.upscale.cells import means_table
from smgee.upscale.classifier_route import ClassifierRoute
from smgee.upscale.jobs import results
from smgee.upscale.pull import Puller
from smgee.upscale.store import SOIL_MOISTURE

CELLS_PER_REQUEST = 200
"""A 36 km cell with its 9 km and 3 km cells is 161, in 120 kB of outlines."""

# Vertices per edge: a 36 km edge bends by up to 16 m in UTM at 37° latitude, and a shorter one by the square
# less; so each follows its edge to 4 mm.
_POINTS_PER_EDGE = {"M36": 64, "M09": 16, "M03": 6}
_TILE_SCALE = 4  # smaller parts of work on the service; it changes no value
_CENTRE = 0.25  # m³ m⁻³; squares of differences from it keep the digits of a spread


class ServerRoute:
    """Maps of a classifier route that are masked outside an area, as the maps made here are.

    Parameters
    ----------
    route : ClassifierRoute
        Makes the maps.
    area : Area, optional
        The outline outside which they are masked.
    """

    def __init__(self, route: ClassifierRoute, *, area: Area | None = None):
        self.route = route
        self.area = area

    def images(self, days: Sequence[date]) -> dict[date, ee.Image]:
        """Return the maps of days that go into one request; see `ClassifierRoute.images`.

        A pixel has a value or has none, as in the maps made here. Earth Engine's masks have fractions where a
        predictor comes from finer or shifted pixels, and would weigh in its means: by 3e-4 m³ m⁻³ in a 9 km
        cell of the synthetic basin.
        """
        inside = self._inside
        found = {}
        for day, image in self.route.images(days).items():
            known = image.mask().gt(0)
            found[day] = image.mask(known if inside is None else known.And(inside))
        return found

    @property
    def grid(self) -> PixelGrid:
        """The lattice of the maps."""
        return self.route.predictors.site.grid

    @property
    def _inside(self) -> ee.Image | None:
        """1 in the pixels whose centre the outline holds; None where every pixel counts."""
        if self.area is None or not self.area.is_masked:
            return None
        outline = ee.Geometry(shapely.geometry.mapping(self.area.outline), self.area.crs, False)
        return ee.Image.constant(0).toByte().paint(ee.FeatureCollection([ee.Feature(outline)]), 1)


@dataclass(frozen=True)
class _Zones:
    """Cells on some days: one request."""

    cells: tuple[EaseCell, ...]
    days: tuple[date, ...]

    def split(self) -> tuple[_Zones, ...]:
        """Return half of the days each, or half of the cells."""
        if len(self.days) > 1:
            return tuple(_Zones(self.cells, tuple(part)) for part in halves(self.days))
        return tuple(_Zones(tuple(part), self.days) for part in halves(self.cells))


def cell_means_there(
    maps: ServerRoute,
    cells: Sequence[EaseCell],
    days: Sequence[date],
    *,
    min_coverage: float = 0.8,
    progress: Callable[[float], Any] | None = None,
) -> pd.DataFrame:
    """Average daily maps over cells on Earth Engine; no map comes here.

    Parameters
    ----------
    maps : ServerRoute
        The maps.
    cells : sequence of EaseCell
        Over which.
    days : sequence of date
        Of the study's period.
    min_coverage : float
        As in `smgee.upscale.CellMeans.table`.
    progress : callable, optional
        Told the share done.

    Returns
    -------
    pandas.DataFrame
        As `smgee.upscale.CellMeans.table` returns it: date, cell, soil_moisture, std, coverage, n_pixels.

    Raises
    ------
    smgee.remote.TooBig
        When a single cell on a single day is more than Earth Engine computes in one request; export then.
    smgee.errors.RemoteError
        When the answer lacks a cell or a figure that was asked for.
    """
    if not cells or not days:
        raise InputError("No cells or no days were given to average over; give at least one of each.")
    groups = maps.route.groups(sorted(set(days)))
    batches = [tuple(cells[k : k + CELLS_PER_REQUEST]) for k in range(0, len(cells), CELLS_PER_REQUEST)]
    jobs = [_Zones(batch, group) for group in groups for batch in batches]
    rows: list[pd.DataFrame] = []
    for k, job in enumerate(jobs):
        rows += run_split(job, _Zones.split, lambda part: _sums(maps, part))
        if progress is not None:
            progress((k + 1) / len(jobs))
    sums = pd.concat(rows, ignore_index=True)
    position = {cell.name: k for k, cell in enumerate(cells)}
    ordered = sorted(set(days))
    at = np.array([ordered.index(day) for day in sums["date"]]), sums["cell"].map(position).to_numpy()
    shape = (len(ordered), len(cells))
    area, mean, spread = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    number = np.zeros(shape, np.int64)
    weight = sums["area"].to_numpy()
    some = weight > 0
    off = np.divide(sums["first"], weight, out=np.zeros(len(sums)), where=some)
    square = np.divide(sums["second"], weight, out=np.zeros(len(sums)), where=some)
    area[at], number[at] = weight, sums["number"]
    mean[at] = _CENTRE + off
    spread[at] = np.maximum(square - off**2, 0.0) * weight
    return means_table(
        ordered, cells, area=area, mean=mean, spread=spread, number=number, min_coverage=min_coverage
    )


def _sums(maps: ServerRoute, job: _Zones) -> pd.DataFrame:
    """Return, for each cell and day, the area with a value (m²), that times the difference from `_CENTRE` and
    times its square, and the number of pixels.
    """
    # no mask: it has a value in every cell, so its column tells names that went wrong from days without maps
    layers = [ee.Image.pixelArea().toDouble().rename(_GROUND)]
    for day, image in maps.images(job.days).items():
        off = image.toDouble().subtract(_CENTRE)
        area = ee.Image.pixelArea().toDouble().updateMask(image.mask())
        bands = [area, area.multiply(off), area.multiply(off).multiply(off)]
        layers.append(ee.Image.cat(bands).rename([f"{what}{day:%Y%m%d}" for what in _SUMS]))
    regions = [
        ee.Feature(
            ee.Geometry.Polygon([_ring(cell, maps.grid.crs)], maps.grid.crs, False), {"cell": cell.name}
        )
        for cell in job.cells
    ]
    found = ee.Image.cat(layers).reduceRegions(
        collection=ee.FeatureCollection(regions),
        # weighted ones come first in a combination; beside one, a count is of every pixel that is touched
        reducer=ee.Reducer.sum().combine(ee.Reducer.count(), "", True),
        crs=maps.grid.crs,
        crsTransform=list(maps.grid.transform),
        tileScale=_TILE_SCALE,
    )
    # nothing but the numbers comes back
    wanted = [f"{what}{day:%Y%m%d}_{how}" for day in job.days for what, how in _PICKED]
    bare = found.select(["cell", f"{_GROUND}_sum", *wanted], None, False)
    table = ee.data.computeFeatures({"expression": bare, "fileFormat": "PANDAS_DATAFRAME"})
    return _by_day(table, job)


def _by_day(table: pd.DataFrame, job: _Zones) -> pd.DataFrame:
    """Return the figures of an answer by cell and day: cell, area, first, second, number, date.

    A cell without a value on a day has none of that day's figures, or zeros: either is an area of 0.

    Raises
    ------
    RemoteError
        An answer without one of the cells, or with some figures of a day and not the others.
    """
    ground = table.get(f"{_GROUND}_sum")
    known = set() if ground is None or "cell" not in table else set(table["cell"][ground.notna()])
    lost = [cell.name for cell in job.cells if cell.name not in known]
    if lost or len(table) != len(job.cells):
        raise RemoteError(
            f"Earth Engine was asked for the means of {len(job.cells)} cells, and answered with "
            f"{len(table)} rows, {lost[0] if lost else 'one cell twice'} not as it should be; run `smgee "
            "doctor`, and report what it says."
        )
    parts = []
    for day in job.days:
        names = [f"{what}{day:%Y%m%d}_{how}" for what, how in _PICKED]
        part = table.reindex(columns=names).set_axis(["area", "first", "second", "number"], axis=1)
        there = part["number"].fillna(0) > 0
        broken = part.isna().any(axis=1) & (there | (part.drop(columns="number").fillna(0) != 0).any(axis=1))
        if broken.any():
            absent = names[int(np.argmax(part[broken].isna().any(axis=0).to_numpy()))]
            raise RemoteError(
                f"Earth Engine's means of {day} lack {absent} in {int(broken.sum())} of {len(table)} cells, "
                "though the maps have values there; run `smgee doctor`, and report what it says."
            )
        parts.append(part.fillna(0.0).assign(cell=table["cell"], date=day))
    return pd.concat(parts, ignore_index=True)


_GROUND = "ground"
_SUMS = ("area", "first", "second")
_PICKED = (("area", "sum"), ("first", "sum"), ("second", "sum"), ("area", "count"))


def _ring(cell: EaseCell, crs: str) -> list[list[float]]:
    """Return a cell's outline, (x, y) in a CRS, to a centimetre."""
    outline = cell.polygon(crs, points_per_edge=_POINTS_PER_EDGE.get(cell.grid, 64))
    return [[round(x, 2), round(y, 2)] for x, y in shapely.get_coordinates(outline)]


def season_image(maps: ServerRoute, days: Sequence[date]) -> ee.Image:
    """Return the mean of the daily maps as an image of Earth Engine, masked where no day has a value."""
    found = ee.ImageCollection(list(maps.images(days).values())).mean()
    return found.toFloat().rename(SOIL_MOISTURE.name)


@dataclass(frozen=True, eq=False)
class _Season:
    """Pulls the season's mean as if it were the map of one day."""

    maps: ServerRoute
    days: Sequence[date]

    @cached_property
    def puller(self) -> Puller:
        """What pulls."""
        return Puller(self.maps.grid)

    def run(self, job: MapJob) -> Maps:
        """Return the mean in a block, (1, height, width)."""
        name = SOIL_MOISTURE.name
        image = partial(season_image, self.maps, self.days)
        return {name: self.puller.pull("season", job.block, names=[name], image=image, keep=False)}


def season_mean_there(maps: ServerRoute, days: Sequence[date], *, block: int = 512) -> np.ndarray:
    """Return the mean of the daily maps, averaged on Earth Engine and pulled as one map.

    Returns
    -------
    (y, x) float32
        m³ m⁻³, NaN where no day has a value, as `smgee.upscale.season_mean` returns it.
    """
    whole = np.full(maps.grid.shape, np.nan, np.float32)
    jobs = [MapJob(b, (days[0],)) for b in tiling(maps.grid, block, area=maps.area)]
    for done in results(jobs, _Season(maps, days)):
        whole[done.job.block.slices] = done.maps[SOIL_MOISTURE.name][0]
    return whole
