"""Sessions: connecting, attaching from other processes, and ending."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from typing import Any

import ee
import pytest

import smgee
from smgee.cache import KEPT
from smgee.eelocal.assets.catalog import add_files
from smgee.remote import LEDGER, LoginRequired, Outage
from smgee.session import current_session, default_store, fault_plan


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    (tmp_path / "points.csv").write_text("name,lon,lat\na,99.5,37.2\nb,99.6,37.3\n")
    add_files(tmp_path / "cat", "projects/my-project/assets/points", [tmp_path / "points.csv"])
    return tmp_path / "cat"


def size() -> int:
    return ee.FeatureCollection("projects/my-project/assets/points").size().getInfo()


def test_the_demo_catalog_is_the_default(tmp_path: Path) -> None:
    with smgee.connect(store=tmp_path) as session:
        assert session.backend == "embedded"
        assert current_session() is session
        assert (
            ee.ImageCollection("NASA/HLS/HLSS30/v002").filterDate("2021-07-01", "2021-07-20").size().getInfo()
            > 0
        )
        assert ee.data.getAsset("NASA/HLS/HLSS30/v002")["properties"]["synthetic"] == 1
    assert current_session() is None
    with pytest.raises(ee.EEException, match="not initialized"):
        ee.Number(1).getInfo()


def test_a_catalog_takes_the_place_of_the_demo(catalog: Path, tmp_path: Path) -> None:
    with smgee.connect("embedded", catalog=catalog, store=tmp_path):
        assert size() == 2
        with pytest.raises(ee.EEException, match="not found"):
            ee.data.getAsset("NASA/HLS/HLSS30/v002")


def test_nothing_of_an_ended_session_is_kept(tmp_path: Path) -> None:
    """Sessions by the dozen, as in a suite or a notebook, take no more memory than one."""
    with smgee.connect(store=tmp_path) as session:
        assert session.service is not None
        sources = [weakref.ref(source) for source in session.service.store.sources]
        scene = ee.ImageCollection("NASA/HLS/HLSS30/v002").filterDate("2021-07-01", "2021-07-20").first()
        grid = {"dimensions": {"width": 4, "height": 4}, "crsCode": "EPSG:32647"}
        grid["affineTransform"] = {
            "scaleX": 30,
            "scaleY": -30,
            "translateX": 570_000,
            "translateY": 4_150_000,
        }
        ee.data.computePixels({"expression": scene, "fileFormat": "NPY", "grid": grid})
    assert sources
    assert KEPT.used == 0
    del session
    gc.collect()
    assert not [source for source in sources if source() is not None]


def test_connecting_again_ends_the_former_session(catalog: Path, tmp_path: Path) -> None:
    first = smgee.connect(sources=[], store=tmp_path)
    second = smgee.connect(catalog=catalog, store=tmp_path)
    assert first.closed
    assert size() == 2
    first.close()
    assert size() == 2, "closing a session that is over ends no other one"
    second.close()


def _size_elsewhere(url: str) -> int:
    with smgee.connect("embedded", url=url) as session:
        assert session.url == url
        return size()


def test_other_processes_attach(catalog: Path, tmp_path: Path) -> None:
    with (
        smgee.connect(catalog=catalog, store=tmp_path, serve=True) as session,
        ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool,
    ):
        assert list(pool.map(_size_elsewhere, [session.url] * 2)) == [2, 2]


def test_faults_reach_the_client_and_are_retried(catalog: Path, tmp_path: Path) -> None:
    with (
        smgee.connect(catalog=catalog, store=tmp_path, faults=fault_plan(1.0, ["memory"])),
        pytest.raises(ee.EEException, match="User memory limit"),
    ):
        size()
    with smgee.connect(
        catalog=catalog, store=tmp_path, faults=fault_plan(1.0, ["503"], routes=["compute"], limit=2)
    ) as session:
        assert size() == 2
        assert session.service.faults.injected == 2


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"backend": "mock"}, smgee.InputError, "'embedded' or 'earthengine'"),
        ({"project": "demo"}, smgee.InputError, "6 to 30"),
        ({"catalog": "no-such-folder"}, smgee.InputError, "holds no catalog.json"),
        ({"url": "http://127.0.0.1:9"}, smgee.RemoteError, "Nothing answers"),
        ({"url": "https://earthengine.googleapis.com"}, smgee.InputError, "loopback"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: dict[str, str], error: type[Exception], match: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=match) as caught:
        smgee.connect(**arguments, **({} if "url" in arguments else {"store": tmp_path}))
    assert "\n" not in str(caught.value)
    assert current_session() is None


def test_nothing_is_fetched_from_the_network(tmp_path: Path) -> None:
    code = f"""
