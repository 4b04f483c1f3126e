"""What was asked of Earth Engine and sent to and fro, counted."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_PATH = re.compile(r"/v1[a-z0-9]*/(?:projects/[^/]+/)?([^?]+)")


def kind_of(uri: str) -> str:
    """Return the kind of request that a URL makes: ``image:computePixels``, ``assets``, ``maps:tiles``."""
    match = _PATH.search(uri)
    if match is None:
        return "discovery" if "$discovery" in uri else "other"
    path, _, verb = match[1].partition(":")
    what, *rest = path.strip("/").split("/")
    if what == "maps" and "tiles" in rest:
        verb = "tiles"
    return f"{what}:{verb}" if verb else what


@dataclass(frozen=True)
class Spent:
    """A sum of requests.

    Attributes
    ----------
    requests : mapping of str to int
        Requests sent, by kind (see `kind_of`); repeated ones count each time.
    failures : mapping of str to int
        Answers that were errors, by HTTP status, and connections that broke, by the exception's name.
    retries : mapping of str to int
        Calls begun again after a failure, by the failure's kind (see `smgee.remote.errors`).
    bytes_up, bytes_down : int
        Bytes of the bodies sent and received, without headers.
    """

    requests: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    retries: Mapping[str, int] = field(default_factory=dict)
    bytes_up: int = 0
    bytes_down: int = 0

    @property
    def n_requests(self) -> int:
        """How many requests of all kinds."""
        return sum(self.requests.values())

    def __add__(self, other: Spent) -> Spent:
        return _combine(self, other, 1)

    def __sub__(self, other: Spent) -> Spent:
        return _combine(self, other, -1)

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON holds them."""
        return {
            "requests": dict(self.requests),
            "failures": dict(self.failures),
            "retries": dict(self.retries),
            "bytes_up": self.bytes_up,
            "bytes_down": self.bytes_down,
        }


def _combine(a: Spent, b: Spent, sign: int) -> Spent:
    def total(x: Mapping[str, int], y: Mapping[str, int]) -> dict[str, int]:
        sums = {k: x.get(k, 0) + sign * y.get(k, 0) for k in sorted({*x, *y})}
        return {k: n for k, n in sums.items() if n}

    return Spent(
        total(a.requests, b.requests),
        total(a.failures, b.failures),
        total(a.retries, b.retries),
        a.bytes_up + sign * b.bytes_up,
        a.bytes_down + sign * b.bytes_down,
    )


class Meter:
    """What has been spent since a moment; stands still after `stop`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._start = ledger.spent()
        self._end: Spent | None = None

    @property
    def spent(self) -> Spent:
        """The sum so far."""
        return (self._end or self._ledger.spent()) - self._start

    def stop(self) -> None:
        """Count no further."""
        self._end = self._end or self._ledger.spent()


class Ledger:
    """Counts requests; any thread may write and read it at any time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._retries: Counter[str] = Counter()
        self._up = self._down = 0

    def request(self, kind: str, *, up: int = 0, down: int = 0, failure: str | None = None) -> None:
        """Write down one request: its kind, the bytes of its bodies, and how it failed if it did."""
        with self._lock:
            self._requests[kind] += 1
            self._up += up
            self._down += down
            if failure is not None:
                self._failures[failure] += 1

    def retry(self, kind: str) -> None:
        """Write down that a call begins again after a failure of this kind."""
        with self._lock:
            self._retries[kind] += 1

    def add(self, spent: Spent) -> None:
        """Add what another process has spent."""
        with self._lock:
            self._requests.update(spent.requests)
            self._failures.update(spent.failures)
            self._retries.update(spent.retries)
            self._up += spent.bytes_up
            self._down += spent.bytes_down

    def spent(self) -> Spent:
        """Return the sum of everything so far."""
        with self._lock:
            return Spent(
                dict(self._requests), dict(self._failures), dict(self._retries), self._up, self._down
            )

    @contextmanager
    def measure(self) -> Iterator[Meter]:
        """Count what is spent inside a ``with`` block, by all threads of this process."""
        meter = Meter(self)
        try:
            yield meter
        finally:
            meter.stop()


LEDGER = Ledger()
"""The ledger of this process: every connection that `smgee.connect` makes writes into it."""
