"""The kinds of failure of a remote request, and the sorting of any exception into one of them.

A failure reaches smgee as an exception of whichever library noticed it: the Earth Engine client, the Google
API client below it, google-auth for the login, httplib2 or requests for the connection, and Python's own
http, ssl and socket modules. `classify` makes one of the kinds below of each of them.
"""

from __future__ import annotations

import errno
import http.client
import re
import socket
import ssl
from collections.abc import Iterator
from functools import cache
from typing import Any

from smgee.errors import RemoteError
from smgee.late import ee


class TooBig(RemoteError):
    """The request was too large to compute; a smaller one may pass."""


class PayloadTooLarge(RemoteError):
    """The request text itself exceeds what the service accepts."""


class NotFound(RemoteError):
    """An asset, task or page that does not exist, or not for this login."""


class AccessDenied(RemoteError):
    """The login is good, but may not do this."""


class LoginRequired(RemoteError):
    """No login, or one that has expired."""


class QuotaSpent(RemoteError):
    """The allowance of the day or month is used up; waiting seconds does not help."""


class Transient(RemoteError):
    """A failure that goes away by itself."""

    given_up = False  # True once it has been repeated as often as it deserves


class Throttled(Transient):
    """More requests, or more at once, than the service allows."""


class Outage(Transient):
    """The service cannot be reached or is out of order; this says nothing about what was asked."""


# Texts of the real service (guides "Debugging" and "Usage"; REST errors as users report them), in lower case.
_PAYLOAD = ("request payload size exceeds",)
_TOO_BIG = (
    "user memory limit exceeded",
    "execution failed; out of memory",
    "computation timed out",
    "computed value is too large",
    "output of image computation is too large",
    "total request size",
    "pixel grid dimensions",
    "too many pixels in the region",
    "accumulating over 5000 elements",
)
_QUOTA_SPENT = ("daily_eecu_usage_time", "requests per day")
_THROTTLED = (
    "quota exceeded",
    "too many requests",
    "too many concurrent aggregations",
    "rate limit",
    "capacity exceeded",
)
_OUTAGE = (
    "internal error",
    "backend error",
    "service unavailable",
    "currently unavailable",
    "temporarily unavailable",
    "deadline exceeded",
    "please try again",
)
# The service does not tell an asset that is absent from one that the user may not see.
_NOT_FOUND = re.compile(
    r"(asset|image|table|folder|collection|operation)\b.* not found|does not exist|may not exist"
)
_NO_LOGIN = ("please authorize access",)
_LOGIN = (
    "invalid authentication credentials",
    "request had invalid authentication",
    "missing required authentication credential",
)
_UNCONNECTED = ("not initialized",)
_NO_PROJECT = ("no project found",)
# What the operating system says of a network that is not there.
_NETWORK_ERRNO = {
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ETIMEDOUT,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.ECONNABORTED,
    errno.EPIPE,
}

_LOGIN_ADVICE = "run `earthengine authenticate` and start again"
_OUTAGE_ADVICE = (
    "check the network of this machine, or try again later: this is no fault of the request, and what is "
    "done already stays done"
)


@cache
def _client_errors() -> tuple[type[BaseException], ...]:
    """Return the base exceptions of the libraries between smgee and the service."""
    import google.api_core.exceptions
    import google.auth.exceptions
    import googleapiclient.errors
    import httplib2
    import requests
    import urllib3.exceptions

    return (
        ee.EEException,
        googleapiclient.errors.Error,
        google.api_core.exceptions.GoogleAPIError,  # of Cloud Storage's client
        google.auth.exceptions.GoogleAuthError,
        httplib2.error.HttpLib2Error,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        http.client.HTTPException,
    )


def _is_network(error: BaseException) -> bool:
    """Tell whether an exception of Python's own is about a connection, and not about a file."""
    network = (ConnectionError, TimeoutError, socket.gaierror, socket.herror, ssl.SSLError)
    return isinstance(error, network) or (isinstance(error, OSError) and error.errno in _NETWORK_ERRNO)


def is_remote(error: BaseException) -> bool:
    """Tell whether an exception stems from a request, and not from the program or a local file."""
    return isinstance(error, (RemoteError, *_client_errors())) or _is_network(error)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those it was raised from: the client drops the HTTP status on its way up."""
    current: BaseException | None = error
    for _ in range(8):
        if current is None:
            return
        yield current
        current = current.__cause__ or current.__context__


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of an answer, if an answer came."""
    import google.api_core.exceptions
    import googleapiclient.errors

    for one in _chain(error):
        if isinstance(one, googleapiclient.errors.HttpError):
            return int(one.resp.status)
        if isinstance(one, google.api_core.exceptions.GoogleAPICallError) and one.code is not None:
            return int(one.code)
    return None


