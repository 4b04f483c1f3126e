"""A whole small study, killed at every rename of a file and at random moments of every step.

Run by hand: ``python -m tests.workflow.everywhere [--base FOLDER] [--moments 50] [--most 20] [STEP …]``. Each
step goes on from the folder as the step before left it and is killed there

* with SIGKILL before its first, second, … rename: files are written beside their place and renamed, so a kill
  before a rename leaves as much undone as a kill can;
* with SIGINT, SIGTERM and SIGKILL in turn at moments of its processor time drawn evenly: one of every step,
  the others of the half of the steps that take least.

A killed folder may hold nothing but files of before, files of the finished step, and what nobody takes for a
result; ``status`` must tell that the step is not done; and the same step again must leave every file as the
one of a step that nobody killed, and nothing half-written. What differs from a user's run: the processes are
forked from one that has imported everything (a run of its own would spend most of its time on that), and one
step is done in each.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import resource
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from smgee.session import Session, connect
from smgee.twin import Basin, TwinSource
from smgee.workflow.connection import embedded_buckets
from smgee.workflow.folder import RunFolder
from smgee.workflow.registry import WHOLE, all_steps
from smgee.workflow.run import execute
from smgee.workflow.step import Action, plan
from tests.faults import differing, small_study
from tests.workflow.renames import copy_folder, hashes, leftovers, watch_renames

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
MOST_SECONDS = 60  # until a process that was told to end has


HEAVY = ("ee", "matplotlib.pyplot", "shap", "sklearn.ensemble", "xarray", "xee", "xgboost", "zarr")


def do_step(folder: Path, name: str) -> None:
    """Do one step of a run of the small study, its assets beside it."""
    run = RunFolder(folder / "run", None if (folder / "run" / "study.yml").exists() else small_study())

    def connected(run: RunFolder) -> Session:
        years = run.study.years
        return connect(
            sources=[TwinSource(Basin(year=years[0]), years=years)],
            store=folder / "store",
            buckets=embedded_buckets(run),
        )

    execute(run, [name], connect=connected)


@dataclass(frozen=True)
class Ended:
    """How a process went: its renames and seconds of processor time, None where it was killed."""

    renames: int | None
    cpu_s: float
    code: int
    ending_s: float = 0.0  # from the signal to the end


class Child:
    """A process that does one step, forked from this one.

    Parameters
    ----------
    folder : Path
        Of the run.
    name : str
        The step.
    kill_at : int
        The rename before which it kills itself; 0 for none.
    """

    def __init__(self, folder: Path, name: str, *, kill_at: int = 0):
        self.note = folder.with_name(f"{folder.name}.note")
        self.note.unlink(missing_ok=True)
        self.pid = os.fork()
        if self.pid == 0:
            self._be(folder, name, kill_at)

    def _be(self, folder: Path, name: str, kill_at: int) -> None:
        code = 70
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
            log = os.open(folder.with_name(f"{folder.name}.log"), os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            done = watch_renames(kill_at)
            do_step(folder, name)
            used = resource.getrusage(resource.RUSAGE_SELF)
            self.note.write_text(json.dumps([done(), used.ru_utime + used.ru_stime]))
            code = 0
        except KeyboardInterrupt:
            code = 130
        finally:
            if code == 70:
                import traceback

                traceback.print_exc()
            # as the interpreter does at its end, tell pools to end, and wait for threads
            threading._shutdown()  # type: ignore[attr-defined]
            os._exit(code)

    def cpu_s(self) -> float:
        """Seconds of processor time until now."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return float("inf")
        if fields[0] == "Z":
            return float("inf")
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self, sent: signal.Signals | None = None) -> Ended:
        """Wait for its end, after a signal if there is one."""
        began = time.monotonic()
        if sent is not None:
            os.kill(self.pid, sent)
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if sent is not None and time.monotonic() - began > MOST_SECONDS:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError(f"{sent.name} did not end the process within {MOST_SECONDS} s")
            time.sleep(0.005)
        code = os.waitstatus_to_exitcode(status)
        renames, cpu_s = json.loads(self.note.read_text()) if self.note.exists() else (None, 0.0)
        return Ended(renames, cpu_s, code, time.monotonic() - began)


