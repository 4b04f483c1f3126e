"""The viewer: one page on a finished run, served to this machine alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

from smgee.errors import InputError, MissingDataError, SmgeeError, UnsupportedError
from smgee.loopback import LoopbackHttp, is_loopback
from smgee.maps.content import RunContent
from smgee.maps.earth import EarthLayers
from smgee.maps.tiles import draw_tile
from smgee.session import current_session
from smgee.workflow.connection import connected
from smgee.workflow.folder import RunFolder

_STATIC = Path(__file__).parent / "static"
_FILES = {
    "viewer.js": "text/javascript",
    "chart.js": "text/javascript",
    "viewer.css": "text/css",
    "leaflet/leaflet.js": "text/javascript",
    "leaflet/leaflet.css": "text/css",
}
_NO_DAY = "all"


class Viewer:
    """A finished run as a page of maps; a context manager.

    Parameters
    ----------
    run : path-like or RunFolder
        The run folder; nothing is written into it.
    port : int
        On the loopback address; 0 for any free one.
    earth : bool
        Whether Earth Engine draws composites, predictors and the map too. It is connected to as the study
        says when the first such layer is wanted; a session of this process is taken as it is.

    Examples
    --------
    >>> with Viewer("runs/demo") as viewer:  # doctest: +SKIP
    ...     print(viewer.url)
    """

    def __init__(self, run: str | Path | RunFolder, *, port: int = 0, earth: bool = True):
        self.content = RunContent(run if isinstance(run, RunFolder) else RunFolder(run))
        self._earth: EarthLayers | None = None
        self._why_not = "" if earth else "Earth Engine was not asked for."
        self._turn = threading.RLock()
        self._open = ExitStack()
        self._http = LoopbackHttp(lambda: _app(self), port=port)

    @property
    def url(self) -> str:
        """Where the page is."""
        return self._http.url

    @property
    def earth(self) -> EarthLayers | None:
        """The layers that Earth Engine draws; None where it cannot be connected to, see `why_not`."""
        with self._turn:
            if self._earth is None and not self._why_not:
                try:
                    if current_session() is None:
                        self._open.enter_context(connected(self.content.run))
                    self._earth = EarthLayers(self.content)
                except SmgeeError as error:
                    self._why_not = str(error)
            return self._earth

    @property
    def why_not(self) -> str:
        """Why there is no Earth Engine; empty where there is."""
        return self._why_not

    def start(self) -> Viewer:
        """Serve in the background."""
        self._http.start()
        return self

    def run(self) -> None:
        """Serve until interrupted."""
        try:
            self._http.run()
        except KeyboardInterrupt:
            return

    def close(self) -> None:
        """Stop serving, and end the session that was opened."""
        self._http.close()
        self._open.close()

    def __enter__(self) -> Viewer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------------ what the page asks for

    def earth_told(self) -> dict[str, Any]:
        """Return the layers that Earth Engine draws, and who that is."""
        earth = self.earth
        layers = [] if earth is None else [layer.told() for layer in earth.layers.values()]
        name = "" if earth is None else _named(self.content)
        return {"layers": layers, "name": name, "why_not": self.why_not}

    def tiles_of(self, name: str, day: date) -> str:
        """Return the address of a layer's tiles on a day, with {z}, {x} and {y} in it."""
        own = self.content.layers.get(name)
        if own is not None:
            when = self.content.day_of(name, day).isoformat() if own.daily else _NO_DAY
            return f"{self.url}/tiles/{quote(name)}/{when}/{{z}}/{{x}}/{{y}}.png"
        if self.earth is None:
            raise UnsupportedError(f"The layer {name!r:.60} is drawn by Earth Engine. {self.why_not}")
        with self._turn:
            return self.earth.url(name, day)

    def tile(self, name: str, day: str, tile: tuple[int, int, int]) -> bytes:
        """Return a tile of a map of the run, PNG."""
        layer = self.content.layers.get(name)
        if layer is None or layer.look is None:
            raise InputError(
                f"The run has no map {name!r:.60}; choose from {', '.join(self.content.layers)}."
            )
        at = self.content.day(day) if layer.daily else None
        with self._turn:
            pyramid = self.content.pyramid(name, at)
            return draw_tile(pyramid, self.content.grid, layer.look, tile)


