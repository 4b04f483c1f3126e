"""The tasks of one asset store on disk, shared by the processes that use it and kept beyond their end.

Each task is one file, ``.operations/<id>.json`` below the store; names that begin with a point never are
assets. A file is replaced whole at each change of state, by the process that runs the task. That process
holds a lock on a file of its own, ``.operations/.owner-<token>``, for as long as it has unfinished tasks to
answer for. The system lets go of the lock when the process ends, however it ends: an unfinished task whose
owner's file is unlocked or gone never will be finished. (A process id would not tell: ids are given again to
others.)

The files survive the end of a process. After a power failure the last change of state may be missing.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import re
import time
import uuid
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any

from smgee.eelocal.assets.user import now

logger = logging.getLogger(__name__)

DONE = ("SUCCEEDED", "FAILED", "CANCELLED")
_STATES = ("PENDING", "RUNNING", "CANCELLING", *DONE)
# Code 14 is UNAVAILABLE among the canonical codes of google.rpc: the same request may well succeed when made
# again.
ENDED_WITH_SERVER = (
    14,
    "The embedded Earth Engine server ended before this task was done; start the task again.",
)
_FORMAT = 1
# Finished tasks that are kept, the newest. Earth Engine keeps tasks for about ten days; here their number is
# bounded instead,
# so that a study that is looked at again after months still has its tasks, and a listing stays two pages of
# the client's 500.
KEEP = 1_000
_PRUNE_EVERY = 100  # new tasks of a process between two looks for old ones
_SCRATCH_S = 3_600  # writing a file takes milliseconds; a scratch file this old was left by a killed process
_ID = re.compile(r"[0-9A-Za-z_\-]{1,100}")
_OWNER = re.compile(r"[0-9a-f]{32}")
_FIELDS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "kind": str,
    "description": str,
    "priority": int,
    "state": str,
    "created": str,
    "updated": str,
    "started": (str, NoneType),
    "ended": (str, NoneType),
    "progress": (int, float),
    "error": (list, NoneType),
    "uris": list,
    "seconds": (int, float),
    "order": int,
    "owner": str,
}

Record = dict[str, Any]


class OperationLog:
    """Reads and writes the tasks of one store.

    A store that cannot be written costs the memory of tasks, never the tasks: that is logged, and nothing is
    raised.

    Parameters
    ----------
    folder : Path
        Where the files are; created with the first task.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._owner: str | None = None
        self._handle: int | None = None
        self._cache: dict[str, tuple[tuple[int, int], Record]] = {}
        self._created = 0
        _logs.add(self)

    # -- writing

    def create(self, record: Record) -> Record | None:
        """Write a new task, of which this process becomes the owner.

        Returns
        -------
        dict or None
            The task that has the name already, which then stays as it is. One that ended with its server
            gives the name free: it is to be started again.
        """
        path = self._path(record["name"])
        try:
            with self._exclusive():
                held = _parse(path)
                if held is not None and not (self._is_lost(held) or _ended_with_server(held)):
                    return held
                record["owner"] = self._own()
                self._write(path, record)
            if self._created % _PRUNE_EVERY == 0:
                self._prune()
            self._created += 1
        except OSError as error:
            logger.warning("The task %s may not be remembered: %s.", record["name"], error)
        return None

    def write(self, record: Mapping[str, Any]) -> bool:
        """Replace what is written of a task of this process; return whether that was done."""
        if self._owner is None or record["owner"] != self._owner:
            return False  # also in a forked child, which knows its parent's tasks but does not run them
        try:
            self._write(self._path(record["name"]), record)
        except OSError as error:
            logger.warning(
                "The state %s of %s could not be written: %s.", record["state"], record["name"], error
            )
            return False
        return True

    def remove(self, name: str) -> None:
        """Drop a task that is done."""
        path = self._path(name)
        with contextlib.suppress(OSError), self._exclusive():
            record = _parse(path)
            if record is not None and record["state"] in DONE:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Give up the ownership; every task of this process must be done."""
        if self._owner is not None:
            with contextlib.suppress(OSError):
                self._owner_path(self._owner).unlink(missing_ok=True)
        self._disown()

    # -- reading

    def read(self, name: str) -> Record | None:
        """Return a task by its full name, with the state that it has now."""
        if _ID.fullmatch(name.rpartition("/")[2]) is None:
            return None
        record = _parse(self._path(name))
        if record is None or record["name"] != name:
            return None
        return self._settled(record, {})

    def records(self) -> list[Record]:
        """Return every task of the store, with the states that they have now."""
        found: list[Record] = []
        alive: dict[str, bool] = {}
        cache: dict[str, tuple[tuple[int, int], Record]] = {}
        try:
            entries = [
                e for e in os.scandir(self.folder) if e.name.endswith(".json") and not e.name.startswith(".")
            ]
        except OSError:
            return []
        for entry in entries:
            try:
                stat = entry.stat()
            except OSError:
                continue
            stamp = (stat.st_mtime_ns, stat.st_ino)
            cached = self._cache.get(entry.name)
            record = cached[1] if cached is not None and cached[0] == stamp else _parse(Path(entry.path))
            if record is None:
                continue
            cache[entry.name] = (stamp, record)
            settled = self._settled(record, alive)
            if settled is not None:
                found.append(settled)
        self._cache = cache
        return found

    def _settled(self, record: Record, alive: dict[str, bool]) -> Record | None:
        """Return a task as it is; one that was lost is written as failed, once and for all readers.

        Its owner may have finished it and ended after it was read, so it is read again before it is called
        lost.
        """
        if not self._is_lost(record, alive):
            return record
        path = self._path(record["name"])
        try:
            with self._exclusive():
                latest = _parse(path)
                if latest is not None and self._is_lost(latest):
                    latest = _lost(latest)
                    self._write(path, latest)
                return latest
        except OSError:  # a store that can only be read
            return _lost(record)

    # -- owners

    def _is_lost(self, record: Mapping[str, Any], alive: dict[str, bool] | None = None) -> bool:
        """Whether a task is not done, and nobody works on it; `alive` remembers owners that were found so."""
        if record["state"] in DONE:
            return False
        alive = {} if alive is None else alive
        owner = record["owner"]
        if owner not in alive:
            alive[owner] = self._is_alive(owner)
        return not alive[owner]

    def _is_alive(self, owner: str) -> bool:
        if owner == self._owner:
            return True
        try:
            handle = os.open(self._owner_path(owner), os.O_RDONLY)
        except FileNotFoundError:
            return False
        except OSError:  # not ours to judge
            return True
        try:
            # Shared, so that two processes that look at once do not take each other for the owner.
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        return False

    def _own(self) -> str:
        """Return the token of this process, whose file is locked; call it with the store's lock, or the
        file may be swept.
        """
        if self._owner is None:
            token = uuid.uuid4().hex
            handle = os.open(self._owner_path(token), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(handle)
                self._owner_path(token).unlink(missing_ok=True)
                raise
            self._owner, self._handle = token, handle
        return self._owner

    def _disown(self) -> None:
        """Close the file without unlocking it: a forked child shares the lock with its parent, who keeps
        it.
        """
        handle, self._owner, self._handle = self._handle, None, None
        if handle is not None:
            os.close(handle)

    # -- files

    def _path(self, name: str) -> Path:
        return self.folder / f"{name.rpartition('/')[2]}.json"

    def _owner_path(self, owner: str) -> Path:
        return self.folder / f".owner-{owner}"

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Hold the lock of the store, for what must not happen twice; held for milliseconds."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            # Closing would not do where another thread has forked meanwhile: the child has the file open too.
            with contextlib.suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_UN)
            os.close(handle)

    def _write(self, path: Path, record: Mapping[str, Any]) -> None:
        scratch = path.with_name(
            f".{path.stem}.writing"
        )  # a task has one writer at a time: its owner, or the store's lock
        scratch.write_text(json.dumps({"format": _FORMAT, **record}), encoding="utf-8")
        os.replace(scratch, path)

    def _prune(self) -> None:
        """Remove the oldest tasks that are done, and what processes that were killed left behind."""
        old: list[Record] = []
        if sum(name.endswith(".json") for name in os.listdir(self.folder)) > KEEP:
            done = [r for r in self.records() if r["state"] in DONE]
            old = sorted(done, key=lambda r: (r["created"], r["order"]), reverse=True)[KEEP:]
        with self._exclusive():
            for record in old:
                path = self._path(record["name"])
                if _parse(path) == record:  # its name may have been taken again
                    path.unlink(missing_ok=True)
            for path in self.folder.glob(".owner-*"):
                if not self._is_alive(path.name.removeprefix(".owner-")):
                    path.unlink(missing_ok=True)
            for path in self.folder.glob(".*.writing"):
                with contextlib.suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime > _SCRATCH_S:
                        path.unlink()


def _lost(record: Record) -> Record:
    """Return a task as its owner left it, ended: cancelled where that had been asked for, otherwise
    failed.
    """
    moment = now()
    if record["state"] == "CANCELLING":
        return {**record, "state": "CANCELLED", "updated": moment, "ended": moment}
    return {**record, "state": "FAILED", "error": list(ENDED_WITH_SERVER), "updated": moment, "ended": moment}


def _ended_with_server(record: Mapping[str, Any]) -> bool:
    return record["state"] == "FAILED" and tuple(record["error"] or ()) == ENDED_WITH_SERVER


def _parse(path: Path) -> Record | None:
    """Return the task in a file; None when there is none, or something else, or only a part of one."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record.pop("format") != _FORMAT or record.keys() != _FIELDS.keys():
            return None
        if not all(isinstance(record[key], kind) for key, kind in _FIELDS.items()):
            return None
        for moment in ("created", "updated", "started", "ended"):
            if record[moment] is not None:
                datetime.strptime(record[moment], "%Y-%m-%dT%H:%M:%S.%fZ")  # as the client reads it
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    error = record["error"]
    sound = (
        record["name"].rpartition("/")[2] == path.stem
        and record["state"] in _STATES
        and (record["state"] not in DONE or record["ended"] is not None)
        and (error is None or (len(error) == 2 and isinstance(error[0], int) and isinstance(error[1], str)))
        and all(isinstance(uri, str) for uri in record["uris"])
        and _OWNER.fullmatch(record["owner"]) is not None
    )
    return record if sound else None


_logs: weakref.WeakSet[OperationLog] = weakref.WeakSet()


def _after_fork() -> None:
    """Close a parent's files in its child, which would hold the lock beyond the parent's end."""
    for log in list(_logs):
        log._disown()


os.register_at_fork(after_in_child=_after_fork)
