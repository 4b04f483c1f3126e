"""``smgee train --table``: state and place, chosen inside folds, with a certificate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.box import SIMPLE
from rich.table import Table

from smgee.explain import explain_models
from smgee.models import DESIGNS, HOLDOUTS, Candidate, Effort, NetworkTable, train_run
from smgee.models.scores import station_design
from smgee_cli.display import console


def train_network(
    table: NetworkTable,
    out: Path,
    *,
    families: Sequence[str | Candidate],
    designs: list[str] | None,
    folds: int,
    trials: int,
    minutes: float,
    seed: int,
    jobs: int | None,
    explain: str,
) -> list[str]:
    """Train, save, and print the scores and the certificate; returns what was written."""
    left = ", ".join(f"{count} {why}" for why, count in table.dropped.items())
    console.print(
        f"{int(table.scored.sum())} rows of {len(table.scored_names)} stations, "
        f"{str(table.times.min())[:10]} to {str(table.times.max())[:10]}"
        f"{f'; not scored: {left}' if left else ''}"
        f"{' (synthetic)' if table.synthetic else ''}"
    )
    with console.status("choosing inside the folds") as status:
        result = train_run(
            table,
            families=families,
            designs=designs or tuple(HOLDOUTS),
            folds=folds,
            effort=Effort(trials=trials),
            seed=seed,
            minutes=minutes,
            storage=out / "tuning",
            n_jobs=jobs,
            report=lambda what: status.update(f"done: {what}"),
        )
    result.save(out)
    for note in result.notes:
        console.print(note)
    print_scores(result.scores, synthetic=table.synthetic)
    console.print(str(result.certificate["words"]))
    short = _short_of(result.certificate, trials)
    if short:
        console.print(short)
    written = ["scores.csv", "certificate.json", "models/"]
    model = result.models["deployed"]
    if explain != "none" and model.ensemble.depth > 0:
        with console.status("explaining"):
            explain_models({"deployed": model}, result.training, out / "shap", folds=result.folds, seed=seed)
        written.append("shap/")
    console.print(f"Wrote {', '.join(written)} in {out} ({result.seconds:.0f} s).")
    return written


def print_scores(scores: pd.DataFrame, *, synthetic: bool) -> None:
    """Print what is scored at stations left out in full, the other designs by skill."""
    judged = station_design(scores)
    shown = Table(box=SIMPLE, padding=0, title=_titled(judged))
    for column in ("model", "R", "RMSE", "skill", "level R", "dyn. R"):
        shown.add_column(column, no_wrap=True)
    for _, row in scores[scores["design"] == judged].iterrows():
        shown.add_row(
            str(row["model"]),
            f"{row['r']:.3f} [dim]{row['r_low']:.2f}–{row['r_high']:.2f}[/dim]",
            f"{row['rmse']:.4f}",
            f"{row['skill']:+.3f} [dim]{row['skill_low']:+.2f}–{row['skill_high']:+.2f}[/dim]",
            _two(row["level_r"]),
            _two(row["dynamics_r"]),
        )
    console.print(shown)
    others = [d for d in dict.fromkeys(scores["design"]) if d != judged]
    if others:
        table = Table(box=SIMPLE, padding=0, title="R (and skill over the network mean) by design")
        table.add_column("model", no_wrap=True)
        for design in others:
            table.add_column(design, no_wrap=True)
        for model, part in scores[scores["design"] != judged].groupby("model", sort=False):
            by = part.set_index("design")
            cells = [
                f"{by.loc[d, 'r']:.2f} ({by.loc[d, 'skill']:+.2f})" if d in by.index else "" for d in others
            ]
            table.add_row(str(model), *cells)
        console.print(table)
        console.print("; ".join(f"{d}: {_titled(d).lower()}" for d in others))
    console.print(
        f"{'Synthetic data. ' if synthetic else ''}RMSE in m³/m³; brackets: 95 % over stations; "
        "skill = 1 − MSE/MSE(network mean). All figures: scores.csv."
    )


def _titled(design: str) -> str:
    """What a design holds out, in words."""
    title = HOLDOUTS[design].title if design in HOLDOUTS else DESIGNS[design].title
    return title[0].upper() + title[1:]


def _two(value: float) -> str:
    return "–" if value != value else f"{value:.2f}"


def _short_of(certificate: dict[str, Any], trials: int) -> str:
    """Say how many settings were tried where the time was up before all were."""
    # settings that stand fixed were not searched for
    tried: dict[tuple[str, str], int] = {}
    for fold, choice in certificate["chosen_inside"].items():
        for name, member in choice["members"].items():
            if member["trials"]:
                key = fold, name.split()[0]
                tried[key] = tried.get(key, 0) + member["trials"]
    made = list(tried.values())
    if made and trials > 1 and min(made) < trials - 1:
        return (
            f"The time was up: {min(made)} to {max(made)} settings were tried per model and fold instead of "
            f"{trials}; give more --minutes to try all."
        )
    return ""
