"""``smgee endmembers``: the purest spectra of a study's scenes, as a file for the family unmixing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import smgee
from smgee.endmembers import find_endmembers, write_endmembers
from smgee.study import Study
from smgee_cli.display import console


def endmembers(
    study: Annotated[Path, typer.Argument(help="Study file (YAML): area, period, composites, backend.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="CSV file to write.")],
    count: Annotated[int, typer.Option(min=2, max=6, help="Endmembers to find, besides shade.")] = 3,
    pixels: Annotated[int, typer.Option(min=20, help="Pixels to sample, every 30 days.")] = 300,
    shade: Annotated[bool, typer.Option(help="Whether shade is among what pixels are mixed of.")] = True,
    seed: Annotated[int, typer.Option(help="Of the pixels, and of the search.")] = 0,
) -> dict[str, Any]:
    """Find the purest spectra of a study's scenes, to unmix the others into."""
    content = Study.from_yaml(study)
    backend = content.backend
    given: dict[str, Any] = {} if backend.kind == "earthengine" else {"catalog": backend.catalog}
    with smgee.connect(backend.kind, project=backend.project, **given):
        found = find_endmembers(content, count, pixels=pixels, shade=shade, seed=seed)
    write_endmembers(found, out)
    for name, spectrum in found.items():
        console.print(f"{name}: {', '.join(f'{role} {value:.3f}' for role, value in spectrum.items())}")
    console.print(f"→ {out}; in the study: kind: unmixing, endmembers: {out.name}")
    return {"file": str(out), "endmembers": dict(found)}
