"""How the official client reaches the service in process: an object with httplib2's `request`."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Any

import httplib2

from smgee.eelocal.rest import routes  # noqa: F401  registers them
from smgee.eelocal.rest.service import Request, Service


class Transport:
    """Answers requests in process. Thread-safe; one object serves every thread of the client.

    Parameters
    ----------
    service : Service
        Who answers.
    """

    def __init__(self, service: Service):
        self.service = service

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        redirections: int | None = None,
        connection_type: Any = None,
    ) -> tuple[httplib2.Response, bytes]:
        """Answer one request with httplib2's semantics."""
        if hasattr(body, "read"):
            body = body.read()  # type: ignore[union-attr]
        answer = self.service.handle(Request.parse(method, uri, headers, body))
        if answer.cut:
            half = answer.body[: len(answer.body) // 2]
            raise http.client.IncompleteRead(half, len(answer.body) - len(half))
        response = httplib2.Response(
            {
                "status": str(answer.status),
                "content-type": answer.content_type,
                "content-length": str(len(answer.body)),
                **answer.headers,
            }
        )
        return response, answer.body

    def close(self) -> None:
        """Do nothing: there is no connection."""
