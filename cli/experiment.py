"""`smgee experiment`: networks tried on the synthetic basin, where the truth is known."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from smgee.errors import InputError
from smgee.experiment import power_curve, power_table, run_trials, sentences, summarize, trials
from smgee.experiment.networks import SCENARIOS
from smgee.report.experiment_figure import experiment_figure
from smgee.schemas import EXPERIMENT, EXPERIMENT_CURVE, EXPERIMENT_POWER, EXPERIMENT_SUMMARY
from smgee.tables import Provenance, write_table
from smgee_cli.display import console


def experiment(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write into.")] = Path("runs/experiment"),
    seeds: Annotated[int, typer.Option(help="Seeds of places, probes and SMAP's errors.")] = 8,
    years: Annotated[str, typer.Option(help="Seasons, separated by commas.")] = "2021,2022,2023",
    networks: Annotated[
        str, typer.Option(help=f"Networks, separated by commas: {', '.join(SCENARIOS)}.")
    ] = ",".join(SCENARIOS),
) -> dict[str, Any]:
    """Try networks on the synthetic basin: when does upscaling beat averaging, and do the tests say so?

    Every trial is stored at once; the same command goes on where it was interrupted, and more seeds add to
    those that are there.
    """
    wanted = trials(years=_years(years), seeds=seeds, scenarios=[n.strip() for n in networks.split(",")])
    with Progress(transient=True, disable=not sys.stdout.isatty()) as bar:
        task = bar.add_task(f"{len(wanted)} trials", total=1.0)
        found = run_trials(wanted, out, progress=lambda share: bar.update(task, completed=share))
    summary, power, curve = summarize(found), power_table(found), power_curve(found)
    provenance = Provenance(synthetic=True, made_by="smgee experiment")
    for frame, name, schema in (
        (found, "experiment.parquet", EXPERIMENT),
        (summary, "experiment_summary.csv", EXPERIMENT_SUMMARY),
        (power, "experiment_power.csv", EXPERIMENT_POWER),
        (curve, "experiment_curve.csv", EXPERIMENT_CURVE),
    ):
        write_table(frame, out / name, schema=schema, provenance=provenance)
    experiment_figure(summary, power, curve, out / "experiment.png")
    said = sentences(summary, power)
    for line in said:
        console.print(line)
    console.print(
        f"→ {out / 'experiment_summary.csv'}, {out / 'experiment_power.csv'}, {out / 'experiment.png'}"
    )
    return {"out": str(out), "trials": len(wanted), "sentences": said}


def _years(text: str) -> list[int]:
    try:
        return [int(y) for y in text.split(",")]
    except ValueError:
        raise InputError(f"--years {text} is no list of years; give such as 2021,2022.") from None
