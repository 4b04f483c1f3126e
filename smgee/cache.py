"""What is kept in memory because it may be asked for again: one budget of bytes for all of it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from smgee.machine import usable_cores

T = TypeVar("T")


class ByteCache:
    """Keep the most recently used values while their sizes fit a budget. Thread-safe.

    Parameters
    ----------
    budget : int
        Bytes.
    """

    def __init__(self, budget: int):
        self.budget = budget
        self.used = 0
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> tuple[Any] | None:
        """Return the value of a key, alone in a tuple; None where it is missing."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return (entry[0],)

    def put(self, key: Hashable, value: object, size: int) -> None:
        """Keep a value of `size` bytes; one that is larger than the budget is not kept."""
        with self._lock:
            old = self._entries.pop(key, None)
            self.used -= old[1] if old else 0
            if size > self.budget:
                return
            self._entries[key] = (value, size)
            self.used += size
            while self.used > self.budget:
                self.used -= self._entries.popitem(last=False)[1][1]

    def get(self, key: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
        """Return the value of a key, made where it is missing; two threads may both make it, and then keep
        equal values.
        """
        found = self.find(key)
        if found is not None:
            return found[0]
        value = make()
        self.put(key, value, size(value))
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self.used = 0


KEPT = ByteCache(max(256, 64 * usable_cores()) * 2**20)
"""What the embedded Earth Engine and the twin keep. The first part of each key says whose it is.

The scenes that a composite of two months reads under a tile of 256 pixels take some 50 MB, the Fmasks of a
36 km basin as much again; a tile per core fits beside what their plans and pyramids need.
"""
