"""What a finished run prints."""

from __future__ import annotations

import pandas as pd

from smgee.workflow import RunFolder
from smgee.workflow.pages import NO_36KM, verdicts
from smgee_cli.display import console, print_table


def print_summary(run: RunFolder) -> None:
    """Print scores, parity, validation and assets of a run."""
    steps = run.manifest["steps"]
    if (run / "scores.csv").exists():
        scores = pd.read_csv(run / "scores.csv")
        shown = scores[["model", "design", "n"]].assign(**_metrics(scores))
        print_table(shown, title=f"Cross-validation, random beside leave-station-out{_mark(scores)}")
    if "predict" in steps:
        console.print(f"\n{steps['predict']['parity_sentence']}\n")
    print_validation(run)
    for name in steps.get("publish", {}).get("assets", []):
        console.print(f"published {name}")


def print_validation(run: RunFolder) -> None:
    """Print the 36 km validation table."""
    file = run / "validation_36km.csv"
    if file.exists():
        table = pd.read_csv(file)
        if table.empty:
            console.print(NO_36KM)
            return
        shown = table[["orbit", "reference", "n"]].assign(**_metrics(table))
        print_table(shown, title=f"SMAP 36 km, bias = SMAP − reference, m³/m³{_mark(table)}")
        for sentence in verdicts(table):
            console.print(sentence)


def _metrics(table: pd.DataFrame) -> dict[str, list[str] | pd.Series]:
    interval = [
        f"{r:.3f} [{low:.2f}, {high:.2f}]" if low == low else f"{r:.3f} (too few for an interval)"
        for r, low, high in zip(table["r"], table["r_low"], table["r_high"], strict=True)
    ]
    return {"R [95 %]": interval, "bias": table["bias"], "RMSE": table["rmse"], "ubRMSE": table["ubrmse"]}


def _mark(table: pd.DataFrame) -> str:
    return " (SYNTHETIC basin)" if "synthetic" in table and bool(table["synthetic"].any()) else ""
