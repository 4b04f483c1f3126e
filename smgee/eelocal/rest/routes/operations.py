"""Long-running operations over REST."""

from __future__ import annotations

from smgee.eelocal.errors import EEError
from smgee.eelocal.rest.service import Request, Response, Service, route

_NAME = r"(?P<name>projects/[^/]+/operations/[^/:]+)"


@route("GET", r"projects/(?P<project>[^/]+)/operations")
def list_operations(service: Service, request: Request, project: str) -> Response:
    """Answer a page of the project's tasks, newest first."""
    size = int(request.query.get("pageSize") or 500)
    token = request.query.get("pageToken") or "0"
    if not token.isdigit() or size <= 0:
        raise EEError("Invalid page token or page size.")
    start = int(token)
    tasks = service.operations.list(project)
    answer: dict[str, object] = {"operations": [t.describe() for t in tasks[start : start + size]]}
    if start + size < len(tasks):
        answer["nextPageToken"] = str(start + size)
    return Response.json(answer)


@route("GET", _NAME)
def get_operation(service: Service, request: Request, name: str) -> Response:
    """Answer one task."""
    return Response.json(service.operations.get(name).describe())


@route("POST", _NAME + ":cancel")
def cancel_operation(service: Service, request: Request, name: str) -> Response:
    """Ask a task to stop."""
    service.operations.cancel(name)
    return Response.json({})


@route("POST", _NAME + ":wait")
def wait_operation(service: Service, request: Request, name: str) -> Response:
    """Answer a task when it is done, or after the time-out asked for (``"30s"``)."""
    timeout = float(str(request.json().get("timeout") or "30s").removesuffix("s"))
    return Response.json(service.operations.wait(name, min(timeout, 300.0)).describe())


@route("DELETE", _NAME)
def delete_operation(service: Service, request: Request, name: str) -> Response:
    """Forget a task that is done."""
    service.operations.forget(name)
    return Response.json({})
