"""The steps of a run as commands of their own, made from the registry."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from smgee.workflow.folder import RunFolder
from smgee.workflow.registry import STEPS, command_of, load_step
from smgee_cli.display import run_with_progress
from smgee_cli.summary import print_step

RunOption = Annotated[Path, typer.Option("--run", "-r", "--out", "-o", help="Run folder.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Do the step again even if it is done.")]


def command_for(name: str) -> Callable[..., Any]:
    """Return the function of a step's command, with the step's options."""
    step = load_step(name)

    def call(run: Path, force: bool = False, **options: Any) -> dict[str, Any]:
        folder = RunFolder(run)
        given = {k: v for k, v in options.items() if v is not None}
        found = run_with_progress(folder, [name], force=force, options={name: given})
        print_step(folder, name)
        return found[0]

    parameters = [
        inspect.Parameter("run", inspect.Parameter.KEYWORD_ONLY, annotation=RunOption),
        *(
            inspect.Parameter(
                o.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[
                    o.type | None, typer.Option("--" + o.name.replace("_", "-"), help=o.help)
                ],
            )
            for o in step.options
        ),
        inspect.Parameter("force", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=ForceOption),
    ]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in parameters}
    call.__name__ = command_of(name)
    call.__doc__ = STEPS[name]
    return call