import socket, urllib.request
def refuse(*a, **k): raise AssertionError("network")
urllib.request.urlopen = refuse
connect = socket.socket.connect
def only_loopback(self, address):
    assert address[0] == "127.0.0.1", address
    return connect(self, address)
socket.socket.connect = only_loopback
import warnings; warnings.simplefilter("error")
import smgee
smgee.connect(sources=[], store={str(tmp_path)!r})
import ee
assert ee.Number(1).add(1).getInfo() == 2
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    ee.ImageCollection("COPERNICUS/DEM/GLO30")
assert any("GLO30_2024_1" in str(w.message) for w in caught)
print("quiet")
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "quiet", done.stderr


def test_the_store_is_the_users_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SMGEE_STORE", str(tmp_path / "mine"))
    assert default_store() == tmp_path / "mine"
    with smgee.connect(sources=[]) as session:
        ee.data.createFolder(f"{session.asset_root}/results")
    with smgee.connect(sources=[]) as session:
        assert [a["id"] for a in ee.data.listAssets(session.asset_root)["assets"]] == [
            f"{session.asset_root}/results"
        ]


# -- the real service, as far as it can be had on loopback: its login server and its API


class LoginServer(HTTPServer):
    """Answers requests for an access token with one status and body."""

    def __init__(self, status: int, body: dict[str, Any]):
        super().__init__(("127.0.0.1", 0), _Answer)
        self.status, self.content = status, json.dumps(body).encode()
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/token"


class _Answer(BaseHTTPRequestHandler):
    server: LoginServer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(self.server.status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Store credentials, and let the login server answer as told; None for no server at all."""
    folder = tmp_path / ".config" / "earthengine"
    folder.mkdir(parents=True)
    (folder / "credentials").write_text(json.dumps({"refresh_token": "r", "project": "my-project"}))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "EARTHENGINE_PROJECT", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    servers: list[LoginServer] = []

    def answer(status: int | None, body: dict[str, Any] | None = None) -> None:
        url = "http://127.0.0.1:9/token"
        if status is not None:
            servers.append(LoginServer(status, body or {}))
            url = servers[-1].url
        monkeypatch.setattr("ee.oauth.TOKEN_URI", url)

    yield answer
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_expired_login_says_how_to_renew_it(login: Callable[..., None]) -> None:
    login(400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
    with pytest.raises(LoginRequired, match=r"expired or revoked.*`earthengine authenticate`") as caught:
        smgee.connect("earthengine")
    assert "\n" not in str(caught.value)
    assert current_session() is None


def test_a_missing_login_says_how_to_get_one(login: Callable[..., None], tmp_path: Path) -> None:
    login(None)
    (tmp_path / ".config" / "earthengine" / "credentials").unlink()
    with pytest.raises(LoginRequired, match=r"No login .* run `earthengine authenticate`"):
        smgee.connect("earthengine", project="my-project")


@pytest.mark.parametrize(("status", "body"), [(None, {}), (503, {"error": "temporarily_unavailable"})])
def test_a_machine_that_is_offline_is_told_so(
    login: Callable[..., None], status: int | None, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smgee.session.CLIENT_RETRIES", 0)
    login(status, body)
    with pytest.raises(Outage, match=r"cannot be reached.*check the network"):
        smgee.connect("earthengine")


def test_the_real_service_is_reached_and_counted(
    login: Callable[..., None], catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login(200, {"access_token": "t", "expires_in": 3600, "token_type": "Bearer"})
    code = (
        "import smgee, sys; s = smgee.connect(catalog=sys.argv[1], store=sys.argv[2], serve=True); "
        "print(s.url, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(catalog), str(tmp_path / "store")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        monkeypatch.setattr("ee.data.HIGH_VOLUME_API_BASE_URL", other.stdout.readline().strip())
        with LEDGER.measure() as meter, smgee.connect("earthengine", high_volume=True) as session:
            assert session.project == "my-project"
            assert size() == 2
        other.communicate("")
    assert meter.spent.requests["value:compute"] == 1
    assert not meter.spent.failures
