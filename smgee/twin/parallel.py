"""Row blocks on all cores.

Kernels release the GIL and threads belong to Python: Numba's own thread pool may not be entered from two
threads at once, and the embedded Earth Engine reads tiles concurrently.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from smgee.machine import usable_cores

BLOCKS = 16  # fixed, so that sums in blocks do not depend on the machine


@lru_cache(maxsize=1)
def pool(process: int) -> ThreadPoolExecutor:
    """Return the shared threads of a process (a forked child inherits the object, but not its threads)."""
    return ThreadPoolExecutor(usable_cores())


def row_blocks(height: int) -> list[tuple[int, int]]:
    """Cut rows into `BLOCKS` ranges (start, stop)."""
    edges = [height * i // BLOCKS for i in range(BLOCKS + 1)]
    return list(itertools.pairwise(edges))


def run_blocks(work: Callable[[int, int, int], object], height: int) -> None:
    """Call `work(block, start, stop)` for every block of rows, all cores at once; the first error is
    raised.
    """
    for done in [pool(os.getpid()).submit(work, i, a, b) for i, (a, b) in enumerate(row_blocks(height))]:
        done.result()
