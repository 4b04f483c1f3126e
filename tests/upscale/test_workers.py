"""Jobs on processes and on dask workers: the maps of one thread, whatever is lost on the way."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

import smgee
from smgee.errors import InputError, RemoteError
from smgee.remote import LEDGER
from smgee.study import Study
from smgee.upscale import MapStore, map_season, plan_jobs, run_jobs
from smgee.upscale.workers import Processes, open_workers
from smgee.workflow.connection import connected
from smgee.workflow.folder import RunFolder
from tests.upscale.routes import GRID, Arithmetic, Asking, Deadly, Noted, whole

DAYS = [date(2021, 6, 1) + timedelta(days=k) for k in range(6)]
OPTIONS = {"days": DAYS, "grid": GRID, "identity": "x", "block": 20}


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    with smgee.connect("embedded", sources=[], store=tmp_path_factory.mktemp("assets")) as session:
        yield session


@pytest.fixture
def scheduler(tmp_path) -> Iterator[str]:
    """The address of a dask scheduler of its own, with two workers, as somebody starts them by hand."""
    file = tmp_path / "scheduler.json"
    common = ["--scheduler-file", str(file), "--host", "127.0.0.1", "--no-dashboard"]
    worker = ["dask_worker", "--nthreads", "1", "--local-directory", str(tmp_path)]
    commands = [["dask_scheduler", "--port", "0"], worker, worker]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{name}", *options, *common],
            cwd=Path(__file__).parents[2],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for name, *options in commands
    ]
    try:
        until = time.monotonic() + 120
        while not file.exists() or not file.read_text():
            assert time.monotonic() < until, "the scheduler did not start"
            time.sleep(0.1)
        yield json.loads(file.read_text())["address"]
    finally:
        for process in started:  # with its children, for a nanny may be starting one and not end before
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)


def check(store: MapStore) -> None:
    assert store.missing == []
    assert store.verify() == []
    for day in DAYS:
        np.testing.assert_array_equal(store.read(day), whole(day))


def begun(folder: Path) -> list[list[str]]:
    """Worker, row, column and day of every job that was begun."""
    return [p.name.split("-", 3) for p in folder.iterdir() if p.name != "killed"]


def bytes_of(store: MapStore) -> dict[str, bytes]:
    files = sorted(p for p in store.path.rglob("*") if p.is_file())
    return {str(p.relative_to(store.path)): p.read_bytes() for p in files}


@pytest.mark.parametrize("kind", ["processes:2", "dask:local:2", "dask:tcp"])
def test_a_killed_worker_costs_what_it_had_and_the_store_is_that_of_one_thread(
    embedded, tmp_path, kind, request
):
    if kind == "dask:tcp":
        kind = f"dask:{request.getfixturevalue('scheduler')}"
    plain = MapStore(tmp_path / "plain.zarr", **OPTIONS)
    map_season(plain, Arithmetic(together=2))
    notes = tmp_path / "notes"
    notes.mkdir()
    store = MapStore(tmp_path / "maps.zarr", **OPTIONS)
    route = Noted(folder=str(notes), killing=True, session=True)
    with open_workers(kind) as workers:
        map_season(store, route, executor=workers)
    check(store)
    assert bytes_of(store) == bytes_of(plain)
    assert (notes / "killed").exists()
    jobs = begun(notes)
    distinct = {(row, col, day) for _, row, col, day in jobs}
    assert len(distinct) == len(store.blocks) * 3
    # again were begun those that the lost worker had: two at most are with one worker
    assert len(distinct) < len(jobs) <= len(distinct) + 2
    assert len({pid for pid, *_ in jobs}) in (2, 3)  # the new one may come too late


def test_a_block_stays_with_its_worker(embedded, tmp_path):
    store = MapStore(tmp_path / "maps.zarr", **OPTIONS)
    (tmp_path / "notes").mkdir()
    route = Noted(folder=str(tmp_path / "notes"))
    with Processes(2) as workers:
        run_jobs(plan_jobs(store, route), route, store, executor=workers)
    check(store)
    jobs = begun(tmp_path / "notes")
    homes = {(row, col): pid for pid, row, col, _ in jobs}
    assert all(homes[row, col] == pid for pid, row, col, _ in jobs)
    assert len(set(homes.values())) == 2


def test_a_job_that_kills_every_worker_is_told(embedded, tmp_path):
    store = MapStore(tmp_path / "maps.zarr", **OPTIONS)
    with Processes(1) as workers, pytest.raises(RemoteError, match="3 workers were lost"):
        map_season(store, Deadly(), executor=workers)


def test_workers_connect_as_this_process_does_and_their_requests_count(embedded, tmp_path):
    store = MapStore(tmp_path / "maps.zarr", **OPTIONS)
    with Processes(2) as workers, LEDGER.measure() as meter:
        map_season(store, Asking(), executor=workers)
    check(store)
    assert meter.spent.requests["value:compute"] == len(store.blocks) * 2


def test_what_cannot_be_done_is_told(embedded, monkeypatch):
    for wrong in ("cloud", "dask", "processes:none", "threads:0"):
        with pytest.raises(InputError, match="workers"), open_workers(wrong):
            pass
    monkeypatch.setattr("smgee.upscale.workers.CONNECT_S", 1)
    with pytest.raises(RemoteError, match="No dask scheduler"), open_workers("dask:tcp://127.0.0.1:9"):
        pass


def test_threads_of_a_number(tmp_path):
    store = MapStore(tmp_path / "maps.zarr", **OPTIONS)
    with open_workers("threads:3") as workers:
        map_season(store, Arithmetic(), executor=workers)
    check(store)


def test_a_run_on_the_synthetic_basin_can_be_reached_from_elsewhere(tmp_path):
    """What a command connects with, which holds the basin, travels to workers."""
    run = RunFolder(tmp_path / "run", Study.demo().model_copy(update={"name": "elsewhere"}))
    with connected(run) as session:
        access = pickle.loads(pickle.dumps(session.access))
    (mine,), (theirs,) = (dict(a.options)["sources"] for a in (session.access, access))
    assert theirs is not mine
    assert (theirs.basin.seed, theirs.basin.grid) == (mine.basin.seed, mine.basin.grid)
    assert list(theirs.basins) == list(mine.basins)
