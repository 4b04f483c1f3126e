"""One remote request, repeated where its failure goes away by itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypeVar

from smgee.remote.errors import Outage, Throttled, Transient, classify, is_remote
from smgee.remote.ledger import LEDGER

if TYPE_CHECKING:
    import tenacity

T = TypeVar("T")
WAIT_S = 1.0
"""The first waiting time (s), doubled each time, with jitter."""
log = logging.getLogger(__name__)


class Patience(NamedTuple):
    """How often a kind of failure is repeated, and how long the waits may grow (s)."""

    attempts: int
    longest_wait_s: float


# A quota is counted per minute, so throttling is outwaited by more than one; an outage of that length is
# worth telling. The client repeats each attempt by itself before, see `smgee.session.CLIENT_RETRIES`.
_PATIENCE = {Throttled: Patience(8, 60.0), Outage: Patience(6, 30.0)}


def call(function: Callable[[], T], *, attempts: int | None = None, wait_s: float | None = None) -> T:
    """Run one remote request, repeating it only for failures that go away by themselves.

    Parameters
    ----------
    function : callable
        Makes the request; it must be safe to repeat.
    attempts : int, optional
        How often to try at most; by default as often as the kind of failure deserves.
    wait_s : float, optional
        First waiting time, doubled each time, with jitter.

    Raises
    ------
    RemoteError
        One of the kinds of `smgee.remote.errors`; whatever is not about the request passes as it is.
    """

    import tenacity  # which loads asyncio and tornado

    first_wait_s = WAIT_S if wait_s is None else wait_s

    def once() -> T:
        try:
            return function()
        except Exception as error:
            if not is_remote(error):
                raise
            kind = classify(error)
            if kind is error:
                raise
            raise kind from error

    def patience(state: tenacity.RetryCallState) -> Patience:
        return next((p for k, p in _PATIENCE.items() if isinstance(_error(state), k)), Patience(1, 0.0))

    def is_enough(state: tenacity.RetryCallState) -> bool:
        return state.attempt_number >= (attempts or patience(state).attempts)

    def wait(state: tenacity.RetryCallState) -> float:
        growing = tenacity.wait_random_exponential(
            multiplier=first_wait_s, max=patience(state).longest_wait_s
        )
        return growing(state)

    def note(state: tenacity.RetryCallState) -> None:
        LEDGER.retry(type(_error(state)).__name__)
        log.info("Attempt %d failed, trying again: %s", state.attempt_number, _error(state))

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda e: isinstance(e, Transient) and not e.given_up),
        stop=is_enough,
        wait=wait,
        before_sleep=note,
        retry_error_callback=_give_up,
    )
    return retrying(once)


def _error(state: tenacity.RetryCallState) -> BaseException:
    assert state.outcome is not None
    error = state.outcome.exception()
    assert error is not None
    return error


def _give_up(state: tenacity.RetryCallState) -> NoReturn:
    """Raise the last failure, with what was tried; a `call` further out does not begin again."""
    error = _error(state)
    assert isinstance(error, Transient)
    passed = state.seconds_since_start or 0.0
    final = type(error)(f"{str(error)[:-1]} ({state.attempt_number} attempts in {passed:.0f} s).")
    final.given_up = True
    raise final from error.__cause__
