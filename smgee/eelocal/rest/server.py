"""The service over loopback HTTP: for map tiles, downloads, and other processes."""

from __future__ import annotations

import re
import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from smgee.eelocal.rest import routes  # noqa: F401  registers them
from smgee.eelocal.rest.service import Request, Service
from smgee.errors import InputError

__all__ = ["LoopbackServer"]

HOST = "127.0.0.1"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# What a page of any origin may fetch: pictures and files behind unguessable names.
_PUBLIC = re.compile(
    r"/v1(alpha|beta)?/projects/[^/]+/"
    r"(maps|thumbnails|videoThumbnails|filmstripThumbnails|tables)/[^/]+[:/].+"
)


class LoopbackServer:
    """Holds a port from the beginning, and serves it once asked to.

    Binding is cheap, so that URLs can be given out at once; the web server and its threads start with the
    first of them that will be fetched.

    Parameters
    ----------
    service : Service
        Who answers.
    port : int
        0 for any free one.

    Raises
    ------
    InputError
        When the port is taken, or no port number.
    """

    def __init__(self, service: Service, *, port: int = 0):
        if not 0 <= port <= 65535:  # 16 bits, as TCP has them
            raise InputError(
                f"Port {port} is not a port number; choose one from 1 to 65535, or 0 for any free one."
            )
        self.service = service
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
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://{HOST}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether requests are answered."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Serve in a background thread; returns when the first request would be answered. A second call
        does nothing.
        """
        with self._lock:
            if self.running:
                return
            import uvicorn

            config = uvicorn.Config(
                _app(self.service),
                log_level="warning",
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=1,
            )
            self._server = uvicorn.Server(config)
            self._server.install_signal_handlers = lambda: None  # signals belong to the host program
            self._thread = threading.Thread(
                target=self._server.run, kwargs={"sockets": [self._socket]}, name="smgee-http", daemon=True
            )
            self._thread.start()
            while not self._server.started and self._thread.is_alive():
                time.sleep(0.005)

    def run(self) -> None:
        """Serve in this thread until interrupted."""
        self.start()
        assert self._thread is not None
        while self._thread.is_alive():
            self._thread.join(0.5)

    def close(self) -> None:
        """Stop serving and give the port back."""
        with self._lock:
            if self._server is not None:
                self._server.should_exit = True
            if self._thread is not None:
                self._thread.join(5)
            self._socket.close()


def _cors(method: str, path: str, host: str, origin: str | None) -> dict[str, str] | None:
    """Return the CORS headers of an answer; None where the request must be refused.

    The service can write files, so a page that the user happens to visit must not be able to call it: only
    loopback hosts are answered (a name that resolves here does not count), and foreign origins get no further
    than tiles and downloads.
    """
    if urlsplit(f"//{host}").hostname not in _LOOPBACK:
        return None
    headers = {"cross-origin-resource-policy": "cross-origin"}
    if origin is None:
        return headers | ({"access-control-allow-origin": "*"} if _PUBLIC.fullmatch(path) else {})
    if urlsplit(origin).hostname in _LOOPBACK:
        return headers | {
            "access-control-allow-origin": origin,
            "access-control-allow-methods": "GET, POST, PATCH, DELETE, OPTIONS",
            "access-control-allow-headers": "*",
            "access-control-max-age": "3600",
            "vary": "origin",
        }
    if method in ("GET", "HEAD", "OPTIONS") and _PUBLIC.fullmatch(path):
        return headers | {"access-control-allow-origin": "*", "access-control-allow-methods": "GET, OPTIONS"}
    return None


def _app(service: Service) -> Any:
    """Return the ASGI application: every path goes to the service."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request as WebRequest
    from starlette.responses import Response as WebResponse
    from starlette.routing import Route

    async def answer(web: WebRequest) -> WebResponse:
        cors = _cors(web.method, web.url.path, web.headers.get("host", ""), web.headers.get("origin"))
        if cors is None:
            return WebResponse(
                "Pages of other origins may only fetch map tiles and downloads.", status_code=403
            )
        if web.method == "OPTIONS":
            return WebResponse(status_code=204, headers=cors)
        body = await web.body()
        method = "GET" if web.method == "HEAD" else web.method
        request = Request.parse(method, str(web.url), dict(web.headers), body)
        response = await run_in_threadpool(service.handle, request)
        headers = {**cors, **response.headers, "content-type": response.content_type}
        if response.cut:
            # Announce the whole length, send half: the server then breaks the connection.
            headers["content-length"] = str(len(response.body))
            return _Cut(response.body[: len(response.body) // 2], response.status, headers)
        return WebResponse(response.body, status_code=response.status, headers=headers)

    class _Cut(WebResponse):
        def init_headers(self, headers: Any = None) -> None:
            self.raw_headers = [(k.encode(), v.encode()) for k, v in (headers or {}).items()]

    methods = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"]
    return Starlette(routes=[Route("/{path:path}", answer, methods=methods)])
