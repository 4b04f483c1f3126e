"""Each kind of failure gets its own answer; what is too big is done in parts."""

from __future__ import annotations

import http.client
import json
import socket
import ssl

import ee
import google.api_core.exceptions
import google.auth.exceptions
import httplib2
import pytest
import requests
import urllib3.exceptions
from googleapiclient.errors import HttpError

from smgee import remote
from smgee.errors import RemoteError
from smgee.remote import (
    AccessDenied,
    LoginRequired,
    NotFound,
    Outage,
    PayloadTooLarge,
    QuotaSpent,
    Throttled,
    TooBig,
    call,
    classify,
    in_parts,
    run_split,
)


class Service:
    """Fails with the given errors, one per call, then answers."""

    def __init__(self, *errors: str | Exception):
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            error = self.errors.pop(0)
            raise ee.EEException(error) if isinstance(error, str) else error
        return 42


def http_error(status: int, message: str) -> HttpError:
    body = json.dumps({"error": {"code": status, "message": message}}).encode()
    return HttpError(httplib2.Response({"status": str(status), "content-type": "application/json"}), body)


def client_error(status: int, message: str) -> ee.EEException:
    """The exception as it leaves the client, which keeps the message and drops the status."""
    try:
        try:
            raise http_error(status, message)
        except HttpError as error:
            raise ee.EEException(message) from error
    except ee.EEException as error:
        return error


TRANSIENT = [
    ("Quota exceeded for quota metric 'Number of read requests'", Throttled),
    ("Too many concurrent aggregations.", Throttled),
    ("Internal error", Outage),
    (http_error(503, "The service is currently unavailable."), Outage),
    (client_error(502, "Bad gateway"), Outage),
    (client_error(429, "Slow down"), Throttled),
    (http.client.IncompleteRead(b"half", 4), Outage),
    (http.client.BadStatusLine(""), Outage),
    (http.client.RemoteDisconnected("Remote end closed connection without response"), Outage),
    (ConnectionResetError("reset by peer"), Outage),
    (TimeoutError("timed out"), Outage),
    (socket.gaierror(-2, "Name or service not known"), Outage),
    (OSError(101, "Network is unreachable"), Outage),
    (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), Outage),
    (httplib2.error.ServerNotFoundError("Unable to find the server"), Outage),
    (requests.exceptions.ChunkedEncodingError("Connection broken"), Outage),
    (requests.exceptions.ConnectTimeout("connect timed out"), Outage),
    (urllib3.exceptions.ProtocolError("Connection aborted."), Outage),
    (google.auth.exceptions.TransportError("Failed to reach oauth2.googleapis.com"), Outage),
    (google.auth.exceptions.RefreshError("internal_failure", {}, retryable=True), Outage),
    (google.api_core.exceptions.ServiceUnavailable("Backend unavailable"), Outage),
    (google.api_core.exceptions.TooManyRequests("Slow down"), Throttled),
    (google.api_core.exceptions.RetryError("Time is up", None), Outage),  # of Cloud Storage, without a status
]


@pytest.mark.parametrize(("error", "kind"), TRANSIENT)
def test_transient_failures_are_repeated(error, kind):
    service = Service(error, error)
    assert call(service, wait_s=0.001) == 42
    assert service.calls == 3
    assert type(classify(ee.EEException(error) if isinstance(error, str) else error)) is kind


def test_repeating_ends_with_what_was_tried():
    service = Service(*["Internal error"] * 10)
    with pytest.raises(Outage, match=r"out of order.*try again later.*\(3 attempts in \d+ s\)\.$"):
        call(service, attempts=3, wait_s=0.001)
    assert service.calls == 3


def test_throttling_for_ever_ends_with_advice():
    service = Service(*[client_error(429, "Too Many Requests")] * 20)
    with pytest.raises(Throttled, match="wait a minute"):
        call(service, wait_s=0.0001)
    assert 5 < service.calls < 12


