"""Broken input, made at random from valid input: to the embedded service, and to every reader of files.

What is asked of an answer: no HTTP 500, no traceback of the interpreter, no more than `MOST_SECONDS`. The
suite tries a few thousand cases (test_fuzzing.py); ``python -m tests.fuzzing --cases 100000`` tries more, in
no more than `MOST_MEMORY` of address space, and prints counts.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import resource
import signal
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import ee

import smgee
from smgee.eelocal.rest.service import Request, Service
from smgee.errors import SmgeeError
from smgee.session import Session
from tests.fuzz_readers import READERS

MOST_SECONDS = 10
MOST_SECONDS_OF_REQUESTS = 30  # an honest sum over ten million pixels takes some
MOST_MEMORY = 8 << 30  # address space, of which the compiled libraries reserve the most


@dataclass(frozen=True)
class Fault:
    """A case that was not answered as it should."""

    what: str
    how: str
    case: Any


class Late(BaseException):
    """The time is up; no reader takes it for an error of its own."""


# -- Requests


def record_requests(session: Session) -> list[Request]:
    """Return requests of everyday work, as the client sends them."""
    service, seen = session.service, []
    assert service is not None
    answer = service.handle

    def listen(request: Request) -> Any:
        seen.append(request)
        return answer(request)

    service.handle = listen  # type: ignore[method-assign]
    try:
        _everyday(session)
    finally:
        del service.handle
    return seen


def _everyday(session: Session) -> None:
    box = ee.Geometry.Rectangle([99.79, 37.49, 99.80, 37.50])
    dem = ee.Image("NASA/NASADEM_HGT/001").select("elevation")
    scenes = ee.ImageCollection("NASA/HLS/HLSS30/v002").filterBounds(box)
    scenes = scenes.filterDate("2021-07-01", "2021-07-12")
    places = ee.FeatureCollection([ee.Feature(ee.Geometry.Point([99.795, 37.495]), {"name": "a", "n": 3})])
    grid = {
        "dimensions": {"width": 4, "height": 4},
        "affineTransform": {"scaleX": 30, "translateX": 570_000, "scaleY": -30, "translateY": 4_150_000},
        "crsCode": "EPSG:32647",
    }
    ee.List.sequence(1, 5).map(lambda n: ee.Number(n).multiply(2)).getInfo()
    ee.Dictionary({"a": [1, 2], "b": "x"}).map(lambda key, value: ee.String(key).cat("!")).getInfo()
    ee.Array([[1, 2], [3, 4]]).matrixInverse().getInfo()
    ee.Date("2021-07-01").advance(3, "day").format("YYYY-MM-dd").getInfo()
    ee.String("a1b22").replace("([a-z])(\\d)", "$2$1", "g").getInfo()
    scenes.size().getInfo()
    dem.reduceRegion(ee.Reducer.mean().combine(ee.Reducer.stdDev(), "", True), box, 90).getInfo()
    dem.addBands(ee.Terrain.slope(dem)).sampleRegions(places, ["name"], 30).getInfo()
    box.buffer(100).intersection(box.transform("EPSG:32647", 1), 1).area(1).getInfo()
    image = dem.expression("(b('elevation') - 3000) / h", {"h": 100}).focalMean(2).updateMask(dem.gt(3100))
    for format in ("NPY", "GEO_TIFF", "PNG"):
        ee.data.computePixels({"expression": image.toByte(), "fileFormat": format, "grid": grid})
    ee.data.computeFeatures({"expression": places.map(lambda f: f.buffer(10)), "pageSize": 2})
    ee.data.listAssets(session.asset_root)
    ee.data.createAsset({"type": "FOLDER"}, f"{session.asset_root}/fuzz")
    ee.data.getAsset("NASA/NASADEM_HGT/001")
    ee.data.listOperations()
    image.getMapId({"min": 0, "max": 10})


WEIRD: tuple[Any, ...] = (
    *(None, True, "", "a", "0", "-1", "\x00", "é", "../../x", "EPSG:4326", "EPSG:99999", "NaN"),
    *(0, -1, 3, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, 1e-308),
    *([], {}, [[]], [None], {"": None}, {"constantValue": None}, {"valueReference": "0"}),
)


def mutate_json(value: Any, rng: random.Random, spare: list[Any]) -> Any:
    """Return a copy of a JSON value with one to three places changed."""
    value = json.loads(json.dumps(value))
    for _ in range(rng.randint(1, 3)):
        holders = [(h, k) for h in _containers(value) for k in (h if isinstance(h, dict) else range(len(h)))]
        if not holders:
            return rng.choice(WEIRD)
        holder, key = rng.choice(holders)
        chance = rng.random()
        if chance < 0.15:
            del holder[key]
        elif chance < 0.65:
            holder[key] = copy.deepcopy(rng.choice(WEIRD))
        elif chance < 0.85:
            holder[key] = json.loads(json.dumps(rng.choice(spare)))
        elif isinstance(holder, dict):
            holder[rng.choice(["", "x", *map(str, holder)])] = holder.pop(key)
        else:
            holder.append(copy.deepcopy(holder[key]))
    return value


def _containers(value: Any) -> Iterator[Any]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, (dict, list)):
            yield item
            stack.extend(item.values() if isinstance(item, dict) else item)


def mutate_bytes(content: bytes, rng: random.Random) -> bytes:
    """Return bytes with a few of them changed, cut, doubled or moved."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        end = min(at + rng.choice([1, 1, 2, 8, 64]), len(data))
        chance = rng.random()
        if chance < 0.5 and at < len(data):
            data[at] = rng.randrange(256)
        elif chance < 0.65:
            del data[at:end]
        elif chance < 0.8:
            data[at:at] = data[at:end]
        elif chance < 0.95:
            data[at:at] = rng.choice(
                [b"nan", b"-1", b"1e999", b"\x00", b"\xff\xfe", b",", b"\n", b"'", b"{", b"9" * 40]
            )
        else:
            del data[at:]
    return bytes(data)


