"""Doing the steps of a run that are to be done."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from typing import Any

from smgee.errors import MissingDataError
from smgee.machine import release_memory
from smgee.remote import LEDGER
from smgee.workflow.checks import require_whole
from smgee.workflow.folder import RunFolder, peak_memory_mb
from smgee.workflow.preflight import check_study
from smgee.workflow.registry import all_steps, load_step
from smgee.workflow.step import Action, Decision, Step, decide, key_of, key_parts, makers, plan
from smgee.workflow.work import Work


class Events:
    """What is told while steps run; a caller overrides what it wants to hear."""

    def start(self, step: Step, decision: Decision) -> None:
        """A step is looked at."""

    def progress(self, step: Step, share: float, note: str = "") -> None:
        """A share, 0–1, of a step is done; `note` says where it stands."""

    def done(self, step: Step, decision: Decision, entry: Mapping[str, Any]) -> None:
        """A step ended, or was kept or left out, as `decision` says."""


def execute(
    run: RunFolder,
    targets: Sequence[str] | None = None,
    *,
    steps: Sequence[Step] | None = None,
    force: bool = False,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    connect: Callable[[RunFolder], AbstractContextManager[Any]] | None = None,
    events: Events | None = None,
) -> list[Decision]:
    """Do the steps wanted that are not done yet.

    Parameters
    ----------
    run : RunFolder
        Where to read and write; held for this process.
    targets : sequence of str, optional
        Names of steps; all by default.
    steps : sequence of Step, optional
        The steps there are, in their order; by default all that are registered.
    force : bool
        Do finished ones again, from nothing.
    options : mapping of str to mapping, optional
        Options by step.
    connect : callable, optional
        Opens the session for the first step that talks to Earth Engine; none is opened where none does.
    events : Events, optional
        Told what happens.

    Returns
    -------
    list of Decision
        What became of each step.

    Raises
    ------
    MissingDataError
        When a file that a step needs is absent and no step wanted makes it.
    InputError
        When a file is damaged, or was made of others than are there now.
    """
    steps = list(all_steps().values()) if steps is None else list(steps)
    by_name = {s.name: s for s in steps}
    options, events = options or {}, events or Events()
    with run.writing(), ExitStack() as session:
        expected = plan(steps, run, targets, options=options, force=force)
        for decision in expected:
            _refuse_blocked(decision, run, by_name)
        coming = [d.step for d in expected if d.action in (Action.RUN, Action.MAYBE)]
        if connect is not None and any(s.talks(run) for s in coming):
            session.enter_context(connect(run))
        if coming and run.has_study:
            check_study(run.study, coming, options=options, connected=connect is not None)
        found = []
        for step in [d.step for d in expected]:
            decision = decide(step, run, options=options.get(step.name), force=force)
            _refuse_blocked(decision, run, by_name)
            events.start(step, decision)
            found.append(decision)
            if decision.action is Action.RUN:
                entry = _do(step, run, decision, by_name, options.get(step.name, {}), force, events)
            else:
                if decision.action is Action.LEAVE_OUT and run.entry(step.name):
                    _clear(step, run)
                    run.forget(step.name)
                entry = run.entry(step.name) or {}
            events.done(step, decision, entry)
        return found


def _do(
    step: Step,
    run: RunFolder,
    decision: Decision,
    steps: Mapping[str, Step],
    options: Mapping[str, Any],
    force: bool,
    events: Events,
) -> Mapping[str, Any]:
    require_whole(step, run, steps)
    began, clock = datetime.now(UTC), time.perf_counter()
    run.begin(step.name)
    if force:
        _clear(step, run)
    work = Work(
        run,
        step.name,
        key=key_of(step, decision.parts),
        made_from={k: v for k, v in decision.parts["reads"].items() if v is not None},
        makers=makers(steps.values()),
        options=options,
        progress=lambda share, note="": events.progress(step, share, note),
    )
    with LEDGER.measure() as meter:
        facts = dict(step.run(work))
    absent = [a.path for a in step.writes if not a.optional and not work.has(a)]
    if absent:
        raise MissingDataError(f"The step {step.name} ended without {absent[0]}; run it again.")
    entry = {
        **facts,
        "key": key_of(step, decision.parts),
        "parts": decision.parts,
        "writes": {a.path: a.fingerprint(run.path, run.fingerprints) for a in step.writes if work.has(a)},
        "synthetic": run.synthetic,
        "started": began.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - clock, 2),
        "peak_memory_mb": peak_memory_mb(),
        **({"spent": meter.spent.as_dict()} if meter.spent.n_requests else {}),
    }
    run.finish(step.name, entry)
    del work, facts
    release_memory()
    return entry


def _clear(step: Step, run: RunFolder) -> None:
    for artifact in step.writes:
        artifact.remove(run.path)


def _refuse_blocked(decision: Decision, run: RunFolder, steps: Mapping[str, Step]) -> None:
    if decision.action is not Action.BLOCKED:
        return
    step = decision.step
    if not step.standalone:
        _ = run.study  # says what is missing
    absent = next(a.path for a in step.reads if not (run / a.path).exists())
    maker = makers(steps.values()).get(absent, step.name)
    raise MissingDataError(f"{run / absent} is not there yet; run `{run.command(maker)}` first.")


def adopt(
    run: RunFolder,
    step: str,
    *,
    by: str,
    synthetic: bool = False,
    read: bool = True,
) -> None:
    """Enter files that a command made by settings of its own, so that readers know them from damaged ones.

    Parameters
    ----------
    run : RunFolder
        Where the files are; held meanwhile.
    step : str
        The step whose files they are.
    by : str
        The command, such as ``smgee train``.
    synthetic : bool
        Whether they come from the synthetic basin.
    read : bool
        Whether the files that the step reads were read; False where they come from elsewhere.
    """
    made = load_step(step)
    with run.writing():
        there = [a for a in made.writes if (run / a.path).exists()]
        parts = key_parts(made, run)
        entry = {
            "by": by,
            "parts": parts if read else {**parts, "reads": {}},
            "writes": {a.path: a.fingerprint(run.path, run.fingerprints) for a in there},
            "synthetic": synthetic,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": 0.0,
            "peak_memory_mb": peak_memory_mb(),
        }
        run.finish(step, entry)
