"""`smgee verify`: published assets against their cards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from smgee.cards import verify as recheck
from smgee.errors import ParityError
from smgee.session import connect
from smgee.study import Study
from smgee_cli.display import console


def verify(
    asset: Annotated[str, typer.Argument(help="projects/…/assets/…, an asset or a folder of them.")],
    study: Annotated[
        Path | None, typer.Option("--study", "-s", help="A study file, whose backend is asked.")
    ] = None,
    backend: Annotated[
        Literal["embedded", "earthengine"], typer.Option(help="Where it is, without a study.")
    ] = "embedded",
    project: Annotated[str | None, typer.Option(help="Google Cloud project, without a study.")] = None,
) -> dict[str, Any]:
    """Recheck published assets against their cards: every property, and the pixels, stations or trees.

    Ends with exit code 5 when one is not what was published.
    """
    content = Study.from_yaml(study) if study is not None else None
    kind = content.backend.kind if content is not None else backend
    project = content.backend.project if content is not None else project
    with connect(kind, project=project):
        checks = recheck(asset)
    for check in checks:
        mark = {True: "holds", False: "DIFFERS", None: "unknown"}[check.holds]
        console.print(f"{mark:<8} {check.what:<8} {check.asset}: {check.said}")
    wrong = [c for c in checks if c.holds is False]
    if wrong:
        raise ParityError(f"{wrong[0].asset} is not what its card says: {wrong[0].said}.")
    return {"asset": asset, "checks": [vars(c) for c in checks]}
