"""What a finished run or step prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from smgee.models.scores import station_design
from smgee.report.tables import with_interval
from smgee.report.verdicts import verdicts
from smgee.workflow.folder import RunFolder
from smgee_cli.display import console, print_table

# what every entry of the manifest holds, beside the facts of its step
_COMMON = {
    "key",
    "parts",
    "writes",
    "synthetic",
    "started",
    "finished",
    "seconds",
    "peak_memory_mb",
    "spent",
    "by",
}


def print_summary(run: RunFolder) -> None:
    """Print scores, parity, validation and assets of a run."""
    if (run / "scores.csv").exists():
        scores = pd.read_csv(run / "scores.csv")
        scores = scores[scores["design"] == station_design(scores)]  # the others are in the file
        shown = scores[["model", "design", "n"]].assign(**_metrics(scores))
        print_table(shown, title=f"Cross-validation, stations left out{_mark(scores)}")
    for step in ("sample", "train", "compare_routes", "validate", "publish"):
        entry = run.entry(step)
        if entry and (step != "train" or "sentence" in entry):
            print_step(run, step)


def print_step(run: RunFolder, step: str) -> None:
    """Print what a step found."""
    entry = run.entry(step) or {}
    if step == "validate":
        print_validation(run)
        for note in (entry.get("timing"), *(entry.get("notes") or ())):
            if note:
                console.print(note)
    elif "sentence" in entry:
        console.print(f"\n{entry['sentence']}\n")
    elif step == "report":
        console.print(f"{entry['figures']} figures → {run / 'report.html'}")
        for line in entry["absent"]:
            console.print(f"  not in it: {line}")
    elif step == "publish":
        for name in entry.get("assets", []):
            console.print(f"published {name}")
    else:
        console.print(_said(entry))
        console.print("→ " + ", ".join(str(run / name) for name in entry.get("writes", {})))


def print_validation(run: RunFolder) -> None:
    """Print the 36 km validation table."""
    file = run / "validation_36km.csv"
    if file.exists():
        table = pd.read_csv(file)
        names = ["cell"] if table["cell"].nunique() > 1 else []
        shown = table[[*names, "orbit", "reference", "n"]].assign(**_metrics(table))
        print_table(shown, title=f"SMAP 36 km, bias = SMAP − reference, m³/m³{_mark(table)}")
        tables = [
            pd.read_csv(f) if (f := run / name).exists() else None for name in ("gains.csv", "verdicts.csv")
        ]
        for sentence in verdicts(table, *tables):
            console.print(sentence)


def _said(entry: Mapping[str, Any]) -> str:
    facts = {k.replace("_", " "): v for k, v in entry.items() if k not in _COMMON}
    return ", ".join(f"{k} {_value(v)}" for k, v in facts.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_value(v)}" for k, v in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _metrics(table: pd.DataFrame) -> dict[str, list[str] | pd.Series]:
    interval = [with_interval(*v) for v in zip(table["r"], table["r_low"], table["r_high"], strict=True)]
    return {"R [95 %]": interval, "bias": table["bias"], "RMSE": table["rmse"], "ubRMSE": table["ubrmse"]}


def _mark(table: pd.DataFrame) -> str:
    return " (SYNTHETIC basin)" if "synthetic" in table and bool(table["synthetic"].any()) else ""
