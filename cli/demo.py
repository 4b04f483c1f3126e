"""``smgee demo``: the whole main job on the synthetic basin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from smgee.study import Study
from smgee_cli.run import execute_study


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder to write into.")] = Path("runs/demo"),
    force: Annotated[
        bool,
        typer.Option("--force", help="Do finished steps again; take over the folder of another study."),
    ] = False,
) -> dict[str, Any]:
    """Run everything on the synthetic basin: no account, no downloads, a few minutes.

    Ends with report.html in the run folder. Everything it writes says that it is synthetic.
    """
    return execute_study(Study.demo(), out, force=force)
