"""Where jobs run that are not to run on threads of this process: processes, here or on a dask cluster.

Both are executors for `smgee.upscale.run_jobs`. Each worker connects to the backend by itself, in the way
this process is connected, and keeps the route: what it pulls for a block serves the block's other days, so a
block stays with its worker. Only finished maps travel back, and this process alone writes them. A worker
that is lost costs what it had under way; that is done again by another.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from smgee.errors import InputError, RemoteError
from smgee.machine import trim_heap, usable_cores
from smgee.remote import LEDGER, Spent
from smgee.session import Access, current_session
from smgee.upscale.blocks import Block, MapJob
from smgee.upscale.route import Route

ATTEMPTS = 3
"""So often a job is begun again whose worker was lost; then it is taken to be what kills them."""

Work = Callable[..., Any]

CONNECT_S = 30
"""So long a scheduler and its first worker are waited for, s."""


class Workers(Executor):
    """An executor of jobs whose workers keep the route.

    Attributes
    ----------
    size : int
        How many workers there are.
    """

    size: int

    def __init__(self) -> None:
        self._home: dict[Block, int] = {}
        self._load: Counter[int] = Counter()

    def submit(  # type: ignore[override]
        self, work: Work, job: MapJob, route: Route, *rest: Any
    ) -> Future[Any]:
        """Have a worker call ``work(job, route, *rest)``.

        Parameters
        ----------
        work : callable
            A function that can be pickled.
        route : Route
            Sent to each worker once.
        """
        raise NotImplementedError

    def _home_of(self, block: Block) -> int:
        """Return the number of the worker that a block belongs to: at first, of the one with fewest."""
        if block not in self._home:
            self._home[block] = min(range(self.size), key=lambda k: (self._load[k], k))
            self._load[self._home[block]] += 1
        return self._home[block]


@dataclass(frozen=True)
class _Answer:
    """What a worker gives back: a result, and what it has spent on requests since the last."""

    result: Any
    spent: Spent


class _Post:
    """What runs in a worker: it connects, and keeps routes."""

    _lock = threading.Lock()
    _told = Spent()  # what this process has answered for, by whichever post

    def __init__(self, access: Access):
        self._access = access
        self._routes: dict[int, Route] = {}

    def take(self, number: int, packed: bytes) -> None:
        """Keep a route."""
        self._access.connect()
        with self._lock:
            if number not in self._routes:
                self._routes[number] = pickle.loads(packed)

    def work(self, work: Work, job: MapJob, number: int, *rest: Any) -> _Answer:
        """Do a job."""
        result = work(job, self._routes[number], *rest)
        trim_heap()
        with self._lock:
            now = LEDGER.spent()
            spent, _Post._told = now - _Post._told, now
        return _Answer(result, spent)


# -- processes of this machine

_post: _Post | None = None  # of this process, where it is a worker


def _begin(access: Access) -> None:
    global _post
    _post = _Post(access)


def _take(number: int, packed: bytes) -> None:
    assert _post is not None
    _post.take(number, packed)


def _do(work: Work, job: MapJob, number: int, *rest: Any) -> _Answer:
    assert _post is not None
    return _post.work(work, job, number, *rest)


class _Lane:
    """One process, and the thread that feeds it."""

    def __init__(self, access: Access):
        self._access = access
        self.feeder = ThreadPoolExecutor(1)
        self._pool: ProcessPoolExecutor | None = None
        self._known: set[int] = set()

    def run(self, packed: bytes, work: Work, job: MapJob, number: int, *rest: Any) -> Any:
        """Do a job in the process, and again in a new one where it dies."""
        for attempt in range(ATTEMPTS):
            if self._pool is None:
                # Threads do not survive a fork of this process; that of a server without any does no harm.
                context = multiprocessing.get_context("forkserver")
                context.set_forkserver_preload(["smgee.upscale.xee_route"])
                self._pool = ProcessPoolExecutor(1, context, _begin, (self._access,))
                self._known = set()
            try:
                if number not in self._known:
                    self._pool.submit(_take, number, packed).result()
                    self._known.add(number)
                answer = self._pool.submit(_do, work, job, number, *rest).result()
            except BrokenProcessPool as error:
                self._pool.shutdown(wait=False)
                self._pool = None
                if attempt == ATTEMPTS - 1:
                    raise _lost(job, error) from error
            else:
                LEDGER.add(answer.spent)
                return answer.result
        raise AssertionError

    def close(self) -> None:
        """End the process after what it has under way."""
        self.feeder.shutdown(wait=True, cancel_futures=True)
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


class Processes(Workers):
    """Processes of this machine.

    Parameters
    ----------
    size : int
        How many; they reach the backend as this process does.
    """

    def __init__(self, size: int):
        super().__init__()
        self.size = size
        access = _access_of_this_process()
        self._lanes = [_Lane(access) for _ in range(size)]
        self._routes = _Routes()

    def submit(  # type: ignore[override]
        self, work: Work, job: MapJob, route: Route, *rest: Any
    ) -> Future[Any]:
        """Have a worker call ``work(job, route, *rest)``; see `Workers.submit`."""
        number, packed = self._routes.packed(route)
        lane = self._lanes[self._home_of(job.block)]
        return lane.feeder.submit(lane.run, packed, work, job, number, *rest)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes after what they have under way."""
        for lane in self._lanes:
            lane.close()


