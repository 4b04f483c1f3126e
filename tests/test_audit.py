"""The audit of `make check` finds what it looks for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import requests

from tests import audit

# Spelled in pieces, so that this file holds no secret.
SECRETS = {
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a key of a Google service": "AI" + "za" + "a1B2c3D4e5" * 3 + "f6G7h",
    "a token of a Google login": "ya" + "29.a0AfH6SMBx" + "x" * 20,
    "a token of GitHub": "gh" + "p_" + "aB3" * 12,
    "a key of AWS": "AK" + "IA" + "ABCDEFGH12345678",
    "a password in a URL": "https://me:" + "hunter22" + "@example.org",
    "a login": "pass" + 'word = "correct-horse-battery"',
}


@pytest.mark.parametrize("kind", SECRETS)
def test_secrets_are_found(kind: str) -> None:
    assert (2, kind) in list(audit.secrets_in(f"first line\n{SECRETS[kind]}\n".encode()))


def test_no_tracked_file_holds_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.audit_secrets() == 0
    assert "tracked files" in capsys.readouterr().out


def test_an_advisory_of_a_clone_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "vulns" / "some-package"
    folder.mkdir(parents=True)
    for number, more in ((1, ""), (2, "withdrawn: '2026-01-01T00:00:00Z'\n")):
        (folder / f"PYSEC-2026-{number}.yaml").write_text(
            f"id: PYSEC-2026-{number}\naffected:\n- versions: ['1.0', '1.1']\n{more}"
        )
    versions = audit.pins("# of a project\nSome.Package==1.1\nother==2.0\n")
    assert versions == {"some-package": "1.1", "other": "2.0"}
    assert audit.look_up(versions, tmp_path) == {"some-package": ["PYSEC-2026-1"]}
    assert audit.look_up(versions | {"some-package": "1.2"}, tmp_path) == {}


@pytest.fixture
def database() -> Iterator[str]:
    """A server that answers as the one of OSV is documented to; one package has an advisory."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["queries"]
            assert all(q["package"]["ecosystem"] == "PyPI" for q in asked)
            results = [{"vulns": [{"id": "GHSA-1"}]} if q["package"]["name"] == "bad" else {} for q in asked]
            content = json.dumps({"results": results}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/querybatch"
    server.shutdown()


def test_an_advisory_of_the_network_is_found(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert audit.ask_osv({"good": "1.0", "bad": "2.0"}, database) == {"bad": ["GHSA-1"]}


def test_without_a_network_it_says_that_nothing_was_audited(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(versions: object) -> None:
        raise requests.ConnectionError

    monkeypatch.setattr(audit, "ask_osv", unreachable)
    assert audit.audit_dependencies(None) == 0
    assert "NOT audited" in capsys.readouterr().out
