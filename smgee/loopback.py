"""A web server on this machine's loopback address, for programs and pages of this machine alone."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from smgee.errors import InputError

HOST = "127.0.0.1"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_loopback(netloc: str) -> bool:
    """Whether ``host`` or ``host:port`` names this machine; a name that resolves to it does not count."""
    try:
        return urlsplit(f"//{netloc}").hostname in _LOOPBACK
    except ValueError:
        return False


STOPPED = b'{"error":{"code":503,"message":"The server is being stopped.","status":"UNAVAILABLE"}}'


def _until_the_end(app: Any) -> Any:
    """Answer what a server that stops no longer waits for: cancelled, it would be an error of the server."""

    async def answered(scope: Any, receive: Any, send: Any) -> None:
        begun = False

        async def noted(message: Any) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await app(scope, receive, noted)
        except asyncio.CancelledError:
            if begun:
                raise
            headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": STOPPED})

    return answered


class LoopbackHttp:
    """Holds a port from the beginning, and serves it once asked to.

    Binding is cheap, so that URLs can be given out at once; the web server and its threads start with the
    first of them that will be fetched.

    Parameters
    ----------
    make_app : callable
        Makes the ASGI application that answers.
    port : int
        0 for any free one.

    Raises
    ------
    InputError
        When the port is taken, or no port number.
    """

    def __init__(self, make_app: Callable[[], Any], *, port: int = 0):
        if not 0 <= port <= 65535:  # 16 bits, as TCP has them
            raise InputError(
                f"Port {port} is not a port number; choose one from 1 to 65535, or 0 for any free one."
            )
        self._make_app = make_app
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((HOST, port))
        except OSError as error:
            self._socket.close()
            raise InputError(
                f"Port {port} on {HOST} cannot be used ({error.strerror}); choose another one, or 0 for any."
            ) from error
        self.port: int = self._socket.getsockname()[1]
        self._lock = threading.Lock()
        self._server: Any = None
        self._serving = threading.Event()
        self._ended = threading.Event()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://{HOST}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether requests are answered."""
        return self._serving.is_set() and not self._ended.is_set()

    def start(self) -> None:
        """Serve in a background thread; returns when the first request would be answered. A second call
        does nothing.
        """
        with self._lock:
            if self.running:
                return
            import uvicorn

            config = uvicorn.Config(
                _until_the_end(self._make_app()),
                log_level="warning",
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=1,
            )
            self._server = uvicorn.Server(config)
            self._server.install_signal_handlers = lambda: None  # signals belong to the host program
            self._ended.clear()
            self._serving.set()
            threading.Thread(target=self._serve, name="smgee-http", daemon=True).start()
            while not self._server.started and self.running:
                time.sleep(0.005)

    def _serve(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._ended.set()

    def run(self) -> None:
        """Serve in this thread until interrupted."""
        self.start()
        # an interrupted Thread.join would take the thread for ended (CPython before 3.13)
        while self.running:
            self._ended.wait(0.5)

    def close(self) -> None:
        """Stop serving and give the port back."""
        with self._lock:
            if self._server is not None:
                self._server.should_exit = True
                self._ended.wait(5)
            self._socket.close()
