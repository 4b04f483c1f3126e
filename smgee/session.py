"""Sessions: how smgee, `ee`, xee and geemap get connected to a backend."""

from __future__ import annotations

import atexit
import os
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from smgee.datasets import DEPRECATED
from smgee.errors import InputError, RemoteError
from smgee.late import ee
from smgee.machine import usable_cores
from smgee.remote import LoginRequired, call
from smgee.remote.transport import HttpTransport, Metered
from smgee.source import Source

if TYPE_CHECKING:
    from smgee.eelocal.engine.context import Limits
    from smgee.eelocal.rest.faults import FaultPlan
    from smgee.eelocal.rest.server import LoopbackServer
    from smgee.eelocal.rest.service import Service

__all__ = [
    "Access",
    "Session",
    "connect",
    "current_session",
    "default_store",
    "fault_plan",
    "parallel_requests",
]

EMBEDDED_PROJECT = "smgee-embedded"
CLIENT_RETRIES = 3
"""How often the client repeats a failing request by itself, below `smgee.remote.call`, which counts and tells
its repetitions and knows when to stop."""
_lock = threading.RLock()
_current: Session | None = None


def default_store() -> Path:
    """Return the folder of the user's own assets: ``SMGEE_STORE``, or ``smgee/assets`` in the user's data
    folder.
    """
    if os.environ.get("SMGEE_STORE"):
        return Path(os.environ["SMGEE_STORE"]).expanduser()
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "smgee" / "assets"


@dataclass(frozen=True)
class Access:
    """How a process reaches a backend: what another one, on this machine or not, needs to do the same.

    Parameters
    ----------
    backend, project : str
        As `connect` takes them.
    options : tuple of (str, value)
        Further arguments of `connect`. Folders are those of this machine: on another they must lie alike.
    """

    backend: Literal["embedded", "earthengine"]
    project: str
    options: tuple[tuple[str, Any], ...] = ()

    def connect(self) -> Session:
        """Connect this process in the same way, unless it is."""
        with _lock:
            if _current is not None and _current.access == self:
                return _current
            return connect(self.backend, project=self.project, **dict(self.options))


class Session:
    """A connection of this process's Earth Engine client to a backend; a context manager.

    Attributes
    ----------
    backend : {"embedded", "earthengine"}
        Which one.
    project : str
        The Cloud project's id.
    url : str or None
        The base URL: loopback HTTP for the embedded backend, None for the real service's own.
    service : Service or None
        The embedded service when it runs in this process.
    access : Access
        How another process reaches the same backend.
    """

    access: Access

    def __init__(
        self,
        backend: str,
        project: str,
        url: str | None,
        *,
        service: Service | None = None,
        server: LoopbackServer | None = None,
        transport: Any = None,
    ):
        self.backend = backend
        self.project = project
        self.url = url
        self.service = service
        self._server = server
        self._transport = transport
        self.closed = False

    @property
    def asset_root(self) -> str:
        """The id below which this session writes assets, ``projects/<project>/assets``."""
        return f"projects/{self.project}/assets"

    def serve(self) -> str:
        """Start answering over loopback HTTP now, and return the base URL."""
        if self._server is None:
            if self.url is None:
                raise InputError("The session is connected to the real service, which needs no local server.")
            return self.url
        self._server.start()
        return self._server.url

    def wait(self) -> None:
        """Serve until interrupted."""
        if self._server is None:
            raise InputError("This session serves nothing; connect with backend 'embedded' and without url.")
        try:
            self._server.run()
        except KeyboardInterrupt:
            return

    def close(self) -> None:
        """End the session: the client is reset, the server stops, running tasks are stopped."""
        global _current
        with _lock:
            if self.closed:
                return
            self.closed = True
            if _current is self:
                _current = None
                ee.Reset()
            if self._server is not None:
                self._server.close()
            if self.service is not None:
                self.service.close()
            if self._transport is not None:
                self._transport.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else self.url or "connected"
        return f"<smgee session: {self.backend}, project {self.project}, {state}>"


def parallel_requests() -> int:
    """Return how many requests to have under way at once: one per core on the embedded backend, which
    computes them in this process; 8 on the
    real service, well below its 40 per project."""
    embedded = _current is not None and _current.backend == "embedded"
    return usable_cores() if embedded else 8


def current_session() -> Session | None:
    """Return the session that the client of this process is connected to, or None."""
    return _current


