"""What the client asks when it starts: the discovery document, the algorithms, the project's
configuration.
"""

from __future__ import annotations

from functools import lru_cache

from smgee.eelocal.engine.spec import client_file
from smgee.eelocal.errors import EEError
from smgee.eelocal.rest.discovery import discovery_document
from smgee.eelocal.rest.service import JSON, Request, Response, Service, route


@route("GET", r"\$discovery/rest")
def get_discovery(service: Service, request: Request) -> Response:
    """Answer the discovery document for the base URL that was asked."""
    return Response(200, discovery_document(request.root), JSON)


@lru_cache(maxsize=1)
def _algorithms() -> bytes:
    return client_file("algorithms.json").read_bytes()


@route("GET", r"projects/(?P<project>[^/]+)/algorithms")
def list_algorithms(service: Service, request: Request, project: str) -> Response:
    """Answer every official signature, as the client expects them; whether each is implemented shows when
    it is called.
    """
    return Response(200, _algorithms(), JSON)


@route("GET", r"projects/(?P<project>[^/]+)/config")
def get_config(service: Service, request: Request, project: str) -> Response:
    """Answer the project's configuration."""
    return Response.json({"name": f"projects/{project}/config", **service.config})


@route("PATCH", r"projects/(?P<project>[^/]+)/config")
def update_config(service: Service, request: Request, project: str) -> Response:
    """Change how many exports run at once."""
    body = request.json()
    value = body.get("maxConcurrentExports", body.get("max_concurrent_exports"))
    if not isinstance(value, int) or not 1 <= value <= 100:
        raise EEError(f"max_concurrent_exports must be an integer between 1 and 100, got {value!r}.")
    service.config["maxConcurrentExports"] = value
    service.operations.resize(value)
    return get_config(service, request, project)
