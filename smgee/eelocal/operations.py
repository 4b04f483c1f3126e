"""Long-running operations: exports and imports, with the states that Earth Engine's tasks go through."""

from __future__ import annotations

import logging
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from smgee.eelocal.errors import EEError, NotFoundError
from smgee.errors import SmgeeError

__all__ = ["Operation", "Operations", "Run"]

logger = logging.getLogger(__name__)

Run = Callable[[Callable[[float], None]], "list[str] | None"]
_QUEUE = 3_000  # tasks that may wait, as the usage page says
_DONE = ("SUCCEEDED", "FAILED", "CANCELLED")


class _Cancelled(Exception):
    pass


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(eq=False)
class Operation:
    """One task."""

    name: str
    kind: str
    description: str
    priority: int
    run: Run
    state: str = "PENDING"
    created: str = field(default_factory=_now)
    updated: str = field(default_factory=_now)
    started: str | None = None
    ended: str | None = None
    progress: float = 0.0
    error: tuple[int, str] | None = None
    uris: list[str] = field(default_factory=list)
    seconds: float = 0.0
    order: int = 0

    def describe(self) -> dict[str, Any]:
        """Return the REST form."""
        metadata: dict[str, Any] = {
            "@type": "type.googleapis.com/google.earthengine.v1.OperationMetadata",
            "state": self.state,
            "description": self.description,
            "priority": self.priority,
            "type": self.kind,
            "createTime": self.created,
            "updateTime": self.updated,
            "progress": self.progress,
        }
        if self.started is not None:
            metadata |= {"startTime": self.started, "attempt": 1}
        if self.ended is not None:
            metadata["endTime"] = self.ended
            metadata["batchEecuUsageSeconds"] = self.seconds
        if self.uris:
            metadata["destinationUris"] = self.uris
        result: dict[str, Any] = {"name": self.name, "metadata": metadata}
        if self.state in _DONE:
            result["done"] = True
            if self.state == "SUCCEEDED":
                result["response"] = {"@type": "type.googleapis.com/google.protobuf.Empty"}
            else:
                code, message = self.error or (1, "Cancelled.")
                result["error"] = {"code": code, "message": message}
        return result


