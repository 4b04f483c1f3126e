"""``smgee run``: a whole study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from smgee.study import Study
from smgee.workflow.folder import RunFolder
from smgee.workflow.planning import plan_study
from smgee.workflow.registry import WHOLE, all_steps
from smgee.workflow.step import plan
from smgee_cli.display import console, print_decisions, run_with_progress
from smgee_cli.plan import print_plan
from smgee_cli.summary import print_summary


def run(
    study: Annotated[Path, typer.Argument(help="Study file (YAML).")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder; runs/NAME of the study if not given.")
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Do finished steps again; take over the folder of another study."),
    ] = False,
    publish: Annotated[
        bool | None,
        typer.Option(
            "--publish/--no-publish",
            help="Publish the results as assets, after the report. By default as the study says, and where "
            "it says nothing on the embedded backend only.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say which steps would run and what the maps cost; do nothing."),
    ] = False,
) -> dict[str, Any]:
    """Run a study from stations to the report; finished steps are not done again."""
    content = Study.from_yaml(study)
    given, out = f" --out {out}" if out else "", out or Path("runs") / content.name
    if dry_run:
        found = _dry(content, out, force=force, publish=publish)
        return found | {"then": f"smgee run {study}{given}"}
    return execute_study(content, out, force=force, publish=publish) | {"then": f"smgee view {out}"}


def _dry(study: Study, out: Path, *, force: bool, publish: bool | None) -> dict[str, Any]:
    """Print what a run would do, and its plan."""
    folder = RunFolder(out, study, force=force)
    decisions = plan(all_steps().values(), folder, wanted(folder, publish), force=force)
    print_decisions(decisions)
    with console.status("counting requests"):
        planned = plan_study(study, run=folder)
    print_plan(planned)
    return {"run": str(out), "steps": [d.as_dict() for d in decisions], "plan": planned.as_dict()}


def execute_study(
    study: Study, out: Path, *, force: bool = False, publish: bool | None = None
) -> dict[str, Any]:
    """Run the steps of a study and print what came out."""
    folder = RunFolder(out, study, force=force)
    steps = run_with_progress(folder, wanted(folder, publish), force=force)
    print_summary(folder)
    console.print(f"\nReport: {out / 'report.html'}")
    return {"run": str(out), "report": str(out / "report.html"), "steps": steps}


def wanted(folder: RunFolder, publish: bool | None) -> list[str]:
    """Return the steps of a whole run: all, but for exports, and publishing where nobody asked for it."""
    if publish is None:
        publish = folder.study.publish.enabled
    if publish is None:
        publish = folder.study.backend.kind == "embedded"
    return [name for name in WHOLE if publish or name != "publish"]
