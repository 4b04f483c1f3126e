"""The service over loopback HTTP: for map tiles, downloads, and other processes."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from smgee.eelocal.rest import routes  # noqa: F401  registers them
from smgee.eelocal.rest.service import Request, Service
from smgee.loopback import LoopbackHttp, is_loopback

# What a page of any origin may fetch: pictures and files behind unguessable names.
_PUBLIC = re.compile(
    r"/v1(alpha|beta)?/projects/[^/]+/"
    r"(maps|thumbnails|videoThumbnails|filmstripThumbnails|tables)/[^/]+[:/].+"
)


class LoopbackServer(LoopbackHttp):
    """Serves an embedded Earth Engine.

    Parameters
    ----------
    service : Service
        Who answers.
    port : int
        0 for any free one.
    """

    def __init__(self, service: Service, *, port: int = 0):
        super().__init__(lambda: _app(service), port=port)
        self.service = service


def _cors(method: str, path: str, host: str, origin: str | None) -> dict[str, str] | None:
    """Return the CORS headers of an answer; None where the request must be refused.

    The service can write files, so a page that the user happens to visit must not be able to call it: only
    loopback hosts are answered (a name that resolves here does not count), and foreign origins get no further
    than tiles and downloads.
    """
    if not is_loopback(host):
        return None
    headers = {"cross-origin-resource-policy": "cross-origin"}
    if origin is None:
        return headers | ({"access-control-allow-origin": "*"} if _PUBLIC.fullmatch(path) else {})
    if is_loopback(urlsplit(origin).netloc):
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
    from anyio.to_thread import run_sync
    from starlette.applications import Starlette
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
        body = b""
        async for chunk in web.stream():
            body += chunk
            if len(body) > service.limits.payload_bytes:
                break  # the service refuses it; what follows is not read
        method = "GET" if web.method == "HEAD" else web.method
        request = Request.parse(method, str(web.url), dict(web.headers), body)
        # a server that stops does not wait for the answer
        response = await run_sync(service.handle, request, abandon_on_cancel=True)
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
