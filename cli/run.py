"""``smgee run``: a whole study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from smgee.session import Session
    from smgee.study import Study
    from smgee.workflow import RunFolder


def run(
    study: Annotated[Path, typer.Argument(help="Study file (YAML).")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder; runs/NAME of the study if not given.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Do finished steps again.")] = False,
    publish: Annotated[bool, typer.Option(help="Publish the results as assets.")] = True,
) -> None:
    """Run a study from stations to the report; finished steps are not done again."""
    from smgee.study import Study

    content = Study.from_yaml(study)
    execute(content, out or Path("runs") / content.name, force=force, publish=publish)


def execute(study: Study, out: Path, *, force: bool, publish: bool = True) -> None:
    """Run every step of a study and print what came out."""
    from smgee.workflow import STEPS, RunFolder
    from smgee_cli.display import console, run_with_progress
    from smgee_cli.summary import print_summary

    folder = RunFolder(out, study)
    names = [n for n in STEPS if publish or n != "publish"]
    with connected(folder):
        run_with_progress(folder, names, force=force)
    print_summary(folder)
    console.print(f"\nReport: {out / 'report.html'}")


def connected(run: RunFolder) -> Session:
    """Connect to the backend of a run's study; the session is a context manager."""
    import smgee
    from smgee.workflow.publication import embedded_buckets

    b = run.study.backend
    if b.kind == "earthengine":
        return smgee.connect("earthengine", project=b.project)
    return smgee.connect(project=b.project, catalog=b.catalog, buckets=embedded_buckets(run))
