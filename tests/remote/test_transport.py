"""Requests over HTTP, and the ledger that counts them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import ee
import pytest
import requests

import smgee
from smgee.remote import LEDGER, Ledger, Outage, Spent, call
from smgee.remote import transport as http
from smgee.remote.ledger import kind_of
from smgee.remote.transport import HttpTransport, Metered
from smgee.session import fault_plan


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
        ("favicon.ico", "other"),
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


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if "slow" in self.path:
            time.sleep(1)
        self.send_response(404)
        self.end_headers()
        self.wfile.write(b"nothing")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[str]:
    """A host that has nothing, and says so late under /slow."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_answer_that_does_not_come_is_an_outage(host: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(http, "_READ_S", 0.1)
    transport = Metered(HttpTransport(trust_env=False), ledger=(ledger := Ledger()))
    with pytest.raises(Outage, match=r"cannot be reached.*timed out"):
        call(lambda: transport.request(f"http://{host}/v1/projects/p/slow"), attempts=1)
    assert ledger.spent() == Spent({"slow": 1}, {"TimeoutError": 1})
    transport.close()


def test_a_refusal_is_counted_by_its_status(host: str):
    transport = Metered(HttpTransport(trust_env=False), ledger=(ledger := Ledger()))
    response, content = transport.request(f"http://{host}/v1/projects/p/config", body="ab")
    assert (response.status, content) == (404, b"nothing")
    assert ledger.spent() == Spent({"config": 1}, {"404": 1}, {}, 2, 7)
    transport.close()


def test_a_connection_that_is_not_trusted_is_not_tried_again_by_the_client(host: str):
    """The client repeats `ConnectionError`, not this."""
    with pytest.raises(requests.exceptions.SSLError):
        HttpTransport(trust_env=False).request(f"https://{host}/v1/projects/p/config")


def test_sums_are_added_and_a_meter_stands_still_after_its_end():
    ledger = Ledger()
    with ledger.measure() as meter:
        ledger.request("assets", up=1)
    meter.stop()
    ledger.request("assets", up=1)
    assert meter.spent + Spent({"other": 2}, bytes_down=5) == Spent({"assets": 1, "other": 2}, {}, {}, 1, 5)
    assert ledger.spent().n_requests == 2
