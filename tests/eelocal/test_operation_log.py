"""Tasks that outlive their process: several processes on one store, through the unmodified client."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ee
import pytest

import smgee
from smgee.eelocal.tasks.log import KEEP
from smgee.eelocal.tasks.operations import Operations
from smgee.session import Session

ROOT = "projects/smgee-embedded/assets"
ENDED = "The embedded Earth Engine server ended before this task was done; start the task again."

# What a process does: commands come by line, each is answered by a line of JSON. Slow exports take minutes.
WORKER = """
import json, os, sys, time
import ee, smgee

ROOT = "projects/smgee-embedded/assets"
session = smgee.connect(sources=[], store=sys.argv[1])
ee.data.setMaxRetries(0)

def destination(name):
    return {"assetExportOptions": {"earthEngineDestination": {"name": f"{ROOT}/{name}"}}}

def slow(name, request=None):
    image = ee.Image.pixelLonLat().select(0).multiply(1e4).sin().focalMedian(3)
    image = image.setDefaultProjection("EPSG:32647", [30, 0, 600000, 0, -30, 4200000])
    box = ee.Geometry.Rectangle([100, 37, 101, 38])
    image = image.clipToBoundsAndScale(width=9000, height=9000, geometry=box)
    params = {"expression": image, "description": name, **destination(name)}
    return ee.data.exportImage(request, params)["name"]

def quick(name, request=None):
    points = ee.FeatureCollection([ee.Feature(ee.Geometry.Point(100, 37), {"n": 1})])
    params = {"expression": points, "description": name, **destination(name)}
    made = ee.data.exportTable(request, params)["name"]
    while not ee.data.getOperation(made).get("done"):
        time.sleep(0.01)
    return made

def state(name, wanted):
    while ee.data.getOperation(name)["metadata"]["state"] != wanted:
        time.sleep(0.01)
    return wanted

def fork():
    child = os.fork()
    if child == 0:
        os.close(1)
        time.sleep(60)
        os._exit(0)
    return child

known = {"slow": slow, "quick": quick, "state": state, "fork": fork}
known |= {"list": ee.data.listOperations, "cancel": ee.data.cancelOperation}
for line in sys.stdin:
    command, *arguments = json.loads(line)
    print(json.dumps(known[command](*arguments)), flush=True)
