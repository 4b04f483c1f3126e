"""``smgee explain``: SHAP values of trained models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smgee_cli.train import print_ranking


def explain(
    out: Annotated[
        Path,
        typer.Option("--out", "-o", "--run", "-r", help="Run folder that holds models/, such as runs/NAME."),
    ],
    model: Annotated[str, typer.Option(help="rf, ert, gbdt, xgboost, catboost, 'best' or 'all'.")] = "all",
    rows: Annotated[
        int | None, typer.Option(help="Rows to explain. Default: up to 2,000, fewer for deep forests.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the choice of rows.")] = 0,
) -> None:
    """Explain the trained models of a run by SHAP values, on the rows they were trained on.

    Writes shap/NAME_values.parquet, shap/NAME_ranking.csv, shap/NAME_summary.png, and shap/ranking.csv over
    all.
    """
    from rich.console import Console

    from smgee.explain import explain_run
    from smgee.models import ESTIMATORS

    console = Console()
    with console.status("explaining"):
        explain_run(out, model=model, max_rows=rows, seed=seed)
    done = {
        name: spec.title
        for name, spec in ESTIMATORS.items()
        if (out / "shap" / f"{name}_ranking.csv").is_file()
    }
    print_ranking(console, done, out / "shap")
    console.print(f"Wrote shap/ in {out}", highlight=False)
