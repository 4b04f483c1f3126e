"""`smgee view`: a finished run as one page of maps."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

from smgee.maps import Viewer
from smgee_cli.serving import stop_on_signals


def view(
    run: Annotated[Path, typer.Argument(help="Run folder with maps.")],
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1; 0 for any free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    earth: Annotated[
        bool, typer.Option(help="Let Earth Engine draw composites, predictors and the map too.")
    ] = True,
) -> dict[str, Any]:
    """Look at a finished run: maps by day, stations, cells, SMAP, and the series of any place.

    Serves one page to this machine until interrupted; writes nothing into the run.
    """
    viewer = Viewer(run, port=port, earth=earth).start()
    try:
        typer.echo(f"The maps of {run} at {viewer.url}; stop with Ctrl-C.")
        stop_on_signals()
        if browser:
            webbrowser.open(viewer.url)
        viewer.run()
    finally:
        viewer.close()
    return {"url": viewer.url}
