"""The decorator of the kernel's compiled functions.

Numba keeps machine code beside the source and drops it when the function's own file changes. Functions here have constants and other
functions of their neighbours compiled into them, so the code is dropped when any file of this package changes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache

__all__ = ["compiled"]


def _stamp() -> tuple[tuple[str, int, int], ...]:
    """Names, times and sizes of this package's files."""
    return tuple((f.name, f.stat().st_mtime_ns, f.stat().st_size) for f in sorted(Path(__file__).parent.glob("*.py")))


STAMP = _stamp()


class _PackageCache(FunctionCache):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file._source_stamp = (self._cache_file._source_stamp, STAMP)


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function on its first call, without the GIL, and keep the machine code on disk."""
    dispatcher = njit(nogil=True)(function)
    # Where nothing can be written, not even in the user's cache folder, each process compiles anew.
    with contextlib.suppress(RuntimeError):
        dispatcher._cache = _PackageCache(function)
    return dispatcher
