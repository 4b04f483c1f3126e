"""Whether the files that a step is to read are what the steps before it wrote."""

from __future__ import annotations

from collections.abc import Mapping

from smgee.errors import InputError, MissingDataError
from smgee.workflow.folder import RunFolder
from smgee.workflow.step import Step, makers


def require_whole(step: Step, run: RunFolder, steps: Mapping[str, Step]) -> None:
    """Refuse files that are not what the step before wrote, or were made of others than are there now.

    Raises
    ------
    MissingDataError
        When a step that makes one of the files was begun and never ended.
    InputError
        When a file's content is not what its step wrote, or its step read other files than those there now.
    """
    made_by = makers(steps.values())
    mixed: list[InputError] = []
    seen: set[str] = set()
    waiting = [a.path for a in (*step.reads, *step.may_read)]
    while waiting:
        path = waiting.pop()
        maker = made_by.get(path)
        if path in seen or maker is None:
            continue
        seen.add(path)
        if run.was_begun(maker):
            raise MissingDataError(
                f"The step {maker}, which makes {run / path}, was begun and never ended; run "
                f"`{run.command(maker)}` first."
            )
        entry = run.entry(maker)
        now = run.fingerprints.of(run / path)
        if entry is None or now is None:
            continue
        if entry.get("writes", {}).get(path, now) != now:
            raise InputError(
                f"{run / path} is not what `smgee {maker}` wrote: it is damaged or was edited; run "
                f"`{run.command(maker)}` again."
            )
        for other, was in (entry.get("parts") or {}).get("reads", {}).items():
            is_now = run.fingerprints.of(run / other)
            if is_now is not None and was is not None and is_now != was:
                mixed.append(
                    InputError(
                        f"{run / path} was made from another {other} than the one there now; run "
                        f"`{run.command(maker)}` and the steps after it again."
                    )
                )
            waiting.append(other)
    if mixed:  # a damaged file, which would be the cause, is told first
        raise mixed[0]