"""


class Worker:
    """Another process on a store."""

    def __init__(self, store: Path):
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(store)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *command: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait(20) == -signal.SIGKILL

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(60) == 0


@contextmanager
def worker(store: Path) -> Iterator[Worker]:
    made = Worker(store)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait()
        for pipe in (made.process.stdin, made.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@contextmanager
def connected(store: Path) -> Iterator[Session]:
    with smgee.connect(sources=[], store=store) as session:
        ee.data.setMaxRetries(0)
        yield session


def listed() -> list[tuple[str, str]]:
    return [(o["metadata"]["description"], o["metadata"]["state"]) for o in ee.data.listOperations()]


def ask(session: Session, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    text = None if body is None else json.dumps(body)
    response, content = session._transport.request(f"{session.url}/v1/{path}", method, text, {})
    return response.status, json.loads(content)


def quick(name: str, request: str | None = None) -> str:
    points = ee.FeatureCollection([ee.Feature(ee.Geometry.Point(100, 37), {"n": 1})])
    options = {"earthEngineDestination": {"name": f"{ROOT}/{name}"}}
    made = ee.data.exportTable(
        request, {"expression": points, "description": name, "assetExportOptions": options}
    )["name"]
    until(lambda: ee.data.getOperation(made).get("done"))
    return made


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def files(store: Path) -> set[str]:
    return {p.name for p in (store / ".operations").glob("*.json")}


@pytest.mark.parametrize("end", ["kill", "leave"])
def test_tasks_whose_process_ended_have_failed(store: Path, end: str) -> None:
    with worker(store) as other:
        done = other("quick", "done")
        slow = [other("slow", f"slow{k}") for k in range(3)]
        for name in slow[:2]:
            other("state", name, "RUNNING")
        seen = other("list")
        with connected(store) as session:
            # While its process lives, a task is what that process says.
            assert listed() == [
                ("slow2", "PENDING"),
                ("slow1", "RUNNING"),
                ("slow0", "RUNNING"),
                ("done", "SUCCEEDED"),
            ]
            assert [t.state for t in ee.batch.Task.list()] == ["READY", "RUNNING", "RUNNING", "COMPLETED"]
            assert ee.data.getOperation(done) == seen[-1] == other("list")[-1]
            assert seen[-1]["metadata"]["destinationUris"] == [
                f"https://code.earthengine.google.com/?asset={ROOT}/done"
            ]
            assert ee.data.getTaskStatus(slow[2].split("/")[-1])[0]["state"] == "READY"
            for name in slow:
                with pytest.raises(ee.EEException, match="belongs to another running process"):
                    ee.data.cancelOperation(name)
            assert ask(session, "DELETE", slow[0])[0] == 400
            begun = time.monotonic()
            assert (
                ask(session, "POST", f"{slow[0]}:wait", {"timeout": "0.3s"})[1]["metadata"]["state"]
                == "RUNNING"
            )
            assert 0.3 <= time.monotonic() - begun < 5
            getattr(other, end)()

            assert listed() == [
                ("slow2", "FAILED"),
                ("slow1", "FAILED"),
                ("slow0", "FAILED"),
                ("done", "SUCCEEDED"),
            ]
            last = ee.data.listOperations()
            assert [o["error"]["message"] for o in last[:3]] == [ENDED] * 3
            assert all(o["done"] and o["metadata"]["endTime"] >= o["metadata"]["createTime"] for o in last)
            assert last[3] == seen[3]
            if end == "kill":  # the queue of a process that leaves may move on for a moment
                assert "startTime" not in last[0]["metadata"]
            assert last[1]["metadata"]["startTime"] == seen[1]["metadata"]["startTime"]
            status = ee.data.getTaskStatus(slow[0].split("/")[-1])[0]
            assert (status["state"], status["error_message"]) == ("FAILED", ENDED)
            assert [t.state for t in ee.batch.Task.list()] == ["FAILED"] * 3 + ["COMPLETED"]
            ee.data.cancelOperation(slow[0])  # nothing is left to cancel
            assert [a["id"] for a in ee.data.listAssets(ROOT)["assets"]] == [f"{ROOT}/done"]
    with worker(store) as later:
        assert later("list") == last
    with connected(store):
        assert ee.data.listOperations() == last
        assert ee.data.getAssetRootQuota(ROOT)["asset_count"]["usage"] == 1


def test_a_forked_child_does_not_keep_its_parents_tasks_alive(store: Path) -> None:
    with worker(store) as other:
        slow = other("slow", "slow")
        child = other("fork")
        try:
            with connected(store):
                other("state", slow, "RUNNING")
                assert listed() == [("slow", "RUNNING")]
                other.kill()
                os.kill(child, 0)  # the child is still there
                assert listed() == [("slow", "FAILED")]
        finally:
            os.kill(child, signal.SIGKILL)


def test_cancelled_tasks_stay_cancelled(store: Path) -> None:
    with worker(store) as other:
        slow = [other("slow", f"slow{k}") for k in range(3)]
        other("state", slow[0], "RUNNING")
        other("cancel", slow[2])
        other("cancel", slow[0])
        with connected(store):
            states = dict(listed())
            assert states["slow2"] == "CANCELLED"
            assert states["slow0"] in ("CANCELLING", "CANCELLED")
            other.kill()
            assert dict(listed()) == {"slow2": "CANCELLED", "slow1": "FAILED", "slow0": "CANCELLED"}
            assert ee.data.getTaskStatus(slow[0].split("/")[-1])[0]["state"] == "CANCELLED"


def test_a_request_starts_one_task_whichever_process_gets_it(store: Path) -> None:
    with worker(store) as other, connected(store):
        slow = other("slow", "map", "request-1")
        other("state", slow, "RUNNING")
        assert quick_request("map", "request-1") == slow
        assert listed() == [("map", "RUNNING")]
        other.kill()
        assert ee.data.getOperation(slow)["metadata"]["state"] == "FAILED"
        # What ended with its server is to be started again, also by who repeats the request.
        assert quick("map", "request-1") == slow
        assert listed() == [("map", "SUCCEEDED")]
    with worker(store) as later:
        ee.Reset()
        assert [o["metadata"]["state"] for o in later("list")] == ["SUCCEEDED"]


def quick_request(name: str, request: str) -> str:
    options = {"earthEngineDestination": {"name": f"{ROOT}/{name}"}}
    body = {"expression": ee.FeatureCollection([]), "description": name, "assetExportOptions": options}
    return ee.data.exportTable(request, body)["name"]


def test_deleting_and_what_is_no_task(store: Path) -> None:
    with worker(store) as other, connected(store) as session:
        theirs, mine, kept = other("quick", "theirs"), quick("mine"), quick("kept")
        assert files(store) == {f"{name.split('/')[-1]}.json" for name in (theirs, mine, kept)}
        assert ask(session, "DELETE", theirs)[0] == 200
        assert ask(session, "DELETE", mine)[0] == 200
        assert files(store) == {f"{kept.split('/')[-1]}.json"}
        assert listed() == [("kept", "SUCCEEDED")]
        assert [o["metadata"]["description"] for o in other("list")] == ["kept"]

        folder = store / ".operations"
        text = (folder / f"{kept.split('/')[-1]}.json").read_text()
        for size in range(0, len(text), 7):
            (folder / f"CUT{size}.json").write_text(text[:size].replace(kept.split("/")[-1], f"CUT{size}"))
        wrong = {
            "created": "yesterday",
            "state": "LOST",
            "uris": [1],
            "error": [3],
            "owner": "../..",
            "ended": None,
            "format": 9,
        }
        for key, value in wrong.items():
            content = {
                **json.loads(text),
                "name": kept.replace(kept.split("/")[-1], f"WRONG{key}"),
                key: value,
            }
            (folder / f"WRONG{key}.json").write_text(json.dumps(content))
        (folder / "OTHERNAME.json").write_text(text)
        (folder / "BYTES.json").write_bytes(b"\xff\xfe\x00")
        (folder / "FOLDER.json").mkdir()
        assert listed() == [("kept", "SUCCEEDED")]
        with pytest.raises(ee.EEException, match="not found"):
            ee.data.getOperation(kept.replace(kept.split("/")[-1], "WRONGstate"))
        assert ask(session, "GET", "projects/smgee-embedded/operations/..%2F..%2Fx")[0] == 404
        assert quick("more") != kept
        assert listed() == [("more", "SUCCEEDED"), ("kept", "SUCCEEDED")]


def test_the_newest_tasks_are_kept(store: Path) -> None:
    with connected(store):
        first = quick("first")
    folder = store / ".operations"
    record = json.loads((folder / f"{first.split('/')[-1]}.json").read_text())
    begin = datetime.now(UTC) - timedelta(days=300)
    for k in range(KEEP + 5):
        moment = (begin + timedelta(seconds=k)).isoformat(timespec="microseconds").replace("+00:00", "Z")
        copy = {
            **record,
            "name": f"projects/smgee-embedded/operations/OLD{k}",
            "description": f"old{k}",
            "created": moment,
        }
        (folder / f"OLD{k}.json").write_text(json.dumps(copy))
    with connected(store):
        assert len(listed()) == KEEP + 6
        quick("second")
        found = [name for name, _ in listed()]
        assert found == ["second", "first", *(f"old{k}" for k in range(KEEP + 4, 5, -1))]
        assert len(files(store)) == KEEP + 1  # the new one was not done when they were counted


def test_own_tasks_are_answered_from_memory(store: Path) -> None:
    with connected(store):
        name = quick("mine")
        (store / ".operations").rename(store / ".elsewhere")
        assert ee.data.getOperation(name)["metadata"]["state"] == "SUCCEEDED"


def test_a_store_that_cannot_remember_still_runs_tasks(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    store.mkdir()
    (store / ".operations").write_text("in the way")
    with connected(store):
        name = quick("mine")
        assert ee.data.getOperation(name)["metadata"]["state"] == "SUCCEEDED"
        assert listed() == [("mine", "SUCCEEDED")]
    assert "may not be remembered" in caplog.text


def test_a_task_that_has_ended_holds_its_work_no_more() -> None:
    class Held:
        """Stands for a graph and its pixels."""

    held = Held()
    seen = weakref.ref(held)
    operations = Operations()
    task = operations.submit("my-project", "EXPORT_IMAGE", lambda progress, held=held: [])
    assert operations.wait(task.name, 10).state == "SUCCEEDED"
    del held
    gc.collect()
    assert seen() is None
    operations.close()
