"""Waiting for tasks of Earth Engine: exports and imports.

States (guide "Processing environments"; the client and the service name them differently): READY or PENDING,
RUNNING, COMPLETED or SUCCEEDED, FAILED, CANCEL_REQUESTED or CANCELLING, CANCELLED.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from smgee.errors import RemoteError
from smgee.late import ee
from smgee.remote.calls import call

log = logging.getLogger(__name__)
_FIRST_PAUSE_S = 0.05  # the embedded service ends small tasks at once
_LONGEST_PAUSE_S = 10.0  # polling counts against the quota of requests


class TaskState(StrEnum):
    """Where a task stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"  # the service does not know the task, or no longer

    @classmethod
    def parse(cls, name: str) -> TaskState:
        """Return the state of either naming."""
        name = _OTHER_NAMES.get(name, name)
        return cls(name) if name in cls.__members__ else cls.UNKNOWN

    @property
    def is_active(self) -> bool:
        """Whether there is something to wait for. A task that is being cancelled comes to no good end."""
        return self in (TaskState.PENDING, TaskState.RUNNING)


_OTHER_NAMES = {
    "READY": "PENDING",
    "COMPLETED": "SUCCEEDED",
    "CANCELLING": "CANCEL_REQUESTED",
}


@dataclass(frozen=True)
class TaskStatus:
    """What the service says of a task.

    Attributes
    ----------
    message : str
        Why it failed; empty otherwise.
    eecu_s : float or None
        Compute time used so far, where the service tells it (EECU seconds).
    """

    id: str
    description: str
    state: TaskState
    message: str = ""
    eecu_s: float | None = None


def _statuses(identifiers: Sequence[str]) -> list[TaskStatus]:
    """Ask for the state of tasks by their ids."""
    answers: list[dict[str, Any]] = call(lambda: ee.data.getTaskStatus(list(identifiers)))
    return [
        TaskStatus(
            id=identifier,
            description=str(a.get("description", identifier)),
            state=TaskState.parse(str(a.get("state"))),
            message=str(a.get("error_message", "")),
            eecu_s=a.get("batch_eecu_usage_seconds"),
        )
        for identifier, a in zip(identifiers, answers, strict=True)
    ]


def known_tasks() -> dict[str, TaskStatus]:
    """Return the tasks of the project that the service remembers, by description; of several of one
    description the newest.

    Earth Engine forgets tasks some days after their end.
    """
    found: dict[str, tuple[str, TaskStatus]] = {}
    for operation in call(ee.data.listOperations):
        about = operation.get("metadata", {})
        status = TaskStatus(
            id=str(operation["name"]).rsplit("/", 1)[-1],
            description=str(about.get("description", "")),
            state=TaskState.parse(str(about.get("state"))),
            message=str(operation.get("error", {}).get("message", "")),
            eecu_s=about.get("batchEecuUsageSeconds"),
        )
        created = str(about.get("createTime", ""))  # RFC 3339 in UTC: sorts as text
        if status.description not in found or found[status.description][0] <= created:
            found[status.description] = created, status
    return {description: status for description, (_, status) in found.items()}


def wait_for_tasks(
    tasks: Sequence[Any],
    *,
    progress: Callable[[Sequence[TaskStatus]], Any] | None = None,
    stop: threading.Event | None = None,
    pause_s: float = _FIRST_PAUSE_S,
) -> list[TaskStatus]:
    """Wait until every task has come to an end, good or bad.

    Parameters
    ----------
    tasks : sequence
        Started `ee.batch.Task` objects, or ids.
    progress : callable, optional
        Receives the states of all tasks after each look.
    stop : threading.Event, optional
        Ends the waiting when it is set; the tasks go on. Ctrl-C does the same, by `KeyboardInterrupt`.
    pause_s : float
        Time between the first two looks (s); it doubles up to ten seconds.

    Returns
    -------
    list of TaskStatus
        In the order of `tasks`; all of them ended, unless `stop` was set.

    Raises
    ------
    RemoteError
        When the service cannot be asked any longer.
    """
    stop = stop or threading.Event()
    known: dict[str, TaskStatus] = {}
    identifiers = [task if isinstance(task, str) else str(task.id) for task in tasks]
    active = list(identifiers)
    while active:
        known.update({s.id: s for s in _statuses(active)})
        if progress is not None:
            progress([known[i] for i in identifiers])
        active = [i for i in identifiers if known[i].state.is_active]
        if not active or _is_stopped(stop, pause_s, active):
            break
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
    return [known[i] for i in identifiers]


def _is_stopped(stop: threading.Event, pause_s: float, active: Sequence[str]) -> bool:
    """Pause, and say what goes on without us if that is interrupted."""
    try:
        stopped = stop.wait(pause_s)
    except KeyboardInterrupt:
        log.warning("Still running on Earth Engine: %s (`earthengine task cancel ID`).", ", ".join(active))
        raise
    return stopped


def wait_for_task(
    task: Any,
    *,
    what: str | None = None,
    progress: Callable[[TaskStatus], Any] | None = None,
    stop: threading.Event | None = None,
    pause_s: float = _FIRST_PAUSE_S,
) -> TaskStatus:
    """Wait for one task to succeed.

    Parameters
    ----------
    task
        A started `ee.batch.Task`, or an id.
    what : str, optional
        What it does, in words, for the error; its description by default.
    progress, stop, pause_s
        As in `wait_for_tasks`.

    Raises
    ------
    RemoteError
        When the task fails, is cancelled or disappears; the sentence holds the service's reason.
    """
    report = None if progress is None else (lambda statuses: progress(statuses[0]))
    (status,) = wait_for_tasks([task], progress=report, stop=stop, pause_s=pause_s)
    if status.state is not TaskState.SUCCEEDED and not status.state.is_active:
        raise RemoteError(
            f"{what or f'The task {status.description}'} ended as {status.state}: "
            f"{status.message.rstrip('.') or 'no reason was given'}."
        )
    return status


def run_task(
    task: Any,
    what: str,
    *,
    progress: Callable[[TaskStatus], Any] | None = None,
    stop: threading.Event | None = None,
) -> TaskStatus:
    """Start a task and wait for it to succeed; see `wait_for_task`.

    Starting is safe to repeat: a task carries its request's id, by which the service knows it again.
    """
    call(task.start)
    return wait_for_task(task, what=what, progress=progress, stop=stop)
