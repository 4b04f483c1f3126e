"""Faults injected into the service, to test what clients do when Earth Engine has a bad day."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from smgee.eelocal.errors import EEError
from smgee.errors import InputError

FAULTS = {
    "429": (
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for quota metric 'Number of read requests' and limit 'Number of read requests per "
        "minute per "
        "user' of service "
        "'earthengine.googleapis.com' for consumer 'project_number:0'.",
    ),
    "concurrency": (429, "RESOURCE_EXHAUSTED", "Too many concurrent aggregations."),
    "500": (500, "INTERNAL", "An internal error has occurred."),
    "503": (503, "UNAVAILABLE", "The service is currently unavailable."),
    "timeout": (400, "INVALID_ARGUMENT", "Computation timed out."),
    "memory": (400, "INVALID_ARGUMENT", "User memory limit exceeded."),
    "cut": (200, "OK", ""),
}


class CutBody(Exception):
    """The connection breaks while the answer is on its way: the client sees fewer bytes than announced."""


@dataclass
class FaultPlan:
    """Which requests fail, and how.

    Parameters
    ----------
    rate : float
        The share of requests that fail, 0 to 1.
    kinds : sequence of str
        Keys of `FAULTS`, drawn with equal chance: HTTP statuses, ``concurrency``, ``timeout``, ``memory``,
        ``cut`` (the body is cut short).
    seed : int
        The same seed gives the same sequence of decisions.
    routes : sequence of str
        Parts of paths that may fail (``computePixels``); all requests after start-up by default.
    limit : int, optional
        The most faults to inject.
    large : int
        Memory and time run out on requests for so many pixels or more only, so that smaller work cures it;
        with 0 on any request.
    """

    rate: float
    kinds: Sequence[str] = ("429", "500", "503")
    seed: int = 0
    routes: Sequence[str] = ()
    limit: int | None = None
    large: int = 0
    injected: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        unknown = set(self.kinds) - FAULTS.keys()
        if unknown or not self.kinds:
            raise InputError(
                f"Fault kinds {sorted(unknown)} are not known; choose among {', '.join(FAULTS)}."
            )
        if not 0 <= self.rate <= 1:
            raise InputError(f"The fault rate {self.rate} is not a share between 0 and 1.")
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()

    def strike(self, path: str, body: bytes = b"") -> None:
        """Raise the fault that this request meets, if any.

        Raises
        ------
        EEError
            For faults with an answer.
        CutBody
            When the answer is to be cut short.
        """
        if "$discovery" in path or path.endswith("/algorithms"):
            return
        if self.routes and not any(part in path for part in self.routes):
            return
        kinds = list(self.kinds)
        if self.large and _pixels(body) < self.large:
            kinds = [kind for kind in kinds if kind not in ("memory", "timeout")]
        with self._lock:
            draw, kind = self._random.random(), self._random.choice(kinds or [""])
            if not kind:
                return
            if draw >= self.rate or (self.limit is not None and self.injected >= self.limit):
                return
            self.injected += 1
        if kind == "cut":
            raise CutBody
        code, status, message = FAULTS[kind]
        raise EEError(message, code=code, status=status)


def _pixels(body: bytes) -> int:
    """How many pixels a request asks for; 0 where it states no grid."""
    try:
        size = json.loads(body)["grid"]["dimensions"]
        return int(size["width"]) * int(size["height"])
    except (ValueError, TypeError, LookupError):
        return 0
