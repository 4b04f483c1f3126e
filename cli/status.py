"""``smgee status``: what would run, and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.table import Table

from smgee.study import Study
from smgee.workflow.folder import RunFolder
from smgee.workflow.registry import all_steps
from smgee.workflow.step import Action, plan
from smgee_cli.display import console, print_decisions
from smgee_cli.run import wanted


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
    print_decisions(decisions, targets)
    compared = {
        name: {what: entry[what] for what in ("planned", "measured")}
        for name in all_steps()
        if (entry := folder.entry(name)) is not None and {"planned", "measured"} <= set(entry)
    }
    if compared:
        print_measured(compared)
    open_steps = any(d.action is Action.RUN and d.step.name in targets for d in decisions)
    then = f"smgee run {study or run / 'study.yml'} --out {run}" if open_steps else f"smgee view {run}"
    return {
        "run": str(run),
        "steps": [d.as_dict() for d in decisions],
        "measured": compared,
        "then": then if folder.has_study else f"smgee report --run {run}",
    }


def print_measured(compared: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    """Print what steps cost beside what was planned."""
    table = Table("step", "", "planned", "measured", "ratio", box=SIMPLE, pad_edge=False)
    for name, both in compared.items():
        for what, planned in both["planned"].items():
            measured = both["measured"][what]
            ratio = f"{measured / planned:.2f}" if planned else ""
            table.add_row(name, what.replace("_", " "), f"{planned:,}", f"{measured:,}", ratio)
    console.print(table)
