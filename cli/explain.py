"""``smgee explain``: SHAP values of trained models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smgee_cli.train import print_ranking, split_names


def explain(
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder that holds models/, such as runs/NAME.")],
    models: Annotated[list[str] | None, typer.Option(help="Names by commas or repeated, 'best', or 'all'. Default: all.")] = None,
    rows: Annotated[int | None, typer.Option(help="Rows to explain. Default: up to 2,000, fewer for deep forests.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the choice of rows.")] = 0,
) -> None:
    """Explain the trained models of a run: SHAP values, ranking and a summary figure for each.

    Writes shap/NAME_values.parquet, shap/NAME_ranking.csv, shap/NAME_summary.png, and shap/ranking.csv over all.
    """
    from rich.console import Console

    from smgee.explain import explain_models
    from smgee.models import TrainingTable, list_models, load_model

    console = Console()
    names, best = list_models(out / "models")
    wanted = [name.lower() for name in split_names(models) or ["all"]]
    chosen = names if wanted == ["all"] else [best if name == "best" else name for name in wanted]
    loaded = {model.name: model for model in (load_model(out / "models", name) for name in chosen)}
    table = TrainingTable.read(out / "models" / "training.parquet")
    with console.status("explaining"):
        explained = explain_models(loaded, table, out / "shap", max_rows=rows, seed=seed)
    print_ranking(console, {name: e.title for name, e in explained.items()}, out / "shap")
    for e in explained.values():
        console.print(f"{e.title}: {len(e.rows)} of {len(table)} rows explained", highlight=False)
    console.print(f"Wrote shap/ in {out}", highlight=False)
