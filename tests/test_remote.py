"""Each kind of failure gets its own answer."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ee
import google.auth.exceptions
import httplib2
import pytest
import requests
import urllib3.exceptions
from googleapiclient.errors import HttpError

import smgee
from smgee import remote
from smgee.errors import RemoteError
from smgee.remote import (
    LEDGER,
    AccessDenied,
    Ledger,
    LoginRequired,
    NotFound,
    Outage,
    PayloadTooLarge,
    QuotaSpent,
    Spent,
    TaskState,
    Throttled,
    TooBig,
    call,
    classify,
    in_parts,
    run_split,
    wait_for_task,
    wait_for_tasks,
)
from smgee.remote.ledger import kind_of
from smgee.remote.transport import HttpTransport, Metered
from smgee.session import fault_plan


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


# -- splitting


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


# -- tasks


@pytest.fixture
def session(tmp_path: Path) -> Iterator[smgee.Session]:
    with smgee.connect(sources=[], store=tmp_path) as session:
        yield session


def submit(session, run) -> str:
    """Give the service a task that does what `run` does, and return its id."""
    operation = session.service.operations.submit(session.project, "EXPORT_IMAGE", run, description="maps")
    return operation.name.rsplit("/", 1)[-1]


def held(until: threading.Event):
    """A task that runs until the event is set, and notices that it is cancelled."""

    def run(progress):
        while not until.wait(0.01):
            progress(0.5)

    return run


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("READY", TaskState.PENDING),
        ("PENDING", TaskState.PENDING),
        ("RUNNING", TaskState.RUNNING),
        ("COMPLETED", TaskState.SUCCEEDED),
        ("SUCCEEDED", TaskState.SUCCEEDED),
        ("CANCEL_REQUESTED", TaskState.CANCEL_REQUESTED),
        ("CANCELLING", TaskState.CANCEL_REQUESTED),
        ("CANCELLED", TaskState.CANCELLED),
        ("FAILED", TaskState.FAILED),
        ("UNKNOWN", TaskState.UNKNOWN),
        ("SOMETHING_NEW", TaskState.UNKNOWN),
    ],
)
def test_both_namings_of_states_are_understood(name, state):
    assert TaskState.parse(name) is state
    assert state.is_active == (state in ("PENDING", "RUNNING"))


def test_a_task_is_awaited(session):
    seen: list[TaskState] = []
    enough = threading.Event()

    def progress(status):
        seen.append(status.state)
        if len(seen) > 2:
            enough.set()

    status = wait_for_task(submit(session, held(enough)), progress=progress, pause_s=0.02)
    assert status.state is TaskState.SUCCEEDED
    assert status.description == "maps"
    assert TaskState.RUNNING in seen
    assert seen[-1] is TaskState.SUCCEEDED


def test_a_task_that_fails_is_told_with_its_reason(session):
    def fail(progress):
        raise smgee.InputError("There are no bands.")

    with pytest.raises(RemoteError, match=r"^Exporting x ended as FAILED: There are no bands\.$"):
        wait_for_task(submit(session, fail), what="Exporting x")


def test_a_task_whose_cancellation_hangs_is_not_awaited_for_ever(session):
    release = threading.Event()
    task = submit(session, lambda progress: release.wait(20))  # deaf to its cancellation
    while wait_for_tasks([task], stop=is_set())[0].state is TaskState.PENDING:
        pass
    ee.data.cancelOperation(f"projects/{session.project}/operations/{task}")
    with pytest.raises(RemoteError, match=r"The task maps ended as CANCEL_REQUESTED: no reason was given\.$"):
        wait_for_task(task)
    release.set()


def test_a_task_that_the_service_does_not_know_is_told(session):
    with pytest.raises(RemoteError, match="ended as UNKNOWN"):
        wait_for_task("ABCDEF")


def test_several_tasks_are_awaited_to_the_last(session):
    def fail(progress):
        raise smgee.InputError("No.")

    never = threading.Event()
    ids = [submit(session, run) for run in (fail, lambda progress: None, held(never))]
    looks = []

    def progress(statuses):
        looks.append([s.state for s in statuses])
        if all(not s.is_active for s in looks[-1][:2]):
            never.set()

    ended = wait_for_tasks(ids, progress=progress)
    assert [s.state for s in ended] == [TaskState.FAILED, TaskState.SUCCEEDED, TaskState.SUCCEEDED]
    assert [s.id for s in ended] == ids
    assert looks[-1] == [s.state for s in ended]


def is_set() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


def test_waiting_can_be_stopped(session):
    release = threading.Event()
    task = submit(session, held(release))
    stop = threading.Event()
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    (status,) = wait_for_tasks([task], stop=stop, pause_s=30)
    assert status.state.is_active
    release.set()
    timer.join()


# -- the ledger


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("v1/projects/p/value:compute?alt=json", "value:compute"),
        ("v1/projects/p/assets/a/b:getPixels", "assets:getPixels"),
        ("v1/projects/earthengine-public/assets/NASA/HLS", "assets"),
        ("v1/projects/p/maps/abc/tiles/3/1/2", "maps:tiles"),
        ("v1alpha/projects/p/operations/X:cancel", "operations:cancel"),
        ("v1/projects/p/algorithms", "algorithms"),
        ("$discovery/rest?version=v1", "discovery"),
    ],
)
def test_requests_are_told_apart(path, kind):
    assert kind_of(f"https://earthengine.googleapis.com/{path}") == kind


def test_the_ledger_adds_up_over_threads():
    ledger = Ledger()

    def work(k):
        for _ in range(200):
            ledger.request("value:compute", up=2, down=3, failure="503" if k % 2 else None)
            ledger.retry("Outage")

    with ledger.measure() as meter, ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    ledger.request("assets")
    assert meter.spent == Spent({"value:compute": 1600}, {"503": 800}, {"Outage": 1600}, 3200, 4800)
    assert ledger.spent() - meter.spent == Spent({"assets": 1})
    other = Ledger()
    other.add(meter.spent)
    assert other.spent() == meter.spent
    assert json.loads(json.dumps(meter.spent.as_dict()))["requests"] == {"value:compute": 1600}


def test_every_request_of_a_session_is_counted(tmp_path: Path):
    with smgee.connect(sources=[], store=tmp_path), LEDGER.measure() as meter:
        assert call(lambda: ee.Number(1).add(1).getInfo()) == 2
    assert meter.spent.requests == {"value:compute": 1}
    assert meter.spent.bytes_up > 10
    assert meter.spent.bytes_down > 10
    assert not meter.spent.failures


def test_a_cut_body_is_repeated_like_an_outage(tmp_path: Path):
    plan = fault_plan(1.0, ["cut"], routes=["compute"], limit=1)
    with smgee.connect(sources=[], store=tmp_path, faults=plan), LEDGER.measure() as meter:
        assert call(lambda: ee.Number(1).add(1).getInfo(), wait_s=0.001) == 2
    assert meter.spent.retries == {"Outage": 1}
    assert meter.spent.failures == {"IncompleteRead": 1}


def test_a_host_that_is_not_there_is_an_outage():
    transport = Metered(HttpTransport(trust_env=False), ledger=(ledger := Ledger()))
    with pytest.raises(Outage, match="check the network"):
        call(lambda: transport.request("http://127.0.0.1:9/v1/projects/p/config"), attempts=2, wait_s=0.001)
    assert ledger.spent().failures == {"ConnectionError": 2}


def test_all_names_are_there():
    assert all(hasattr(remote, name) for name in remote.__all__)