@dataclass(frozen=True)
class Stage:
    """A step between the folder that it starts from and the one that it leaves.

    Attributes
    ----------
    before, after : dict
        Hashes of the run's files, but for those that hold times.
    """

    name: str
    start: Path
    base: Path
    before: dict[str, str]
    after: dict[str, str]
    renames: int
    cpu_s: float

    @classmethod
    def of(cls, name: str, start: Path, base: Path) -> Stage:
        """Do the step undisturbed, into ``base/after_STEP``, unless that was done in a former call."""
        place = base / f"after_{name}"
        note = place.with_name(f"{place.name}.note")
        if not note.exists():
            shutil.rmtree(place, ignore_errors=True)
            ended = Child(copy_folder(start, place), name).end()
            assert ended.code == 0, f"{name} ended with {ended.code}; see {place}.log"
        renames, cpu_s = json.loads(note.read_text())
        return cls(name, start, base, lasting(start), lasting(place), renames, cpu_s)

    def check(self, what: str, kill: Callable[[Path], Ended]) -> str:
        """Kill the step in a folder of its own, look at what it left, and do it again.

        Returns
        -------
        str
            How it ended: ``killed``, ``interrupted``, or ``done before``.
        """
        folder = copy_folder(self.start, Path(tempfile.mkdtemp(dir=self.base)) / "killed")
        ended = kill(folder)
        where = f"{self.name}, {what}"
        assert ended.code in (0, 130, -signal.SIGTERM, -signal.SIGKILL), f"{where}: code {ended.code}"
        left = lasting(folder)
        strange = {
            file
            for file, mark in left.items()
            if mark not in (self.before.get(file), self.after.get(file)) and not unfinished(file)
        }
        assert not strange, f"{where}: neither of before nor finished: {sorted(strange)}"
        if ended.code and (folder / "run" / "study.yml").exists():
            run = RunFolder(folder / "run")
            (told,) = plan(list(all_steps().values()), run, [self.name])[-1:]
            assert told.action in (Action.RUN, Action.MAYBE, Action.KEEP), f"{where}: {told.action}"
            if run.entry(self.name):  # it counts as done: then it is
                wrong = {k for k in differing(self.after, left) if not unfinished(k)}
                assert not wrong, f"{where}: done, and yet differ {sorted(wrong)}"
        again = Child(folder, self.name).end()
        assert again.code == 0, f"{where}: again {again.code}; see {folder}.log"
        left_over = leftovers(folder / "run")  # a store of assets, with several writers, sweeps by age
        assert left_over == [], f"{where}: left over {left_over}"
        wrong = differing(self.after, lasting(folder))
        assert not wrong, f"{where}: {sorted(wrong)} differ"
        shutil.rmtree(folder.parent)
        return {0: "done before", 130: "interrupted"}.get(ended.code, "killed")


def lasting(folder: Path) -> dict[str, str]:
    """Hashes of a run's files, but for those that hold times: manifest, hashes, descriptions, page."""
    if not (folder / "run").exists():
        return {}
    found = {
        file: mark
        for file, mark in hashes(folder).items()
        if file not in ("manifest.json", ".fingerprints.json", "report.html")
        and not file.endswith("-metadata.json")
    }
    if "certificate.json" in found:
        certificate = json.loads((folder / "run" / "certificate.json").read_text())
        found["certificate.json"] = str({**certificate, "seconds": None})
    return found


def unfinished(file: str) -> bool:
    """Whether a file is scratch (zarr's own too), or says how far a store is."""
    scratch = any(part.startswith((".writing-", ".tuning")) for part in Path(file).parts)
    return scratch or file.endswith(".partial") or "/check/" in file


def cost(stage: Stage) -> float:
    return stage.cpu_s


def at_renames(stage: Stage, most: int | None) -> Counter[str]:
    """Kill a step before its renames, all or so many of them."""
    chosen = list(range(1, stage.renames + 1))
    if most is not None and stage.renames > most:
        chosen = sorted({1 + k * (stage.renames - 1) // (most - 1) for k in range(most)})
    return Counter(
        stage.check(f"rename {k} of {stage.renames}", lambda f, k=k: Child(f, stage.name, kill_at=k).end())
        for k in chosen
    )


def at_moment(stage: Stage, cpu_s: float, sent: signal.Signals) -> str:
    """Send a signal to a step after so much processor time."""
    took = 0.0

    def kill(folder: Path) -> Ended:
        nonlocal took
        child = Child(folder, stage.name)
        while child.cpu_s() < cpu_s:
            time.sleep(0.002)
        ended = child.end(sent)
        took = ended.ending_s
        return ended

    became = stage.check(f"{sent.name} after {cpu_s:.2f} s", kill)
    return f"{became}, gone after {took:.1f} s"


def main() -> None:
    """Kill every step at its renames, and all of them at random moments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*", help="Steps that are killed; all by default.")
    parser.add_argument("--base", type=Path, help="Where folders of steps lie from a former call, or shall.")
    parser.add_argument("--most", type=int, help="Renames of a step, evenly spread; all by default.")
    parser.add_argument("--moments", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for module in HEAVY:
        importlib.import_module(module)
    wanted = given.steps or WHOLE
    with tempfile.TemporaryDirectory() as scratch:
        base = given.base or Path(scratch)
        base.mkdir(parents=True, exist_ok=True)
        stages: list[Stage] = []
        start = base / "nothing"
        for name in WHOLE:
            stage = Stage.of(name, start, base)
            start = base / f"after_{name}"
            if name in wanted:
                print(f"{name}: {stage.renames} renames, {stage.cpu_s:.1f} s of processor time", flush=True)
                stages.append(stage)
        stages.sort(key=cost)
        rng = random.Random(given.seed)
        for k in range(given.moments):
            stage = stages[k] if k < len(stages) else rng.choice(stages[: len(stages) // 2])
            sent = SIGNALS[k % len(SIGNALS)]
            at = rng.uniform(0, stage.cpu_s)
            print(f"{sent.name} {stage.name} after {at:.2f} s: {at_moment(stage, at, sent)}", flush=True)
        total = 0
        for stage in stages if given.most != 0 else []:
            became = at_renames(stage, given.most)
            total += became.total()
            print(f"{stage.name}: {stage.renames} renames, killed before {dict(became)}", flush=True)
    print(
        f"{given.moments} moments, {total} renames: every folder valid, every rerun identical, nothing left"
    )


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    main()
