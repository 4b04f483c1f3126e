"""Files written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
    holder = Path(tempfile.mkdtemp(prefix=".writing-", dir=target.parent))
    scratch = holder / target.name
    try:
        yield scratch
        if target.is_dir():
            os.replace(target, holder / ".previous")
        os.replace(scratch, target)
    finally:
        shutil.rmtree(holder, ignore_errors=True)
