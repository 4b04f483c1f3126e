"""Assets that are published together or not at all, and what is refused before anything is computed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import ee
import numpy as np
import pytest
import xarray as xr

import smgee
from smgee.errors import InputError
from smgee.publish import (
    check_publishing,
    ensure_folder,
    list_assets,
    publish_model,
    publish_stations,
    together,
)
from smgee.remote import bucket_uploader, check_bucket
from smgee.trees.layout import assemble

FOLDER = "projects/smgee-embedded/assets/results/pali"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[smgee.Session]:
    with smgee.connect(sources=[], store=tmp_path) as session:
        yield session


def stations(*names: str) -> xr.Dataset:
    lon = ("station", np.linspace(99.5, 99.6, len(names)))
    return xr.Dataset({"lon": lon, "lat": ("station", np.full(len(names), 37.2))}, {"station": list(names)})


def model() -> Any:
    tree = {
        "feature": np.array([0, -1, -1]),
        "threshold": np.array([0.5, 0, 0]),
        "left": np.array([1, -1, -1]),
        "right": np.array([2, -1, -1]),
        "value": np.array([0, 0.1, 0.3]),
        "missing_left": np.array([True, False, False]),
    }
    return assemble([tree], feature_names=("ndvi",), comparison="lt")


def names(folder: str = FOLDER) -> set[str]:
    return {asset["name"].rsplit("/", 1)[-1] for asset in list_assets(folder)}


def size(asset: str) -> int:
    return ee.FeatureCollection(f"{FOLDER}/{asset}").size().getInfo()


def test_assets_appear_together_with_their_cards(session: smgee.Session) -> None:
    with together(FOLDER) as staging:
        publish_stations(stations("a", "b"), f"{staging}/stations", properties={"study": "pali"})
        publish_model(model(), f"{staging}/model", properties={"study": "pali", "r": 0.9})
        assert names() == {staging.rsplit("/", 1)[-1]}, "nothing is there before all of it is"
    assert names() == {"model", "stations"}
    assert size("stations") == 2
    assert ee.data.getAsset(f"{FOLDER}/model")["properties"]["r"] == 0.9
    assert ee.data.getAsset(f"{FOLDER}/stations")["properties"]["study"] == "pali"
    number = ee.Image.constant(0.7).rename("ndvi").classify(ee.Classifier.load(f"{FOLDER}/model"))
    point = ee.Geometry.Point([99.5, 37.2])
    assert number.reduceRegion("first", point, 30).get("classification").getInfo() == pytest.approx(0.3)


def test_a_failure_leaves_what_was_there(session: smgee.Session) -> None:
    with together(FOLDER) as staging:
        publish_stations(stations("a"), f"{staging}/stations", properties={})
    without_places = stations("d").assign(lon=("station", [np.nan]))

    def publish_two() -> None:
        with together(FOLDER) as staging:
            publish_stations(stations("a", "b", "c"), f"{staging}/stations", properties={})
            publish_stations(without_places, f"{staging}/more", properties={})

    with pytest.raises(InputError, match="no coordinates"):
        publish_two()
    assert names() == {"stations"}
    assert size("stations") == 1


def test_leftovers_of_a_killed_writer_are_removed(session: smgee.Session) -> None:
    with together(FOLDER) as staging:
        pass
    ensure_folder(staging)
    publish_stations(stations("old"), f"{staging}/forgotten", properties={})
    with together(FOLDER) as staging:
        publish_stations(stations("a", "b"), f"{staging}/stations", properties={})
    assert names() == {"stations"}


def test_assets_of_others_are_not_overwritten_by_mistake(session: smgee.Session) -> None:
    wanted = ["season_mean", "stations"]
    check_publishing(FOLDER, study="pali", names=wanted)
    assert names() == set(), "what was written to try it is gone"
    publish_stations(stations("a"), f"{FOLDER}/stations", properties={"study": "pali"})
    check_publishing(FOLDER, study="pali", names=wanted)
    with pytest.raises(InputError, match="holds stations already, not of the study 'naqu'"):
        check_publishing(FOLDER, study="naqu", names=wanted)
    check_publishing(FOLDER, study="naqu", names=wanted, overwrite=True)
    check_publishing(FOLDER, study="naqu", names=["season_mean"])


@pytest.mark.parametrize("folder", ["results", "users/me/x", "projects/p/assets/x", f"{FOLDER}/a b"])
def test_a_folder_that_can_be_none_is_refused(session: smgee.Session, folder: str) -> None:
    with pytest.raises(InputError, match="is not an asset folder"):
        check_publishing(folder, study="pali", names=[])


# -- Cloud Storage, as its client finds it where an emulator is named


class Storage(BaseHTTPRequestHandler):
    """Buckets: ``mine`` may be written to, ``readable`` not, ``secret`` is denied; others do not exist."""

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        bucket = re.search(r"/b/([^/]+)/iam/testPermissions", self.path)
        granted = {
            "mine": ["storage.objects.create", "storage.objects.delete"],
            "readable": ["storage.objects.delete"],
        }
        if bucket is None or bucket[1] not in (*granted, "secret"):
            self._answer(404, {"error": {"code": 404, "message": "The specified bucket does not exist."}})
        elif bucket[1] == "secret":
            self._answer(403, {"error": {"code": 403, "message": "The caller does not have permission."}})
        else:
            self._answer(200, {"permissions": granted[bucket[1]]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received += body  # type: ignore[attr-defined]
        self.server.uploads += 1  # type: ignore[attr-defined]
        if self.server.uploads == 1:  # type: ignore[attr-defined]
            self._answer(503, {"error": {"code": 503, "message": "Try again."}})
        else:
            self._answer(200, {"name": "map.tif", "bucket": "mine"})

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Storage)
    server.received, server.uploads = b"", 0  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("smgee.remote.calls.WAIT_S", 0.01)
    yield server
    server.shutdown()
    server.server_close()


def test_a_bucket_is_checked_before_it_is_needed(storage: HTTPServer) -> None:
    check_bucket("mine", project="my-project")
    with pytest.raises(InputError, match=r"may not write.*'readable'.*storage\.objects\.create"):
        check_bucket("readable", project="my-project")
    for name in ("absent", "secret"):
        with pytest.raises(InputError, match=f"'{name}' does not exist, or not for this login"):
            check_bucket(name, project="my-project")


def test_an_upload_outlives_an_outage(storage: HTTPServer, tmp_path: Path) -> None:
    (tmp_path / "map.tif").write_bytes(b"pixels of a map")
    upload = bucket_uploader("mine", project="my-project")
    assert upload(tmp_path / "map.tif") == "gs://mine/map.tif"
    assert b"pixels of a map" in storage.received  # type: ignore[attr-defined]
    assert storage.uploads == 2  # type: ignore[attr-defined]
