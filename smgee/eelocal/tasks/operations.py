"""Long-running operations: exports and imports, with the states that Earth Engine's tasks go through.

Where the store is on disk, so are its tasks (`smgee.eelocal.tasks.log`): other processes on the store,
and later ones, list them too. A process answers for its own tasks from memory.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from smgee.eelocal.assets.user import now
from smgee.eelocal.errors import EEError, NotFoundError
from smgee.eelocal.tasks.log import DONE, ENDED_WITH_SERVER, KEEP, OperationLog
from smgee.errors import SmgeeError

logger = logging.getLogger(__name__)

Run = Callable[[Callable[[float], None]], "list[str] | None"]
_QUEUE = 3_000  # tasks that may wait, as the usage page says
_POLL_S = 0.1  # between two looks at a task of another process that is waited for
_INTERNAL = (
    13,
    "Execution failed: an internal error has occurred. "
    "The log of smgee.eelocal.tasks.operations has the details.",
)


class _Cancelled(Exception):
    pass


@dataclass(eq=False)
class Operation:
    """One task; `run` is None for a task of another process."""

    name: str
    kind: str
    description: str
    priority: int
    run: Run | None
    state: str = "PENDING"
    created: str = field(default_factory=now)
    updated: str = field(default_factory=now)
    started: str | None = None
    ended: str | None = None
    progress: float = 0.0
    error: tuple[int, str] | None = None
    uris: list[str] = field(default_factory=list)
    seconds: float = 0.0
    order: int = 0
    owner: str = ""
    logged: bool = False

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Operation:
        """Return the task of another process."""
        error = record["error"]
        return cls(
            **{**record, "error": None if error is None else (error[0], error[1])}, run=None, logged=True
        )

    def record(self, **changes: Any) -> dict[str, Any]:
        """Return what is written of the task."""
        return {
            f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("run", "logged")
        } | changes

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
        if self.state in DONE:
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
    log : OperationLog, optional
        Where tasks are remembered; without it they are forgotten with the process.
    """

    def __init__(self, workers: int = 2, *, log: OperationLog | None = None):
        self._log = log
        self._workers = workers
        self._threads: list[threading.Thread] = []
        self._all: dict[str, Operation] = {}
        self._waiting: list[Operation] = []
        self._orders = itertools.count()
        self._changed = threading.Condition()
        self._closed = False

    def submit(
        self,
        project: str,
        kind: str,
        run: Run,
        *,
        description: str = "",
        priority: int = 100,
        request_id: str | None = None,
    ) -> Operation:
        """Queue a task; the same `request_id` again returns the task that it started, also in another
        process.

        A request whose task ended with its server may be made again.

        Parameters
        ----------
        project : str
            The project's id.
        kind : str
            Its type, for example ``EXPORT_IMAGE``.
        run : callable
            Does the work; it is given ``progress(fraction)``, which it calls often: that is where
            cancellation takes effect. It returns the destination URIs.
        description : str
            What the user called it.
        priority : int
            0 to 9999; higher runs earlier.
        request_id : str, optional
            At most 60 letters, digits and hyphens.
        """
        if request_id is not None and not re.fullmatch(r"[A-Za-z0-9\-]{1,60}", request_id):
            raise EEError(
                f"Invalid request ID '{request_id[:80]}': at most 60 letters, digits and hyphens are allowed."
            )
        if not 0 <= priority <= 9999:
            raise EEError(f"Priority {priority} is out of range: it must be between 0 and 9999.")
        with self._changed:
            token = secrets.token_hex(12) if request_id is None else _token(project, request_id)
            name = f"projects/{project}/operations/{token.upper()}"
            if name in self._all:
                return self._all[name]
            if len(self._waiting) >= _QUEUE:
                raise EEError(
                    f"Too many tasks already in the queue ({_QUEUE}). Please wait for some of them to "
                    "complete.",
                    code=429,
                    status="RESOURCE_EXHAUSTED",
                )
            operation = Operation(name, kind, description, priority, run, order=next(self._orders))
            if self._log is not None:
                record = operation.record()
                held = self._log.create(record)
                if held is not None:
                    return Operation.of_record(held)
                operation.owner = record["owner"]
            self._all[name] = operation
            self._waiting.append(operation)
            if len(self._threads) < self._workers:
                thread = threading.Thread(
                    target=self._work, name=f"smgee-task-{len(self._threads)}", daemon=True
                )
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
        if operation is None and self._log is not None:
            record = self._log.read(name)
            operation = None if record is None else Operation.of_record(record)
        if operation is None:
            raise NotFoundError(f"Operation '{name}' not found.")
        return operation

    def list(self, project: str) -> list[Operation]:
        """Return the tasks of a project, newest first."""
        found = dict(self._all)
        if self._log is not None:
            written = {o.name for o in found.values() if o.logged and o.state in DONE}
            records = {r["name"]: r for r in self._log.records()}
            for name in written - records.keys():  # another process has dropped it
                del found[name]
                with self._changed:
                    self._all.pop(name, None)
            found |= {name: Operation.of_record(r) for name, r in records.items() if name not in found}
        prefix = f"projects/{project}/operations/"
        return sorted(
            (o for o in found.values() if o.name.startswith(prefix)),
            key=lambda o: (o.created, o.order),
            reverse=True,
        )

    def cancel(self, name: str) -> None:
        """Ask a task to stop; one that is done stays as it is; `EEError` when it is a task of another
        process, which alone can stop it.
        """
        operation = self.get(name)
        with self._changed:
            if operation.run is None:
                if operation.state not in DONE:
                    raise EEError(
                        f"Operation '{name}' belongs to another running process of the embedded Earth "
                        "Engine; cancel it there.",
                        status="FAILED_PRECONDITION",
                    )
            elif operation.state == "PENDING":
                self._waiting.remove(operation)
                self._finish(operation, "CANCELLED")
            elif operation.state == "RUNNING":
                self._change(operation, "CANCELLING", updated=now())

    def forget(self, name: str) -> None:
        """Drop a task that is done from the list."""
        operation = self.get(name)
        if operation.state not in DONE:
            raise EEError(f"Operation '{name}' is still {operation.state}; cancel it first.")
        with self._changed:
            if self._log is not None:
                self._log.remove(name)
            self._all.pop(name, None)

    def wait(self, name: str, timeout: float) -> Operation:
        """Return a task when it is done, or after `timeout` seconds."""
        operation = self.get(name)
        if operation.run is None:
            deadline = time.monotonic() + timeout
            while operation.state not in DONE and time.monotonic() < deadline:
                time.sleep(min(_POLL_S, timeout))
                operation = self.get(name)
            return operation
        with self._changed:
            self._changed.wait_for(lambda: operation.state in DONE, timeout)
        return operation

    def close(self) -> None:
        """Stop everything and let the threads end; what is not done has failed, unless it was cancelled
        before.
        """
        with self._changed:
            self._closed = True
            for operation in self._waiting:
                self._finish(operation, "FAILED", error=ENDED_WITH_SERVER)
            self._waiting.clear()
            self._release()
            self._changed.notify_all()

    # -- the log

    def _change(self, operation: Operation, state: str, **changes: Any) -> None:
        """Change a task, on disk first: what one process has shown to be done must not turn out lost in
        the next.
        """
        if self._log is not None:
            operation.logged = self._log.write(operation.record(state=state, **changes))
        for key, value in changes.items():
            setattr(operation, key, value)
        operation.state = state  # last: whoever sees a task done sees its outcome too

    def _release(self) -> None:
        """Stop answering for tasks, once closed and done with all of them."""
        if self._log is not None and self._closed and all(o.state in DONE for o in self._all.values()):
            self._log.close()

    # -- work

    def _finish(self, operation: Operation, state: str, **changes: Any) -> None:
        moment = now()
        self._change(operation, state, ended=moment, updated=moment, **changes)
        operation.run = _ended  # what its work held, graph and pixels, is wanted no more
        ended = [o.name for o in self._all.values() if o.logged and o.state in DONE]
        for name in ended[:-KEEP]:  # the oldest are read from the log from now on, as long as that has them
            del self._all[name]
        self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._waiting or self._closed or len(self._threads) > self._workers
                )
                if self._closed or len(self._threads) > self._workers:
                    self._threads.remove(threading.current_thread())
                    return
                operation = min(self._waiting, key=lambda o: (-o.priority, o.order))
                self._waiting.remove(operation)
                moment = now()
                self._change(operation, "RUNNING", started=moment, updated=moment)
            self._run(operation)

    def _run(self, operation: Operation) -> None:
        begun = time.monotonic()
        assert operation.run is not None
        result: dict[str, Any] = {}

        def progress(fraction: float) -> None:
            if self._closed or operation.state == "CANCELLING":
                raise _Cancelled
            operation.progress = min(max(fraction, 0.0), 1.0)
            operation.updated = now()

        try:
            progress(0.0)
            uris = operation.run(progress) or []
            state, result = "SUCCEEDED", {"uris": list(uris), "progress": 1.0}
        except _Cancelled:
            if operation.state == "CANCELLING":
                state = "CANCELLED"
            else:
                state, result = "FAILED", {"error": ENDED_WITH_SERVER}
        except SmgeeError as error:
            state, result = "FAILED", {"error": (3, str(error))}
        except Exception as error:
            if isinstance(error, RuntimeError) and "interpreter shutdown" in str(
                error
            ):  # Python's word to pools at the end
                state, result = "FAILED", {"error": ENDED_WITH_SERVER}
            else:
                logger.exception("%s failed", operation.name)
                state, result = "FAILED", {"error": _INTERNAL}
        with self._changed:
            self._finish(operation, state, seconds=time.monotonic() - begun, **result)
            self._release()


def _ended(progress: Callable[[float], None]) -> list[str]:
    """Stand for the work of a task of this process that has ended."""
    return []


def _token(project: str, request_id: str) -> str:
    """Return the id of the task of a request: whoever gets the same request looks for the same file."""
    return hashlib.sha256(f"{project}/{request_id}".encode()).hexdigest()[:24]
