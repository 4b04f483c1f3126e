"""How large values may grow: beyond it the service answers that its memory is exceeded, at once.

The real service gives a request some memory and some minutes, and tells no numbers. Those here are what a
request can hold on a small machine beside its pixels, which have limits of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from smgee.eelocal.errors import EEError

MOST_ITEMS = 4_000_000
"""Items of a list or dictionary, those of what it holds included where all of it is written out."""

MOST_CHARACTERS = 50_000_000
"""Characters of a string."""

MOST_NUMBERS = 16_000_000
"""Numbers of an array or a kernel."""

MOST_CALLS = 100_000_000
"""Calls of a function that loops in loops make together; as many take a quarter of an hour."""

_calls: ContextVar[int] = ContextVar("calls", default=1)


def check_size(count: float, most: int = MOST_ITEMS) -> None:
    """Refuse a value of so many items, characters or numbers before it is made; `EEError` when there are more
    than `most`.
    """
    if not count <= most:
        raise EEError("User memory limit exceeded.")


def expanded(value: Any) -> int:
    """Count the items of nested lists and dictionaries as they are when written out, where what is shared is
    written again. What is shared is counted once, so that it takes no longer than there are containers.
    """
    counts: dict[int, int] = {}
    stack = [value]
    while stack:
        container = stack[-1]
        if not isinstance(container, (list, tuple, dict)) or id(container) in counts:
            stack.pop()
            continue
        inside = [
            item
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, (list, tuple, dict))
        ]
        waiting = [item for item in inside if id(item) not in counts]
        if waiting:
            stack.extend(waiting)
            continue
        counts[id(container)] = len(container) + sum(counts[id(item)] for item in inside)
        stack.pop()
    return counts.get(id(value), 1)


@contextmanager
def repeated(times: int) -> Iterator[None]:
    """Whatever is called inside is called so many times; `EEError` when loops in loops make more than
    `MOST_CALLS` calls together.
    """
    together = _calls.get() * max(times, 1)
    if together > MOST_CALLS:
        raise EEError("Computation timed out.")
    token = _calls.set(together)
    try:
        yield
    finally:
        _calls.reset(token)
