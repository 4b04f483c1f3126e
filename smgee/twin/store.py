"""Files of the twin on disk: where they live, how they are locked, and the 12-bit raster of daily soil
water.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numba
import numpy as np

from smgee.compiled import compiled

QUANTUM = 0.0002
"""Step of the stored water content, m³ m⁻³; 12 bits reach 0.819."""

# Whatever changes the stored arrays: a change of any of these files makes a new cache.
_SCIENCE = (
    "noise",
    "routing",
    "terrain",
    "land",
    "weather",
    "hydrology",
    "balance",
    "store",
    "clouds",
    "orbits",
    "stages",
    "basin",
)


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return a short hash of the code behind the stored arrays."""
    digest = hashlib.sha256()
    for name in _SCIENCE:
        path = Path(__file__).with_name(f"{name}.py")
        digest.update(path.read_bytes() if path.exists() else b"")
    return digest.hexdigest()[:10]


def cache_root() -> Path:
    """Return the folder of all caches of the twin: ``SMGEE_CACHE``, else the user's cache folder
    (``XDG_CACHE_HOME``,
    ``~/.cache``)."""
    given = os.environ.get("SMGEE_CACHE")
    if given:
        return Path(given) / "twin"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smgee" / "twin"


def remove_outdated(folder: Path, prefix: str, *, unused_days: float = 14) -> None:
    """Delete folders beside `folder` that hold the same basin (`prefix`) made by other code.

    One that was used within `unused_days` stays: another version of smgee may be at work in it.
    """
    oldest = time.time() - unused_days * 86400
    for other in folder.parent.glob(f"{prefix}-*"):
        if other == folder or not other.is_dir():
            continue
        if max(p.stat().st_mtime for p in (other, *other.glob(".lock-*"))) < oldest:
            shutil.rmtree(other, ignore_errors=True)


def remove_unfinished(folder: Path, stage: str) -> None:
    """Delete what a killed process left of a stage; call it while holding the stage's lock."""
    for left in folder.glob(".writing-*"):
        if (left / stage).exists():
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def locked(folder: Path, stage: str) -> Iterator[None]:
    """Hold a stage's lock among processes, so that two of them do not compute the same thing at once.

    Each stage has its own: one stage may need another while it holds its lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f".lock-{stage}", "w") as handle:
        try:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        except ImportError:  # no flock on this system: both compute, and the atomic move decides
            pass
        yield


@compiled
def pack12(values, out):
    """Pack a row of numbers in 0-4095 into `out`, three bytes for two numbers."""
    for k in range(values.size // 2):
        a, b = values[2 * k], values[2 * k + 1]
        out[3 * k] = a & 0xFF
        out[3 * k + 1] = (a >> 8) | ((b & 0xF) << 4)
        out[3 * k + 2] = b >> 4


@numba.njit(inline="always")
def unpack12(row, col):
    """Return number `col` of a packed row."""
    k = 3 * (col >> 1)
    if col & 1:
        return (np.int32(row[k + 1]) >> 4) | (np.int32(row[k + 2]) << 4)
    return np.int32(row[k]) | ((np.int32(row[k + 1]) & 0xF) << 8)


class RowStore:
    """Frames of packed rows in one file, read by row range with `os.pread`: threads share it, and nothing
    stays mapped.

    Parameters
    ----------
    height, width : int
        Pixels of a frame; the width is even.
    """

    def __init__(self, path: Path, height: int, width: int) -> None:
        if width % 2:
            raise ValueError("a packed row holds an even number of pixels")
        self.height, self.width, self.row_bytes = height, width, width // 2 * 3
        self._fd = os.open(path, os.O_RDONLY)
        # At the end of the process threads may still read, and the system closes what is open.
        weakref.finalize(self, os.close, self._fd).atexit = False

    def rows(self, frame: int, row: int, count: int) -> np.ndarray:
        """Return packed rows of a frame, (count, row_bytes) uint8."""
        offset = (frame * self.height + row) * self.row_bytes
        raw = os.pread(self._fd, count * self.row_bytes, offset)
        return np.frombuffer(raw, np.uint8).reshape(count, self.row_bytes)