def test_what_was_given_up_is_not_begun_again_further_out():
    service = Service(*["Internal error"] * 50)
    with pytest.raises(Outage):
        call(lambda: call(service, attempts=3, wait_s=0.001), attempts=3, wait_s=0.001)
    assert service.calls == 3


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ("User memory limit exceeded.", TooBig, "smaller area"),
        ("Computation timed out.", TooBig, "fewer days"),
        ("Request payload size exceeds the limit: 10485760 bytes.", PayloadTooLarge, "asset"),
        ("Image.select: Band pattern 'x' did not match any bands.", RemoteError, "refused: Image.select"),
        (client_error(404, "Requested entity was not found."), NotFound, "not for this login"),
        (
            "Image.load: Image asset 'a/b' not found (does not exist or caller does not have access).",
            NotFound,
            "a/b",
        ),
        (
            client_error(403, "Permission 'earthengine.assets.get' denied on 'a/b' (or it may not exist)."),
            NotFound,
            "a/b",
        ),
        (client_error(403, "The caller does not have permission."), AccessDenied, "registered"),
        (client_error(401, "Unauthorized"), LoginRequired, "`earthengine authenticate`"),
        (
            google.auth.exceptions.RefreshError(
                "invalid_grant: Token has been expired or revoked.", {"error": "invalid_grant"}
            ),
            LoginRequired,
            r"expired or revoked\); run `earthengine authenticate`",
        ),
        (
            google.auth.exceptions.DefaultCredentialsError("Could not automatically determine credentials."),
            LoginRequired,
            "`earthengine authenticate`",
        ),
        (
            "Earth Engine client library not initialized. Run `ee.Initialize()`",
            LoginRequired,
            r"call smgee\.connect\(\) first",
        ),
        ("ee.Initialize: no project found. Call with project=", AccessDenied, "EARTHENGINE_PROJECT"),
        (
            "Please authorize access to your Earth Engine account by running",
            LoginRequired,
            "No login.*stored",
        ),
        (client_error(413, "Request Entity Too Large"), PayloadTooLarge, "asset"),
        (google.api_core.exceptions.Forbidden("No access to the bucket."), AccessDenied, "denied access"),
        (requests.exceptions.InvalidURL("Invalid URL 'http://'"), RemoteError, "refused: Invalid URL"),
        (
            "Quota exceeded for quota metric 'earthengine.googleapis.com/daily_eecu_usage_time'",
            QuotaSpent,
            "renewed",
        ),
        (
            requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer"),
            RemoteError,
            "certificate",
        ),
    ],
)
def test_permanent_failures_are_not_repeated(error, kind, words):
    service = Service(error)
    with pytest.raises(kind, match=words) as caught:
        call(service, wait_s=0.001)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    assert service.calls == 1


@pytest.mark.parametrize("error", [FileNotFoundError(2, "No such file"), ValueError("x"), KeyError("x")])
def test_what_is_not_remote_passes_as_it_is(error):
    with pytest.raises(type(error)) as caught:
        call(Service(error), wait_s=0.001)
    assert caught.value is error


def test_exceptions_that_stem_from_each_other_are_sorted_all_the_same():
    first, second = ee.EEException("Something"), ee.EEException("Something else")
    first.__cause__, second.__cause__ = second, first
    assert type(classify(first)) is RemoteError


def test_an_exception_without_words_is_told_by_its_kind():
    assert "(ConnectionResetError)" in str(classify(ConnectionResetError()))


def test_work_is_split_until_it_fits():
    sizes = []

    def function(batch):
        sizes.append(len(batch))
        if len(batch) > 3:
            raise ee.EEException("User memory limit exceeded.")
        return [x * 10 for x in batch]

    assert in_parts(list(range(11)), function) == [x * 10 for x in range(11)]
    assert sizes == [11, 5, 2, 3, 6, 3, 3]
    assert in_parts([], function) == []


def test_what_cannot_be_split_fails():
    def function(batch):
        raise ee.EEException("Computation timed out.")

    with pytest.raises(TooBig, match="already cut into the smallest parts"):
        in_parts([1, 2], function)


def test_days_are_split_before_regions():
    """A piece of work of two kinds: first fewer days, then quarters of the square, in order."""
    done = []

    def split(work):
        x, y, size, days = work
        if days > 1:
            return [(x, y, size, days // 2), (x, y, size, days - days // 2)]
        half = size // 2
        return [(x + i, y + j, half, 1) for j in (0, half) for i in (0, half)] if half else [work]

    def run(work):
        _, _, size, days = work
        if size * size * days > 4:
            raise ee.EEException("User memory limit exceeded.")
        done.append(work)
        return size * size * days

    assert sum(run_split((0, 0, 4, 2), split, run)) == 32
    corners = [(0, 0), (2, 0), (0, 2), (2, 2)]
    assert done == [(x, y, 2, 1) for _ in range(2) for x, y in corners]
    with pytest.raises(TooBig):
        run_split((0, 0, 4, 1), lambda work: [work], run)


def test_all_names_are_there():
    assert all(hasattr(remote, name) for name in remote.__all__)
