"""Maps of days and seasons, and what is made of them, from blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, get_args

import numpy as np

from smgee.area import Area
from smgee.errors import InputError
from smgee.predictors import Cadence, PredictorSet
from smgee.session import parallel_requests
from smgee.trees import TreeEnsemble
from smgee.upscale.blocks import MapJob, Maps, block_size, tiling
from smgee.upscale.cells import CellMeans, Weights
from smgee.upscale.classifier_route import ClassifierRoute
from smgee.upscale.daily import DailyModel
from smgee.upscale.jobs import Done, plan_jobs, results, run_jobs
from smgee.upscale.kept import KeptBands
from smgee.upscale.pull import Puller
from smgee.upscale.route import Route, RouteName
from smgee.upscale.store import MapStore
from smgee.upscale.xee_route import XeeRoute


def make_route(
    name: RouteName,
    predictors: PredictorSet,
    model: TreeEnsemble | DailyModel,
    *,
    kept: KeptBands | None = None,
) -> XeeRoute | ClassifierRoute:
    """Return a route by its name.

    Parameters
    ----------
    name : {"xee", "classifier"}
        Where the trees are evaluated: here, or on Earth Engine.
    predictors : PredictorSet
        Of the study, `smgee.Study.predictor_set`.
    model : TreeEnsemble or DailyModel
        Trained on them.
    kept : KeptBands, optional
        Keeps static predictors that route xee pulls.
    """
    if name not in get_args(RouteName):
        raise InputError(f"The route {name!r} is not known; choose {' or '.join(get_args(RouteName))}.")
    if name == "xee":
        return XeeRoute(predictors, model, kept=kept)
    return ClassifierRoute(predictors, model)


def default_block(n_bands: int) -> int:
    """Return the side of blocks that suits the machine's memory and the service's requests, pixels."""
    return block_size(n_bands, parallel_requests())


def map_season(
    store: MapStore,
    route: Route,
    *,
    area: Area | None = None,
    executor: Executor | None = None,
    events: Callable[[Done, float], Any] | None = None,
) -> None:
    """Fill a map store with every day and block it still lacks; an interrupted run goes on where it stopped.

    Parameters
    ----------
    store : MapStore
        Where maps go; its days must lie in the study's period.
    route : Route
        Makes the maps.
    area : Area, optional
        Maps are masked outside its outline.
    executor : concurrent.futures.Executor, optional
        Where jobs run; by default threads of this process.
    events : callable, optional
        Told of every job that is done, with the share done of what was missing (0–1).
    """
    jobs = plan_jobs(store, route)
    count = 0

    def told(done: Done) -> None:
        nonlocal count
        count += 1
        if events is not None:
            events(done, count / len(jobs))

    run_jobs(jobs, route, store, area=area, executor=executor, events=told)


def map_day(
    route: XeeRoute | ClassifierRoute, day: date, *, area: Area | None = None, block: int | None = None
) -> np.ndarray:
    """Return the soil moisture map of one day.

    Parameters
    ----------
    route : Route
        Makes the map.
    day : date
        A day of the study's period.
    area : Area, optional
        The map is masked outside its outline.
    block : int, optional
        Side of the blocks it is made of, pixels.

    Returns
    -------
    (y, x) float32
        m³ m⁻³, NaN where a predictor is masked.
    """
    grid = route.predictors.site.grid
    whole = np.full(grid.shape, np.nan, np.float32)
    blocks = tiling(grid, block or default_block(len(route.model.needs) or 1), area=area)
    for done in results([MapJob(b, (day,)) for b in blocks], route):
        whole[done.job.block.slices] = next(iter(done.maps.values()))[0]
    inside = None if area is None else area.inside(grid)
    return whole if inside is None else np.where(inside, whole, np.float32(np.nan))


@dataclass(frozen=True, eq=False)
class _Static:
    """Pulls static predictors as if they were maps."""

    predictors: PredictorSet
    names: Sequence[str]

    @cached_property
    def puller(self) -> Puller:
        """What pulls."""
        return Puller(self.predictors.site.grid)

    def run(self, job: MapJob) -> Maps:
        """Return the predictors in a block, each (1, height, width) float32."""
        found: Maps = {}
        for piece in self.predictors.pieces(job.days, names=self.names):
            pulled = self.puller.pull(
                piece.names,
                job.block,
                names=piece.names,
                image=lambda piece=piece: piece.image,  # type: ignore[misc]
                keep=False,
            )
            found |= {name: band[None] for name, band in zip(piece.names, pulled)}
        return found


def pull_static(
    predictors: PredictorSet, *, names: Sequence[str] | None = None, block: int | None = None
) -> dict[str, np.ndarray]:
    """Return static predictors on the map lattice, (y, x) float32 each, NaN where masked.

    Parameters
    ----------
    predictors : PredictorSet
        Of the study.
    names : sequence of str, optional
        Which; all static ones by default.
    block : int, optional
        Side of the blocks they come in, pixels.
    """
    static = [p.name for p in predictors.predictors if p.cadence is Cadence.STATIC]
    names = static if names is None else [name for name in static if name in names]
    if not names:
        return {}
    grid = predictors.site.grid
    whole = {name: np.empty(grid.shape, np.float32) for name in names}
    blocks = tiling(grid, block or default_block(len(names)))
    for done in results([MapJob(b, (predictors.start,)) for b in blocks], _Static(predictors, names)):
        for name, values in done.maps.items():
            whole[name][done.job.block.slices] = values[0]
    return whole


def season_mean(store: MapStore, variable: str = "soil_moisture") -> np.ndarray:
    """Return the mean of the daily maps, one block and some days in memory at a time.

    Returns
    -------
    (y, x) float32
        NaN where no day has a value.
    """
    mean = np.full(store.grid.shape, np.nan, np.float32)
    for block in store.blocks:
        total = np.zeros((block.height, block.width))
        number = np.zeros(total.shape, np.int32)
        for _, maps in store.spans(block):
            for values in maps[variable]:
                valid = np.isfinite(values)
                total += np.where(valid, values, 0)
                number += valid
        np.divide(total, number, out=mean[block.slices], where=number > 0, casting="unsafe")
    return mean


def cell_means(store: MapStore, weights: Weights, variable: str = "soil_moisture") -> CellMeans:
    """Average a season's maps over cells, one block and some days in memory at a time.

    Parameters
    ----------
    store : MapStore
        The maps.
    weights : Weights
        From `smgee.validation.cell_weights`, on the lattice of the store.
    variable : str
        Which of the store's variables.
    """
    means = CellMeans(weights)
    for block in store.blocks:
        for days, maps in store.spans(block):
            means.add(block, days, maps[variable])
    return means
