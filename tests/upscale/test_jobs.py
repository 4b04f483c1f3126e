"""Jobs on an executor: the same maps whatever happens on the way, and a clean end when nothing helps."""

from __future__ import annotations

import pickle
import random
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from multiprocessing import get_context

import numpy as np
import pytest

from smgee.area import Area
from smgee.errors import RemoteError
from smgee.grid import transformer
from smgee.remote import TooBig
from smgee.upscale import Block, Cost, MapJob, MapStore, map_season, plan_jobs, run_jobs
from tests.upscale.routes import GRID, Arithmetic, whole

DAYS = [date(2021, 6, 1) + timedelta(days=k) for k in range(10)]
OPTIONS = {"days": DAYS, "grid": GRID, "identity": "x", "block": 32}


@pytest.fixture
def store(tmp_path) -> MapStore:
    return MapStore(tmp_path / "maps.zarr", **OPTIONS)


def check(store: MapStore, days=DAYS) -> None:
    for day in days:
        np.testing.assert_array_equal(store.read(day), whole(day))


@dataclass(frozen=True)
class Late(Arithmetic):
    """Jobs finish in another order than they begin."""

    def run(self, job):
        time.sleep(random.random() * 0.02)
        return super().run(job)


@pytest.mark.parametrize("limit", [10**9, 3000, 900, 17])
def test_maps_do_not_depend_on_how_jobs_were_cut(store, limit):
    told = []
    map_season(store, Arithmetic(limit), events=lambda done, share: told.append((done, share)))
    check(store)
    assert [share for _, share in told] == pytest.approx([(k + 1) / len(told) for k in range(len(told))])
    assert len(told) == 6 * 3
    assert (max(done.parts for done, _ in told) > 1) == (limit < 10**9)
    assert sum(len(d.job.days) * d.job.block.size for d, _ in told) == len(DAYS) * 75 * 50


def test_maps_do_not_depend_on_the_order_of_jobs(store):
    jobs = plan_jobs(store, Late())
    random.Random(3).shuffle(jobs)
    with ThreadPoolExecutor(4) as pool:
        run_jobs(jobs, Late(), store, executor=pool, in_flight=6)
    check(store)
    assert plan_jobs(store, Late()) == []


def test_jobs_and_routes_travel_to_other_processes(store):
    jobs = plan_jobs(store, Arithmetic(900))
    assert pickle.loads(pickle.dumps(jobs)) == jobs
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        run_jobs(jobs[:2], Arithmetic(900), store, executor=pool)
    np.testing.assert_array_equal(
        store.read_block(store.blocks[0], DAYS[:8])["soil_moisture"],
        [whole(day)[:32, :32] for day in DAYS[:8]],
    )


def test_one_pixel_that_is_too_big_ends_it_with_advice(store):
    with pytest.raises(TooBig, match="not even one pixel of one day can be mapped; take fewer predictors"):
        map_season(store, Arithmetic(0))


@dataclass(frozen=True)
class Counting(Arithmetic):
    """Counts jobs under way, and fails for good on one block."""

    fails: Block | None = None
    state: dict = field(default_factory=lambda: {"now": 0, "most": 0, "begun": 0}, compare=False)
    lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    def run(self, job):
        with self.lock:
            self.state["now"] += 1
            self.state["begun"] += 1
            self.state["most"] = max(self.state["most"], self.state["now"])
        time.sleep(0.01)
        with self.lock:
            self.state["now"] -= 1
        if job.block == self.fails:
            raise RemoteError("Earth Engine refused: no such band.")
        return super().run(job)


def test_so_many_jobs_are_under_way_and_no_more(store):
    route = Counting()
    with ThreadPoolExecutor(16) as pool:
        run_jobs(plan_jobs(store, route), route, store, executor=pool, in_flight=3)
    assert route.state["most"] == 3
    check(store)


def test_the_first_error_that_stays_ends_it_and_the_rest_is_kept(store):
    route = Counting(fails=store.blocks[2])
    with pytest.raises(RemoteError, match="no such band"):
        map_season(store, route)
    begun = route.state["begun"]
    assert begun < len(store.blocks) * 3, "not all of them"
    assert store.done.sum() >= len(DAYS) * 2
    time.sleep(0.1)
    assert route.state["begun"] == begun
    again = MapStore(store.path, **OPTIONS)
    map_season(again, Arithmetic())
    check(again)


def test_an_interrupted_season_goes_on(store):
    def stop(done, share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        map_season(store, Arithmetic(), events=stop)
    again = MapStore(store.path, **OPTIONS)
    assert again.done.sum() in (4, 2)  # one job, whichever ended first: the last step has two days
    told = []
    map_season(again, Arithmetic(), events=lambda done, share: told.append(done.job))
    assert len(told) == 6 * 3 - 1
    check(again)


def test_maps_end_at_the_outline_and_what_it_does_not_touch_is_not_made(tmp_path):
    back = transformer(GRID.crs, "EPSG:4326")
    left, top = GRID.corner(0, 0)
    west, north = back.transform(left + 5 * 30.0, top - 7 * 30.0)
    east, south = back.transform(left + 31 * 30.0, top - 30 * 30.0)
    area = Area(box=(west, south, east, north), crs=GRID.crs)
    store = MapStore(tmp_path / "maps.zarr", **OPTIONS)
    route = Counting()
    run_jobs(plan_jobs(store, route), route, store, area=area)
    assert store.missing == []
    assert route.state["begun"] == 3  # one block of six, three groups of days
    inside = area.inside(GRID)
    assert 26 * 23 * 0.8 < inside.sum() < 26 * 23 * 1.2
    np.testing.assert_array_equal(store.read(DAYS[3]), np.where(inside, whole(DAYS[3]), np.nan))


def test_costs_count_a_shared_pull_once():
    here, there = Block(0, 0, 4, 4), Block(0, 4, 4, 4)
    step = Cost({("terrain", here): 64, ("june", here): 128})
    other = Cost({("terrain", here): 64, ("july", here): 128}) + Cost({("july", there): 128})
    total = step + other
    assert total.bytes == 64 + 3 * 128
    assert total.requests == 4  # one for each window


def test_a_job_equals_itself_by_value():
    assert MapJob(Block(0, 0, 2, 2), (DAYS[0],)) == MapJob(Block(0, 0, 2, 2), (DAYS[0],))
