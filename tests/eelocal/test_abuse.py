"""Requests that would fill the memory or never end are refused at once, in a sentence, by HTTP 400."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Iterator
from typing import Any

import ee
import pytest

import smgee
from smgee.session import Session

MEMORY = "User memory limit exceeded"
TIME = "Computation timed out"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with smgee.connect(store=tmp_path_factory.mktemp("store")) as session:
        yield session


def _doubled() -> Any:
    text = ee.String("x")
    for _ in range(35):
        text = text.cat(text)
    return text.length()


def _quadrupled() -> Any:
    items = ee.List([1])
    for _ in range(19):
        items = items.cat(items).cat(items).cat(items)
    return items.size()


def _nested_maps() -> Any:
    thousand = ee.List.sequence(1, 1000)
    return thousand.map(lambda a: thousand.map(lambda b: thousand.map(lambda c: ee.Number(a).add(b).add(c))))


def _nested_iteration() -> Any:
    many = ee.List.sequence(1, 30_000)
    return many.iterate(lambda a, sofar: many.iterate(lambda b, inner: ee.Number(inner).add(1), sofar), 0)


def _laughs() -> Any:
    """Ten references to ten references to ..., ten deep."""
    items = ee.List([1] * 10)
    for _ in range(10):
        items = ee.List([items] * 10)
    return items


def _earth() -> ee.FeatureCollection:
    return ee.FeatureCollection([ee.Feature(ee.Geometry.Rectangle([-180, -90, 180, 90], None, False))])


def _bright() -> ee.Image:
    return ee.Image.constant(1).setDefaultProjection("EPSG:4326", None, 30)


def _mean_of_the_earth() -> Any:
    return _bright().reduceRegion(ee.Reducer.mean(), _earth().geometry(), 30, maxPixels=1e13)


CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "sequence to 1e12": (lambda: ee.List.sequence(0, 1e12), MEMORY),
    "every pixel of the Earth": (lambda: _bright().sampleRegions(_earth(), [], 30), MEMORY),
    "a mean of the Earth": (_mean_of_the_earth, TIME),
    "sequence of 1e11": (lambda: ee.List.sequence(0, 1, None, 100_000_000_000), MEMORY),
    "repeat 1e11": (lambda: ee.List.repeat(0, 100_000_000_000), MEMORY),
    "a string doubled 35 times": (_doubled, MEMORY),
    "a list concatenated 4^19": (_quadrupled, MEMORY),
    "a number 1e9 wide": (lambda: ee.Number(1).format("%1000000000d"), MEMORY),
    "1e9 decimals": (lambda: ee.Number(1.5).format("%.1000000000f"), MEMORY),
    "a billion laughs": (_laughs, MEMORY),
    "a billion laughs, flat": (lambda: ee.List(_laughs()).flatten().size(), MEMORY),
    "a billion laughs, as text": (lambda: ee.String.encodeJSON(_laughs()).length(), MEMORY),
    "nested maps": (_nested_maps, TIME),
    "nested iteration": (_nested_iteration, TIME),
    "a matrix of 200,000": (lambda: ee.Array.identity(200_000), MEMORY),
    "a matrix of 30,000": (
        lambda: ee.Array(ee.List.repeat(1, 30_000)).repeat(1, 30_000).reduce(ee.Reducer.sum(), [0, 1]),
        MEMORY,
    ),
    "an outer product of 30,000": (
        lambda: (
            ee.Array(ee.List.repeat(1, 30_000))
            .repeat(1, 1)
            .matrixMultiply(ee.Array([ee.List.repeat(1, 30_000)]))
            .reduce(ee.Reducer.sum(), [0, 1])
        ),
        MEMORY,
    ),
    "an array repeated 1e12 times": (lambda: ee.Array([1]).repeat(0, 1_000_000_000_000), MEMORY),
    "a kernel of 1e5 pixels": (lambda: ee.Kernel.square(100_000), MEMORY),
    "a round kernel of 1e6 pixels": (lambda: ee.Kernel.gaussian(1_000_000, 10), MEMORY),
    "1e9 random points": (
        lambda: ee.FeatureCollection.randomPoints(ee.Geometry.Rectangle([0, 0, 1, 1]), 1_000_000_000).size(),
        MEMORY,
    ),
    "a million pixels as features": (
        lambda: ee.Image.pixelLonLat().sample(ee.Geometry.Rectangle([99.5, 37.3, 99.9, 37.6]), 30).size(),
        MEMORY,
    ),
    "a million pixels of regions": (
        lambda: (
            ee.Image.pixelLonLat()
            .sampleRegions(ee.FeatureCollection([ee.Geometry.Rectangle([99.5, 37.3, 99.9, 37.6])]), scale=30)
            .size()
        ),
        MEMORY,
    ),
    "a covering grid of 1e-6 m": (
        lambda: ee.Geometry.Rectangle([0, 0, 1, 1]).coveringGrid("EPSG:3857", 1e-6).size(),
        MEMORY,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_quickly_and_in_little_memory(session: Session, name: str) -> None:
    build, words = CASES[name]
    wanted = build()
    started, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ee.EEException, match=words):
        wanted.getInfo()
    assert time.process_time() - started < 4.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda t: t.match("(a+)+b"), []),
        (lambda t: t.replace("(a|aa)+$b", "x"), "a" * 5000),
        (lambda t: t.split("(a*)*b"), ["a" * 5000]),
        (lambda t: t.match("(a|a)*c", "g"), []),
    ],
)
def test_expressions_that_run_away_elsewhere_are_linear(session: Session, call: Any, expected: Any) -> None:
    started = time.process_time()
    assert call(ee.String("a" * 5000)).getInfo() == expected
    assert time.process_time() - started < 2.0


def _post(session: Session, body: bytes) -> tuple[int, str]:
    import requests

    answer = requests.post(
        f"{session.serve()}/v1/projects/smgee-embedded/value:compute",
        data=body,
        headers={"Content-Type": "application/json"},
        timeout=60,
    )
    return answer.status_code, answer.text


def _graph(values: dict[str, Any], result: str) -> bytes:
    return json.dumps({"expression": {"values": values, "result": result}}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b'{"expression": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"expression": {"result": "0", "values": {"0": '
        + b'{"arrayValue": {"values": [' * 5000
        + b'{"constantValue": 1}'
        + b"]}}" * 5000
        + b"}}}",
        b'{"expression": {"result": "0", "values": {"0": {"constantValue": '
        + b"[" * 900
        + b"1"
        + b"]" * 900
        + b"}}}}",
        _graph({"0": {"constantValue": "\ud800"}}, "0"),
        _graph(
            {
                "0": {
                    "functionInvocationValue": {
                        "functionName": "Number.parse",
                        "arguments": {"input": {"constantValue": "\ud800"}},
                    }
                }
            },
            "0",
        ),
        _graph(
            {
                "0": {
                    "functionInvocationValue": {
                        "functionName": "Image.parseExpression",
                        "arguments": {
                            "expression": {"constantValue": "(" * 100_000 + "1" + ")" * 100_000},
                            "argName": {"constantValue": "a"},
                            "vars": {"constantValue": ["a"]},
                        },
                    }
                }
            },
            "0",
        ),
        _graph({"0": {"functionInvocationValue": 3}}, "0"),
        _graph({"0": {"arrayValue": [1]}}, "0"),
        _graph({"0": {"valueReference": {"a": 1}}}, "0"),
        _graph({"0": {"functionDefinitionValue": {}}}, "0"),
        _graph({"0": {"dictionaryValue": {"values": [1]}}}, "0"),
        _graph({"0": {"integerValue": "x"}}, "0"),
        b'{"expression": {"values": [], "result": "0"}}',
        b'{"expression": 3}',
        b'{"expression": {"values": {"0": {"constantValue": 1}}, "result": ["0"]}}',
        b"\xff\xfe\x00",
        b"[1, 2]",
    ],
    ids=range(17),
)
def test_what_is_no_graph_is_answered_by_400(session: Session, body: bytes) -> None:
    status, text = _post(session, body)
    assert status == 400, text[:300]
    assert json.loads(text)["error"]["message"]


def test_a_chain_of_many_references_is_right(session: Session) -> None:
    one = {"constantValue": 1}
    values: dict[str, Any] = {"0": one}
    for k in range(1, 50_001):
        arguments = {"left": {"valueReference": str(k - 1)}, "right": one}
        values[str(k)] = {"functionInvocationValue": {"functionName": "Number.add", "arguments": arguments}}
    status, text = _post(session, _graph(values, "50000"))
    assert (status, json.loads(text)) == (200, {"result": 50_001})


def test_a_body_without_end_is_not_kept(session: Session) -> None:
    """A gigabyte, sent in pieces without a length."""
    import http.client
    from urllib.parse import urlsplit

    pieces = (b" " * (1 << 20) for _ in range(1024))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    connection = http.client.HTTPConnection(urlsplit(session.serve()).netloc, timeout=60)
    connection.request("POST", "/v1/projects/smgee-embedded/value:compute", body=pieces, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 400
    assert b"Request payload size exceeds the limit" in answer.read()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "example.org"}, 403),
        ({"Host": "127.0.0.1.example.org"}, 403),
        ({"Origin": "https://example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:8888"}, 200),
    ],
)
def test_pages_of_other_origins_are_refused(session: Session, headers: dict[str, str], status: int) -> None:
    import requests

    address = f"{session.serve()}/v1/projects/smgee-embedded/algorithms"
    assert requests.get(address, headers=headers, timeout=60).status_code == status
