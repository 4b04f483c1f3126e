"""Collections that are answered in pages, kept while later pages may still be asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

_KEPT = 4  # collections; one that was forgotten is computed again


class Pages:
    """The elements of the collections last answered in part, by the hash of their expression."""

    def __init__(self) -> None:
        self._elements: OrderedDict[str, list[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> list[Any] | None:
        """Return the elements of a collection, None when they are not here (any more)."""
        with self._lock:
            return self._elements.get(key)

    def keep(self, key: str, elements: list[Any]) -> None:
        """Keep the elements of a collection, and forget those of the one asked for longest ago."""
        with self._lock:
            self._elements[key] = elements
            self._elements.move_to_end(key)
            while len(self._elements) > _KEPT:
                self._elements.popitem(last=False)

    def drop(self, key: str) -> None:
        """Forget a collection whose last page has been answered."""
        with self._lock:
            self._elements.pop(key, None)
