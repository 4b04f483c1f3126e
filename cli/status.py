"""``smgee status``: what would run, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.table import Table

from smgee.study import Study
from smgee.workflow.folder import RunFolder
from smgee.workflow.registry import all_steps
from smgee.workflow.step import plan
from smgee_cli.display import console
from smgee_cli.run import wanted

STYLES = {"run": "yellow", "may run": "yellow", "keep": "green", "leave out": "dim", "cannot run": "red"}


def status(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    study: Annotated[
        Path | None, typer.Option("--study", "-s", help="As if it were run with this study (YAML).")
    ] = None,
) -> dict[str, Any]:
    """Say of each step whether `smgee run` would do it, and why; nothing is changed."""
    folder = RunFolder(run, Study.from_yaml(study) if study is not None else None)
    decisions = plan(all_steps().values(), folder)
    folder.fingerprints.save()
    targets = wanted(folder, None) if folder.has_study else list(all_steps())
    table = Table("step", "", "why", box=SIMPLE, pad_edge=False)
    for d in decisions:
        reason = d.reason if d.step.name in targets else f"{d.reason}; not asked for by the study"
        table.add_row(d.step.name, f"[{STYLES[d.action]}]{d.action}[/]", reason)
    console.print(table)
    return {"run": str(run), "steps": [d.as_dict() for d in decisions]}
