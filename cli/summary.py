"""What a finished run prints."""

from __future__ import annotations

import pandas as pd

from smgee.workflow import RunFolder
from smgee_cli.display import console, print_table


def print_summary(run: RunFolder) -> None:
    """Print scores, parity, validation and assets of a run."""
    steps = run.manifest["steps"]
    if (run / "scores.csv").exists():
        scores = pd.read_csv(run / "scores.csv")
        print_table(
            scores,
            title="Cross-validation (random beside leave-station-out)",
            columns=["model", "design", "n", "r", "r_low", "r_high", "bias", "rmse", "ubrmse"],
        )
    if "predict" in steps:
        console.print(f"\n{steps['predict']['parity_sentence']}\n")
    print_validation(run)
    for name in steps.get("publish", {}).get("assets", []):
        console.print(f"published {name}")


def print_validation(run: RunFolder) -> None:
    """Print the 36 km validation table."""
    file = run / "validation_36km.csv"
    if file.exists():
        print_table(
            pd.read_csv(file), title="SMAP 36 km (bias = SMAP − reference, m³/m³)",
            columns=["cell", "orbit", "reference", "n", "r", "r_low", "r_high", "bias", "rmse", "ubrmse"],
        )  # fmt: skip
