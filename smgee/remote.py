"""Every call to Earth Engine goes through here, so that each kind of failure gets the answer it deserves.

Memory and time-outs → `TooBig`: the caller splits the work. 429 and 5xx → wait with jitter and try again. A
payload over the limit → `PayloadTooLarge`: trees or tables belong into an asset. Anything else → one plain
sentence, at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import tenacity

from smgee.errors import RemoteError

__all__ = ["PayloadTooLarge", "TooBig", "Transient", "call", "in_parts"]

T = TypeVar("T")
Item = TypeVar("Item")
log = logging.getLogger(__name__)

# Texts of the real service (docs: Earth Engine guides "Debugging" and "Usage").
_TOO_BIG = (
    "user memory limit exceeded",
    "computation timed out",
    "computed value is too large",
    "total request size",
    "too many pixels in the region",
    "accumulating over 5000 elements",
)
_PAYLOAD = ("request payload size exceeds",)
_TRANSIENT = (
    "quota exceeded",
    "too many requests",
    "too many concurrent aggregations",
    "rate limit",
    "internal error",
    "backend error",
    "service unavailable",
    "temporarily unavailable",
    "deadline exceeded",
    "earth engine capacity exceeded",
    "please try again",
)


class TooBig(RemoteError):
    """The request was too large to compute; a smaller one may pass."""


class PayloadTooLarge(RemoteError):
    """The request text itself exceeds what the service accepts."""


class Transient(RemoteError):
    """A failure that goes away by itself."""


def classify(error: Exception) -> RemoteError:
    """Return the typed form of a client exception."""
    text = " ".join(str(error).split())
    low = text.lower()
    if any(t in low for t in _PAYLOAD):
        return PayloadTooLarge(
            f"Earth Engine refused the request for its size ({text}); keep the trees or table in an asset "
            "and load it from there."
        )
    if any(t in low for t in _TOO_BIG):
        return TooBig(f"Earth Engine could not compute a request of this size ({text}).")
    if isinstance(error, (ConnectionError, TimeoutError)) or any(t in low for t in _TRANSIENT):
        return Transient(
            f"Earth Engine kept failing ({text}); try again later, or lower the number of parallel requests."
        )
    return RemoteError(f"Earth Engine refused: {text}")


def call(function: Callable[[], T], *, attempts: int = 6, wait_s: float = 1.0) -> T:
    """Run one remote call, repeating it only for failures that go away by themselves.

    Parameters
    ----------
    function : callable
        Makes the request; it must be safe to repeat.
    attempts : int
        How often to try at most.
    wait_s : float
        First waiting time, doubled each time up to a minute, with jitter.

    Raises
    ------
    TooBig, PayloadTooLarge, RemoteError
        See the module's text.
    """
    import ee

    def once() -> T:
        try:
            return function()
        except (ee.EEException, ConnectionError, TimeoutError) as error:
            raise classify(error) from error

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Transient),
        stop=tenacity.stop_after_attempt(attempts),
        wait=tenacity.wait_random_exponential(multiplier=wait_s, max=60),
        before_sleep=tenacity.before_sleep_log(log, logging.INFO),
        reraise=True,
    )
    return retrying(once)


def in_parts(items: Sequence[Item], function: Callable[[Sequence[Item]], list[T]]) -> list[T]:
    """Apply a remote call to a batch, halving the batch whenever it is too big.

    The result does not depend on how often that happened: parts are joined in order.
    """
    if not items:
        return []
    try:
        return call(lambda: function(items))
    except TooBig:
        if len(items) == 1:
            raise
    middle = len(items) // 2
    return in_parts(items[:middle], function) + in_parts(items[middle:], function)
