"""Steps: what each reads, writes and depends on; which would run and why; and running them.

A step is done when it finished once with the same key, and what it wrote is still there as it wrote it. Its
key holds the step's name and version, the settings of the study it reads, its options, and the content of
the files it reads; never when or in which order commands were given.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from smgee.errors import InputError
from smgee.study import Study
from smgee.workflow.artifacts import Artifact
from smgee.workflow.folder import RunFolder
from smgee.workflow.work import Work


class Action(StrEnum):
    """What would become of a step."""

    RUN = "run"
    MAYBE = "may run"
    KEEP = "keep"
    LEAVE_OUT = "leave out"
    BLOCKED = "cannot run"


@dataclass(frozen=True)
class Option:
    """An option of a step's command.

    Parameters
    ----------
    name : str
        Keyword of the step's function and name on the command line (``_`` becomes ``-``).
    type : type
        ``str``, ``int`` or ``float``; None is always allowed and means that it was not given.
    help : str
        One line.
    matters : bool
        Whether what the step writes depends on it.
    """

    name: str
    type: type
    help: str
    matters: bool = True


@dataclass(frozen=True)
class Step:
    """One step of a run: read artifacts, call one function of the library, write artifacts.

    Parameters
    ----------
    name, title : str
        On the command line; for people.
    run : callable
        Does it: takes a `Work`, returns facts for the manifest (plain values).
    version : int
        Raised when the same inputs give something else than before.
    reads : sequence of Artifact
        Files of the run that it needs.
    may_read : sequence of Artifact
        Files of the run that it uses where they are.
    writes : sequence of Artifact
        What it makes.
    settings : sequence of str
        Parts of the study its result depends on, such as ``training`` or ``training.deploy``.
    ignores : sequence of str
        Parts of these that it does not depend on.
    inputs : callable, optional
        The user's files, outside of the run, that a study makes it read.
    datasets : callable, optional
        Ids that a study makes it read on Earth Engine.
    external : bool or callable
        Whether it talks to Earth Engine; a callable says it for a study.
    needed : callable, optional
        Says for a study why the step is left out; None where it is needed.
    standalone : bool
        Whether it can work in a folder without a study.
    options : sequence of Option
        Of its command.
    """

    name: str
    title: str
    run: Callable[[Work], Mapping[str, Any]]
    version: int = 1
    reads: tuple[Artifact[Any], ...] = ()
    may_read: tuple[Artifact[Any], ...] = ()
    writes: tuple[Artifact[Any], ...] = ()
    settings: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    inputs: Callable[[Study], Sequence[Path]] | None = None
    datasets: Callable[[Study], Sequence[str]] | None = None
    external: bool | Callable[[Study], bool] = False
    needed: Callable[[Study], str | None] | None = None
    standalone: bool = False
    options: tuple[Option, ...] = ()

    def talks(self, run: RunFolder) -> bool:
        """Whether it talks to Earth Engine in a run."""
        if callable(self.external):
            return run.has_study and self.external(run.study)
        return self.external


@dataclass(frozen=True)
class Decision:
    """What would become of a step, and why."""

    step: Step
    action: Action
    reason: str
    parts: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, str]:
        """Plain values."""
        return {"step": self.step.name, "action": self.action.value, "reason": self.reason}


def key_parts(step: Step, run: RunFolder, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return everything that a step's result depends on, by name: two equal values, the same result."""
    chosen = {o.name: (options or {}).get(o.name) for o in step.options if o.matters}
    return {
        "version": step.version,
        "settings": _settings(step, run),
        "options": {k: v for k, v in chosen.items() if v is not None},
        "reads": {a.path: a.fingerprint(run.path, run.fingerprints) for a in (*step.reads, *step.may_read)},
        "inputs": {
            f"input {k}": run.fingerprints.of(path, bulk=True)
            for k, path in enumerate(step.inputs(run.study) if step.inputs and run.has_study else ())
        },
    }


def key_of(step: Step, parts: Mapping[str, Any]) -> str:
    """Return the hash of a step's name and key parts."""
    return hashlib.sha256(json.dumps([step.name, parts], sort_keys=True).encode()).hexdigest()


def _settings(step: Step, run: RunFolder) -> dict[str, Any]:
    if not run.has_study:
        return {}
    content = run.study.settings()  # paths of files count by what these hold
    found: dict[str, Any] = {}
    for name in step.settings:
        value: Any = content
        for part in name.split("."):
            value = value[part]
        _flatten(name, value, found)
    return {k: v for k, v in found.items() if not any(k == i or k.startswith(f"{i}.") for i in step.ignores)}


def _flatten(name: str, value: Any, found: dict[str, Any]) -> None:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            _flatten(f"{name}.{key}", inner, found)
    else:
        found[name] = value


