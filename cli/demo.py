"""``smgee demo``: the whole main job on the synthetic basin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder to write into.")] = Path("runs/demo"),
    force: Annotated[bool, typer.Option("--force", help="Do finished steps again.")] = False,
) -> None:
    """Run everything on the synthetic basin: no account, no downloads, a few minutes.

    Ends with report.html in the run folder. Everything it writes says that it is synthetic.
    """
    from smgee.errors import InputError
    from smgee.study import Study
    from smgee_cli.run import execute

    study = Study.demo()
    if (out / "study.yml").exists() and Study.from_yaml(out / "study.yml").name != study.name:
        raise InputError(
            f"{out} holds the run of another study; give the demo a folder of its own with --out."
        )
    execute(study, out, force=force)
