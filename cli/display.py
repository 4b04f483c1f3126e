"""What commands print: progress of steps, times, and tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from smgee.workflow import STEPS, RunFolder, run_steps

__all__ = ["console", "print_table", "run_with_progress"]

console = Console(highlight=False)


def run_with_progress(
    run: RunFolder,
    names: Sequence[str],
    *,
    force: bool = False,
    options: dict[str, dict[str, Any]] | None = None,
) -> None:
    """Run steps under progress bars, and print the time of each at the end."""
    took: dict[str, tuple[float, int, bool]] = {}
    bars = (
        TextColumn("{task.description:<18}"),
        BarColumn(bar_width=34),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*bars, console=console, transient=False) as progress:
        tasks: dict[str, Any] = {}

        def start(name: str, title: str) -> None:
            tasks[name] = progress.add_task(title, total=1.0)

        def done(name: str, entry: dict[str, Any], skipped: bool) -> None:
            progress.update(
                tasks[name], completed=1.0, description=STEPS[name][0] + (" (done)" if skipped else "")
            )
            if not console.is_terminal:  # bars are drawn there only when all is over
                console.print(
                    f"{STEPS[name][0]}: " + ("done before" if skipped else f"{entry['seconds']:.1f} s")
                )
            took[name] = (float(entry["seconds"]), int(entry["peak_memory_mb"]), skipped)

        run_steps(
            run,
            names,
            force=force,
            options=options,
            on_start=start,
            on_done=done,
            on_progress=lambda name, share: progress.update(tasks[name], completed=min(share, 1.0)),
        )
    if len(took) > 1:
        table = Table("step", "seconds", "peak memory, MB", title="Time by step", title_justify="left")
        for name, (seconds, peak, skipped) in took.items():
            table.add_row(STEPS[name][0], "done before" if skipped else f"{seconds:.1f}", f"{peak:,}")
        table.add_row(
            "all",
            f"{sum(s for s, _, skipped in took.values() if not skipped):.1f}",
            f"{max(p for _, p, _ in took.values()):,}",
        )
        console.print(table)


def print_table(frame: pd.DataFrame, *, title: str) -> None:
    """Print a data frame, floats with three decimals."""
    table = Table(*map(str, frame.columns), title=title, title_justify="left")
    for row in frame.itertuples(index=False):
        table.add_row(*(("" if pd.isna(v) else f"{v:.3f}") if isinstance(v, float) else str(v) for v in row))
    console.print(table)
