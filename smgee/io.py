"""Files written whole or not at all, and what they hold in one hash."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCRATCH = ".writing-"
"""How the name of a folder begins that holds something half written."""


@contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `target`; move it there on success, remove it on failure.

    Works for a file and for a directory (a zarr store): the caller creates whichever it needs at the path it
    is given. A directory that exists already is swapped for the new one.

    Parameters
    ----------
    target : path-like
        Where the result belongs. Its parent directory is created.

    Yields
    ------
    pathlib.Path
        A path that does not exist yet, on the same file system, with the same suffix.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    holder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=target.parent))
    scratch = holder / target.name
    try:
        yield scratch
        if target.is_dir():
            os.replace(target, holder / ".previous")
        os.replace(scratch, target)
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def write_json(path: str | os.PathLike[str], content: Any, **options: Any) -> None:
    """Write JSON-like data as a file; `options` are those of `json.dumps`."""
    with atomic_path(path) as scratch:
        text = json.dumps(content, **{"indent": 1, "ensure_ascii": False, **options})
        scratch.write_text(f"{text}\n", encoding="utf-8")


def sweep(folder: str | os.PathLike[str]) -> list[Path]:
    """Remove what killed writers left half written anywhere in a folder that nobody writes to now.

    Returns
    -------
    list of pathlib.Path
        What was removed.
    """
    left = []
    for place, folders, _ in os.walk(folder):
        for name in [n for n in folders if n.startswith(SCRATCH)]:
            folders.remove(name)
            left.append(Path(place) / name)
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return left


def content_hash(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes, read piece by piece."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
