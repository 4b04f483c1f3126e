"""How requests leave this process: over HTTP, and counted.

A transport has httplib2's `request`, which the official client accepts in place of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from smgee.remote.ledger import LEDGER, Ledger, kind_of

if TYPE_CHECKING:
    import httplib2

# An interactive request may compute for five minutes (guide "Usage"); without an answer long after that, the
# connection is dead.
_CONNECT_S, _READ_S = 30.0, 600.0


class HttpTransport:
    """Sends requests over pooled connections; thread-safe.

    Parameters
    ----------
    trust_env : bool
        Heed the environment's proxies and netrc file, which are not for loopback.
    """

    def __init__(self, *, trust_env: bool = True) -> None:
        import requests

        self._session = requests.Session()
        self._session.trust_env = trust_env
        adapter = requests.adapters.HTTPAdapter(pool_connections=4, pool_maxsize=64)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        redirections: int | None = None,
        connection_type: Any = None,
    ) -> tuple[httplib2.Response, bytes]:
        """Send one request; `TimeoutError`, `ConnectionError` for a broken connection: the kinds of exception
        that the client repeats by itself.
        """
        import httplib2
        import requests

        try:
            answer = self._session.request(
                method, uri, data=body, headers=dict(headers or {}), timeout=(_CONNECT_S, _READ_S)
            )
        except requests.exceptions.Timeout as error:
            raise TimeoutError(str(error)) from error
        except requests.exceptions.SSLError:
            raise  # a certificate that is not trusted will not be the next time either
        except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            raise ConnectionError(str(error)) from error
        return httplib2.Response({**answer.headers, "status": str(answer.status_code)}), answer.content

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()


class Metered:
    """Writes every request of another transport into a ledger."""

    def __init__(self, transport: Any, *, ledger: Ledger = LEDGER) -> None:
        self._transport = transport
        self._ledger = ledger

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        redirections: int | None = None,
        connection_type: Any = None,
    ) -> tuple[httplib2.Response, bytes]:
        """Pass one request on, and count it."""
        kind, up = kind_of(uri), len(body) if isinstance(body, (bytes, str)) else 0
        try:
            response, content = self._transport.request(uri, method, body=body, headers=headers)
        except Exception as error:
            self._ledger.request(kind, up=up, failure=type(error).__name__)
            raise
        status = int(response.status)
        failure = str(status) if status >= 400 else None
        self._ledger.request(kind, up=up, down=len(content), failure=failure)
        return response, content

    def close(self) -> None:
        """Close the transport below."""
        self._transport.close()
