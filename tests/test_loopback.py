"""The server on the loopback address: who it is, and how it ends."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from smgee.errors import InputError
from smgee.loopback import LoopbackHttp, is_loopback

PROGRAM = """
import signal
import time

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from smgee.loopback import LoopbackHttp

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it puts behind
server = LoopbackHttp(lambda: Starlette(routes=[Route("/", lambda request: PlainTextResponse("here"))]))
server.start()
print(server.url, flush=True)
try:
    server.run()
except KeyboardInterrupt:
    print("interrupted", flush=True)
finally:
    server.close()
    time.sleep(1)  # whatever thread is left may complain
"""


def test_an_interrupt_ends_it_without_a_word():
    """A thread waited for by `join` counts as ended once that is interrupted (CPython before 3.13)."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    assert opener.open(url, timeout=60).read() == b"here"
    process.send_signal(signal.SIGINT)
    said, complaint = process.communicate(timeout=60)
    assert said.strip() == "interrupted"
    assert complaint == ""
    assert process.returncode == 0


def test_what_is_asked_while_it_ends_is_refused_as_unavailable(caplog):
    """Not as an error of the server, with a traceback in the log."""
    begun, over = threading.Event(), threading.Event()

    def slow(request: Request) -> Response:
        begun.set()
        over.wait(30)
        return PlainTextResponse("late")

    async def answer(request: Request) -> Response:
        return await run_sync(slow, request, abandon_on_cancel=True)

    server = LoopbackHttp(lambda: Starlette(routes=[Route("/", answer)]))
    server.start()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(requests.get, server.url, timeout=60)
        assert begun.wait(30)
        server.close()
        answered = asked.result()
        over.set()
    assert (answered.status_code, answered.json()["error"]["status"]) == (503, "UNAVAILABLE")
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("127.0.0.1:80", True),
        ("localhost", True),
        ("[::1]:8080", True),
        ("127.0.0.1.example.org", False),
        ("example.org", False),
        ("", False),
        ("[::1", False),
    ],
)
def test_only_names_of_this_machine_are_loopback(name, here):
    assert is_loopback(name) is here


def test_ports_that_are_none_or_taken_are_refused():
    with pytest.raises(InputError, match="not a port number"):
        LoopbackHttp(lambda: None, port=70000)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="cannot be used"):
            LoopbackHttp(lambda: None, port=taken.getsockname()[1])
