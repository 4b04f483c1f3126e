"""`smgee serve`: the embedded Earth Engine over loopback HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smgee.errors import InputError
from smgee.session import connect, fault_plan
from smgee_cli.serving import stop_on_signals


def serve(
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1; 0 for any free one.")] = 8085,
    catalog: Annotated[
        Path | None, typer.Option("--catalog", "-c", help="A catalog folder, instead of the synthetic basin.")
    ] = None,
    store: Annotated[Path | None, typer.Option(help="Where new assets are kept.")] = None,
    project: Annotated[
        str | None, typer.Option(help="The Cloud project that the session pretends to use.")
    ] = None,
    bucket: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FOLDER: a folder that stands for gs://NAME; repeat for more."),
    ] = None,
    drive: Annotated[Path | None, typer.Option(help="The folder that stands for Google Drive.")] = None,
    fault_rate: Annotated[float, typer.Option(help="The share of requests that fail, for tests.")] = 0.0,
    fault_kinds: Annotated[str, typer.Option(help="Which faults, separated by commas.")] = "429,500,503",
    seed: Annotated[int, typer.Option(help="The seed of the faults.")] = 0,
) -> None:
    """Serve the embedded Earth Engine to this machine's other processes until interrupted."""
    buckets = {}
    for item in bucket or []:
        name, equals, folder = item.partition("=")
        if not equals or not name or not folder:
            raise InputError(f"The bucket {item!r} is not of the form NAME=FOLDER.")
        buckets[name] = folder
    faults = fault_plan(fault_rate, [k.strip() for k in fault_kinds.split(",")], seed) if fault_rate else None
    with connect(
        "embedded",
        project=project,
        catalog=catalog,
        store=store,
        buckets=buckets,
        drive=drive,
        port=port,
        faults=faults,
    ) as session:
        url = session.serve()
        typer.echo(f"Earth Engine in a box at {url}, project {session.project}; stop it with Ctrl-C.")
        typer.echo(f'Attach from Python: smgee.connect("embedded", url="{url}")')
        stop_on_signals()
        session.wait()
