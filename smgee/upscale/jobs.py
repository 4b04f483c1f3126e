"""Jobs of a map run on an executor: bounded, interruptible, in whatever order they finish."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from smgee.area import Area
from smgee.errors import SmgeeError
from smgee.grid import PixelGrid
from smgee.machine import trim_heap
from smgee.remote import TooBig, run_split
from smgee.session import parallel_requests
from smgee.upscale.blocks import Block, MapJob, Maps, assemble
from smgee.upscale.route import Maker, Route
from smgee.upscale.store import MapStore
from smgee.upscale.workers import Workers


@dataclass(frozen=True, eq=False)
class Done:
    """A job that is finished.

    Attributes
    ----------
    maps : Maps
        Its maps.
    parts : int
        Into how many parts it had to be cut; 1 if none.
    seconds : float
        How long it took.
    """

    job: MapJob
    maps: Maps
    parts: int
    seconds: float


class _Stopped(SmgeeError):
    """Another job failed, so this one goes no further."""


class _Stop:
    """A flag that jobs on threads look at between requests; in another process it is never set."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def check(self) -> None:
        if self._event.is_set():
            raise _Stopped("The maps were given up.")

    def __reduce__(self) -> tuple[Any, ...]:
        return _Stop, ()


def plan_jobs(store: MapStore, route: Route) -> list[MapJob]:
    """Return the jobs that a store still lacks, block by block, so that what a block keeps serves it soon.

    Parameters
    ----------
    store : MapStore
        Knows which days of which blocks are done.
    route : Route
        Knows which days go together.
    """
    wanted = [(block, store.missing_in(block)) for block in store.blocks]
    return [MapJob(block, group) for block, days in wanted if days for group in route.groups(days)]


def run_jobs(
    jobs: Iterable[MapJob],
    route: Route,
    store: MapStore,
    *,
    area: Area | None = None,
    executor: Executor | None = None,
    in_flight: int | None = None,
    events: Callable[[Done], Any] | None = None,
) -> None:
    """Run jobs and store their maps, each as soon as it is finished.

    The maps do not depend on the order in which jobs finish, nor on whether they had to be cut.

    Parameters
    ----------
    jobs : iterable of MapJob
        Of blocks of the store, such as `plan_jobs` returns.
    route : Route
        Makes the maps.
    store : MapStore
        Takes them.
    area : Area, optional
        Maps are masked outside its outline, and blocks that do not touch it are not made.
    executor : concurrent.futures.Executor, optional
        Where jobs run; by default threads of this process. `smgee.upscale.workers` has others.
    in_flight : int, optional
        Most jobs under way at once; by default as many as the service takes, or two for each of other
        workers.
    events : callable, optional
        Told of every job when its maps are on disk.

    Raises
    ------
    RemoteError
        The first error that does not go away; nothing new is begun after it, and what was finished is kept.
    """
    inside = _mask(area, store.grid)

    def needed() -> Iterator[MapJob]:
        for job in jobs:
            if area is None or area.touches(job.block.on(store.grid)):
                yield job
            else:
                shape = (len(job.days), job.block.height, job.block.width)
                store.write(
                    job.block, job.days, {v.name: np.full(shape, np.nan, "f4") for v in store.variables}
                )

    for done in results(needed(), route, executor=executor, in_flight=in_flight):
        mask = inside(done.job.block)
        if mask is not None:
            for values in done.maps.values():
                values[:, ~mask] = np.nan
        store.write(done.job.block, done.job.days, done.maps)
        if events is not None:
            events(done)
        trim_heap()


def _mask(area: Area | None, grid: PixelGrid) -> Callable[[Block], np.ndarray | None]:
    """Return a function from blocks to which of their pixels count."""

    @lru_cache(maxsize=16)
    def inside(block: Block) -> np.ndarray | None:
        return None if area is None else area.inside(block.on(grid))

    return inside


def results(
    jobs: Iterable[MapJob],
    route: Maker,
    *,
    executor: Executor | None = None,
    in_flight: int | None = None,
) -> Iterator[Done]:
    """Yield jobs as they finish.

    When one fails for good, nothing new is begun; those under way are waited for, and yielded before the
    error is raised.
    """
    limit = in_flight or (2 * executor.size if isinstance(executor, Workers) else parallel_requests())
    queue = iter(jobs)
    stop = _Stop()
    pending: dict[Future[Done], MapJob] = {}
    with ThreadPoolExecutor(limit) if executor is None else nullcontext(executor) as pool:
        try:
            while True:
                while len(pending) < limit and (job := next(queue, None)) is not None:
                    pending[pool.submit(_work, job, route, stop)] = job
                if not pending:
                    return
                finished, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in finished:
                    del pending[future]
                    yield future.result()
        except Exception:
            for future in _give_up(pending, stop):
                yield future.result()
            raise
        finally:
            _give_up(pending, stop)


def _give_up(pending: dict[Future[Done], MapJob], stop: _Stop) -> list[Future[Done]]:
    """Begin nothing new, wait for what is under way, and return what of it succeeded."""
    stop.set()
    under_way = [future for future in pending if not future.cancel()]
    wait(under_way)
    pending.clear()
    return [future for future in under_way if future.exception() is None]


def _work(job: MapJob, route: Maker, stop: _Stop) -> Done:
    """Do a job, cut into parts where it is too big."""
    began = time.perf_counter()

    def one(part: MapJob) -> tuple[MapJob, Maps]:
        stop.check()
        return part, route.run(part)

    try:
        parts = run_split(job, MapJob.split, one)
    except TooBig as error:
        raise TooBig(
            f"{str(error).rstrip('.')}, so not even one pixel of one day can be mapped; take fewer "
            "predictors or shorter windows in the study."
        ) from error
    return Done(job, assemble(job, parts), len(parts), time.perf_counter() - began)
