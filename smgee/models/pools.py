"""Threads in which models are fitted side by side."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from smgee.errors import InputError
from smgee.machine import usable_cores

_FALSE_ALARM = "`sklearn.utils.parallel.delayed` should be used with"


@contextmanager
def fitting_threads(n_jobs: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """Open threads for fits and predictions, and leave the filters of warnings as they were.

    Before Python 3.14 those filters belong to the process. The forests of scikit-learn (1.9) empty and refill
    them around every tree; a forest that begins in another thread meanwhile takes them for unset, and each
    of its trees warns that `delayed` was used without `Parallel`. No filter holds that back, since it is the
    filters that are gone, so it is not shown; and what is left of them at the end is not what was there.

    Parameters
    ----------
    n_jobs : int, optional
        How many threads; by default one per usable core.

    Raises
    ------
    InputError
        If it is less than one thread.
    """
    if n_jobs is not None and n_jobs < 1:
        raise InputError(f"{n_jobs} jobs at a time were asked for; it takes at least 1.")
    with warnings.catch_warnings():
        shown = warnings.showwarning

        def show(message: Any, *where: Any, **options: Any) -> None:
            if not str(message).startswith(_FALSE_ALARM):
                shown(message, *where, **options)

        warnings.showwarning = show
        with ThreadPoolExecutor(n_jobs or usable_cores()) as pool:
            yield pool