def _text(error: BaseException) -> str:
    """Return what an exception says, on one line; google-auth hides it in a tuple."""
    args: tuple[Any, ...] = error.args
    said = getattr(error, "reason", None)  # of a `googleapiclient.errors.HttpError`
    if not isinstance(said, str) or not said:
        said = args[0] if args and isinstance(args[0], str) else str(error)
    return " ".join(said.split()).rstrip(".") or type(error).__name__


def _is_unverified(error: BaseException) -> bool:
    return any(
        isinstance(e, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(e)
        for e in _chain(error)
    )


def classify(error: BaseException) -> RemoteError:
    """Return the typed form of an exception, one sentence that says what to do.

    Parameters
    ----------
    error : BaseException
        For which `is_remote` is true; a `RemoteError` comes back as it is.

    Returns
    -------
    RemoteError
        `TooBig`, `PayloadTooLarge`, `NotFound`, `AccessDenied`, `LoginRequired`, `QuotaSpent`, `Throttled`,
        `Outage`, or a plain `RemoteError` for a request that is refused for what it asks.
    """
    import google.auth.exceptions as auth

    if isinstance(error, RemoteError):
        return error
    text = _text(error)
    if _is_unverified(error):
        return RemoteError(
            f"The connection to Earth Engine cannot be trusted ({text}); install the certificate of your "
            "network's proxy (REQUESTS_CA_BUNDLE), or set the clock of this machine."
        )
    if isinstance(error, auth.GoogleAuthError):
        reached = not isinstance(error, (auth.TransportError, auth.TimeoutError, auth.ResponseError))
        if reached and not error.retryable:
            return LoginRequired(f"The login to Earth Engine is not valid ({text}); {_LOGIN_ADVICE}.")
        return _outage(text)
    return _of_answer(_status(error), text, error)


def _outage(text: str) -> Outage:
    return Outage(f"Earth Engine cannot be reached or is out of order ({text}); {_OUTAGE_ADVICE}.")


def _of_answer(status: int | None, text: str, error: BaseException) -> RemoteError:
    """Sort by the service's own words first, by the HTTP status where they say nothing."""
    low = text.lower()

    def says(words: tuple[str, ...]) -> bool:
        return any(w in low for w in words)

    if status == 413 or says(_PAYLOAD):
        return PayloadTooLarge(
            f"Earth Engine refused the request for its size ({text}); keep the trees or table in an asset "
            "and load it from there."
        )
    if says(_TOO_BIG):
        return TooBig(
            f"Earth Engine could not compute a request of this size ({text}); ask for a smaller area, fewer "
            "days or fewer predictors at once."
        )
    if says(_UNCONNECTED):
        return LoginRequired(f"There is no connection to Earth Engine ({text}); call smgee.connect() first.")
    if says(_NO_PROJECT):
        return AccessDenied(
            "Earth Engine needs a Cloud project that is registered for it, and none is known; give it with "
            "project= or EARTHENGINE_PROJECT."
        )
    if says(_NO_LOGIN):
        return LoginRequired(f"No login to Earth Engine is stored on this machine; {_LOGIN_ADVICE}.")
    if status == 401 or says(_LOGIN):
        return LoginRequired(f"Earth Engine does not accept the login ({text}); {_LOGIN_ADVICE}.")
    if says(_QUOTA_SPENT):
        return QuotaSpent(
            f"The project's allowance on Earth Engine is spent ({text}); go on when it is renewed, or raise "
            "it in the Cloud console."
        )
    if status == 429 or says(_THROTTLED):
        return Throttled(
            f"Earth Engine turned requests away because there were too many ({text}); wait a minute, or stop "
            "other programs that use the same project."
        )
    if status == 404 or (status in (None, 400, 403) and _NOT_FOUND.search(low)):
        return NotFound(f"Earth Engine does not have it, or not for this login: {text}.")
    if status == 403:
        return AccessDenied(
            f"Earth Engine denied access ({text}); check that the project is registered for Earth Engine and "
            "that this login may use it."
        )
    if status == 408 or (status or 0) >= 500 or says(_OUTAGE):
        return _outage(text)
    if status is None and not _is_refusal(error):
        return _outage(text)  # the connection broke before there was an answer
    return RemoteError(f"Earth Engine refused: {text}.")


def _is_refusal(error: BaseException) -> bool:
    """Tell whether an exception without a status is the client's own word on what was asked."""
    import googleapiclient.errors
    import requests

    refusals = (ee.EEException, googleapiclient.errors.Error, requests.exceptions.InvalidURL)
    return isinstance(error, refusals) and not any(_is_network(e) for e in _chain(error))
