"""Requests and answers: routing, errors, limits, faults, partial answers, operations, and the loopback
server.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from smgee.eelocal.assets.store import AssetStore
from smgee.eelocal.assets.user import UserAssets
from smgee.eelocal.engine.context import Limits
from smgee.eelocal.errors import EEError
from smgee.eelocal.rest.discovery import discovery_document
from smgee.eelocal.rest.faults import FaultPlan
from smgee.eelocal.rest.server import LoopbackServer, _cors
from smgee.eelocal.rest.service import Service
from smgee.eelocal.rest.transport import Transport
from smgee.eelocal.tasks.operations import Operations
from smgee.errors import InputError
from smgee.remote.transport import HttpTransport

BASE = "http://127.0.0.1:1/v1"


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(AssetStore(user=UserAssets(tmp_path)), limits=Limits(payload_bytes=2000))


def ask(
    service: Service, path: str, method: str = "GET", body: Any = None, **headers: str
) -> tuple[int, Any]:
    response, content = Transport(service).request(
        f"{BASE}/{path}", method, None if body is None else json.dumps(body), headers
    )
    return response.status, json.loads(content)


def test_discovery_speaks_v1_and_has_every_method_the_client_calls() -> None:
    document = json.loads(discovery_document("http://127.0.0.1:5"))
    resources = document["resources"]["projects"]["resources"]
    wanted = {
        "value": ["compute"],
        "image": ["computePixels", "export", "import", "importExternal"],
        "classifier": ["export"],
        "table": ["computeFeatures", "export", "import"],
        "tables": ["create", "getFeatures"],
        "maps": ["create"],
        "featureView": ["create"],
        "thumbnails": ["create", "getPixels"],
        "imageCollection": ["computeImages"],
        "operations": ["list", "get", "cancel"],
        "assets": [
            "get",
            "create",
            "copy",
            "move",
            "delete",
            "patch",
            "listAssets",
            "listFeatures",
            "getPixels",
            "getIamPolicy",
            "setIamPolicy",
        ],
    }
    for resource, methods in wanted.items():
        assert set(methods) <= set(resources[resource]["methods"]), resource
    assert "v1alpha" not in json.dumps(document)
    assert "workloadTag" in resources["maps"]["methods"]["create"]["parameters"]
    assert {"getConfig", "updateConfig"} <= set(document["resources"]["projects"]["methods"])


@pytest.mark.parametrize(
    ("path", "method", "body", "code", "text"),
    [
        ("projects/p/nothing", "GET", None, 404, "no method"),
        ("projects/p/value:compute", "GET", None, 405, "use POST"),
        ("projects/p/value:compute", "POST", {}, 400, "'expression' is required"),
        (
            "projects/p/value:compute",
            "POST",
            {"expression": {"padding": "x" * 3000}},
            400,
            "Request payload size exceeds the limit: 2000 bytes.",
        ),
        (
            "projects/test-project/assets/a",
            "GET",
            None,
            404,
            "not found (does not exist or caller does not have access)",
        ),
        ("projects/test-project/operations/X", "GET", None, 404, "not found"),
        ("projects/test-project/featureView", "POST", {}, 400, "not implemented"),
        ("projects/test-project/video:export", "POST", {"expression": {}}, 400, "not implemented"),
    ],
)
def test_refusals_are_google_errors(
    service: Service, path: str, method: str, body: Any, code: int, text: str
) -> None:
    status, answer = ask(service, path, method, body)
    assert status == code == answer["error"]["code"]
    assert text in answer["error"]["message"]


def test_partial_answers_keep_the_fields_asked_for(service: Service) -> None:
    ask(service, "projects/test-project/assets?assetId=folder", "POST", {"type": "FOLDER"})
    assert ask(service, "projects/test-project/assets/folder?fields=name")[1] == {
        "name": "projects/test-project/assets/folder"
    }


def test_long_gets_arrive_as_posts(service: Service) -> None:
    transport = Transport(service)
    ask(service, "projects/test-project/assets?assetId=folder", "POST", {"type": "FOLDER"})
    response, content = transport.request(
        f"{BASE}/projects/test-project:listAssets",
        "POST",
        "view=BASIC&pageSize=5",
        {"x-http-method-override": "GET"},
    )
    assert response.status == 200
    assert [a["id"] for a in json.loads(content)["assets"]] == ["projects/test-project/assets/folder"]


def test_faults_are_seeded_and_limited(tmp_path: Path) -> None:
    def run(seed: int) -> list[int]:
        service = Service(
            AssetStore(user=UserAssets(tmp_path)),
            faults=FaultPlan(0.5, ("429", "503", "memory"), seed, limit=6),
        )
        return [ask(service, "projects/p/config")[0] for _ in range(30)]

    first = run(1)
    assert first == run(1) != run(2)
    assert set(first) <= {200, 400, 429, 503}
    assert sum(code != 200 for code in first) == 6


def test_a_cut_body_breaks_the_connection(tmp_path: Path) -> None:
    service = Service(AssetStore(user=UserAssets(tmp_path)), faults=FaultPlan(1.0, ("cut",)))
    with pytest.raises(http.client.IncompleteRead):
        Transport(service).request(f"{BASE}/projects/p/config")


def test_fault_plans_are_checked() -> None:
    with pytest.raises(InputError, match="not known"):
        FaultPlan(0.1, ("418",))
    with pytest.raises(InputError, match="between 0 and 1"):
        FaultPlan(2.0)


# -- operations


def test_operations_run_by_priority_and_once_per_request_id() -> None:
    operations = Operations(workers=1)
    gate, begun, order = threading.Event(), threading.Event(), []

    def job(name: str) -> Any:
        def run(progress: Any) -> list[str]:
            begun.set()
            gate.wait(5)
            order.append(name)
            return [f"gs://out/{name}"]

        return run

    first = operations.submit("p", "EXPORT_IMAGE", job("first"))
    assert begun.wait(5)
    low = operations.submit("p", "EXPORT_IMAGE", job("low"), priority=1, request_id="same")
    high = operations.submit("p", "EXPORT_IMAGE", job("high"), priority=500)
    assert operations.submit("p", "EXPORT_IMAGE", job("again"), request_id="same") is low
    gate.set()
    for operation in (first, low, high):
        operations.wait(operation.name, 5)
    assert order == ["first", "high", "low"]
    described = low.describe()
    assert described["done"] is True
    assert described["metadata"]["state"] == "SUCCEEDED"
    assert described["metadata"]["destinationUris"] == ["gs://out/low"]
    assert [o.name for o in operations.list("p")] == [high.name, low.name, first.name]
    operations.close()


def test_operations_cancel_and_fail() -> None:
    operations = Operations(workers=1)
    started, gate = threading.Event(), threading.Event()

    def slow(progress: Any) -> None:
        started.set()
        while True:
            gate.wait(0.01)
            progress(0.5)

    def broken(progress: Any) -> None:
        raise EEError("Export too large.")

    running = operations.submit("p", "EXPORT_IMAGE", slow)
    waiting = operations.submit("p", "EXPORT_IMAGE", slow)
    failing = operations.submit("p", "EXPORT_IMAGE", broken)
    started.wait(5)
    operations.cancel(waiting.name)
    assert waiting.state == "CANCELLED"
    operations.cancel(running.name)
    assert operations.wait(running.name, 5).state == "CANCELLED"
    described = operations.wait(failing.name, 5).describe()
    assert described["error"]["message"] == "Export too large."
    operations.forget(failing.name)
    assert [o.name for o in operations.list("p")] == [waiting.name, running.name]
    operations.close()


def test_operation_arguments_are_checked() -> None:
    operations = Operations()
    with pytest.raises(EEError, match="request ID"):
        operations.submit("p", "EXPORT_IMAGE", lambda progress: None, request_id="a b")
    with pytest.raises(EEError, match="Priority"):
        operations.submit("p", "EXPORT_IMAGE", lambda progress: None, priority=10_000)


# -- loopback


def test_the_server_starts_late_and_answers_like_the_transport(service: Service) -> None:
    server = LoopbackServer(service)
    transport = HttpTransport(trust_env=False)
    try:
        assert not server.running
        server.start()
        assert server.running
        response, content = transport.request(f"{server.url}/v1/projects/p/config")
        assert response.status == 200
        assert json.loads(content) == ask(service, "projects/p/config")[1]
        response, content = transport.request(f"{server.url}/v1/projects/p/value:compute", "POST", "{}")
        assert response.status == 400
        with pytest.raises(InputError, match=f"Port {server.port}"):
            LoopbackServer(service, port=server.port)
    finally:
        server.close()
        transport.close()
    assert not server.running


def test_a_cut_body_reaches_http_clients_as_a_broken_connection(tmp_path: Path) -> None:
    server = LoopbackServer(Service(AssetStore(user=UserAssets(tmp_path)), faults=FaultPlan(1.0, ("cut",))))
    transport = HttpTransport(trust_env=False)
    try:
        server.start()
        with pytest.raises(ConnectionError):
            transport.request(f"{server.url}/v1/projects/p/config")
    finally:
        server.close()
        transport.close()


TILE = "/v1/projects/p/maps/abc/tiles/3/1/2"


@pytest.mark.parametrize(
    ("method", "path", "host", "origin", "allowed"),
    [
        ("GET", TILE, "127.0.0.1:80", None, "*"),
        ("GET", TILE, "127.0.0.1:80", "https://example.org", "*"),
        ("GET", "/v1/projects/p/thumbnails/abc:getPixels", "localhost:80", "https://example.org", "*"),
        (
            "POST",
            "/v1/projects/p/value:compute",
            "127.0.0.1:80",
            "http://localhost:8888",
            "http://localhost:8888",
        ),
        ("POST", "/v1/projects/p/value:compute", "127.0.0.1:80", None, None),
        ("POST", "/v1/projects/p/value:compute", "127.0.0.1:80", "https://example.org", "refused"),
        ("GET", "/v1/projects/p/assets/x", "127.0.0.1:80", "https://example.org", "refused"),
        ("GET", TILE, "evil.example.org", None, "refused"),
    ],
)
def test_foreign_pages_get_tiles_only(
    method: str, path: str, host: str, origin: str | None, allowed: str | None
) -> None:
    headers = _cors(method, path, host, origin)
    if allowed == "refused":
        assert headers is None
    else:
        assert headers is not None
        assert headers.get("access-control-allow-origin") == allowed


def test_requests_beyond_the_limit_are_sent_away(tmp_path: Path) -> None:
    service = Service(AssetStore(user=UserAssets(tmp_path)), limits=Limits(concurrent_requests=1))
    over = threading.Event()
    task = service.operations.submit("p", "EXPORT_IMAGE", lambda progress: over.wait(60) and [])
    waiting = threading.Thread(target=ask, args=(service, f"{task.name}:wait", "POST", {"timeout": "60s"}))
    waiting.start()
    try:
        until = time.monotonic() + 30
        while ask(service, "projects/p/config")[0] != 429:
            assert time.monotonic() < until
            time.sleep(0.005)
        assert "Too many concurrent aggregations" in ask(service, "projects/p/config")[1]["error"]["message"]
    finally:
        over.set()
        waiting.join()
    assert ask(service, "projects/p/config")[0] == 200
    service.close()


def test_pages_of_collections_belong_to_their_service(tmp_path: Path) -> None:
    """Nothing of one service is left for the next, which may come to lie at the same address."""
    features = [
        {
            "functionInvocationValue": {
                "functionName": "Feature",
                "arguments": {"geometry": {"constantValue": None}, "metadata": {"constantValue": {"n": n}}},
            }
        }
        for n in range(3)
    ]
    collection = {
        "functionInvocationValue": {
            "functionName": "Collection",
            "arguments": {"features": {"arrayValue": {"values": features}}},
        }
    }
    body = {"expression": {"result": "0", "values": {"0": collection}}, "pageSize": 2}
    services = [Service(AssetStore(user=UserAssets(tmp_path / str(i)))) for i in range(2)]
    status, first = ask(services[0], "projects/p/table:computeFeatures", "POST", body)
    assert status == 200
    assert len(first["features"]) == 2
    key = hashlib.sha256(repr(body["expression"]).encode()).hexdigest()
    assert len(services[0].pages.get(key) or ()) == 3
    assert services[1].pages.get(key) is None
    body["pageToken"] = first["nextPageToken"]
    for service in reversed(services):  # a service that does not know the pages computes them
        status, second = ask(service, "projects/p/table:computeFeatures", "POST", body)
        assert [f["properties"]["n"] for f in second["features"]] == [2]
    assert services[0].pages.get(key) is None
