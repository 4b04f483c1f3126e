"""What a create call leaves behind for later GETs: maps, thumbnails, tables to download."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from typing import Any

from smgee.eelocal.errors import NotFoundError

# Links forgotten beyond this, oldest use first; the real ones expire after hours. What a link holds grows
# with the text that made it, which may have 10 MB.
_KEPT = 2_000
_BYTES = 256 << 20


class Links:
    """Named payloads, the least recently used forgotten first."""

    def __init__(self) -> None:
        self._payloads: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, project: str, kind: str, payload: Any, *, size: int) -> str:
        """Keep a payload, made by a request of `size` bytes; return its name, ``projects/p/<kind>/<id>``."""
        name = f"projects/{project}/{kind}/{secrets.token_hex(16)}-{secrets.token_hex(16)}"
        with self._lock:
            self._payloads[name] = payload, size
            self._bytes += size
            while len(self._payloads) > _KEPT or self._bytes > _BYTES:
                self._bytes -= self._payloads.popitem(last=False)[1][1]
        return name

    def get(self, name: str) -> Any:
        """Return the payload of a name."""
        with self._lock:
            if name not in self._payloads:
                raise NotFoundError(f"'{name}' not found: it was created by another service, or has expired.")
            self._payloads.move_to_end(name)
            return self._payloads[name][0]