class _Routes:
    """Routes that workers were given, packed once each."""

    def __init__(self) -> None:
        self._packed: list[tuple[Route, bytes]] = []

    def packed(self, route: Route) -> tuple[int, bytes]:
        """Return a route's number and its pickle."""
        for number, (known, packed) in enumerate(self._packed):
            if known is route:
                return number, packed
        try:
            self._packed.append((route, pickle.dumps(route)))
        except Exception as error:  # whatever an object says that does not travel
            raise InputError(
                f"The route {route.name} cannot be sent to another process ({error}); use threads."
            ) from error
        return self.packed(route)


# -- dask

_posts: dict[str, _Post] = {}  # of this process, where it is a dask worker: one for each route
_posts_lock = threading.Lock()


def _on_dask(work: Work, job: MapJob, name: str, *rest: Any) -> _Answer:
    """Do a job on a dask worker that `Cluster` gave the route to."""
    from distributed import get_worker

    worker: Any = get_worker()
    access, packed = worker.smgee_routes[name]
    with _posts_lock:
        post = _posts.setdefault(name, _Post(access))
    post.take(0, packed)
    return post.work(work, job, 0, *rest)


def _plugin(name: str, access: Access, packed: bytes) -> Any:
    """Return what gives every dask worker a route, those that join later too."""
    from distributed.diagnostics.plugin import WorkerPlugin

    class Route(WorkerPlugin):
        def setup(self, worker: Any) -> None:
            worker.smgee_routes = {**getattr(worker, "smgee_routes", {}), name: (access, packed)}

    plugin: Any = Route()
    plugin.name = name
    return plugin


