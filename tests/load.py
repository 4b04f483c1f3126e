"""Many clients at once on one embedded Earth Engine: map tiles, pixels, features and exports.

Run by hand: ``python -m tests.load [--clients 64] [--seconds 60]``. A server is started as a user would,
by ``smgee serve``; one client asks everything once, and then all of them ask at random until the time is up.
Every answer has to be the one that the single client got. Printed are counts, the time within which 95 % of
the answers came, and the server's memory, which must come to a rest. At last the server is told to end
(SIGTERM) while all of them ask for what takes long, and how soon it is gone is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ee
import numpy as np
import requests

import smgee

PROJECT = "smgee-load"
ROOT = f"projects/{PROJECT}/assets"
_WAIT_S = 120  # for one answer

SHARES = {"tile": 4, "pixels": 3, "features": 3, "export": 1}
"""How often each kind is asked for."""


@dataclass
class Answers:
    """What came of the requests of all clients."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    faults: Counter[str] = field(default_factory=Counter)
    again: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, seconds: float, fault: str = "") -> None:
        """Count one answer."""
        with self.lock:
            self.seconds[kind].append(seconds)
            if fault:
                self.faults[f"{kind}: {fault}"] += 1

    def within(self, share: float) -> dict[str, float]:
        """Return the seconds within which a share of the answers of each kind came."""
        return {kind: float(np.quantile(s, share)) for kind, s in sorted(self.seconds.items())}


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run ``smgee serve``; gives its URL and its process."""
    program = "from smgee_cli.app import main; main()"
    command = [sys.executable, "-c", program, "serve", "--port", "0", "--project", PROJECT]
    with (folder / "server.log").open("w+") as log:
        process = subprocess.Popen([*command, "--store", str(folder / "store")], stdout=log, stderr=log)
        try:
            url = None
            while url is None:
                if process.poll() is not None:
                    raise RuntimeError(f"the server ended: {(folder / 'server.log').read_text()}")
                time.sleep(0.1)
                found = re.search(r"at (http://[\d.:]+),", (folder / "server.log").read_text())
                url = found and found[1]
            yield url, process
        finally:
            process.terminate()
            process.wait(60)


def memory(process: subprocess.Popen[bytes]) -> int:
    """Return the resident memory of a process, MiB."""
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * resource.getpagesize() >> 20


class Client:
    """One client: raw HTTP, so that what is measured is the server."""

    def __init__(self, url: str, answers: Answers):
        self.url, self.answers = url, answers
        self.web = requests.Session()
        self.web.trust_env = False

    def send(self, path: str, body: Any = None) -> bytes:
        """Return the content of an answer; as clients do, repeats what was throttled."""
        for attempt in range(60):
            method = "GET" if body is None else "POST"
            answer = self.web.request(method, f"{self.url}/v1/{path}", json=body, timeout=_WAIT_S)
            if answer.status_code != 429:
                break
            with self.answers.lock:
                self.answers.again += 1
            time.sleep(0.05 * (attempt + 1))
        answer.raise_for_status()
        return answer.content


Ask = Callable[[Client], bytes]


def questions() -> dict[str, list[Ask]]:
    """Return what is asked, by kind; the client of this process must be connected to the server."""
    box = ee.Geometry.Rectangle([99.70, 37.45, 99.80, 37.55])
    dem = ee.Image("NASA/NASADEM_HGT/001").select("elevation")
    scenes = ee.ImageCollection("NASA/HLS/HLSS30/v002").filterDate("2021-07-01", "2021-07-06")
    slope = ee.Terrain.slope(dem)
    shown = ee.Image.cat(dem.unitScale(2500, 4500), slope.unitScale(0, 40), dem.gt(3300))
    link = shown.getMapId({"min": 0, "max": 1})["tile_fetcher"].url_format
    tiles = link.split("/v1/")[1]
    corner = (6_364, 3_170)  # at zoom 13, in the basin
    return {
        "tile": [_get(tiles.format(z=13, x=corner[0] + k % 3, y=corner[1] + k // 3)) for k in range(9)],
        "pixels": [_pixels(image, k) for k, image in enumerate((dem, slope, scenes.median().select("B4")))],
        "features": [_features(ee.FeatureCollection.randomPoints(box, 20, seed), dem) for seed in range(3)],
    }


def _get(path: str) -> Ask:
    return lambda client: client.send(path)


def _pixels(image: ee.Image, shift: float, *, size: int = 64) -> Ask:
    grid = {
        "dimensions": {"width": size, "height": size},
        "affineTransform": {
            "scaleX": 30,
            "scaleY": -30,
            "shearX": 0,
            "shearY": 0,
            "translateX": 562_000 + 1000 * shift,
            "translateY": 4_150_000,
        },
        "crsCode": "EPSG:32647",
    }
    body = {"expression": _encoded(image), "fileFormat": "NPY", "grid": grid}
    return lambda client: client.send(f"projects/{PROJECT}/image:computePixels", body)


def _features(places: ee.FeatureCollection, image: ee.Image) -> Ask:
    body = {"expression": _encoded(image.reduceRegions(places, ee.Reducer.first(), 30))}
    return lambda client: client.send(f"projects/{PROJECT}/table:computeFeatures", body)


def _encoded(value: Any) -> Any:
    return ee.serializer.encode(value, for_cloud_api=True)


def export(client: Client, name: str, value: int) -> bytes:
    """Export a small image to an asset, wait for it, and return its pixels."""
    grid = {
        "dimensions": {"width": 16, "height": 16},
        "affineTransform": {"scaleX": 30, "scaleY": -30, "translateX": 562_000, "translateY": 4_150_000},
        "crsCode": "EPSG:32647",
    }
    image = ee.Image.pixelCoordinates("EPSG:32647").add(value).toInt()
    area = ee.Geometry.Rectangle([562_000, 4_149_520, 562_480, 4_150_000], "EPSG:32647", False)
    cut = image.clipToBoundsAndScale(area, scale=30)
    destination = {"earthEngineDestination": {"name": f"{ROOT}/{name}"}}
    body = {"expression": _encoded(cut), "assetExportOptions": destination}
    started = client.send(f"projects/{PROJECT}/image:export", body)
    task = json.loads(started)["name"]
    until = time.monotonic() + _WAIT_S
    while not json.loads(state := client.send(task)).get("done"):
        if time.monotonic() > until:
            raise TimeoutError(f"{task} did not end: {state!r}")
        time.sleep(0.1)
    if "error" in json.loads(state):
        raise RuntimeError(str(json.loads(state)["error"]))
    read = {"expression": _encoded(ee.Image(f"{ROOT}/{name}")), "fileFormat": "NPY", "grid": grid}
    return client.send(f"projects/{PROJECT}/image:computePixels", read)


def stop_at_work(clients: int, url: str, process: subprocess.Popen[bytes]) -> float:
    """Let clients ask for medians of scenes, always of another place, so that all of it is computed, until
    nobody answers; tell the server to end in the midst of it, and return the seconds until it has.
    """
    scenes = ee.ImageCollection("NASA/HLS/HLSS30/v002").filterDate("2021-06-01", "2021-07-06")
    median = scenes.median().select("B4")

    def ask(number: int) -> None:
        client = Client(url, Answers())
        with contextlib.suppress(requests.RequestException):
            for again in itertools.count():
                _pixels(median, number + again / 100, size=1500)(client)

    work = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in work:
        thread.start()
    time.sleep(3)
    assert any(thread.is_alive() for thread in work), "the server had nothing to do"
    began = time.monotonic()
    process.terminate()
    process.wait(120)
    ended = time.monotonic() - began
    for thread in work:
        thread.join()
    return ended


@dataclass(frozen=True)
class Outcome:
    """What came of a server under load.

    Attributes
    ----------
    memory : list of int
        Of the server, MiB: before, and at the end of each tenth of the time.
    stopped_s : float
        How long it took to end when it was told to, at work for all clients.
    """

    answers: Answers
    memory: list[int]
    stopped_s: float


def run(clients: int, seconds: float, folder: Path, *, seed: int = 0) -> Outcome:
    """Ask with one client, then with many, and end the server while they ask."""
    with server(folder) as (url, process), smgee.connect(url=url, project=PROJECT):
        asked = questions()
        alone = Client(url, Answers())
        right = {(kind, k): _mark(ask(alone)) for kind, asks in asked.items() for k, ask in enumerate(asks)}
        exported = {value: _mark(export(alone, f"alone_{value}", value)) for value in range(3)}
        used = [memory(process)]
        answers = Answers()
        until = time.monotonic() + seconds
        work = [
            threading.Thread(
                target=_work, args=(k, Client(url, answers), asked, right, exported, until, seed)
            )
            for k in range(clients)
        ]
        for thread in work:
            thread.start()
        for tenth in range(1, 11):
            time.sleep(max(0.0, until - (10 - tenth) * seconds / 10 - time.monotonic()))
            used.append(memory(process))
        for thread in work:
            thread.join()
        return Outcome(answers, used, stop_at_work(clients, url, process))


def _work(
    number: int,
    client: Client,
    asked: Mapping[str, list[Ask]],
    right: Mapping[tuple[str, int], str],
    exported: Mapping[int, str],
    until: float,
    seed: int,
) -> None:
    """Ask at random until the time is up."""
    rng = random.Random(f"{seed} {number}")
    done = 0
    while time.monotonic() < until:
        kind = rng.choices([*SHARES], weights=[*SHARES.values()])[0]
        began = time.monotonic()
        try:
            if kind == "export":
                value = rng.randrange(len(exported))
                same = _mark(export(client, f"of_{number}_{done}", value)) == exported[value]
            else:
                k = rng.randrange(len(asked[kind]))
                same = _mark(asked[kind][k](client)) == right[kind, k]
            fault = "" if same else "another answer"
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"[:160]
        client.answers.note(kind, time.monotonic() - began, fault)
        done += 1


def _mark(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Load a server, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(given.clients, given.seconds, Path(folder))
    answers, used = outcome.answers, outcome.memory
    late = answers.within(0.95)
    for kind, times in sorted(answers.seconds.items()):
        print(f"{kind}: {len(times)} answers, 95 % within {late[kind]:.2f} s")
    print(f"throttled and asked again: {answers.again}; faults: {dict(answers.faults) or 'none'}")
    print(f"memory of the server, MiB: {used[0]} before, then {', '.join(map(str, used[1:]))}")
    print(f"told to end with {given.clients} requests at work: gone after {outcome.stopped_s:.1f} s")
    sys.exit(bool(answers.faults))


if __name__ == "__main__":
    main()
