"""Machine code that follows the source.

Numba keeps machine code beside the source and drops it when the function's own file changes. Functions have
constants and other functions of neighbouring files compiled into them, so here the code is dropped when any
file of the function's package changes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache


@lru_cache(maxsize=16)
def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, times and sizes of a package's files."""
    return tuple((f.name, f.stat().st_mtime_ns, f.stat().st_size) for f in sorted(folder.glob("*.py")))


class _PackageCache(FunctionCache):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file._source_stamp = (
            self._cache_file._source_stamp,
            _stamp(Path(function.__code__.co_filename).parent),
        )


def compiled(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Compile a function on its first call, without the GIL, and keep the machine code on disk.

    Parameters
    ----------
    function : callable
        What to compile; it may use compiled functions and constants of its own package.
    **options
        For `numba.njit`.
    """
    if function is None:
        return lambda function: compiled(function, **options)
    dispatcher = njit(nogil=True, **options)(function)
    # Where nothing can be written, not even in the user's cache folder, each process compiles anew.
    with contextlib.suppress(RuntimeError):
        dispatcher._cache = _PackageCache(function)
    return dispatcher
