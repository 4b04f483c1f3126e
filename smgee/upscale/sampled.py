"""Means over cells of the maps of many models, from a regular sample of pixels.

The mean of a cell needs no pixel's neighbour: one pixel in some dozens tells how it differs between models to
a small part of that difference, and thirty models cost less than one map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from smgee.area import Area
from smgee.grid import EASE_GRIDS, EaseCell, PixelGrid, transformer
from smgee.predictors import PredictorSet
from smgee.upscale.bands import BandSource, Coarse, predict_told
from smgee.upscale.blocks import Block, MapJob, Maps, tiling
from smgee.upscale.cells import CellMeans, Weights
from smgee.upscale.daily import DailyModel
from smgee.upscale.jobs import results
from smgee.upscale.route import Cost

LEAST_SIDE = 16
"""Pixels sampled along the side of the smallest cell, at least, where the maps have so many."""


def sampling_step(cells: Sequence[EaseCell], scale_m: float) -> int:
    """Return how far sampled pixels may lie apart, in pixels of the maps."""
    side = min(EASE_GRIDS[cell.grid].cell_size for cell in cells)
    return max(1, int(side / scale_m / LEAST_SIDE))


def sampled_grid(grid: PixelGrid, step: int) -> PixelGrid:
    """Return the lattice of the squares of `step` by `step` pixels that a sampled pixel stands for."""
    a, b, c, d, e, f = grid.transform
    wide = (a * step, b * step, c, d * step, e * step, f)
    return PixelGrid(grid.crs, wide, grid.width // step, grid.height // step)


def nearest_place(grid: PixelGrid, lons: np.ndarray, lats: np.ndarray) -> np.ndarray:
    """Return which of several places is the nearest to each square of a lattice.

    Parameters
    ----------
    grid : PixelGrid
        From `sampled_grid`.
    lons, lats : array, shape (n,)
        Degrees.

    Returns
    -------
    numpy.ndarray, shape (height, width), int32
        Index of the place nearest to the middle of the square, in the plane of the lattice.
    """
    from scipy.spatial import cKDTree

    places = np.column_stack(transformer("EPSG:4326", grid.crs).transform(lons, lats))
    x, y = grid.centers()
    _, nearest = cKDTree(places).query(np.column_stack([x.ravel(), y.ravel()]))
    return np.asarray(nearest, np.int32).reshape(grid.shape)


CROSS_FITTED = "cross-fitted"
"""The map in which every pixel is that of the model without its nearest station."""

DAYS_TOGETHER = 64
"""Days predicted at once: sampled pixels are few, and every call of a model has its price."""


class SampledRoute:
    """Maps one pixel in the middle of every square by several models; a variable for each, by its number.

    Blocks are those of `sampled_grid`.

    Parameters
    ----------
    predictors : PredictorSet
        On the lattice of the maps.
    step : int
        Side of a square, pixels.
    source : BandSource, optional
        Pulls what the models need; another route's, that what it has pulled may serve again.
    nearest : (height, width) int array, optional
        On the lattice of squares: the model that has not seen the station nearest to each. A variable more,
        `CROSS_FITTED`, is then put together of the models.
    """

    name = "sampled"

    def __init__(
        self,
        predictors: PredictorSet,
        models: Sequence[DailyModel],
        step: int,
        *,
        source: BandSource | None = None,
        nearest: np.ndarray | None = None,
    ):
        self.predictors = predictors
        self.models = tuple(models)
        self.step = step
        self.nearest = nearest
        names = tuple(dict.fromkeys(n for m in models for n in m.needs))
        self.source = source or BandSource(predictors, names)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(SampledRoute, nearest=self.nearest), (self.predictors, self.models, self.step)

    def groups(self, days: Sequence[date]) -> list[tuple[date, ...]]:
        """Return the days in groups that the same pulled pixels serve."""
        return self.source.groups(days, most=DAYS_TOGETHER)

    def _whole(self, block: Block) -> Block:
        return Block(*(self.step * n for n in (block.row, block.col, block.height, block.width)))

    def cost(self, job: MapJob) -> Cost:
        """Return what must be pulled: whole blocks, since Earth Engine averages what it is asked thinner."""
        return self.source.cost(MapJob(self._whole(job.block), job.days))

    def run(self, job: MapJob) -> Maps:
        """Return what each model says, by its number, (days, height, width) float32 m³ m⁻³."""
        middle = self.step // 2
        pulled = self.source.pull(MapJob(self._whole(job.block), job.days))
        bands = {
            key: values.every(self.step, middle)
            if isinstance(values, Coarse)
            else values[middle :: self.step, middle :: self.step]
            for key, values in pulled.items()
        }
        constants = {day: self.predictors.constants(day) for day in job.days}
        shape = (len(job.days), job.block.height, job.block.width)
        found = {}
        for k, model in enumerate(self.models):
            found[str(k)] = np.empty(shape, np.float32)
            predict_told(model, job.days, bands, constants, found[str(k)])
        if self.nearest is not None:
            own = self.nearest[job.block.slices]
            found[CROSS_FITTED] = np.empty(shape, np.float32)
            for k in np.unique(own):
                found[CROSS_FITTED][:, own == k] = found[str(k)][:, own == k]
        return found


def sampled_means(
    route: SampledRoute,
    weights: Weights,
    days: Sequence[date],
    *,
    names: Sequence[str],
    block: int,
    area: Area | None = None,
    min_coverage: float = 0.8,
    progress: Callable[[float], object] = lambda share: None,
) -> pd.DataFrame:
    """Average the maps of every model over cells, day by day.

    Parameters
    ----------
    weights : Weights
        Of the cells, on `sampled_grid`.
    names : sequence of str
        One for each model.
    block : int
        Side of the blocks that are pulled, pixels of the maps.
    area : Area, optional
        Pixels outside its outline do not count.
    min_coverage : float
        A cell's mean is NaN on days on which less than this share of its area has a value.
    progress : callable, optional
        Told the share done.

    Returns
    -------
    pandas.DataFrame
        name, date, cell, soil_moisture; with the name `CROSS_FITTED` where the route makes it.
    """
    grid = weights.grid
    blocks = tiling(grid, max(1, block // route.step), area=area)
    jobs = [MapJob(b, group) for b in blocks for group in route.groups(days)]
    titles = {str(k): name for k, name in enumerate(names)}
    if route.nearest is not None:
        titles[CROSS_FITTED] = CROSS_FITTED
    means: Mapping[str, CellMeans] = {key: CellMeans(weights) for key in titles}
    for number, done in enumerate(results(jobs, route), start=1):
        inside = None if area is None else area.inside(done.job.block.on(grid))
        for key, values in done.maps.items():
            if inside is not None:
                values[:, ~inside] = np.nan
            means[key].add(done.job.block, done.job.days, values)
        progress(number / len(jobs))
    tables = [
        means[key].table(min_coverage=min_coverage)[["date", "cell", "soil_moisture"]].assign(name=name)
        for key, name in titles.items()
    ]
    return pd.concat(tables, ignore_index=True)