def _named(content: RunContent) -> str:
    embedded = content.study.backend.kind == "embedded"
    return "the embedded Earth Engine" if embedded else "Earth Engine"


def allowed(host: str, origin: str | None, url: str) -> bool:
    """Whether a request may be answered: this machine's own pages only.

    A page that the user happens to visit elsewhere must learn nothing of the run, not by a name that resolves
    here either; programs and tiles in notebooks send no origin.
    """
    return is_loopback(host) and (origin is None or urlsplit(origin).netloc == urlsplit(url).netloc)


def _app(viewer: Viewer) -> Any:
    """Return the ASGI application."""
    from anyio.to_thread import run_sync
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    embedded = viewer.content.study.backend.kind == "embedded"
    pictures = "http://127.0.0.1:*" if embedded else "https://earthengine.googleapis.com http://127.0.0.1:*"
    headers = {
        "content-security-policy": f"default-src 'self'; img-src 'self' data: {pictures}; style-src 'self'; "
        "frame-ancestors 'none'",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }

    def answering(make: Callable[[Request], tuple[bytes, str]], *, keep: bool = False) -> Any:
        async def answer(request: Request) -> Response:
            host = request.headers.get("host", "")
            if not allowed(host, request.headers.get("origin"), f"http://{host}"):
                return Response("This page answers to this machine alone.", status_code=403)
            try:
                # a server that stops does not wait for the answer
                body, kind = await run_sync(make, request, abandon_on_cancel=True)
            except SmgeeError as error:
                status = 404 if isinstance(error, InputError | MissingDataError) else 502
                body, kind = _json({"error": str(error)})
                return Response(body, status_code=status, media_type=kind, headers=headers)
            cache = {"cache-control": "max-age=600" if keep else "no-store"}
            return Response(body, media_type=kind, headers={**headers, **cache})

        return answer

    def page(request: Request) -> tuple[bytes, str]:
        return (_STATIC / "viewer.html").read_bytes(), "text/html"

    def file(request: Request) -> tuple[bytes, str]:
        name = request.path_params["name"]
        if name not in _FILES:
            raise InputError(f"There is no file {name!r:.60}.")
        return (_STATIC / name).read_bytes(), _FILES[name]

    def tile(request: Request) -> tuple[bytes, str]:
        p = request.path_params
        return viewer.tile(p["layer"], p["day"], (p["z"], p["x"], p["y"])), "image/png"

    def day_of(request: Request) -> date:
        return viewer.content.day(request.query_params.get("day", ""))

    def layer(request: Request) -> tuple[bytes, str]:
        name, day = request.query_params.get("name", ""), day_of(request)
        shown = viewer.content.day_of(name, day) if name in viewer.content.layers else day
        return _json({"url": viewer.tiles_of(name, day), "day": shown.isoformat()})

    routes: dict[str, tuple[Callable[[Request], tuple[bytes, str]], bool]] = {
        "/": (page, False),
        "/static/{name:path}": (file, True),
        "/run.json": (lambda request: _json(viewer.content.told()), False),
        "/earth.json": (lambda request: _json(viewer.earth_told()), False),
        "/layer.json": (layer, False),
        "/stations.json": (lambda request: _json(viewer.content.stations_on(day_of(request))), True),
        "/cells.json": (lambda request: _json(viewer.content.cells_on(day_of(request))), True),
        "/series.json": (lambda request: _json(viewer.content.series(*_place(request))), True),
        "/tiles/{layer}/{day}/{z:int}/{x:int}/{y:int}.png": (tile, True),
    }
    return Starlette(
        routes=[Route(path, answering(make, keep=keep)) for path, (make, keep) in routes.items()],
    )


def _place(request: Any) -> tuple[float, float]:
    try:
        lon, lat = (float(request.query_params[name]) for name in ("lon", "lat"))
    except (KeyError, ValueError):
        raise InputError("A place is two numbers, lon and lat, in degrees.") from None
    if not (-180 <= lon <= 180 and -85 <= lat <= 85):
        raise InputError(f"Longitude {lon:g}, latitude {lat:g} is no place on the map.")
    return lon, lat


def _json(content: Any) -> tuple[bytes, str]:
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode(), "application/json"
