"""A thread-safe cache that is bounded by bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

__all__ = ["ByteCache"]

T = TypeVar("T")


class ByteCache(Generic[T]):
    """Keep the most recently used values while their sizes fit a budget.

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

    def get(self, key: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
        """Return the value of a key, made where it is missing; two threads may both make it, and then keep
        equal values.
        """
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key][0]
        value = make()
        bytes_ = size(value)
        with self._lock:
            if key not in self._entries and bytes_ <= self.budget:
                self._entries[key] = (value, bytes_)
                self.used += bytes_
                while self.used > self.budget:
                    _, (_, freed) = self._entries.popitem(last=False)
                    self.used -= freed
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self.used = 0