class Operations:
    """The queue of tasks, and the threads that work on it: highest priority first, then oldest.

    Parameters
    ----------
    workers : int
        Tasks that run at once; Earth Engine runs two on average.
    """

    def __init__(self, workers: int = 2):
        self._workers = workers
        self._threads: list[threading.Thread] = []
        self._all: dict[str, Operation] = {}
        self._requests: dict[tuple[str, str], str] = {}
        self._waiting: list[Operation] = []
        self._changed = threading.Condition()
        self._closed = False

    def submit(
        self, project: str, kind: str, run: Run, *, description: str = "", priority: int = 100, request_id: str | None = None
    ) -> Operation:
        """Queue a task; the same `request_id` again returns the task that it started.

        Parameters
        ----------
        project : str
            The project's id.
        kind : str
            Its type, for example ``EXPORT_IMAGE``.
        run : callable
            Does the work; it is given ``progress(fraction)``, which it calls often: that is where cancellation takes effect. It
            returns the destination URIs.
        description : str
            What the user called it.
        priority : int
            0 to 9999; higher runs earlier.
        request_id : str, optional
            At most 60 letters, digits and hyphens.
        """
        if request_id is not None and not re.fullmatch(r"[A-Za-z0-9\-]{1,60}", request_id):
            raise EEError(f"Invalid request ID '{request_id[:80]}': at most 60 letters, digits and hyphens are allowed.")
        if not 0 <= priority <= 9999:
            raise EEError(f"Priority {priority} is out of range: it must be between 0 and 9999.")
        with self._changed:
            if request_id is not None and (project, request_id) in self._requests:
                return self._all[self._requests[project, request_id]]
            if len(self._waiting) >= _QUEUE:
                raise EEError(
                    f"Too many tasks already in the queue ({_QUEUE}). Please wait for some of them to complete.",
                    code=429,
                    status="RESOURCE_EXHAUSTED",
                )
            name = f"projects/{project}/operations/{secrets.token_hex(12).upper()}"
            operation = Operation(name, kind, description, priority, run, order=len(self._all))
            self._all[name] = operation
            if request_id is not None:
                self._requests[project, request_id] = name
            self._waiting.append(operation)
            if len(self._threads) < self._workers:
                thread = threading.Thread(target=self._work, name=f"smgee-task-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify_all()
        return operation

    def resize(self, workers: int) -> None:
        """Change how many tasks run at once; more threads start when the next tasks come."""
        with self._changed:
            self._workers = workers
            self._changed.notify_all()

    def get(self, name: str) -> Operation:
        """Return a task by its full name."""
        operation = self._all.get(name)
        if operation is None:
            raise NotFoundError(f"Operation '{name}' not found.")
        return operation

    def list(self, project: str) -> list[Operation]:
        """Return the tasks of a project, newest first."""
        prefix = f"projects/{project}/operations/"
        return sorted((o for o in list(self._all.values()) if o.name.startswith(prefix)), key=lambda o: -o.order)

    def cancel(self, name: str) -> None:
        """Ask a task to stop; one that is done stays as it is."""
        operation = self.get(name)
        with self._changed:
            if operation.state == "PENDING":
                self._waiting.remove(operation)
                self._finish(operation, "CANCELLED")
            elif operation.state == "RUNNING":
                operation.state = "CANCELLING"
                operation.updated = _now()

    def forget(self, name: str) -> None:
        """Drop a task that is done from the list."""
        operation = self.get(name)
        if operation.state not in _DONE:
            raise EEError(f"Operation '{name}' is still {operation.state}; cancel it first.")
        with self._changed:
            del self._all[name]
            self._requests = {key: value for key, value in self._requests.items() if value != name}

    def wait(self, name: str, timeout: float) -> Operation:
        """Return a task when it is done, or after `timeout` seconds."""
        operation = self.get(name)
        with self._changed:
            self._changed.wait_for(lambda: operation.state in _DONE, timeout)
        return operation

    def close(self) -> None:
        """Cancel everything and let the threads end."""
        with self._changed:
            self._closed = True
            for operation in self._waiting:
                self._finish(operation, "CANCELLED")
            self._waiting.clear()
            for operation in self._all.values():
                if operation.state == "RUNNING":
                    operation.state = "CANCELLING"
            self._changed.notify_all()

    # -- work ----------------------------------------------------------------------------------------------------------

    def _finish(self, operation: Operation, state: str) -> None:
        operation.state = state
        operation.ended = operation.updated = _now()
        self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed or len(self._threads) > self._workers)
                if self._closed or len(self._threads) > self._workers:
                    self._threads.remove(threading.current_thread())
                    return
                operation = min(self._waiting, key=lambda o: (-o.priority, o.order))
                self._waiting.remove(operation)
                operation.state = "RUNNING"
                operation.started = operation.updated = _now()
            self._run(operation)

    def _run(self, operation: Operation) -> None:
        begun = time.monotonic()

        def progress(fraction: float) -> None:
            if operation.state == "CANCELLING":
                raise _Cancelled
            operation.progress = min(max(fraction, 0.0), 1.0)
            operation.updated = _now()

        try:
            progress(0.0)
            uris = operation.run(progress) or []
            state = "SUCCEEDED"
            operation.uris = list(uris)
            operation.progress = 1.0
        except _Cancelled:
            state = "CANCELLED"
        except SmgeeError as error:
            state = "FAILED"
            operation.error = (3, str(error))
        except Exception:
            logger.exception("%s failed", operation.name)
            state = "FAILED"
            operation.error = (
                13,
                "Execution failed: an internal error has occurred. The log of smgee.eelocal.operations has the details.",
            )
        operation.seconds = time.monotonic() - begun
        with self._changed:
            self._finish(operation, state)
