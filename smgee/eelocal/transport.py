"""How the official client reaches the service: an object with httplib2's `request`, in process or over
loopback HTTP.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Any

import httplib2

from smgee.eelocal.service import Request, Service

__all__ = ["LoopbackTransport", "Transport"]


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


class LoopbackTransport:
    """Reaches a service that another process runs on this machine, past any configured proxy. Thread-safe."""

    def __init__(self) -> None:
        import requests

        self._session = requests.Session()
        self._session.trust_env = False  # proxies and netrc of the environment are not for loopback
        adapter = requests.adapters.HTTPAdapter(pool_connections=4, pool_maxsize=64)
        self._session.mount("http://", adapter)

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        redirections: int | None = None,
        connection_type: Any = None,
    ) -> tuple[httplib2.Response, bytes]:
        """Send one request with httplib2's semantics; broken connections are errors that the client
        retries.
        """
        import requests

        try:
            answer = self._session.request(method, uri, data=body, headers=dict(headers or {}))
        except requests.exceptions.Timeout as error:
            raise TimeoutError(str(error)) from error
        except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            raise ConnectionError(str(error)) from error
        return httplib2.Response({**answer.headers, "status": str(answer.status_code)}), answer.content

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()