def plan(
    steps: Iterable[Step],
    run: RunFolder,
    targets: Sequence[str] | None = None,
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    force: bool = False,
) -> list[Decision]:
    """Say of each step whether it would run, and why.

    Parameters
    ----------
    steps : iterable of Step
        In their order.
    run : RunFolder
        Where they read and write; nothing is changed in it.
    targets : sequence of str, optional
        Names of the steps wanted; all by default.
    options : mapping of str to mapping, optional
        Options by step.
    force : bool
        Do finished ones again.

    Returns
    -------
    list of Decision
        One for each step wanted. Where an earlier step of these will run, a later one that reads its files
        may run: whether it does is decided by what that step writes.
    """
    every = list(steps)
    known = {s.name for s in every}
    unknown = [t for t in targets or () if t not in known]
    if unknown:
        raise InputError(
            f"The step {unknown[0]!r} is not known; choose from {', '.join(s.name for s in every)}."
        )
    coming: dict[str, str] = {}  # path → the step that will, or may, write it anew
    found = []
    for step in every:
        if targets is not None and step.name not in targets:
            continue
        decision = decide(step, run, options=(options or {}).get(step.name), force=force, coming=coming)
        found.append(decision)
        if decision.action in (Action.RUN, Action.MAYBE):
            coming |= {a.path: step.name for a in step.writes}
    return found


def decide(
    step: Step,
    run: RunFolder,
    *,
    options: Mapping[str, Any] | None = None,
    force: bool = False,
    coming: Mapping[str, str] | None = None,
) -> Decision:
    """Say whether one step would run now; `coming` names the files that steps before it will write."""
    coming = coming or {}
    if not step.standalone and not run.has_study:
        return Decision(step, Action.BLOCKED, "there is no study.yml, whose settings it needs")
    left_out = step.needed(run.study) if step.needed and run.has_study else None
    if left_out:
        return Decision(step, Action.LEAVE_OUT, left_out)
    parts = key_parts(step, run, options)
    absent = [p.path for p in step.reads if parts["reads"][p.path] is None and p.path not in coming]
    if absent:
        return Decision(step, Action.BLOCKED, f"{absent[0]} is not there", parts)
    if force:
        return Decision(step, Action.RUN, "asked for again", parts)
    reason = _why_run(step, run, parts)
    read = [a.path for a in (*step.reads, *step.may_read)]
    waits = [coming[p] for p in read if p in coming]
    if reason is not None and not (waits and reason.startswith("reads ")):
        return Decision(step, Action.RUN, reason, parts)
    if waits:
        return Decision(step, Action.MAYBE, f"depends on {', '.join(dict.fromkeys(waits))}", parts)
    if reason is not None:
        return Decision(step, Action.RUN, reason, parts)
    finished = (run.entry(step.name) or {}).get("finished", "")
    when = f" {finished[:16].replace('T', ' ')} UTC" if finished else ""
    return Decision(step, Action.KEEP, f"done{when}", parts)


def _why_run(step: Step, run: RunFolder, parts: Mapping[str, Any]) -> str | None:
    """Return why a step is not done; None where it is."""
    if run.was_begun(step.name):
        return "begun and never ended"
    entry = run.entry(step.name)
    if entry is None:
        return "never done here"
    if entry.get("by"):
        return f"made by `{entry['by']}`, not by this study"
    then = entry.get("parts")
    if not isinstance(then, Mapping):
        return "done by another version of smgee"
    if not all(isinstance(then.get(key), dict) for key in ("settings", "options", "reads", "inputs")):
        return "its entry in the manifest is not whole"
    for path, was in entry.get("writes", {}).items():
        now = run.fingerprints.of(run / path)
        if now is None:
            return f"{path} is gone"
        if now != was:
            return f"{path} is not what it wrote: damaged or edited"
    if set(then.get("settings", {})) - set(parts["settings"]):
        gone = sorted(set(then["settings"]) - set(parts["settings"]))
        return f"{gone[0]} is no setting any more"
    for name, value in parts["settings"].items():
        if name not in then["settings"]:
            return f"{name} is a new setting"
        if then["settings"][name] != value:
            return f"{name} is {_short(value)}, was {_short(then['settings'][name])}"
    if then.get("options", {}) != parts["options"]:
        return f"options are {_short(parts['options'] or 'the defaults')}, were {_short(then.get('options'))}"
    for name, value in parts["inputs"].items():
        if then.get("inputs", {}).get(name) != value:
            return "reads other files of yours than before"
    for name, value in parts["reads"].items():
        if then.get("reads", {}).get(name) != value:
            return f"reads another {name} than before"
    if key_of(step, then) != key_of(step, parts):
        return "done by another version of the step"
    return None


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def makers(steps: Iterable[Step]) -> dict[str, str]:
    """Return the name of the step that makes each file of a run, by path."""
    return {a.path: s.name for s in steps for a in s.writes}
