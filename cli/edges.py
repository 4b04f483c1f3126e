"""``smgee edges``: the edges of OPTRAM's trapezoid, fitted to the samples of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from smgee.errors import InputError, MissingDataError
from smgee.predictors import fit_edges
from smgee_cli.display import console

NEEDED = ("NDVI", "STR")


def edges(
    run: Annotated[Path, typer.Argument(help="Run folder of a study with the indices NDVI and STR.")],
    share: Annotated[
        float, typer.Option(min=0.001, max=0.25, help="Share of samples that each edge leaves outside.")
    ] = 0.05,
) -> dict[str, Any]:
    """Fit the edges of dry and of wet ground, which the index OPTRAM lies between, to a run's samples."""
    table = run / "samples.parquet"
    if not table.is_file():
        raise MissingDataError(f"{run} holds no samples; make them with `smgee sample --run {run}`.")
    rows = pd.read_parquet(table)
    lacking = [n for n in NEEDED if n not in rows]
    if lacking:
        raise InputError(
            f"The samples of {run} lack {', '.join(lacking)}; list NDVI and STR among the indices of the "
            "study, and sample again."
        )
    found = fit_edges(rows["NDVI"], rows["STR"], share=share)
    numbers = {key: round(value, 6) for key, value in found.constants().items()}
    console.print("In the study, beside OPTRAM among the names of the indices:")
    console.print(f"  edges: {{{', '.join(f'{k}: {v}' for k, v in numbers.items())}}}", soft_wrap=True)
    return {"edges": numbers, "samples": int(rows[list(NEEDED)].notna().all(axis=1).sum())}
