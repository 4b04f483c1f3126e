"""Runs that are killed -9 just before each rename of a file, and gone on with.

A file is written beside its place and renamed, so a kill before a rename leaves as much undone as a kill can.
Every file has to be the one of a run that nobody killed, and nothing half-written may stay. For every step of
a study, see tests/workflow/everywhere.py.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smgee.io import SCRATCH, content_hash
from tests.faults import differing
from tests.workflow.kills import child

NOTES = "notes.txt"  # of tests.workflow.kills: which blocks were begun

Go = Callable[[str], Any]
"""Goes on with the run in a folder."""


def counted(go: Go, folder: Path, *, kill_at: int = 0) -> int | None:
    """Go on with a run in a process of its own; return how often it renamed, None where it was killed.

    Parameters
    ----------
    go : callable
        Top-level, so that another process finds it.
    folder : Path
        The run.
    kill_at : int
        The rename before which the process kills itself; 0 for none.
    """
    note = folder.with_name(f"{folder.name}.renames")
    note.unlink(missing_ok=True)
    process = child().Process(target=_counting, args=(go, str(folder), kill_at, str(note)))
    process.start()
    process.join()
    if process.exitcode == -signal.SIGKILL:
        return None
    assert process.exitcode == 0, f"the run in {folder} ended with {process.exitcode}"
    return int(note.read_text())


def _counting(go: Go, folder: str, kill_at: int, note: str) -> None:
    done = watch_renames(kill_at)
    go(folder)
    Path(note).write_text(str(done()))


def watch_renames(kill_at: int = 0) -> Callable[[], int]:
    """Count the renames of this process from now on, and kill it before one of them; gives their number."""
    lock, done = threading.Lock(), 0

    def watched(rename: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any, **options: Any) -> None:
            nonlocal done
            with lock:
                done += 1
                if done == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
            rename(*args, **options)

        return call

    os.replace, os.rename = watched(os.replace), watched(os.rename)  # type: ignore[assignment]
    return lambda: done


def leftovers(folder: Path) -> list[Path]:
    """Return what is half-written below a folder."""
    return list(folder.rglob(f"{SCRATCH}*"))


def check_renames(go: Go, start: Path, base: Path, *, most: int | None = None) -> tuple[int, int]:
    """Kill a run before its renames, each time from the same start, and compare what comes of it.

    Parameters
    ----------
    go : callable
        Goes on with the run.
    start : Path
        The folder that it goes on from; need not exist.
    base : Path
        Where the runs are made, and taken away again.
    most : int, optional
        So many renames, evenly spread; all by default.

    Returns
    -------
    (int, int)
        How many renames there are, and before how many the run was killed.
    """
    (first, renames), (second, _) = (whole(go, start, base / name) for name in ("once", "twice"))
    timed = differing(first, second)
    chosen = list(range(1, renames + 1))
    if most is not None and renames > most:
        chosen = sorted({1 + k * (renames - 1) // (most - 1) for k in range(most)})
    killed = 0
    for k in chosen:
        folder = copy_folder(start, base / f"killed_{k}")
        killed += counted(go, folder, kill_at=k) is None
        again = counted(go, folder)
        assert again is not None
        assert leftovers(folder) == [], f"killed before rename {k}"
        wrong = differing(first, hashes(folder)) - timed
        assert not wrong, f"killed before rename {k} of {renames}, {sorted(wrong)} differ"
        shutil.rmtree(folder)
    return renames, killed


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a run, by its path; of what lies beside it, nothing."""
    root = folder / "run" if (folder / "run").exists() else folder
    files = [p for p in sorted(root.rglob("*")) if p.is_file() and p.name != NOTES]
    return {str(p.relative_to(root)): content_hash(p) for p in files}


def whole(go: Go, start: Path, folder: Path) -> tuple[dict[str, str], int]:
    """Go on from a start without a kill; return the files' hashes, and how many renames there were."""
    copy_folder(start, folder)
    renames = counted(go, folder)
    assert renames is not None
    return hashes(folder), renames


def copy_folder(start: Path, folder: Path) -> Path:
    """Return a new folder like another one, which need not exist."""
    if start.exists():
        shutil.copytree(start, folder, symlinks=True)
    else:
        folder.mkdir(parents=True)
    return folder