def connect(
    backend: Literal["embedded", "earthengine"] = "embedded",
    *,
    project: str | None = None,
    catalog: str | os.PathLike[str] | None = None,
    sources: Sequence[Source] | None = None,
    store: str | os.PathLike[str] | None = None,
    buckets: Mapping[str, str | os.PathLike[str]] | None = None,
    drive: str | os.PathLike[str] | None = None,
    serve: bool = False,
    port: int = 0,
    url: str | None = None,
    limits: Limits | None = None,
    faults: FaultPlan | None = None,
    high_volume: bool = False,
) -> Session:
    """Connect the official client, and with it xee and geemap, to a backend.

    Parameters
    ----------
    backend : {"embedded", "earthengine"}
        The Earth Engine in a box, in this process, which needs no account; or the real service.
    project : str, optional
        The Cloud project. Needed for the real service, where its default is ``EARTHENGINE_PROJECT`` or the
        one stored with the credentials.
    catalog : path, optional
        A folder made by ``smgee catalog add``: the user's own files under official ids, instead of the
        synthetic basin.
    sources : sequence of smgee.source.Source, optional
        Other providers of assets than the default synthetic basin, for example ``[TwinSource(Basin(...))]``;
        `catalog` comes before them.
    store : path, optional
        Where new assets are written; see `default_store`.
    buckets : mapping of str to path, optional
        Local folders that stand for Cloud Storage buckets (``gs://name/…``).
    drive : path, optional
        The local folder that stands for Google Drive.
    serve : bool
        Answer over loopback HTTP from the start, so that other processes can attach; otherwise that begins
        with the first map, thumbnail or download.
    port : int
        The port to serve on; 0 for any free one.
    url : str, optional
        Attach to an embedded Earth Engine that another process serves, instead of starting one.
    limits, faults : optional
        Other limits than the real service's, and faults to inject.
    high_volume : bool
        Use the real service's high-volume endpoint.

    Returns
    -------
    Session
        Open until closed; a former session of this process is closed first, because the client has one
        connection.
    """
    if backend not in ("embedded", "earthengine"):
        raise InputError(f"The backend {backend!r} is not known; choose 'embedded' or 'earthengine'.")
    global _current
    with _lock:
        if _current is not None:
            _current.close()
        if backend == "earthengine":
            session = _connect_real(project, high_volume)
        elif url is not None:
            session = _attach(url, project or EMBEDDED_PROJECT)
        else:
            session = _connect_embedded(
                project or EMBEDDED_PROJECT,
                catalog=catalog,
                sources=sources,
                store=Path(store) if store is not None else default_store(),
                buckets=buckets,
                drive=drive,
                port=port,
                limits=limits,
                faults=faults,
            )
            if serve:
                session.serve()
        options = _given(
            url=url,
            catalog=_absolute(catalog),
            sources=None if sources is None else tuple(sources),
            store=_absolute(store if store is not None else default_store()),
            buckets=None if buckets is None else {n: _absolute(f) for n, f in buckets.items()},
            drive=_absolute(drive),
            limits=limits,
            high_volume=high_volume,
        )
        session.access = Access(backend, session.project, options)
        _current = session
    return session


def _absolute(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else str(Path(path).expanduser().absolute())


def _given(**options: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((name, value) for name, value in options.items() if value is not None)


def fault_plan(
    rate: float,
    kinds: Sequence[str] = ("429", "500", "503"),
    seed: int = 0,
    *,
    routes: Sequence[str] = (),
    limit: int | None = None,
    large: int = 0,
) -> FaultPlan:
    """Return a plan of faults for `connect`; see `smgee.eelocal.rest.faults`."""
    from smgee.embedded import FaultPlan  # here, since the real service needs none of it

    return FaultPlan(rate, tuple(kinds), seed, tuple(routes), limit, large)


def _connect_embedded(project: str, **options: Any) -> Session:
    """Start an Earth Engine in this process and connect the client to it."""
    from smgee.embedded import open_service  # here, since the real service needs none of it

    service, server, transport = open_service(project, **options)
    metered = Metered(transport)
    _initialize(project, server.url, metered)
    return Session("embedded", project, server.url, service=service, server=server, transport=metered)


def _attach(url: str, project: str) -> Session:
    url = url.rstrip("/")
    if not url.startswith(("http://127.0.0.1:", "http://localhost:", "http://[::1]:")):
        raise InputError(
            f"The URL {url} is not a loopback address; an embedded Earth Engine is served on "
            "http://127.0.0.1:<port> only."
        )
    transport = Metered(HttpTransport(trust_env=False))  # proxies are not for loopback
    try:
        transport.request(
            f"{url}/v1/projects/{project}/config"
        )  # the client would retry a dead address for half a minute
    except (ConnectionError, TimeoutError) as error:
        transport.close()
        raise RemoteError(
            f"Nothing answers at {url}; start it with `smgee serve`, or with smgee.connect(serve=True) in "
            "the other process."
        ) from error
    _initialize(project, url, transport)
    return Session("embedded", project, url, transport=transport)


def _initialize(project: str, url: str, transport: Any) -> None:
    """Point the client at an embedded service, without credentials and without touching the network."""
    from ee import deprecation
    from google.auth.credentials import AnonymousCredentials

    ee.Reset()
    ee.data.setMaxRetries(CLIENT_RETRIES)
    deprecation.deprecated_assets = {
        old: deprecation.DeprecatedAsset(id=old, replacement_id=new, removal_date=None, learn_more_url=None)
        for old, new in DEPRECATED.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        ee.Initialize(AnonymousCredentials(), url=url, project=project, http_transport=transport)


def _connect_real(project: str | None, high_volume: bool) -> Session:
    """Connect the client to the real service.

    Raises
    ------
    RemoteError
        `LoginRequired`, `AccessDenied`, `Outage` and their like, see `smgee.remote.errors`.
    """
    from ee import data

    project = project or os.environ.get("EARTHENGINE_PROJECT")
    url = data.HIGH_VOLUME_API_BASE_URL if high_volume else None
    transport = Metered(HttpTransport())
    ee.Reset()
    data.setMaxRetries(CLIENT_RETRIES)
    try:
        call(lambda: ee.Initialize(project=project, url=url, http_transport=transport), attempts=2)
    except RemoteError as error:
        ee.Reset()
        transport.close()
        if isinstance(error, LoginRequired):
            _check_login()
        raise
    connected = str(project or data._get_state().cloud_api_user_project)
    return Session("earthengine", connected, url, transport=transport)


def _check_login() -> None:
    """Raise what is wrong with the stored login, if there is one: the client says of any failure to renew it,
    an outage too, that there is none.
    """
    from ee import oauth
    from google.auth.transport.requests import Request
    from google.oauth2.credentials import Credentials

    try:
        stored = oauth.get_credentials_arguments()
    except (OSError, ValueError):
        return
    if stored.get("refresh_token"):
        call(lambda: Credentials(None, **stored).refresh(Request()), attempts=1)


@atexit.register
def _close_at_exit() -> None:
    if _current is not None:
        if _current._server is not None:
            _current._server.close()
        if _current.service is not None:
            _current.service.close()
