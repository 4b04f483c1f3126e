"""The REST service: routes requests, enforces the limits, and turns errors into the answers that Google's
APIs give.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from shapely.errors import GEOSException

from smgee.cache import KEPT
from smgee.eelocal.assets.store import AssetStore
from smgee.eelocal.engine.context import Context, Limits
from smgee.eelocal.errors import EEError, NotFoundError
from smgee.eelocal.rest.faults import FAULTS, CutBody, FaultPlan
from smgee.eelocal.rest.links import Links
from smgee.eelocal.rest.messages import check_message, check_query
from smgee.eelocal.rest.pages import Pages
from smgee.eelocal.tasks.log import OperationLog
from smgee.eelocal.tasks.operations import Operations
from smgee.errors import SmgeeError

logger = logging.getLogger(__name__)

JSON = "application/json; charset=UTF-8"


@dataclass(frozen=True)
class Request:
    """One HTTP request; `path` has no version prefix and no leading slash, `root` is scheme and host."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    root: str

    @classmethod
    def parse(
        cls, method: str, uri: str, headers: Mapping[str, str] | None, body: bytes | str | None
    ) -> Request:
        """Build a request from a URL and what came with it; long GETs that travel as POSTs are recognised."""
        parts = urlsplit(uri)
        path = unquote(parts.path).lstrip("/")
        path = re.sub(r"^v1(alpha|beta)?/", "", path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        lowered = {k.lower(): v for k, v in (headers or {}).items()}
        content = body.encode() if isinstance(body, str) else body or b""
        override = lowered.get("x-http-method-override")
        if override:
            method = override
            query |= dict(parse_qsl(content.decode(), keep_blank_values=True))
            content = b""
        return cls(method.upper(), path, query, lowered, content, f"{parts.scheme}://{parts.netloc}")

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object."""
        if not self.body:
            return {}
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise EEError("Invalid JSON payload received.") from error
        if not isinstance(value, dict):
            raise EEError("Invalid JSON payload received: the root element must be an object.")
        if _HALF.search(self.body):  # half of a surrogate pair is no character, unless the other half follows
            try:
                json.dumps(value, ensure_ascii=False).encode()
            except UnicodeEncodeError as error:
                raise EEError("Invalid JSON payload received: a string is not valid Unicode.") from error
        check_message(value)
        return value


@dataclass(frozen=True)
class Response:
    """One HTTP answer; `cut` says that the connection breaks before the whole body has been sent."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False

    @classmethod
    def json(cls, value: Any, *, status: int = 200) -> Response:
        """Return `value` as JSON; NaN and infinities are written as strings, as protocol buffers do."""
        return cls(
            status,
            json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode(),
        )


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        if value != value:
            return "NaN"
        if value in (float("inf"), float("-inf")):
            return "Infinity" if value > 0 else "-Infinity"
        return value
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value


_HALF = re.compile(rb"\\u[dD][89a-fA-F]")

Handler = Callable[..., Response]
_ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []


def route(method: str, pattern: str) -> Callable[[Handler], Handler]:
    """Register a handler for paths that match `pattern` whole; named groups become keyword arguments."""

    def register(handler: Handler) -> Handler:
        _ROUTES.append((method, re.compile(pattern), handler))
        return handler

    return register


class Service:
    """The embedded Earth Engine behind one base URL.

    Parameters
    ----------
    store : AssetStore
        What can be read, and where new assets go.
    limits : Limits, optional
        Those of the real service by default.
    faults : FaultPlan, optional
        Faults to inject.
    drive : path, optional
        The local folder that stands for Google Drive.
    """

    def __init__(
        self,
        store: AssetStore,
        *,
        limits: Limits | None = None,
        faults: FaultPlan | None = None,
        drive: str | Path | None = None,
    ):
        self.store = store
        self.limits = limits or Limits()
        self.faults = faults
        self.drive = None if drive is None else Path(drive)
        self.context = Context(store=store, limits=self.limits)
        self.operations = Operations(
            log=None if store.user is None else OperationLog(store.user.root / ".operations")
        )
        self.links = Links()
        self.pages = Pages()
        self.config: dict[str, Any] = {"maxConcurrentExports": 2}
        self._slots = threading.BoundedSemaphore(self.limits.concurrent_requests)
        # Called before a URL is given out that is fetched over HTTP.
        self.on_link: Callable[[], None] = lambda: None

    def handle(self, request: Request) -> Response:
        """Answer a request; never raises."""
        if not self._slots.acquire(blocking=False):  # clients wait and repeat such requests
            code, status, message = FAULTS["concurrency"]
            return _error(code, message, status)
        try:
            return self._answer(request)
        finally:
            self._slots.release()

    def _answer(self, request: Request) -> Response:
        cut = False
        try:
            if self.faults is not None:
                try:
                    self.faults.strike(request.path, request.body)
                except CutBody:
                    cut = True
            if len(request.body) > self.limits.payload_bytes:
                raise EEError(f"Request payload size exceeds the limit: {self.limits.payload_bytes} bytes.")
            response = self._dispatch(request)
        except EEError as error:
            response = _error(error.code, error.message, error.status)
        except SmgeeError as error:
            response = _error(400, str(error), "INVALID_ARGUMENT")
        except RecursionError:
            response = _error(400, "The request is nested too deeply.", "INVALID_ARGUMENT")
        except (GEOSException, OverflowError) as error:
            response = _error(400, f"The request can't be computed: {error}.", "INVALID_ARGUMENT")
        except MemoryError:
            response = _error(400, "User memory limit exceeded.", "INVALID_ARGUMENT")
        except Exception:
            logger.exception("%s %s failed", request.method, request.path)
            response = _error(
                500,
                "An internal error has occurred. The log of smgee.eelocal.rest.service has the details.",
                "INTERNAL",
            )
        if response.status == 200 and "fields" in request.query and response.content_type == JSON:
            response = _select_fields(response, request.query["fields"])
        return Response(response.status, response.body, response.content_type, response.headers, cut=cut)

    def _dispatch(self, request: Request) -> Response:
        allowed = set()
        for method, pattern, handler in _ROUTES:
            match = pattern.fullmatch(request.path)
            if match is None:
                continue
            if method == request.method:
                check_query(request.query)
                return handler(self, request, **match.groupdict())
            allowed.add(method)
        if allowed:
            raise EEError(
                f"The method {request.method} is not allowed for {request.path}; use "
                f"{', '.join(sorted(allowed))}.",
                code=405,
            )
        raise NotFoundError(f"The embedded Earth Engine has no method at {request.method} {request.path}.")

    def close(self) -> None:
        """Stop the running operations and free what the service holds; what another one keeps goes with it,
        and is computed again.
        """
        self.operations.close()
        KEPT.clear()


def _error(code: int, message: str, status: str) -> Response:
    return Response.json({"error": {"code": code, "message": message, "status": status}}, status=code)


def _select_fields(response: Response, fields: str) -> Response:
    """Keep the top-level fields that a partial response asks for."""
    wanted = {re.split(r"[/(]", f.strip(), maxsplit=1)[0] for f in fields.split(",")}
    value = json.loads(response.body)
    if "*" in wanted or not isinstance(value, dict):
        return response
    return Response.json({k: v for k, v in value.items() if k in wanted})
