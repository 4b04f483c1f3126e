"""What this machine lends to this process."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
import os
from functools import cache
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Return the number of processors that this process may keep busy.

    Those of the machine that the process is bound to (`os.sched_getaffinity`), or fewer where a container's
    quota of processor time is smaller; at least 1. Every default number of threads in smgee is this one.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(bound, quota_of(_CGROUP)))


@cache
def quota_of(folder: Path) -> int:
    """Return how many processors a Linux control group may use, rounded up; many without a quota.

    Version 2 writes ``quota period`` to ``cpu.max`` with ``max`` for none; version 1 writes two files, with
    −1 for none (Linux kernel documentation, "Control Group v2" and "CFS Bandwidth Control").
    """
    for names in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):
        try:
            quota, period = " ".join((folder / name).read_text() for name in names).split()
        except (OSError, ValueError):
            continue
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            return math.ceil(int(quota) / int(period))
    return 1 << 20


# MiB. Under a window of 256 pixels the scenes of a composite of two months, some 25 of seven files each, take
# up to four blocks of 128 KiB a file: 90 MiB, and twice that for two windows at once.
_BLOCK_CACHE = 256


def bound_block_cache() -> None:
    """Bound the decoded blocks of rasters that GDAL keeps, unless the user's ``GDAL_CACHEMAX`` does.

    Its own bound is 5 % of the machine's memory, so that what a process holds would depend on where it runs.
    GDAL asks once, when it decodes a first block: this comes before, or changes nothing.
    """
    os.environ.setdefault("GDAL_CACHEMAX", str(_BLOCK_CACHE))


def trim_heap() -> None:
    """Give freed memory back to the system.

    The GNU allocator keeps it where blocks still in use lie behind it: a tenth of what mapping holds,
    and 250 MB of the fields of the synthetic basin after its stations were read.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def release_memory() -> None:
    """Give back to the system what this process needs no more, garbage that refers to itself included."""
    gc.collect()
    trim_heap()
