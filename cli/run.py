"""``smgee run``: a whole study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from smgee.study import Study
from smgee.workflow.folder import RunFolder
from smgee.workflow.registry import STEPS
from smgee_cli.display import console, run_with_progress
from smgee_cli.summary import print_summary

__all__ = ["execute_study", "run", "wanted"]


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
) -> dict[str, Any]:
    """Run a study from stations to the report; finished steps are not done again."""
    content = Study.from_yaml(study)
    return execute_study(content, out or Path("runs") / content.name, force=force, publish=publish)


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
    """Return the steps of a whole run: all, but for publishing where nobody asked for it."""
    if publish is None:
        publish = folder.study.publish.enabled
    if publish is None:
        publish = folder.study.backend.kind == "embedded"
    return [name for name in STEPS if publish or name != "publish"]