class Cluster(Workers):
    """Workers of dask.distributed.

    Parameters
    ----------
    where : str or dask cluster
        ``local:N`` for so many processes of this machine, the address of a scheduler, such as
        ``tcp://host:8786``, or a cluster that something else has started. Workers reach the backend as this
        process does.

    Raises
    ------
    RemoteError
        When no scheduler answers, or it has no worker.
    """

    def __init__(self, where: Any):
        super().__init__()
        import distributed

        self._access = _access_of_this_process()
        self._cluster = None
        if isinstance(where, str) and where.startswith("local:"):
            self._cluster = distributed.LocalCluster(
                n_workers=_count(where, where.removeprefix("local:")),
                threads_per_worker=1,
                dashboard_address=None,
            )
        try:
            self.client = distributed.Client(self._cluster or where, timeout=CONNECT_S)
            self.client.wait_for_workers(1, timeout=CONNECT_S)
        except (OSError, TimeoutError) as error:
            raise RemoteError(
                f"No dask scheduler with a worker answers at {where} within {CONNECT_S} s; start one with "
                "`dask scheduler` and `dask worker`, or take local:2."
            ) from error
        self.size = len(self._addresses())
        self._routes = _Routes()
        self._names: dict[int, str] = {}
        self._homes: dict[int, str] = {}

    def submit(  # type: ignore[override]
        self, work: Work, job: MapJob, route: Route, *rest: Any
    ) -> Future[Any]:
        """Have a worker call ``work(job, route, *rest)``; see `Workers.submit`."""
        from distributed import KilledWorker

        number, packed = self._routes.packed(route)
        if number not in self._names:
            name = self._names[number] = f"smgee-{uuid.uuid4().hex}"
            self.client.register_plugin(_plugin(name, self._access, packed))
        asked = self.client.submit(
            _on_dask,
            work,
            job,
            self._names[number],
            *rest,
            pure=False,
            workers=[self._address_of(job.block)],
            allow_other_workers=True,  # where that one is lost, or busy for long
        )
        told: Future[Any] = Future()
        told.set_running_or_notify_cancel()

        def finished(future: Any) -> None:
            try:
                answer = future.result()
            except KilledWorker as error:
                told.set_exception(_lost(job, error))
            except BaseException as error:
                told.set_exception(error)
            else:
                LEDGER.add(answer.spent)
                told.set_result(answer.result)
            future.release()

        asked.add_done_callback(finished)
        return told

    def _addresses(self) -> list[str]:
        return sorted(self.client.scheduler_info(n_workers=-1)["workers"])

    def _address_of(self, block: Block) -> str:
        """Return the worker that a block belongs to; a new one where it is lost."""
        there = self._addresses()
        home = self._home_of(block)
        if self._homes.get(home) not in there:
            free = [a for a in there if a not in self._homes.values()]
            self._homes[home] = (free or there)[0] if there else "none"
        return self._homes[home]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; a local one ends."""
        for name in self._names.values():
            with contextlib.suppress(Exception):  # the scheduler may be gone
                self.client.unregister_worker_plugin(name)
        self.client.close()
        if self._cluster is not None:
            self._cluster.close()


# -- by name


@contextmanager
def open_workers(where: str | None) -> Iterator[Executor | None]:
    """Yield an executor of jobs by its name, and end it afterwards.

    Parameters
    ----------
    where : str, optional
        ``threads`` or nothing for threads of this process, as many as the backend takes; ``threads:N``;
        ``processes:N``; ``dask:local:N``; ``dask:ADDRESS`` of a scheduler.

    Raises
    ------
    InputError
        For another name.
    RemoteError
        When no scheduler answers.
    """
    kind, _, detail = (where or "threads").partition(":")
    executor: Executor
    if kind == "threads":
        if not detail:
            yield None
            return
        executor = ThreadPoolExecutor(_count(where, detail))
    elif kind == "processes":
        executor = Processes(_count(where, detail or str(usable_cores())))
    elif kind == "dask" and detail:
        executor = Cluster(detail)
    else:
        raise InputError(
            f"The workers {where!r} are not known; choose threads, threads:4, processes:2, dask:local:2 or "
            "dask:tcp://HOST:PORT."
        )
    with executor:
        yield executor


def _count(where: str | None, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"In the workers {where!r}, {text!r} is not how many; give a number from 1.")
    return int(text)


def _access_of_this_process() -> Access:
    session = current_session()
    if session is None:
        raise InputError("Workers connect as this process does, which is not connected; call smgee.connect.")
    return session.access


def _lost(job: MapJob, error: Exception) -> RemoteError:
    lost = RemoteError(
        f"{ATTEMPTS} workers were lost while they mapped row {job.block.row}, column {job.block.col}; they "
        "may lack memory: give them more, or map with fewer of them."
    )
    lost.__cause__ = error
    return lost
