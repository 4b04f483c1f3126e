"""What files hold, as hashes that are worked out once.

A file's hash is kept with its size and time of change, and read again only when one of these differs. The
time of change is coarse on some file systems: a hash is kept only when the file has not changed for a moment
(as in Git's index), so that two writes within one tick cannot pass for one.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from smgee.io import SCRATCH, atomic_path, content_hash

_SETTLED_S = 0.1
_BULK = 64 * 1024 * 1024
"""Files of a folder of the user's that are larger count by size and time alone: archives of scenes."""


class Fingerprints:
    """Hashes of files and folders, remembered in a file.

    Parameters
    ----------
    memory : path-like
        Where to remember them; a file that cannot be read is begun anew.
    """

    def __init__(self, memory: str | os.PathLike[str]):
        self._memory = Path(memory)
        self._known: dict[str, list[object]] = {}
        self._changed = False
        try:
            content = json.loads(self._memory.read_text(encoding="utf-8"))
            self._known = {str(k): list(v) for k, v in content.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            pass

    def of(self, path: str | os.PathLike[str], *, bulk: bool = False) -> str | None:
        """Return the fingerprint of a file or folder; None where there is nothing.

        Parameters
        ----------
        path : path-like
            A folder counts by the names and contents of its files, wherever it lies.
        bulk : bool
            Let files above 64 MB inside a folder count by name, size and time alone.
        """
        path = Path(path)
        if path.is_file():
            return self._file(path)
        if not path.is_dir():
            return None
        digest = hashlib.sha256()
        for file in _files(path):
            large = bulk and file.stat().st_size > _BULK
            state = _state(file) if large else self._file(file)
            digest.update(f"{file.relative_to(path).as_posix()}\0{state}\n".encode())
        return digest.hexdigest()

    def _file(self, path: Path) -> str:
        key = os.path.abspath(path)
        before = path.stat()
        known = self._known.get(key)
        if known is not None and known[:2] == [before.st_size, before.st_mtime_ns]:
            return str(known[2])
        found = content_hash(path)
        if time.time() - before.st_mtime > _SETTLED_S:
            self._known[key] = [before.st_size, before.st_mtime_ns, found]
            self._changed = True
        return found

    def save(self) -> None:
        """Remember what is known, but for files that are gone."""
        if self._changed and self._memory.parent.is_dir():
            self._known = {k: v for k, v in self._known.items() if os.path.exists(k)}
            with atomic_path(self._memory) as scratch:
                scratch.write_text(json.dumps(self._known), encoding="utf-8")
            self._changed = False


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if not n.startswith(SCRATCH))
        yield from (Path(place) / name for name in sorted(names))


def _state(file: Path) -> str:
    stat = file.stat()
    return f"{stat.st_size} {stat.st_mtime_ns}"
