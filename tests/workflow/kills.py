"""A run of the map and zonal steps that is killed at some moment, and gone on with.

The engine, the store and the zonal step are those of every run; the maps are plain arithmetic, so that twenty
kills take seconds. Run by hand for more: ``python -m tests.workflow.kills [--moments 100]``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from smgee.study import Study
from smgee.upscale import MapJob, MapStore, map_season
from smgee.upscale.blocks import Maps
from smgee.workflow.folder import RunFolder
from smgee.workflow.run import execute
from smgee.workflow.step import Action, Step
from smgee.workflow.steps.predict import MAPS
from smgee.workflow.steps.zonal import STEP as ZONAL
from smgee.workflow.work import Work
from tests.upscale.routes import Arithmetic

DAYS = [date(2021, 7, 1) + timedelta(days=k) for k in range(20)]
PAUSE_S = 0.01  # of a job


@dataclass(frozen=True)
class Noted(Arithmetic):
    """Writes every job down when it is begun."""

    notes: str = ""
    together: int = 3

    def run(self, job: MapJob) -> Maps:
        with open(self.notes, "a") as file:
            file.writelines(f"{job.block.row} {job.block.col} {day}\n" for day in job.days)
        time.sleep(PAUSE_S)
        return super().run(job)


def study(name: str = "kills") -> Study:
    content = Study.demo().model_dump(mode="json") | {
        "name": name,
        "start": "2021-07-01",
        "end": "2021-08-01",
    }
    content["area"] |= {"scale_m": 600}
    return Study.parse(content)


def _predict(work: Work) -> Mapping[str, Any]:
    store = MapStore(
        work.path(MAPS),
        days=DAYS,
        grid=work.study.grid,
        identity=work.key,
        provenance=work.provenance,
        block=24,
    )
    before = int(store.done.sum())
    map_season(store, Noted(notes=str(work.run / "notes.txt")))
    return {"before": before, "after": int(store.done.sum())}


PREDICT = Step("predict", "Map", _predict, writes=(MAPS,), settings=("area", "predictors"))


def steps(version: int = 1) -> list[Step]:
    return [replace(PREDICT, version=version), ZONAL]


def go_on(folder: str, version: int = 1) -> list[str]:
    """Do what is left of a run; return what became of the steps."""
    path = Path(folder)
    begun_of(path).touch()
    run = RunFolder(path, None if (path / "study.yml").exists() else study())
    return [d.action.value for d in execute(run, steps=steps(version))]


def child() -> Any:
    """Return what starts processes in which all is imported and no thread runs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.workflow.kills"])
    return context


def begun_of(folder: Path) -> Path:
    """Return the file that says that a run was begun, once the process was there."""
    return folder.with_name(folder.name + ".begun")


def killed(folder: Path, after_s: float) -> bool:
    """Begin a run and kill it a time after its beginning; return whether it was still at work."""
    process = child().Process(target=go_on, args=(str(folder),))
    process.start()
    while process.is_alive() and not begun_of(folder).exists():
        time.sleep(0.001)
    process.join(after_s)
    alive = process.is_alive()
    if alive:
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return alive


def content(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all that the steps wrote."""
    files = [*(folder / MAPS.path).rglob("*"), *(folder / a.path for a in ZONAL.writes)]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files if p.is_file()}


def noted(folder: Path) -> list[str]:
    notes = folder / "notes.txt"
    return notes.read_text().splitlines() if notes.exists() else []


def check_moment(folder: Path, after_s: float, reference: Mapping[str, bytes]) -> str:
    """Kill a run after a time, look at what it left, go on with it, and compare; return when it was."""
    alive = killed(folder, after_s)
    done = 0
    if (folder / MAPS.path).exists() and (folder / MAPS.path / ".zmetadata").exists():
        store = MapStore.open(folder / MAPS.path)
        assert store.verify() == []  # what counts as done is what was written
        done = int(store.done.sum())
    begun = noted(folder)
    actions = go_on(str(folder))
    again = noted(folder)[len(begun) :]
    total = len(store_of(folder).blocks) * len(DAYS)
    assert len(again) == total - done, "only what is missing is made"
    assert len(set(again)) == len(again)
    assert content(folder) == reference
    assert go_on(str(folder)) == [Action.KEEP.value] * 2
    if not alive:
        return "after its end"
    return "zonal" if done == total else f"map, {done} of {total}; then {', '.join(actions)}"


def store_of(folder: Path) -> MapStore:
    return MapStore.open(folder / MAPS.path)


def main() -> None:
    """Kill runs at random moments of the time that one takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base)
        killed(folder / "warm", 600)
        assert not killed(folder / "whole", 600)
        whole_s = time.time() - begun_of(folder / "whole").stat().st_mtime
        reference = content(folder / "whole")
        for k in range(options.moments):
            at = rng.uniform(0, whole_s)
            print(f"{k + 1:3d}: killed after {at:.2f} s: {check_moment(folder / str(k), at, reference)}")
        print(f"{options.moments} kills: every store valid, every rerun bit-identical")


if __name__ == "__main__":
    main()