def fuzz_service(
    service: Service, requests: list[Request], cases: int, seed: int
) -> tuple[Counter[str], list[Fault]]:
    """Send broken requests; returns how many answers had which status, and what went wrong."""
    rng = random.Random(seed)
    spare = [
        item
        for request in requests
        if request.body
        for item in _containers(json.loads(request.body))
        if len(json.dumps(item)) < 2000
    ]
    counts: Counter[str] = Counter()
    faults: list[Fault] = []
    for _ in range(cases):
        request = rng.choice(requests)
        path, query, body = request.path, dict(request.query), request.body
        if body and rng.random() < 0.9:
            body = json.dumps(mutate_json(json.loads(body), rng, spare)).encode()
        elif body:
            body = mutate_bytes(body, rng)
        else:
            path = mutate_bytes(path.encode(), rng).decode("utf-8", "replace")
            query = {key: str(rng.choice(WEIRD)) for key in query}
        broken = Request(request.method, path, query, request.headers, body, request.root)
        try:
            with at_most(MOST_SECONDS_OF_REQUESTS):
                answer = service.handle(broken)
        except Late:
            faults.append(Fault(path, f"more than {MOST_SECONDS_OF_REQUESTS} s", body))
            continue
        counts[str(answer.status)] += 1
        if answer.status >= 500 and answer.status != 501:
            faults.append(Fault(path, f"HTTP {answer.status}", body))
        elif answer.status == 200 and path.endswith("value:compute"):
            with at_most(MOST_SECONDS_OF_REQUESTS):
                again = service.handle(broken)
            json.loads(answer.body, parse_constant=_no_json)
            if (again.status, again.body) != (200, answer.body):
                faults.append(Fault(path, "another answer when asked again", body))
    return counts, faults


def _no_json(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


# -- Files


def fuzz_reader(name: str, folder: Path, cases: int, seed: int) -> tuple[Counter[str], list[Fault]]:
    """Read broken files of a kind; returns how many were read or refused, and what went wrong: an accident,
    or a reading that is not what the file says.
    """
    reader, rng = READERS[name], random.Random(seed)
    valid = reader.make(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = reader.read(valid)
        content = valid.read_bytes()
        if reader.check:
            reader.check(valid, whole)
        counts: Counter[str] = Counter()
        faults: list[Fault] = []
        for _ in range(cases):
            broken = mutate_bytes(content, rng)
            valid.write_bytes(broken)
            try:
                with at_most(MOST_SECONDS):
                    found = reader.read(valid)
                counts["read"] += 1
                if reader.check:
                    reader.check(valid, found)
            except SmgeeError:
                counts["refused"] += 1
            except (Exception, Late) as error:
                faults.append(Fault(name, f"{type(error).__name__}: {error}"[:200], broken))
    return counts, faults


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Raise `Late` in the main thread after so many seconds of processor time."""

    def ring(_: int, __: FrameType | None) -> None:
        raise Late

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def main() -> None:
    """Fuzz the service and every reader, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000, help="Cases in all, half of them requests.")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    found: list[Fault] = []
    with tempfile.TemporaryDirectory() as folder:
        with smgee.connect(store=Path(folder) / "store") as session:
            assert session.service is not None
            requests = record_requests(session)
            counts, faults = fuzz_service(session.service, requests, given.cases // 2, given.seed)
        print(f"requests: {dict(counts)}, {len(faults)} faults", flush=True)
        found += faults
        for name in READERS:
            place = Path(folder) / name.replace(" ", "_")
            place.mkdir()
            counts, faults = fuzz_reader(name, place, given.cases // 2 // len(READERS), given.seed)
            print(f"{name}: {dict(counts)}, {len(faults)} faults", flush=True)
            found += faults
    for how, number in Counter((fault.what[:60], fault.how[:120]) for fault in found).most_common(40):
        print(number, *how)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
